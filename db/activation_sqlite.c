#include "db/activation_sqlite.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "db/activation_journal.h"
#include "db/audit.h"
#include "db/database.h"
#include "db/statement.h"
#include "db/store_parts.h"
#include "db/store_thread.h"
#include "station/error.h"

typedef struct {
    KlActivationTable base;
    KlStoreThread *thread;
    KlSeal *seal;
    char *station;
} TableSqlite;

static gboolean
run_read(KlActivationTable *table, KlStoreWork work, gpointer data, GError **error)
{
    return kl_store_thread_run(((TableSqlite *)table)->thread, KL_STORE_READ, work, data, error);
}

typedef struct {
    const TableSqlite *table;
    KlStoreWork work;
    gpointer data;
} WriteCall;

/* What was written may be what makes a checkpoint due. */
static gboolean
do_write(sqlite3 *db, gpointer data, GError **error)
{
    const WriteCall *call = data;
    const TableSqlite *table = call->table;
    return call->work(db, call->data, error) &&
           (table->seal == NULL || kl_audit_checkpoint_due(db, table->seal, table->station, error));
}

static gboolean
run_write(KlActivationTable *table, KlStoreWork work, gpointer data, GError **error)
{
    WriteCall call = {(TableSqlite *)table, work, data};
    return kl_store_thread_run(call.table->thread, KL_STORE_WRITE, do_write, &call, error);
}

/* --- reading --- */

typedef struct {
    const char *device;
    const char *id;
    KlActivationView view;
} ReadCall;

static gboolean
do_read(sqlite3 *db, gpointer data, GError **error)
{
    ReadCall *call = data;
    gboolean found = FALSE;
    sqlite3_stmt *query = kl_query_kept_with(db, error,
                                             "SELECT " KL_STORE_REGISTRATION_COLUMNS ","
                                             " EXISTS (SELECT 1 FROM activation_messages WHERE device = ?1 AND id = ?2)"
                                             " FROM registration WHERE device = ?1",
                                             kl_text(call->device), kl_text(call->id));
    gboolean ok = query != NULL && kl_next(db, query, &found, error);
    if (found) {
        call->view.row = kl_store_read_registration(query);
        call->view.again = sqlite3_column_int(query, 7) != 0;
    }
    sqlite3_reset(query);
    return ok;
}

static gboolean
read_view(KlActivationTable *table, const char *device, const char *id, KlActivationView *view, KlOp *op,
          GError **error)
{
    ReadCall call = {device, id, {NULL, FALSE}};
    if (!run_read(table, do_read, &call, error)) {
        g_clear_pointer(&call.view.row, kl_registration_free);
        return FALSE;
    }
    *view = call.view;
    return TRUE;
}

/* --- keeping --- */

typedef struct {
    const KlActivationChange *change;
    KlActivationKept kept;
} KeepCall;

/* Whether the device's row is, field by field, the one that was judged, or none is, as none was; and whether the
 * message is new. */
static gboolean
is_as_judged(sqlite3 *db, const KlActivationChange *c, gboolean *as_judged, gboolean *is_new, GError **error)
{
    static const KlRegistration none = {0};
    const KlRegistration *was = c->was != NULL ? c->was : &none;
    gboolean row = FALSE;
    sqlite3_stmt *query = kl_query_kept_with(
        db, error,
        "SELECT (SELECT count(*) FROM registration WHERE device = ?1 AND (?3 IS NULL OR (registered = ?3"
        " AND policy = ?4 AND firmware = ?5 AND parameters = ?6 AND version = ?7 AND connections = ?8))),"
        " EXISTS (SELECT 1 FROM activation_messages WHERE device = ?1 AND id = ?2)",
        kl_text(c->device), kl_text(c->id), kl_text(was->registered), kl_text(was->policy), kl_text(was->firmware),
        kl_text(was->parameters), kl_int(was->version), kl_int(was->connections));
    gboolean ok = query != NULL && kl_next(db, query, &row, error);
    if (ok) {
        *as_judged = sqlite3_column_int(query, 0) == (c->was != NULL);
        *is_new = sqlite3_column_int(query, 1) == 0;
    }
    sqlite3_reset(query);
    return ok;
}

static gboolean
write_row(sqlite3 *db, const KlActivationChange *c, GError **error)
{
    return c->row == NULL ||
           kl_run(
               db, error, "UPDATE registration SET registered = ?2, version = ?3, connections = ?4 WHERE device = ?1",
               kl_text(c->device), kl_text(c->row->registered), kl_int(c->row->version), kl_int(c->row->connections));
}

