/* The job's calls of the signer: each waits for its turn, and neither the waiting nor the signing is held against the
 * unit's time. */
#include "station/job_steps.h"

/* One turn at the signer. */
typedef struct {
    KlJob *job;
    KlOp *op;
    gint64 from_us;
} Turn;

static gboolean
turn_begin(Turn *turn, KlJob *job, KlOp *op, GError **error)
{
    *turn = (Turn){job, op, g_get_monotonic_time()};
    return kl_gate_enter(job->bench->signing, op->cancel, error);
}

static void
turn_end(const Turn *turn)
{
    kl_gate_leave(turn->job->bench->signing);
    kl_op_extend(turn->op, g_get_monotonic_time() - turn->from_us);
}

gboolean
kl_job_self_test(KlJob *job, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    Turn turn;
    if (!turn_begin(&turn, job, op, error))
        return FALSE;
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    gboolean ok = signer->klass->self_test(signer, job->bench->profile, now, error);
    turn_end(&turn);
    return ok;
}

gboolean
kl_job_lookup(KlJob *job, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    Turn turn;
    if (!turn_begin(&turn, job, op, error))
        return FALSE;
    gboolean ok = signer->klass->lookup(signer, request, found, op, error);
    turn_end(&turn);
    return ok;
}

KlCertificate *
kl_job_issue(KlJob *job, const KlIssueRequest *request, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    Turn turn;
    if (!turn_begin(&turn, job, op, error))
        return NULL;
    KlCertificate *certificate = signer->klass->issue(signer, request, op, error);
    turn_end(&turn);
    return certificate;
}

gboolean
kl_job_enroll(KlJob *job, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    Turn turn;
    if (!turn_begin(&turn, job, op, error))
        return FALSE;
    gboolean ok = signer->klass->enroll(signer, request, certificate, op, error);
    turn_end(&turn);
    return ok;
}

gboolean
kl_job_activate(KlJob *job, const KlCertificate *certificate, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    Turn turn;
    if (!turn_begin(&turn, job, op, error))
        return FALSE;
    gboolean ok = signer->klass->activate(signer, certificate, op, error);
    turn_end(&turn);
    return ok;
}

char *
kl_job_endpoint(KlJob *job, KlOp *op, GError **error)
{
    KlSigner *signer = job->bench->signer;
    Turn turn;
    if (!turn_begin(&turn, job, op, error))
        return NULL;
    char *host = signer->klass->endpoint(signer, op, error);
    turn_end(&turn);
    return host;
}
