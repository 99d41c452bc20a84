/* Steps that find out which unit stands in the slot, and whether it may be worked on. */
#include "station/job_steps.h"

gboolean
kl_step_connect(KlJob *job, KlOp *op, GError **error)
{
    return kl_job_connect(job, op, error);
}

gboolean
kl_step_identify(KlJob *job, KlOp *op, GError **error)
{
    if (!kl_job_ensure_connected(job, op, error))
        return FALSE;
    g_autoptr(KlUnit) unit = job->bench->driver->identify(job->device, op, error);
    if (unit == NULL) {
        kl_job_disconnect(job); /* the next attempt starts from a known state */
        return FALSE;
    }
    g_clear_pointer(&job->record->unit, kl_unit_free);
    job->record->unit = g_steal_pointer(&unit);
    job->unit_plug = job->plug;

    g_autoptr(KlEvent) event = kl_job_event(job, KL_EVENT_UNIT);
    event->unit = kl_unit_copy(job->record->unit);
    kl_job_emit(job, g_steal_pointer(&event));
    return TRUE;
}

/* The id that the profile's rule gives without asking the store, or NULL: a sequence number is needed. */
static const char *
fixed_device_id(const KlJob *job)
{
    switch (job->bench->profile->id_rule) {
    case KL_ID_FSN:
        return job->record->unit->fsn;
    case KL_ID_IMEI:
        return job->record->unit->imei;
    case KL_ID_LABEL:
        return job->record->label;
    case KL_ID_SEQUENCE:
        break;
    }
    return NULL;
}

/* Compares the label with the unit under the id that it has or would get. */
static gboolean
check_label(const KlJob *job, const char *id, GError **error)
{
    g_autoptr(KlUnit) unit = kl_unit_copy(job->record->unit);
    g_free(unit->device_id);
    unit->device_id = g_strdup(id);
    return kl_profile_check_label(job->bench->profile, unit, job->record->label, error);
}

/* A station that shares its sequence with others may just be leasing its first numbers. */
static char *
ask_device_id(KlJob *job, const KlIdRequest *request, KlOp *op, GError **error)
{
    const char *imei = job->record->unit->imei;
    g_autoptr(GError) failure = NULL;
    char *id = KL_JOB_STORE(job, device_id, imei, request, &failure);
    if (id != NULL || !request->leased || kl_error_code(failure) != KL_ERROR_IDS_EXHAUSTED) {
        if (failure != NULL)
            g_propagate_error(error, g_steal_pointer(&failure));
        return id;
    }
    return kl_job_wait_for_ids(job, op, error) ? KL_JOB_STORE(job, device_id, imei, request, error) : NULL;
}

static gboolean
give_device_id(KlJob *job, KlOp *op, GError **error)
{
    const KlProfile *profile = job->bench->profile;
    KlUnit *unit = job->record->unit;
    KlIdRequest request = {.fixed = job->elsewhere != NULL ? job->elsewhere->device_id : fixed_device_id(job)};
    if (profile->id_rule == KL_ID_SEQUENCE && job->elsewhere == NULL) {
        request.leased = job->bench->outbox != NULL;
        /* In the station's own numbering, which is the product's, an id that is taken is passed over. */
        request.sequence = request.leased ? profile->id_sequence : profile->name;
        request.pattern = profile->id_pattern;
    } else if (job->state->device_id == NULL && !kl_device_id_valid(request.fixed)) {
        return kl_fail(error, KL_ERROR_LABEL_FORMAT, "'%s' can't be a device id", request.fixed);
    }
    g_autofree char *id = ask_device_id(job, &request, op, error);
    if (id == NULL)
        return FALSE;
    g_free(unit->device_id);
    unit->device_id = g_steal_pointer(&id);
    return TRUE;
}

/* A wish to re-provision begins anew, whatever was begun before. An open intent means that an earlier job was broken
 * off in the middle of it: it goes on. */
