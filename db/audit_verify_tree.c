#include "db/audit_verify_tree.h"

#include <string.h>

typedef struct {
    const KlAuditShown *shown;
    gpointer data;
    guint64 n; /* of the next event; 0: none */
    guint8 leaf[KL_HASH_SIZE];
} Walk;

/* As deep as n has bits. */
static gboolean
root_over(Walk *walk, guint64 a, guint64 b, guint8 root[KL_HASH_SIZE])
{
    guint8 right[KL_HASH_SIZE];
    if (walk->n == 0 || walk->n >= b)
        return walk->shown->hidden(walk->data, root);
    if (b == a + 1) {
        memcpy(root, walk->leaf, KL_HASH_SIZE);
        walk->n = walk->shown->event(walk->data, walk->leaf);
        return TRUE;
    }
    guint64 k = G_GUINT64_CONSTANT(1) << (63 - __builtin_clzll(b - a - 1));
    if (!root_over(walk, a, a + k, root) || !root_over(walk, a + k, b, right))
        return FALSE;
    kl_audit_node(root, right, root);
    return TRUE;
}

gboolean
kl_audit_shown_root(guint64 n, const KlAuditShown *shown, gpointer data, guint8 root[KL_HASH_SIZE])
{
    Walk walk = {.shown = shown, .data = data};
    walk.n = shown->event(data, walk.leaf);
    return root_over(&walk, 1, n + 1, root);
}
