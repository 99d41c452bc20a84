/* Certificate requests and certificates as plain values: what passes between unit, signer, checks and ledger. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A request that has passed the CSR policy. Hashes are lower-case hex. */
typedef struct {
    GBytes *der;
    char *sha256;      /* of der */
    char *spki_sha256; /* of its SubjectPublicKeyInfo */
} KlCsr;

void kl_csr_free(KlCsr *csr);

/* A certificate with what the ledger needs to know of it. */
typedef struct {
    GBytes *der;
    char *chain_pem;   /* issuer's certificate first, then upwards to the root; PEM */
    char *sha256;      /* of der: the fingerprint, lower-case hex */
    char *spki_sha256; /* of its SubjectPublicKeyInfo, lower-case hex */
    char *serial;      /* lower-case hex, no leading zeros */
    char *subject;     /* RFC 2253 */
    char *issuer;      /* RFC 2253 */
    gint64 not_before; /* seconds since 1970, UTC */
    gint64 not_after;
    char *places; /* where else it is known since it was issued, with blanks between: KL_PLACE_IOT, the ARN of the
                     private CA that issued it; "": nowhere; NULL: that was not kept */
} KlCertificate;

/* AWS IoT Core, as one of a certificate's places. */
#define KL_PLACE_IOT "iot"

/* Adds a place. */
void kl_certificate_add_place(KlCertificate *certificate, const char *place);

/* Whether that is kept as one of its places. */
gboolean kl_certificate_has_place(const KlCertificate *certificate, const char *place);

KlCertificate *kl_certificate_copy(const KlCertificate *certificate);
void kl_certificate_free(KlCertificate *certificate);

/* The certificate as PEM ("-----BEGIN CERTIFICATE-----", 64-character lines). */
char *kl_certificate_pem(const KlCertificate *certificate);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlCsr, kl_csr_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlCertificate, kl_certificate_free)

G_END_DECLS
