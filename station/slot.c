#include "station/slot.h"

#include <pthread.h>
#include <string.h>

#include "station/queue.h"

struct KlSlot {
    KlSlotConfig config;
    const KlBench *bench;
    KlEventSink sink;
    gpointer sink_data;
    KlQueue *orders; /* Order */
    pthread_t thread;

    pthread_mutex_t telling; /* one event at a time; taken before the lock. Guards the next two */
    guint64 plug;            /* as told */
    gboolean plug_told;

    pthread_mutex_t lock; /* guards what follows */
    gboolean busy;
    GCancellable *cancel; /* of the running or waiting job, or NULL */
};

/* A wanted job on its way to the worker. */
typedef struct {
    KlJobRequest request; /* own strings */
    GCancellable *cancel;
} Order;

static void
order_free(gpointer data)
{
    Order *order = data;
    g_free((char *)order->request.batch);
    g_free((char *)order->request.operator_id);
    g_free((char *)order->request.work_order);
    g_free((char *)order->request.label);
    g_free((char *)order->request.reprovision_reason);
    g_object_unref(order->cancel);
    g_free(order);
}

static Order *
order_new(const KlJobRequest *request, GCancellable *cancel)
{
    Order *order = g_new0(Order, 1);
    order->request.batch = g_strdup(request->batch);
    order->request.operator_id = g_strdup(request->operator_id);
    order->request.work_order = g_strdup(request->work_order);
    order->request.label = g_strdup(request->label);
    order->request.reprovision_reason = g_strdup(request->reprovision_reason);
    order->cancel = g_object_ref(cancel);
    return order;
}

static void
tell_plug(KlSlot *slot, guint64 plug)
{
    KlEvent *event = kl_event_new(KL_EVENT_PRESENCE, slot->config.name, NULL);
    event->plug = plug;
    slot->plug = plug;
    slot->plug_told = TRUE;
    slot->sink(event, slot->sink_data);
}

/* With the telling lock held. That something was taken out is told even when nobody looked before the next thing was
 * in. */
static void
look(KlSlot *slot)
{
    guint64 plug = slot->bench->plug(slot->config.agent);
    if (slot->plug_told && plug == slot->plug)
        return;
    if (slot->plug_told && plug != 0 && slot->plug != 0)
        tell_plug(slot, 0);
    tell_plug(slot, plug);
}

void
kl_slot_look(KlSlot *slot)
{
    pthread_mutex_lock(&slot->telling);
    look(slot);
    pthread_mutex_unlock(&slot->telling);
}

/* The slot is free for the next job from the moment that its JOB_END goes out, so that the receiver may start one at
 * once. */
static void
set_free(KlSlot *slot)
{
    pthread_mutex_lock(&slot->lock);
    slot->busy = FALSE;
    g_clear_object(&slot->cancel);
    pthread_mutex_unlock(&slot->lock);
}

/* Who gets a JOB_END knows what is plugged in then: whatever is told later happened later. */
static void
pass_event(KlEvent *event, gpointer data)
{
    KlSlot *slot = data;
    pthread_mutex_lock(&slot->telling);
    if (event->type == KL_EVENT_JOB_END) {
        look(slot);
        set_free(slot);
    }
    slot->sink(event, slot->sink_data);
    pthread_mutex_unlock(&slot->telling);
}

static void
run_order(KlSlot *slot, Order *order)
{
    KlPorts ports = {slot->config.agent, slot->config.modem};
    kl_record_free(
        kl_job_run(slot->bench, slot->config.name, &ports, &order->request, order->cancel, pass_event, slot));
    order_free(order);
}

static void *
work(void *data)
{
    KlSlot *slot = data;
    for (Order *order = kl_queue_pop(slot->orders, G_MAXINT64); order != NULL;
         order = kl_queue_pop(slot->orders, G_MAXINT64))
        run_order(slot, order);
    return NULL;
}

KlSlot *
kl_slot_new(const KlSlotConfig *config, const KlBench *bench, KlEventSink sink, gpointer sink_data)
{
    KlSlot *slot = g_new0(KlSlot, 1);
    slot->config.name = g_strdup(config->name);
    slot->config.agent = g_strdup(config->agent);
    slot->config.modem = g_strdup(config->modem);
    slot->bench = bench;
    slot->sink = sink;
    slot->sink_data = sink_data;
    slot->orders = kl_queue_new(order_free);
    pthread_mutex_init(&slot->telling, NULL);
    pthread_mutex_init(&slot->lock, NULL);
    int failed = pthread_create(&slot->thread, NULL, work, slot);
    if (failed != 0)
        g_error("no thread for slot %s: %s", config->name, g_strerror(failed));
    return slot;
}

void
kl_slot_free(KlSlot *slot)
{
    if (slot == NULL)
        return;
    kl_slot_stop(slot);
    kl_queue_close(slot->orders);
    pthread_join(slot->thread, NULL);
    kl_queue_free(slot->orders);
    pthread_mutex_destroy(&slot->lock);
    pthread_mutex_destroy(&slot->telling);
    g_clear_object(&slot->cancel);
    g_free(slot->config.name);
    g_free(slot->config.agent);
    g_free(slot->config.modem);
    g_free(slot);
}

const char *
kl_slot_name(const KlSlot *slot)
{
    return slot->config.name;
}

gboolean
kl_slot_start(KlSlot *slot, const KlJobRequest *request, GError **error)
{
    const char *reason = request->reprovision_reason;
    if (reason != NULL && reason[strspn(reason, " ")] == '\0')
        return kl_fail(error, KL_ERROR_USAGE, "a unit is not re-provisioned without a reason");
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    pthread_mutex_lock(&slot->lock);
    gboolean was_busy = slot->busy;
    if (!was_busy) {
        slot->busy = TRUE;
        slot->cancel = g_object_ref(cancel);
    }
    pthread_mutex_unlock(&slot->lock);
    if (was_busy)
        return kl_fail(error, KL_ERROR_STATION_BUSY, "slot %s is working on a unit", slot->config.name);
    kl_queue_push(slot->orders, order_new(request, cancel));
    return TRUE;
}

void
kl_slot_stop(KlSlot *slot)
{
    pthread_mutex_lock(&slot->lock);
    g_autoptr(GCancellable) cancel = slot->cancel != NULL ? g_object_ref(slot->cancel) : NULL;
    pthread_mutex_unlock(&slot->lock);
    if (cancel != NULL)
        g_cancellable_cancel(cancel);
}

gboolean
kl_slot_busy(KlSlot *slot)
{
    pthread_mutex_lock(&slot->lock);
    gboolean busy = slot->busy;
    pthread_mutex_unlock(&slot->lock);
    return busy;
}
