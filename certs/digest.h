/* SHA-256, fetched from OpenSSL once per process (fetching it each time costs as much as hashing). */
#pragma once

#include <glib.h>
#include <openssl/evp.h>

G_BEGIN_DECLS

#define KL_SHA256_SIZE 32

/* The algorithm, for OpenSSL calls. Owned by the process. */
const EVP_MD *kl_sha256_algorithm(void);

void kl_sha256(const void *data, gsize length, guint8 digest[KL_SHA256_SIZE]);

/* The hash as 64 characters of lower-case hex. */
char *kl_sha256_hex(const void *data, gsize length);

G_END_DECLS