static gboolean
remember(sqlite3 *db, const KlActivationChange *c, gboolean is_new, GError **error)
{
    return c->was == NULL || c->id == NULL || !is_new ||
           kl_run(db, error, "INSERT INTO activation_messages (device, id, seen_us) VALUES (?1, ?2, ?3)",
                  kl_text(c->device), kl_text(c->id), kl_int(c->now_us));
}

/* *alarm: it raises the device's first one. */
static gboolean
see(sqlite3 *db, const KlActivationChange *c, gboolean *alarm, GError **error)
{
    gboolean row = FALSE;
    if (c->was == NULL || !c->heard)
        return TRUE;
    sqlite3_stmt *query = kl_query_kept_with(
        db, error,
        "INSERT INTO activation_seen (device, first_seen_us, last_seen_us, alarm_us)"
        " VALUES (?1, ?2, ?2, iif(?3, ?2, NULL)) ON CONFLICT (device) DO UPDATE SET"
        " last_seen_us = max(last_seen_us, excluded.last_seen_us), alarm_us = coalesce(alarm_us, excluded.alarm_us)"
        " RETURNING ?3 AND alarm_us = ?2",
        kl_text(c->device), kl_int(c->now_us), kl_int(c->alarm));
    gboolean ok = query != NULL && kl_next(db, query, &row, error);
    *alarm = ok && sqlite3_column_int(query, 0) != 0;
    sqlite3_reset(query);
    return ok;
}

static gboolean
count(sqlite3 *db, const KlActivationChange *c, gint64 *total, GError **error)
{
    gboolean row = FALSE;
    sqlite3_stmt *query = kl_query_kept_with(db, error,
                                             "INSERT INTO activation_counts (device, verdict, total) VALUES (?1, ?2, 1)"
                                             " ON CONFLICT (device, verdict) DO UPDATE SET total = total + 1"
                                             " RETURNING total",
                                             kl_text(c->was != NULL ? c->device : ""), kl_text(c->verdict));
    gboolean ok = query != NULL && kl_next(db, query, &row, error);
    *total = ok ? sqlite3_column_int64(query, 0) : 0;
    sqlite3_reset(query);
    return ok;
}

static gboolean
do_keep(sqlite3 *db, gpointer data, GError **error)
{
    KeepCall *call = data;
    const KlActivationChange *c = call->change;
    gboolean as_judged = FALSE, is_new = FALSE, alarm = FALSE;
    gint64 total = 0;
    if (!is_as_judged(db, c, &as_judged, &is_new, error))
        return FALSE;
    call->kept = as_judged && (is_new || c->again) ? KL_ACTIVATION_KEPT : KL_ACTIVATION_CHANGED;
    return call->kept == KL_ACTIVATION_CHANGED ||
           (write_row(db, c, error) && remember(db, c, is_new, error) && see(db, c, &alarm, error) &&
            count(db, c, &total, error) && kl_activation_journal_message(db, c, total, alarm, error));
}

static KlActivationKept
keep(KlActivationTable *table, const KlActivationChange *change, KlOp *op, GError **error)
{
    KeepCall call = {change, KL_ACTIVATION_FAILED};
    return run_write(table, do_keep, &call, error) ? call.kept : KL_ACTIVATION_FAILED;
}

/* --- credentials --- */

typedef struct {
    const char *device;
    const char *claimant;
    GBytes *csr;
    gint64 now_us;
    KlActivationCredential credential;
} ClaimCall;

/* A claim that is from the future, after the clock was put right, holds nobody up. */
static gboolean
do_claim(sqlite3 *db, gpointer data, GError **error)
{
    ClaimCall *call = data;
    gboolean found = FALSE;
    if (!kl_run(db, error,
                "INSERT INTO activation_credentials (device, csr, claimant, since_us, claimed_us)"
                " VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (device) DO UPDATE"
                " SET claimant = excluded.claimant, claimed_us = excluded.claimed_us WHERE pem IS NULL"
                " AND (claimant = excluded.claimant OR abs(excluded.claimed_us - claimed_us) > ?5)",
                kl_text(call->device), kl_bytes(call->csr), kl_text(call->claimant), kl_int(call->now_us),
                kl_int(KL_ACTIVATION_CLAIM_US)))
        return FALSE;
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT csr, pem, claimant = ?2, since_us FROM activation_credentials WHERE device = ?1",
                 kl_text(call->device), kl_text(call->claimant));
    if (query == NULL || !kl_next(db, query, &found, error))
        return FALSE;
    call->credential.csr = kl_column_bytes(query, 0);
    call->credential.pem = kl_column_text(query, 1);
    call->credential.mine = call->credential.pem == NULL && sqlite3_column_int(query, 2) != 0;
    call->credential.since_us = sqlite3_column_int64(query, 3);
    return TRUE;
}

