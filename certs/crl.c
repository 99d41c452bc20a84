#include "certs/crl.h"

#include <openssl/pem.h>

#include "certs/ca_internal.h"
#include "certs/extensions.h"
#include "certs/openssl_error.h"

#define MAX_DAYS 3660
#define MICROSECONDS G_GINT64_CONSTANT(1000000)

static gboolean
add_reason(X509_REVOKED *revoked, int reason)
{
    g_autoptr(ASN1_ENUMERATED) value = ASN1_ENUMERATED_new();
    return value != NULL && ASN1_ENUMERATED_set(value, reason) == 1 &&
           X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, value, 0, X509V3_ADD_DEFAULT) == 1;
}

static gboolean
add_entry(X509_CRL *crl, const KlLedgerEntry *entry, GError **error)
{
    BIGNUM *number = NULL;
    int digits = BN_hex2bn(&number, entry->certificate->serial);
    g_autoptr(BIGNUM) owned = number;
    g_autoptr(ASN1_INTEGER) serial = digits > 0 ? BN_to_ASN1_INTEGER(owned, NULL) : NULL;
    g_autoptr(ASN1_TIME) ended = ASN1_TIME_set(NULL, entry->ended_us / MICROSECONDS);
    g_autoptr(X509_REVOKED) revoked = X509_REVOKED_new();
    if (serial == NULL || ended == NULL || revoked == NULL || X509_REVOKED_set_serialNumber(revoked, serial) != 1 ||
        X509_REVOKED_set_revocationDate(revoked, ended) != 1 ||
        (entry->status == KL_CERTIFICATE_SUPERSEDED && !add_reason(revoked, CRL_REASON_SUPERSEDED)) ||
        X509_CRL_add0_revoked(crl, revoked) != 1)
        return kl_openssl_fail(error, KL_ERROR_SIGNER_REFUSED, "certificate %s can't be put into the CRL",
                               entry->certificate->serial);
    g_steal_pointer(&revoked); /* crl owns it */
    return TRUE;
}

static gboolean
add_entries(X509_CRL *crl, const KlCa *ca, const GPtrArray *ledger, GError **error)
{
    for (guint i = 0; i < ledger->len; i++) {
        const KlLedgerEntry *entry = g_ptr_array_index(ledger, i);
        gboolean ended = entry->status == KL_CERTIFICATE_REVOKED || entry->status == KL_CERTIFICATE_SUPERSEDED;
        gboolean ours = g_strcmp0(entry->certificate->issuer, ca->subject) == 0;
        if (ended && ours && !add_entry(crl, entry, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
add_head(X509_CRL *crl, const KlCa *ca, guint64 number, gint64 now, guint days)
{
    g_autoptr(ASN1_INTEGER) crl_number = ASN1_INTEGER_new();
    g_autoptr(AUTHORITY_KEYID) authority = kl_authority_key_id(ca->key_id);
    g_autoptr(ASN1_TIME) this_update = ASN1_TIME_set(NULL, now);
    g_autoptr(ASN1_TIME) next_update = ASN1_TIME_set(NULL, now + (gint64)days * KL_SECONDS_PER_DAY);
    return crl_number != NULL && authority != NULL && this_update != NULL && next_update != NULL &&
           X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
           X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate)) == 1 &&
           X509_CRL_set1_lastUpdate(crl, this_update) == 1 && X509_CRL_set1_nextUpdate(crl, next_update) == 1 &&
           ASN1_INTEGER_set_uint64(crl_number, number) == 1 &&
           X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, authority, 0, X509V3_ADD_DEFAULT) == 1 &&
           X509_CRL_add1_ext_i2d(crl, NID_crl_number, crl_number, 0, X509V3_ADD_DEFAULT) == 1;
}

char *
kl_crl_sign(const KlCa *ca, const GPtrArray *ledger, guint64 number, gint64 now, guint days, GError **error)
{
    if (days == 0 || days > MAX_DAYS) {
        kl_fail(error, KL_ERROR_USAGE, "CRL's days: %u (1 to %d)", days, MAX_DAYS);
        return NULL;
    }
    if ((X509_get_key_usage(ca->certificate) & KU_CRL_SIGN) == 0) {
        kl_fail(error, KL_ERROR_CA_UNSUITABLE, "the CA certificate is not for signing CRLs");
        return NULL;
    }
    g_autoptr(X509_CRL) crl = X509_CRL_new();
    if (!kl_ca_check_dates(ca, 0, now, error))
        return NULL;
    if (crl == NULL || !add_head(crl, ca, number, now, days)) {
        kl_openssl_fail(error, KL_ERROR_SIGNER_REFUSED, "CRL can't be built");
        return NULL;
    }
    if (!add_entries(crl, ca, ledger, error))
        return NULL;
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    if (X509_CRL_sort(crl) != 1 || X509_CRL_sign(crl, ca->key, kl_ca_digest(ca)) <= 0 || bio == NULL ||
        PEM_write_bio_X509_CRL(bio, crl) != 1) {
        kl_openssl_fail(error, ca->sign_failure, "CRL can't be signed");
        return NULL;
    }
    char *text = NULL;
    long length = BIO_get_mem_data(bio, &text);
    return g_strndup(text, (gsize)length);
}
