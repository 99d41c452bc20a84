#include "certs/verify.h"

#include <openssl/err.h>
#include <string.h>

#include "certs/certificate_der.h"
#include "certs/openssl_error.h"
#include "certs/p256.h"
#include "certs/subject.h"

#define SECONDS_PER_DAY 86400
#define SECONDS_PER_MINUTE 60
#define MIN_SERIAL_BITS 64
/* OpenSSL's level for 112 bits of security: no SHA-1, no RSA below 2048 bits. */
#define SECURITY_LEVEL 2

#define PROOF_PREFIX "keyline-prove"
#define IMEI_DIGITS 15

static gboolean
wrong(GError **error, const char *what)
{
    return kl_fail(error, KL_ERROR_ISSUED_WRONG, "%s", what);
}

void
kl_trust_free(KlTrust *trust)
{
    if (trust == NULL)
        return;
    X509_STORE_free(trust->store);
    g_clear_pointer(&trust->anchors, kl_x509_stack_free);
    g_free(trust->pem);
    g_free(trust);
}

KlTrust *
kl_trust_new_unknown(const KlIssuedRules *rules)
{
    KlTrust *trust = g_new0(KlTrust, 1);
    trust->rules = *rules;
    return trust;
}

KlTrust *
kl_trust_new(const char *anchors_pem, const KlIssuedRules *rules, GError **error)
{
    g_autoptr(KlTrust) trust = g_new0(KlTrust, 1);
    if (rules != NULL)
        trust->rules = *rules;
    trust->anchors = kl_x509_stack_parse(anchors_pem, strlen(anchors_pem), KL_ERROR_CA_UNREADABLE, error);
    if (trust->anchors == NULL)
        return NULL;
    trust->pem = kl_x509_stack_pem(trust->anchors);
    trust->store = X509_STORE_new();
    gboolean kept = trust->store != NULL;
    for (int i = 0; kept && i < sk_X509_num(trust->anchors); i++) {
        X509 *anchor = sk_X509_value(trust->anchors, i);
        /* OpenSSL decodes extensions when first asked: have it done before threads share the certificate. */
        X509_check_purpose(anchor, -1, 0);
        kept = X509_STORE_add_cert(trust->store, anchor) == 1;
    }
    if (!kept) {
        kl_openssl_fail(error, KL_ERROR_CA_UNREADABLE, "trust anchors can't be taken");
        return NULL;
    }
    return g_steal_pointer(&trust);
}

/* The ledger keeps what the structure says: it must not say anything that the certificate does not. */
static gboolean
check_fields(const KlCertificate *certificate, const KlCertificate *real, GError **error)
{
    if (g_strcmp0(certificate->sha256, real->sha256) == 0 &&
        g_strcmp0(certificate->spki_sha256, real->spki_sha256) == 0 &&
        g_strcmp0(certificate->serial, real->serial) == 0 && g_strcmp0(certificate->subject, real->subject) == 0 &&
        g_strcmp0(certificate->issuer, real->issuer) == 0 && certificate->not_before == real->not_before &&
        certificate->not_after == real->not_after)
        return TRUE;
    return wrong(error, "what is said of the certificate is not what it says");
}

static gboolean
check_identity(X509 *x509, const KlCertificate *real, const char *spki_sha256, const KlProfile *profile,
               const KlUnit *unit, GError **error)
{
    if (g_strcmp0(real->spki_sha256, spki_sha256) != 0)
        return kl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate is for key %s, not %s", real->spki_sha256,
                       spki_sha256);
    g_autofree char *subject = kl_subject_text(profile->subject, unit, error);
    if (subject == NULL)
        return FALSE;
    if (strcmp(real->subject, subject) != 0)
        return kl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate's subject is \"%s\", not \"%s\"", real->subject,
                       subject);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
    g_autoptr(BIGNUM) number = ASN1_INTEGER_to_BN(serial, NULL);
    if (number == NULL || BN_is_negative(number) || BN_num_bits(number) < MIN_SERIAL_BITS)
        return kl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate's serial number %s is not positive and of %d bits",
                       real->serial, MIN_SERIAL_BITS);
    return TRUE;
}

