/* A slot: a place on the fixture, with the worker thread that drives whatever unit stands there. */
#pragma once

#include "station/config.h"
#include "station/job.h"

G_BEGIN_DECLS

typedef struct KlSlot KlSlot;

/* Starts the slot's worker. bench, sink and sink_data are borrowed and must outlive the slot; config is copied. */
KlSlot *kl_slot_new(const KlSlotConfig *config, const KlBench *bench, KlEventSink sink, gpointer sink_data);

/* Stops a running job (as far as it may be stopped), waits for the worker to end, frees the slot. */
void kl_slot_free(KlSlot *slot);

const char *kl_slot_name(const KlSlot *slot);

/* Starts a job. FALSE with STATION_BUSY when one is running or waiting, with USAGE for a blank reprovision_reason. Its
 * end is told by KL_EVENT_JOB_END. */
gboolean kl_slot_start(KlSlot *slot, const KlJobRequest *request, GError **error);

/* Asks the running job to stop; does nothing without one. It ends with ABORTED unless it is past its point of no
 * return. */
void kl_slot_stop(KlSlot *slot);

/* Looks what is plugged in, and tells it when it is something else than before. Told apart from the slot's other
 * events: no two of them are passed at once, and before a JOB_END is passed the slot looks by itself. From any thread,
 * but not from the event sink. */
void kl_slot_look(KlSlot *slot);

/* TRUE from kl_slot_start until its JOB_END is sent. */
gboolean kl_slot_busy(KlSlot *slot);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSlot, kl_slot_free)

G_END_DECLS
