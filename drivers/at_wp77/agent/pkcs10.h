/* The DER that the agent writes itself: the public key, ECDSA signatures and certificate requests of P-256 keys.
 * It needs no crypto library, because the module's keystore gives only a point and raw signatures. Plain C. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KL_P256_POINT_SIZE 65     /* uncompressed: 0x04, X, Y (SEC 1, 2.3.3) */
#define KL_P256_SIGNATURE_SIZE 64 /* raw: r, s, 32 bytes each, big-endian */
#define KL_P256_SPKI_SIZE 91
#define KL_ECDSA_DER_MAX 72
#define KL_PKCS10_CN_MAX 64 /* ub-common-name of RFC 5280 */
#define KL_PKCS10_MAX 512   /* larger than any request with a CN of at most KL_PKCS10_CN_MAX bytes */

/* SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480). FALSE when the point is not of the uncompressed form.
 */
bool kl_p256_spki(const uint8_t point[KL_P256_POINT_SIZE], uint8_t out[KL_P256_SPKI_SIZE]);

/* Ecdsa-Sig-Value (RFC 3279, 2.2.3) of a raw signature as le_iks_ecc returns it. FALSE when r or s is zero. */
bool kl_ecdsa_der(const uint8_t raw[KL_P256_SIGNATURE_SIZE], uint8_t out[KL_ECDSA_DER_MAX], size_t *len);

/* CertificationRequestInfo (RFC 2986): version 0, subject with one CN (UTF8String), the key, no attributes.
 * Its SHA-256 is what has to be signed. FALSE when the CN is empty or too long or the point is not valid. */
bool kl_pkcs10_info(const char *cn, const uint8_t point[KL_P256_POINT_SIZE], uint8_t out[KL_PKCS10_MAX], size_t *len);

/* CertificationRequest of an info of kl_pkcs10_info and its raw signature, ecdsa-with-SHA256 (RFC 5758). */
bool kl_pkcs10_request(const uint8_t *info, size_t info_len, const uint8_t raw[KL_P256_SIGNATURE_SIZE],
                       uint8_t out[KL_PKCS10_MAX], size_t *len);
