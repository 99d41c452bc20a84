#include "station/batch_plan.h"

#include <string.h>

typedef struct {
    char *name;
    guint64 plug;  /* what is plugged in */
    guint64 begun; /* what was plugged in when the running job began */
    guint64 done;  /* the last plug that needs no job any more */
    gboolean running;
    gboolean again; /* what is done has to be started again once the line goes on */

    /* What was counted last in this slot, and for which plug: further jobs on the same plug are about the same unit. */
    guint64 counted_plug;
    char *counted_key;
} Slot;

struct KlBatchPlan {
    guint count;
    guint running;
    guint64 nameless;  /* units counted that never said who they are */
    GPtrArray *slots;  /* Slot, by name */
    GHashTable *units; /* set of keys of what was counted: an IMEI, or "?" and a number */
};

static void
slot_free(Slot *slot)
{
    g_free(slot->name);
    g_free(slot->counted_key);
    g_free(slot);
}

KlBatchPlan *
kl_batch_plan_new(guint count)
{
    KlBatchPlan *plan = g_new0(KlBatchPlan, 1);
    plan->count = count;
    plan->slots = g_ptr_array_new_with_free_func((GDestroyNotify)slot_free);
    plan->units = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return plan;
}

void
kl_batch_plan_free(KlBatchPlan *plan)
{
    if (plan == NULL)
        return;
    g_ptr_array_unref(plan->slots);
    g_hash_table_unref(plan->units);
    g_free(plan);
}

/* The slot of that name, or NULL; *at is where it is or would be. */
static Slot *
find_slot(const KlBatchPlan *plan, const char *name, guint *at)
{
    for (*at = 0; *at < plan->slots->len; (*at)++) {
        Slot *slot = plan->slots->pdata[*at];
        int order = strcmp(slot->name, name);
        if (order >= 0)
            return order == 0 ? slot : NULL;
    }
    return NULL;
}

/* The slot of that name, made when it is met for the first time. */
static Slot *
slot_of(KlBatchPlan *plan, const char *name)
{
    guint at;
    Slot *known = find_slot(plan, name, &at);
    if (known != NULL)
        return known;
    Slot *slot = g_new0(Slot, 1);
    slot->name = g_strdup(name);
    g_ptr_array_insert(plan->slots, (int)at, slot);
    return slot;
}

void
kl_batch_plan_plug(KlBatchPlan *plan, const char *slot, guint64 plug)
{
    slot_of(plan, slot)->plug = plug;
}

void
kl_batch_plan_begin(KlBatchPlan *plan, const char *name)
{
    Slot *slot = slot_of(plan, name);
    /* Told a second time it is from later, and knows better what the job began with. */
    slot->begun = slot->plug;
    plan->running += !slot->running;
    slot->running = TRUE;
}

/* Counts the unit that was worked on at that plug. One that says who it is only at a later job is no further unit. Nor
 * is one that does not say who it is where the last one did not: a unit that restarts for ever is plugged in again and
 * again. */
static void
count_unit(KlBatchPlan *plan, Slot *slot, guint64 plug, const char *imei)
{
    gboolean same_plug = plug != 0 && plug == slot->counted_plug;
    gboolean nameless = slot->counted_key != NULL && slot->counted_key[0] == '?';
    if (imei == NULL && (same_plug || nameless)) {
        slot->counted_plug = plug;
        return;
    }
    if (same_plug && nameless)
        g_hash_table_remove(plan->units, slot->counted_key);
    g_free(slot->counted_key);
    slot->counted_plug = plug;
    slot->counted_key = imei != NULL ? g_strdup(imei) : g_strdup_printf("?%" G_GUINT64_FORMAT, ++plan->nameless);
    g_hash_table_add(plan->units, g_strdup(slot->counted_key));
}

void
kl_batch_plan_end(KlBatchPlan *plan, const char *name, guint64 plug, KlBatchEnd end, const char *imei)
{
    Slot *slot = slot_of(plan, name);
    if (slot->running) {
        slot->running = FALSE;
        plan->running--;
    }
    /* A job that never reached its unit says 0. The very plug that it began with is nothing new even then. */
    slot->done = plug != 0 ? plug : slot->begun;
    slot->again = end == KL_BATCH_END_AGAIN;
    /* Gone without having said who it was: pulled out, and still to come. */
    gboolean pulled = plug == 0 && imei == NULL;
    if (end == KL_BATCH_END_WORKED && !pulled)
        count_unit(plan, slot, plug, imei);
}

void
kl_batch_plan_resume(KlBatchPlan *plan)
{
    for (guint i = 0; i < plan->slots->len; i++) {
        Slot *slot = plan->slots->pdata[i];
        if (slot->again)
            slot->done = 0;
        slot->again = FALSE;
    }
}

void
kl_batch_plan_leave(KlBatchPlan *plan, const char *name)
{
    Slot *slot = slot_of(plan, name);
    slot->done = slot->plug;
    slot->again = FALSE;
}

gboolean
kl_batch_plan_runs(const KlBatchPlan *plan, const char *name)
{
    guint at;
    const Slot *slot = find_slot(plan, name, &at);
    return slot != NULL && slot->running;
}

guint
kl_batch_plan_left(const KlBatchPlan *plan)
{
    guint counted = g_hash_table_size(plan->units);
    return counted < plan->count ? plan->count - counted : 0;
}

guint
kl_batch_plan_running(const KlBatchPlan *plan)
{
    return plan->running;
}

const char *
kl_batch_plan_next(const KlBatchPlan *plan)
{
    if (kl_batch_plan_left(plan) <= plan->running)
        return NULL;
    for (guint i = 0; i < plan->slots->len; i++) {
        const Slot *slot = plan->slots->pdata[i];
        if (slot->plug != 0 && slot->plug != slot->done && !slot->running)
            return slot->name;
    }
    return NULL;
}
