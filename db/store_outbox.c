/* The outbox: which row goes next, what became of it. What gets into it is in store_queueing.c. */
#include "db/audit_events.h"
#include "db/statement.h"
#include "db/store_parts.h"
#include "station/error.h"

static const char *const state_names[] = {
    [KL_OUTBOX_QUEUED] = "queued",
    [KL_OUTBOX_SENT] = "sent",
    [KL_OUTBOX_PARKED] = "parked",
};

static int
state_from_name(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(state_names); i++) {
        if (g_strcmp0(state_names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

/* --- reading --- */

/* Replaced rows are history that nobody has to act on: nothing here shows them. */
#define SELECT_ROWS                                                                                                    \
    "SELECT number, kind, state, key, run, body, attempts, last_code, last_detail, queued_us, tried_us, sent_us"       \
    " FROM outbox WHERE state <> 'replaced' "

static KlOutboxRow *
read_row(sqlite3_stmt *query, GError **error)
{
    int kind = kl_outbox_kind_from_name((const char *)sqlite3_column_text(query, 1));
    int state = state_from_name((const char *)sqlite3_column_text(query, 2));
    if (kind < 0 || state < 0) {
        kl_fail(error, KL_ERROR_STORE_CORRUPT, "outbox row %" G_GINT64_FORMAT " has kind '%s' and state '%s'",
                (gint64)sqlite3_column_int64(query, 0), (const char *)sqlite3_column_text(query, 1),
                (const char *)sqlite3_column_text(query, 2));
        return NULL;
    }
    KlOutboxRow *row = g_new0(KlOutboxRow, 1);
    row->number = sqlite3_column_int64(query, 0);
    row->kind = (KlOutboxKind)kind;
    row->state = (KlOutboxState)state;
    row->key = kl_column_text(query, 3);
    row->run = kl_column_text(query, 4);
    row->body = kl_column_text(query, 5);
    row->attempts = (guint)sqlite3_column_int64(query, 6);
    row->last_code = kl_column_text(query, 7);
    row->last_detail = kl_column_text(query, 8);
    row->queued_us = sqlite3_column_int64(query, 9);
    row->tried_us = sqlite3_column_int64(query, 10);
    row->sent_us = sqlite3_column_int64(query, 11);
    return row;
}

/* *row: the query's first, or NULL when it has none. Takes the query over; NULL: it could not be prepared. */
static gboolean
read_first(sqlite3 *db, sqlite3_stmt *prepared, KlOutboxRow **row, GError **error)
{
    g_autoptr(sqlite3_stmt) query = prepared;
    gboolean found = FALSE;
    if (query == NULL || !kl_next(db, query, &found, error))
        return FALSE;
    *row = found ? read_row(query, error) : NULL;
    return !found || *row != NULL;
}

typedef struct {
    KlOutboxKind kind;
    gint64 now_us;
    gint64 next_us;
    KlOutboxRow *row;
} NextCall;

static gboolean
do_next(sqlite3 *db, gpointer data, GError **error)
{
    NextCall *call = data;
    const char *kind = kl_outbox_kind_name(call->kind);
    gint64 number = 0;
    if (!kl_get_int(db, &number, error, KL_STORE_OUTBOX_DUE, kl_int(call->now_us), kl_text(kind)))
        return FALSE;
    if (number != 0)
        return read_first(db, kl_query(db, error, SELECT_ROWS "AND number = ?1", kl_int(number)), &call->row, error);
    return kl_get_int(db, &call->next_us, error, KL_STORE_OUTBOX_NEXT_TURN, kl_int(G_MAXINT64), kl_text(kind));
}

KlOutboxRow *
kl_store_outbox_next(KlStore *store, KlOutboxKind kind, gint64 now_us, gint64 *next_us, GError **error)
{
    NextCall call = {.kind = kind, .now_us = now_us};
    if (!kl_store_read(store, do_next, &call, error))
        return NULL;
    if (call.row == NULL && next_us != NULL)
        *next_us = call.next_us;
    return call.row;
}

typedef struct {
    KlOutboxKind kind;
    const char *key;
    KlOutboxRow *row;
} RowCall;

static gboolean
do_row(sqlite3 *db, gpointer data, GError **error)
{
    RowCall *call = data;
    return read_first(db,
                      kl_query(db, error, SELECT_ROWS "AND kind = ?1 AND key = ?2 ORDER BY number DESC LIMIT 1",
                               kl_text(kl_outbox_kind_name(call->kind)), kl_text(call->key)),
                      &call->row, error);
}

KlOutboxRow *
kl_store_outbox_row(KlStore *store, KlOutboxKind kind, const char *key, GError **error)
{
    RowCall call = {kind, key, NULL};
    return kl_store_read(store, do_row, &call, error) ? call.row : NULL;
}

typedef struct {
    int state;
    guint limit;
    GPtrArray *rows;
} RowsCall;

static gboolean
do_rows(sqlite3 *db, gpointer data, GError **error)
{
    RowsCall *call = data;
    gint64 limit = call->limit > 0 ? (gint64)call->limit : -1;
    g_autoptr(sqlite3_stmt) query = call->state >= 0
                                        ? kl_query(db, error, SELECT_ROWS "AND state = ?2 ORDER BY number LIMIT ?1",
                                                   kl_int(limit), kl_text(state_names[call->state]))
                                        : kl_query(db, error, SELECT_ROWS "ORDER BY number LIMIT ?1", kl_int(limit));
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        KlOutboxRow *row = read_row(query, error);
        if (row == NULL)
            return FALSE;
        g_ptr_array_add(call->rows, row);
    }
    return ok;
}

GPtrArray *
kl_store_outbox_rows(KlStore *store, int state, guint limit, GError **error)
{
    g_return_val_if_fail(state < (int)G_N_ELEMENTS(state_names), NULL);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)kl_outbox_row_free);
    RowsCall call = {state, limit, rows};
    return kl_store_read(store, do_rows, &call, error) ? g_steal_pointer(&rows) : NULL;
}

