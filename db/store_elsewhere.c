/* Certificates that are known elsewhere: another station's, which one of this station takes the place of, and this
 * station's own. */
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

typedef struct {
    const char *job, *certificate_sha256, *place;
} KnownCall;

static gboolean
do_known_at(sqlite3 *db, gpointer data, GError **error)
{
    const KnownCall *call = data;
    return kl_store_require_job(db, call->job, NULL, error) &&
           kl_run(db, error,
                  "UPDATE certificates SET places = ltrim(places || ' ' || ?2)"
                  " WHERE sha256 = ?1 AND instr(' ' || places || ' ', ' ' || ?2 || ' ') = 0",
                  kl_text(call->certificate_sha256), kl_text(call->place));
}

gboolean
kl_store_known_at(KlStore *store, const char *job, const char *certificate_sha256, const char *place, GError **error)
{
    KnownCall call = {job, certificate_sha256, place};
    return kl_store_write(store, do_known_at, &call, error);
}
