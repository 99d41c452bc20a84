#include "station/mqtt/workers.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "station/secret.h"

struct KlWorkers {
    gpointer data;
    int fd; /* readable while there is something in done */
    pthread_t *threads;
    guint n;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    KlWork work;
    GPtrArray *chains; /* borrowed; NULL: nothing to do */
    guint next;        /* the first chain that nobody has taken */
    GPtrArray *done;
    gboolean closed;
};

/* The next chain to work through, and what to do with it; NULL: there will be none. */
static gpointer
take(KlWorkers *workers, KlWork *work)
{
    pthread_mutex_lock(&workers->lock);
    while (!workers->closed && workers->chains == NULL)
        pthread_cond_wait(&workers->more, &workers->lock);
    gpointer chain = workers->closed ? NULL : workers->chains->pdata[workers->next++];
    *work = workers->work;
    if (chain != NULL && workers->next == workers->chains->len)
        workers->chains = NULL;
    pthread_mutex_unlock(&workers->lock);
    return chain;
}

static void
give_back(KlWorkers *workers, gpointer chain)
{
    pthread_mutex_lock(&workers->lock);
    g_ptr_array_add(workers->done, chain);
    if (workers->done->len == 1 && workers->fd >= 0)
        eventfd_write(workers->fd, 1);
    pthread_mutex_unlock(&workers->lock);
}

static void *
run(void *data)
{
    KlWorkers *workers = data;
    KlWork work = NULL;
    for (gpointer chain = take(workers, &work); chain != NULL; chain = take(workers, &work)) {
        work(chain, workers->data);
        give_back(workers, chain);
    }
    kl_secret_thread_done();
    return NULL;
}

KlWorkers *
kl_workers_new(guint threads, gpointer data)
{
    KlWorkers *workers = g_new0(KlWorkers, 1);
    workers->data = data;
    workers->fd = eventfd(0, EFD_CLOEXEC);
    workers->done = g_ptr_array_new();
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->more, NULL);
    workers->threads = g_new0(pthread_t, threads);
    while (workers->fd >= 0 && workers->n < threads &&
           pthread_create(&workers->threads[workers->n], NULL, run, workers) == 0)
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
    pthread_cond_destroy(&workers->more);
    pthread_mutex_destroy(&workers->lock);
    if (workers->fd >= 0)
        close(workers->fd);
    g_ptr_array_unref(workers->done);
    g_free(workers->threads);
    g_free(workers);
}

void
kl_workers_start(KlWorkers *workers, KlWork work, GPtrArray *chains)
{
    /* There were no threads to be had: it is slow, but it goes on. */
    for (guint i = 0; workers->n == 0 && i < chains->len; i++) {
        work(chains->pdata[i], workers->data);
        give_back(workers, chains->pdata[i]);
    }
    if (workers->n == 0 || chains->len == 0)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->work = work;
    workers->chains = chains;
    workers->next = 0;
    for (guint i = 0; i < MIN(workers->n, chains->len); i++)
        pthread_cond_signal(&workers->more);
    pthread_mutex_unlock(&workers->lock);
}

gpointer
kl_workers_done(KlWorkers *workers)
{
    eventfd_t count = 0;
    pthread_mutex_lock(&workers->lock);
    gpointer chain = workers->done->len > 0 ? g_ptr_array_steal_index(workers->done, 0) : NULL;
    if (chain != NULL && workers->done->len == 0 && workers->fd >= 0)
        eventfd_read(workers->fd, &count);
    pthread_mutex_unlock(&workers->lock);
    return chain;
}

void
kl_workers_wait(KlWorkers *workers)
{
    struct pollfd polled = {.fd = workers->fd, .events = POLLIN};
    poll(&polled, 1, -1);
}

int
kl_workers_fd(const KlWorkers *workers)
{
    return workers->fd;
}
