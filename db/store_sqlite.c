#include "db/store_sqlite.h"

#include "db/audit.h"
#include "db/database.h"
#include "db/statement.h"
#include "db/store_parts.h"
#include "db/store_thread.h"
#include "station/error.h"

typedef struct {
    KlStore base;
    KlStoreThread *thread;
    int queueing;        /* atomic */
    KlSeal *seal;        /* atomic; NULL until there is one */
    const char *station; /* set before seal; interned */
} StoreSqlite;

gboolean
kl_store_read(KlStore *store, KlStoreWork work, gpointer data, GError **error)
{
    return kl_store_thread_run(((StoreSqlite *)store)->thread, KL_STORE_READ, work, data, error);
}

void
kl_store_set_seal(KlStore *store, KlSeal *seal, const char *station)
{
    StoreSqlite *self = (StoreSqlite *)store;
    self->station = g_intern_string(station);
    g_atomic_pointer_set(&self->seal, seal);
}

KlSeal *
kl_store_seal(KlStore *store, const char **station)
{
    StoreSqlite *self = (StoreSqlite *)store;
    KlSeal *seal = g_atomic_pointer_get(&self->seal);
    *station = seal != NULL ? self->station : NULL;
    return seal;
}

typedef struct {
    KlStore *store;
    KlStoreWork work;
    gpointer data;
} WriteCall;

/* What was written may be what makes a checkpoint due. */
static gboolean
do_write(sqlite3 *db, gpointer data, GError **error)
{
    const WriteCall *call = data;
    const char *station = NULL;
    KlSeal *seal = kl_store_seal(call->store, &station);
    return call->work(db, call->data, error) && (seal == NULL || kl_audit_checkpoint_due(db, seal, station, error));
}

gboolean
kl_store_write(KlStore *store, KlStoreWork work, gpointer data, GError **error)
{
    WriteCall call = {store, work, data};
    return kl_store_thread_run(((StoreSqlite *)store)->thread, KL_STORE_WRITE, do_write, &call, error);
}

gboolean
kl_store_queues(KlStore *store)
{
    return g_atomic_int_get(&((StoreSqlite *)store)->queueing) != 0;
}

static void
use_outbox(KlStore *store, gboolean use)
{
    g_atomic_int_set(&((StoreSqlite *)store)->queueing, use != 0);
}

gboolean
kl_store_next_number(sqlite3 *db, const char *purpose, const char *name, gint64 *number, GError **error)
{
    return kl_get_int(db, number, error,
                      "INSERT INTO counters (purpose, name, value) VALUES (?1, ?2, 1)"
                      " ON CONFLICT (purpose, name) DO UPDATE SET value = value + 1 RETURNING value",
                      kl_text(purpose), kl_text(name));
}

typedef struct {
    const char *counter;
    gint64 number;
} NumberCall;

static gboolean
do_next_number(sqlite3 *db, gpointer data, GError **error)
{
    NumberCall *call = data;
    return kl_store_next_number(db, "number", call->counter, &call->number, error);
}

static gboolean
next_number(KlStore *store, const char *counter, guint64 *number, GError **error)
{
    NumberCall call = {.counter = counter};
    if (!kl_store_write(store, do_next_number, &call, error))
        return FALSE;
    *number = (guint64)call.number;
    return TRUE;
}

/* A real, durable write: only that tells whether the disk takes one now. Counting on is all that stays of it. */
static gboolean
do_count_test(sqlite3 *db, gpointer data, GError **error)
{
    return kl_store_next_number(db, "test", "self-test", data, error);
}

