/* Steps that bring the certificate onto the unit, prove it there, lock it and keep the record. */
#include <openssl/rand.h>
#include <string.h>

#include "station/job_steps.h"
#include "station/registration.h"

/* What the unit has to hold in the end: name and content. */
typedef struct {
    const char *name;
    GBytes *data;
} Item;

static void
clear_item(gpointer item)
{
    g_bytes_unref(((Item *)item)->data);
}

static void
add_text(GArray *items, const char *name, char *text)
{
    Item item = {name, g_bytes_new_take(text, strlen(text))};
    g_array_append_val(items, item);
}

/* The endpoint and the parameters of a unit that was provisioned before may have been changed by its first boot: they
 * are not compared then. */
static GArray *
wanted_items(const KlJob *job)
{
    const KlProfile *profile = job->bench->profile;
    GArray *items = g_array_new(FALSE, FALSE, sizeof(Item));
    g_array_set_clear_func(items, clear_item);
    add_text(items, "certificate", kl_certificate_pem(job->certificate));
    if (*job->certificate->chain_pem != '\0') /* Amazon's own certificates have none */
        add_text(items, "chain", g_strdup(job->certificate->chain_pem));
    if (profile->trust != NULL)
        add_text(items, "trust", g_strdup(profile->trust));
    if (!kl_job_verifies_only(job)) {
        g_autoptr(KlRegistration) row = kl_registration_new(profile, job->record->unit->device_id);
        add_text(items, "endpoint", g_strdup(job->endpoint != NULL ? job->endpoint : profile->endpoint));
        add_text(items, "parameters", g_strdup(row->parameters));
    }
    return items;
}

gboolean
kl_step_install(KlJob *job, KlOp *op, GError **error)
{
    g_autoptr(GArray) items = wanted_items(job);
    if (!kl_job_same_unit(job, op, error))
        return FALSE;
    for (guint i = 0; i < items->len; i++) {
        const Item *item = &g_array_index(items, Item, i);
        if (!job->bench->driver->install(job->device, item->name, item->data, op, error))
            return FALSE;
        kl_op_progress(op, (i + 1.0) / items->len);
    }
    return TRUE;
}

static const KlItemInfo *
find_info(GPtrArray *infos, const char *name)
{
    for (guint i = 0; i < infos->len; i++) {
        const KlItemInfo *info = g_ptr_array_index(infos, i);
        if (g_str_equal(info->name, name))
            return info;
    }
    return NULL;
}

static gboolean
check_item(GPtrArray *infos, const Item *item, GError **error)
{
    const KlItemInfo *info = find_info(infos, item->name);
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, item->data);
    gsize length = g_bytes_get_size(item->data);
    if (info == NULL)
        return kl_fail(error, KL_ERROR_READBACK_MISMATCH, "the unit stores no %s", item->name);
    if (info->length != length || !g_str_equal(info->sha256, sha256))
        return kl_fail(error, KL_ERROR_READBACK_MISMATCH,
                       "%s: sent %" G_GSIZE_FORMAT " bytes, %s; stored %" G_GSIZE_FORMAT " bytes, %s", item->name,
                       length, sha256, info->length, info->sha256);
    return TRUE;
}

