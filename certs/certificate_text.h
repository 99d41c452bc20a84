/* Certificates as text for people. */
#pragma once

#include "certs/openssl_auto.h"
#include "station/certificate.h"

G_BEGIN_DECLS

/* Appends a certificate as lines of "name: value": names, serial, validity, key, fingerprint. */
void kl_x509_describe(GString *text, X509 *x509);

/* The same, and below it the hash of the key and every extension as OpenSSL words it. What can't be read is told in the
 * text. UTF-8 with no control character but the newline; the caller frees. */
char *kl_certificate_describe(const KlCertificate *certificate);

G_END_DECLS