/* Each extension is one of those known to be harmless, and is there once: a name added to a certificate (subject
 * alternative name) could make it another unit's. */
static gboolean
check_extension_list(X509 *x509, GError **error)
{
    static const int allowed[] = {
        NID_basic_constraints,        NID_key_usage,   NID_ext_key_usage,           NID_subject_key_identifier,
        NID_authority_key_identifier, NID_info_access, NID_crl_distribution_points, NID_certificate_policies,
    };
    for (int i = 0; i < X509_get_ext_count(x509); i++) {
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(X509_get_ext(x509, i)));
        gboolean found = FALSE;
        for (gsize j = 0; !found && j < G_N_ELEMENTS(allowed); j++)
            found = allowed[j] == nid;
        if (!found)
            return kl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate has an extension it may not have (%s)",
                           nid != NID_undef ? OBJ_nid2sn(nid) : "unknown");
        if (X509_get_ext_by_NID(x509, nid, i) >= 0)
            return kl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate has %s twice", OBJ_nid2sn(nid));
    }
    return TRUE;
}

static gboolean
is_critical(X509 *x509, int nid)
{
    int at = X509_get_ext_by_NID(x509, nid, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(x509, at)) == 1;
}

static gboolean
check_key_usage(X509 *x509, const KlIssuedRules *rules, GError **error)
{
    guint32 more = rules->other_usages ? KU_KEY_ENCIPHERMENT : 0;
    if ((X509_get_extension_flags(x509) & EXFLAG_KUSAGE) == 0 ||
        (X509_get_key_usage(x509) & ~more) != KU_DIGITAL_SIGNATURE || !is_critical(x509, NID_key_usage))
        return wrong(error, "certificate's key usage is not digitalSignature only, critical");
    return TRUE;
}

static gboolean
check_extended_usage(X509 *x509, const KlIssuedRules *rules, GError **error)
{
    guint32 more = rules->other_usages ? XKU_SSL_SERVER : 0;
    guint32 known = X509_get_extended_key_usage(x509);
    if ((X509_get_extension_flags(x509) & EXFLAG_XKUSAGE) == 0)
        return rules->other_usages || wrong(error, "certificate's extended key usage is not clientAuth only");
    g_autoptr(EXTENDED_KEY_USAGE) usages = X509_get_ext_d2i(x509, NID_ext_key_usage, NULL, NULL);
    /* One for each of the known bits: those that OpenSSL has no bit for are counted too. */
    int expected = (known & XKU_SSL_SERVER & more) != 0 ? 2 : 1;
    if ((known & ~more) != XKU_SSL_CLIENT || usages == NULL || sk_ASN1_OBJECT_num(usages) != expected)
        return wrong(error, "certificate's extended key usage is not clientAuth only");
    return TRUE;
}

static gboolean
check_extensions(X509 *x509, const KlIssuedRules *rules, GError **error)
{
    if (!check_extension_list(x509, error))
        return FALSE;
    guint32 flags = X509_get_extension_flags(x509);
    if (X509_get_version(x509) != X509_VERSION_3 || (flags & EXFLAG_INVALID) != 0)
        return wrong(error, "certificate is not of version 3, or an extension is damaged");
    if ((flags & EXFLAG_BCONS) == 0 || (flags & EXFLAG_CA) != 0 || !is_critical(x509, NID_basic_constraints))
        return wrong(error, "certificate does not say CA:FALSE, critical");
    if (!check_key_usage(x509, rules, error) || !check_extended_usage(x509, rules, error))
        return FALSE;
    if (X509_get0_subject_key_id(x509) == NULL || X509_get0_authority_key_id(x509) == NULL)
        return wrong(error, "certificate lacks a key identifier");
    return TRUE;
}

