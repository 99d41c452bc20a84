#include "certs/issue.h"

#include "certs/ca_internal.h"
#include "certs/certificate_der.h"
#include "certs/csr.h"
#include "certs/extensions.h"
#include "certs/openssl_error.h"
#include "certs/p256.h"
#include "certs/subject.h"

#define SECONDS_PER_MINUTE 60

/* DER: CA:FALSE (the default, so an empty sequence); digitalSignature; id-kp-clientAuth. */
static const KlExtension unit_extensions[] = {
    {NID_basic_constraints, TRUE, {(const guint8 *)"\x30\x00", 2}},
    {NID_key_usage, TRUE, {(const guint8 *)"\x03\x02\x07\x80", 4}},
    {NID_ext_key_usage, FALSE, {(const guint8 *)"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02", 12}},
};

/* Puts the request's point in as it is: decoding and encoding a key again costs more than signing. */
static gboolean
set_public_key(X509 *x509, const guint8 *point)
{
    guint8 *copy = OPENSSL_memdup(point, KL_P256_POINT_SIZE);
    if (copy == NULL)
        return FALSE;
    if (X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x509), OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
                               OBJ_nid2obj(NID_X9_62_prime256v1), copy, KL_P256_POINT_SIZE) == 1)
        return TRUE;
    OPENSSL_free(copy);
    return FALSE;
}

static gboolean
set_validity(X509 *x509, const KlCa *ca, const KlProfile *profile, gint64 now)
{
    gint64 from = now - (gint64)profile->backdate_minutes * SECONDS_PER_MINUTE;
    gint64 to = now + (gint64)profile->validity_days * KL_SECONDS_PER_DAY;
    return ASN1_TIME_set(X509_getm_notBefore(x509), MAX(from, ca->not_before)) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(x509), MIN(to, ca->not_after)) != NULL;
}

static gboolean
add_extensions(X509 *x509, const KlCa *ca)
{
    g_autoptr(AUTHORITY_KEYID) authority = kl_authority_key_id(ca->key_id);
    return authority != NULL && kl_extensions_add(x509, unit_extensions, G_N_ELEMENTS(unit_extensions)) &&
           kl_extensions_add_key_id(x509) &&
           X509_add1_ext_i2d(x509, NID_authority_key_identifier, authority, 0, X509V3_ADD_DEFAULT) == 1;
}

static X509 *
build(const KlCa *ca, const KlIssueRequest *request, const guint8 *point, GError **error)
{
    g_autoptr(X509_NAME) subject = kl_subject_new(request->profile->subject, request->unit, error);
    if (subject == NULL)
        return NULL;
    g_autoptr(X509) x509 = X509_new();
    if (x509 == NULL || X509_set_version(x509, X509_VERSION_3) != 1 || !kl_set_serial(x509) ||
        X509_set_issuer_name(x509, X509_get_subject_name(ca->certificate)) != 1 ||
        !set_validity(x509, ca, request->profile, request->now) || X509_set_subject_name(x509, subject) != 1 ||
        !set_public_key(x509, point) || !add_extensions(x509, ca)) {
        kl_openssl_fail(error, KL_ERROR_SIGNER_REFUSED, "certificate can't be built");
        return NULL;
    }
    return g_steal_pointer(&x509);
}

KlCertificate *
kl_issue(const KlCa *ca, const KlIssueRequest *request, GError **error)
{
    const guint8 *point = kl_csr_point(request->csr->der, error);
    if (point == NULL || !kl_ca_check_dates(ca, 0, request->now, error))
        return NULL;
    g_autoptr(X509) x509 = build(ca, request, point, error);
    if (x509 == NULL)
        return NULL;
    if (X509_sign(x509, ca->key, kl_ca_digest(ca)) <= 0) {
        kl_openssl_fail(error, ca->sign_failure, "certificate can't be signed");
        return NULL;
    }
    unsigned char *data = NULL;
    int length = i2d_X509(x509, &data);
    if (length <= 0) {
        kl_openssl_fail(error, KL_ERROR_SIGNER_REFUSED, "certificate can't be encoded");
        return NULL;
    }
    g_autoptr(GBytes) der = g_bytes_new(data, (gsize)length);
    OPENSSL_free(data);
    return kl_certificate_from_x509(x509, der, ca->chain_pem, error);
}
