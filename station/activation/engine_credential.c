/* A device's one certificate: claimed, issued, kept, and from then on the same for every request. */
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
    if (certificate == NULL ||
        !pki->klass->verify_issued(pki, certificate, request->csr->spki_sha256, request->profile, request->unit,
                                   request->now, error) ||
        !enroll(signer, request, certificate, op, error))
        return NULL;
    return g_steal_pointer(&certificate);
}

static char *
issue_claimed(const KlActivationEngine *engine, const char *device, const KlActivationCredential *claimed,
              gint64 now_us, KlOp *op, GError **error)
{
    KlPki *pki = engine->parts.pki;
    const KlUnit unit = {.device_id = (char *)device};
    g_autoptr(KlCsr) csr = pki->klass->check_csr(pki, claimed->csr, engine->parts.profile, device, error);
    if (csr == NULL)
        return NULL;
    g_autofree char *job = g_strndup(csr->sha256, JOB_LENGTH);
    const KlIssueRequest request = {.csr = csr,
                                    .profile = engine->parts.profile,
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
    return table->klass->issued(table, device, claimed->csr, pem, &kept, op, error) ? kept : NULL;
}

char *
kl_activation_credential(const KlActivationEngine *engine, const char *device, GBytes *csr, KlOp *op, GError **error)
{
    KlActivationTable *table = engine->parts.table;
    gint64 now_us = g_get_real_time();
    g_autofree char *claimant = g_uuid_string_random();
    g_auto(KlActivationCredential) credential = {0};
    if (!table->klass->claim(table, device, claimant, csr, now_us, &credential, op, error))
        return NULL;
    if (credential.pem != NULL)
        return g_steal_pointer(&credential.pem);
    if (!credential.mine) {
        kl_fail(error, KL_ERROR_ACTIVATION_BUSY, "somebody else gets the certificate of %s issued", device);
        return NULL;
    }
    char *pem = issue_claimed(engine, device, &credential, now_us, op, error);
    /* Should it fail, the claim ends by itself a little later. */
    if (pem == NULL)
        table->klass->release(table, device, claimant, op, NULL);
    return pem;
}
