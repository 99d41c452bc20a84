/* A CA key on a PKCS#11 token, used in place through p11-kit. */
#pragma once

#include "certs/openssl_auto.h"
#include "station/error.h"
#include "station/secret.h"

G_BEGIN_DECLS

/* A key whose private half stays on the token that the URI (RFC 7512) names. Understood: token, serial, manufacturer,
 * model, slot-*, object, id, module-path, module-name, pin-source (a file that only its owner may read). The module is
 * module-path, or else any that p11-kit is configured with. A pin-value is refused: a PIN does not belong in a
 * configuration. pin NULL: from pin-source.
 *
 * public_key is the one in the CA's certificate (P-256 or P-384): tokens need not hold public keys. A probe that the
 * token signs has to verify with it (CA_KEY_MISMATCH).
 *
 * CONFIG_INVALID (the URI), TOKEN_FAILED (module, token, key, or more than one of them), PASSPHRASE_MISSING,
 * PASSPHRASE_WRONG, CA_KEY_MISMATCH, CA_UNSUITABLE (kind of key). The key is safe from several threads: one signature
 * at a time. Later failures of the token appear in OpenSSL's error queue. */
EVP_PKEY *kl_pkcs11_key_load(const char *uri, const KlSecret *pin, EVP_PKEY *public_key, GError **error);

G_END_DECLS