static gboolean
claim(KlActivationTable *table, const char *device, const char *claimant, GBytes *csr, gint64 now_us,
      KlActivationCredential *credential, KlOp *op, GError **error)
{
    ClaimCall call = {.device = device, .claimant = claimant, .csr = csr, .now_us = now_us};
    if (!run_write(table, do_claim, &call, error)) {
        kl_activation_credential_clear(&call.credential);
        return FALSE;
    }
    *credential = call.credential;
    return TRUE;
}

typedef struct {
    const char *device;
    GBytes *csr;
    const char *pem;
    char *kept;
} IssuedCall;

static gboolean
do_issued(sqlite3 *db, gpointer data, GError **error)
{
    IssuedCall *call = data;
    return kl_run(db, error,
                  "UPDATE activation_credentials SET pem = ?3 WHERE device = ?1 AND csr = ?2 AND pem IS NULL",
                  kl_text(call->device), kl_bytes(call->csr), kl_text(call->pem)) &&
           (sqlite3_changes(db) == 0 ||
            kl_activation_journal_credential(db, call->device, call->csr, call->pem, error)) &&
           kl_get_text(db, &call->kept, error, "SELECT pem FROM activation_credentials WHERE device = ?1 AND csr = ?2",
                       kl_text(call->device), kl_bytes(call->csr)) &&
           (call->kept != NULL ||
            kl_fail(error, KL_ERROR_ACTIVATION_BUSY, "%s has no such claim any more", call->device));
}

static gboolean
issued(KlActivationTable *table, const char *device, GBytes *csr, const char *pem, char **kept, KlOp *op,
       GError **error)
{
    IssuedCall call = {device, csr, pem, NULL};
    if (!run_write(table, do_issued, &call, error)) {
        g_free(call.kept);
        return FALSE;
    }
    *kept = call.kept;
    return TRUE;
}

typedef struct {
    const char *device;
    const char *claimant;
} ReleaseCall;

static gboolean
do_release(sqlite3 *db, gpointer data, GError **error)
{
    const ReleaseCall *call = data;
    return kl_run(db, error,
                  "UPDATE activation_credentials SET claimed_us = 1"
                  " WHERE device = ?1 AND claimant = ?2 AND pem IS NULL",
                  kl_text(call->device), kl_text(call->claimant));
}

static gboolean
release(KlActivationTable *table, const char *device, const char *claimant, KlOp *op, GError **error)
{
    ReleaseCall call = {device, claimant};
    return run_write(table, do_release, &call, error);
}

static void
table_free(KlActivationTable *table)
{
    TableSqlite *self = (TableSqlite *)table;
    kl_store_thread_free(self->thread);
    g_free(self->station);
    g_free(self);
}

static const KlActivationTableClass class = {
    .read = read_view,
    .keep = keep,
    .claim = claim,
    .issued = issued,
    .release = release,
    .free = table_free,
};

static gboolean
do_use_seal(sqlite3 *db, gpointer data, GError **error)
{
    const TableSqlite *self = data;
    return kl_audit_use_seal(db, self->seal, self->station, error);
}

KlActivationTable *
kl_activation_sqlite_open(const char *path, KlSeal *seal, const char *station, GError **error)
{
    if (g_access(path, F_OK) != 0) {
        kl_fail(error, KL_ERROR_STATION_MISSING, "%s: %s", path, g_strerror(errno));
        return NULL;
    }
    sqlite3 *db = kl_database_open(path, FALSE, error);
    KlStoreThread *thread = db != NULL ? kl_store_thread_new(db, error) : NULL;
    if (thread == NULL)
        return NULL;
    TableSqlite *self = g_new0(TableSqlite, 1);
    *self = (TableSqlite){{&class}, thread, seal, g_strdup(station)};
    g_autoptr(KlActivationTable) table = &self->base;
    if (seal != NULL && !run_write(table, do_use_seal, self, error))
        return NULL;
    return g_steal_pointer(&table);
}