static gboolean
decide_way(KlJob *job, GError **error)
{
    KlUnitState *state = job->state;
    KlRecord *record = job->record;
    const char *reason = record->reprovision_reason;

    job->reprovision = kl_job_replaces(job);
    if (reason != NULL) {
        if (!KL_JOB_STORE(job, intent, record->id, record->unit->imei, KL_INTENT_REPROVISION, reason, error))
            return FALSE;
        g_ptr_array_set_size(state->keys, 0); /* the intent retired them, and gave up what was begun for them */
        state->key_pending = FALSE;
        g_clear_pointer(&state->issue_job, g_free);
        state->provisioned = FALSE;
    } else {
        record->reprovision_reason = g_strdup(state->reprovision_reason);
    }
    record->already_provisioned = state->provisioned && !job->reprovision;
    record->resumed = !state->provisioned && !job->reprovision &&
                      (state->keys->len > 0 || state->key_pending || state->certificate != NULL);
    return TRUE;
}

static gboolean
key_known(const KlJob *job, const char *spki_sha256)
{
    return g_ptr_array_find_with_equal_func(job->state->keys, spki_sha256, g_str_equal, NULL);
}

static gboolean
is_certificate_key(const KlJob *job, const char *spki_sha256)
{
    const KlCertificate *certificate = job->state->certificate;
    return certificate != NULL && g_str_equal(certificate->spki_sha256, spki_sha256);
}

/* Re-provisioning takes away whatever key there is, but keeps one that it has made itself before it was broken off, and
 * a locked one that can't be taken away: that gets a new certificate. */
static gboolean
plan_replacement(KlJob *job, GError **error)
{
    const KlKeyInfo *info = &job->key;
    if (!info->exists)
        job->key_plan = KL_KEY_MAKE;
    else if (key_known(job, info->spki_sha256))
        job->key_plan = KL_KEY_KEEP;
    else if (info->locked && is_certificate_key(job, info->spki_sha256))
        job->key_plan = KL_KEY_KEEP;
    else if (info->locked)
        return kl_fail(error, KL_ERROR_REPROVISION_LOCKED, "key %s is locked", info->spki_sha256);
    else if (job->state->key_pending)
        job->key_plan = KL_KEY_ADOPT;
    else
        job->key_plan = KL_KEY_ERASE;
    return TRUE;
}

static gboolean
plan_first(KlJob *job, GError **error)
{
    const KlKeyInfo *info = &job->key;
    const KlUnitState *state = job->state;
    const char *slot = job->bench->profile->key_slot;
    /* Another certificate for a key whose first one was revoked would undo the revocation in silence. */
    if (state->certificate_revoked)
        return kl_fail(error, KL_ERROR_PROVISIONED_BROKEN, "its certificate was revoked before it had passed");
    if (!info->exists) {
        if (state->keys->len > 0)
            return kl_fail(error, KL_ERROR_KEY_LOST, "key slot '%s' is empty, but the unit made key %s", slot,
                           (const char *)g_ptr_array_index(state->keys, 0));
        job->key_plan = KL_KEY_MAKE;
    } else if (key_known(job, info->spki_sha256)) {
        job->key_plan = KL_KEY_KEEP;
    } else if (info->locked) {
        return kl_fail(error, KL_ERROR_UNIT_LOCKED, "key slot '%s' is locked with unknown key %s", slot,
                       info->spki_sha256);
    } else if (state->key_pending) {
        job->key_plan = KL_KEY_ADOPT;
    } else {
        return kl_fail(error, KL_ERROR_KEY_SLOT_USED, "key slot '%s' holds unknown key %s", slot, info->spki_sha256);
    }
    return TRUE;
}

/* A provisioned unit has to hold exactly the key that its live certificate is for, and hold it as the product now asks.
 */
