/* The rehearsal of a unit's first boot: it has to come through it here, message by message, and be afterwards as it was
 * before. A unit that has begun its first boot in the field is never touched. */
#include <string.h>

#include "station/job_steps.h"
#include "station/registration.h"

/* How long nothing may come before the unit is asked how far it is: each answer stays in the record. Sooner when all
 * that it had to send has come. */
#define LISTEN_MS 500
#define AGAIN_MS 20
/* What is left of the step's time for making the unit fresh again. */
#define RESET_US (20 * G_USEC_PER_SEC)
#define SECONDS_PER_HOUR 3600

/* What a unit's own word for its trouble means for the job. */
static const KlErrorCode trouble_codes[] = {
    [KL_BOOT_FINE] = KL_ERROR_REHEARSAL_SILENT,           [KL_BOOT_UNREACHABLE] = KL_ERROR_REHEARSAL_UNREACHABLE,
    [KL_BOOT_WRONG_NAME] = KL_ERROR_REHEARSAL_ENDPOINT,   [KL_BOOT_UNTRUSTED] = KL_ERROR_REHEARSAL_TRUST,
    [KL_BOOT_CLOCK] = KL_ERROR_REHEARSAL_CLOCK,           [KL_BOOT_REFUSED] = KL_ERROR_REHEARSAL_CERTIFICATE,
    [KL_BOOT_NO_ANSWER] = KL_ERROR_REHEARSAL_SILENT,      [KL_BOOT_BAD_PARAMETERS] = KL_ERROR_REHEARSAL_PARAMETERS,
    [KL_BOOT_BAD_SOFTWARE] = KL_ERROR_REHEARSAL_SOFTWARE, [KL_BOOT_NOT_APPLIED] = KL_ERROR_REHEARSAL_SOFTWARE,
    [KL_BOOT_INCOMPLETE] = KL_ERROR_READBACK_MISMATCH,    [KL_BOOT_OTHER] = KL_ERROR_REHEARSAL_SILENT,
};

static const char *const trouble_words[] = {
    [KL_BOOT_FINE] = "no trouble",
    [KL_BOOT_UNREACHABLE] = "nobody answers at the broker's address",
    [KL_BOOT_WRONG_NAME] = "the broker has another name than its endpoint",
    [KL_BOOT_UNTRUSTED] = "the broker is not the one that it was told of",
    [KL_BOOT_CLOCK] = "by its clock, the broker's certificate is not valid",
    [KL_BOOT_REFUSED] = "the broker does not take it",
    [KL_BOOT_NO_ANSWER] = "no answer came",
    [KL_BOOT_BAD_PARAMETERS] = "its parameters are of no use to it",
    [KL_BOOT_BAD_SOFTWARE] = "its software is not what was said of it",
    [KL_BOOT_NOT_APPLIED] = "its software could not be applied",
    [KL_BOOT_INCOMPLETE] = "it misses its certificate, endpoint or trust",
    [KL_BOOT_OTHER] = "a trouble of its own",
};

static const char *const state_words[] = {
    [KL_BOOT_FRESH] = "fresh",         [KL_BOOT_CONNECTING] = "connecting", [KL_BOOT_REQUESTED] = "requested",
    [KL_BOOT_CONFIRMED] = "confirmed", [KL_BOOT_UPDATING] = "updating",     [KL_BOOT_ACTIVE] = "active",
    [KL_BOOT_FAILED] = "failed",
};

/* --- the unit as it was --- */

/* Begun by somebody else than a station: in the field, or on its way there. */
static gboolean
has_begun(const KlBootInfo *info)
{
    return !info->rehearsal && info->state != KL_BOOT_FRESH;
}

/* Asked right before, so that nothing but a rehearsal is ever reset. */
static gboolean
reset(KlJob *job, KlOp *op, GError **error)
{
    const KlDriver *driver = job->bench->driver;
    g_auto(KlBootInfo) info = {0}, after = {0};
    if (!driver->boot_status(job->device, &info, op, error))
        return FALSE;
    if (has_begun(&info))
        return kl_fail(error, KL_ERROR_REHEARSAL_BEGUN, "its first boot is %s, and no rehearsal",
                       state_words[info.state]);
    if (info.rehearsal &&
        (!driver->boot_reset(job->device, op, error) || !driver->boot_status(job->device, &after, op, error)))
        return FALSE;
    if (info.rehearsal && (after.rehearsal || after.state != KL_BOOT_FRESH))
        return kl_fail(error, KL_ERROR_REHEARSAL_STUCK, "it was reset, and is %s", state_words[after.state]);
    job->rehearsing = FALSE;
    return TRUE;
}

