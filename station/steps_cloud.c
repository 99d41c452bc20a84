/* What steps do with the cloud: make the certificate known and let it be used, have the registration row arrive, and
 * ask what other stations did with the unit. None of it is needed where the station has no cloud. */
#include <string.h>

#include "station/job_steps.h"
#include "station/registration.h"

/* How long a unit waits to learn what other stations know of it; longer where nothing passes without the cloud. */
#define ELSEWHERE_MS 3000
#define ELSEWHERE_ACK_MS 10000

/* How long the first unit of all waits for the first block of numbers. */
#define IDS_MS 10000

/* A deadline that the cloud has missed is not the unit's. */
static void
blame_cloud(GError **error)
{
    if (error == NULL || !g_error_matches(*error, KL_ERROR, KL_ERROR_STEP_TIMEOUT))
        return;
    g_autoptr(GError) late = g_steal_pointer(error);
    kl_fail(error, KL_ERROR_CLOUD_TIMEOUT, "%s", late->message);
}

static KlIssueRequest
request_of(const KlJob *job)
{
    return (KlIssueRequest){
        job->csr, job->bench->profile, job->record->unit, job->record->id, g_get_real_time() / G_USEC_PER_SEC, 0};
}

/* A certificate out of the ledger may be from before the station had its cloud: where it becomes known is kept first.
 */
static gboolean
keep_place(KlJob *job, GError **error)
{
    const char *place = job->bench->signer->klass->place;
    KlCertificate *certificate = job->certificate;
    if (place == NULL || kl_certificate_has_place(certificate, place))
        return TRUE;
    if (!KL_JOB_STORE(job, known_at, job->record->id, certificate->sha256, place, error))
        return FALSE;
    kl_certificate_add_place(certificate, place);
    return TRUE;
}

/* Called again after a crash, and for a certificate out of the ledger: nothing else has to be journalled for it. */
static gboolean
enroll(KlJob *job, KlOp *op, GError **error)
{
    const KlIssueRequest request = request_of(job);
    if (job->bench->signer->klass->enroll == NULL)
        return TRUE;
    return keep_place(job, error) && kl_job_enroll(job, &request, job->certificate, op, error);
}

gboolean
kl_job_learn_endpoint(KlJob *job, KlOp *op, GError **error)
{
    if (job->bench->signer->klass->endpoint == NULL || job->endpoint != NULL)
        return TRUE;
    job->endpoint = kl_job_endpoint(job, op, error);
    return job->endpoint != NULL;
}

gboolean
kl_step_enroll(KlJob *job, KlOp *op, GError **error)
{
    if (enroll(job, op, error) && kl_job_learn_endpoint(job, op, error))
        return TRUE;
    blame_cloud(error);
    return FALSE;
}

/* A unit passes with a certificate that is active. Where it is so no more, a person has switched it off. */
gboolean
kl_step_activate(KlJob *job, KlOp *op, GError **error)
{
    const KlIssueRequest request = request_of(job);
    if (kl_job_verifies_only(job) ? kl_job_check_signer(job, &request, job->certificate, op, error)
                                  : kl_job_activate(job, job->certificate, op, error))
        return TRUE;
    blame_cloud(error);
    return FALSE;
}

/* The row is committed here, and on its way. Without require_ack nobody waits for a cloud that is not there anyway. */
static gboolean
wait_for_row(KlJob *job, const char *device, KlOp *op, GError **error)
{
    const KlBench *bench = job->bench;
    gboolean prompt = kl_outbox_prompt(bench->outbox, KL_OUTBOX_REGISTRATION, bench->ack_wait_ms);
    guint wait_ms = bench->require_ack ? G_MAXUINT : prompt ? bench->ack_wait_ms : 0;
    int ack = kl_outbox_wait(bench->outbox, KL_OUTBOX_REGISTRATION, device, wait_ms, op, error);
    job->record->row_queued = ack == KL_ACK_WAITING;
    if (ack == KL_ACK_WAITING)
        kl_transcript_note(job->transcript, "the registration row is queued");
    return ack == KL_ACK_SENT || ack == KL_ACK_WAITING;
}

/* The time was up: what holds up the rows says more than that. */
static void
blame_outbox(const KlJob *job, GError **error)
{
    const char *why = kl_outbox_status(job->bench->outbox).waiting_codes[KL_OUTBOX_REGISTRATION];
    int code = kl_error_from_name(why);
    g_clear_error(error);
    kl_fail(error, code >= 0 ? (KlErrorCode)code : KL_ERROR_CLOUD_TIMEOUT,
            "the registration row is still queued, and no unit passes without it there");
}

