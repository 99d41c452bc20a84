#include "station/cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "station/cli/text.h"
#include "station/cli/unit_report.h"

#define BAR_WIDTH 30
#define REDRAW_US (G_USEC_PER_SEC / 10)
#define CLEAR_LINE "\r\033[K"

struct KlProgress {
    gboolean bar;
    guint units, ended, failed;
    gboolean counted; /* by kl_progress_count, which set these: */
    guint done, running;
    GHashTable *fractions; /* slot -> double *: how far each running job is */
    gint64 drawn_us;
};

KlProgress *
kl_progress_new(guint units)
{
    KlProgress *progress = g_new0(KlProgress, 1);
    progress->bar = isatty(STDERR_FILENO) && g_strcmp0(g_getenv("TERM"), "dumb") != 0;
    progress->units = units;
    progress->fractions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return progress;
}

void
kl_progress_free(KlProgress *progress)
{
    if (progress == NULL)
        return;
    if (progress->bar)
        fputs(CLEAR_LINE, stderr);
    g_hash_table_unref(progress->fractions);
    g_free(progress);
}

void
kl_progress_count(KlProgress *progress, guint done, guint running)
{
    progress->counted = TRUE;
    progress->done = done;
    progress->running = running;
}

/* "12 of 64 done, 52 left, 8 running, 1 failed". */
static char *
count_text(const KlProgress *progress)
{
    g_autofree char *failed = progress->failed > 0 ? g_strdup_printf(", %u failed", progress->failed) : g_strdup("");
    if (!progress->counted)
        return g_strdup_printf("%u of %u finished%s", progress->ended, progress->units, failed);
    return g_strdup_printf("%u of %u done, %u left, %u running%s", progress->done, progress->units,
                           progress->units - progress->done, progress->running, failed);
}

static void
draw(KlProgress *progress)
{
    double sum = progress->counted ? progress->done : progress->ended;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, progress->fractions);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        sum += *(double *)value;
    double share = CLAMP(sum / MAX(progress->units, 1), 0, 1);

    char bar[BAR_WIDTH + 1] = {0};
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < share * BAR_WIDTH ? '#' : '.';
    g_autofree char *count = count_text(progress);
    fprintf(stderr, CLEAR_LINE "[%s] %3.0f %%  %s", bar, share * 100, count);
    progress->drawn_us = g_get_monotonic_time();
}

void
kl_progress_say(KlProgress *progress, const char *text)
{
    fprintf(stderr, "%s%s\n", progress->bar ? CLEAR_LINE : "", text);
    if (progress->bar)
        draw(progress);
}

/* Never goes back during a job: a step that is tried again would make the bar do so. */
static void
set_fraction(KlProgress *progress, const char *slot, double fraction)
{
    const double *before = g_hash_table_lookup(progress->fractions, slot);
    double *value = g_new(double, 1);
    *value = before != NULL ? MAX(*before, fraction) : fraction;
    g_hash_table_replace(progress->fractions, g_strdup(slot), value);
}

/* The line for an event, or NULL when it is not worth one. */
static char *
event_line(const KlEvent *event)
{
    g_autofree char *slot = kl_text_safe(event->slot);
    switch (event->type) {
    case KL_EVENT_UNIT: {
        g_autofree char *fsn = kl_text_safe(event->unit->fsn);
        g_autofree char *model = kl_text_safe(event->unit->model);
        g_autofree char *imei = kl_text_safe(event->unit->imei);
        return g_strdup_printf("%s  %s, FSN %s, IMEI %s", slot, model, fsn, imei);
    }
    case KL_EVENT_STEP_BEGIN:
        if (event->attempt > 1)
            return g_strdup_printf("%s  %s (%u/%u), attempt %u", slot, event->step_title, event->n, event->m,
                                   event->attempt);
        return g_strdup_printf("%s  %s (%u/%u)", slot, event->step_title, event->n, event->m);
    case KL_EVENT_STEP_END:
        if (event->outcome == KL_OUTCOME_PASS)
            return NULL;
        return g_strdup_printf("%s  %s: %s %s", slot, event->step, kl_outcome_name(event->outcome),
                               event->code != NULL ? event->code : "");
    case KL_EVENT_JOB_END: {
        g_autofree char *code = kl_text_safe(event->record->code);
        g_autofree char *outcome = kl_unit_report_outcome(event->record);
        return event->record->code == NULL ? g_strdup_printf("%s  %s", slot, outcome)
                                           : g_strdup_printf("%s  %s %s", slot, outcome, code);
    }
    case KL_EVENT_JOB_BEGIN:
    case KL_EVENT_PROGRESS:
    case KL_EVENT_PRESENCE:
    default:
        return NULL;
    }
}

void
kl_progress_event(KlProgress *progress, const KlEvent *event)
{
    gboolean ended = event->type == KL_EVENT_JOB_END;
    gboolean failed = ended && event->record->outcome != KL_OUTCOME_PASS;
    if (event->type == KL_EVENT_PROGRESS)
        set_fraction(progress, event->slot, event->fraction);
    else if (ended)
        g_hash_table_remove(progress->fractions, event->slot);
    progress->ended += ended;
    progress->failed += failed;

    g_autofree char *line = event_line(event);
    if (line != NULL && (failed || !progress->bar))
        kl_progress_say(progress, line);
    else if (progress->bar && (ended || g_get_monotonic_time() - progress->drawn_us >= REDRAW_US))
        draw(progress);
    if (ended && progress->counted && !progress->bar) {
        g_autofree char *count = count_text(progress);
        kl_progress_say(progress, count);
    }
}
