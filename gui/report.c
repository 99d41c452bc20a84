#include "gui/report.h"

#include <string.h>

#include "gui/i18n.h"
#include "station/error.h"

/* A chart holds so many hours or days before its bars get too thin. */
#define MAX_HOURS 48
#define MAX_DAYS 92

KlReport *
kl_report_new(const char *station, const char *work_order, KlPeriod period, GDateTime *now, guint target,
              KlStatistics *statistics)
{
    KlReport *report = g_new0(KlReport, 1);
    report->station = g_strdup(station);
    report->work_order = work_order != NULL ? g_utf8_make_valid(work_order, -1) : NULL;
    report->period = period;
    kl_period_bounds(period, now, &report->from_us, &report->to_us);
    report->made_us = g_date_time_to_unix(now) * G_USEC_PER_SEC;
    report->target = target;
    report->statistics = statistics;
    return report;
}

void
kl_report_free(KlReport *report)
{
    if (report == NULL)
        return;
    g_free(report->station);
    g_free(report->work_order);
    kl_statistics_free(report->statistics);
    g_free(report);
}

gboolean
kl_report_is_empty(const KlReport *report)
{
    return report->statistics->jobs == 0;
}

double
kl_report_first_pass_yield(const KlReport *report)
{
    const KlStatistics *statistics = report->statistics;
    return statistics->units > 0 ? 100.0 * statistics->first_pass_units / statistics->units : 0;
}

double
kl_report_per_hour(const KlReport *report)
{
    const KlStatistics *statistics = report->statistics;
    return statistics->hours->len > 0 ? (double)statistics->passed_units / statistics->hours->len : 0;
}

char *
kl_report_time_words(gint64 time_us)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(time_us / G_USEC_PER_SEC);
    /* Translators: a moment, in strftime's format. xgettext:no-c-format */
    const char *format = _("%e %b %Y %H:%M");
    return time != NULL ? g_strchug(g_date_time_format(time, format)) : g_strdup("?");
}

char *
kl_report_period_words(const KlReport *report)
{
    g_autofree char *from = kl_report_time_words(report->from_us);
    g_autofree char *to = kl_report_time_words(report->to_us != 0 ? report->to_us : report->made_us);
    if (report->from_us == 0)
        /* Translators: name of a period, its end */
        return g_strdup_printf(_("%s: until %s"), kl_period_title(report->period), to);
    /* Translators: name of a period, its beginning and its end */
    return g_strdup_printf(_("%s: %s to %s"), kl_period_title(report->period), from, to);
}

char *
kl_report_work_order_words(const KlReport *report)
{
    return report->work_order != NULL ? g_strdup_printf(_("Work order %s"), report->work_order)
                                      : g_strdup(_("All work orders"));
}

const char *
kl_report_code_words(const char *code)
{
    int known = kl_error_from_name(code);
    return known >= 0 ? _(kl_error_words((KlErrorCode)known)) : code;
}

const char *
kl_report_code_remedy(const char *code)
{
    int known = kl_error_from_name(code);
    return known >= 0 ? _(kl_error_remedy((KlErrorCode)known)) : "";
}

static KlBucketUnit
unit_for(const GArray *hours)
{
    gint64 span_us =
        g_array_index(hours, KlHourCount, hours->len - 1).start_us - g_array_index(hours, KlHourCount, 0).start_us;
    if (span_us < MAX_HOURS * G_TIME_SPAN_HOUR)
        return KL_BUCKET_HOUR;
    return span_us < MAX_DAYS * G_TIME_SPAN_DAY ? KL_BUCKET_DAY : KL_BUCKET_MONTH;
}

static GDateTime *
bucket_start(gint64 time_us, KlBucketUnit unit)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(time_us / G_USEC_PER_SEC);
    if (time == NULL || unit == KL_BUCKET_HOUR)
        return g_steal_pointer(&time);
    return g_date_time_new_local(g_date_time_get_year(time), g_date_time_get_month(time),
                                 unit == KL_BUCKET_DAY ? g_date_time_get_day_of_month(time) : 1, 0, 0, 0);
}

static GDateTime *
next_start(GDateTime *start, KlBucketUnit unit)
{
    if (unit == KL_BUCKET_HOUR)
        return g_date_time_add_hours(start, 1);
    return unit == KL_BUCKET_DAY ? g_date_time_add_days(start, 1) : g_date_time_add_months(start, 1);
}

static void
label_bucket(KlBucket *bucket, GDateTime *start, KlBucketUnit unit)
{
    /* Translators: a day without its year, in strftime's format. xgettext:no-c-format */
    const char *day = _("%e %b");
    const char *format = unit == KL_BUCKET_HOUR ? "%H:%M" : unit == KL_BUCKET_DAY ? day : "%b %Y";
    g_autofree char *label = g_date_time_format(start, format);
    g_strlcpy(bucket->label, label != NULL ? g_strchug(label) : "?", sizeof(bucket->label));
}

GArray *
kl_report_buckets(const KlReport *report, KlBucketUnit *unit)
{
    const GArray *hours = report->statistics->hours;
    GArray *buckets = g_array_new(FALSE, TRUE, sizeof(KlBucket));
    *unit = hours->len > 0 ? unit_for(hours) : KL_BUCKET_HOUR;
    g_autoptr(GDateTime) start =
        hours->len > 0 ? bucket_start(g_array_index(hours, KlHourCount, 0).start_us, *unit) : NULL;
    guint taken = 0;
    while (start != NULL && taken < hours->len) {
        g_autoptr(GDateTime) next = next_start(start, *unit);
        KlBucket bucket = {0};
        label_bucket(&bucket, start, *unit);
        gint64 end_us = next != NULL ? g_date_time_to_unix(next) * G_USEC_PER_SEC : G_MAXINT64;
        for (; taken < hours->len && g_array_index(hours, KlHourCount, taken).start_us < end_us; taken++) {
            bucket.passed += g_array_index(hours, KlHourCount, taken).passed;
            bucket.failed += g_array_index(hours, KlHourCount, taken).failed;
        }
        g_array_append_val(buckets, bucket);
        g_date_time_unref(start);
        start = g_steal_pointer(&next);
    }
    return buckets;
}