static gboolean
do_check_test(sqlite3 *db, gpointer data, GError **error)
{
    gint64 expected = *(gint64 *)data, found = 0;
    g_autofree char *verdict = NULL;
    if (!kl_get_int(db, &found, error, "SELECT value FROM counters WHERE purpose = 'test' AND name = 'self-test'"))
        return FALSE;
    if (found < expected)
        return kl_fail(error, KL_ERROR_STORE_FAILED, "wrote %" G_GINT64_FORMAT ", read %" G_GINT64_FORMAT, expected,
                       found);
    if (!kl_get_text(db, &verdict, error, "PRAGMA quick_check(1)"))
        return FALSE;
    if (g_strcmp0(verdict, "ok") != 0)
        return kl_fail(error, KL_ERROR_STORE_CORRUPT, "quick_check: %s", verdict);
    return TRUE;
}

static gboolean
self_test(KlStore *store, GError **error)
{
    gint64 number = 0;
    return kl_store_write(store, do_count_test, &number, error) && kl_store_read(store, do_check_test, &number, error);
}

static void
store_free(KlStore *store)
{
    StoreSqlite *self = (StoreSqlite *)store;
    kl_store_thread_free(self->thread);
    g_free(self);
}

static const KlStoreClass class = {
    .job_begin = kl_store_job_begin,
    .unit_claim = kl_store_unit_claim,
    .device_id = kl_store_device_id,
    .intent = kl_store_intent,
    .key_made = kl_store_key_made,
    .issued = kl_store_issued,
    .replaces_elsewhere = kl_store_replaces_elsewhere,
    .known_at = kl_store_known_at,
    .registered = kl_store_registered,
    .job_end = kl_store_job_end,
    .interrupt_running = kl_store_interrupt_running,
    .records = kl_store_records,
    .record = kl_store_record,
    .record_numbers = kl_store_record_numbers,
    .records_numbered = kl_store_records_numbered,
    .statistics = kl_store_statistics,
    .registrations = kl_store_registrations,
    .field = kl_store_field,
    .field_strangers = kl_store_field_strangers,
    .cloud_said = kl_store_cloud_said,
    .ledger = kl_store_ledger,
    .revoke = kl_store_revoke,
    .next_number = next_number,
    .setting = kl_store_setting,
    .set_setting = kl_store_set_setting,
    .add_act = kl_store_add_act,
    .acts = kl_store_acts,
    .use_outbox = use_outbox,
    .outbox_fill = kl_store_outbox_fill,
    .outbox_next = kl_store_outbox_next,
    .outbox_sent = kl_store_outbox_sent,
    .outbox_failed = kl_store_outbox_failed,
    .outbox_park = kl_store_outbox_park,
    .outbox_retry = kl_store_outbox_retry,
    .outbox_rows = kl_store_outbox_rows,
    .outbox_row = kl_store_outbox_row,
    .outbox_counts = kl_store_outbox_counts,
    .lease_add = kl_store_lease_add,
    .lease_left = kl_store_lease_left,
    .use_seal = kl_store_use_seal,
    .note = kl_store_note,
    .checkpoint = kl_store_checkpoint,
    .set_quota = kl_store_set_quota,
    .quota = kl_store_quota,
    .self_test = self_test,
    .free = store_free,
};

/* Before anything else is kept: the journal's beginning counts what there was before it. */
static gboolean
begin_journal(sqlite3 *db, GError **error)
{
    gboolean ok = kl_database_exec(db, "BEGIN IMMEDIATE", error) && kl_audit_begin(db, error) &&
                  kl_database_exec(db, "COMMIT", error);
    if (!ok && !sqlite3_get_autocommit(db))
        kl_database_exec(db, "ROLLBACK", NULL);
    return ok;
}

KlStore *
kl_store_sqlite_open(const char *path, gboolean read_only, GError **error)
{
    g_autoptr(sqlite3) db = kl_database_open(path, read_only, error);
    if (db == NULL || (!read_only && !begin_journal(db, error)))
        return NULL;
    KlStoreThread *thread = kl_store_thread_new(g_steal_pointer(&db), error);
    if (thread == NULL)
        return NULL;
    StoreSqlite *self = g_new0(StoreSqlite, 1);
    self->base.klass = &class;
    self->thread = thread;
    return &self->base;
}