/* The chain as found from the anchors, or NULL. */
static KlX509Stack *
build_chain(const KlTrust *trust, X509 *x509, KlX509Stack *untrusted, gint64 now, GError **error)
{
    g_autoptr(X509_STORE_CTX) context = X509_STORE_CTX_new();
    if (context == NULL || X509_STORE_CTX_init(context, trust->store, x509, untrusted) != 1) {
        kl_openssl_fail(error, KL_ERROR_INTERNAL, "certificate can't be verified");
        return NULL;
    }
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(parameters, now);
    X509_VERIFY_PARAM_set_auth_level(parameters, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT);
    if (X509_verify_cert(context) != 1) {
        ERR_clear_error();
        kl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate does not verify: %s (at depth %d)",
                X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)),
                X509_STORE_CTX_get_error_depth(context));
        return NULL;
    }
    KlX509Stack *chain = X509_STORE_CTX_get1_chain(context);
    if (sk_X509_num(chain) < 2) {
        wrong(error, "certificate is itself a trust anchor");
        g_clear_pointer(&chain, kl_x509_stack_free);
    }
    return chain;
}

static gboolean
check_validity(const KlCertificate *real, X509 *issuer, const KlProfile *profile, const KlIssuedRules *rules,
               GError **error)
{
    if (rules->other_end)
        return TRUE;
    gint64 issuer_end = 0;
    if (!kl_time_seconds(X509_get0_notAfter(issuer), &issuer_end) || real->not_after > issuer_end)
        return wrong(error, "certificate outlives its CA");
    /* A day's grace for a signer whose clock is not ours. */
    gint64 longest =
        ((gint64)profile->validity_days + 1) * SECONDS_PER_DAY + (gint64)profile->backdate_minutes * SECONDS_PER_MINUTE;
    if (real->not_after - real->not_before > longest)
        return kl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate is valid for longer than the product's %u days",
                       profile->validity_days);
    return TRUE;
}

/* What is going to be installed beside the certificate leads from its issuer upwards. */
static gboolean
check_given_chain(KlX509Stack *given, X509 *issuer, GError **error)
{
    if (X509_cmp(sk_X509_value(given, 0), issuer) != 0)
        return wrong(error, "the chain that came along does not start with the issuer");
    for (int i = 0; i + 1 < sk_X509_num(given); i++) {
        X509 *above = sk_X509_value(given, i + 1);
        EVP_PKEY *key = X509_get0_pubkey(above);
        if (key == NULL || X509_check_issued(above, sk_X509_value(given, i)) != X509_V_OK ||
            X509_verify(sk_X509_value(given, i), key) != 1)
            return kl_openssl_fail(error, KL_ERROR_ISSUED_WRONG, "the chain that came along is broken");
    }
    return TRUE;
}

/* The chain that came along, parsed; the usual one, the anchors themselves, is parsed already. */
static KlX509Stack *
given_chain(const KlTrust *trust, const char *pem, GError **error)
{
    if (pem == NULL) {
        wrong(error, "no chain came along");
        return NULL;
    }
    if (strcmp(pem, trust->pem) == 0)
        return X509_chain_up_ref(trust->anchors);
    return kl_x509_stack_parse(pem, strlen(pem), KL_ERROR_ISSUED_WRONG, error);
}

/* What is left of the checks on chain and time when nobody knows the issuer. */
static gboolean
check_without_issuer(const KlCertificate *certificate, const KlCertificate *real, gint64 now, GError **error)
{
    if (certificate->chain_pem != NULL && certificate->chain_pem[0] != '\0')
        return wrong(error, "a chain came along, and there is nothing to check it by");
    if (now < real->not_before || now > real->not_after)
        return wrong(error, "certificate is not valid now");
    return TRUE;
}

