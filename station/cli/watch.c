#include "station/cli/watch.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "station/cli/exit_codes.h"
#include "station/queue.h"

/* Ends the signal thread; sent to it only. */
#define WATCHER_END SIGUSR1

struct KlWatch {
    KlQueue *news; /* KlNews */
    KlAsked asked; /* the signal thread's own, once that runs */
    gboolean watching;
    pthread_t thread;
};

void
kl_news_free(KlNews *news)
{
    if (news == NULL)
        return;
    g_clear_pointer(&news->event, kl_event_free);
    g_free(news);
}

static void
push(KlWatch *watch, KlEvent *event, KlAsked asked)
{
    KlNews *news = g_new0(KlNews, 1);
    news->event = event;
    news->asked = asked;
    if (!kl_queue_push(watch->news, news))
        kl_news_free(news);
}

void
kl_watch_sink(KlEvent *event, gpointer watch)
{
    push(watch, event, KL_ASKED_NOTHING);
}

static sigset_t
watched_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, WATCHER_END);
    return set;
}

void
kl_watch_block_signals(void)
{
    sigset_t set = watched_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* The signal thread: all others have these signals blocked. */
static void *
watch_signals(void *data)
{
    KlWatch *watch = data;
    sigset_t set = watched_signals();
    for (;;) {
        int number = 0;
        if (sigwait(&set, &number) != 0)
            continue;
        if (number == WATCHER_END)
            return NULL;
        if (watch->asked == KL_ASKED_STOP)
            _exit(KL_EXIT_STATION);
        watch->asked = number == SIGINT ? watch->asked + 1 : KL_ASKED_STOP;
        push(watch, NULL, watch->asked);
    }
}

KlWatch *
kl_watch_new(KlAsked asked)
{
    KlWatch *watch = g_new0(KlWatch, 1);
    watch->news = kl_queue_new((GDestroyNotify)kl_news_free);
    watch->asked = asked;
    watch->watching = pthread_create(&watch->thread, NULL, watch_signals, watch) == 0;
    if (!watch->watching) {
        /* A signal had better end the program than be lost: records survive that. */
        sigset_t set = watched_signals();
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
    return watch;
}

void
kl_watch_free(KlWatch *watch)
{
    if (watch == NULL)
        return;
    if (watch->watching) {
        pthread_kill(watch->thread, WATCHER_END);
        pthread_join(watch->thread, NULL);
    }
    kl_queue_free(watch->news);
    g_free(watch);
}

KlNews *
kl_watch_next(KlWatch *watch, gint64 until_us)
{
    return kl_queue_pop(watch->news, until_us);
}
