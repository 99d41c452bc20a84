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
    KL_EVENT_PRESENCE,   /* present is set: the slot's port appeared or went away; told once at the start, too */
    KL_EVENT_JOB_END,    /* record is set; comes only after the record's commit was tried */
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
    gboolean present;
    KlOutcome outcome;
    char *code;       /* error name, or NULL */
    KlUnit *unit;     /* or NULL */
    KlRecord *record; /* JOB_END only: without transcript */
} KlEvent;

KlEvent *kl_event_new(KlEventType type, const char *slot, const char *job);
void kl_event_free(KlEvent *event);

/* Takes the event over. Called on the slot's worker thread: hand it on and return. */
typedef void (*KlEventSink)(KlEvent *event, gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlEvent, kl_event_free)

G_END_DECLS
