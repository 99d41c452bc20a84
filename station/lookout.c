#include "station/lookout.h"

#include <pthread.h>
#include <time.h>

struct KlLookout {
    KlLookoutLook look;
    gpointer data;
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows; never held during a look */
    pthread_cond_t changed;
    gboolean poked, ending;
};

/* Waits for a poke, as long as an interval takes. FALSE when the thread is to end. */
static gboolean
wait_for_poke(KlLookout *lookout)
{
    gint64 until_us = g_get_monotonic_time() + KL_LOOKOUT_EVERY_MS * G_TIME_SPAN_MILLISECOND;
    struct timespec until = {
        .tv_sec = until_us / G_USEC_PER_SEC,
        .tv_nsec = (until_us % G_USEC_PER_SEC) * 1000,
    };
    pthread_mutex_lock(&lookout->lock);
    while (!lookout->poked && !lookout->ending) {
        if (pthread_cond_timedwait(&lookout->changed, &lookout->lock, &until) != 0)
            break;
    }
    lookout->poked = FALSE;
    gboolean goes_on = !lookout->ending;
    pthread_mutex_unlock(&lookout->lock);
    return goes_on;
}

static void *
work(void *data)
{
    KlLookout *lookout = data;
    do
        lookout->look(lookout->data);
    while (wait_for_poke(lookout));
    return NULL;
}

KlLookout *
kl_lookout_new(KlLookoutLook look, gpointer data)
{
    KlLookout *lookout = g_new0(KlLookout, 1);
    pthread_condattr_t attributes;
    lookout->look = look;
    lookout->data = data;
    /* The monotonic clock: nobody's setting of the station's time stops the looking. */
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lookout->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&lookout->lock, NULL);
    int failed = pthread_create(&lookout->thread, NULL, work, lookout);
    if (failed != 0)
        g_error("no thread for the look-out: %s", g_strerror(failed));
    return lookout;
}

static void
change(KlLookout *lookout, gboolean *flag)
{
    pthread_mutex_lock(&lookout->lock);
    *flag = TRUE;
    pthread_cond_signal(&lookout->changed);
    pthread_mutex_unlock(&lookout->lock);
}

void
kl_lookout_free(KlLookout *lookout)
{
    if (lookout == NULL)
        return;
    change(lookout, &lookout->ending);
    pthread_join(lookout->thread, NULL);
    pthread_cond_destroy(&lookout->changed);
    pthread_mutex_destroy(&lookout->lock);
    g_free(lookout);
}

void
kl_lookout_poke(KlLookout *lookout)
{
    change(lookout, &lookout->poked);
}
