#include "station/gate.h"

#include <pthread.h>

#include "station/error.h"

struct KlGate {
    guint places;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    guint inside;
    GQueue waiting; /* links that belong to those who wait, the first to enter at the head */
};

KlGate *
kl_gate_new(guint places)
{
    KlGate *gate = g_new0(KlGate, 1);
    gate->places = places;
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    g_queue_init(&gate->waiting);
    return gate;
}

void
kl_gate_free(KlGate *gate)
{
    if (gate == NULL)
        return;
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
    g_free(gate);
}

/* On the thread of whoever cancels. */
static void
wake_all(GCancellable *cancel, gpointer data)
{
    KlGate *gate = data;
    pthread_mutex_lock(&gate->lock);
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* With the lock held. FALSE when cancelled. */
static gboolean
wait_turn(KlGate *gate, GCancellable *cancel)
{
    GList self = {NULL};
    gboolean cancelled;
    g_queue_push_tail_link(&gate->waiting, &self);
    while (!(cancelled = g_cancellable_is_cancelled(cancel)) &&
           (gate->waiting.head != &self || gate->inside >= gate->places))
        pthread_cond_wait(&gate->changed, &gate->lock);
    g_queue_unlink(&gate->waiting, &self);
    if (!cancelled)
        gate->inside++;
    /* The next one may have a place too, now that nobody stands before it. */
    pthread_cond_broadcast(&gate->changed);
    return !cancelled;
}

gboolean
kl_gate_enter(KlGate *gate, GCancellable *cancel, GError **error)
{
    if (gate == NULL || gate->places == 0)
        return TRUE;
    /* Outside of the lock, which its callback takes. */
    gulong watch = cancel != NULL ? g_cancellable_connect(cancel, G_CALLBACK(wake_all), gate, NULL) : 0;
    pthread_mutex_lock(&gate->lock);
    gboolean entered = wait_turn(gate, cancel);
    pthread_mutex_unlock(&gate->lock);
    if (watch != 0)
        g_cancellable_disconnect(cancel, watch);
    return entered || kl_fail(error, KL_ERROR_CANCELLED, "stopped while it waited for its turn");
}

void
kl_gate_leave(KlGate *gate)
{
    if (gate == NULL || gate->places == 0)
        return;
    pthread_mutex_lock(&gate->lock);
    gate->inside--;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

guint
kl_gate_waiting(KlGate *gate)
{
    pthread_mutex_lock(&gate->lock);
    guint waiting = gate->waiting.length;
    pthread_mutex_unlock(&gate->lock);
    return waiting;
}
