/* Reports: periods, figures, bars, charts, and the data files, read again by other eyes: json-glib, a CSV reader of our
 * own. None of this needs a display. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "gui/report_charts.h"
#include "gui/report_export.h"
#include "station/error.h"
#include "tests/report_fixture.h"

/* --- periods --- */

typedef struct {
    KlPeriod period;
    const char *now, *from, *to; /* local in the zone; NULL: without an end */
} PeriodCase;

static gint64
us_of(const char *text, GTimeZone *zone)
{
    if (text == NULL)
        return 0;
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, zone);
    g_assert_nonnull(time);
    return g_date_time_to_unix(time) * G_USEC_PER_SEC;
}

static void
test_periods(void)
{
    static const PeriodCase cases[] = {
        {KL_PERIOD_SHIFT, "2026-11-21T20:14:05", "2026-11-21T12:14:05", NULL},
        {KL_PERIOD_SHIFT, "2026-11-21T03:00:00", "2026-11-20T19:00:00", NULL},
        {KL_PERIOD_TODAY, "2026-11-21T20:14:05", "2026-11-21T00:00:00", NULL},
        {KL_PERIOD_TODAY, "2026-11-21T00:00:00", "2026-11-21T00:00:00", NULL},
        {KL_PERIOD_YESTERDAY, "2026-11-21T20:14:05", "2026-11-20T00:00:00", "2026-11-21T00:00:00"},
        {KL_PERIOD_YESTERDAY, "2027-01-01T00:30:00", "2026-12-31T00:00:00", "2027-01-01T00:00:00"},
        {KL_PERIOD_WEEK, "2026-11-21T20:14:05", "2026-11-15T00:00:00", NULL},
        {KL_PERIOD_MONTH, "2026-11-21T20:14:05", "2026-10-23T00:00:00", NULL},
        {KL_PERIOD_ALL, "2026-11-21T20:14:05", NULL, NULL},
        /* The day of a clock change: midnight is midnight, eight hours are eight hours. */
        {KL_PERIOD_TODAY, "2026-10-25T12:00:00", "2026-10-25T00:00:00", NULL},
        {KL_PERIOD_YESTERDAY, "2026-10-25T23:30:00", "2026-10-24T00:00:00", "2026-10-25T00:00:00"},
        {KL_PERIOD_WEEK, "2026-10-28T12:00:00", "2026-10-22T00:00:00", NULL},
    };
    g_autoptr(GTimeZone) zone = g_time_zone_new_identifier("Europe/Berlin");
    g_assert_nonnull(zone);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        gint64 from, to;
        g_autoptr(GDateTime) now = g_date_time_new_from_iso8601(cases[i].now, zone);
        kl_period_bounds(cases[i].period, now, &from, &to);
        g_assert_cmpint(from, ==, us_of(cases[i].from, zone));
        g_assert_cmpint(to, ==, us_of(cases[i].to, zone));
    }
}

static void
test_period_names(void)
{
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < KL_PERIOD_N; i++) {
        g_assert_true(g_hash_table_add(ids, (char *)kl_period_id(i)));
        g_assert_cmpuint(strlen(kl_period_title(i)), >, 0);
    }
}

/* --- figures and bars --- */

static void
test_figures(void)
{
    g_autoptr(KlReport) busy = busy_report(NULL), empty = report_of(KL_PERIOD_TODAY, NULL, 0, kl_statistics_new());
    g_assert_false(kl_report_is_empty(busy));
    g_assert_cmpfloat_with_epsilon(kl_report_first_pass_yield(busy), 100.0 * 244 / 256, 1e-9);
    g_assert_cmpfloat_with_epsilon(kl_report_per_hour(busy), 251 / 3.0, 1e-9);
    g_assert_true(kl_report_is_empty(empty));
    g_assert_cmpfloat(kl_report_first_pass_yield(empty), ==, 0);
    g_assert_cmpfloat(kl_report_per_hour(empty), ==, 0);
}

