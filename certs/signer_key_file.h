/* Private keys in files. Once decoded, a key's secret numbers live in OpenSSL's secure heap (where kl_secret_init() has
 * set it up); everything that held it on the way is wiped. */
#pragma once

#include "certs/openssl_auto.h"
#include "station/error.h"
#include "station/secret.h"

G_BEGIN_DECLS

/* Loads a key as the station stores it: PKCS#8, encrypted. CA_MISSING, CA_UNREADABLE, CA_KEY_EXPOSED, CA_KEY_CLEAR,
 * PASSPHRASE_MISSING, PASSPHRASE_WRONG (also when the encrypted part is damaged: the two look the same). */
EVP_PKEY *kl_key_file_load(const char *path, const KlSecret *passphrase, GError **error);

/* Reads a key to be taken over: PEM in any form that OpenSSL knows, encrypted or not (passphrase may then be NULL). */
EVP_PKEY *kl_key_file_import(const char *path, const KlSecret *passphrase, GError **error);

/* The key as PEM text of an encrypted PKCS#8 (RFC 5958) with scrypt (RFC 7914) and AES-256-CBC. PASSPHRASE_MISSING. */
BIO *kl_key_file_encrypt(EVP_PKEY *key, const KlSecret *passphrase, GError **error);

G_END_DECLS
