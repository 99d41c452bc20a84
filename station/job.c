/* Runs a job: its steps in order, with their retries, clean-up and events. What the steps do is in steps_*.c. */
#include "station/job.h"

#include "station/job_steps.h"

#define TRANSCRIPT_MAX (256 * 1024)

KlEvent *
kl_job_event(const KlJob *job, KlEventType type)
{
    return kl_event_new(type, job->slot, job->record->id);
}

void
kl_job_emit(const KlJob *job, KlEvent *event)
{
    job->sink(event, job->sink_data);
}

gboolean
kl_job_verifies_only(const KlJob *job)
{
    return job->record->already_provisioned;
}

gboolean
kl_job_replaces(const KlJob *job)
{
    return job->record->reprovision_reason != NULL || job->state->reprovision_reason != NULL;
}

void
kl_job_add_store_time(KlJob *job, gint64 us)
{
    job->store_us += us;
    if (job->op != NULL)
        kl_op_extend(job->op, us);
}

static double
weight_before(guint place)
{
    double weight = 0;
    for (guint i = 0; i < place; i++)
        weight += kl_job_steps[i].weight;
    return weight;
}

static void
step_progress(double fraction, gpointer data)
{
    const KlJob *job = data;
    double done = weight_before(job->place) + kl_job_steps[job->place].weight * CLAMP(fraction, 0, 1);
    g_autoptr(KlEvent) event = kl_job_event(job, KL_EVENT_PROGRESS);
    event->fraction = done / weight_before(kl_job_n_steps);
    kl_job_emit(job, g_steal_pointer(&event));
}

static void
emit_step(const KlJob *job, KlEventType type, const KlStep *step, guint attempt, KlOutcome outcome, const char *code)
{
    g_autoptr(KlEvent) event = kl_job_event(job, type);
    event->step = g_strdup(step->id);
    event->step_title = g_strdup(step->title);
    event->n = job->place + 1;
    event->m = kl_job_n_steps;
    event->attempt = attempt;
    event->outcome = outcome;
    event->code = g_strdup(code);
    kl_job_emit(job, g_steal_pointer(&event));
}

static void
note_failure(KlJob *job, KlStepResult *result, const GError *failure)
{
    KlErrorCode code = kl_error_code(failure);
    result->outcome = kl_outcome_of(code);
    result->code = g_strdup(kl_error_name(code));
    result->detail = g_strdup(failure->message);
    if (job->record->first_code == NULL)
        job->record->first_code = g_strdup(result->code);
    kl_transcript_note(job->transcript, "%s: %s", result->code, result->detail);
}

gboolean
kl_job_worth_retrying(const GError *failure)
{
    KlErrorCode code = kl_error_code(failure);
    return code != KL_ERROR_CANCELLED && code != KL_ERROR_UNIT_REMOVED && kl_error_kind(code) == KL_ERROR_KIND_RETRY;
}

/* The step's own work under its limits. A contested IMEI stops a unit at its next step, and so does that it has gone to
 * another slot. */
static gboolean
run_limited(KlJob *job, const KlStep *step, KlOp *op, GError **error)
{
    op->deadline_us = g_get_monotonic_time() + step->timeout_s * G_USEC_PER_SEC;
    op->cancel = step->flags & (KL_STEP_NO_RETURN | KL_STEP_CLEANUP) ? NULL : job->cancel;
    op->transcript = job->transcript;
    op->progress = step->weight > 0 ? step_progress : NULL;
    op->progress_data = job;

    if (!(step->flags & KL_STEP_CLEANUP)) {
        if (!kl_op_check(op, error) || !kl_job_check_claim(job, error))
            return FALSE;
    }
    return step->run(job, op, error);
}

/* One attempt at a step, written down whatever comes of it. */
static gboolean
run_attempt(KlJob *job, const KlStep *step, guint attempt, GError **error)
{
    g_autoptr(KlStepResult) result = g_new0(KlStepResult, 1);
    g_autoptr(GError) failure = NULL;
    KlOp op = {0};
    gint64 from_us = g_get_monotonic_time();
    gint64 store_before_us = job->store_us;

    emit_step(job, KL_EVENT_STEP_BEGIN, step, attempt, KL_OUTCOME_RUNNING, NULL);
    kl_transcript_note(job->transcript, "step %s, attempt %u", step->id, attempt);
    job->op = &op;
    gboolean ok = run_limited(job, step, &op, &failure);
    job->op = NULL;
    if (!ok && (step->flags & KL_STEP_DEVICE) && job->record->unit != NULL && kl_job_worth_retrying(failure))
        kl_job_recover(job, &failure);

    result->step = g_strdup(step->id);
    result->attempt = attempt;
    result->outcome = KL_OUTCOME_PASS;
    result->start_us = from_us - job->start_us;
    result->duration_us = g_get_monotonic_time() - from_us;
    result->device_us = op.device_us;
    result->store_us = job->store_us - store_before_us;
    if (ok)
        result->detail = g_steal_pointer(&job->remark);
    else
        note_failure(job, result, failure);
    g_clear_pointer(&job->remark, g_free);
    emit_step(job, KL_EVENT_STEP_END, step, attempt, result->outcome, result->code);
    /* The step that commits the record can't be part of it. */
    if (job->record->ended_us == 0)
        g_ptr_array_add(job->record->steps, g_steal_pointer(&result));
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&failure));
    return ok;
}

/* That the bus can't help does not change what the job failed of. */
static gboolean
is_no_help(KlErrorCode code)
{
    return code == KL_ERROR_POWER_FIXED || code == KL_ERROR_BUS_FAILED;
}

