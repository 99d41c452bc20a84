/* The job's connection to its unit: made, made anew, and held to the unit that the job is about. */
#include "station/job_steps.h"

/* A unit that restarts takes its port away for some seconds, and then can't tell yet who it is for some more. */
#define PORT_AWAY_MS 5000
#define STARTING_MS 15000
#define PORT_PAUSE_MS 50
#define STARTING_PAUSE_MS 500
#define RECOVER_TIMEOUT_US (20 * G_USEC_PER_SEC)

/* Waits; an operation that is stopped wakes at once. */
static gboolean
pause_for(const KlOp *op, guint ms, GError **error)
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

gboolean
kl_job_connect(KlJob *job, KlOp *op, GError **error)
{
    const KlDriver *driver = job->bench->driver;
    gint64 away_until_us = kl_op_until(op, PORT_AWAY_MS);
    /* Given up while there is still time to say so. */
    gint64 starting_until_us = kl_op_until(op, STARTING_MS) - STARTING_PAUSE_MS * G_TIME_SPAN_MILLISECOND;
    kl_job_disconnect(job);
    for (;;) {
        g_autoptr(GError) failure = NULL;
        job->device = driver->open(job->ports, job->bench->open_transport, op, &failure);
        if (job->device != NULL)
            return TRUE;
        KlErrorCode code = kl_error_code(failure);
        gint64 now = g_get_monotonic_time();
        gboolean away = code == KL_ERROR_PORT_MISSING && now < away_until_us;
        gboolean starting = code == KL_ERROR_UNIT_STARTING && now < starting_until_us;
        if (!away && !starting) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        if (!pause_for(op, away ? PORT_PAUSE_MS : STARTING_PAUSE_MS, error))
            return FALSE;
    }
}

void
kl_job_disconnect(KlJob *job)
{
    if (job->device != NULL)
        job->bench->driver->close(g_steal_pointer(&job->device));
}

/* Asks the connected unit who it is. That it has restarted is no failure here, but told. */
static gboolean
check_same_unit(KlJob *job, KlOp *op, gboolean *restarted, GError **error)
{
    KlUnit *known = job->record->unit;
    g_autoptr(KlUnit) unit = job->bench->driver->identify(job->device, op, error);
    if (unit == NULL)
        return FALSE;
    if (!kl_unit_same(unit, known))
        return kl_fail(error, KL_ERROR_UNIT_CHANGED, "the slot holds IMEI %s, FSN %s; it was IMEI %s, FSN %s",
                       unit->imei, unit->fsn, known->imei, known->fsn);
    *restarted = g_strcmp0(unit->boot_id, known->boot_id) != 0;
    if (*restarted) {
        kl_transcript_note(job->transcript, "the unit restarted: boot id %s, was %s", unit->boot_id, known->boot_id);
        g_free(known->boot_id);
        known->boot_id = g_steal_pointer(&unit->boot_id);
    }
    return TRUE;
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

void
kl_job_recover(KlJob *job, GError **failure)
{
    KlOp op = {.deadline_us = g_get_monotonic_time() + RECOVER_TIMEOUT_US,
               .cancel = job->cancel,
               .transcript = job->transcript};
    g_autofree char *was = g_strdup((*failure)->message);
    g_autoptr(GError) trouble = NULL;
    gboolean restarted = FALSE;

    kl_transcript_note(job->transcript, "connecting anew after: %s", was);
    if (kl_job_connect(job, &op, &trouble) && check_same_unit(job, &op, &restarted, &trouble)) {
        if (!restarted)
            return;
        g_clear_error(failure);
        kl_fail(failure, KL_ERROR_UNIT_RESTARTED, "the unit restarted: %s", was);
        return;
    }
    kl_job_disconnect(job);
    kl_transcript_note(job->transcript, "the unit did not come back: %s", trouble->message);
    if (kl_error_code(trouble) == KL_ERROR_UNIT_CHANGED) {
        g_clear_error(failure);
        kl_fail(failure, KL_ERROR_UNIT_CHANGED, "after \"%s\": %s", was, trouble->message);
    }
}
