#include "db/audit_period.h"

#include <string.h>

#include "db/audit.h"
#include "db/audit_reader.h"
#include "db/audit_tree.h"
#include "db/statement.h"
#include "db/store_parts.h"
#include "station/canonical.h"
#include "station/error.h"

void
kl_audit_period_clear(KlAuditPeriod *period)
{
    g_clear_pointer(&period->checkpoint, g_free);
}

/* --- which --- */

/* The journal's clock may have been set back: the first event that is as late ends the search. */
#define LAST_CHECKPOINT_BEFORE                                                                                         \
    "WITH bound (n) AS (SELECT min("                                                                                   \
    "coalesce((SELECT n FROM audit_events WHERE time_us >= ?1 ORDER BY n LIMIT 1), 9223372036854775807),"              \
    " coalesce((SELECT min(e.n) FROM jobs JOIN audit_events e ON e.job = jobs.id WHERE outcome = 'RUNNING'),"          \
    " 9223372036854775807))),"                                                                                         \
    " period (through) AS (SELECT coalesce(max(through), 0) FROM audit_periods)"                                       \
    " SELECT n, body, signature, (SELECT through FROM period) FROM audit_checkpoints"                                  \
    " WHERE n < (SELECT n FROM bound) AND n > (SELECT through FROM period) ORDER BY n DESC LIMIT 1"

gboolean
kl_audit_period_find(const char *database, gint64 before_us, KlAuditPeriod *period, GError **error)
{
    g_autoptr(sqlite3) db = kl_database_open(database, TRUE, error);
    g_autoptr(sqlite3_stmt) query = db != NULL ? kl_query(db, error, LAST_CHECKPOINT_BEFORE, kl_int(before_us)) : NULL;
    gboolean row = FALSE;
    *period = (KlAuditPeriod){0};
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    if (!row)
        return kl_fail(error, KL_ERROR_PERIOD_EMPTY, "no checkpoint of an open period lies before that time");
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "body", (const char *)sqlite3_column_text(query, 1));
    kl_canonical_text(writer, "signature", (const char *)sqlite3_column_text(query, 2));
    period->checkpoint = kl_canonical_finish(writer);
    period->through = (guint64)sqlite3_column_int64(query, 0);
    period->first = (guint64)sqlite3_column_int64(query, 3) + 1;
    return TRUE;
}

/* --- closing --- */

typedef struct {
    const KlAuditPeriod *period;
    const char *manifest_sha256;
    const char *archive;
    KlSeal *seal;
    const char *station;
    KlAuditFrontier frontier;
    guint8 hash[KL_HASH_SIZE];
    KlAuditPruned *pruned;
} CloseCall;

/* Where the last period had led to. */
static gboolean
start_from_last(sqlite3 *db, CloseCall *call, GError **error)
{
    gboolean row = FALSE;
    g_autoptr(sqlite3_stmt) query = kl_query_values(
        db, error, "SELECT through, hash, frontier FROM audit_periods ORDER BY through DESC LIMIT 1", NULL, 0);
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    guint64 through = row ? (guint64)sqlite3_column_int64(query, 0) : 0;
    gsize size = KL_HASH_SIZE * (gsize)kl_audit_frontier_length(through);
    if (through + 1 != call->period->first)
        return kl_fail(error, KL_ERROR_PERIOD_EMPTY, "the period was closed meanwhile");
    call->frontier.n = through;
    if (!row)
        return TRUE;
    if (sqlite3_column_bytes(query, 1) != KL_HASH_SIZE || (gsize)sqlite3_column_bytes(query, 2) != size)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "the last closed period is damaged");
    memcpy(call->hash, sqlite3_column_blob(query, 1), KL_HASH_SIZE);
    memcpy(call->frontier.hashes, sqlite3_column_blob(query, 2), size);
    return TRUE;
}

static gboolean
go_on(CloseCall *call, sqlite3_stmt *query, GError **error)
{
    guint64 n = call->frontier.n + 1;
    guint8 leaf[KL_HASH_SIZE];
    const char *body = (const char *)sqlite3_column_text(query, 1);
    gsize length = (gsize)sqlite3_column_bytes(query, 1);
    if ((guint64)sqlite3_column_int64(query, 0) != n || body == NULL)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "event %" G_GUINT64_FORMAT " is missing", n);
    kl_audit_chain(call->hash, body, length, call->hash);
    kl_audit_leaf(body, length, leaf);
    kl_audit_frontier_add(&call->frontier, leaf);
    return TRUE;
}

