#include "station/line.h"

#include <pthread.h>

#include "station/lookout.h"

struct KlLine {
    GPtrArray *slots; /* KlSlot */
    KlLookout *lookout;
    const KlBench *bench;
    KlEventSink sink;
    gpointer sink_data;

    pthread_mutex_t lock; /* guards what follows */
    const char *stopped;  /* static error name, or NULL */
    gboolean closing;     /* being freed: its slots may not be touched any more */
};

static gboolean
stops_the_line(const KlEvent *event)
{
    return event->type == KL_EVENT_JOB_END && event->code != NULL &&
           kl_error_stops_line((KlErrorCode)kl_error_from_name(event->code));
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

static void
look(gpointer data)
{
    const KlLine *line = data;
    for (guint i = 0; i < line->slots->len; i++)
        kl_slot_look(g_ptr_array_index(line->slots, i));
}

/* On the bus's thread. */
static void
poke(gpointer lookout)
{
    kl_lookout_poke(lookout);
}

KlLine *
kl_line_new(const KlConfig *config, const KlBench *bench, KlEventSink sink, gpointer sink_data)
{
    KlLine *line = g_new0(KlLine, 1);
    line->bench = bench;
    line->sink = sink;
    line->sink_data = sink_data;
    pthread_mutex_init(&line->lock, NULL);
    line->slots = g_ptr_array_new_with_free_func((GDestroyNotify)kl_slot_free);
    for (guint i = 0; i < config->slots->len; i++)
        g_ptr_array_add(line->slots, kl_slot_new(g_ptr_array_index(config->slots, i), bench, pass_event, line));
    line->lookout = kl_lookout_new(look, line);
    if (bench->bus != NULL)
        bench->bus->klass->watch(bench->bus, poke, line->lookout);
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
    if (line->bench->bus != NULL)
        line->bench->bus->klass->watch(line->bench->bus, NULL, NULL);
    kl_lookout_free(line->lookout);
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
    if (!kl_bench_unlocked(line->bench))
        return kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "slot %s", name);
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
kl_line_poke(KlLine *line)
{
    kl_lookout_poke(line->lookout);
}

void
kl_line_stop_all(KlLine *line)
{
    for (guint i = 0; i < line->slots->len; i++)
        kl_slot_stop(g_ptr_array_index(line->slots, i));
}
