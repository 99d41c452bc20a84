/* The tree over a selection of a journal's events: db/AUDIT-FORMAT.md's R(a, b). */
#pragma once

#include "db/audit_tree.h"

G_BEGIN_DECLS

/* Where events come from and hashes go to, in the order of n. Each may fail, which ends the walk. */
typedef struct {
    /* The next selected n, in order; 0: none any more. */
    gboolean (*next)(gpointer data, guint64 *n, GError **error);
    /* leaf(n), of each event behind the pruned ones, in order. */
    gboolean (*leaf)(gpointer data, guint64 n, gboolean selected, guint8 hash[KL_HASH_SIZE], GError **error);
    /* A line of hidden.txt. */
    gboolean (*hidden)(gpointer data, const guint8 hash[KL_HASH_SIZE], GError **error);
} KlAuditWalk;

/* Walks over leaves 1 to n, n > 0, of which pruned (n 0: none) stands for the first. Selected are others only. *root:
 * the tree's. AUDIT_BROKEN, and those of the calls. In constant memory. */
gboolean kl_audit_walk(guint64 n, const KlAuditFrontier *pruned, const KlAuditWalk *calls, gpointer data,
                       guint8 root[KL_HASH_SIZE], GError **error);

G_END_DECLS
