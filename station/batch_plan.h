/* What a batch decides: which slots to start, when it has done enough. Knows slots by name and units by IMEI, and
 * nothing of lines, jobs and threads. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlBatchPlan KlBatchPlan;

/* What the end of a job means. */
typedef enum {
    KL_BATCH_END_WORKED, /* with a verdict on the unit: it counts */
    KL_BATCH_END_NONE,   /* it does not count, and is not started again while it stays plugged in */
    KL_BATCH_END_AGAIN,  /* it does not count, and is started again after kl_batch_plan_resume */
} KlBatchEnd;

/* For count units (>= 1). */
KlBatchPlan *kl_batch_plan_new(guint count);
void kl_batch_plan_free(KlBatchPlan *plan);

/* What is plugged into the slot now (0: nothing). */
void kl_batch_plan_plug(KlBatchPlan *plan, const char *slot, guint64 plug);

/* A job runs in the slot from now on, whoever started it. To be told when the plan's answer was carried out, and again
 * when the line says so. */
void kl_batch_plan_begin(KlBatchPlan *plan, const char *slot);

/* The slot's job ended. plug: what it was about (0: gone by then); imei: whose it was, or NULL. */
void kl_batch_plan_end(KlBatchPlan *plan, const char *slot, guint64 plug, KlBatchEnd end, const char *imei);

/* What was to be started again may be started now. */
void kl_batch_plan_resume(KlBatchPlan *plan);

/* No job is to be started on what is plugged into the slot now. */
void kl_batch_plan_leave(KlBatchPlan *plan, const char *slot);

/* The next slot to start, in the order of names, or NULL: then it waits for the next plug or end. The answer stays the
 * same until one of the calls above is made. Borrowed. */
const char *kl_batch_plan_next(const KlBatchPlan *plan);

gboolean kl_batch_plan_runs(const KlBatchPlan *plan, const char *slot); /* whether the slot has a job */
guint kl_batch_plan_left(const KlBatchPlan *plan);                      /* units still to be worked on */
guint kl_batch_plan_running(const KlBatchPlan *plan);                   /* slots with a job */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlBatchPlan, kl_batch_plan_free)

G_END_DECLS
