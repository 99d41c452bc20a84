#include "certs/ca_internal.h"

#include <openssl/rand.h>
#include <string.h>

#include "certs/ca_folder.h"
#include "certs/certificate_der.h"
#include "certs/digest.h"
#include "certs/openssl_error.h"
#include "certs/signer_key_file.h"
#include "certs/signer_key_pkcs11.h"

#define SERIAL_SIZE 20
#define MIN_RSA_BITS 2048

KlCa *
kl_ca_new(const KlX509Stack *chain, GError **error)
{
    X509 *certificate = sk_X509_value(chain, 0);
    g_autoptr(KlCa) ca = g_new0(KlCa, 1);
    if (!kl_ca_check_chain(chain, error))
        return NULL;
    if (!kl_time_seconds(X509_get0_notBefore(certificate), &ca->not_before) ||
        !kl_time_seconds(X509_get0_notAfter(certificate), &ca->not_after)) {
        kl_openssl_fail(error, KL_ERROR_CA_UNREADABLE, "CA certificate's validity is malformed");
        return NULL;
    }
    X509_up_ref(certificate);
    ca->certificate = certificate;
    ca->key_id = ASN1_OCTET_STRING_dup(X509_get0_subject_key_id(certificate));
    ca->chain_pem = kl_x509_stack_pem(chain);
    ca->subject = kl_name_text(X509_get_subject_name(certificate));
    return g_steal_pointer(&ca);
}

gboolean
kl_ca_set_key(KlCa *ca, EVP_PKEY *key, KlErrorCode sign_failure, GError **error)
{
    if (X509_check_private_key(ca->certificate, key) != 1)
        return kl_openssl_fail(error, KL_ERROR_CA_KEY_MISMATCH, "CA key is not the CA certificate's");
    EVP_PKEY_up_ref(key);
    ca->key = key;
    ca->sign_failure = sign_failure;
    return TRUE;
}

void
kl_ca_free(KlCa *ca)
{
    if (ca == NULL)
        return;
    EVP_PKEY_free(ca->key);
    X509_free(ca->certificate);
    ASN1_OCTET_STRING_free(ca->key_id);
    g_free(ca->chain_pem);
    g_free(ca->subject);
    g_free(ca);
}

KlCa *
kl_ca_load(const char *dir, const char *key, const KlSecret *passphrase, guint margin_days, gint64 now, GError **error)
{
    g_autoptr(KlX509Stack) chain = kl_ca_folder_chain(dir, error);
    g_autoptr(KlCa) ca = chain != NULL ? kl_ca_new(chain, error) : NULL;
    if (ca == NULL || !kl_ca_check_dates(ca, margin_days, now, error))
        return NULL;
    gboolean on_token = g_str_has_prefix(key, KL_CA_TOKEN_PREFIX);
    g_autofree char *path = kl_ca_folder_path(dir, KL_CA_KEY_FILE);
    g_autoptr(EVP_PKEY) private_key = NULL;
    if (on_token)
        private_key = kl_pkcs11_key_load(key, passphrase, X509_get0_pubkey(ca->certificate), error);
    else
        private_key = kl_key_file_load(path, passphrase, error);
    KlErrorCode sign_failure = on_token ? KL_ERROR_TOKEN_FAILED : KL_ERROR_SIGNER_REFUSED;
    if (private_key == NULL || !kl_ca_set_key(ca, private_key, sign_failure, error))
        return NULL;
    return g_steal_pointer(&ca);
}

const char *
kl_ca_chain_pem(const KlCa *ca)
{
    return ca->chain_pem;
}

gint64
kl_ca_not_after(const KlCa *ca)
{
    return ca->not_after;
}