typedef struct {
    guint n_hours;
    int hours_ago[4]; /* descending */
    KlBucketUnit unit;
    guint n_buckets;
    const char *first, *last;
} BucketCase;

static void
test_buckets(void)
{
    static const BucketCase cases[] = {
        {0, {0}, KL_BUCKET_HOUR, 0, NULL, NULL},
        {1, {0}, KL_BUCKET_HOUR, 1, "20:00", "20:00"},
        {3, {7, 3, 1}, KL_BUCKET_HOUR, 7, "13:00", "19:00"},
        {2, {47, 0}, KL_BUCKET_HOUR, 48, "21:00", "20:00"},
        {2, {48, 0}, KL_BUCKET_DAY, 3, "19 Nov", "21 Nov"},
        {4, {24 * 29, 24 * 29 - 1, 24, 0}, KL_BUCKET_DAY, 30, "23 Oct", "21 Nov"},
        {2, {24 * 92, 0}, KL_BUCKET_MONTH, 4, "Aug 2026", "Nov 2026"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        KlStatistics *statistics = kl_statistics_new();
        KlBucketUnit unit;
        guint passed = 0, failed = 0;
        for (guint h = 0; h < cases[i].n_hours; h++)
            add_hour(statistics, cases[i].hours_ago[h], 10 + h, h);
        g_autoptr(KlReport) report = report_of(KL_PERIOD_ALL, NULL, 0, statistics);
        g_autoptr(GArray) buckets = kl_report_buckets(report, &unit);
        g_assert_cmpuint(unit, ==, cases[i].unit);
        g_assert_cmpuint(buckets->len, ==, cases[i].n_buckets);
        for (guint b = 0; b < buckets->len; b++) {
            passed += g_array_index(buckets, KlBucket, b).passed;
            failed += g_array_index(buckets, KlBucket, b).failed;
        }
        g_assert_cmpuint(passed, ==, statistics->passed_units);
        g_assert_cmpuint(failed, ==, statistics->failed_jobs);
        if (buckets->len > 0) {
            g_assert_cmpstr(g_array_index(buckets, KlBucket, 0).label, ==, cases[i].first);
            g_assert_cmpstr(g_array_index(buckets, KlBucket, buckets->len - 1).label, ==, cases[i].last);
        }
    }
}

/* --- CSV --- */

/* Splits RFC 4180 lines into rows of fields, strictly: quotes only around whole fields, CRLF. */
static GPtrArray *
read_csv(const char *text)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    while (*text != '\0') {
        g_autoptr(GStrvBuilder) row = g_strv_builder_new();
        for (gboolean more = TRUE; more; text += more) {
            g_autoptr(GString) field = g_string_new(NULL);
            gboolean quoted = *text == '"';
            for (text += quoted; quoted ? *text != '"' || text[1] == '"' : strchr(",\r\n\"", *text) == NULL; text++) {
                g_assert_cmpint(*text, !=, '\0');
                text += *text == '"';
                g_string_append_c(field, *text);
            }
            text += quoted;
            g_strv_builder_add(row, field->str);
            more = *text == ',';
        }
        g_assert_true(g_str_has_prefix(text, "\r\n"));
        text += 2;
        g_ptr_array_add(rows, g_strv_builder_end(row));
        g_assert_cmpuint(g_strv_length(rows->pdata[rows->len - 1]), ==, 4);
    }
    return rows;
}

static const char *
csv_value(const GPtrArray *rows, const char *section, const char *item, const char *measure)
{
    for (guint i = 0; i < rows->len; i++) {
        char **row = rows->pdata[i];
        if (g_str_equal(row[0], section) && g_str_equal(row[1], item) && g_str_equal(row[2], measure))
            return row[3];
    }
    g_error("no %s, %s, %s", section, item, measure);
}

