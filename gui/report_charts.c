#include "gui/report_charts.h"

#include <goffice/data/go-data-simple.h>
#include <goffice/data/go-data.h>
#include <goffice/goffice.h>

#include "gui/chart_style.h"
#include "gui/i18n.h"
#include "station/step.h"

/* So many causes are told apart; the rest is one bar. */
#define MAX_CAUSES 6
#define CAUSE_COLUMNS 26
#define MAX_CAUSE_LINES 2

/* The median's mark: this much of the longest time on either side. */
#define MEDIAN_HALF_WIDTH 0.004

#define OFFSET(percentile) G_STRUCT_OFFSET(KlStepTimes, percentile)

static void
add_series(GogPlot *plot, const char *name, GOData *labels, GOData *values, GOData *more)
{
    GogSeries *series = gog_plot_new_series(plot);
    gog_series_set_dim(series, 0, labels, NULL);
    gog_series_set_dim(series, 1, values, NULL);
    if (more != NULL)
        gog_series_set_dim(series, 2, more, NULL);
    if (name != NULL)
        gog_series_set_name(series, GO_DATA_SCALAR(go_data_scalar_str_new_copy(name)), NULL);
}

static GOData *
strings(const GPtrArray *texts)
{
    return go_data_vector_str_new_copy((const char *const *)texts->pdata, texts->len);
}

static GOData *
numbers(const GArray *values)
{
    return go_data_vector_val_new_copy((double *)(void *)values->data, values->len);
}

static void
append_number(GArray *values, double value)
{
    g_array_append_val(values, value);
}

/* The largest of the values; with more (or NULL), of their sums. */
static double
largest_sum(const GArray *values, const GArray *more)
{
    double largest = 0;
    for (guint i = 0; i < values->len; i++) {
        double sum = g_array_index(values, double, i) + (more != NULL ? g_array_index(more, double, i) : 0);
        largest = MAX(largest, sum);
    }
    return largest;
}

/* --- throughput and progress: over time --- */

typedef struct {
    GPtrArray *labels;
    GArray *passed, *failed, *so_far, *target;
} TimeData;

