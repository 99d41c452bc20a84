/* The job's calls of the signer: each waits for its turn, and neither the waiting nor the signing is held against the
 * unit's time. */
#include "station/job_steps.h"

#define SIGN(job, op, type, method, ...)                                                                               \
    gint64 from_us = g_get_monotonic_time();                                                                           \
    KlSigner *signer = (job)->bench->signer;                                                                           \
    gboolean turn = kl_gate_enter((job)->bench->signing, (op)->cancel, error);                                         \
    type answer = turn ? signer->klass->method(signer, __VA_ARGS__) : 0;                                               \
    if (turn)                                                                                                          \
        kl_gate_leave((job)->bench->signing);                                                                          \
    kl_op_extend((op), g_get_monotonic_time() - from_us);                                                              \
    return answer

gboolean
kl_job_self_test(KlJob *job, KlOp *op, GError **error)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    SIGN(job, op, gboolean, self_test, job->bench->profile, now, error);
}

gboolean
kl_job_lookup(KlJob *job, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error)
{
    SIGN(job, op, gboolean, lookup, request, found, op, error);
}

KlCertificate *
kl_job_issue(KlJob *job, const KlIssueRequest *request, KlOp *op, GError **error)
{
    SIGN(job, op, KlCertificate *, issue, request, op, error);
}
