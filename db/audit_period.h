/* Closing a period of the journal: what lies before a day is in a signed archive, and leaves the database. */
#pragma once

#include <sqlite3.h>

#include "station/store.h"

G_BEGIN_DECLS

typedef struct {
    guint64 first, through; /* the events of the period */
    char *checkpoint;       /* the one over through, a line of checkpoints.jsonl */
} KlAuditPeriod;

void kl_audit_period_clear(KlAuditPeriod *period);

/* The period that can be closed: behind the last one, up to the last checkpoint before that time, and before the first
 * event of a job that is under way. PERIOD_EMPTY, STORE_*. */
gboolean kl_audit_period_find(const char *database, gint64 before_us, KlAuditPeriod *period, GError **error);

/* What leaves the database. */
typedef struct {
    guint64 events;
    guint64 jobs; /* that lost their steps and transcripts; their heads stay, as do units, keys and certificates */
} KlAuditPruned;

/* Closes the period into an archive that was checked: in one transaction, recomputes chain and tree over its events,
 * keeps where they lead to, and deletes the events and what the jobs that ended among them did step by step (but not of
 * a job that left something open). Then notes the seal again, whose event may have gone, and the closing.
 * manifest_sha256: of the archive's manifest; archive: its name, for people. AUDIT_BROKEN, AUDIT_* and STORE_*: nothing
 * is changed. */
gboolean kl_audit_period_close(KlStore *store, const KlAuditPeriod *period, const char *manifest_sha256,
                               const char *archive, KlAuditPruned *pruned, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlAuditPeriod, kl_audit_period_clear)

G_END_DECLS
