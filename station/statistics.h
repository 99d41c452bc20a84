/* What happened on the line in a period, added up. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* NULL and 0 mean any. Jobs that are still running are never counted. */
typedef struct {
    gint64 from_us, to_us; /* jobs started in [from, to), UTC microseconds */
    const char *product;
    const char *work_order;
} KlStatisticsRequest;

/* One hour that had jobs. */
typedef struct {
    gint64 start_us;
    guint passed; /* units that passed in it, each counted once: where it first passed in the period */
    guint failed; /* jobs that did not pass */
} KlHourCount;

typedef struct {
    char *code; /* error name */
    guint jobs; /* that ended with it */
} KlCodeCount;

/* How long a step took, over its passed attempts in the newest 5,000 jobs of the period, in microseconds. Percentiles
 * by nearest rank. */
typedef struct {
    char *step;
    guint attempts;
    gint64 p5_us, p25_us, p50_us, p75_us, p95_us;
} KlStepTimes;

typedef struct {
    guint units;            /* different units worked on: those that jobs were bound to */
    guint passed_units;     /* of which passed at least once (already provisioned ones count) */
    guint first_pass_units; /* of which passed at their first attempt within the period */
    guint jobs;
    guint failed_jobs;
    GArray *hours;    /* KlHourCount, in order */
    GPtrArray *codes; /* KlCodeCount, most frequent first */
    GPtrArray *steps; /* KlStepTimes, in the order of a job */
    GPtrArray
        *work_orders; /* char *: the newest 100 work orders in the period, whichever was asked for; newest first */
} KlStatistics;

/* All zero, with empty lists. */
KlStatistics *kl_statistics_new(void);
void kl_code_count_free(KlCodeCount *count);
void kl_step_times_free(KlStepTimes *times);
void kl_statistics_free(KlStatistics *statistics);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlStatistics, kl_statistics_free)

G_END_DECLS