static void
time_data_clear(TimeData *data)
{
    g_clear_pointer(&data->labels, g_ptr_array_unref);
    g_clear_pointer(&data->passed, g_array_unref);
    g_clear_pointer(&data->failed, g_array_unref);
    g_clear_pointer(&data->so_far, g_array_unref);
    g_clear_pointer(&data->target, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TimeData, time_data_clear)

static TimeData
time_data(const KlReport *report)
{
    KlBucketUnit unit;
    g_autoptr(GArray) buckets = kl_report_buckets(report, &unit);
    TimeData data = {g_ptr_array_new_with_free_func(g_free), g_array_new(FALSE, FALSE, sizeof(double)),
                     g_array_new(FALSE, FALSE, sizeof(double)), g_array_new(FALSE, FALSE, sizeof(double)),
                     g_array_new(FALSE, FALSE, sizeof(double))};
    double so_far = 0;
    for (guint i = 0; i < buckets->len; i++) {
        const KlBucket *bucket = &g_array_index(buckets, KlBucket, i);
        so_far += bucket->passed;
        g_ptr_array_add(data.labels, g_strdup(bucket->label));
        append_number(data.passed, bucket->passed);
        append_number(data.failed, bucket->failed);
        append_number(data.so_far, so_far);
        append_number(data.target, report->target);
    }
    return data;
}

static void
fill_throughput(KlChartStyle *style, const KlReport *report)
{
    g_auto(TimeData) data = time_data(report);
    GogPlot *bars = kl_chart_style_add_plot(style, "GogBarColPlot");
    g_object_set(bars, "type", "stacked", "overlap-percentage", 100, "gap-percentage", 40, NULL);
    add_series(bars, _("Passed units"), strings(data.labels), numbers(data.passed), NULL);
    add_series(bars, _("Failed attempts"), strings(data.labels), numbers(data.failed), NULL);
    kl_chart_style_bars(style, bars, 0, KL_COLOUR_GOOD);
    kl_chart_style_bars(style, bars, 1, KL_COLOUR_BAD);
    kl_chart_style_axis(style, "X-Axis", NULL, FALSE);
    kl_chart_style_axis(style, "Y-Axis", NULL, TRUE);
    kl_chart_style_whole_numbers(style, "Y-Axis", (guint)largest_sum(data.passed, data.failed));
    kl_chart_style_legend(style);
}

static void
fill_progress(KlChartStyle *style, const KlReport *report)
{
    g_auto(TimeData) data = time_data(report);
    GogPlot *area = kl_chart_style_add_plot(style, "GogBarColPlot");
    g_object_set(area, "gap-percentage", 0, NULL);
    add_series(area, _("Passed so far"), strings(data.labels), numbers(data.so_far), NULL);
    kl_chart_style_bars(style, area, 0, KL_COLOUR_GOOD);
    if (report->target > 0) {
        GogPlot *line = kl_chart_style_add_plot(style, "GogLinePlot");
        add_series(line, _("Target"), strings(data.labels), numbers(data.target), NULL);
        kl_chart_style_line(style, line, 0, KL_COLOUR_LINE);
    }
    kl_chart_style_axis(style, "X-Axis", NULL, FALSE);
    kl_chart_style_axis(style, "Y-Axis", NULL, TRUE);
    kl_chart_style_whole_numbers(style, "Y-Axis", MAX(report->target, report->statistics->passed_units));
    kl_chart_style_bounds(style, "Y-Axis", 0,
                          report->target > report->statistics->passed_units ? report->target * 1.05 : -1);
    kl_chart_style_legend(style);
}

/* --- Pareto --- */

/* Breaks the text at spaces into lines of about so many characters; what is over max_lines becomes an ellipsis. */
static char *
wrap_words(const char *text, guint columns, guint max_lines)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    GString *wrapped = g_string_new(NULL);
    glong used = 0;
    guint lines = 1;
    for (guint i = 0; words[i] != NULL; i++) {
        glong length = g_utf8_strlen(words[i], -1);
        gboolean fits = used == 0 || used + 1 + length <= (glong)columns;
        if (!fits && lines == max_lines) {
            g_string_append(wrapped, "…");
            break;
        }
        if (i > 0)
            g_string_append_c(wrapped, fits ? ' ' : '\n');
        lines += !fits;
        used = fits && i > 0 ? used + 1 + length : length;
        g_string_append(wrapped, words[i]);
    }
    return g_string_free(wrapped, FALSE);
}

typedef struct {
    GPtrArray *labels;
    GArray *counts, *shares, *places;
} Causes;

