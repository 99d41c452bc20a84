/* A batch: the line armed for so many units. Every unit that is plugged in starts by itself until that many were
 * worked on. Belongs to the thread that receives the line's events: give it every one of them.
 *
 * What counts as a unit: one whose job ended with a verdict, told apart by its IMEI, so that a unit plugged in again is
 * not counted twice. Units that never said who they are count once for each slot, until one that does was counted
 * there: a unit that restarts for ever is plugged in again and again. A unit that was pulled out or stopped (ABORTED)
 * does not count: it is still to come. Nor does one that met the station's fault (ERROR): when that stopped the line,
 * it is started again by kl_batch_resume; when it was its slot's alone, once it is plugged in anew.
 *
 * A job that somebody else starts while the line is armed counts as well, and its record is among the batch's, when it
 * has kl_batch_id as its batch; any other only keeps its slot busy. While the batch is stopping, nothing that somebody
 * else starts concerns it. */
#pragma once

#include "station/event.h"
#include "station/line.h"

G_BEGIN_DECLS

typedef struct KlBatch KlBatch;

typedef enum {
    KL_BATCH_ARMED,    /* starts what is plugged in */
    KL_BATCH_STOPPING, /* starts nothing more; jobs still run */
    KL_BATCH_STOPPED,  /* the line was stopped by a station error: it goes on with kl_batch_resume */
    KL_BATCH_DONE,     /* nothing runs and nothing will be started */
} KlBatchState;

/* Arms the line for count units (>= 1). The request is copied, with a new batch id in place of its own; its label and
 * reprovision_reason have to be NULL. line is borrowed and outlives the batch. LABEL_MISSING when the product needs
 * every unit's label scanned: such units can't start by themselves. Nothing is started before the first kl_batch_event
 * or kl_batch_present. */
KlBatch *kl_batch_new(KlLine *line, const KlProfile *profile, const KlJobRequest *request, guint count, GError **error);
void kl_batch_free(KlBatch *batch);

/* Tells the batch what is plugged in already, for slots whose PRESENCE came before it was armed. */
void kl_batch_present(KlBatch *batch, const char *slot, guint64 plug);

/* Takes notice of an event of the line (borrowed), whoever started its job, and starts what may be started. */
void kl_batch_event(KlBatch *batch, const KlEvent *event);

/* Starts nothing more; what runs goes on to its end. */
void kl_batch_stop(KlBatch *batch);

/* Goes on after the line's station error was cleared, also with the units that met it. */
void kl_batch_resume(KlBatch *batch);

const char *kl_batch_id(const KlBatch *batch);
KlBatchState kl_batch_state(const KlBatch *batch);
guint kl_batch_count(const KlBatch *batch);   /* armed for */
guint kl_batch_left(const KlBatch *batch);    /* still to be worked on */
guint kl_batch_running(const KlBatch *batch); /* being worked on now */

/* The records of all jobs with its id that ended, in the order of their ends: KlRecord array, borrowed. */
const GPtrArray *kl_batch_records(const KlBatch *batch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlBatch, kl_batch_free)

G_END_DECLS
