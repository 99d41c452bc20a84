#include "gui/report_export.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "station/csv.h"
#include "station/error.h"
#include "station/step.h"

static char *
utc(gint64 time_us)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(time_us / G_USEC_PER_SEC);
    return time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("");
}

static double
seconds(gint64 time_us)
{
    return (double)time_us / G_USEC_PER_SEC;
}

/* --- CSV --- */

static void
add_text(GString *csv, const char *section, const char *item, const char *measure, const char *value)
{
    const char *const fields[] = {section, item, measure, value};
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (i > 0)
            g_string_append_c(csv, ',');
        kl_csv_field(csv, fields[i]);
    }
    g_string_append(csv, "\r\n");
}

static void
add_number(GString *csv, const char *section, const char *item, const char *measure, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    add_text(csv, section, item, measure, g_ascii_formatd(text, sizeof(text), "%.10g", value));
}

static void
add_head(GString *csv, const KlReport *report)
{
    g_autofree char *from = report->from_us != 0 ? utc(report->from_us) : NULL;
    g_autofree char *to = utc(report->to_us != 0 ? report->to_us : report->made_us);
    add_text(csv, "report", "station", "name", report->station);
    add_text(csv, "report", "work_order", "name", report->work_order);
    add_text(csv, "report", "period", "name", kl_period_id(report->period));
    add_text(csv, "report", "period", "from", from);
    add_text(csv, "report", "period", "to", to);
}

static void
add_figures(GString *csv, const KlReport *report)
{
    const KlStatistics *statistics = report->statistics;
    add_number(csv, "figure", "units", "count", statistics->units);
    add_number(csv, "figure", "passed_units", "count", statistics->passed_units);
    add_number(csv, "figure", "first_pass_units", "count", statistics->first_pass_units);
    add_number(csv, "figure", "first_pass_yield", "percent", kl_report_first_pass_yield(report));
    add_number(csv, "figure", "units_per_hour", "count", kl_report_per_hour(report));
    add_number(csv, "figure", "jobs", "count", statistics->jobs);
    add_number(csv, "figure", "failed_jobs", "count", statistics->failed_jobs);
    if (report->target > 0)
        add_number(csv, "figure", "target", "count", report->target);
}

static void
add_step(GString *csv, const KlStepTimes *times)
{
    add_number(csv, "step", times->step, "attempts", times->attempts);
    add_number(csv, "step", times->step, "p5_s", seconds(times->p5_us));
    add_number(csv, "step", times->step, "p25_s", seconds(times->p25_us));
    add_number(csv, "step", times->step, "p50_s", seconds(times->p50_us));
    add_number(csv, "step", times->step, "p75_s", seconds(times->p75_us));
    add_number(csv, "step", times->step, "p95_s", seconds(times->p95_us));
}

GBytes *
kl_report_csv(const KlReport *report)
{
    const KlStatistics *statistics = report->statistics;
    g_autoptr(GString) csv = g_string_new(NULL);
    add_text(csv, "section", "item", "measure", "value");
    add_head(csv, report);
    add_figures(csv, report);
    for (guint i = 0; i < statistics->hours->len; i++) {
        const KlHourCount *hour = &g_array_index(statistics->hours, KlHourCount, i);
        g_autofree char *start = utc(hour->start_us);
        add_number(csv, "hour", start, "passed", hour->passed);
        add_number(csv, "hour", start, "failed", hour->failed);
    }
    for (guint i = 0; i < statistics->codes->len; i++) {
        const KlCodeCount *code = statistics->codes->pdata[i];
        add_number(csv, "failure", code->code, "jobs", code->jobs);
        add_text(csv, "failure", code->code, "words", kl_report_code_words(code->code));
        add_text(csv, "failure", code->code, "remedy", kl_report_code_remedy(code->code));
    }
    for (guint i = 0; i < statistics->steps->len; i++)
        add_step(csv, statistics->steps->pdata[i]);
    return g_string_free_to_bytes(g_steal_pointer(&csv));
}

/* --- JSON --- */

static void
set_string(JsonBuilder *json, const char *name, const char *value)
{
    json_builder_set_member_name(json, name);
    if (value != NULL)
        json_builder_add_string_value(json, value);
    else
        json_builder_add_null_value(json);
}

static void
set_count(JsonBuilder *json, const char *name, guint value)
{
    json_builder_set_member_name(json, name);
    json_builder_add_int_value(json, value);
}

static void
set_number(JsonBuilder *json, const char *name, double value)
{
    json_builder_set_member_name(json, name);
    json_builder_add_double_value(json, value);
}

static void
build_head(JsonBuilder *json, const KlReport *report)
{
    g_autofree char *from = report->from_us != 0 ? utc(report->from_us) : NULL;
    g_autofree char *to = utc(report->to_us != 0 ? report->to_us : report->made_us);
    g_autofree char *made = utc(report->made_us);
    set_string(json, "station", report->station);
    set_string(json, "work_order", report->work_order);
    set_string(json, "made", made);
    json_builder_set_member_name(json, "period");
    json_builder_begin_object(json);
    set_string(json, "name", kl_period_id(report->period));
    set_string(json, "from", from);
    set_string(json, "to", to);
    json_builder_end_object(json);
}