gboolean
kl_job_reset_rehearsal(KlJob *job, KlOp *op, GError **error)
{
    g_auto(KlBootInfo) info = {0};
    if (!job->bench->profile->rehearse)
        return TRUE;
    if (!job->bench->driver->boot_status(job->device, &info, op, error))
        return FALSE;
    if (!info.rehearsal)
        return TRUE;
    kl_transcript_note(job->transcript, "a rehearsal of its first boot was left behind (%s): it is reset",
                       state_words[info.state]);
    return reset(job, op, error);
}

void
kl_job_leave_rehearsal(KlJob *job)
{
    g_autoptr(GError) trouble = NULL;
    KlOp op = {.deadline_us = g_get_monotonic_time() + RESET_US, .transcript = job->transcript};
    if (job->rehearsing && job->device != NULL && !reset(job, &op, &trouble))
        kl_transcript_note(job->transcript, "its rehearsal is not undone: %s: %s",
                           kl_error_name(kl_error_code(trouble)), trouble->message);
}

/* --- what the unit holds --- */

static gboolean
same_items(GPtrArray *before, GPtrArray *after)
{
    gboolean same = before->len == after->len;
    for (guint i = 0; same && i < before->len; i++) {
        const KlItemInfo *a = g_ptr_array_index(before, i), *b = g_ptr_array_index(after, i);
        same = g_str_equal(a->name, b->name) && a->length == b->length && g_str_equal(a->sha256, b->sha256);
    }
    return same;
}

/* What first boot needs has to be there, and be what was given to it; each item that is not has a word of its own. */
static GPtrArray *
read_items(KlJob *job, KlOp *op, GError **error)
{
    static const struct {
        const char *item;
        KlErrorCode code;
    } codes[] = {
        {"certificate", KL_ERROR_REHEARSAL_CERTIFICATE},
        {"chain", KL_ERROR_REHEARSAL_TRUST},
        {"trust", KL_ERROR_REHEARSAL_TRUST},
        {"endpoint", KL_ERROR_REHEARSAL_ENDPOINT},
        {"parameters", KL_ERROR_REHEARSAL_PARAMETERS},
    };
    g_autoptr(GPtrArray) infos = job->bench->driver->read_back(job->device, op, error);
    g_autoptr(GError) failure = NULL;
    const char *wrong = NULL;
    if (infos == NULL)
        return NULL;
    if (kl_job_check_items(job, infos, &wrong, &failure))
        return g_steal_pointer(&infos);
    KlErrorCode code = KL_ERROR_READBACK_MISMATCH;
    for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
        code = g_str_equal(codes[i].item, wrong) ? codes[i].code : code;
    kl_fail(error, code, "%s", failure->message);
    return NULL;
}

/* --- the rehearsal itself --- */

static gboolean
check_clock(const KlJob *job, const KlBootInfo *info, GError **error)
{
    gint64 now_s = g_get_real_time() / G_USEC_PER_SEC;
    gint64 hours = job->bench->profile->rehearsal_clock_hours;
    gint64 off_s = ABS(info->clock_s - now_s);
    return hours == 0 || off_s <= hours * SECONDS_PER_HOUR ||
           kl_fail(error, KL_ERROR_REHEARSAL_CLOCK,
                   "the unit's clock is %" G_GINT64_FORMAT " s %s the station's; %" G_GINT64_FORMAT
                   " hours are allowed",
                   off_s, info->clock_s < now_s ? "behind" : "ahead of", hours);
}

/* In a rehearsal the broker is one that the unit was told of: by which name it would look for its own, and whom it
 * would trust there, it says beforehand. A unit that can't say has nothing to look for, or to trust. */
