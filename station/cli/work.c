#include "station/cli/work.h"

#include <signal.h>

#include "station/cli/progress.h"
#include "station/cli/watch.h"

#define LEAVE_HINT "press Ctrl-C again to leave at once."

KlStation *
kl_work_open(const KlCli *cli, const char *product, GError **error)
{
    /* Before any thread is made, so that every one of them inherits it. */
    kl_watch_block_signals();
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

static KlRecord *
wait_for_record(KlLine *line, KlWatch *watch)
{
    g_autoptr(KlProgress) progress = kl_progress_new(1);
    for (;;) {
        g_autoptr(KlNews) news = kl_watch_next(watch, G_MAXINT64);
        if (news == NULL)
            continue;
        if (news->event == NULL) {
            kl_progress_say(progress, "Stopping; " LEAVE_HINT);
            kl_line_stop_all(line);
            continue;
        }
        kl_progress_event(progress, news->event);
        if (news->event->type == KL_EVENT_JOB_END)
            return kl_record_copy(news->event->record);
    }
}

KlRecord *
kl_work_run(KlStation *station, const char *slot, const KlJobRequest *request)
{
    g_autoptr(KlWatch) watch = kl_watch_new(KL_ASKED_NO_MORE);
    g_autoptr(KlLine) line = kl_line_new(kl_station_config(station), kl_station_bench(station), kl_watch_sink, watch);
    g_autoptr(GError) error = NULL;
    if (!kl_line_start(line, slot, request, &error))
        return unstarted_record(slot, error);
    return wait_for_record(line, watch);
}
