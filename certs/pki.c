#include "certs/pki.h"

#include "certs/csr.h"
#include "certs/made_key.h"
#include "certs/verify.h"

/* Never changes after it is made, so that threads share it. */
typedef struct {
    KlPki base;
    KlTrust *trust;
} Pki;

static KlCsr *
check_csr(KlPki *base, GBytes *der, const KlProfile *profile, const char *common_name, GError **error)
{
    return kl_csr_check(der, profile, common_name, error);
}

static gboolean
verify_issued(KlPki *base, const KlCertificate *certificate, const char *spki_sha256, const KlProfile *profile,
              const KlUnit *unit, gint64 now, GError **error)
{
    const Pki *pki = (const Pki *)base;
    return kl_issued_verify(pki->trust, certificate, spki_sha256, profile, unit, now, error);
}

static gboolean
verify_proof(KlPki *base, const KlCertificate *certificate, const guint8 nonce[KL_NONCE_SIZE], const char *imei,
             GBytes *signature, GError **error)
{
    return kl_proof_verify(certificate, nonce, imei, signature, error);
}

static GBytes *
make_key(KlPki *base, const char *common_name, GBytes **csr, GError **error)
{
    return kl_made_key(common_name, csr, error);
}

static void
pki_free(KlPki *base)
{
    Pki *pki = (Pki *)base;
    kl_trust_free(pki->trust);
    g_free(pki);
}

static const KlPkiClass klass = {
    .check_csr = check_csr,
    .verify_issued = verify_issued,
    .verify_proof = verify_proof,
    .make_key = make_key,
    .free = pki_free,
};

static const KlIssuedRules rules[] = {
    [KL_PKI_IOT] = {.other_end = TRUE, .other_usages = TRUE},
    [KL_PKI_PCA] = {.other_usages = TRUE},
};

static KlPki *
take_trust(KlTrust *trust)
{
    if (trust == NULL)
        return NULL;
    Pki *pki = g_new0(Pki, 1);
    pki->base.klass = &klass;
    pki->trust = trust;
    return &pki->base;
}

KlPki *
kl_pki_new(const char *anchors_pem, GError **error)
{
    return take_trust(kl_trust_new(anchors_pem, NULL, error));
}

KlPki *
kl_pki_new_for(KlPkiKind kind, const char *anchors_pem, GError **error)
{
    if (anchors_pem == NULL && kind == KL_PKI_IOT)
        return take_trust(kl_trust_new_unknown(&rules[kind]));
    return take_trust(kl_trust_new(anchors_pem != NULL ? anchors_pem : "", &rules[kind], error));
}
