/* A report: what happened on the line in a period, with the figures that are shown, printed and exported. */
#pragma once

#include "gui/report_period.h"
#include "station/statistics.h"

G_BEGIN_DECLS

typedef struct {
    char *station;
    char *work_order; /* NULL: all */
    KlPeriod period;
    gint64 from_us, to_us; /* UTC; 0: without an end on that side */
    gint64 made_us;        /* when it was made, UTC */
    guint target;          /* of the work order; 0: none, or not known */
    KlStatistics *statistics;
} KlReport;

/* Takes the statistics over; the period is as seen at that time. */
KlReport *kl_report_new(const char *station, const char *work_order, KlPeriod period, GDateTime *now, guint target,
                        KlStatistics *statistics);
void kl_report_free(KlReport *report);

/* TRUE when no job was done in the period. */
gboolean kl_report_is_empty(const KlReport *report);

/* Percent of the units that passed at their first attempt; 0 when there are no units. */
double kl_report_first_pass_yield(const KlReport *report);

/* Passed units an hour, over the hours in which there were jobs; 0 when there were none. */
double kl_report_per_hour(const KlReport *report);

/* A moment in words, local time: "21 Nov 2026 20:14". The caller frees. */
char *kl_report_time_words(gint64 time_us);

/* The period in words: "Today: 21 Nov 2026 00:00 to 21 Nov 2026 20:14". The caller frees. */
char *kl_report_period_words(const KlReport *report);

/* "Work order 48-1123", "All work orders". The caller frees. */
char *kl_report_work_order_words(const KlReport *report);

/* What the operator is told of a failure code, and what to do: translated; the code itself and "" for a code that this
 * program does not know. */
const char *kl_report_code_words(const char *code);
const char *kl_report_code_remedy(const char *code);

typedef enum { KL_BUCKET_HOUR, KL_BUCKET_DAY, KL_BUCKET_MONTH } KlBucketUnit;

/* A bar of the throughput chart. */
typedef struct {
    char label[32]; /* "14:00", "21 Nov", "Nov 2026", local time */
    guint passed, failed;
} KlBucket;

/* From the first hour with jobs to the last, without gaps, in hours, days or months so that a chart can hold them.
 * Array of KlBucket; the caller unrefs. */
GArray *kl_report_buckets(const KlReport *report, KlBucketUnit *unit);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlReport, kl_report_free)

G_END_DECLS