/* The last resort before the failure counts, as often as it may be tried. As in kl_job_recover: what was found there
 * for good (another unit, a second one with its IMEI, that the operator has stopped it) explains the failure better,
 * and so does that the unit has no power any more; there is no trying again then. */
static gboolean
power_cycle(KlJob *job, const KlStep *step, GError **failure)
{
    while (kl_job_may_power_cycle(job, step, *failure)) {
        g_autoptr(GError) trouble = NULL;
        if (run_attempt(job, &kl_job_power_step, ++job->power_cycles, &trouble))
            return TRUE;
        if (kl_job_worth_retrying(trouble))
            continue;
        if (is_no_help(kl_error_code(trouble)))
            return FALSE;
        g_autofree char *was = g_strdup((*failure)->message);
        g_clear_error(failure);
        kl_fail(failure, kl_error_code(trouble), "after \"%s\": %s", was, trouble->message);
        return FALSE;
    }
    return FALSE;
}

static gboolean
run_step(KlJob *job, const KlStep *step, GError **error)
{
    for (guint attempt = 1;; attempt++) {
        g_autoptr(GError) failure = NULL;
        if (run_attempt(job, step, attempt, &failure))
            return TRUE;
        gboolean again = attempt <= step->retries && kl_job_worth_retrying(failure);
        if (!again && !power_cycle(job, step, &failure)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
}

/* Also a step without return is not begun any more once the operator has stopped the job. */
static gboolean
not_cancelled(const KlJob *job, GError **error)
{
    if (!g_cancellable_is_cancelled(job->cancel))
        return TRUE;
    return kl_fail(error, KL_ERROR_CANCELLED, "stopped between two steps");
}

/* The first failure decides the job; clean-up steps run all the same, and a failure of theirs decides a job that had
 * none. */
static void
run_steps(KlJob *job)
{
    for (guint i = 0; i < kl_job_n_steps; i++) {
        const KlStep *step = &kl_job_steps[i];
        job->place = i;
        if (job->failure != NULL && !(step->flags & KL_STEP_CLEANUP))
            continue;
        if (step->needed != NULL && !step->needed(job))
            continue;
        g_autoptr(GError) failure = NULL;
        gboolean ok = step->flags & KL_STEP_CLEANUP || not_cancelled(job, &failure);
        ok = ok && run_step(job, step, &failure);
        if (!ok && job->failure == NULL)
            job->failure = g_steal_pointer(&failure);
    }
}

static KlRecord *
new_record(const KlBench *bench, const char *slot, const KlJobRequest *request)
{
    KlRecord *record = kl_record_new();
    record->id = g_uuid_string_random();
    record->batch = g_strdup(request->batch);
    record->station = g_strdup(bench->station);
    record->slot = g_strdup(slot);
    record->product = g_strdup(bench->profile->name);
    record->operator_id = g_strdup(request->operator_id);
    record->work_order = g_strdup(request->work_order);
    record->label = kl_label_clean(request->label);
    record->reprovision_reason = g_strdup(request->reprovision_reason);
    record->program = g_strdup(bench->program);
    record->started_us = g_get_real_time();
    record->outcome = KL_OUTCOME_RUNNING;
    return record;
}

static void
clear_job(KlJob *job)
{
    kl_job_disconnect(job);
    if (job->claimed)
        kl_claims_drop(job->bench->claims, job->record->unit->imei, job->slot);
    g_clear_pointer(&job->state, kl_unit_state_free);
    g_clear_pointer(&job->elsewhere, kl_passed_elsewhere_free);
    g_clear_pointer(&job->transcript, kl_transcript_free);
    g_clear_pointer(&job->csr, kl_csr_free);
    g_clear_pointer(&job->certificate, kl_certificate_free);
    kl_key_info_clear(&job->key);
    g_clear_pointer(&job->endpoint, g_free);
    g_clear_error(&job->failure);
}

static void
emit_end(const KlJob *job)
{
    g_autoptr(KlEvent) event = kl_job_event(job, KL_EVENT_JOB_END);
    event->outcome = job->record->outcome;
    event->code = g_strdup(job->record->code);
    event->plug = job->verdict_plug;
    event->record = kl_record_copy(job->record);
    g_clear_pointer(&event->record->transcript, g_free);
    kl_job_emit(job, g_steal_pointer(&event));
}

KlRecord *
kl_job_run(const KlBench *bench, const char *slot, const KlPorts *ports, const KlJobRequest *request,
           GCancellable *cancel, KlEventSink sink, gpointer sink_data)
{
    g_autoptr(KlRecord) record = new_record(bench, slot, request);
    KlJob job = {
        .bench = bench,
        .slot = slot,
        .ports = ports,
        .request = request,
        .cancel = cancel,
        .sink = sink,
        .sink_data = sink_data,
        .record = record,
        .transcript = kl_transcript_new(TRANSCRIPT_MAX),
        .start_us = g_get_monotonic_time(),
        .plug_us = g_get_monotonic_time(),
    };

    kl_job_look(&job);
    job.verdict_plug = job.tried_plug = job.plug;
    kl_job_emit(&job, kl_job_event(&job, KL_EVENT_JOB_BEGIN));
    if (KL_JOB_STORE(&job, job_begin, record, &job.failure)) {
        run_steps(&job);
    } else {
        /* Nothing was begun and nothing can be kept: the unit is not touched. */
        kl_job_settle(&job);
    }
    clear_job(&job);
    emit_end(&job);
    return g_steal_pointer(&record);
}
