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
run_access(KlActivationTable *table, KlStoreAccess access, KlStoreWork work, gpointer data, GError **error)
{
    WriteCall call = {(TableSqlite *)table, work, data};
    return kl_store_thread_run(call.table->thread, access, do_write, &call, error);
}

static gboolean
run_write(KlActivationTable *table, KlStoreWork work, gpointer data, GError **error)
{
    return run_access(table, KL_STORE_WRITE, work, data, error);
}

/* --- reading --- */

static gboolean
look(sqlite3 *db, KlActivationLook *asked, GError **error)
{
    gboolean found = FALSE;
    sqlite3_stmt *query = kl_query_kept_with(db, error,
                                             "SELECT " KL_STORE_REGISTRATION_COLUMNS ","
                                             " EXISTS (SELECT 1 FROM activation_messages WHERE device = ?1 AND id = ?2)"
                                             " FROM registration WHERE device = ?1",
                                             kl_text(asked->device), kl_text(asked->id));
    gboolean ok = query != NULL && kl_next(db, query, &found, error);
    asked->view.row = found ? kl_store_read_registration(query) : NULL;
    asked->view.again = found && sqlite3_column_int(query, 7) != 0;
    sqlite3_reset(query);
    return ok;
}

typedef struct {
    KlActivationLook *looks;
    guint n;
} ReadCall;

