/* What another station has issued, and this one takes the place of. */
#include "db/statement.h"
#include "db/store_parts.h"

typedef struct {
    const char *job, *certificate_sha256, *device_id, *reason;
} ReplaceCall;

static gboolean
do_replaces_elsewhere(sqlite3 *db, gpointer data, GError **error)
{
    const ReplaceCall *call = data;
    return kl_store_require_job(db, call->job, NULL, error) &&
           kl_run(db, error,
                  "INSERT INTO outbox (kind, key, run, body, queued_us) SELECT 'cleanup', ?1, ?2,"
                  " json_object('certificate', ?1, 'device_id', ?3, 'reason', ?4), ?5"
                  " WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE kind = 'cleanup' AND key = ?1 AND state <> 'parked')",
                  kl_text(call->certificate_sha256), kl_text(call->job), kl_text(call->device_id),
                  kl_text(call->reason), kl_int(g_get_real_time()));
}

gboolean
kl_store_replaces_elsewhere(KlStore *store, const char *job, const char *certificate_sha256, const char *device_id,
                            const char *reason, GError **error)
{
    ReplaceCall call = {job, certificate_sha256, device_id, reason};
    return !kl_store_queues(store) || kl_store_write(store, do_replaces_elsewhere, &call, error);
}
