/* The claim that a job has on its unit: no two jobs write of one unit at the same time. */
#include "station/job_steps.h"

#define PAUSE_MS 20

void
kl_job_take_claim(KlJob *job)
{
    const KlClaimUnit unit = {job->bench->plug, job->ports->agent, job->unit_plug};
    kl_claims_take(job->bench->claims, job->record->unit->imei, job->slot, &unit);
    job->claimed = TRUE;
}

gboolean
kl_job_check_claim(const KlJob *job, GError **error)
{
    return !job->claimed || kl_claims_check(job->bench->claims, job->record->unit->imei, job->slot, error);
}

/* Like the store's time, this is not the unit's: the other job may be waiting for its turn at the signer. */
gboolean
kl_job_await_claim(KlJob *job, KlOp *op, GError **error)
{
    gint64 from_us = g_get_monotonic_time();
    gboolean ok = kl_job_check_claim(job, error);
    while (ok && !kl_claims_alone(job->bench->claims, job->record->unit->imei))
        ok = kl_job_pause(&(KlOp){.cancel = op->cancel}, PAUSE_MS, error) && kl_job_check_claim(job, error);
    kl_op_extend(op, g_get_monotonic_time() - from_us);
    return ok;
}
