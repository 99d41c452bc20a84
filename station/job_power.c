/* The declared last resort: a unit that does not answer, or does not come back, has its hub port switched off and on.
 */
#include "station/i18n.h"
#include "station/job_steps.h"

/* Long enough for a module's capacitors. */
#define OFF_MS 2000

const KlStep kl_job_power_step = {
    "power-cycle", N_("Switching the unit off and on"), kl_step_power_cycle, NULL, 0, 30, 0, 0};

/* Silence, and a unit that is gone; but not one whose place another unit has taken. */
static gboolean
may_help(const KlJob *job, const GError *failure)
{
    switch (kl_error_code(failure)) {
    case KL_ERROR_NO_ANSWER:
    case KL_ERROR_ANSWER_LATE:
    case KL_ERROR_ANSWER_GARBLED:
    case KL_ERROR_PORT_GONE:
        return TRUE;
    case KL_ERROR_UNIT_REMOVED:
        return job->plug == 0;
    default:
        return FALSE;
    }
}

gboolean
kl_job_may_power_cycle(const KlJob *job, const KlStep *step, const GError *failure)
{
    g_autofree char *place = kl_bus_place(job->ports->agent);
    return job->power_cycles < job->bench->power_cycles && place != NULL && job->bench->bus != NULL &&
           (step->flags & KL_STEP_DEVICE) && !(step->flags & KL_STEP_NO_RETURN) && may_help(job, failure) &&
           kl_job_check_claim(job, NULL) && !g_cancellable_is_cancelled(job->cancel);
}

gboolean
kl_step_power_cycle(KlJob *job, KlOp *op, GError **error)
{
    KlBus *bus = job->bench->bus;
    g_autofree char *place = kl_bus_place(job->ports->agent);
    gboolean restarted;
    kl_job_disconnect(job);
    return bus->klass->power_cycle(bus, place, OFF_MS, op, error) && kl_job_reconnect(job, &restarted, error);
}
