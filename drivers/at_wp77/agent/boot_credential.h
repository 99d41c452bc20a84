/* What a unit connects with, out of its items and its keystore: its certificate, the key that belongs to it, its
 * endpoint, and whom it trusts. Plain C and OpenSSL (libcrypto). */
#pragma once

#include "activation.h"

#include <openssl/x509.h>

typedef struct {
    X509 *certificate;
    STACK_OF(X509) * issuers; /* of the certificate, to be sent along; may be empty */
    STACK_OF(X509) * trust;   /* item "trust", else "chain"; never empty */
    EVP_PKEY *key;
} KlBootCredential;

/* Device id, endpoint and trust: the common name of the stored certificate, HOST or HOST:PORT of its item, the hash of
 * "trust" or else "chain". 0, KL_AGENT_E_BOOT_INCOMPLETE, or an error of the store. */
int kl_boot_self_read(const KlAgentOps *ops, void *data, KlBootSelf *self);

/* Clear it after use, also after an error; errors as above. */
int kl_boot_credential_load(const KlAgentOps *ops, void *data, KlBootCredential *credential);
void kl_boot_credential_clear(KlBootCredential *credential);
