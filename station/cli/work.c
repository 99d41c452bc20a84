#include "station/cli/work.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "station/cli/progress.h"
#include "station/queue.h"

/* Ends the signal watcher; sent to its thread only. */
#define WATCHER_END SIGUSR1

/* What the main thread waits for: an event of a job, or (event NULL) a signal to stop. */
typedef struct {
    KlEvent *event;
} Item;

static void
item_free(Item *item)
{
    g_clear_pointer(&item->event, kl_event_free);
    g_free(item);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Item, item_free)

static void
push(KlQueue *queue, KlEvent *event)
{
    Item *item = g_new0(Item, 1);
    item->event = event;
    if (!kl_queue_push(queue, item))
        item_free(item);
}

static void
sink(KlEvent *event, gpointer queue)
{
    push(queue, event);
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

/* The signal watcher's thread: all others have these signals blocked. */
static void *
watch_signals(void *queue)
{
    sigset_t set = watched_signals();
    gboolean asked = FALSE;
    for (;;) {
        int number = 0;
        if (sigwait(&set, &number) != 0)
            continue;
        if (number == WATCHER_END)
            return NULL;
        if (asked)
            _exit(KL_EXIT_STATION);
        asked = TRUE;
        push(queue, NULL);
    }
}

/* Without a watcher a signal had better end the program than be lost: records survive that. */
static void
allow_signals(void)
{
    sigset_t set = watched_signals();
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

KlStation *
kl_work_open(const KlCli *cli, const char *product, GError **error)
{
    /* Before any thread is made, so that every one of them inherits it. */
    sigset_t set = watched_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    /* A reader that goes away ("| head") is no reason to leave units half done. */
    signal(SIGPIPE, SIG_IGN);
    return kl_station_open(cli->dir, KL_STATION_RUN, product, error);
}

/* What is reported for a job that could not even be started. */
static KlRecord *
unstarted_record(const char *slot, const GError *error)
{
    KlErrorCode code = kl_error_code(error);
    KlRecord *record = kl_record_new();
    record->slot = g_strdup(slot);
    record->outcome = kl_outcome_of(code);
    record->code = g_strdup(kl_error_name(code));
    record->detail = g_strdup(error->message);
    return record;
}

/* Starts all jobs; fills in records of those that would not start. Returns how many run. */
static guint
start_all(KlLine *line, const GPtrArray *slots, const KlJobRequest *request, GPtrArray *records)
{
    guint running = 0;
    for (guint i = 0; i < slots->len; i++) {
        g_autoptr(GError) error = NULL;
        if (kl_line_start(line, slots->pdata[i], request, &error))
            running++;
        else
            records->pdata[i] = unstarted_record(slots->pdata[i], error);
    }
    return running;
}

static void
keep_record(const GPtrArray *slots, const KlEvent *event, GPtrArray *records)
{
    for (guint i = 0; i < slots->len; i++) {
        if (strcmp(slots->pdata[i], event->slot) == 0 && records->pdata[i] == NULL)
            records->pdata[i] = kl_record_copy(event->record);
    }
}

static void
wait_all(KlLine *line, KlQueue *queue, const GPtrArray *slots, guint running, GPtrArray *records)
{
    g_autoptr(KlProgress) progress = kl_progress_new(slots->len);
    while (running > 0) {
        g_autoptr(Item) item = kl_queue_pop(queue, G_MAXINT64);
        if (item == NULL)
            continue;
        if (item->event == NULL) {
            kl_progress_say(progress, "Stopping; press Ctrl-C again to leave at once.");
            kl_line_stop_all(line);
            continue;
        }
        kl_progress_event(progress, item->event);
        if (item->event->type == KL_EVENT_JOB_END) {
            keep_record(slots, item->event, records);
            running--;
        }
    }
}

GPtrArray *
kl_work_run(KlStation *station, const GPtrArray *slots, const KlJobRequest *request)
{
    GPtrArray *records = g_ptr_array_new_full(slots->len, (GDestroyNotify)kl_record_free);
    g_ptr_array_set_size(records, (int)slots->len);

    g_autoptr(KlQueue) queue = kl_queue_new((GDestroyNotify)item_free);
    pthread_t watcher;
    gboolean watching = pthread_create(&watcher, NULL, watch_signals, queue) == 0;
    if (!watching)
        allow_signals();

    KlLine *line = kl_line_new(kl_station_config(station), kl_station_bench(station), sink, queue);
    guint running = start_all(line, slots, request, records);
    wait_all(line, queue, slots, running, records);
    kl_line_free(line);

    if (watching) {
        pthread_kill(watcher, WATCHER_END);
        pthread_join(watcher, NULL);
    }
    return records;
}

KlExitCode
kl_work_exit_code(const GPtrArray *records)
{
    gboolean usage = FALSE, station = FALSE, unit = FALSE;
    for (guint i = 0; i < records->len; i++) {
        KlExitCode code = kl_exit_code_of_record(records->pdata[i]);
        usage |= code == KL_EXIT_USAGE;
        station |= code == KL_EXIT_STATION;
        unit |= code == KL_EXIT_UNIT;
    }
    return station ? KL_EXIT_STATION : usage ? KL_EXIT_USAGE : unit ? KL_EXIT_UNIT : KL_EXIT_DONE;
}
