#include "station/line.h"

#include <pthread.h>

struct KlLine {
    GPtrArray *slots; /* KlSlot */
    KlEventSink sink;
    gpointer sink_data;

    pthread_mutex_t lock; /* guards what follows */
    const char *stopped;  /* static error name, or NULL */
    gboolean closing;     /* being freed: its slots may not be touched any more */
};

/* A port that may not be opened is that slot's trouble alone; every other error of the station, and a mistake of ours,
 * would meet the next unit too. */
static gboolean
stops_the_line(const KlEvent *event)
{
    return event->type == KL_EVENT_JOB_END && event->outcome == KL_OUTCOME_ERROR &&
           g_strcmp0(event->code, kl_error_name(KL_ERROR_PORT_DENIED)) != 0;
}

static void
pass_event(KlEvent *event, gpointer data)
{
    KlLine *line = data;
    if (stops_the_line(event)) {
        pthread_mutex_lock(&line->lock);
        line->stopped = kl_error_name((KlErrorCode)kl_error_from_name(event->code));
        pthread_mutex_unlock(&line->lock);
    }
    line->sink(event, line->sink_data);
}

KlLine *
kl_line_new(const KlConfig *config, const KlBench *bench, KlEventSink sink, gpointer sink_data)
{
    KlLine *line = g_new0(KlLine, 1);
    line->sink = sink;
    line->sink_data = sink_data;
    pthread_mutex_init(&line->lock, NULL);
    line->slots = g_ptr_array_new_with_free_func((GDestroyNotify)kl_slot_free);
    for (guint i = 0; i < config->slots->len; i++)
        g_ptr_array_add(line->slots, kl_slot_new(g_ptr_array_index(config->slots, i), bench, pass_event, line));
    return line;
}

void
kl_line_free(KlLine *line)
{
    if (line == NULL)
        return;
    pthread_mutex_lock(&line->lock);
    line->closing = TRUE;
    pthread_mutex_unlock(&line->lock);
    kl_line_stop_all(line);
    g_ptr_array_unref(line->slots);
    pthread_mutex_destroy(&line->lock);
    g_free(line);
}

KlSlot *
kl_line_slot(KlLine *line, const char *name, GError **error)
{
    for (guint i = 0; i < line->slots->len; i++) {
        KlSlot *slot = g_ptr_array_index(line->slots, i);
        if (g_str_equal(kl_slot_name(slot), name))
            return slot;
    }
    kl_fail(error, KL_ERROR_SLOT_UNKNOWN, "slot '%s'", name);
    return NULL;
}

/* The lock is held, so that nothing starts once the line is closing: the end of one slot's job may start another's. */
static gboolean
start_locked(KlLine *line, const char *name, const KlJobRequest *request, GError **error)
{
    if (line->closing)
        return kl_fail(error, KL_ERROR_STATION_STOPPED, "the line is being closed");
    KlSlot *slot = kl_line_slot(line, name, error);
    if (slot == NULL)
        return FALSE;
    if (line->stopped != NULL)
        return kl_fail(error, KL_ERROR_STATION_STOPPED, "stopped by %s", line->stopped);
    return kl_slot_start(slot, request, error);
}

gboolean
kl_line_start(KlLine *line, const char *name, const KlJobRequest *request, GError **error)
{
    pthread_mutex_lock(&line->lock);
    gboolean ok = start_locked(line, name, request, error);
    pthread_mutex_unlock(&line->lock);
    return ok;
}

const char *
kl_line_stopped(KlLine *line)
{
    pthread_mutex_lock(&line->lock);
    const char *stopped = line->stopped;
    pthread_mutex_unlock(&line->lock);
    return stopped;
}

void
kl_line_resume(KlLine *line)
{
    pthread_mutex_lock(&line->lock);
    line->stopped = NULL;
    pthread_mutex_unlock(&line->lock);
}

void
kl_line_stop_all(KlLine *line)
{
    for (guint i = 0; i < line->slots->len; i++)
        kl_slot_stop(g_ptr_array_index(line->slots, i));
}