static gboolean
check_self(const KlJob *job, const KlBootInfo *info, const char *endpoint, GError **error)
{
    const char *trust = job->bench->profile->trust != NULL ? job->bench->profile->trust : job->certificate->chain_pem;
    g_autofree char *trust_sha256 = g_compute_checksum_for_string(G_CHECKSUM_SHA256, trust, -1);
    gsize length = strlen(endpoint);
    if (info->endpoint == NULL || info->trust_sha256 == NULL)
        return kl_fail(error, KL_ERROR_READBACK_MISMATCH, "it does not say %s",
                       info->endpoint == NULL ? "which broker it would look for"
                                              : "whom it would trust for its broker");
    if (strncmp(info->endpoint, endpoint, length) != 0 || info->endpoint[length] != ':')
        return kl_fail(error, KL_ERROR_REHEARSAL_ENDPOINT, "it would look for %s, not for %s", info->endpoint,
                       endpoint);
    return g_str_equal(info->trust_sha256, trust_sha256) ||
           kl_fail(error, KL_ERROR_REHEARSAL_TRUST, "it would trust %s, not %s", info->trust_sha256, trust_sha256);
}

/* The unit has given up, and says why. */
static gboolean
fail_of(const KlBootInfo *info, const KlRehearsalRun *run, GError **error)
{
    return kl_fail(error, trouble_codes[info->trouble], "the unit says: %s%s%s; what did not come: %s",
                   trouble_words[info->trouble], info->detail != NULL ? ": " : "",
                   info->detail != NULL ? info->detail : "", run->missing != NULL ? run->missing : "nothing");
}

/* A unit that was seen to be done has to say so, too. */
static gboolean
ask_unit(KlJob *job, const KlRehearsalRun *run, gboolean *done, KlOp *op, GError **error)
{
    g_auto(KlBootInfo) info = {0};
    if (!job->bench->driver->boot_status(job->device, &info, op, error))
        return FALSE;
    if (!info.rehearsal)
        return kl_fail(error, KL_ERROR_REHEARSAL_MISMATCH, "the unit says that it is in no rehearsal, but %s",
                       state_words[info.state]);
    if (info.state == KL_BOOT_FAILED)
        return fail_of(&info, run, error);
    *done = run->missing == NULL && info.state == KL_BOOT_ACTIVE;
    return TRUE;
}

/* Listens, and asks the unit when there is nothing to hear; until all has come and the unit says the same. */
static gboolean
attend(KlJob *job, KlRehearsalRun *run, guint *messages, KlOp *op, GError **error)
{
    KlRehearsal *rehearsal = job->bench->rehearsal;
    for (gboolean done = FALSE; !done;) {
        g_autofree char *note = NULL;
        guint wait_ms = run->missing != NULL ? LISTEN_MS : AGAIN_MS;
        KlRehearsalTurn turn = rehearsal->klass->next(rehearsal, run, wait_ms, op->cancel, &note, error);
        if (note != NULL)
            kl_transcript_note(job->transcript, "first boot: %s", note);
        if (turn == KL_REHEARSAL_WRONG)
            return FALSE;
        *messages += turn == KL_REHEARSAL_HEARD;
        if (turn == KL_REHEARSAL_HEARD && run->missing != NULL)
            continue;
        if (!kl_op_check(op, error) || !ask_unit(job, run, &done, op, error))
            return FALSE;
    }
    return TRUE;
}

/* How far it came, when its time was up. */
static void
say_silent(const KlRehearsalRun *run, GError **error)
{
    if (error == NULL || !g_error_matches(*error, KL_ERROR, KL_ERROR_STEP_TIMEOUT))
        return;
    g_clear_error(error);
    kl_fail(error, KL_ERROR_REHEARSAL_SILENT, "its time is up; what did not come: %s",
            run->missing != NULL ? run->missing : "its own word that it is active");
}

static gboolean
run_through(KlJob *job, KlRehearsalRun *run, guint *messages, KlOp *op, GError **error)
{
    const KlProfile *profile = job->bench->profile;
    gint64 limit_us = g_get_monotonic_time() + profile->rehearsal_seconds * G_USEC_PER_SEC;
    KlOp own = *op;
    own.deadline_us = op->deadline_us != 0 ? MIN(op->deadline_us, limit_us) : limit_us;
    job->rehearsing = TRUE; /* from here on: its answer may get lost */
    gboolean ok = job->bench->driver->rehearse(job->device, run->address, run->broker_sha256, &own, error) &&
                  attend(job, run, messages, &own, error);
    op->device_us = own.device_us;
    if (!ok)
        say_silent(run, error);
    return ok;
}

/* What the unit will get in the field, as it was before any first boot. That is the product's row, unless the product
 * has changed since the unit passed. */
