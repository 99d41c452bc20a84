/* The job's connection to its unit: made, made anew, and held to the unit that the job is about. */
#include "station/job_steps.h"

/* A unit that was just put in: its port appears, udev sets it up, the unit starts until it can tell who it is. */
#define APPEAR_MS 5000
#define SETTLE_US (5 * G_USEC_PER_SEC) /* as long as the bus waits for udev, in usb_bus.c */
#define STARTING_MS 15000
#define PORT_PAUSE_MS 50
#define STARTING_PAUSE_MS 500

gboolean
kl_job_pause(const KlOp *op, guint ms, GError **error)
{
    GPollFD stop;
    if (op->cancel != NULL && g_cancellable_make_pollfd(op->cancel, &stop)) {
        g_poll(&stop, 1, (gint)ms);
        g_cancellable_release_fd(op->cancel);
    } else {
        g_usleep((gulong)ms * 1000);
    }
    return kl_op_check(op, error);
}

void
kl_job_look(KlJob *job)
{
    guint64 plug = job->bench->plug(job->ports->agent);
    if (plug == job->plug)
        return;
    job->plug = plug;
    job->plug_us = g_get_monotonic_time();
    job->had_plug = job->had_plug || plug != 0;
}

/* A unit that was never identified is whatever was last tried. */
void
kl_job_settle_plug(KlJob *job)
{
    guint64 plug = job->record->unit != NULL ? job->unit_plug : job->tried_plug;
    kl_job_look(job);
    job->verdict_plug = plug == job->plug ? plug : 0;
}

/* There was something in the slot, and it is gone. */
static gboolean
vanished(const KlJob *job)
{
    return job->record->unit != NULL || (job->had_plug && job->plug == 0);
}

/* How long, from the beginning of connecting, a port that can't be opened may yet become one that can; 0: it will not.
 * A unit that restarts takes its port away for a while, and then can't tell yet who it is. */
static guint
patience_ms(const KlJob *job, KlErrorCode code)
{
    guint restart_ms = job->bench->profile->restart_seconds * 1000;
    switch (code) {
    case KL_ERROR_PORT_MISSING:
        return vanished(job) ? restart_ms : APPEAR_MS;
    case KL_ERROR_UNIT_STARTING:
        return vanished(job) ? restart_ms + STARTING_MS : STARTING_MS;
    default:
        return 0;
    }
}

/* Udev may still be at work on a port that has just come: it is nobody's for a moment, or a prober's. */
static gboolean
settles(const KlJob *job, KlErrorCode code)
{
    return (code == KL_ERROR_PORT_DENIED || code == KL_ERROR_PORT_BUSY) &&
           g_get_monotonic_time() < job->plug_us + SETTLE_US;
}

/* Opens the unit's ports, waiting for what is just coming back. What is plugged in is looked at after each opening: a
 * unit that talks over it afterwards is the one that was plugged in then. A failure, though, is about what was plugged
 * in before, too. */
static gboolean
open_device(KlJob *job, KlOp *op, GError **error)
{
    const KlDriver *driver = job->bench->driver;
    gint64 from_us = g_get_monotonic_time();
    kl_job_disconnect(job);
    for (;;) {
        g_autoptr(GError) failure = NULL;
        kl_job_look(job);
        guint64 before = job->plug;
        job->device = driver->open(job->ports, job->bench->open_transport, op, &failure);
        kl_job_look(job);
        job->tried_plug = job->plug == before ? before : 0;
        if (job->device != NULL)
            return TRUE;
        KlErrorCode code = kl_error_code(failure);
        /* What is not there may answer in another slot by now. */
        if (code == KL_ERROR_PORT_MISSING && !kl_job_check_claim(job, error))
            return FALSE;
        guint pause_ms = code == KL_ERROR_UNIT_STARTING ? STARTING_PAUSE_MS : PORT_PAUSE_MS;
        gint64 until_us = from_us + patience_ms(job, code) * G_TIME_SPAN_MILLISECOND;
        gint64 next_us = g_get_monotonic_time() + pause_ms * G_TIME_SPAN_MILLISECOND;
        /* Given up while there is still time to say why. */
        gboolean in_time = op->deadline_us == 0 || next_us < op->deadline_us;
        if (!in_time || (next_us > until_us && !settles(job, code))) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        if (!kl_job_pause(op, pause_ms, error))
            return FALSE;
    }
}

