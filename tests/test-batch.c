/* What a batch decides, under random orders of everything that can happen, against a model of a line that knows the
 * truth: what stands where, and what each job was really about. */
#include <string.h>

#include "station/batch_plan.h"

#define SLOTS 6
#define NAMELESS 0 /* a unit that never says who it is */

typedef enum { TOLD_PLUG, TOLD_BEGIN, TOLD_END } ToldType;

/* A line's event on its way to the batch. */
typedef struct {
    ToldType type;
    guint slot;
    guint64 plug, about; /* about: as the end's plug, and known also when the job never reached its unit */
    KlBatchEnd meaning;
    guint unit;
} Told;

typedef struct {
    guint unit;         /* what stands in the slot */
    guint64 plug;       /* 0: nothing */
    gboolean busy;      /* a job runs */
    gboolean own;       /* the batch's own */
    gboolean stays;     /* the job's unit was never out of the slot since it began */
    guint64 begin_plug; /* what stood there when the job began */

    char *nameless;        /* counted for units that did not say who they are, since one did */
    guint64 again;         /* plug of the job that the line's error ended, as told */
    gboolean waits_resume; /* for the line to go on */
} Place;

typedef struct {
    GRand *rand;
    Place places[SLOTS];
    GQueue told; /* Told, oldest first */
    guint64 last_plug;
    guint units, next_unit;
    guint starts, again;
    GHashTable *worked;  /* plug -> how many of the batch's jobs were about it */
    GHashTable *counted; /* what the batch should have counted: unit, or plug of a nameless one */
    GHashTable *named;   /* plug -> unit counted for it */
    guint count;
    KlBatchPlan *plan;
} Model;

static char *
slot_name(guint slot)
{
    return g_strdup_printf("%02u", slot + 1);
}

static void
tell(Model *model, Told event)
{
    g_queue_push_tail(&model->told, g_memdup2(&event, sizeof event));
}

/* Two slots never hold the same unit. */
static guint
free_unit(Model *model)
{
    if (g_rand_int_range(model->rand, 0, 8) == 0)
        return NAMELESS;
    for (;;) {
        guint unit = (guint)g_rand_int_range(model->rand, 1, (int)model->units + 1);
        gboolean taken = FALSE;
        for (guint i = 0; i < SLOTS; i++)
            taken |= model->places[i].plug != 0 && model->places[i].unit == unit;
        if (!taken)
            return unit;
    }
}

static void
plug_in(Model *model, guint slot, guint unit)
{
    Place *place = &model->places[slot];
    place->unit = unit;
    place->plug = ++model->last_plug;
    tell(model, (Told){TOLD_PLUG, slot, .plug = place->plug});
}

static void
pull(Model *model, guint slot)
{
    Place *place = &model->places[slot];
    place->plug = 0;
    place->stays = FALSE;
    tell(model, (Told){TOLD_PLUG, slot, .plug = 0});
}

static void
begin(Model *model, guint slot, gboolean own)
{
    Place *place = &model->places[slot];
    place->busy = TRUE;
    place->own = own;
    place->begin_plug = place->plug;
    place->stays = place->plug != 0;
    tell(model, (Told){TOLD_BEGIN, slot, .plug = place->plug});
}

/* The rules of counting, said once more: what has no verdict does not count, nor what is gone and nameless; a plug
 * counts once, a unit that says who it is counts once at all, those that don't count once in a row in their slot. */
static void
count(Model *model, const Told *end)
{
    if (end->meaning != KL_BATCH_END_WORKED || (end->plug == 0 && end->unit == NAMELESS))
        return;
    Place *place = &model->places[end->slot];
    gpointer plug = GSIZE_TO_POINTER(end->plug);
    guint before = GPOINTER_TO_UINT(g_hash_table_lookup(model->named, plug));
    gboolean met = end->plug != 0 && g_hash_table_contains(model->named, plug);
    if (end->unit == NAMELESS) {
        if (met)
            return;
        if (place->nameless == NULL) {
            place->nameless = g_strdup_printf("plug %" G_GUINT64_FORMAT, end->plug);
            g_hash_table_add(model->counted, g_strdup(place->nameless));
        }
        g_hash_table_insert(model->named, plug, GUINT_TO_POINTER(NAMELESS));
        return;
    }
    if (met && before == NAMELESS)
        g_hash_table_remove(model->counted, place->nameless);
    g_clear_pointer(&place->nameless, g_free);
    g_hash_table_add(model->counted, g_strdup_printf("unit %u", end->unit));
    g_hash_table_insert(model->named, plug, GUINT_TO_POINTER(end->unit));
}

