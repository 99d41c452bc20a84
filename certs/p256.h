/* P-256 public keys and signatures, without OpenSSL's slow general decoder. */
#pragma once

#include "certs/der.h"
#include "certs/digest.h"
#include "certs/openssl_auto.h"

G_BEGIN_DECLS

/* An uncompressed point: 04 || X || Y. */
#define KL_P256_POINT_SIZE 65
/* DER of two INTEGERs of up to 33 octets in a SEQUENCE. */
#define KL_P256_MAX_SIGNATURE 72

/* Finds the point in a SubjectPublicKeyInfo that is id-ecPublicKey over the named curve P-256, uncompressed: the only
 * form that is taken, so that one key has one hash. Returns NULL and sets *point (borrowed from spki), or what is
 * wrong (static text). Does not check that the point is on the curve: kl_p256_key() does. */
const char *kl_p256_point(KlDer spki, const guint8 **point);

/* The key of an uncompressed point, or NULL (with OpenSSL's queue saying why) when it is not on the curve. */
EVP_PKEY *kl_p256_key(const guint8 point[KL_P256_POINT_SIZE]);

/* TRUE when signature is the key's ECDSA signature, in DER, of that digest. Leaves OpenSSL's queue empty. */
gboolean kl_p256_verify(EVP_PKEY *key, const guint8 digest[KL_SHA256_SIZE], KlDer signature);

G_END_DECLS
