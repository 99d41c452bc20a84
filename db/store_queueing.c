/* What is put into the outbox, and as what. The bodies are made by SQLite, of the rows that were just written. */
#include "db/statement.h"
#include "db/store_parts.h"

#define INSERT "INSERT INTO outbox (kind, key, run, body, queued_us) "

#define REGISTRATION_BODY                                                                                              \
    "json_object('device', device, 'registered', registered, 'policy', policy, 'firmware', registration.firmware,"     \
    " 'parameters', parameters, 'version', version, 'connections', connections, 'imei', units.imei,"                   \
    " 'reset', json(iif(" KL_STORE_PROVISIONED_ANEW ", 'true', 'false')))"

#define RECORD_BODY                                                                                                    \
    "json_object('record', id, 'imei', jobs.imei, 'fsn', jobs.fsn, 'device_id', jobs.device_id, 'station', station,"   \
    " 'slot', slot, 'product', product, 'outcome', outcome, 'code', code, 'operator', operator,"                       \
    " 'work_order', work_order, 'started_us', started_us, 'ended_us', ended_us, 'certificate', certificate,"           \
    " 'program', program)"

#define NEVER_QUEUED(kind, key) "NOT EXISTS (SELECT 1 FROM outbox WHERE kind = '" kind "' AND key = " key ")"

gboolean
kl_store_queue_registration(sqlite3 *db, const char *device, const char *job, gboolean changed, GError **error)
{
    return kl_run(db, error,
                  INSERT "SELECT 'registration', device, ?2, " REGISTRATION_BODY ", ?4"
                         " FROM registration JOIN units ON device_id = device"
                         " WHERE device = ?1 AND (?3 OR " NEVER_QUEUED("registration", "device") ")",
                  kl_text(device), kl_text(job), kl_int(changed != 0), kl_int(g_get_real_time()));
}

gboolean
kl_store_queue_record(sqlite3 *db, const char *job, GError **error)
{
    return kl_run(db, error,
                  INSERT "SELECT 'record', id, id, " RECORD_BODY ", ?2 FROM jobs WHERE id = ?1 AND imei NOT NULL",
                  kl_text(job), kl_int(g_get_real_time()));
}

gboolean
kl_store_queue_cleanup(sqlite3 *db, const char *certificate_sha256, const char *job, gboolean always, GError **error)
{
    return kl_run(db, error,
                  INSERT "SELECT 'cleanup', sha256, coalesce(?2, job), json_object('certificate', sha256,"
                         " 'device_id', device_id, 'reason', coalesce(revoke_reason, supersede_reason)), ?3"
                         " FROM certificates JOIN units ON units.imei = certificates.imei"
                         " WHERE sha256 = ?1 AND (?4 OR places <> '')",
                  kl_text(certificate_sha256), kl_text(job), kl_int(g_get_real_time()), kl_int(always != 0));
}

/* The job that a row would have been queued by: the unit's last that passed, or else its last. */
#define LAST_JOB "(SELECT id FROM jobs WHERE unit = units.imei ORDER BY outcome = 'PASS' DESC, number DESC LIMIT 1)"

static gboolean
do_fill(sqlite3 *db, gpointer data, GError **error)
{
    guint *count = data;
    gint64 now_us = g_get_real_time();
    if (!kl_run(db, error,
                INSERT "SELECT 'registration', device, " LAST_JOB ", " REGISTRATION_BODY ", ?1"
                       " FROM units JOIN registration ON device = device_id"
                       " WHERE " NEVER_QUEUED("registration", "device") " ORDER BY units.number",
                kl_int(now_us)))
        return FALSE;
    *count = (guint)sqlite3_changes(db);
    if (!kl_run(db, error,
                INSERT "SELECT 'record', id, id, " RECORD_BODY ", ?1 FROM units JOIN jobs ON jobs.number ="
                       " (SELECT max(number) FROM jobs WHERE unit = units.imei AND outcome = 'PASS')"
                       " WHERE " NEVER_QUEUED("record", "id") " ORDER BY jobs.number",
                kl_int(now_us)))
        return FALSE;
    *count += (guint)sqlite3_changes(db);
    return TRUE;
}

gboolean
kl_store_outbox_fill(KlStore *store, guint *count, GError **error)
{
    guint queued = 0;
    if (!kl_store_write(store, do_fill, &queued, error))
        return FALSE;
    if (count != NULL)
        *count = queued;
    return TRUE;
}
