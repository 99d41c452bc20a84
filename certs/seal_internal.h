/* What the parts of the seal share. */
#pragma once

#include "certs/openssl_auto.h"
#include "certs/seal.h"

G_BEGIN_DECLS

#define KL_SEAL_KEY_FILE "seal.key"
#define KL_SEAL_CERTIFICATE_FILE "station.pem"

/* DIR/audit/FILE. The caller frees. */
char *kl_seal_path(const char *dir, const char *file);

/* The one certificate in PEM text, of a P-256 key. Fails with the code. */
X509 *kl_seal_certificate(const char *pem, gsize length, KlErrorCode code, GError **error);

/* SHA-256 of its DER, lower-case hex. */
char *kl_seal_fingerprint(X509 *certificate);

G_END_DECLS