static void
build_figures(JsonBuilder *json, const KlReport *report)
{
    const KlStatistics *statistics = report->statistics;
    json_builder_set_member_name(json, "figures");
    json_builder_begin_object(json);
    set_count(json, "units", statistics->units);
    set_count(json, "passed_units", statistics->passed_units);
    set_count(json, "first_pass_units", statistics->first_pass_units);
    set_number(json, "first_pass_yield", kl_report_first_pass_yield(report));
    set_number(json, "units_per_hour", kl_report_per_hour(report));
    set_count(json, "jobs", statistics->jobs);
    set_count(json, "failed_jobs", statistics->failed_jobs);
    json_builder_end_object(json);
}

static void
build_hours(JsonBuilder *json, const GArray *hours)
{
    json_builder_set_member_name(json, "hours");
    json_builder_begin_array(json);
    for (guint i = 0; i < hours->len; i++) {
        const KlHourCount *hour = &g_array_index(hours, KlHourCount, i);
        g_autofree char *start = utc(hour->start_us);
        json_builder_begin_object(json);
        set_string(json, "start", start);
        set_count(json, "passed", hour->passed);
        set_count(json, "failed", hour->failed);
        json_builder_end_object(json);
    }
    json_builder_end_array(json);
}

static void
build_failures(JsonBuilder *json, const GPtrArray *codes)
{
    json_builder_set_member_name(json, "failures");
    json_builder_begin_array(json);
    for (guint i = 0; i < codes->len; i++) {
        const KlCodeCount *code = codes->pdata[i];
        json_builder_begin_object(json);
        set_string(json, "code", code->code);
        set_count(json, "jobs", code->jobs);
        set_string(json, "words", kl_report_code_words(code->code));
        set_string(json, "remedy", kl_report_code_remedy(code->code));
        json_builder_end_object(json);
    }
    json_builder_end_array(json);
}

static void
build_steps(JsonBuilder *json, const GPtrArray *steps)
{
    json_builder_set_member_name(json, "steps");
    json_builder_begin_array(json);
    for (guint i = 0; i < steps->len; i++) {
        const KlStepTimes *times = steps->pdata[i];
        json_builder_begin_object(json);
        set_string(json, "step", times->step);
        set_string(json, "title", kl_step_title(times->step));
        set_count(json, "attempts", times->attempts);
        set_number(json, "p5", seconds(times->p5_us));
        set_number(json, "p25", seconds(times->p25_us));
        set_number(json, "p50", seconds(times->p50_us));
        set_number(json, "p75", seconds(times->p75_us));
        set_number(json, "p95", seconds(times->p95_us));
        json_builder_end_object(json);
    }
    json_builder_end_array(json);
}

GBytes *
kl_report_json(const KlReport *report)
{
    g_autoptr(JsonBuilder) json = json_builder_new();
    json_builder_begin_object(json);
    build_head(json, report);
    build_figures(json, report);
    build_hours(json, report->statistics->hours);
    build_failures(json, report->statistics->codes);
    build_steps(json, report->statistics->steps);
    if (report->target > 0) {
        json_builder_set_member_name(json, "work_order_progress");
        json_builder_begin_object(json);
        set_count(json, "passed_units", report->statistics->passed_units);
        set_count(json, "target", report->target);
        json_builder_end_object(json);
    }
    json_builder_end_object(json);
    g_autoptr(JsonNode) root = json_builder_get_root(json);
    g_autofree char *text = json_to_string(root, TRUE);
    char *lines = g_strconcat(text, "\n", NULL);
    return g_bytes_new_take(lines, strlen(lines));
}

/* --- files --- */

const char *
kl_report_format_ending(KlReportFormat format)
{
    static const char *const endings[KL_REPORT_FORMAT_N] = {"pdf", "csv", "json"};
    return endings[format];
}

static GBytes *
contents(const KlReport *report, KlReportFormat format, GError **error)
{
    if (format == KL_REPORT_PDF)
        return kl_report_pdf(report, error);
    return format == KL_REPORT_CSV ? kl_report_csv(report) : kl_report_json(report);
}

gboolean
kl_report_save(const KlReport *report, KlReportFormat format, const char *path, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GBytes) bytes = contents(report, format, error);
    if (bytes == NULL)
        return FALSE;
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);
    if (!g_file_set_contents_full(path, data, (gssize)size, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &cause))
        return kl_fail(error, KL_ERROR_FILE_FAILED, "%s", cause->message);
    return TRUE;
}

char *
kl_report_file_name(const KlReport *report, KlReportFormat format)
{
    g_autoptr(GDateTime) made = g_date_time_new_from_unix_local(report->made_us / G_USEC_PER_SEC);
    g_autofree char *day = g_date_time_format(made, "%Y-%m-%d");
    char *name = g_strdup_printf("keyline-%s-%s-%s.%s", report->station, kl_period_id(report->period), day,
                                 kl_report_format_ending(format));
    return g_strdelimit(name, "/\\:*?\"<>| ", '_');
}