gboolean
kl_job_check_items(const KlJob *job, GPtrArray *infos, const char **wrong, GError **error)
{
    g_autoptr(GArray) items = wanted_items(job);
    for (guint i = 0; i < items->len; i++) {
        const Item *item = &g_array_index(items, Item, i);
        *wrong = item->name;
        if (!check_item(infos, item, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_items(KlJob *job, KlOp *op, GError **error)
{
    const char *wrong;
    g_autoptr(GPtrArray) infos = job->bench->driver->read_back(job->device, op, error);
    return infos != NULL && kl_job_check_items(job, infos, &wrong, error);
}

/* The module signs a fresh nonce; the answer is checked with the key in the certificate, not with what the module said.
 */
static gboolean
check_proof(KlJob *job, KlOp *op, GError **error)
{
    const KlBench *bench = job->bench;
    guint8 nonce[KL_NONCE_SIZE];
    if (RAND_bytes(nonce, sizeof nonce) != 1)
        return kl_fail(error, KL_ERROR_INTERNAL, "no random numbers");
    g_autoptr(GBytes) signature = bench->driver->prove(job->device, bench->profile->key_slot, nonce, op, error);
    return signature != NULL && bench->pki->klass->verify_proof(bench->pki, job->certificate, nonce,
                                                                job->record->unit->imei, signature, error);
}

static gboolean
check_certificate(KlJob *job, GError **error)
{
    const KlBench *bench = job->bench;
    return bench->pki->klass->verify_issued(bench->pki, job->certificate, job->key.spki_sha256, bench->profile,
                                            job->record->unit, g_get_real_time() / G_USEC_PER_SEC, error);
}

/* A unit that was provisioned earlier and fails a check is broken; a cable that fails is only a cable. */
static void
blame_unit(GError **error)
{
    g_autoptr(GError) failure = g_steal_pointer(error);
    kl_fail(error, KL_ERROR_PROVISIONED_BROKEN, "%s: %s", kl_error_name(kl_error_code(failure)), failure->message);
}

gboolean
kl_step_verify(KlJob *job, KlOp *op, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (!kl_job_ensure_connected(job, op, error))
        return FALSE;
    if (check_items(job, op, &failure) && check_certificate(job, &failure) && check_proof(job, op, &failure))
        return TRUE;
    KlErrorCode code = kl_error_code(failure);
    if (kl_job_verifies_only(job) && (kl_error_kind(code) == KL_ERROR_KIND_UNIT || code == KL_ERROR_ISSUED_WRONG))
        blame_unit(&failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* The unit's word that it has locked the key is not enough: it is asked how the key is now. */
gboolean
kl_step_lock(KlJob *job, KlOp *op, GError **error)
{
    const KlDriver *driver = job->bench->driver;
    const char *slot = job->bench->profile->key_slot;
    g_auto(KlKeyInfo) now = {0};
    if (!KL_JOB_STORE(job, intent, job->record->id, job->record->unit->imei, KL_INTENT_LOCK, slot, error))
        return FALSE;
    if (!kl_job_same_unit(job, op, error) || !driver->lock(job->device, slot, op, error) ||
        !driver->key_status(job->device, slot, &now, op, error))
        return FALSE;
    if (!now.exists || !now.locked || !g_str_equal(now.spki_sha256, job->key.spki_sha256))
        return kl_fail(error, KL_ERROR_READBACK_MISMATCH, "key slot '%s' was locked, and now has %s", slot,
                       !now.exists  ? "no key"
                       : now.locked ? "another key"
                                    : "a key that is not locked");
    return TRUE;
}

gboolean
kl_step_disconnect(KlJob *job, KlOp *op, GError **error)
{
    kl_job_leave_rehearsal(job);
    kl_job_disconnect(job);
    kl_job_settle_plug(job);
    return TRUE;
}

void
kl_job_settle(KlJob *job)
{
    KlRecord *record = job->record;
    record->ended_us = g_get_real_time();
    g_clear_pointer(&record->code, g_free);
    g_clear_pointer(&record->detail, g_free);
    record->outcome = KL_OUTCOME_PASS;
    if (job->failure != NULL) {
        KlErrorCode code = kl_error_code(job->failure);
        record->outcome = kl_outcome_of(code);
        record->code = g_strdup(kl_error_name(code));
        record->detail = g_strdup(job->failure->message);
        record->row_queued = FALSE; /* it is said of a PASS */
    }
}

/* The verdict exists only once it is committed. When it can't be kept, the station is at fault, whatever became of the
 * unit: that is what the operator sees and what stops the line, and it is kept in the verdict's place if the disk lets
 * us. */
gboolean
kl_step_record(KlJob *job, KlOp *op, GError **error)
{
    KlRecord *record = job->record;
    if (job->failure == NULL && !kl_job_check_claim(job, &job->failure))
        kl_transcript_note(job->transcript, "%s", job->failure->message);
    kl_job_settle(job);
    g_free(record->transcript);
    record->transcript = kl_transcript_text(job->transcript);

    g_autoptr(GError) failure = NULL;
    if (KL_JOB_STORE(job, job_end, record, &failure)) {
        if (job->bench->outbox != NULL)
            kl_outbox_poke(job->bench->outbox);
        return TRUE;
    }
    g_warning("job %s: the record could not be kept: %s", record->id, failure->message);
    g_prefix_error(&failure, "%s: ", record->code != NULL ? record->code : kl_outcome_name(record->outcome));
    g_clear_error(&job->failure);
    job->failure = g_error_copy(failure);
    kl_job_settle(job);
    (void)KL_JOB_STORE(job, job_end, record, NULL);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}