gboolean
kl_ca_check_dates(const KlCa *ca, guint margin_days, gint64 now, GError **error)
{
    if (now < ca->not_before)
        return kl_fail(error, KL_ERROR_CA_NOT_YET_VALID,
                       "CA is valid from %" G_GINT64_FORMAT ", the clock says %" G_GINT64_FORMAT, ca->not_before, now);
    if (now > ca->not_after)
        return kl_fail(error, KL_ERROR_CA_EXPIRED, "CA ended %" G_GINT64_FORMAT " days ago",
                       (now - ca->not_after) / KL_SECONDS_PER_DAY);
    gint64 left = ca->not_after - now;
    if (left < (gint64)margin_days * KL_SECONDS_PER_DAY)
        return kl_fail(error, KL_ERROR_CA_EXPIRED, "CA ends in %" G_GINT64_FORMAT " days, the product needs %u",
                       left / KL_SECONDS_PER_DAY, margin_days);
    return TRUE;
}

const EVP_MD *
kl_ca_digest(const KlCa *ca)
{
    gboolean p384 = EVP_PKEY_get_base_id(ca->key) == EVP_PKEY_EC && EVP_PKEY_get_bits(ca->key) == 384;
    return p384 ? EVP_sha384() : kl_sha256_algorithm();
}

static gboolean
check_key_kind(X509 *certificate, GError **error)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    char group[32] = "";
    int kind = key != NULL ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;
    if (kind == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= MIN_RSA_BITS)
        return TRUE;
    if (kind == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
        (strcmp(group, SN_X9_62_prime256v1) == 0 || strcmp(group, SN_secp384r1) == 0))
        return TRUE;
    return kl_openssl_fail(error, KL_ERROR_CA_UNSUITABLE, "CA's key is not P-256, P-384 or RSA of at least %d bits",
                           MIN_RSA_BITS);
}

/* What OpenSSL's strict mode asks of a CA: it says so only of certificates below it, which would be too late. */
static const char *
ca_problem(X509 *ca)
{
    guint32 flags = X509_get_extension_flags(ca);
    int constraints = X509_get_ext_by_NID(ca, NID_basic_constraints, -1);
    if (X509_get_version(ca) != X509_VERSION_3 || (flags & EXFLAG_INVALID) != 0)
        return "is not of version 3, or an extension is damaged";
    if (constraints < 0 || (flags & EXFLAG_CA) == 0)
        return "does not say CA:TRUE";
    if (X509_EXTENSION_get_critical(X509_get_ext(ca, constraints)) != 1)
        return "has basic constraints that are not critical";
    if ((flags & EXFLAG_KUSAGE) == 0 || (X509_get_key_usage(ca) & KU_KEY_CERT_SIGN) == 0)
        return "is not for signing certificates";
    if ((flags & EXFLAG_CRITICAL) != 0)
        return "has a critical extension that is not known";
    if (X509_get0_subject_key_id(ca) == NULL)
        return "has no subject key identifier";
    if ((flags & EXFLAG_SI) == 0 && X509_get0_authority_key_id(ca) == NULL)
        return "has no authority key identifier";
    if (X509_NAME_entry_count(X509_get_subject_name(ca)) == 0)
        return "has no name";
    return NULL;
}

gboolean
kl_ca_check_chain(const KlX509Stack *chain, GError **error)
{
    X509 *ca = sk_X509_value(chain, 0);
    if (!check_key_kind(ca, error))
        return FALSE;
    const char *problem = ca_problem(ca);
    if (problem != NULL)
        return kl_fail(error, KL_ERROR_CA_UNSUITABLE, "CA certificate %s", problem);
    for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
        X509 *below = sk_X509_value(chain, i), *above = sk_X509_value(chain, i + 1);
        EVP_PKEY *key = X509_get0_pubkey(above);
        if (key == NULL || X509_check_issued(above, below) != X509_V_OK || X509_verify(below, key) != 1)
            return kl_openssl_fail(error, KL_ERROR_CA_UNSUITABLE,
                                   "CA certificate file: number %d is not issued by the next one", i + 1);
    }
    return TRUE;
}

gboolean
kl_set_serial(X509 *x509)
{
    guint8 octets[SERIAL_SIZE];
    if (RAND_bytes(octets, sizeof octets) != 1)
        return FALSE;
    /* Positive, and always of the full length. */
    octets[0] = (octets[0] & 0x7f) | 0x40;
    g_autoptr(BIGNUM) number = BN_bin2bn(octets, sizeof octets, NULL);
    return number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;
}