static gboolean
plan_verification(KlJob *job, GError **error)
{
    const KlKeyInfo *info = &job->key;
    const KlProfile *profile = job->bench->profile;
    if (job->state->certificate == NULL)
        return kl_fail(error, KL_ERROR_PROVISIONED_BROKEN, "%s",
                       job->state->certificate_revoked ? "its certificate was revoked" : "it has no live certificate");
    if (!info->exists || !is_certificate_key(job, info->spki_sha256))
        return kl_fail(error, KL_ERROR_PROVISIONED_BROKEN, "its certificate is for key %s, the unit holds %s",
                       job->state->certificate->spki_sha256, info->exists ? info->spki_sha256 : "none");
    if (!g_strv_contains((const char *const *)profile->key_backends, info->backend))
        return kl_fail(error, KL_ERROR_PROVISIONED_BROKEN, "its key is in the '%s' keystore", info->backend);
    if (profile->lock && !info->locked)
        return kl_fail(error, KL_ERROR_PROVISIONED_BROKEN, "its key is not locked");
    job->key_plan = KL_KEY_KEEP;
    return TRUE;
}

gboolean
kl_job_plan_key(KlJob *job, KlOp *op, GError **error)
{
    kl_key_info_clear(&job->key);
    if (!job->bench->driver->key_status(job->device, job->bench->profile->key_slot, &job->key, op, error))
        return FALSE;
    if (kl_job_verifies_only(job))
        return plan_verification(job, error);
    return job->reprovision ? plan_replacement(job, error) : plan_first(job, error);
}

/* A certificate from the ledger is used again when an earlier job got it for the key that the unit still holds. */
static void
take_certificate_from_ledger(KlJob *job)
{
    job->certificate_from_ledger =
        !job->reprovision && job->key_plan == KL_KEY_KEEP && is_certificate_key(job, job->key.spki_sha256);
    if (!job->certificate_from_ledger)
        return;
    g_clear_pointer(&job->certificate, kl_certificate_free);
    job->certificate = kl_certificate_copy(job->state->certificate);
    g_free(job->record->certificate_sha256);
    job->record->certificate_sha256 = g_strdup(job->certificate->sha256);
}

/* What is known of the unit, read once: later attempts at this step keep what the first one has found. */
static gboolean
claim(KlJob *job, KlOp *op, GError **error)
{
    const KlUnit *unit = job->record->unit;
    if (job->state != NULL)
        return TRUE;
    /* First here, so that another slot with the same IMEI is stopped too when the store knows better. */
    kl_job_take_claim(job);
    if (!kl_job_await_claim(job, op, error))
        return FALSE;
    KlUnitState *state = KL_JOB_STORE(job, unit_claim, job->record->id, unit, error);
    if (state == NULL)
        return FALSE;
    job->state = state;
    return TRUE;
}

/* Decided and journalled once. The label is looked at before an id is given away for good, and again with the one that
 * was given; so is what other stations did: one of them may have given the unit its id. */
static gboolean
settle(KlJob *job, KlOp *op, GError **error)
{
    const KlUnitState *state = job->state;
    if (job->settled)
        return TRUE;
    const char *id = state->device_id != NULL ? state->device_id : fixed_device_id(job);
    job->settled = check_label(job, id, error) && kl_job_check_elsewhere(job, op, error) &&
                   give_device_id(job, op, error) && check_label(job, job->record->unit->device_id, error) &&
                   decide_way(job, error);
    return job->settled;
}

gboolean
kl_step_precheck(KlJob *job, KlOp *op, GError **error)
{
    /* First of all, and for units that are only checked, too: with a CA that can't serve, the trouble is not theirs. */
    if (!kl_job_self_test(job, op, error))
        return FALSE;
    if (!kl_profile_accepts(job->bench->profile, job->record->unit, error) || !claim(job, op, error))
        return FALSE;
    if (!settle(job, op, error) || !kl_job_check_claim(job, error))
        return FALSE;
    if (!kl_job_ensure_connected(job, op, error) || !kl_job_reset_rehearsal(job, op, error) ||
        !kl_job_plan_key(job, op, error))
        return FALSE;
    take_certificate_from_ledger(job);
    return TRUE;
}
