#include "station/event.h"

KlEvent *
kl_event_new(KlEventType type, const char *slot, const char *job)
{
    KlEvent *event = g_new0(KlEvent, 1);
    event->type = type;
    event->slot = g_strdup(slot);
    event->job = g_strdup(job);
    event->time_us = g_get_monotonic_time();
    event->outcome = KL_OUTCOME_RUNNING;
    return event;
}

void
kl_event_free(KlEvent *event)
{
    if (event == NULL)
        return;
    g_free(event->slot);
    g_free(event->job);
    g_free(event->step);
    g_free(event->step_title);
    g_free(event->code);
    kl_unit_free(event->unit);
    kl_record_free(event->record);
    g_free(event);
}
