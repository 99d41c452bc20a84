/* The root over a selection: AUDIT-FORMAT.md's R(a, b), with hashes in place of what is not shown. */
#pragma once

#include "db/audit_tree.h"

G_BEGIN_DECLS

typedef struct {
    /* The next event that is shown, n in order; 0: there is none any more. */
    guint64 (*event)(gpointer data, guint8 leaf[KL_HASH_SIZE]);
    /* The next hash in place of others; FALSE: there is none any more, which ends the walk. */
    gboolean (*hidden)(gpointer data, guint8 hash[KL_HASH_SIZE]);
} KlAuditShown;

/* FALSE: the hashes do not suffice. In constant memory. */
gboolean kl_audit_shown_root(guint64 n, const KlAuditShown *shown, gpointer data, guint8 root[KL_HASH_SIZE]);

G_END_DECLS