/* Asked for after every row: SQLite would rather sort all queued rows than go the way that ends at once. */
static gboolean
do_counts(sqlite3 *db, gpointer data, GError **error)
{
    KlOutboxCounts *counts = data;
    gboolean found = FALSE;
#define TOTAL(state) "(SELECT total FROM outbox_totals WHERE state = '" state "')"
#define QUEUED(kind) "(SELECT count(*) FROM outbox WHERE kind = '" kind "' AND state = 'queued')"
    g_autoptr(sqlite3_stmt) query =
        kl_query_values(db, error,
                        "SELECT " TOTAL("queued") ", " TOTAL("parked") ", " TOTAL(
                            "sent") ","
                                    " (SELECT queued_us FROM outbox WHERE state = 'queued' ORDER BY number LIMIT 1),"
                                    " (SELECT last_code FROM outbox INDEXED BY outbox_troubled WHERE state = 'queued' "
                                    "AND last_code IS NOT NULL"
                                    " ORDER BY tried_us DESC, number DESC LIMIT 1), " QUEUED(
                                        "registration") ", " QUEUED("record") ", " QUEUED("cleanup"),
                        NULL, 0);
#undef TOTAL
#undef QUEUED
    if (query == NULL || !kl_next(db, query, &found, error))
        return FALSE;
    counts->queued = (guint)sqlite3_column_int64(query, 0);
    counts->parked = (guint)sqlite3_column_int64(query, 1);
    counts->sent = (guint)sqlite3_column_int64(query, 2);
    counts->oldest_us = sqlite3_column_int64(query, 3);
    counts->last_code = kl_column_text(query, 4);
    counts->queued_of[KL_OUTBOX_REGISTRATION] = (guint)sqlite3_column_int64(query, 5);
    counts->queued_of[KL_OUTBOX_RECORD] = (guint)sqlite3_column_int64(query, 6);
    counts->queued_of[KL_OUTBOX_CLEANUP] = (guint)sqlite3_column_int64(query, 7);
    return TRUE;
}

gboolean
kl_store_outbox_counts(KlStore *store, KlOutboxCounts *counts, GError **error)
{
    *counts = (KlOutboxCounts){0};
    return kl_store_read(store, do_counts, counts, error);
}

/* --- what became of a row --- */

/* Two programs may work on one outbox, and a person may park or replace a row that is on its way: a row whose state is
 * no longer what the caller thought is left as it is. */
typedef struct {
    gint64 number;
    const char *code;
    const char *detail;
    gint64 next_us;
} FateCall;