/* Chain and tree must lead to what the archive's checkpoint says. */
static gboolean
recompute(sqlite3 *db, CloseCall *call, GError **error)
{
    g_auto(KlAuditCheckpoint) checkpoint = {0};
    guint8 hash[KL_HASH_SIZE], root[KL_HASH_SIZE];
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT n, body FROM audit_events WHERE n BETWEEN ?1 AND ?2 ORDER BY n",
                 kl_int((gint64)call->period->first), kl_int((gint64)call->period->through));
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        if (!go_on(call, query, error))
            return FALSE;
    }
    if (!ok || !kl_audit_checkpoint_parse(call->period->checkpoint, &checkpoint, error))
        return FALSE;
    kl_audit_frontier_root(&call->frontier, root);
    if (call->frontier.n != checkpoint.n || !kl_audit_unhex(checkpoint.hash, hash, KL_HASH_SIZE) ||
        memcmp(hash, call->hash, KL_HASH_SIZE) != 0 || memcmp(root, checkpoint.root, KL_HASH_SIZE) != 0)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN,
                       "the events up to %" G_GUINT64_FORMAT " are not those that checkpoint %" G_GUINT64_FORMAT
                       " is over",
                       call->period->through, checkpoint.n);
    return TRUE;
}

static gboolean
keep_end(sqlite3 *db, const CloseCall *call, GError **error)
{
    g_autoptr(GBytes) hash = g_bytes_new_static(call->hash, KL_HASH_SIZE);
    g_autoptr(GBytes) frontier =
        g_bytes_new_static(call->frontier.hashes, KL_HASH_SIZE * (gsize)kl_audit_frontier_length(call->frontier.n));
    return kl_run(db, error,
                  "INSERT INTO audit_periods (through, hash, frontier, manifest_sha256, closed_us, archive)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                  kl_int((gint64)call->period->through), kl_bytes(hash), kl_bytes(frontier),
                  kl_text(call->manifest_sha256), kl_int(g_get_real_time()), kl_text(call->archive));
}

/* The schema's own triggers let exactly this go. */
#define ENDED_IN_PERIOD                                                                                                \
    "(SELECT e.job FROM audit_events e JOIN jobs ON jobs.id = e.job WHERE e.n BETWEEN ?1 AND ?2 AND e.type = "         \
    "'job-end'"                                                                                                        \
    " AND NOT EXISTS (SELECT 1 FROM intents WHERE intents.job = e.job AND closed_us IS NULL))"

static gboolean
prune(sqlite3 *db, CloseCall *call, GError **error)
{
    const KlValue first = kl_int((gint64)call->period->first), through = kl_int((gint64)call->period->through);
    gint64 jobs = 0;
    if (!kl_get_int(db, &jobs, error, "SELECT count(*) FROM " ENDED_IN_PERIOD, first, through) ||
        !kl_run(db, error, "DELETE FROM steps WHERE job IN " ENDED_IN_PERIOD, first, through) ||
        !kl_run(db, error, "DELETE FROM transcripts WHERE job IN " ENDED_IN_PERIOD, first, through) ||
        !kl_run(db, error, "DELETE FROM audit_events WHERE n BETWEEN ?1 AND ?2", first, through))
        return FALSE;
    call->pruned->jobs = (guint64)jobs;
    call->pruned->events = call->period->through - call->period->first + 1;
    return TRUE;
}

static gboolean
put_count(sqlite3 *db, KlCanonical *writer, const char *name, const char *sql, GError **error)
{
    gint64 count = 0;
    if (!kl_get_int_values(db, &count, error, sql, NULL, 0))
        return FALSE;
    kl_canonical_number(writer, name, count);
    return TRUE;
}

/* From now on so many rows have no events that could be looked at. The seal's event may have gone: it comes again. */
static gboolean
note_closing(sqlite3 *db, const CloseCall *call, GError **error)
{
    g_autoptr(KlCanonical) writer = kl_canonical_new();
    if (!put_count(db, writer, "acts", "SELECT count(*) FROM acts", error) ||
        !put_count(db, writer, "certificates", "SELECT count(*) FROM certificates", error) ||
        !put_count(db, writer, "jobs", "SELECT count(*) FROM jobs WHERE outcome <> 'RUNNING'", error))
        return FALSE;
    kl_canonical_text(writer, "manifest_sha256", call->manifest_sha256);
    if (!put_count(db, writer, "registrations", "SELECT count(*) FROM registration", error))
        return FALSE;
    kl_canonical_number(writer, "through", (gint64)call->period->through);
    g_autofree char *data = kl_canonical_finish(g_steal_pointer(&writer));
    return kl_audit_append(db, "period-closed", NULL, NULL, data, error) &&
           (call->seal == NULL || kl_audit_use_seal(db, call->seal, call->station, error));
}

static gboolean
do_close(sqlite3 *db, gpointer data, GError **error)
{
    CloseCall *call = data;
    return start_from_last(db, call, error) && recompute(db, call, error) && keep_end(db, call, error) &&
           prune(db, call, error) && note_closing(db, call, error) &&
           (call->seal == NULL || kl_audit_checkpoint(db, call->seal, call->station, "period", NULL, error));
}

gboolean
kl_audit_period_close(KlStore *store, const KlAuditPeriod *period, const char *manifest_sha256, const char *archive,
                      KlAuditPruned *pruned, GError **error)
{
    g_autofree CloseCall *call = g_new0(CloseCall, 1);
    call->period = period;
    call->manifest_sha256 = manifest_sha256;
    call->archive = archive;
    call->pruned = pruned;
    call->seal = kl_store_seal(store, &call->station);
    *pruned = (KlAuditPruned){0};
    return kl_store_write(store, do_close, call, error);
}
