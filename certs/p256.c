#include "certs/p256.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <string.h>

/* OBJECT IDENTIFIERs, whole: RFC 5480, sections 2.1.1 and 2.1.1.1. */
static const guint8 id_ec_public_key[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
static const guint8 secp256r1[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

const char *
kl_p256_point(KlDer spki, const guint8 **point)
{
    KlDerItem outer, algorithm, type, curve, bits;
    if (!kl_der_expect(&spki, KL_DER_SEQUENCE, &outer) || spki.length > 0 ||
        !kl_der_expect(&outer.content, KL_DER_SEQUENCE, &algorithm) ||
        !kl_der_expect(&outer.content, KL_DER_BIT_STRING, &bits) || outer.content.length > 0 ||
        !kl_der_expect(&algorithm.content, KL_DER_OID, &type))
        return "the public key is damaged";
    if (!kl_der_is(type.whole, id_ec_public_key, sizeof id_ec_public_key))
        return "the public key is not an elliptic curve key";
    if (!kl_der_expect(&algorithm.content, KL_DER_OID, &curve) || algorithm.content.length > 0)
        return "the public key is not on a named curve";
    if (!kl_der_is(curve.whole, secp256r1, sizeof secp256r1))
        return "the public key is not on P-256";
    /* One octet before the point counts the unused bits. */
    if (bits.content.length != 1 + KL_P256_POINT_SIZE || bits.content.data[0] != 0 || bits.content.data[1] != 0x04)
        return "the public key is not an uncompressed point";
    *point = bits.content.data + 1;
    return NULL;
}

EVP_PKEY *
kl_p256_key(const guint8 point[KL_P256_POINT_SIZE])
{
    guint8 octets[KL_P256_POINT_SIZE];
    char group[] = SN_X9_62_prime256v1;
    memcpy(octets, point, sizeof octets);
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group - 1),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, octets, sizeof octets),
        OSSL_PARAM_END,
    };
    EVP_PKEY *key = NULL;
    g_autoptr(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return key;
}

gboolean
kl_p256_verify(EVP_PKEY *key, const guint8 digest[KL_SHA256_SIZE], KlDer signature)
{
    if (signature.length > KL_P256_MAX_SIGNATURE)
        return FALSE;
    g_autoptr(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    gboolean good = context != NULL && EVP_PKEY_verify_init(context) == 1 &&
                    EVP_PKEY_verify(context, signature.data, signature.length, digest, KL_SHA256_SIZE) == 1;
    ERR_clear_error();
    return good;
}