static gboolean
require_row(sqlite3 *db, gint64 number, GError **error)
{
    gint64 found = 0;
    if (!kl_get_int(db, &found, error, "SELECT count(*) FROM outbox WHERE number = ?1", kl_int(number)))
        return FALSE;
    if (found == 0)
        return kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no row %" G_GINT64_FORMAT " in the outbox", number);
    return TRUE;
}

/* Also one that was parked or replaced meanwhile has arrived. */
static gboolean
do_sent(sqlite3 *db, gpointer data, GError **error)
{
    const FateCall *call = data;
    return require_row(db, call->number, error) &&
           kl_run(db, error,
                  "UPDATE outbox SET state = 'sent', attempts = attempts + 1, tried_us = ?2, sent_us = ?2"
                  " WHERE number = ?1 AND state <> 'sent'",
                  kl_int(call->number), kl_int(g_get_real_time()));
}

gboolean
kl_store_outbox_sent(KlStore *store, gint64 number, GError **error)
{
    FateCall call = {.number = number};
    return kl_store_write(store, do_sent, &call, error);
}

static gboolean
do_failed(sqlite3 *db, gpointer data, GError **error)
{
    const FateCall *call = data;
    return require_row(db, call->number, error) &&
           kl_run(db, error,
                  "UPDATE outbox SET attempts = attempts + 1, tried_us = ?2, last_code = ?3, last_detail = ?4,"
                  " next_us = ?5 WHERE number = ?1 AND state = 'queued'",
                  kl_int(call->number), kl_int(g_get_real_time()), kl_text(call->code), kl_text(call->detail),
                  kl_int(call->next_us));
}

gboolean
kl_store_outbox_failed(KlStore *store, gint64 number, const char *code, const char *detail, gint64 next_us,
                       GError **error)
{
    FateCall call = {number, code, detail, next_us};
    return kl_store_write(store, do_failed, &call, error);
}

static gboolean
do_park(sqlite3 *db, gpointer data, GError **error)
{
    const FateCall *call = data;
    if (!require_row(db, call->number, error))
        return FALSE;
    if (call->code == NULL)
        return kl_run(db, error, "UPDATE outbox SET state = 'parked' WHERE number = ?1 AND state = 'queued'",
                      kl_int(call->number)) &&
               (sqlite3_changes(db) == 0 || kl_audit_outbox(db, call->number, "park", error));
    return kl_run(db, error,
                  "UPDATE outbox SET state = 'parked', attempts = attempts + 1, tried_us = ?2, last_code = ?3,"
                  " last_detail = ?4 WHERE number = ?1 AND state = 'queued'",
                  kl_int(call->number), kl_int(g_get_real_time()), kl_text(call->code), kl_text(call->detail));
}

gboolean
kl_store_outbox_park(KlStore *store, gint64 number, const char *code, const char *detail, GError **error)
{
    FateCall call = {.number = number, .code = code, .detail = detail};
    return kl_store_write(store, do_park, &call, error);
}

/* The number of a row, or 0: of all rows. */
static gboolean
do_retry(sqlite3 *db, gpointer data, GError **error)
{
    gint64 number = *(const gint64 *)data;
    if (number == 0)
        return kl_run_values(db, error,
                             "UPDATE outbox SET state = 'queued', next_us = 0"
                             " WHERE state = 'parked' OR (state = 'queued' AND next_us > 0)",
                             NULL, 0) &&
               (sqlite3_changes(db) == 0 || kl_audit_outbox(db, 0, "retry", error));
    g_autofree char *state = NULL;
    if (!require_row(db, number, error) ||
        !kl_get_text(db, &state, error, "SELECT state FROM outbox WHERE number = ?1", kl_int(number)))
        return FALSE;
    if (!g_str_equal(state, "parked") && !g_str_equal(state, "queued"))
        return kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "row %" G_GINT64_FORMAT " of the outbox was %s already", number,
                       state);
    return kl_run(db, error, "UPDATE outbox SET state = 'queued', next_us = 0 WHERE number = ?1", kl_int(number)) &&
           kl_audit_outbox(db, number, "retry", error);
}

gboolean
kl_store_outbox_retry(KlStore *store, gint64 number, GError **error)
{
    return kl_store_write(store, do_retry, &number, error);
}
