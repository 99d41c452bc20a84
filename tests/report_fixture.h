/* Made-up reports. */
#pragma once

#include "gui/report.h"

/* 2026-11-21 20:14:05 UTC, a Saturday. */
#define NOW G_GINT64_CONSTANT(1795292045)
#define HOUR_US G_TIME_SPAN_HOUR

static inline void
add_hour(KlStatistics *statistics, int hours_ago, guint passed, guint failed)
{
    KlHourCount hour = {NOW * G_USEC_PER_SEC / HOUR_US * HOUR_US - hours_ago * HOUR_US, passed, failed};
    g_array_append_val(statistics->hours, hour);
    statistics->passed_units += passed;
    statistics->failed_jobs += failed;
    statistics->jobs += passed + failed;
}

static inline void
add_code(KlStatistics *statistics, const char *name, guint jobs)
{
    KlCodeCount *code = g_new0(KlCodeCount, 1);
    code->code = g_strdup(name);
    code->jobs = jobs;
    g_ptr_array_add(statistics->codes, code);
}

static inline void
add_step(KlStatistics *statistics, const char *name, gint64 median_us)
{
    KlStepTimes *times = g_new0(KlStepTimes, 1);
    *times =
        (KlStepTimes){g_strdup(name), 99, median_us / 2, median_us * 3 / 4, median_us, median_us * 2, median_us * 3};
    g_ptr_array_add(statistics->steps, times);
}

static inline KlReport *
report_of(KlPeriod period, const char *work_order, guint target, KlStatistics *statistics)
{
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_local(NOW);
    return kl_report_new("S1", work_order, period, now, target, statistics);
}

static inline KlReport *
busy_report(const char *work_order)
{
    KlStatistics *statistics = kl_statistics_new();
    add_hour(statistics, 3, 100, 4);
    add_hour(statistics, 2, 120, 0);
    add_hour(statistics, 0, 31, 7);
    statistics->units = 256;
    statistics->first_pass_units = 244;
    add_code(statistics, "NO_ANSWER", 8);
    add_code(statistics, "PORT_GONE", 2);
    add_code(statistics, "OF_ANOTHER_PROGRAM", 1);
    add_step(statistics, "connect", 80000);
    add_step(statistics, "key", 1500000);
    return report_of(KL_PERIOD_SHIFT, work_order, 500, statistics);
}
