/* A device's one certificate: claimed, issued, kept, and from then on the same for every request. A key that is made
 * here is in the answer that brings a new certificate, and nowhere else: whoever asks later gets none. */
#include <string.h>

#include "station/activation/engine_private.h"
#include "station/error.h"

#define JOB_LENGTH 36 /* characters, like a UUID: what signers take for a token */

gboolean
kl_activation_check_csr(const KlActivationEngine *engine, const char *device, GBytes *der, GError **error)
{
    KlPki *pki = engine->parts.pki;
    g_autoptr(KlCsr) csr = pki->klass->check_csr(pki, der, engine->parts.profile, device, error);
    return csr != NULL;
}

gboolean
kl_activation_policy_fits(const KlActivationEngine *engine, const KlRegistration *row)
{
    return engine->parts.policy == NULL || g_strcmp0(row->policy, engine->parts.policy) == 0;
}

/* Makes the certificate known to the cloud and lets it be used, where the signer has one. Both are idempotent. */
static gboolean
enroll(KlSigner *signer, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op, GError **error)
{
    return (signer->klass->enroll == NULL || signer->klass->enroll(signer, request, certificate, op, error)) &&
           (signer->klass->activate == NULL || signer->klass->activate(signer, certificate, op, error));
}

/* first: nobody has tried before, so that no certificate can be lost with the signer. */
static KlCertificate *
issue(const KlActivationEngine *engine, const KlIssueRequest *request, gboolean first, KlOp *op, GError **error)
{
    KlSigner *signer = engine->parts.signer;
    KlPki *pki = engine->parts.pki;
    g_autoptr(KlCertificate) certificate = NULL;
    if (!first && !signer->klass->lookup(signer, request, &certificate, op, error))
        return NULL;
    if (certificate == NULL)
        certificate = signer->klass->issue(signer, request, op, error);
    gint64 now = g_get_real_time() / G_USEC_PER_SEC; /* not before the certificate was made */
    if (certificate == NULL ||
        !pki->klass->verify_issued(pki, certificate, request->csr->spki_sha256, request->profile, request->unit, now,
                                   error) ||
        !enroll(signer, request, certificate, op, error))
        return NULL;
    return g_steal_pointer(&certificate);
}

static char *
issue_claimed(const KlActivationEngine *engine, const KlRegistration *row, const KlActivationCredential *claimed,
              gint64 now_us, KlOp *op, GError **error)
{
    KlPki *pki = engine->parts.pki;
    KlProfile profile = *engine->parts.profile;
    profile.policy = row->policy;
    const KlUnit unit = {.device_id = row->device};
    g_autoptr(KlCsr) csr = pki->klass->check_csr(pki, claimed->csr, &profile, row->device, error);
    if (csr == NULL)
        return NULL;
    g_autofree char *job = g_strndup(csr->sha256, JOB_LENGTH);
    const KlIssueRequest request = {.csr = csr,
                                    .profile = &profile,
                                    .unit = &unit,
                                    .job = job,
                                    .now = now_us / G_USEC_PER_SEC,
                                    .since = claimed->since_us / G_USEC_PER_SEC};
    g_autoptr(KlCertificate) certificate = issue(engine, &request, claimed->since_us == now_us, op, error);
    if (certificate == NULL)
        return NULL;
    KlActivationTable *table = engine->parts.table;
    g_autofree char *own = kl_certificate_pem(certificate);
    g_autofree char *pem = g_strconcat(own, certificate->chain_pem, NULL);
    char *kept = NULL;
    return table->klass->issued(table, row->device, claimed->csr, pem, &kept, op, error) ? kept : NULL;
}

/* The certificate with its issuers behind it, PEM: the one that the device got before, or a new one, with the row's
 * policy. The caller frees it. */
static char *
get_certificate(const KlActivationEngine *engine, const KlRegistration *row, const KlActivationClaim *claim,
                gboolean *is_new, KlOp *op, GError **error)
{
    KlActivationTable *table = engine->parts.table;
    g_auto(KlActivationCredential) credential = {0};
    if (!table->klass->claim(table, claim, &credential, op, error))
        return NULL;
    *is_new = credential.pem == NULL;
    if (credential.pem != NULL)
        return g_steal_pointer(&credential.pem);
    if (!credential.mine) {
        kl_fail(error, KL_ERROR_ACTIVATION_BUSY, "somebody else gets the certificate of %s issued", row->device);
        return NULL;
    }
    char *pem = issue_claimed(engine, row, &credential, claim->now_us, op, error);
    /* Should it fail, the claim ends by itself a little later. */
    if (pem == NULL)
        table->klass->release(table, row->device, claim->claimant, op, NULL);
    return pem;
}

/* Certificate and key, before all else, as in the seed. */
static void
put_first(KlActivation *answer, const char *pem, GBytes *key)
{
    g_autoptr(GPtrArray) rest = g_steal_pointer(&answer->publications);
    answer->publications = kl_publications_new();
    kl_publications_add(answer->publications, kl_topic_credential(answer->device, "certificate"), pem, strlen(pem));
    if (key != NULL)
        kl_publications_add_bytes(answer->publications, kl_topic_credential(answer->device, "key"), key);
    g_ptr_array_extend_and_steal(answer->publications, g_steal_pointer(&rest));
}

gboolean
kl_activation_add_credential(const KlActivationEngine *engine, const KlRegistration *row, KlActivation *answer,
                             KlOp *op, GError **error)
{
    KlPki *pki = engine->parts.pki;
    gboolean is_new = FALSE;
    g_autofree char *claimant = g_uuid_string_random();
    g_autoptr(GBytes) csr = answer->csr != NULL ? g_bytes_ref(answer->csr) : NULL;
    g_autoptr(GBytes) key = answer->make_key ? pki->klass->make_key(pki, row->device, &csr, error) : NULL;
    if (csr == NULL)
        return FALSE;
    const KlActivationClaim claim = {row->device, claimant, csr, answer->make_key, g_get_real_time()};
    g_autofree char *pem = get_certificate(engine, row, &claim, &is_new, op, error);
    if (pem == NULL)
        return FALSE;
    answer->key_gone = answer->make_key && !is_new;
    put_first(answer, pem, is_new ? key : NULL);
    return TRUE;
}
