#include "db/audit_head.h"

#include <string.h>

#include "db/statement.h"
#include "station/error.h"

/* Left joins, so that events without a head show as well. */
#define SELECT_HEAD                                                                                                    \
    "SELECT last.n, audit_head.n, journal, audit_head.hash, frontier, boot, clock_us, event.hash, event.time_us"       \
    " FROM (SELECT max(n) AS n FROM audit_events) AS last LEFT JOIN audit_head ON TRUE"                                \
    " LEFT JOIN audit_events AS event ON event.n = audit_head.n"

static gboolean
is_hash(sqlite3_stmt *query, int column)
{
    return sqlite3_column_type(query, column) == SQLITE_BLOB && sqlite3_column_bytes(query, column) == KL_HASH_SIZE;
}

/* What an honest head looks like, whatever was done to the table. */
static gboolean
is_head(sqlite3_stmt *query)
{
    gint64 n = sqlite3_column_int64(query, 1);
    return n > 0 && sqlite3_column_type(query, 2) == SQLITE_TEXT && sqlite3_column_bytes(query, 2) == 36 &&
           is_hash(query, 3) && sqlite3_column_type(query, 5) == SQLITE_TEXT &&
           (guint)sqlite3_column_bytes(query, 4) == KL_HASH_SIZE * kl_audit_frontier_length((guint64)n);
}

static gboolean
check_end(sqlite3_stmt *query, GError **error)
{
    if (!is_head(query))
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "the journal's head is missing or damaged");
    gint64 n = sqlite3_column_int64(query, 1);
    if (sqlite3_column_int64(query, 0) != n)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN,
                       "the journal's last event is %" G_GINT64_FORMAT ", and should be %" G_GINT64_FORMAT,
                       (gint64)sqlite3_column_int64(query, 0), n);
    if (!is_hash(query, 7) || memcmp(sqlite3_column_blob(query, 3), sqlite3_column_blob(query, 7), KL_HASH_SIZE) != 0)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN,
                       "the journal's last event, %" G_GINT64_FORMAT ", is not the one that was written", n);
    return TRUE;
}

static void
take(sqlite3_stmt *query, KlAuditHead *head)
{
    head->frontier.n = (guint64)sqlite3_column_int64(query, 1);
    g_strlcpy(head->journal, (const char *)sqlite3_column_text(query, 2), sizeof head->journal);
    memcpy(head->hash, sqlite3_column_blob(query, 3), KL_HASH_SIZE);
    memcpy(head->frontier.hashes, sqlite3_column_blob(query, 4), (gsize)sqlite3_column_bytes(query, 4));
    g_strlcpy(head->clock.boot, (const char *)sqlite3_column_text(query, 5), sizeof head->clock.boot);
    head->clock.ahead_us = sqlite3_column_int64(query, 6);
    head->time_us = sqlite3_column_int64(query, 8);
}

static gboolean
read_head(sqlite3 *db, sqlite3_stmt *query, KlAuditHead *head, GError **error)
{
    gboolean row = FALSE;
    if (!kl_next(db, query, &row, error))
        return FALSE;
    gboolean no_events = sqlite3_column_type(query, 0) == SQLITE_NULL;
    gboolean no_head = sqlite3_column_type(query, 1) == SQLITE_NULL;
    if (no_events && no_head)
        return TRUE;
    if (!check_end(query, error))
        return FALSE;
    take(query, head);
    return TRUE;
}

/* Asked before every event. */
gboolean
kl_audit_head_read(sqlite3 *db, KlAuditHead *head, GError **error)
{
    memset(head, 0, sizeof *head);
    sqlite3_stmt *query = kl_query_kept(db, error, SELECT_HEAD);
    if (query == NULL)
        return FALSE;
    gboolean ok = read_head(db, query, head, error);
    sqlite3_reset(query);
    return ok;
}

gboolean
kl_audit_head_write(sqlite3 *db, const KlAuditHead *head, const KlAuditClock *clock, GError **error)
{
    guint64 n = head->frontier.n;
    g_autoptr(GBytes) hash = g_bytes_new_static(head->hash, KL_HASH_SIZE);
    g_autoptr(GBytes) frontier =
        g_bytes_new_static(head->frontier.hashes, KL_HASH_SIZE * (gsize)kl_audit_frontier_length(n));
    if (n == 1)
        return kl_run(db, error,
                      "INSERT INTO audit_head (one, journal, n, hash, frontier, boot, clock_us)"
                      " VALUES (1, ?1, 1, ?2, ?3, ?4, ?5)",
                      kl_text(head->journal), kl_bytes(hash), kl_bytes(frontier), kl_text(clock->boot),
                      kl_int(clock->ahead_us));
    return kl_run(db, error, "UPDATE audit_head SET n = ?1, hash = ?2, frontier = ?3, boot = ?4, clock_us = ?5",
                  kl_int((gint64)n), kl_bytes(hash), kl_bytes(frontier), kl_text(clock->boot), kl_int(clock->ahead_us));
}