static KlRegistration *
own_row(KlJob *job, GError **error)
{
    const char *device = job->record->unit->device_id;
    g_autoptr(GPtrArray) rows = KL_JOB_STORE(job, registrations, device, error);
    g_autoptr(KlRegistration) row = kl_registration_new(job->bench->profile, device);
    if (rows == NULL)
        return NULL;
    if (rows->len == 0) {
        kl_fail(error, KL_ERROR_INTERNAL, "%s has no registration row", device);
        return NULL;
    }
    const KlRegistration *kept = g_ptr_array_index(rows, 0);
    g_free(row->firmware);
    g_free(row->parameters);
    row->firmware = g_strdup(kept->firmware);
    row->parameters = g_strdup(kept->parameters);
    return g_steal_pointer(&row);
}

/* The station's broker knows the topics of the product's parameters. */
static gboolean
has_products_topic(const KlJob *job, const KlRegistration *row)
{
    g_autoptr(KlRegistration) product = kl_registration_new(job->bench->profile, row->device);
    g_autofree char *topic = kl_parameters_topic(row->parameters);
    g_autofree char *wanted = kl_parameters_topic(product->parameters);
    return g_strcmp0(topic, wanted) == 0;
}

static gboolean
rehearse(KlJob *job, const char *endpoint, const KlRegistration *row, guint *messages, KlOp *op, GError **error)
{
    const KlBench *bench = job->bench;
    g_autoptr(GError) failure = NULL;
    KlRehearsalRun *run = bench->rehearsal->klass->begin(bench->rehearsal, endpoint, row, error);
    if (run == NULL)
        return FALSE;
    gboolean ok = run_through(job, run, messages, op, &failure);
    /* The unit first: what it may still send belongs to this run. */
    kl_job_leave_rehearsal(job);
    bench->rehearsal->klass->end(bench->rehearsal, run);
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&failure));
    return ok;
}

/* Nothing of it may be left, by the unit's word and by what it stores. */
static gboolean
check_as_before(KlJob *job, GPtrArray *before, KlOp *op, GError **error)
{
    if (!reset(job, op, error))
        return FALSE;
    g_autoptr(GPtrArray) after = job->bench->driver->read_back(job->device, op, error);
    return after != NULL && (same_items(before, after) ||
                             kl_fail(error, KL_ERROR_REHEARSAL_STUCK, "what it stores is not what it stored before"));
}

/* Of a unit that only has to be verified; takes why over. */
static gboolean
pass_over(KlJob *job, char *why)
{
    job->remark = g_strconcat("not rehearsed: ", why, NULL);
    kl_transcript_note(job->transcript, "%s", job->remark);
    g_free(why);
    return TRUE;
}

gboolean
kl_step_rehearse(KlJob *job, KlOp *op, GError **error)
{
    g_auto(KlBootInfo) info = {0};
    guint messages = 0;
    if (job->bench->rehearsal == NULL)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "this station can't rehearse the product's first boot; see doctor");
    if (!kl_job_same_unit(job, op, error) || !job->bench->driver->boot_status(job->device, &info, op, error))
        return FALSE;
    if (has_begun(&info) && kl_job_verifies_only(job))
        return pass_over(job,
                         g_strdup_printf("its first boot has begun in the field, and is %s", state_words[info.state]));
    g_autoptr(KlRegistration) row = own_row(job, error);
    if (row == NULL)
        return FALSE;
    if (!has_products_topic(job, row) && kl_job_verifies_only(job))
        return pass_over(job, g_strdup("since it passed, the product has got another topic"));
    gint64 from_us = g_get_monotonic_time();
    if (!reset(job, op, error) || !check_clock(job, &info, error) || !kl_job_learn_endpoint(job, op, error))
        return FALSE;
    const char *endpoint = job->endpoint != NULL ? job->endpoint : job->bench->profile->endpoint;
    g_autoptr(GPtrArray) before = read_items(job, op, error);
    if (before == NULL || !check_self(job, &info, endpoint, error) ||
        !rehearse(job, endpoint, row, &messages, op, error) || !check_as_before(job, before, op, error))
        return FALSE;
    job->remark = g_strdup_printf("rehearsed in %d ms: %u messages, each as it has to be; fresh again",
                                  (int)((g_get_monotonic_time() - from_us) / G_TIME_SPAN_MILLISECOND), messages);
    kl_transcript_note(job->transcript, "%s", job->remark);
    return TRUE;
}