/* A job ends: with a verdict on what stands there, whether it stood there from the beginning or came back, or stopped,
 * or without ever having reached anything. */
static void
end(Model *model, guint slot)
{
    Place *place = &model->places[slot];
    Told event = {TOLD_END, slot, .plug = place->plug, .unit = place->unit};
    gboolean reached = place->plug != 0 && g_rand_int_range(model->rand, 0, 10) > 0;
    event.meaning = KL_BATCH_END_WORKED;
    if (g_rand_int_range(model->rand, 0, 6) == 0)
        event.meaning = KL_BATCH_END_NONE;
    if (!reached) {
        event.plug = 0;
        event.unit = NAMELESS;
        event.meaning = g_rand_boolean(model->rand) ? KL_BATCH_END_NONE : KL_BATCH_END_WORKED;
    } else if (g_rand_int_range(model->rand, 0, 12) == 0) {
        event.unit = NAMELESS; /* it did not come to say it */
    }
    if (g_rand_int_range(model->rand, 0, 12) == 0)
        event.meaning = KL_BATCH_END_AGAIN;
    guint64 about = event.plug != 0 ? event.plug : place->stays ? place->begin_plug : 0;
    if (place->own && about != 0) {
        guint times = GPOINTER_TO_UINT(g_hash_table_lookup(model->worked, GSIZE_TO_POINTER(about))) + 1;
        g_hash_table_insert(model->worked, GSIZE_TO_POINTER(about), GUINT_TO_POINTER(times));
    }
    event.about = about;
    place->busy = FALSE;
    tell(model, event);
}

/* Is an event of this kind still on its way? */
static gboolean
underway(const Model *model, guint slot, ToldType type)
{
    for (const GList *item = model->told.head; item != NULL; item = item->next) {
        const Told *told = item->data;
        if (told->slot == slot && told->type == type)
            return TRUE;
    }
    return FALSE;
}

/* The batch starts what it wants; a slot that somebody else was faster in is busy, which it has to live with. */
static void
start_wanted(Model *model)
{
    const char *slot;
    guint before = 0;
    while ((slot = kl_batch_plan_next(model->plan)) != NULL) {
        guint at = (guint)g_ascii_strtoull(slot, NULL, 10) - 1;
        g_assert_cmpuint(at, <, SLOTS);
        g_assert_cmpuint(at + 1, >, before); /* in the order of slots */
        before = at + 1;
        if (!model->places[at].busy) {
            begin(model, at, TRUE);
            model->starts++;
        } else {
            g_assert_true(underway(model, at, TOLD_BEGIN)); /* never a second job where it knows of one */
        }
        kl_batch_plan_begin(model->plan, slot);
    }
}

static void
deliver(Model *model)
{
    g_autofree Told *told = g_queue_pop_head(&model->told);
    if (told == NULL)
        return;
    g_autofree char *slot = slot_name(told->slot);
    g_autofree char *imei = told->unit != NAMELESS ? g_strdup_printf("35%013u", told->unit) : NULL;
    switch (told->type) {
    case TOLD_PLUG:
        kl_batch_plan_plug(model->plan, slot, told->plug);
        break;
    case TOLD_BEGIN:
        kl_batch_plan_begin(model->plan, slot);
        break;
    case TOLD_END:
        kl_batch_plan_end(model->plan, slot, told->plug, told->meaning, imei);
        model->places[told->slot].waits_resume = told->meaning == KL_BATCH_END_AGAIN;
        model->places[told->slot].again = told->about;
        count(model, told);
        break;
    default:
        g_assert_not_reached();
    }
    guint counted = g_hash_table_size(model->counted);
    g_assert_cmpuint(kl_batch_plan_left(model->plan), ==, counted < model->count ? model->count - counted : 0);
    start_wanted(model);
}

/* The line goes on: what it was stopped for may be worked on once more. */
static void
resume(Model *model)
{
    for (guint i = 0; i < SLOTS; i++) {
        Place *place = &model->places[i];
        model->again += place->waits_resume && place->again != 0 && place->again == place->plug;
        if (place->waits_resume)
            g_hash_table_remove(model->worked, GSIZE_TO_POINTER(place->again));
        place->waits_resume = FALSE;
    }
    kl_batch_plan_resume(model->plan);
    start_wanted(model);
}

static gboolean
waits_resume(const Model *model)
{
    for (guint i = 0; i < SLOTS; i++) {
        if (model->places[i].waits_resume)
            return TRUE;
    }
    return FALSE;
}

static guint
busy(const Model *model)
{
    guint sum = 0;
    for (guint i = 0; i < SLOTS; i++)
        sum += model->places[i].busy;
    return sum;
}

