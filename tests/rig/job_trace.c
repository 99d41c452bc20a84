#include "tests/rig/job_trace.h"

static void
keep(KlEvent *event, gpointer data)
{
    KlJobTrace *trace = data;
    g_ptr_array_add(trace->events, event);
    if (trace->act == NULL || trace->acted || event->type != trace->at ||
        (trace->step != NULL && g_strcmp0(trace->step, event->step) != 0))
        return;
    trace->acted = TRUE;
    trace->act(trace);
}

KlRecord *
kl_job_trace_run(KlJobTrace *trace, const KlBench *bench, const char *slot, const KlPorts *ports)
{
    static const KlJobRequest request = {.operator_id = "rig"};
    g_auto(KlJobTrace) own = {0};
    if (trace == NULL)
        trace = &own;
    kl_job_trace_clear(trace);
    trace->events = g_ptr_array_new_with_free_func((GDestroyNotify)kl_event_free);
    trace->cancel = g_cancellable_new();
    return kl_job_run(bench, slot, ports, &request, trace->cancel, keep, trace);
}

const KlEvent *
kl_job_trace_last(const KlJobTrace *trace, KlEventType type)
{
    for (guint i = trace->events->len; i > 0; i--) {
        const KlEvent *event = trace->events->pdata[i - 1];
        if (event->type == type)
            return event;
    }
    g_error("no event of type %d", type);
}

void
kl_job_trace_clear(KlJobTrace *trace)
{
    g_clear_pointer(&trace->events, g_ptr_array_unref);
    g_clear_object(&trace->cancel);
}
