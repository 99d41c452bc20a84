#include "db/audit_hidden.h"

#include <string.h>

#include "station/error.h"

typedef struct {
    const KlAuditWalk *calls;
    gpointer data;
    const KlAuditFrontier *pruned;
    guint64 next; /* the next selected n; 0: none any more */
} Walk;

/* Where a range splits: the largest power of two below its length. */
static guint64
half_of(guint64 length)
{
    return G_GUINT64_CONSTANT(1) << (63 - __builtin_clzll(length - 1));
}

/* The root over pruned leaves a to b - 1: all of them, or one of the perfect subtrees, as no range within one of these
 * is ever asked for. */
static gboolean
pruned_root(const Walk *walk, guint64 a, guint64 b, guint8 root[KL_HASH_SIZE], GError **error)
{
    const KlAuditFrontier *pruned = walk->pruned;
    if (a == 1 && b == pruned->n + 1) {
        kl_audit_frontier_root(pruned, root);
        return TRUE;
    }
    guint64 begin = 1;
    guint i = 0;
    for (guint64 left = pruned->n; left > 0; i++) {
        guint64 size = G_GUINT64_CONSTANT(1) << (63 - __builtin_clzll(left));
        if (begin == a && begin + size == b) {
            memcpy(root, pruned->hashes[i], KL_HASH_SIZE);
            return TRUE;
        }
        begin += size;
        left -= size;
    }
    return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "events %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " were pruned", a,
                   b - 1);
}

/* The root over leaves a to b - 1, none of which is selected. */
static gboolean
plain_root(const Walk *walk, guint64 a, guint64 b, guint8 root[KL_HASH_SIZE], GError **error)
{
    if (b - 1 <= walk->pruned->n)
        return pruned_root(walk, a, b, root, error);
    if (b == a + 1)
        return walk->calls->leaf(walk->data, a, FALSE, root, error);
    guint64 middle = a + half_of(b - a);
    guint8 right[KL_HASH_SIZE];
    if (!plain_root(walk, a, middle, root, error) || !plain_root(walk, middle, b, right, error))
        return FALSE;
    kl_audit_node(root, right, root);
    return TRUE;
}

static gboolean
go_on(Walk *walk, guint64 at, GError **error)
{
    if (!walk->calls->next(walk->data, &walk->next, error))
        return FALSE;
    if (walk->next != 0 && walk->next <= at)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "event %" G_GUINT64_FORMAT " is out of order", walk->next);
    return TRUE;
}

static gboolean
root_of(Walk *walk, guint64 a, guint64 b, guint8 root[KL_HASH_SIZE], GError **error)
{
    if (walk->next == 0 || walk->next >= b)
        return plain_root(walk, a, b, root, error) && walk->calls->hidden(walk->data, root, error);
    if (b == a + 1)
        return walk->calls->leaf(walk->data, a, TRUE, root, error) && go_on(walk, a, error);
    guint64 middle = a + half_of(b - a);
    guint8 right[KL_HASH_SIZE];
    if (!root_of(walk, a, middle, root, error) || !root_of(walk, middle, b, right, error))
        return FALSE;
    kl_audit_node(root, right, root);
    return TRUE;
}

gboolean
kl_audit_walk(guint64 n, const KlAuditFrontier *pruned, const KlAuditWalk *calls, gpointer data,
              guint8 root[KL_HASH_SIZE], GError **error)
{
    Walk walk = {calls, data, pruned, 0};
    if (n == 0 || n >> 62 != 0 || pruned->n > n)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN,
                       "a tree over %" G_GUINT64_FORMAT " events, %" G_GUINT64_FORMAT " of them pruned", n, pruned->n);
    return go_on(&walk, pruned->n, error) && root_of(&walk, 1, n + 1, root, error);
}