static void
causes_clear(Causes *causes)
{
    g_clear_pointer(&causes->labels, g_ptr_array_unref);
    g_clear_pointer(&causes->counts, g_array_unref);
    g_clear_pointer(&causes->shares, g_array_unref);
    g_clear_pointer(&causes->places, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Causes, causes_clear)

static void
add_cause(Causes *causes, const char *words, guint jobs, guint *so_far, guint total)
{
    *so_far += jobs;
    g_ptr_array_add(causes->labels, wrap_words(words, CAUSE_COLUMNS, MAX_CAUSE_LINES));
    append_number(causes->counts, jobs);
    append_number(causes->shares, 100.0 * *so_far / total);
    append_number(causes->places, causes->labels->len);
}

static Causes
most_frequent(const GPtrArray *codes)
{
    Causes causes = {g_ptr_array_new_with_free_func(g_free), g_array_new(FALSE, FALSE, sizeof(double)),
                     g_array_new(FALSE, FALSE, sizeof(double)), g_array_new(FALSE, FALSE, sizeof(double))};
    guint total = 0, so_far = 0;
    for (guint i = 0; i < codes->len; i++)
        total += ((const KlCodeCount *)codes->pdata[i])->jobs;
    guint shown = codes->len > MAX_CAUSES + 1 ? MAX_CAUSES : codes->len;
    for (guint i = 0; i < shown; i++) {
        const KlCodeCount *code = codes->pdata[i];
        add_cause(&causes, kl_report_code_words(code->code), code->jobs, &so_far, total);
    }
    if (shown < codes->len)
        add_cause(&causes, _("All other causes"), total - so_far, &so_far, total);
    return causes;
}

static void
fill_pareto(KlChartStyle *style, const KlReport *report)
{
    g_auto(Causes) causes = most_frequent(report->statistics->codes);
    GogPlot *bars = kl_chart_style_add_plot(style, "GogBarColPlot");
    g_object_set(bars, "horizontal", TRUE, "gap-percentage", 40, NULL);
    add_series(bars, _("Failed attempts"), strings(causes.labels), numbers(causes.counts), NULL);
    kl_chart_style_bars(style, bars, 0, KL_COLOUR_BAD);
    kl_chart_style_axis(style, "X-Axis", NULL, TRUE);
    kl_chart_style_axis(style, "Y-Axis", NULL, FALSE);
    kl_chart_style_whole_numbers(style, "X-Axis", (guint)largest_sum(causes.counts, NULL));
    kl_chart_style_invert(style, "Y-Axis");
    GogPlot *line = kl_chart_style_add_plot(style, "GogXYPlot");
    add_series(line, _("Cumulative share"), numbers(causes.shares), numbers(causes.places), NULL);
    kl_chart_style_line(style, line, 0, KL_COLOUR_LINE);
    kl_chart_style_share_axes(style, line, causes.labels->len);
    kl_chart_style_legend(style);
}

/* --- step times: p5 to p95 as a line, p25 to p75 as a box, the median as a mark --- */

static double
seconds(gint64 time_us)
{
    return (double)time_us / G_USEC_PER_SEC;
}

/* One percentile (its place in KlStepTimes) of every step, moved by so many seconds. */
static GOData *
step_seconds(const GPtrArray *steps, gsize percentile, double moved)
{
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < steps->len; i++)
        append_number(values, MAX(seconds(G_STRUCT_MEMBER(gint64, steps->pdata[i], percentile)) + moved, 0));
    return numbers(values);
}

static double
longest_seconds(const GPtrArray *steps)
{
    gint64 longest_us = 0;
    for (guint i = 0; i < steps->len; i++)
        longest_us = MAX(longest_us, ((const KlStepTimes *)steps->pdata[i])->p95_us);
    return seconds(longest_us);
}

static void
fill_steps(KlChartStyle *style, const KlReport *report)
{
    const GPtrArray *steps = report->statistics->steps;
    double half_mark = MEDIAN_HALF_WIDTH * longest_seconds(steps);
    g_autoptr(GPtrArray) labels = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < steps->len; i++)
        g_ptr_array_add(labels, g_strdup(_(kl_step_title(((const KlStepTimes *)steps->pdata[i])->step))));
    GogPlot *whiskers = kl_chart_style_add_plot(style, "GogMinMaxPlot");
    g_object_set(whiskers, "horizontal", TRUE, "default-style-has-markers", FALSE, NULL);
    add_series(whiskers, _("9 of 10 attempts"), strings(labels), step_seconds(steps, OFFSET(p5_us), 0),
               step_seconds(steps, OFFSET(p95_us), 0));
    kl_chart_style_line(style, whiskers, 0, KL_COLOUR_LINE);
    GogPlot *boxes = kl_chart_style_add_plot(style, "GogDropBarPlot");
    g_object_set(boxes, "horizontal", TRUE, "overlap-percentage", 100, "gap-percentage", 60, NULL);
    add_series(boxes, _("Middle half"), strings(labels), step_seconds(steps, OFFSET(p25_us), 0),
               step_seconds(steps, OFFSET(p75_us), 0));
    add_series(boxes, _("Median"), strings(labels), step_seconds(steps, OFFSET(p50_us), -half_mark),
               step_seconds(steps, OFFSET(p50_us), half_mark));
    kl_chart_style_bars(style, boxes, 0, KL_COLOUR_GOOD);
    kl_chart_style_bars(style, boxes, 1, KL_COLOUR_LINE);
    kl_chart_style_axis(style, "X-Axis", _("seconds"), TRUE);
    kl_chart_style_axis(style, "Y-Axis", NULL, FALSE);
    kl_chart_style_invert(style, "Y-Axis");
    kl_chart_style_bounds(style, "X-Axis", 0, -1);
    kl_chart_style_legend(style);
}

