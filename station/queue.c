#include "station/queue.h"

#include <pthread.h>
#include <time.h>

struct KlQueue {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    GQueue items;
    GDestroyNotify free_item;
    gboolean closed;
};

KlQueue *
kl_queue_new(GDestroyNotify free_item)
{
    KlQueue *queue = g_new0(KlQueue, 1);
    pthread_condattr_t attributes;

    /* The monotonic clock: a wait must not grow or shrink when somebody sets the station's time. */
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&queue->mutex, NULL);
    g_queue_init(&queue->items);
    queue->free_item = free_item;
    return queue;
}

void
kl_queue_free(KlQueue *queue)
{
    if (queue == NULL)
        return;
    if (queue->free_item != NULL)
        g_queue_clear_full(&queue->items, queue->free_item);
    else
        g_queue_clear(&queue->items);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->mutex);
    g_free(queue);
}

gboolean
kl_queue_push(KlQueue *queue, gpointer item)
{
    g_return_val_if_fail(item != NULL, FALSE);

    pthread_mutex_lock(&queue->mutex);
    gboolean open = !queue->closed;
    if (open) {
        g_queue_push_tail(&queue->items, item);
        pthread_cond_signal(&queue->changed);
    }
    pthread_mutex_unlock(&queue->mutex);
    return open;
}

/* Waits for a change, holding the mutex. FALSE when the time is up. */
static gboolean
wait_until(KlQueue *queue, gint64 until_us)
{
    if (until_us == G_MAXINT64)
        return pthread_cond_wait(&queue->changed, &queue->mutex) == 0;
    if (until_us <= 0)
        return FALSE;
    struct timespec until = {
        .tv_sec = until_us / G_USEC_PER_SEC,
        .tv_nsec = (until_us % G_USEC_PER_SEC) * 1000,
    };
    return pthread_cond_timedwait(&queue->changed, &queue->mutex, &until) == 0;
}

gpointer
kl_queue_pop(KlQueue *queue, gint64 until_us)
{
    pthread_mutex_lock(&queue->mutex);
    while (g_queue_is_empty(&queue->items) && !queue->closed && wait_until(queue, until_us))
        continue;
    gpointer item = g_queue_pop_head(&queue->items);
    pthread_mutex_unlock(&queue->mutex);
    return item;
}

gboolean
kl_queue_closed(KlQueue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    gboolean closed = queue->closed && g_queue_is_empty(&queue->items);
    pthread_mutex_unlock(&queue->mutex);
    return closed;
}

void
kl_queue_close(KlQueue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->closed = TRUE;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}
