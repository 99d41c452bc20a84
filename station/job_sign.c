/* The job's calls of the signer. Neither they nor the waiting for a turn are held against the unit's time. Only what
 * signs needs a turn: a token signs one thing at a time, and what the cloud is asked meanwhile has nothing to do with
 * it. */
#include "station/job_steps.h"

/* The deadline moves by the time since then. */
static void
forgive(KlOp *op, gint64 from_us)
{
    kl_op_extend(op, g_get_monotonic_time() - from_us);
}

/* Before the signer is called: it would find that the time is up. */
static gboolean
wait_for_turn(const KlJob *job, KlOp *op, GError **error)
{
    gint64 from_us = g_get_monotonic_time();
    if (!kl_gate_enter(job->bench->signing, op->cancel, error))
        return FALSE;
    forgive(op, from_us);
    return TRUE;
}

gboolean
kl_job_self_test(KlJob *job, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    if (!wait_for_turn(job, op, error))
        return FALSE;
    gint64 from_us = g_get_monotonic_time();
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    gboolean ok = signer->klass->self_test(signer, job->bench->profile, now, error);
    kl_gate_leave(job->bench->signing);
    forgive(op, from_us);
    return ok;
}

gboolean
kl_job_lookup(KlJob *job, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    gint64 from_us = g_get_monotonic_time();
    gboolean ok = signer->klass->lookup(signer, request, found, op, error);
    forgive(op, from_us);
    return ok;
}

KlCertificate *
kl_job_issue(KlJob *job, const KlIssueRequest *request, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    if (!wait_for_turn(job, op, error))
        return NULL;
    gint64 from_us = g_get_monotonic_time();
    KlCertificate *certificate = signer->klass->issue(signer, request, op, error);
    kl_gate_leave(job->bench->signing);
    forgive(op, from_us);
    return certificate;
}

gboolean
kl_job_enroll(KlJob *job, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    gint64 from_us = g_get_monotonic_time();
    gboolean ok = signer->klass->enroll(signer, request, certificate, op, error);
    forgive(op, from_us);
    return ok;
}

gboolean
kl_job_activate(KlJob *job, const KlCertificate *certificate, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    gint64 from_us = g_get_monotonic_time();
    gboolean ok = signer->klass->activate(signer, certificate, op, error);
    forgive(op, from_us);
    return ok;
}

gboolean
kl_job_check_signer(KlJob *job, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op,
                    GError **error)
{
    KlSigner *signer = job->bench->signer;
    gint64 from_us = g_get_monotonic_time();
    gboolean ok = signer->klass->check(signer, request, certificate, op, error);
    forgive(op, from_us);
    return ok;
}

char *
kl_job_endpoint(KlJob *job, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    gint64 from_us = g_get_monotonic_time();
    char *host = signer->klass->endpoint(signer, op, error);
    forgive(op, from_us);
    return host;
}
