/* A job on a bench of the test's own, run on this thread, with what it told; and something done to it at a moment of
 * choice. */
#pragma once

#include "tests/rig/line_rig.h"

G_BEGIN_DECLS

typedef struct KlJobTrace KlJobTrace;

struct KlJobTrace {
    KlEventType at;   /* `act` is called when the job tells this ... */
    const char *step; /* ... of this step (NULL: any), once */
    void (*act)(KlJobTrace *trace);
    gpointer data;        /* for it */
    GCancellable *cancel; /* for it, and for the test: of the running job */

    gboolean acted;
    GPtrArray *events; /* KlEvent, in order: of the last job */
};

/* trace may be NULL. Clear it after use. */
KlRecord *kl_job_trace_run(KlJobTrace *trace, const KlBench *bench, const char *slot, const KlPorts *ports);

/* The last event of the kind. */
const KlEvent *kl_job_trace_last(const KlJobTrace *trace, KlEventType type);

void kl_job_trace_clear(KlJobTrace *trace);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlJobTrace, kl_job_trace_clear)

G_END_DECLS
