/* Steps that make the key, take the request and get the certificate. What can't be undone or repeated is journalled
 * first. */
#include "station/job_steps.h"

static gboolean
make_key(KlJob *job, KlOp *op, GError **error)
{
    const char *slot = job->bench->profile->key_slot;
    if (!KL_JOB_STORE(job, intent, job->record->id, job->record->unit->imei, KL_INTENT_KEY, slot, error))
        return FALSE;
    job->state->key_pending = TRUE;
    kl_key_info_clear(&job->key);
    return job->bench->driver->generate_key(job->device, slot, &job->key, op, error);
}

/* The store learns which key the unit holds; from then on it is the key that the unit has to keep. */
static gboolean
key_is_made(KlJob *job, GError **error)
{
    const KlKeyInfo *key = &job->key;
    if (!KL_JOB_STORE(job, key_made, job->record->id, job->record->unit->imei, key->spki_sha256, key->backend, error))
        return FALSE;
    g_ptr_array_add(job->state->keys, g_strdup(key->spki_sha256));
    job->state->key_pending = FALSE;
    if (g_strv_contains((const char *const *)job->bench->profile->key_backends, key->backend))
        return TRUE;
    return kl_fail(error, KL_ERROR_KEYSTORE_REFUSED, "the key was made by the '%s' keystore", key->backend);
}

/* Asks again what is in the key slot: an earlier attempt may have made the key and lost the answer. */
gboolean
kl_step_key(KlJob *job, KlOp *op, GError **error)
{
    if (!kl_job_same_unit(job, op, error) || !kl_job_plan_key(job, op, error))
        return FALSE;
    if (job->key_plan == KL_KEY_ERASE) {
        if (!job->bench->driver->erase(job->device, job->bench->profile->key_slot, op, error))
            return FALSE;
        job->key_plan = KL_KEY_MAKE;
    }
    if (job->key_plan == KL_KEY_MAKE && !make_key(job, op, error))
        return FALSE;
    return key_is_made(job, error);
}

gboolean
kl_step_csr(KlJob *job, KlOp *op, GError **error)
{
    const KlBench *bench = job->bench;
    const char *common_name = job->record->unit->device_id;
    if (!kl_job_ensure_connected(job, op, error))
        return FALSE;
    g_autoptr(GBytes) der = bench->driver->get_csr(job->device, bench->profile->key_slot, common_name, op, error);
    if (der == NULL)
        return FALSE;
    g_autoptr(KlCsr) csr = bench->pki->klass->check_csr(bench->pki, der, bench->profile, common_name, error);
    if (csr == NULL)
        return FALSE;
    if (!g_str_equal(csr->spki_sha256, job->key.spki_sha256))
        return kl_fail(error, KL_ERROR_CSR_KEY_MISMATCH, "the request is for key %s, the module made %s",
                       csr->spki_sha256, job->key.spki_sha256);
    g_clear_pointer(&job->csr, kl_csr_free);
    job->csr = g_steal_pointer(&csr);
    return TRUE;
}

/* A certificate that an earlier, broken-off attempt may have got is looked for before another one is asked for. */
static KlCertificate *
issue(KlJob *job, KlOp *op, GError **error)
{
    KlRecord *record = job->record;
    gint64 now_us = g_get_real_time();
    KlIssueRequest request = {job->csr, job->bench->profile, record->unit, record->id, now_us / G_USEC_PER_SEC, 0};

    if (job->state->issue_job != NULL) {
        KlIssueRequest earlier = request;
        KlCertificate *found = NULL;
        earlier.job = job->state->issue_job;
        earlier.since = job->state->issue_us / G_USEC_PER_SEC;
        if (!kl_job_lookup(job, &earlier, &found, op, error))
            return NULL;
        if (found != NULL)
            return found;
    }
    if (!KL_JOB_STORE(job, intent, record->id, record->unit->imei, KL_INTENT_ISSUE, job->csr->sha256, error))
        return NULL;
    g_free(job->state->issue_job);
    job->state->issue_job = g_strdup(record->id);
    job->state->issue_us = now_us;
    return kl_job_issue(job, &request, op, error);
}

static gboolean
check_issued(KlJob *job, const KlCertificate *certificate, GError **error)
{
    const KlBench *bench = job->bench;
    return bench->pki->klass->verify_issued(bench->pki, certificate, job->key.spki_sha256, bench->profile,
                                            job->record->unit, g_get_real_time() / G_USEC_PER_SEC, error);
}

/* A certificate out of the ledger that does not fit any more is this unit's trouble, not the signer's. */
static gboolean
check_ledger_certificate(KlJob *job, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (check_issued(job, job->certificate, &failure))
        return TRUE;
    return kl_fail(error, KL_ERROR_PROVISIONED_BROKEN, "its earlier certificate no longer serves: %s",
                   failure->message);
}

gboolean
kl_step_issue(KlJob *job, KlOp *op, GError **error)
{
    KlRecord *record = job->record;
    if (job->certificate_from_ledger)
        return check_ledger_certificate(job, error);

    g_autoptr(KlCertificate) certificate = issue(job, op, error);
    if (certificate == NULL || !check_issued(job, certificate, error) ||
        !kl_job_replace_elsewhere(job, certificate, error))
        return FALSE;
    if (!KL_JOB_STORE(job, issued, record->id, record->unit->imei, job->csr->sha256, certificate,
                      record->reprovision_reason, error))
        return FALSE;
    g_clear_pointer(&job->state->issue_job, g_free);
    g_clear_pointer(&job->certificate, kl_certificate_free);
    job->certificate = g_steal_pointer(&certificate);
    g_free(record->certificate_sha256);
    record->certificate_sha256 = g_strdup(job->certificate->sha256);
    return TRUE;
}
