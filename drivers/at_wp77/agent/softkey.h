/* A P-256 key in software: the host's keystore, and the module's when its own keystore is switched off. OpenSSL 1.1.1
 * or later, through calls that both 1.1.1 and 3.0 have. A key is its PKCS#8 DER; the caller keeps it and wipes it.
 * Plain C. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KL_SOFTKEY_MAX 256 /* larger than the PKCS#8 DER of a P-256 key (138 bytes) */

/* Makes a new key. FALSE when random numbers or memory fail. */
bool kl_softkey_generate(uint8_t der[KL_SOFTKEY_MAX], size_t *len);

/* The uncompressed public point. FALSE when der is not a P-256 key. */
bool kl_softkey_public(const uint8_t *der, size_t len, uint8_t point[65]);

/* ECDSA over a SHA-256 digest; raw is r || s. FALSE when der is not a P-256 key or random numbers fail. */
bool kl_softkey_sign(const uint8_t *der, size_t len, const uint8_t digest[32], uint8_t raw[64]);

/* Whether the DER signature over a SHA-256 digest is that of a P-256 key, given as its SubjectPublicKeyInfo (DER). */
bool kl_softkey_verify(const uint8_t spki[91], const uint8_t digest[32], const uint8_t *signature, size_t len);

bool kl_softkey_sha256(const uint8_t *bytes, size_t len, uint8_t digest[32]);

/* Overwrites a key's bytes in a way that the compiler keeps. */
void kl_softkey_wipe(uint8_t *bytes, size_t len);
