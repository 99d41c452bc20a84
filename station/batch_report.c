#include "station/batch_report.h"

#include <string.h>

static void
cause_free(KlBatchCause *cause)
{
    g_free(cause->code);
    g_free(cause->slots);
    g_free(cause);
}

void
kl_batch_report_free(KlBatchReport *report)
{
    if (report == NULL)
        return;
    g_free(report->slowest_step);
    g_free(report->slowest_slot);
    g_ptr_array_unref(report->causes);
    g_free(report);
}

GPtrArray *
kl_batch_report_last(const GPtrArray *records)
{
    GPtrArray *last = g_ptr_array_new();
    g_autoptr(GHashTable) later = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = records->len; i-- > 0;) {
        const KlRecord *record = records->pdata[i];
        if (record->unit == NULL || g_hash_table_add(later, record->unit->imei))
            g_ptr_array_insert(last, 0, (gpointer)record);
    }
    return last;
}

/* Units, and those that passed at the end. */
static void
count_last(KlBatchReport *report, const GPtrArray *records)
{
    g_autoptr(GPtrArray) last = kl_batch_report_last(records);
    report->units = last->len;
    for (guint i = 0; i < last->len; i++) {
        const KlRecord *record = last->pdata[i];
        report->passed += record->outcome == KL_OUTCOME_PASS;
    }
    report->failed = report->units - report->passed;
    report->yield_percent = report->units > 0 ? 100.0 * report->passed / report->units : 0;
}

static void
count_first(KlBatchReport *report, const GPtrArray *records)
{
    g_autoptr(GHashTable) met = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        if (record->unit != NULL && g_hash_table_add(met, record->unit->imei))
            report->first_pass += record->outcome == KL_OUTCOME_PASS;
    }
}

static void
find_slowest(KlBatchReport *report, const GPtrArray *records)
{
    const KlStepResult *slowest = NULL;
    const char *slot = NULL;
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        for (guint j = 0; j < record->steps->len; j++) {
            const KlStepResult *step = record->steps->pdata[j];
            if (slowest != NULL && step->duration_us <= slowest->duration_us)
                continue;
            slowest = step;
            slot = record->slot;
        }
    }
    if (slowest == NULL)
        return;
    report->slowest_step = g_strdup(slowest->step);
    report->slowest_slot = g_strdup(slot);
    report->slowest_us = slowest->duration_us;
}

static void
find_period(KlBatchReport *report, const GPtrArray *records)
{
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        if (report->from_us == 0 || record->started_us < report->from_us)
            report->from_us = record->started_us;
        report->to_us = MAX(report->to_us, record->ended_us);
    }
}

/* Most frequent first; those that are as frequent by name. */
static int
compare_causes(gconstpointer a, gconstpointer b)
{
    const KlBatchCause *first = *(KlBatchCause *const *)a, *second = *(KlBatchCause *const *)b;
    if (first->jobs != second->jobs)
        return first->jobs > second->jobs ? -1 : 1;
    return strcmp(first->code, second->code);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* How many jobs ended with this code, and in which slots: each named once. */
static KlBatchCause *
cause_of(const GPtrArray *records, const char *code)
{
    KlBatchCause *cause = g_new0(KlBatchCause, 1);
    cause->code = g_strdup(code);
    g_autoptr(GPtrArray) slots = g_ptr_array_new();
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        if (g_strcmp0(record->code, code) != 0)
            continue;
        cause->jobs++;
        if (!g_ptr_array_find_with_equal_func(slots, record->slot, g_str_equal, NULL))
            g_ptr_array_add(slots, record->slot);
    }
    g_ptr_array_sort(slots, compare_names);
    g_ptr_array_add(slots, NULL);
    cause->slots = g_strjoinv(", ", (char **)slots->pdata);
    return cause;
}

static void
find_causes(KlBatchReport *report, const GPtrArray *records)
{
    g_autoptr(GHashTable) met = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        if (record->outcome != KL_OUTCOME_PASS && record->code != NULL && g_hash_table_add(met, record->code))
            g_ptr_array_add(report->causes, cause_of(records, record->code));
    }
    g_ptr_array_sort(report->causes, compare_causes);
}

KlBatchReport *
kl_batch_report_new(const GPtrArray *records)
{
    KlBatchReport *report = g_new0(KlBatchReport, 1);
    report->causes = g_ptr_array_new_with_free_func((GDestroyNotify)cause_free);
    report->jobs = records->len;
    count_last(report, records);
    count_first(report, records);
    find_slowest(report, records);
    find_period(report, records);
    find_causes(report, records);
    return report;
}