static gboolean
has_nothing(KlChartKind kind, const KlReport *report)
{
    const KlStatistics *statistics = report->statistics;
    if (kind == KL_CHART_PARETO)
        return statistics->codes->len == 0;
    return kind == KL_CHART_STEPS ? statistics->steps->len == 0 : statistics->hours->len == 0;
}

KlChart *
kl_chart_new(KlChartKind kind, const KlReport *report, gboolean dark)
{
    static void (*const fills[KL_CHART_N])(KlChartStyle *, const KlReport *) = {
        [KL_CHART_THROUGHPUT] = fill_throughput,
        [KL_CHART_PARETO] = fill_pareto,
        [KL_CHART_STEPS] = fill_steps,
        [KL_CHART_PROGRESS] = fill_progress,
    };
    if (has_nothing(kind, report))
        return NULL;
    KlChartStyle style = kl_chart_style_begin(dark);
    fills[kind](&style, report);
    return style.graph;
}

void
kl_chart_draw(KlChart *chart, cairo_t *cairo, double width, double height)
{
    gog_graph_render_to_cairo(chart, cairo, width, height);
}

char *
kl_chart_title(KlChartKind kind, const KlReport *report)
{
    KlBucketUnit unit;
    g_array_unref(kl_report_buckets(report, &unit));
    switch (kind) {
    case KL_CHART_THROUGHPUT:
        return g_strdup(unit == KL_BUCKET_HOUR  ? _("Units per hour")
                        : unit == KL_BUCKET_DAY ? _("Units per day")
                                                : _("Units per month"));
    case KL_CHART_PARETO:
        return g_strdup(_("Why units failed"));
    case KL_CHART_STEPS:
        return g_strdup(_("How long each step takes"));
    case KL_CHART_PROGRESS:
    case KL_CHART_N:
        break;
    }
    g_autofree char *order = kl_report_work_order_words(report);
    return g_strdup_printf(_("Progress: %s"), order);
}

char *
kl_chart_words(KlChartKind kind, const KlReport *report)
{
    if (has_nothing(kind, report))
        return g_strdup(_("There is nothing to show."));
    g_autoptr(GString) words = g_string_new(NULL);
    KlBucketUnit unit;
    g_autoptr(GArray) buckets = kl_report_buckets(report, &unit);
    const KlStatistics *statistics = report->statistics;
    for (guint i = 0; kind == KL_CHART_THROUGHPUT && i < buckets->len; i++) {
        const KlBucket *bucket = &g_array_index(buckets, KlBucket, i);
        g_string_append_printf(words, _("%s: %u passed, %u failed. "), bucket->label, bucket->passed, bucket->failed);
    }
    for (guint i = 0; kind == KL_CHART_PARETO && i < statistics->codes->len; i++) {
        const KlCodeCount *code = statistics->codes->pdata[i];
        g_string_append_printf(words, "%s %u. ", kl_report_code_words(code->code), code->jobs);
    }
    for (guint i = 0; kind == KL_CHART_STEPS && i < statistics->steps->len; i++) {
        const KlStepTimes *times = statistics->steps->pdata[i];
        g_string_append_printf(words, _("%s: %.1f seconds. "), _(kl_step_title(times->step)),
                               (double)times->p50_us / G_USEC_PER_SEC);
    }
    if (kind == KL_CHART_PROGRESS && report->target > 0)
        g_string_append_printf(words, _("%u of %u passed."), statistics->passed_units, report->target);
    else if (kind == KL_CHART_PROGRESS)
        g_string_append_printf(words, _("%u passed."), statistics->passed_units);
    return g_strchomp(g_string_free(g_steal_pointer(&words), FALSE));
}