gboolean
kl_step_register(KlJob *job, KlOp *op, GError **error)
{
    const KlUnit *unit = job->record->unit;
    g_autoptr(KlRegistration) row = kl_registration_new(job->bench->profile, unit->device_id);
    g_autoptr(GError) failure = NULL;
    if (!KL_JOB_STORE(job, registered, job->record->id, unit->imei, row, error))
        return FALSE;
    if (job->bench->outbox == NULL || wait_for_row(job, unit->device_id, op, &failure))
        return TRUE;
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_STEP_TIMEOUT))
        blame_outbox(job, &failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean
kl_job_wait_for_ids(KlJob *job, KlOp *op, GError **error)
{
    gint64 from_us = g_get_monotonic_time();
    KlOp own = {.cancel = op->cancel};
    gboolean ok = kl_outbox_wait_ids(job->bench->outbox, IDS_MS, &own, error);
    kl_op_extend(op, g_get_monotonic_time() - from_us);
    return ok;
}

/* Asks for no longer than a unit may be kept waiting, outside of the step's limit. */
static gboolean
ask_elsewhere(KlJob *job, KlPassedElsewhere **passed, KlOp *op, GError **error)
{
    KlSink *sink = job->bench->sink;
    gint64 from_us = g_get_monotonic_time();
    KlOp own = {.cancel = op->cancel, .transcript = op->transcript};
    own.deadline_us = kl_op_until(&own, job->bench->require_ack ? ELSEWHERE_ACK_MS : ELSEWHERE_MS);
    gboolean known = sink->klass->passed_elsewhere(sink, job->record->unit->imei, passed, &own, error);
    kl_op_extend(op, g_get_monotonic_time() - from_us);
    if (!known)
        blame_cloud(error);
    return known;
}

/* A unit that is replaced keeps the id that it has, wherever that was given. One of a sequence that has not passed here
 * may have passed elsewhere, under another id than it was given here, if any, and would become two units: then, and
 * only then, it has to wait for the cloud. Of every other the id is the same at all stations, so that enrolling finds
 * its thing, and lets in no two certificates of that. */
static gboolean
must_know(const KlJob *job)
{
    gboolean new_id = !job->state->provisioned && job->bench->profile->id_rule == KL_ID_SEQUENCE;
    return job->bench->require_ack || (kl_job_replaces(job) && new_id);
}

static gboolean
fail_passed(const KlPassedElsewhere *passed, GError **error)
{
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(passed->passed_us / G_USEC_PER_SEC);
    g_autofree char *text = when != NULL ? g_date_time_format_iso8601(when) : NULL;
    return kl_fail(error, KL_ERROR_PASSED_ELSEWHERE, "passed at station '%s' by %s at %s, record %s", passed->station,
                   passed->operator_id != NULL ? passed->operator_id : "an unnamed operator",
                   text != NULL ? text : "an unknown time", passed->record);
}

static gboolean
is_sha256(const char *text)
{
    return text != NULL && strlen(text) == 64 && text[strspn(text, "0123456789abcdef")] == '\0';
}

/* What the unit was there, it stays: two ids would be two things, each with a certificate that works. */
static gboolean
can_take_over(const KlJob *job, const KlPassedElsewhere *passed, GError **error)
{
    const char *id = job->state->device_id;
    if (!kl_device_id_valid(passed->device_id) || !is_sha256(passed->certificate))
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "record %s of station '%s' names no device id and certificate",
                       passed->record, passed->station);
    if (id != NULL && !g_str_equal(id, passed->device_id))
        return kl_fail(error, KL_ERROR_CLOUD_CONFLICT,
                       "station '%s' has passed the unit as %s, here it was given %s: re-provision it there",
                       passed->station, passed->device_id, id);
    kl_transcript_note(job->transcript, "station '%s' has passed it as %s, certificate %s", passed->station,
                       passed->device_id, passed->certificate);
    return TRUE;
}

/* During an outage the answer is known: none. That rows wait need not be one. */
static gboolean
is_away(const KlJob *job)
{
    return job->bench->outbox != NULL && !kl_outbox_answers(job->bench->outbox);
}

gboolean
kl_job_check_elsewhere(KlJob *job, KlOp *op, GError **error)
{
    g_autoptr(KlPassedElsewhere) passed = NULL;
    g_autoptr(GError) failure = NULL;
    /* A unit that passed here, and is only checked, is not asked about. */
    if (job->bench->sink == NULL || (job->state->provisioned && !kl_job_replaces(job)))
        return TRUE;
    if (!must_know(job) && is_away(job)) {
        kl_transcript_note(job->transcript, "other stations are not asked: the cloud is away");
        return TRUE;
    }
    if (!ask_elsewhere(job, &passed, op, &failure)) {
        if (must_know(job) || kl_error_code(failure) == KL_ERROR_CANCELLED) {
            g_propagate_prefixed_error(error, g_steal_pointer(&failure), "what other stations did is not known: ");
            return FALSE;
        }
        kl_transcript_note(job->transcript, "what other stations did is not known: %s: %s",
                           kl_error_name(kl_error_code(failure)), failure->message);
        return TRUE;
    }
    if (passed == NULL)
        return TRUE;
    if (!kl_job_replaces(job))
        return fail_passed(passed, error);
    if (!can_take_over(job, passed, error))
        return FALSE;
    g_clear_pointer(&job->elsewhere, kl_passed_elsewhere_free);
    job->elsewhere = g_steal_pointer(&passed);
    return TRUE;
}

/* Before the new certificate is in the ledger, so that a crash between the two forgets nothing. */
gboolean
kl_job_replace_elsewhere(KlJob *job, const KlCertificate *certificate, GError **error)
{
    const KlRecord *record = job->record;
    const KlPassedElsewhere *elsewhere = job->elsewhere;
    if (elsewhere == NULL || g_str_equal(elsewhere->certificate, certificate->sha256))
        return TRUE;
    return KL_JOB_STORE(job, replaces_elsewhere, record->id, elsewhere->certificate, elsewhere->device_id,
                        record->reprovision_reason, error);
}
