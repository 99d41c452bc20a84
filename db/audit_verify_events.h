/* Reads the events of a database in order: one thread reads, some check what can be checked of each event alone, and
 * the caller gets them one after the other. */
#pragma once

#include <sqlite3.h>

#include "db/audit_scan.h"
#include "db/audit_tree.h"
#include "db/audit_verify_claims.h"

G_BEGIN_DECLS

/* A row of audit_events, and what its checker found. */
typedef struct {
    gint64 n;
    gint64 time_us;
    KlAuditSpan type, job, imei, body; /* columns; at NULL: SQL's NULL */
    guint8 hash[KL_HASH_SIZE];
    gboolean hash_good; /* that column has the size of a hash */

    gboolean sound;                /* the body is an event */
    gboolean agrees;               /* with the columns; n apart */
    KlAuditEvent event;            /* in the body */
    guint8 computed[KL_HASH_SIZE]; /* h(n), by the hash column of the row before */
    guint8 leaf[KL_HASH_SIZE];
    int claim; /* KlAuditClaimKind that it tells of; KL_AUDIT_N_CLAIMS: none */
    KlAuditSpan key;
    guint8 digest[KL_HASH_SIZE];
    KlAuditSpan superseded; /* of an issue: also that it supersedes this certificate; at NULL: none */
    guint8 superseded_digest[KL_HASH_SIZE];
} KlAuditRow;

/* Called for each row, in the order of n; what it points to is there during the call. FALSE ends the reading. */
typedef gboolean (*KlAuditRowCall)(const KlAuditRow *row, gpointer data, GError **error);

/* Reads all events from first on. db is the reader's alone until this returns. before: h(first - 1). */
gboolean kl_audit_events_read(sqlite3 *db, gint64 first, const guint8 before[KL_HASH_SIZE], KlAuditRowCall call,
                              gpointer data, GError **error);

/* What can be told of one row alone: everything behind hash_good. */
void kl_audit_row_check(KlAuditRow *row, const guint8 before[KL_HASH_SIZE]);

G_END_DECLS