static char *
text_of(GBytes *bytes)
{
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);
    g_assert_true(g_utf8_validate(data, (gssize)size, NULL));
    return g_strndup(data, size);
}

static void
test_csv(void)
{
    g_autoptr(KlReport) report = busy_report("=HYPERLINK(\"x\"), \"WO\"");
    g_autoptr(GBytes) bytes = kl_report_csv(report);
    g_autofree char *text = text_of(bytes);
    g_autoptr(GPtrArray) rows = read_csv(text);
    g_assert_cmpstr(csv_value(rows, "section", "item", "measure"), ==, "value");
    g_assert_cmpstr(csv_value(rows, "report", "station", "name"), ==, "S1");
    g_assert_cmpstr(csv_value(rows, "report", "work_order", "name"), ==, "'=HYPERLINK(\"x\"), \"WO\"");
    g_assert_cmpstr(csv_value(rows, "report", "period", "name"), ==, "last-8-hours");
    g_assert_cmpstr(csv_value(rows, "report", "period", "from"), ==, "2026-11-21T12:14:05Z");
    g_assert_cmpstr(csv_value(rows, "figure", "units", "count"), ==, "256");
    g_assert_cmpstr(csv_value(rows, "figure", "passed_units", "count"), ==, "251");
    g_assert_cmpstr(csv_value(rows, "figure", "first_pass_yield", "percent"), ==, "95.3125");
    g_assert_cmpstr(csv_value(rows, "figure", "units_per_hour", "count"), ==, "83.66666667");
    g_assert_cmpstr(csv_value(rows, "figure", "target", "count"), ==, "500");
    g_assert_cmpstr(csv_value(rows, "hour", "2026-11-21T17:00:00Z", "passed"), ==, "100");
    g_assert_cmpstr(csv_value(rows, "hour", "2026-11-21T17:00:00Z", "failed"), ==, "4");
    g_assert_cmpstr(csv_value(rows, "failure", "NO_ANSWER", "jobs"), ==, "8");
    g_assert_cmpstr(csv_value(rows, "failure", "NO_ANSWER", "remedy"), ==, kl_error_remedy(KL_ERROR_NO_ANSWER));
    g_assert_cmpstr(csv_value(rows, "failure", "OF_ANOTHER_PROGRAM", "words"), ==, "OF_ANOTHER_PROGRAM");
    g_assert_cmpstr(csv_value(rows, "step", "key", "p50_s"), ==, "1.5");
    g_assert_cmpstr(csv_value(rows, "step", "key", "p95_s"), ==, "4.5");
}

/* --- JSON --- */

static JsonObject *
parse_json(JsonParser *parser, const KlReport *report)
{
    g_autoptr(GBytes) bytes = kl_report_json(report);
    g_autofree char *text = text_of(bytes);
    g_autoptr(GError) error = NULL;
    g_assert_true(json_parser_load_from_data(parser, text, -1, &error));
    g_assert_no_error(error);
    return json_node_get_object(json_parser_get_root(parser));
}