static gboolean
do_read(sqlite3 *db, gpointer data, GError **error)
{
    const ReadCall *call = data;
    for (guint i = 0; i < call->n; i++) {
        if (!look(db, &call->looks[i], error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_all(KlActivationTable *table, KlActivationLook *looks, guint n, KlOp *op, GError **error)
{
    ReadCall call = {looks, n};
    if (run_read(table, do_read, &call, error))
        return TRUE;
    for (guint i = 0; i < n; i++)
        g_clear_pointer(&looks[i].view.row, kl_registration_free);
    return FALSE;
}

static gboolean
read_view(KlActivationTable *table, const char *device, const char *id, KlActivationView *view, KlOp *op,
          GError **error)
{
    KlActivationLook asked = {device, id, {NULL, FALSE}};
    if (!read_all(table, &asked, 1, op, error))
        return FALSE;
    *view = asked.view;
    return TRUE;
}

/* --- keeping --- */

/* What there is before a change. */
typedef struct {
    gboolean as_judged; /* the row is, field by field, the one that was judged, or none is, as none was */
    gboolean is_new;    /* the message was not remembered */
    gboolean alarmed;   /* the device has raised an alarm */
    gint64 total;       /* so often its verdict was given */
} Before;

/* Devices that are in no row count together. */
static const char *
counted(const KlActivationChange *c)
{
    return c->was != NULL ? c->device : "";
}

static gboolean
look_before(sqlite3 *db, const KlActivationChange *c, Before *before, GError **error)
{
    static const KlRegistration none = {0};
    const KlRegistration *was = c->was != NULL ? c->was : &none;
    gboolean row = FALSE;
    sqlite3_stmt *query = kl_query_kept_with(
        db, error,
        "SELECT (SELECT count(*) FROM registration WHERE device = ?1 AND (?3 IS NULL OR (registered = ?3"
        " AND policy = ?4 AND firmware = ?5 AND parameters = ?6 AND version = ?7 AND connections = ?8))),"
        " EXISTS (SELECT 1 FROM activation_messages WHERE device = ?1 AND id = ?2),"
        " EXISTS (SELECT 1 FROM activation_seen WHERE device = ?1 AND alarm_us IS NOT NULL),"
        " (SELECT total FROM activation_counts WHERE device = ?9 AND verdict = ?10)",
        kl_text(c->device), kl_text(c->id), kl_text(was->registered), kl_text(was->policy), kl_text(was->firmware),
        kl_text(was->parameters), kl_int(was->version), kl_int(was->connections), kl_text(counted(c)),
        kl_text(c->verdict));
    gboolean ok = query != NULL && kl_next(db, query, &row, error);
    if (ok)
        *before = (Before){.as_judged = sqlite3_column_int(query, 0) == (c->was != NULL),
                           .is_new = sqlite3_column_int(query, 1) == 0,
                           .alarmed = sqlite3_column_int(query, 2) != 0,
                           .total = sqlite3_column_int64(query, 3)};
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

static gboolean
is_seen(const KlActivationChange *c)
{
    return c->was != NULL && c->heard;
}

static gboolean
see(sqlite3 *db, const KlActivationChange *c, GError **error)
{
    return !is_seen(c) || kl_run(db, error,
                                 "INSERT INTO activation_seen (device, first_seen_us, last_seen_us, alarm_us)"
                                 " VALUES (?1, ?2, ?2, iif(?3, ?2, NULL)) ON CONFLICT (device) DO UPDATE SET"
                                 " last_seen_us = max(last_seen_us, excluded.last_seen_us),"
                                 " alarm_us = coalesce(alarm_us, excluded.alarm_us)",
                                 kl_text(c->device), kl_int(c->now_us), kl_int(c->alarm));
}

static gboolean
count(sqlite3 *db, const KlActivationChange *c, GError **error)
{
    return kl_run(db, error,
                  "INSERT INTO activation_counts (device, verdict, total) VALUES (?1, ?2, 1)"
                  " ON CONFLICT (device, verdict) DO UPDATE SET total = total + 1",
                  kl_text(counted(c)), kl_text(c->verdict));
}

static gboolean
keep_one(sqlite3 *db, const KlActivationChange *c, KlActivationKept *kept, GError **error)
{
    Before before = {0};
    if (!look_before(db, c, &before, error))
        return FALSE;
    gboolean first_alarm = is_seen(c) && c->alarm && !before.alarmed;
    *kept = before.as_judged && (before.is_new || c->again) ? KL_ACTIVATION_KEPT : KL_ACTIVATION_CHANGED;
    return *kept == KL_ACTIVATION_CHANGED ||
           (write_row(db, c, error) && remember(db, c, before.is_new, error) && see(db, c, error) &&
            count(db, c, error) && kl_activation_journal_message(db, c, before.total + 1, first_alarm, error));
}

typedef struct {
    const KlActivationChange *changes;
    KlActivationKept *kept;
    guint n;
} KeepCall;

static gboolean
do_keep(sqlite3 *db, gpointer data, GError **error)
{
    const KeepCall *call = data;
    for (guint i = 0; i < call->n; i++) {
        if (!keep_one(db, &call->changes[i], &call->kept[i], error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
keep_all(KlActivationTable *table, const KlActivationChange *changes, KlActivationKept *kept, guint n, KlOp *op,
         GError **error)
{
    KeepCall call = {changes, kept, n};
    return run_access(table, n > 1 ? KL_STORE_WRITE_ALONE : KL_STORE_WRITE, do_keep, &call, error);
}

static KlActivationKept
keep(KlActivationTable *table, const KlActivationChange *change, KlOp *op, GError **error)
{
    KlActivationKept kept = KL_ACTIVATION_FAILED;
    return keep_all(table, change, &kept, 1, op, error) ? kept : KL_ACTIVATION_FAILED;
}

/* --- credentials --- */

typedef struct {
    const KlActivationClaim *claim;
    KlActivationCredential credential;
} ClaimCall;

/* Who replaces a request begins anew. Only an activated device's is there for good, and then nobody claims it. */
static gboolean
drop_claim(sqlite3 *db, const KlActivationClaim *claim, GError **error)
{
    return kl_run(db, error,
                  "DELETE FROM activation_credentials WHERE device = ?1 AND pem IS NULL AND claimant <> ?2"
                  " AND abs(?3 - claimed_us) > ?4"
                  " AND device IN (SELECT device FROM registration WHERE registered <> 'ok')",
                  kl_text(claim->device), kl_text(claim->claimant), kl_int(claim->now_us),
                  kl_int(KL_ACTIVATION_CLAIM_US));
}

/* A claim that is from the future, after the clock was put right, holds nobody up. */
static gboolean
take_claim(sqlite3 *db, const KlActivationClaim *claim, GError **error)
{
    return kl_run(db, error,
                  "INSERT INTO activation_credentials (device, csr, claimant, since_us, claimed_us)"
                  " VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (device) DO UPDATE"
                  " SET claimant = excluded.claimant, claimed_us = excluded.claimed_us WHERE pem IS NULL"
                  " AND claimant <> excluded.claimant AND NOT ?6 AND abs(excluded.claimed_us - claimed_us) > ?5",
                  kl_text(claim->device), kl_bytes(claim->csr), kl_text(claim->claimant), kl_int(claim->now_us),
                  kl_int(KL_ACTIVATION_CLAIM_US), kl_int(claim->replaces));
}

static gboolean
do_claim(sqlite3 *db, gpointer data, GError **error)
{
    ClaimCall *call = data;
    const KlActivationClaim *claim = call->claim;
    gboolean found = FALSE;
    if ((claim->replaces && !drop_claim(db, claim, error)) || !take_claim(db, claim, error))
        return FALSE;
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT csr, pem, claimant = ?2, since_us FROM activation_credentials WHERE device = ?1",
                 kl_text(claim->device), kl_text(claim->claimant));
    if (query == NULL || !kl_next(db, query, &found, error))
        return FALSE;
    call->credential.csr = kl_column_bytes(query, 0);
    call->credential.pem = kl_column_text(query, 1);
    call->credential.mine = call->credential.pem == NULL && sqlite3_column_int(query, 2) != 0;
    call->credential.since_us = sqlite3_column_int64(query, 3);
    return TRUE;
}

static gboolean
claim(KlActivationTable *table, const KlActivationClaim *claim, KlActivationCredential *credential, KlOp *op,
      GError **error)
{
    ClaimCall call = {.claim = claim};
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
    .read_all = read_all,
    .keep_all = keep_all,
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
    /* What a statement may have to take back lies in a file otherwise, which costs more than the statement. */
    if (db != NULL && !kl_database_exec(db, "PRAGMA temp_store = MEMORY", error))
        g_clear_pointer(&db, kl_database_close);
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
