/* What a slot tells the world while it works: self-contained copies; the receiver frees. */
#pragma once

#include "station/record.h"

G_BEGIN_DECLS

typedef enum {
    KL_EVENT_JOB_BEGIN,  /* a job started in the slot */
    KL_EVENT_UNIT,       /* the unit became known (unit is set) */
    KL_EVENT_STEP_BEGIN, /* step, step_title, n, m, attempt are set */
    KL_EVENT_PROGRESS,   /* fraction of the whole job, 0..1 */
    KL_EVENT_STEP_END,   /* outcome and code of that attempt */
    KL_EVENT_PRESENCE,   /* plug is set: something was plugged into the slot, or taken out; told once at the start, too,
                            and also while a job runs. Something new in the place of something else is told as two: 0,
                            then the new one */
    KL_EVENT_JOB_END,    /* record and plug are set; comes only after the record's commit was tried. A PRESENCE that is
                            told after it happened after it */
} KlEventType;

typedef struct {
    KlEventType type;
    char *slot;
    char *job;
    gint64 time_us;   /* g_get_monotonic_time() when it happened */
    char *step;       /* step id, or NULL */
    char *step_title; /* for people, or NULL */
    guint n, m;       /* step n of m */
    guint attempt;
    double fraction;
    guint64 plug; /* PRESENCE: what is plugged in (see KlTransportPlug). JOB_END: what the verdict is about: what was
                     plugged in when the unit was last talked to; 0 when it was gone by then */
    KlOutcome outcome;
    char *code;       /* error name, or NULL */
    KlUnit *unit;     /* or NULL */
    KlRecord *record; /* JOB_END only: without transcript */
} KlEvent;

KlEvent *kl_event_new(KlEventType type, const char *slot, const char *job);
void kl_event_free(KlEvent *event);

/* Takes the event over. Called on threads of the line, for one slot with one event at a time: hand it on and return. */
typedef void (*KlEventSink)(KlEvent *event, gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlEvent, kl_event_free)

G_END_DECLS