/* A port that is missing after it was there: somebody has pulled the unit out. */
static void
say_removed(const KlJob *job, GError **failure)
{
    if (kl_error_code(*failure) != KL_ERROR_PORT_MISSING || !vanished(job))
        return;
    g_autoptr(GError) was = g_steal_pointer(failure);
    kl_fail(failure, KL_ERROR_UNIT_REMOVED, "nothing came back in its place: %s", was->message);
}

gboolean
kl_job_connect(KlJob *job, KlOp *op, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (open_device(job, op, &failure))
        return TRUE;
    say_removed(job, &failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

void
kl_job_disconnect(KlJob *job)
{
    if (job->device != NULL)
        job->bench->driver->close(g_steal_pointer(&job->device));
}

/* Asks the connected unit who it is. That it has restarted is no failure here, but told; that its IMEI answers in
 * another slot, too, is one. */
static gboolean
check_same_unit(KlJob *job, KlOp *op, gboolean *restarted, GError **error)
{
    KlUnit *known = job->record->unit;
    g_autoptr(KlUnit) unit = job->bench->driver->identify(job->device, op, error);
    if (unit == NULL)
        return FALSE;
    if (!kl_unit_same(unit, known)) {
        KlErrorCode code = job->plug == job->unit_plug ? KL_ERROR_UNIT_CHANGED : KL_ERROR_UNIT_REMOVED;
        return kl_fail(error, code, "the slot holds IMEI %s, FSN %s; it was IMEI %s, FSN %s", unit->imei, unit->fsn,
                       known->imei, known->fsn);
    }
    job->unit_plug = job->plug;
    *restarted = g_strcmp0(unit->boot_id, known->boot_id) != 0;
    if (*restarted) {
        kl_transcript_note(job->transcript, "the unit restarted: boot id %s, was %s", unit->boot_id, known->boot_id);
        g_free(known->boot_id);
        known->boot_id = g_steal_pointer(&unit->boot_id);
    }
    if (job->claimed)
        kl_job_take_claim(job);
    return kl_job_check_claim(job, error);
}

gboolean
kl_job_same_unit(KlJob *job, KlOp *op, GError **error)
{
    gboolean restarted;
    if (job->device == NULL && !kl_job_connect(job, op, error))
        return FALSE;
    if (check_same_unit(job, op, &restarted, error))
        return TRUE;
    kl_job_disconnect(job); /* so that nothing is asked of it before it was identified */
    return FALSE;
}

gboolean
kl_job_ensure_connected(KlJob *job, KlOp *op, GError **error)
{
    if (job->device != NULL)
        return TRUE;
    return job->record->unit != NULL ? kl_job_same_unit(job, op, error) : kl_job_connect(job, op, error);
}

gboolean
kl_job_reconnect(KlJob *job, gboolean *restarted, GError **error)
{
    guint limit_ms = job->bench->profile->restart_seconds * 1000 + STARTING_MS;
    KlOp op = {.deadline_us = g_get_monotonic_time() + limit_ms * G_TIME_SPAN_MILLISECOND,
               .cancel = job->cancel,
               .transcript = job->transcript};
    *restarted = FALSE;
    if (open_device(job, &op, error) && (job->record->unit == NULL || check_same_unit(job, &op, restarted, error)))
        return TRUE;
    kl_job_disconnect(job);
    return FALSE;
}

void
kl_job_recover(KlJob *job, GError **failure)
{
    g_autofree char *was = g_strdup((*failure)->message);
    g_autoptr(GError) trouble = NULL;
    gboolean restarted;

    kl_transcript_note(job->transcript, "connecting anew after: %s", was);
    if (kl_job_reconnect(job, &restarted, &trouble)) {
        if (!restarted)
            return;
        g_clear_error(failure);
        kl_fail(failure, KL_ERROR_UNIT_RESTARTED, "the unit restarted: %s", was);
        return;
    }
    say_removed(job, &trouble);
    kl_transcript_note(job->transcript, "the unit did not come back: %s", trouble->message);
    if (kl_job_worth_retrying(trouble))
        return;
    g_clear_error(failure);
    kl_fail(failure, kl_error_code(trouble), "after \"%s\": %s", was, trouble->message);
}
