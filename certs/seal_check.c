/* Checking what a seal has signed: with its certificate alone. */
#include <openssl/cms.h>
#include <string.h>

#include "certs/certificate_der.h"
#include "certs/digest.h"
#include "certs/openssl_error.h"
#include "certs/seal_internal.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CMS_ContentInfo, CMS_ContentInfo_free)

X509 *
kl_seal_certificate(const char *pem, gsize length, KlErrorCode code, GError **error)
{
    char group[32] = "";
    g_autoptr(KlX509Stack) stack = kl_x509_stack_parse(pem, length, code, error);
    if (stack == NULL)
        return NULL;
    X509 *x509 = sk_X509_value(stack, 0);
    EVP_PKEY *key = X509_get0_pubkey(x509);
    if (sk_X509_num(stack) != 1 || key == NULL || EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1 ||
        strcmp(group, SN_X9_62_prime256v1) != 0) {
        kl_openssl_fail(error, code, "not one certificate of a P-256 key");
        return NULL;
    }
    X509_up_ref(x509);
    return x509;
}

char *
kl_seal_fingerprint(X509 *certificate)
{
    unsigned char *made = NULL;
    int length = i2d_X509(certificate, &made);
    g_assert(length > 0);
    char *hex = kl_sha256_hex(made, (gsize)length);
    OPENSSL_free(made);
    return hex;
}

/* One text for one signature: nothing that g_base64_decode() would pass over. */
static guint8 *
decode(const char *text, gsize *size)
{
    g_autofree guint8 *bytes = g_base64_decode(text, size);
    g_autofree char *again = g_base64_encode(bytes, *size);
    return strcmp(again, text) == 0 ? g_steal_pointer(&bytes) : NULL;
}

static gboolean
signature(const char *certificate, const char *bytes, gsize length, const char *text, GError **error)
{
    gsize size = 0;
    g_autoptr(X509) x509 = kl_seal_certificate(certificate, strlen(certificate), KL_ERROR_SEAL_WRONG, error);
    if (x509 == NULL)
        return FALSE;
    g_autofree guint8 *der = decode(text, &size);
    if (der == NULL)
        return kl_fail(error, KL_ERROR_SEAL_WRONG, "the signature is not Base64");
    g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
    if (context == NULL ||
        EVP_DigestVerifyInit(context, NULL, kl_sha256_algorithm(), NULL, X509_get0_pubkey(x509)) != 1 ||
        EVP_DigestVerify(context, der, size, (const guchar *)bytes, length) != 1)
        return kl_openssl_fail(error, KL_ERROR_SEAL_WRONG, "the signature does not check");
    return TRUE;
}

static CMS_ContentInfo *
parse(GBytes *der, GError **error)
{
    gsize size = 0;
    const guint8 *data = g_bytes_get_data(der, &size);
    const guint8 *at = data;
    g_autoptr(CMS_ContentInfo) cms = size <= G_MAXINT ? d2i_CMS_ContentInfo(NULL, &at, (long)size) : NULL;
    if (cms == NULL || at != data + size || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
        kl_openssl_fail(error, KL_ERROR_SEAL_WRONG, "not a CMS signature");
        return NULL;
    }
    ASN1_OCTET_STRING **content = CMS_get0_content(cms);
    if (content == NULL || *content != NULL) {
        kl_openssl_fail(error, KL_ERROR_SEAL_WRONG, "the CMS signature brings a content of its own");
        return NULL;
    }
    return g_steal_pointer(&cms);
}

/* Only the given certificate may be the signer's; whom it is trusted by is not asked. */
static gboolean
detached(const char *certificate, const char *bytes, gsize length, GBytes *der, GError **error)
{
    g_autoptr(X509) x509 = kl_seal_certificate(certificate, strlen(certificate), KL_ERROR_SEAL_WRONG, error);
    g_autoptr(CMS_ContentInfo) cms = x509 != NULL ? parse(der, error) : NULL;
    if (cms == NULL)
        return FALSE;
    g_autoptr(KlX509Stack) signers = sk_X509_new_null();
    g_autoptr(BIO) content = length <= G_MAXINT ? BIO_new_mem_buf(bytes, (int)length) : NULL;
    if (signers == NULL || content == NULL || sk_X509_push(signers, x509) <= 0)
        return kl_openssl_fail(error, KL_ERROR_INTERNAL, "the CMS signature can't be checked");
    g_steal_pointer(&x509); /* signers owns it */
    if (CMS_verify(cms, signers, NULL, content, NULL, CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) != 1)
        return kl_openssl_fail(error, KL_ERROR_SEAL_WRONG, "the CMS signature does not check");
    return TRUE;
}

static char *
fingerprint(const char *certificate, GError **error)
{
    g_autoptr(X509) x509 = kl_seal_certificate(certificate, strlen(certificate), KL_ERROR_SEAL_WRONG, error);
    return x509 != NULL ? kl_seal_fingerprint(x509) : NULL;
}

const KlSealChecks kl_seal_checks = {
    .signature = signature,
    .detached = detached,
    .fingerprint = fingerprint,
};