static gboolean
verify(const KlTrust *trust, const KlCertificate *certificate, const char *spki_sha256, const KlProfile *profile,
       const KlUnit *unit, gint64 now, GError **error)
{
    if (certificate == NULL || certificate->der == NULL)
        return wrong(error, "no certificate");
    g_autoptr(X509) x509 = kl_x509_parse(certificate->der, error);
    g_autoptr(KlCertificate) real = x509 != NULL ? kl_certificate_from_x509(x509, certificate->der, NULL, error) : NULL;
    if (real == NULL || !check_fields(certificate, real, error) ||
        !check_identity(x509, real, spki_sha256, profile, unit, error) || !check_extensions(x509, &trust->rules, error))
        return FALSE;
    if (trust->anchors == NULL)
        return check_without_issuer(certificate, real, now, error);
    g_autoptr(KlX509Stack) given = given_chain(trust, certificate->chain_pem, error);
    g_autoptr(KlX509Stack) chain = given != NULL ? build_chain(trust, x509, given, now, error) : NULL;
    if (chain == NULL)
        return FALSE;
    X509 *issuer = sk_X509_value(chain, 1);
    return check_validity(real, issuer, profile, &trust->rules, error) && check_given_chain(given, issuer, error);
}

gboolean
kl_issued_verify(const KlTrust *trust, const KlCertificate *certificate, const char *spki_sha256,
                 const KlProfile *profile, const KlUnit *unit, gint64 now, GError **error)
{
    gboolean ok = verify(trust, certificate, spki_sha256, profile, unit, now, error);
    /* OpenSSL's reasons for what was refused here must not show up in a later error's message. */
    ERR_clear_error();
    return ok;
}

/* SHA-256("keyline-prove" || nonce || IMEI digits): the agent's protocol, AT+KLPROVE. */
static void
proof_digest(const guint8 nonce[KL_NONCE_SIZE], const char *imei, guint8 digest[KL_SHA256_SIZE])
{
    guint8 text[sizeof PROOF_PREFIX - 1 + KL_NONCE_SIZE + IMEI_DIGITS];
    guint8 *at = text;
    memcpy(at, PROOF_PREFIX, sizeof PROOF_PREFIX - 1);
    at += sizeof PROOF_PREFIX - 1;
    memcpy(at, nonce, KL_NONCE_SIZE);
    at += KL_NONCE_SIZE;
    memcpy(at, imei, IMEI_DIGITS);
    kl_sha256(text, sizeof text, digest);
}

gboolean
kl_proof_verify(const KlCertificate *certificate, const guint8 nonce[KL_NONCE_SIZE], const char *imei,
                GBytes *signature, GError **error)
{
    gsize length = 0;
    const guint8 *data = g_bytes_get_data(signature, &length);
    if (length == 0 || length > KL_P256_MAX_SIGNATURE)
        return kl_fail(error, KL_ERROR_PROOF_FAILED, "proof of %" G_GSIZE_FORMAT " bytes (1 to %d)", length,
                       KL_P256_MAX_SIGNATURE);
    if (strlen(imei) != IMEI_DIGITS)
        return kl_fail(error, KL_ERROR_PROOF_FAILED, "IMEI is not %d digits", IMEI_DIGITS);
    g_autoptr(GError) failure = NULL;
    g_autoptr(X509) x509 = kl_x509_parse(certificate->der, &failure);
    if (x509 == NULL)
        return kl_fail(error, KL_ERROR_PROOF_FAILED, "%s", failure->message);
    EVP_PKEY *key = X509_get0_pubkey(x509);
    if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC || EVP_PKEY_get_bits(key) != 256)
        return kl_openssl_fail(error, KL_ERROR_PROOF_FAILED, "certificate's key is not on P-256");
    guint8 digest[KL_SHA256_SIZE];
    proof_digest(nonce, imei, digest);
    if (!kl_p256_verify(key, digest, (KlDer){data, length}))
        return kl_fail(error, KL_ERROR_PROOF_FAILED, "the signature is not by the certificate's key over this nonce");
    return TRUE;
}
