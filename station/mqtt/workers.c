#include "station/mqtt/workers.h"

#include <pthread.h>

#include "station/secret.h"

struct KlWorkers {
    void (*work)(gpointer chain, gpointer data);
    gpointer data;
    pthread_t *threads;
    guint n;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    pthread_cond_t done;
    GPtrArray *chains; /* borrowed; NULL: nothing to do */
    guint next;        /* the first chain that nobody has taken */
    guint left;        /* so many are not done */
    gboolean closed;
};

/* The next chain to work through; NULL: there will be none. */
static gpointer
take(KlWorkers *workers)
{
    pthread_mutex_lock(&workers->lock);
    while (!workers->closed && (workers->chains == NULL || workers->next == workers->chains->len))
        pthread_cond_wait(&workers->more, &workers->lock);
    gpointer chain = workers->closed ? NULL : workers->chains->pdata[workers->next++];
    pthread_mutex_unlock(&workers->lock);
    return chain;
}

static void
finish(KlWorkers *workers)
{
    pthread_mutex_lock(&workers->lock);
    if (--workers->left == 0)
        pthread_cond_signal(&workers->done);
    pthread_mutex_unlock(&workers->lock);
}

static void *
run(void *data)
{
    KlWorkers *workers = data;
    for (gpointer chain = take(workers); chain != NULL; chain = take(workers)) {
        workers->work(chain, workers->data);
        finish(workers);
    }
    kl_secret_thread_done();
    return NULL;
}

KlWorkers *
kl_workers_new(guint threads, void (*work)(gpointer chain, gpointer data), gpointer data)
{
    KlWorkers *workers = g_new0(KlWorkers, 1);
    workers->work = work;
    workers->data = data;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->more, NULL);
    pthread_cond_init(&workers->done, NULL);
    workers->threads = g_new0(pthread_t, threads);
    while (workers->n < threads && pthread_create(&workers->threads[workers->n], NULL, run, workers) == 0)
        workers->n++;
    return workers;
}

void
kl_workers_free(KlWorkers *workers)
{
    if (workers == NULL)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->closed = TRUE;
    pthread_cond_broadcast(&workers->more);
    pthread_mutex_unlock(&workers->lock);
    for (guint i = 0; i < workers->n; i++)
        pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->done);
    pthread_cond_destroy(&workers->more);
    pthread_mutex_destroy(&workers->lock);
    g_free(workers->threads);
    g_free(workers);
}

void
kl_workers_run(KlWorkers *workers, GPtrArray *chains)
{
    /* There were no threads to be had: it is slow, but it goes on. */
    if (workers->n == 0) {
        for (guint i = 0; i < chains->len; i++)
            workers->work(chains->pdata[i], workers->data);
        return;
    }
    pthread_mutex_lock(&workers->lock);
    workers->chains = chains;
    workers->next = 0;
    workers->left = chains->len;
    pthread_cond_broadcast(&workers->more);
    while (workers->left > 0)
        pthread_cond_wait(&workers->done, &workers->lock);
    workers->chains = NULL;
    pthread_mutex_unlock(&workers->lock);
}
