/* The bootstrapping registration table: one row of seven fields a device. */
#include "station/registration.h"

#include "db/audit_events.h"
#include "db/statement.h"
#include "db/store_parts.h"
#include "station/error.h"

typedef struct {
    const char *job;
    const char *imei;
    const KlRegistration *row;
    gboolean queue;
} RegisterCall;

static gboolean
check_owner(sqlite3 *db, const RegisterCall *call, GError **error)
{
    g_autofree char *owner = NULL;
    if (!kl_get_text(db, &owner, error, "SELECT imei FROM units WHERE device_id = ?1", kl_text(call->row->device)))
        return FALSE;
    if (owner == NULL)
        return kl_fail(error, KL_ERROR_INTERNAL, "device id %s was not given to unit %s", call->row->device,
                       call->imei);
    if (!g_str_equal(owner, call->imei))
        return kl_fail(error, KL_ERROR_DUPLICATE_DEVICE, "device id %s belongs to unit %s, not %s", call->row->device,
                       owner, call->imei);
    return TRUE;
}

/* First boot changes the row in the cloud, not here: one that begins anew is queued whatever it is here, once a job. */
static gboolean
must_queue_anew(sqlite3 *db, const RegisterCall *call, gint64 *must, GError **error)
{
    return kl_get_int(db, must, error,
                      "SELECT " KL_STORE_PROVISIONED_ANEW " AND NOT EXISTS (SELECT 1 FROM outbox"
                      " WHERE kind = 'registration' AND key = device_id AND run = ?2) FROM units WHERE device_id = ?1",
                      kl_text(call->row->device), kl_text(call->job));
}

static gboolean
queue_row(sqlite3 *db, const RegisterCall *call, gboolean changed, GError **error)
{
    gint64 anew = 0;
    if (!call->queue)
        return TRUE;
    return must_queue_anew(db, call, &anew, error) &&
           kl_store_queue_registration(db, call->row->device, call->job, changed || anew != 0, error);
}

/* A unit that has passed keeps its row, and so does one whose first boot has begun, unless a supervisor has it
 * provisioned anew: with the same row its next first boot would look like an attack. */
static gboolean
do_registered(sqlite3 *db, gpointer data, GError **error)
{
    const RegisterCall *call = data;
    const KlRegistration *r = call->row;
    return kl_store_require_job(db, call->job, call->imei, error) && check_owner(db, call, error) &&
           kl_run(db, error,
                  "INSERT INTO registration (" KL_STORE_REGISTRATION_COLUMNS ")"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (device) DO UPDATE SET"
                  " registered = excluded.registered, policy = excluded.policy, firmware = excluded.firmware,"
                  " parameters = excluded.parameters, version = excluded.version, connections = excluded.connections"
                  " WHERE EXISTS (SELECT 1 FROM units WHERE device_id = excluded.device AND provisioned = 0"
                  " AND ((registered = 'false' AND version = 0 AND connections = 0) OR " KL_STORE_PROVISIONED_ANEW "))"
                  " AND (registered, policy, registration.firmware, parameters, version, connections) IS NOT"
                  " (excluded.registered, excluded.policy, excluded.firmware, excluded.parameters, excluded.version,"
                  " excluded.connections)",
                  kl_text(r->device), kl_text(r->registered), kl_text(r->policy), kl_text(r->firmware),
                  kl_text(r->parameters), kl_int(r->version), kl_int(r->connections)) &&
           queue_row(db, call, sqlite3_changes(db) > 0, error) &&
           kl_audit_register(db, call->job, call->imei, r->device, error);
}

gboolean
kl_store_registered(KlStore *store, const char *job, const char *imei, const KlRegistration *row, GError **error)
{
    RegisterCall call = {job, imei, row, kl_store_queues(store)};
    return kl_store_write(store, do_registered, &call, error);
}

typedef struct {
    const char *device;
    GPtrArray *rows;
} RegistrationsCall;

KlRegistration *
kl_store_read_registration(sqlite3_stmt *query)
{
    KlRegistration *row = g_new0(KlRegistration, 1);
    row->device = kl_column_text(query, 0);
    row->registered = kl_column_text(query, 1);
    row->policy = kl_column_text(query, 2);
    row->firmware = kl_column_text(query, 3);
    row->parameters = kl_column_text(query, 4);
    row->version = sqlite3_column_int64(query, 5);
    row->connections = sqlite3_column_int64(query, 6);
    return row;
}

static gboolean
do_registrations(sqlite3 *db, gpointer data, GError **error)
{
#define SELECT_ROWS "SELECT " KL_STORE_REGISTRATION_COLUMNS " FROM registration "
    RegistrationsCall *call = data;
    g_autoptr(sqlite3_stmt) query = call->device != NULL
                                        ? kl_query(db, error, SELECT_ROWS "WHERE device = ?1", kl_text(call->device))
                                        : kl_query(db, error, SELECT_ROWS "ORDER BY device");
#undef SELECT_ROWS
    gboolean ok;
    while (kl_each(db, query, &ok, error))
        g_ptr_array_add(call->rows, kl_store_read_registration(query));
    return ok;
}

GPtrArray *
kl_store_registrations(KlStore *store, const char *device, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)kl_registration_free);
    RegistrationsCall call = {device, rows};
    return kl_store_read(store, do_registrations, &call, error) ? g_steal_pointer(&rows) : NULL;
}
