#include "station/batch.h"

#include "station/batch_plan.h"

struct KlBatch {
    KlLine *line;
    KlBatchPlan *plan;
    char *id, *operator_id, *work_order;
    guint count;
    gboolean stopping; /* nothing more is to be started */
    gboolean stopped;  /* the line was stopped by a station error */
    gboolean done;
    GPtrArray *records; /* KlRecord */
};

KlBatch *
kl_batch_new(KlLine *line, const KlProfile *profile, const KlJobRequest *request, guint count, GError **error)
{
    if (profile->label_required) {
        kl_fail(error, KL_ERROR_LABEL_MISSING, "product '%s' wants the label of every unit: no unit starts by itself",
                profile->name);
        return NULL;
    }
    KlBatch *batch = g_new0(KlBatch, 1);
    batch->line = line;
    batch->plan = kl_batch_plan_new(count);
    batch->id = g_uuid_string_random();
    batch->operator_id = g_strdup(request->operator_id);
    batch->work_order = g_strdup(request->work_order);
    batch->count = count;
    batch->records = g_ptr_array_new_with_free_func((GDestroyNotify)kl_record_free);
    return batch;
}

void
kl_batch_free(KlBatch *batch)
{
    if (batch == NULL)
        return;
    kl_batch_plan_free(batch->plan);
    g_free(batch->id);
    g_free(batch->operator_id);
    g_free(batch->work_order);
    g_ptr_array_unref(batch->records);
    g_free(batch);
}

/* FALSE when the line takes no jobs any more. */
static gboolean
start(KlBatch *batch, const char *slot)
{
    const KlJobRequest request = {
        .batch = batch->id, .operator_id = batch->operator_id, .work_order = batch->work_order};
    g_autoptr(GError) error = NULL;
    if (kl_line_start(batch->line, slot, &request, &error) || g_error_matches(error, KL_ERROR, KL_ERROR_STATION_BUSY)) {
        /* Busy: with a job of somebody else, of which the events are on their way. */
        kl_batch_plan_begin(batch->plan, slot);
        return TRUE;
    }
    if (g_error_matches(error, KL_ERROR, KL_ERROR_STATION_STOPPED))
        return FALSE;
    g_warning("batch %s: slot %s is not started: %s", batch->id, slot, error->message);
    kl_batch_plan_leave(batch->plan, slot);
    return TRUE;
}

static void
go_on(KlBatch *batch)
{
    batch->stopped = batch->stopped || kl_line_stopped(batch->line) != NULL;
    while (!batch->stopping && !batch->stopped) {
        const char *slot = kl_batch_plan_next(batch->plan);
        if (slot == NULL)
            break;
        batch->stopped = !start(batch, slot);
    }
    gboolean enough = batch->stopping || kl_batch_plan_left(batch->plan) == 0;
    batch->done = enough && kl_batch_plan_running(batch->plan) == 0;
}

void
kl_batch_present(KlBatch *batch, const char *slot, guint64 plug)
{
    if (batch->done)
        return;
    kl_batch_plan_plug(batch->plan, slot, plug);
    go_on(batch);
}

/* Another batch's job, or nobody's: it says nothing on how far this one is. */
static gboolean
is_own(const KlBatch *batch, const KlRecord *record)
{
    return g_strcmp0(record->batch, batch->id) == 0;
}

static KlBatchEnd
meaning_of(const KlBatch *batch, const KlRecord *record)
{
    if (record->outcome == KL_OUTCOME_ERROR && kl_error_stops_line((KlErrorCode)kl_error_from_name(record->code)))
        return KL_BATCH_END_AGAIN;
    if (record->outcome == KL_OUTCOME_ERROR || record->outcome == KL_OUTCOME_ABORTED || !is_own(batch, record))
        return KL_BATCH_END_NONE;
    return KL_BATCH_END_WORKED;
}

static void
end(KlBatch *batch, const KlEvent *event)
{
    const KlRecord *record = event->record;
    const char *imei = record->unit != NULL ? record->unit->imei : NULL;
    kl_batch_plan_end(batch->plan, event->slot, event->plug, meaning_of(batch, record), imei);
    if (is_own(batch, record))
        g_ptr_array_add(batch->records, kl_record_copy(record));
}

void
kl_batch_event(KlBatch *batch, const KlEvent *event)
{
    if (batch->done)
        return;
    switch (event->type) {
    case KL_EVENT_PRESENCE:
        kl_batch_plan_plug(batch->plan, event->slot, event->plug);
        break;
    case KL_EVENT_JOB_BEGIN:
        /* What is begun while the batch stops belongs to whoever has the line next. */
        if (!batch->stopping || kl_batch_plan_runs(batch->plan, event->slot))
            kl_batch_plan_begin(batch->plan, event->slot);
        break;
    case KL_EVENT_JOB_END:
        end(batch, event);
        break;
    case KL_EVENT_UNIT:
    case KL_EVENT_STEP_BEGIN:
    case KL_EVENT_PROGRESS:
    case KL_EVENT_STEP_END:
    default:
        return;
    }
    go_on(batch);
}

void
kl_batch_stop(KlBatch *batch)
{
    batch->stopping = TRUE;
    go_on(batch);
}

void
kl_batch_resume(KlBatch *batch)
{
    if (batch->done)
        return;
    batch->stopped = FALSE;
    if (kl_line_stopped(batch->line) == NULL)
        kl_batch_plan_resume(batch->plan);
    go_on(batch);
}

const char *
kl_batch_id(const KlBatch *batch)
{
    return batch->id;
}

KlBatchState
kl_batch_state(const KlBatch *batch)
{
    if (batch->done)
        return KL_BATCH_DONE;
    if (batch->stopping)
        return KL_BATCH_STOPPING;
    return batch->stopped ? KL_BATCH_STOPPED : KL_BATCH_ARMED;
}

guint
kl_batch_count(const KlBatch *batch)
{
    return batch->count;
}

guint
kl_batch_left(const KlBatch *batch)
{
    return kl_batch_plan_left(batch->plan);
}

guint
kl_batch_running(const KlBatch *batch)
{
    return kl_batch_plan_running(batch->plan);
}

const GPtrArray *
kl_batch_records(const KlBatch *batch)
{
    return batch->records;
}
