/* Certificates (RFC 5280) as the plain values of station/certificate.h. */
#pragma once

#include "certs/openssl_auto.h"
#include "station/certificate.h"
#include "station/error.h"

G_BEGIN_DECLS

#define KL_CERTIFICATE_MAX_SIZE 16384
#define KL_CHAIN_MAX_CERTIFICATES 8

/* Parses one certificate from untrusted bytes: strict DER, nothing after it. ISSUED_WRONG. */
X509 *kl_x509_parse(GBytes *der, GError **error);

/* What the ledger needs to know of a certificate, read from DER. chain_pem is copied. ISSUED_WRONG. */
KlCertificate *kl_certificate_from_der(GBytes *der, const char *chain_pem, GError **error);

/* The same of a certificate that was parsed or made already; der are its bytes (a reference is taken). */
KlCertificate *kl_certificate_from_x509(X509 *x509, GBytes *der, const char *chain_pem, GError **error);

/* Lower-case hex SHA-256 of the certificate's SubjectPublicKeyInfo, or NULL with OpenSSL's queue set. */
char *kl_x509_spki_sha256(X509 *x509);

/* A name as RFC 2253 text in UTF-8, control characters escaped. */
char *kl_name_text(const X509_NAME *name);

/* A serial number as lower-case hex without leading zeros; a minus sign before a negative one. */
char *kl_serial_text(const ASN1_INTEGER *serial);

/* Seconds since 1970, or FALSE when the time is malformed. */
gboolean kl_time_seconds(const ASN1_TIME *time, gint64 *seconds);

/* The certificates in PEM text, 1 to KL_CHAIN_MAX_CERTIFICATES of them and no other kind of block; text around the
 * blocks is skipped. Fails with the given code. */
KlX509Stack *kl_x509_stack_parse(const char *pem, gsize length, KlErrorCode code, GError **error);

/* The certificates as PEM without any text around them. */
char *kl_x509_stack_pem(const KlX509Stack *stack);

G_END_DECLS