/* One thing that may happen next. */
static void
happen(Model *model, gboolean others)
{
    guint slot = (guint)g_rand_int_range(model->rand, 0, SLOTS);
    Place *place = &model->places[slot];
    switch (g_rand_int_range(model->rand, 0, 6)) {
    case 5:
        if (g_rand_int_range(model->rand, 0, 8) == 0)
            resume(model);
        deliver(model);
        break;
    case 0:
        if (place->plug == 0)
            plug_in(model, slot, free_unit(model));
        break;
    case 1:
        if (place->plug != 0)
            pull(model, slot);
        break;
    case 2: /* restarts: the same unit under a new number */
        if (place->plug != 0 && place->busy) {
            guint unit = place->unit;
            pull(model, slot);
            plug_in(model, slot, unit);
        }
        break;
    case 3:
        /* With other people's jobs in between, a job lasts longer than the news of it take. */
        if (place->busy && !(others && (underway(model, slot, TOLD_BEGIN) || underway(model, slot, TOLD_END))))
            end(model, slot);
        else if (others && !place->busy && place->plug != 0 && g_rand_int_range(model->rand, 0, 3) == 0)
            begin(model, slot, FALSE);
        break;
    default:
        deliver(model);
        break;
    }
}

/* Lets everything that runs end and everything that happened be told. */
static void
settle(Model *model)
{
    while (busy(model) > 0 || !g_queue_is_empty(&model->told) || waits_resume(model)) {
        while (!g_queue_is_empty(&model->told))
            deliver(model);
        for (guint i = 0; i < SLOTS; i++) {
            if (model->places[i].busy)
                end(model, i);
        }
        if (g_queue_is_empty(&model->told))
            resume(model);
    }
}

static void
model_init(Model *model, guint32 seed)
{
    *model = (Model){.rand = g_rand_new_with_seed(seed)};
    model->units = (guint)g_rand_int_range(model->rand, SLOTS + 1, 40);
    model->count = (guint)g_rand_int_range(model->rand, 1, 30);
    g_queue_init(&model->told);
    model->worked = g_hash_table_new(NULL, NULL);
    model->counted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    model->named = g_hash_table_new(NULL, NULL);
    model->plan = kl_batch_plan_new(model->count);
}

static void
model_clear(Model *model)
{
    g_rand_free(model->rand);
    for (guint i = 0; i < SLOTS; i++)
        g_free(model->places[i].nameless);
    g_queue_clear_full(&model->told, g_free);
    g_hash_table_unref(model->worked);
    g_hash_table_unref(model->counted);
    g_hash_table_unref(model->named);
    kl_batch_plan_free(model->plan);
}

/* What has to hold once all is told: nobody waits in vain, no plugging in was worked on twice, and never more than
 * asked for. */
static void
check_settled(const Model *model, gboolean others)
{
    guint counted = g_hash_table_size(model->counted);
    g_assert_cmpuint(kl_batch_plan_running(model->plan), ==, 0);
    if (!others)
        g_assert_cmpuint(counted, <=, model->count);
    for (guint i = 0; i < SLOTS && counted < model->count && !others; i++) {
        if (model->places[i].plug != 0)
            g_assert_true(g_hash_table_contains(model->worked, GSIZE_TO_POINTER(model->places[i].plug)));
    }
    GHashTableIter iter;
    gpointer times;
    g_hash_table_iter_init(&iter, model->worked);
    while (g_hash_table_iter_next(&iter, NULL, &times))
        g_assert_cmpuint(GPOINTER_TO_UINT(times), ==, 1);
}

static void
run_orders(gboolean others)
{
    guint starts = 0, full = 0, again = 0;
    for (guint32 seed = 1; seed <= 4000; seed++) {
        Model model;
        model_init(&model, seed);
        for (guint i = 0; i < 500; i++)
            happen(&model, others);
        settle(&model);
        check_settled(&model, others);
        starts += model.starts;
        again += model.again;
        full += kl_batch_plan_left(model.plan) == 0;
        model_clear(&model);
    }
    g_test_message("%u jobs, %u started again; %u of 4000 batches were filled", starts, again, full);
    g_assert_cmpuint(starts, >, 10000);
    g_assert_cmpuint(again, >, 1000);
    g_assert_cmpuint(full, >, 1000);
    g_assert_cmpuint(full, <, 4000);
}

static void
test_random_orders(void)
{
    run_orders(FALSE);
}

/* Somebody else starts jobs, too. */
static void
test_others(void)
{
    run_orders(TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/batch/random-orders", test_random_orders);
    g_test_add_func("/batch/others", test_others);
    return g_test_run();
}
