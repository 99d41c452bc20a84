/* How a batch is shown at its end, and again later. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    const char *batch;        /* its id */
    const GPtrArray *records; /* KlRecord with steps, in the order of their ends */
    guint count;              /* units it was armed for; 0: not known any more */
    guint left;               /* of which were not worked on */
    guint running;            /* jobs that run still, in some other program */
    const char *stopped;      /* name of the station error that stopped the line, or NULL */
} KlBatchView;

/* One document on stdout. Keys: batch, count, left, stopped (the last three null when not known), running, units,
 * passed, failed, first_pass, yield_percent, jobs, started, ended, slowest_step, slowest_slot, slowest_ms; causes, an
 * array of {code, words, remedy, jobs, slots}; results, the records of all jobs as unit_report.h shows them. */
void kl_batch_view_json(const KlBatchView *view);

/* For people, on stdout. */
void kl_batch_view_print(const KlBatchView *view);

G_END_DECLS
