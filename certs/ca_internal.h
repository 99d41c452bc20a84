/* What the parts of certs/ see of a CA. Everybody else uses certs/ca.h. */
#pragma once

#include "certs/ca.h"
#include "certs/extensions.h"
#include "certs/openssl_auto.h"
#include "station/error.h"

G_BEGIN_DECLS

#define KL_SECONDS_PER_DAY 86400

/* Never changes after loading, so that threads share it without a lock: OpenSSL's own locks cover what it caches
 * inside key and certificate. */
struct KlCa {
    EVP_PKEY *key;             /* in memory, or on a token */
    X509 *certificate;         /* the issuing CA's */
    ASN1_OCTET_STRING *key_id; /* its subject key identifier */
    char *chain_pem;           /* its certificate, then upwards */
    char *subject;             /* RFC 2253 */
    gint64 not_before;         /* seconds since 1970 */
    gint64 not_after;
    KlErrorCode sign_failure; /* what a failing signature means: SIGNER_REFUSED or TOKEN_FAILED */
};

/* A CA without its key yet. chain: the issuing CA's certificate first. Checks that it may be a CA (CA_UNSUITABLE), not
 * its dates. */
KlCa *kl_ca_new(const KlX509Stack *chain, GError **error);

/* Gives it its key (a reference is taken); sign_failure as in the structure. CA_KEY_MISMATCH. */
gboolean kl_ca_set_key(KlCa *ca, EVP_PKEY *key, KlErrorCode sign_failure, GError **error);

/* The CA's dates: now lies in [not_before, not_after - margin_days]. CA_NOT_YET_VALID, CA_EXPIRED. */
gboolean kl_ca_check_dates(const KlCa *ca, guint margin_days, gint64 now, GError **error);

/* The digest to sign with: SHA-384 for a P-384 key, else SHA-256. */
const EVP_MD *kl_ca_digest(const KlCa *ca);

/* May the first certificate be the station's CA, and does each certificate issue the one before it? CA_UNSUITABLE. */
gboolean kl_ca_check_chain(const KlX509Stack *chain, GError **error);

/* A certificate that the key signs for itself, with these extensions besides a subject key identifier. USAGE (the
 * name), INTERNAL. */
X509 *kl_make_self_signed(EVP_PKEY *key, const char *common_name, guint days, gint64 now, const KlExtension *extensions,
                          gsize n_extensions, GError **error);

/* Sets a random positive serial number of 20 octets, 158 of its bits random (RFC 5280, section 4.1.2.2 allows 20). */
gboolean kl_set_serial(X509 *x509);

G_END_DECLS
