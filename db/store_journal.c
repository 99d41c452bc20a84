/* The journal of jobs: their beginning and end, and what they are about to do and have done to a unit's key. */
#include "db/audit_events.h"
#include "db/statement.h"
#include "db/store_parts.h"
#include "station/error.h"

static const char *const intent_names[] = {
    [KL_INTENT_KEY] = "KEY",
    [KL_INTENT_ISSUE] = "ISSUE",
    [KL_INTENT_REPROVISION] = "REPROVISION",
    [KL_INTENT_LOCK] = "LOCK",
};

gboolean
kl_store_require_job(sqlite3 *db, const char *job, const char *imei, GError **error)
{
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT outcome = 'RUNNING', unit FROM jobs WHERE id = ?1", kl_text(job));
    gboolean row;
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    if (!row)
        return kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "job %s was never begun", job);
    if (!sqlite3_column_int(query, 0))
        return kl_fail(error, KL_ERROR_INTERNAL, "job %s has ended", job);
    const char *unit = (const char *)sqlite3_column_text(query, 1);
    if (imei != NULL && g_strcmp0(unit, imei) != 0)
        return kl_fail(error, KL_ERROR_INTERNAL, "job %s is not bound to unit %s", job, imei);
    return TRUE;
}

gboolean
kl_store_note_unit(sqlite3 *db, const char *job, const KlUnit *unit, GError **error)
{
    return kl_run(db, error,
                  "UPDATE jobs SET imei = ?2, fsn = ?3, model = ?4, firmware = ?5, agent_version = ?6, keystore = ?7,"
                  " boot_id = ?8, device_id = coalesce(?9, (SELECT device_id FROM units WHERE imei = ?2 AND fsn = ?3))"
                  " WHERE id = ?1",
                  kl_text(job), kl_text(unit->imei), kl_text(unit->fsn), kl_text(unit->model), kl_text(unit->firmware),
                  kl_text(unit->agent_version), kl_text(unit->keystore), kl_text(unit->boot_id),
                  kl_text(unit->device_id));
}

static gboolean
do_job_begin(sqlite3 *db, gpointer data, GError **error)
{
    const KlRecord *r = data;
    return kl_run(db, error,
                  "INSERT INTO jobs (id, batch, station, slot, product, operator, work_order, label,"
                  " reprovision_reason, program, started_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                  kl_text(r->id), kl_text(r->batch), kl_text(r->station), kl_text(r->slot), kl_text(r->product),
                  kl_text(r->operator_id), kl_text(r->work_order), kl_text(r->label), kl_text(r->reprovision_reason),
                  kl_text(r->program), kl_int(r->started_us)) &&
           kl_audit_job_begin(db, r, error);
}

gboolean
kl_store_job_begin(KlStore *store, const KlRecord *record, GError **error)
{
    return kl_store_write(store, do_job_begin, (gpointer)record, error);
}

typedef struct {
    const char *job;
    const char *imei;
    KlIntentKind kind;
    const char *detail;
} IntentCall;

static gboolean
close_intent(sqlite3 *db, const char *imei, KlIntentKind kind, const char *how, GError **error)
{
    return kl_run(db, error,
                  "UPDATE intents SET closed_us = ?4, closed = ?3 WHERE imei = ?1 AND kind = ?2 AND closed_us IS NULL",
                  kl_text(imei), kl_text(intent_names[kind]), kl_text(how), kl_int(g_get_real_time()));
}

gboolean
kl_store_close_intent(sqlite3 *db, const char *imei, KlIntentKind kind, GError **error)
{
    return close_intent(db, imei, kind, "done", error);
}

/* Whatever was begun for the old key is given up with it: a key that is found on the unit is the old one, and a
 * certificate that may have been issued for it is not looked for any more. */
static gboolean
retire_keys(sqlite3 *db, const char *imei, GError **error)
{
    return kl_run(db, error, "UPDATE keys SET retired_us = ?2 WHERE imei = ?1 AND retired_us IS NULL", kl_text(imei),
                  kl_int(g_get_real_time())) &&
           close_intent(db, imei, KL_INTENT_KEY, "replaced", error) &&
           close_intent(db, imei, KL_INTENT_ISSUE, "replaced", error);
}

/* From here on the unit is not what it was when it passed. Locking takes nothing away from it. */
static gboolean
unsettle(sqlite3 *db, const char *imei, KlIntentKind kind, GError **error)
{
    if (kind == KL_INTENT_LOCK)
        return TRUE;
    return kl_run(db, error, "UPDATE units SET provisioned = 0 WHERE imei = ?1", kl_text(imei)) &&
           (kind != KL_INTENT_REPROVISION || retire_keys(db, imei, error));
}