static void
test_json(void)
{
    g_autoptr(KlReport) report = busy_report("48-\"1123\"\n");
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonObject *root = parse_json(parser, report);
    g_assert_cmpstr(json_object_get_string_member(root, "work_order"), ==, "48-\"1123\"\n");
    JsonObject *period = json_object_get_object_member(root, "period");
    g_assert_cmpstr(json_object_get_string_member(period, "to"), ==, "2026-11-21T20:14:05Z");
    JsonObject *figures = json_object_get_object_member(root, "figures");
    g_assert_cmpint(json_object_get_int_member(figures, "units"), ==, 256);
    g_assert_cmpint(json_object_get_int_member(figures, "failed_jobs"), ==, 11);
    g_assert_cmpfloat(json_object_get_double_member(figures, "first_pass_yield"), ==, 95.3125);
    JsonArray *hours = json_object_get_array_member(root, "hours");
    g_assert_cmpuint(json_array_get_length(hours), ==, 3);
    JsonArray *failures = json_object_get_array_member(root, "failures");
    JsonObject *failure = json_array_get_object_element(failures, 1);
    g_assert_cmpstr(json_object_get_string_member(failure, "code"), ==, "PORT_GONE");
    g_assert_cmpint(json_object_get_int_member(failure, "jobs"), ==, 2);
    g_assert_cmpstr(json_object_get_string_member(failure, "words"), ==, kl_error_words(KL_ERROR_PORT_GONE));
    JsonObject *step = json_array_get_object_element(json_object_get_array_member(root, "steps"), 0);
    g_assert_cmpstr(json_object_get_string_member(step, "title"), ==, "Connecting");
    g_assert_cmpfloat(json_object_get_double_member(step, "p50"), ==, 0.08);
    JsonObject *progress = json_object_get_object_member(root, "work_order_progress");
    g_assert_cmpint(json_object_get_int_member(progress, "target"), ==, 500);
}

/* Without anything, and without a target: valid all the same. */
static void
test_json_empty(void)
{
    g_autoptr(KlReport) report = report_of(KL_PERIOD_ALL, NULL, 0, kl_statistics_new());
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonObject *root = parse_json(parser, report);
    g_assert_true(json_object_get_null_member(root, "work_order"));
    g_assert_true(json_object_get_null_member(json_object_get_object_member(root, "period"), "from"));
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(root, "hours")), ==, 0);
    g_assert_false(json_object_has_member(root, "work_order_progress"));
}

/* --- charts --- */

/* How many pixels of the chart differ from its ground. */
static guint
inked_pixels(KlChart *chart)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, 400, 200);
    cairo_t *cairo = cairo_create(surface);
    kl_chart_draw(chart, cairo, 400, 200);
    cairo_destroy(cairo);
    cairo_surface_flush(surface);
    const guint8 *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    guint inked = 0;
    for (int y = 0; y < 200; y++) {
        for (int x = 0; x < 400; x++)
            inked += data[y * stride + 4 * x + 3] != 0;
    }
    cairo_surface_destroy(surface);
    return inked;
}

static void
test_charts(void)
{
    g_autoptr(KlReport) busy = busy_report(NULL), empty = report_of(KL_PERIOD_ALL, NULL, 0, kl_statistics_new());
    for (guint kind = 0; kind < KL_CHART_N; kind++) {
        g_autofree char *title = kl_chart_title(kind, busy), *words = kl_chart_words(kind, busy);
        g_autofree char *nothing = kl_chart_words(kind, empty);
        for (int dark = 0; dark < 2; dark++) {
            g_autoptr(GObject) chart = (GObject *)kl_chart_new(kind, busy, dark);
            guint inked = inked_pixels((KlChart *)chart);
            g_assert_cmpuint(inked, >, 1000);
            g_assert_cmpuint(inked, <, 400 * 200);
        }
        g_assert_null(kl_chart_new(kind, empty, FALSE));
        g_assert_cmpuint(strlen(title), >, 0);
        g_assert_cmpstr(words, !=, nothing);
        g_assert_cmpstr(nothing, ==, "There is nothing to show.");
    }
}

int
main(int argc, char **argv)
{
    /* The files' times are UTC anyway; what is for people is in local time and words. */
    g_setenv("TZ", "UTC", TRUE);
    g_setenv("LC_ALL", "C.UTF-8", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/report/periods", test_periods);
    g_test_add_func("/report/period-names", test_period_names);
    g_test_add_func("/report/figures", test_figures);
    g_test_add_func("/report/buckets", test_buckets);
    g_test_add_func("/report/csv", test_csv);
    g_test_add_func("/report/json", test_json);
    g_test_add_func("/report/json-empty", test_json_empty);
    g_test_add_func("/report/charts", test_charts);
    return g_test_run();
}
