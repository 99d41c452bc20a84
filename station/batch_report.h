/* What the records of a batch come to. */
#pragma once

#include "station/record.h"

G_BEGIN_DECLS

/* One cause of failure and how many jobs ended with it. */
typedef struct {
    char *code;
    guint jobs;
    char *slots; /* "03, 07": where */
} KlBatchCause;

typedef struct {
    guint jobs;            /* attempts */
    guint units;           /* distinct units; those that never said who they are count once an attempt */
    guint passed;          /* units whose last attempt passed */
    guint failed;          /* units whose last attempt ended otherwise */
    guint first_pass;      /* units that passed at their first attempt of the batch */
    double yield_percent;  /* passed / units; 0 without units */
    gint64 from_us, to_us; /* UTC: first start, last end; 0 without records */
    char *slowest_step;    /* id of the step that took longest in one attempt, or NULL */
    char *slowest_slot;
    gint64 slowest_us;
    GPtrArray *causes; /* KlBatchCause, most frequent first: of every attempt that did not pass */
} KlBatchReport;

/* records: KlRecord array with steps, in the order of their ends. */
KlBatchReport *kl_batch_report_new(const GPtrArray *records);

/* The last attempt at each unit, and every attempt at a unit that never said who it is, in the order of the records:
 * borrowed KlRecord array. The caller unrefs it. */
GPtrArray *kl_batch_report_last(const GPtrArray *records);
void kl_batch_report_free(KlBatchReport *report);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlBatchReport, kl_batch_report_free)

G_END_DECLS