static gboolean
do_intent(sqlite3 *db, gpointer data, GError **error)
{
    const IntentCall *call = data;
    return kl_store_require_job(db, call->job, call->imei, error) &&
           (call->kind != KL_INTENT_ISSUE || kl_store_check_quota(db, call->job, call->imei, error)) &&
           close_intent(db, call->imei, call->kind, "replaced", error) &&
           kl_run(db, error, "INSERT INTO intents (imei, kind, job, detail, opened_us) VALUES (?1, ?2, ?3, ?4, ?5)",
                  kl_text(call->imei), kl_text(intent_names[call->kind]), kl_text(call->job), kl_text(call->detail),
                  kl_int(g_get_real_time())) &&
           unsettle(db, call->imei, call->kind, error) &&
           kl_audit_intent(db, call->job, call->imei, intent_names[call->kind], call->detail, error);
}

gboolean
kl_store_intent(KlStore *store, const char *job, const char *imei, KlIntentKind kind, const char *detail,
                GError **error)
{
    IntentCall call = {job, imei, kind, detail};
    return kl_store_write(store, do_intent, &call, error);
}

typedef struct {
    const char *job;
    const char *imei;
    const char *spki_sha256;
    const char *backend;
    char *other; /* the unit that had the same key before */
} KeyCall;

static gboolean
keep_collision(sqlite3 *db, const KeyCall *call, GError **error)
{
    return kl_run(db, error,
                  "INSERT INTO key_collisions (spki_sha256, imei, backend, job, seen_us) VALUES (?1, ?2, ?3, ?4, ?5)",
                  kl_text(call->spki_sha256), kl_text(call->imei), kl_text(call->backend), kl_text(call->job),
                  kl_int(g_get_real_time())) &&
           kl_audit_key(db, call->job, call->imei, call->spki_sha256, call->backend, call->other, error);
}

/* A duplicate leaves the key intent open: the unit does hold a key, and the next job must come to the same refusal. */
static gboolean
do_key_made(sqlite3 *db, gpointer data, GError **error)
{
    KeyCall *call = data;
    g_autofree char *owner = NULL;
    if (!kl_store_require_job(db, call->job, call->imei, error) ||
        !kl_get_text(db, &owner, error, "SELECT imei FROM keys WHERE spki_sha256 = ?1", kl_text(call->spki_sha256)))
        return FALSE;
    if (owner != NULL && !g_str_equal(owner, call->imei)) {
        call->other = g_steal_pointer(&owner);
        return keep_collision(db, call, error);
    }
    return kl_run(db, error,
                  "INSERT INTO keys (spki_sha256, imei, backend, job, made_us) VALUES (?1, ?2, ?3, ?4, ?5)"
                  " ON CONFLICT (spki_sha256) DO UPDATE SET retired_us = NULL",
                  kl_text(call->spki_sha256), kl_text(call->imei), kl_text(call->backend), kl_text(call->job),
                  kl_int(g_get_real_time())) &&
           kl_store_close_intent(db, call->imei, KL_INTENT_KEY, error) &&
           kl_audit_key(db, call->job, call->imei, call->spki_sha256, call->backend, NULL, error);
}

gboolean
kl_store_key_made(KlStore *store, const char *job, const char *imei, const char *spki_sha256, const char *backend,
                  GError **error)
{
    KeyCall call = {.job = job, .imei = imei, .spki_sha256 = spki_sha256, .backend = backend};
    gboolean ok = kl_store_write(store, do_key_made, &call, error);
    g_autofree char *other = call.other;
    if (ok && other != NULL)
        return kl_fail(error, KL_ERROR_DUPLICATE_KEY, "unit %s had key %s before unit %s", other, spki_sha256, imei);
    return ok;
}

static gboolean
keep_step(sqlite3 *db, const char *job, guint position, const KlStepResult *step, GError **error)
{
    return kl_run(db, error,
                  "INSERT INTO steps (job, position, step, attempt, outcome, code, detail, start_us, duration_us,"
                  " device_us, store_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                  kl_text(job), kl_int(position), kl_text(step->step), kl_int(step->attempt),
                  kl_text(kl_outcome_name(step->outcome)), kl_text(step->code), kl_text(step->detail),
                  kl_int(step->start_us), kl_int(step->duration_us), kl_int(step->device_us), kl_int(step->store_us));
}

