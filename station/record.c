#include "station/record.h"

void
kl_step_result_free(KlStepResult *result)
{
    if (result == NULL)
        return;
    g_free(result->step);
    g_free(result->code);
    g_free(result->detail);
    g_free(result);
}

static KlStepResult *
step_result_copy(const KlStepResult *result)
{
    KlStepResult *copy = g_new(KlStepResult, 1);
    *copy = *result;
    copy->step = g_strdup(result->step);
    copy->code = g_strdup(result->code);
    copy->detail = g_strdup(result->detail);
    return copy;
}

KlRecord *
kl_record_new(void)
{
    KlRecord *record = g_new0(KlRecord, 1);
    record->outcome = KL_OUTCOME_RUNNING;
    record->steps = g_ptr_array_new_with_free_func((GDestroyNotify)kl_step_result_free);
    return record;
}

KlRecord *
kl_record_copy(const KlRecord *record)
{
    if (record == NULL)
        return NULL;
    KlRecord *copy = g_new(KlRecord, 1);
    *copy = *record; /* the plain values; whatever is owned follows */
    copy->id = g_strdup(record->id);
    copy->batch = g_strdup(record->batch);
    copy->station = g_strdup(record->station);
    copy->slot = g_strdup(record->slot);
    copy->product = g_strdup(record->product);
    copy->operator_id = g_strdup(record->operator_id);
    copy->work_order = g_strdup(record->work_order);
    copy->label = g_strdup(record->label);
    copy->reprovision_reason = g_strdup(record->reprovision_reason);
    copy->program = g_strdup(record->program);
    copy->unit = kl_unit_copy(record->unit);
    copy->code = g_strdup(record->code);
    copy->detail = g_strdup(record->detail);
    copy->first_code = g_strdup(record->first_code);
    copy->certificate_sha256 = g_strdup(record->certificate_sha256);
    copy->transcript = g_strdup(record->transcript);
    copy->steps = g_ptr_array_new_with_free_func((GDestroyNotify)kl_step_result_free);
    for (guint i = 0; i < record->steps->len; i++)
        g_ptr_array_add(copy->steps, step_result_copy(g_ptr_array_index(record->steps, i)));
    return copy;
}

void
kl_record_free(KlRecord *record)
{
    if (record == NULL)
        return;
    g_free(record->id);
    g_free(record->batch);
    g_free(record->station);
    g_free(record->slot);
    g_free(record->product);
    g_free(record->operator_id);
    g_free(record->work_order);
    g_free(record->label);
    g_free(record->reprovision_reason);
    g_free(record->program);
    kl_unit_free(record->unit);
    g_free(record->code);
    g_free(record->detail);
    g_free(record->first_code);
    g_free(record->certificate_sha256);
    g_free(record->transcript);
    g_ptr_array_unref(record->steps);
    g_free(record);
}
