#include "station/cli/batch_view.h"

#include <stdio.h>

#include "station/batch_report.h"
#include "station/cli/table.h"
#include "station/cli/text.h"
#include "station/cli/unit_report.h"
#include "station/error.h"

static const char *
plural(guint n)
{
    return n == 1 ? "" : "s";
}

static void
add_causes(JsonBuilder *builder, const KlBatchReport *report)
{
    kl_json_array(builder, "causes");
    for (guint i = 0; i < report->causes->len; i++) {
        const KlBatchCause *cause = report->causes->pdata[i];
        int code = kl_error_from_name(cause->code);
        json_builder_begin_object(builder);
        kl_json_string(builder, "code", cause->code);
        kl_json_string(builder, "words", code >= 0 ? kl_error_words((KlErrorCode)code) : NULL);
        kl_json_string(builder, "remedy", code >= 0 ? kl_error_remedy((KlErrorCode)code) : NULL);
        kl_json_int(builder, "jobs", cause->jobs);
        kl_json_string(builder, "slots", cause->slots);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
}

static void
add_head(JsonBuilder *builder, const KlBatchView *view)
{
    kl_json_string(builder, "batch", view->batch);
    if (view->count > 0) {
        kl_json_int(builder, "count", view->count);
        kl_json_int(builder, "left", view->left);
    } else {
        kl_json_string(builder, "count", NULL);
        kl_json_string(builder, "left", NULL);
    }
    kl_json_string(builder, "stopped", view->stopped);
    kl_json_int(builder, "running", view->running);
}

static void
add_report(JsonBuilder *builder, const KlBatchReport *report)
{
    kl_json_int(builder, "units", report->units);
    kl_json_int(builder, "passed", report->passed);
    kl_json_int(builder, "failed", report->failed);
    kl_json_int(builder, "first_pass", report->first_pass);
    kl_json_double(builder, "yield_percent", report->yield_percent);
    kl_json_int(builder, "jobs", report->jobs);
    kl_json_time(builder, "started", report->from_us);
    kl_json_time(builder, "ended", report->to_us);
    kl_json_string(builder, "slowest_step", report->slowest_step);
    kl_json_string(builder, "slowest_slot", report->slowest_slot);
    kl_json_double(builder, "slowest_ms", report->slowest_us / 1e3);
    add_causes(builder, report);
}

void
kl_batch_view_json(const KlBatchView *view)
{
    g_autoptr(KlBatchReport) report = kl_batch_report_new(view->records);
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    add_head(builder, view);
    add_report(builder, report);
    kl_json_array(builder, "results");
    for (guint i = 0; i < view->records->len; i++) {
        json_builder_begin_object(builder);
        kl_unit_report_json(builder, view->records->pdata[i], TRUE);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_jobs(const GPtrArray *records)
{
    g_autoptr(KlTable) table =
        kl_table_new((const char *const[]){"SLOT", "DEVICE", "IMEI", "FSN", "VERDICT", ">SECONDS", "CODE", NULL});
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        const KlUnit *unit = record->unit;
        g_autofree char *seconds = kl_unit_report_seconds(record);
        g_autofree char *outcome = kl_unit_report_outcome(record);
        kl_table_add(table, (const char *const[]){record->slot, unit != NULL ? unit->device_id : NULL,
                                                  unit != NULL ? unit->imei : NULL, unit != NULL ? unit->fsn : NULL,
                                                  outcome, seconds, record->code != NULL ? record->code : ""});
    }
    if (records->len > 0)
        kl_table_print(table, stdout);
}

static void
print_summary(const KlBatchView *view, const KlBatchReport *report)
{
    printf("%s%u unit%s: %u passed, %u failed, yield %.1f %%; %u passed at the first attempt\n",
           report->jobs > 0 ? "\n" : "", report->units, plural(report->units), report->passed, report->failed,
           report->yield_percent, report->first_pass);
    if (report->slowest_step != NULL) {
        g_autofree char *slot = kl_text_safe(report->slowest_slot);
        g_autofree char *step = kl_text_safe(report->slowest_step);
        printf("slowest step: %s, %.2f s in slot %s\n", step, report->slowest_us / 1e6, slot);
    }
    if (view->left > 0)
        printf("%u of %u unit%s left: not worked on\n", view->left, view->count, plural(view->count));
    if (view->running > 0)
        printf("%u job%s still running: not counted\n", view->running, plural(view->running));
    printf("batch %s\n", view->batch);
}

static void
print_causes(const KlBatchReport *report)
{
    for (guint i = 0; i < report->causes->len; i++) {
        const KlBatchCause *cause = report->causes->pdata[i];
        int number = kl_error_from_name(cause->code);
        KlErrorCode code = number < 0 ? KL_ERROR_INTERNAL : (KlErrorCode)number;
        g_autofree char *name = kl_text_safe(cause->code);
        g_autofree char *slots = kl_text_safe(cause->slots);
        printf("\n%u x %s (slot %s)\n  %s\n  remedy:  %s\n", cause->jobs, name, slots, kl_error_words(code),
               kl_error_remedy(code));
    }
}

/* The units that did not pass in the end. */
static void
print_failed(const GPtrArray *records)
{
    g_autoptr(GPtrArray) last = kl_batch_report_last(records);
    g_autoptr(KlTable) table = kl_table_new((const char *const[]){"NOT PASSED", "CODE", "DETAILS", NULL});
    guint failed = 0;
    for (guint i = 0; i < last->len; i++) {
        const KlRecord *record = last->pdata[i];
        const KlUnit *unit = record->unit;
        if (record->outcome == KL_OUTCOME_PASS)
            continue;
        const char *device = unit == NULL ? "unknown" : unit->device_id != NULL ? unit->device_id : unit->fsn;
        g_autofree char *who = g_strdup_printf("slot %s, device %s", record->slot, device);
        kl_table_add(table, (const char *const[]){who, record->code, record->detail, NULL});
        failed++;
    }
    if (failed == 0)
        return;
    printf("\n");
    kl_table_print(table, stdout);
}

void
kl_batch_view_print(const KlBatchView *view)
{
    g_autoptr(KlBatchReport) report = kl_batch_report_new(view->records);
    print_jobs(view->records);
    print_summary(view, report);
    print_causes(report);
    print_failed(view->records);
    if (view->stopped != NULL) {
        int code = kl_error_from_name(view->stopped);
        printf("\nThe line was stopped: %s (%s)\n", code >= 0 ? kl_error_words((KlErrorCode)code) : "", view->stopped);
    }
}