static gboolean
keep_details(sqlite3 *db, const KlRecord *record, GError **error)
{
    for (guint i = 0; i < record->steps->len; i++) {
        if (!keep_step(db, record->id, i, g_ptr_array_index(record->steps, i), error))
            return FALSE;
    }
    return record->transcript == NULL || kl_run(db, error, "INSERT INTO transcripts (job, text) VALUES (?1, ?2)",
                                                kl_text(record->id), kl_text(record->transcript));
}

/* The triggers of jobs refuse a PASS of a unit that lacks anything. */
static gboolean
keep_outcome(sqlite3 *db, const KlRecord *r, GError **error)
{
    return kl_run(db, error,
                  "UPDATE jobs SET outcome = ?2, ended_us = nullif(?3, 0), code = ?4, detail = ?5, first_code = ?6,"
                  " already_provisioned = ?7, resumed = ?8, certificate = coalesce(?9, certificate), label = ?10,"
                  " reprovision_reason = ?11, row_queued = ?12 WHERE id = ?1",
                  kl_text(r->id), kl_text(kl_outcome_name(r->outcome)), kl_int(r->ended_us), kl_text(r->code),
                  kl_text(r->detail), kl_text(r->first_code), kl_int(r->already_provisioned != 0),
                  kl_int(r->resumed != 0), kl_text(r->certificate_sha256), kl_text(r->label),
                  kl_text(r->reprovision_reason), kl_int(r->row_queued && r->outcome == KL_OUTCOME_PASS));
}

static gboolean
settle_unit(sqlite3 *db, const KlRecord *record, GError **error)
{
    g_autofree char *imei = NULL;
    return kl_get_text(db, &imei, error, "SELECT unit FROM jobs WHERE id = ?1", kl_text(record->id)) &&
           kl_run(db, error, "UPDATE units SET provisioned = 1 WHERE imei = ?1", kl_text(imei)) &&
           kl_store_close_intent(db, imei, KL_INTENT_LOCK, error);
}

typedef struct {
    const KlRecord *record;
    gboolean queue;
} EndCall;

static gboolean
do_job_end(sqlite3 *db, gpointer data, GError **error)
{
    const EndCall *call = data;
    const KlRecord *record = call->record;
    return kl_store_require_job(db, record->id, NULL, error) &&
           (record->unit == NULL || kl_store_note_unit(db, record->id, record->unit, error)) &&
           keep_details(db, record, error) && keep_outcome(db, record, error) &&
           (record->outcome != KL_OUTCOME_PASS || settle_unit(db, record, error)) &&
           kl_audit_job_end(db, record->id, error) && (!call->queue || kl_store_queue_record(db, record->id, error));
}

gboolean
kl_store_job_end(KlStore *store, const KlRecord *record, GError **error)
{
    EndCall call = {record, kl_store_queues(store)};
    return kl_store_write(store, do_job_end, &call, error);
}

typedef struct {
    gboolean queue;
    guint count;
} InterruptCall;

static gboolean
find_running(sqlite3 *db, GPtrArray *jobs, GError **error)
{
    g_autoptr(sqlite3_stmt) query =
        kl_query_values(db, error, "SELECT id FROM jobs WHERE outcome = 'RUNNING' ORDER BY number", NULL, 0);
    gboolean ok;
    while (kl_each(db, query, &ok, error))
        g_ptr_array_add(jobs, kl_column_text(query, 0));
    return ok;
}

static gboolean
do_interrupt_running(sqlite3 *db, gpointer data, GError **error)
{
    InterruptCall *call = data;
    g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func(g_free);
    if (!find_running(db, jobs, error) ||
        !kl_run(db, error,
                "UPDATE jobs SET outcome = 'ABORTED', ended_us = ?1, code = ?2,"
                " detail = 'the program ended in the middle of this job', first_code = coalesce(first_code, ?2)"
                " WHERE outcome = 'RUNNING'",
                kl_int(g_get_real_time()), kl_text(kl_error_name(KL_ERROR_INTERRUPTED))))
        return FALSE;
    call->count = jobs->len;
    for (guint i = 0; i < jobs->len; i++) {
        const char *job = g_ptr_array_index(jobs, i);
        if (!kl_audit_job_end(db, job, error) || (call->queue && !kl_store_queue_record(db, job, error)))
            return FALSE;
    }
    return TRUE;
}

gboolean
kl_store_interrupt_running(KlStore *store, guint *count, GError **error)
{
    InterruptCall call = {.queue = kl_store_queues(store)};
    if (!kl_store_write(store, do_interrupt_running, &call, error))
        return FALSE;
    if (count != NULL)
        *count = call.count;
    return TRUE;
}
