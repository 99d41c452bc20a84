/* The main thread of a batch. */
#include "station/batch.h"
#include "station/batch_report.h"
#include "station/cli/progress.h"
#include "station/cli/watch.h"
#include "station/cli/work.h"

typedef struct {
    KlLine *line;
    KlWatch *watch;
    KlBatch *batch;
    KlProgress *progress;
    guint idle_seconds;
    gint64 idle_from_us; /* when something last was plugged in or ended */
    gboolean told_stop;  /* that a station error stopped the line */
} Armed;

void
kl_work_batch_clear(KlWorkBatch *result)
{
    g_free(result->batch);
    if (result->records != NULL)
        g_ptr_array_unref(result->records);
}

/* How many jobs run, in words. */
static char *
running_words(const Armed *armed)
{
    guint running = kl_batch_running(armed->batch);
    return running == 1 ? g_strdup("1 unit") : g_strdup_printf("%u units", running);
}

/* Does what a signal asked for, and says so. */
static void
obey(Armed *armed, KlAsked asked)
{
    kl_batch_stop(armed->batch);
    if (kl_batch_running(armed->batch) == 0)
        return;
    g_autofree char *running = running_words(armed);
    g_autofree char *text =
        asked == KL_ASKED_STOP
            ? g_strdup_printf("Stopping %s; press Ctrl-C again to leave at once.", running)
            : g_strdup_printf("No further unit is started; %s still running. Ctrl-C again stops what runs.", running);
    kl_progress_say(armed->progress, text);
    if (asked == KL_ASKED_STOP)
        kl_line_stop_all(armed->line);
}

static void
show_count(Armed *armed)
{
    guint left = kl_batch_left(armed->batch);
    kl_progress_count(armed->progress, kl_batch_count(armed->batch) - left, kl_batch_running(armed->batch));
}

static void
take(Armed *armed, const KlEvent *event)
{
    kl_batch_event(armed->batch, event);
    show_count(armed);
    kl_progress_event(armed->progress, event);
    if (event->type == KL_EVENT_JOB_END || (event->type == KL_EVENT_PRESENCE && event->plug != 0))
        armed->idle_from_us = g_get_monotonic_time();
}

/* Until when to wait for news. */
static gint64
idle_until(const Armed *armed)
{
    if (armed->idle_seconds == 0 || kl_batch_running(armed->batch) > 0)
        return G_MAXINT64;
    return armed->idle_from_us + (gint64)armed->idle_seconds * G_USEC_PER_SEC;
}

/* Nothing came in time. */
static void
give_up(Armed *armed)
{
    if (g_get_monotonic_time() < idle_until(armed))
        return;
    g_autofree char *text = g_strdup_printf("Nothing was plugged in for %u seconds.", armed->idle_seconds);
    kl_progress_say(armed->progress, text);
    kl_batch_stop(armed->batch);
}

/* A station error would meet every further unit, too: what runs may end, and that is all. */
static void
look_at_line(Armed *armed)
{
    if (kl_batch_state(armed->batch) != KL_BATCH_STOPPED)
        return;
    if (!armed->told_stop && kl_batch_running(armed->batch) > 0)
        kl_progress_say(armed->progress, "The station can't go on: no further unit is started.");
    armed->told_stop = TRUE;
    kl_batch_stop(armed->batch);
}

static void
wait_for_end(Armed *armed)
{
    g_autofree char *text = g_strdup_printf("Armed for %u unit%s: what is plugged in is started. Ctrl-C ends.",
                                            kl_batch_count(armed->batch), kl_batch_count(armed->batch) == 1 ? "" : "s");
    show_count(armed);
    kl_progress_say(armed->progress, text);
    armed->idle_from_us = g_get_monotonic_time();
    while (kl_batch_state(armed->batch) != KL_BATCH_DONE) {
        g_autoptr(KlNews) news = kl_watch_next(armed->watch, idle_until(armed));
        if (news == NULL)
            give_up(armed);
        else if (news->event == NULL)
            obey(armed, news->asked);
        else
            take(armed, news->event);
        look_at_line(armed);
    }
}

static GPtrArray *
copy_records(const KlBatch *batch)
{
    const GPtrArray *records = kl_batch_records(batch);
    GPtrArray *copies = g_ptr_array_new_with_free_func((GDestroyNotify)kl_record_free);
    for (guint i = 0; i < records->len; i++)
        g_ptr_array_add(copies, kl_record_copy(records->pdata[i]));
    return copies;
}

gboolean
kl_work_batch(KlStation *station, const KlJobRequest *request, guint count, guint idle_seconds, KlWorkBatch *result,
              GError **error)
{
    g_autoptr(KlWatch) watch = kl_watch_new(KL_ASKED_NOTHING);
    g_autoptr(KlLine) line = kl_line_new(kl_station_config(station), kl_station_bench(station), kl_watch_sink, watch);
    g_autoptr(KlBatch) batch = kl_batch_new(line, kl_station_profile(station), request, count, error);
    if (batch == NULL)
        return FALSE;
    g_autoptr(KlProgress) progress = kl_progress_new(count);
    Armed armed = {.line = line, .watch = watch, .batch = batch, .progress = progress, .idle_seconds = idle_seconds};
    wait_for_end(&armed);
    result->batch = g_strdup(kl_batch_id(batch));
    result->left = kl_batch_left(batch);
    result->stopped = kl_line_stopped(line);
    result->records = copy_records(batch);
    return TRUE;
}

KlExitCode
kl_work_batch_exit_code(const KlWorkBatch *result)
{
    gboolean usage = FALSE, station = result->stopped != NULL, unit = result->left > 0;
    g_autoptr(GPtrArray) last = kl_batch_report_last(result->records);
    for (guint i = 0; i < last->len; i++) {
        KlExitCode code = kl_exit_code_of_record(last->pdata[i]);
        usage |= code == KL_EXIT_USAGE;
        station |= code == KL_EXIT_STATION;
        unit |= code == KL_EXIT_UNIT;
    }
    return station ? KL_EXIT_STATION : usage ? KL_EXIT_USAGE : unit ? KL_EXIT_UNIT : KL_EXIT_DONE;
}
