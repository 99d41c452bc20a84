#include "certs/signer_local.h"

#include "certs/ca_internal.h"
#include "certs/digest.h"
#include "certs/issue.h"
#include "certs/openssl_error.h"

/* RSA of 16384 bits, far more than any CA has. */
#define MAX_SIGNATURE 2048

typedef struct {
    KlSigner base;
    const KlCa *ca;
} LocalSigner;

static const KlCa *
ca_of(KlSigner *base)
{
    return ((LocalSigner *)base)->ca;
}

/* Signs a probe with the key and checks it with the certificate. */
static gboolean
probe(const KlCa *ca, GError **error)
{
    static const guint8 text[] = "keyline self-test";
    guint8 signature[MAX_SIGNATURE];
    size_t length = sizeof signature;
    g_autoptr(EVP_MD_CTX) signing = EVP_MD_CTX_new();
    g_autoptr(EVP_MD_CTX) verifying = EVP_MD_CTX_new();
    if (signing == NULL || EVP_DigestSignInit(signing, NULL, kl_ca_digest(ca), NULL, ca->key) != 1 ||
        EVP_DigestSign(signing, signature, &length, text, sizeof text) != 1)
        return kl_openssl_fail(error, ca->sign_failure, "the CA key can't sign");
    EVP_PKEY *public_key = X509_get0_pubkey(ca->certificate);
    if (verifying == NULL || EVP_DigestVerifyInit(verifying, NULL, kl_ca_digest(ca), NULL, public_key) != 1 ||
        EVP_DigestVerify(verifying, signature, length, text, sizeof text) != 1)
        return kl_openssl_fail(error, KL_ERROR_CA_KEY_MISMATCH, "the CA key's signature is not the certificate's");
    return TRUE;
}

static gboolean
local_self_test(KlSigner *base, const KlProfile *profile, gint64 now, GError **error)
{
    const KlCa *ca = ca_of(base);
    return kl_ca_check_dates(ca, profile->ca_margin_days, now, error) && probe(ca, error);
}

static KlCertificate *
local_issue(KlSigner *base, const KlIssueRequest *request, KlOp *op, GError **error)
{
    if (op != NULL && !kl_op_check(op, error))
        return NULL;
    KlCertificate *certificate = kl_issue(ca_of(base), request, error);
    if (certificate != NULL)
        certificate->places = g_strdup(""); /* whoever makes it known elsewhere adds that */
    return certificate;
}

/* A signature made here leaves nothing behind until the ledger has committed the certificate: one that was broken off
 * before exists nowhere, so the answer is always "certainly none". */
static gboolean
local_lookup(KlSigner *base, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error)
{
    *found = NULL;
    return TRUE;
}

static void
local_free(KlSigner *base)
{
    g_free(base);
}

static const KlSignerClass klass = {
    .id = "local",
    .self_test = local_self_test,
    .issue = local_issue,
    .lookup = local_lookup,
    .free = local_free,
};

KlSigner *
kl_signer_local_new(const KlCa *ca)
{
    LocalSigner *signer = g_new0(LocalSigner, 1);
    signer->base.klass = &klass;
    /* A token's session signs one thing at a time. */
    signer->base.parallel = ca->sign_failure == KL_ERROR_TOKEN_FAILED ? 1 : 0;
    signer->ca = ca;
    return &signer->base;
}
