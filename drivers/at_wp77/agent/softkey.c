#include "softkey.h"

#include "pkcs10.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

static bool
write_pkcs8(EVP_PKEY *key, uint8_t der[KL_SOFTKEY_MAX], size_t *len)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    if (info == NULL)
        return false;
    uint8_t *at = der;
    int size = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
    bool ok = size > 0 && size <= KL_SOFTKEY_MAX && i2d_PKCS8_PRIV_KEY_INFO(info, &at) == size;
    *len = ok ? (size_t)size : 0;
    PKCS8_PRIV_KEY_INFO_free(info);
    return ok;
}

static EVP_PKEY *
generate(EVP_PKEY_CTX *context)
{
    EVP_PKEY *key = NULL;
    if (context == NULL || EVP_PKEY_keygen_init(context) <= 0 ||
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) <= 0 ||
        EVP_PKEY_CTX_set_ec_param_enc(context, OPENSSL_EC_NAMED_CURVE) <= 0 || EVP_PKEY_keygen(context, &key) <= 0)
        return NULL;
    return key;
}

bool
kl_softkey_generate(uint8_t der[KL_SOFTKEY_MAX], size_t *len)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    EVP_PKEY *key = generate(context);
    bool ok = key != NULL && write_pkcs8(key, der, len);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(context);
    return ok;
}

static EVP_PKEY *
load(const uint8_t *der, size_t len)
{
    if (len > KL_SOFTKEY_MAX)
        return NULL;
    const uint8_t *at = der;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)len);
    EVP_PKEY *key = info != NULL ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return key;
}

/* The key is on P-256 exactly when OpenSSL's SPKI is the one that we would write for its point. */
static bool
read_point(EVP_PKEY *key, uint8_t point[KL_P256_POINT_SIZE])
{
    uint8_t spki[KL_P256_SPKI_SIZE];
    uint8_t expected[KL_P256_SPKI_SIZE];
    uint8_t *at = spki;
    if (i2d_PUBKEY(key, NULL) != KL_P256_SPKI_SIZE || i2d_PUBKEY(key, &at) != KL_P256_SPKI_SIZE)
        return false;
    memcpy(point, spki + KL_P256_SPKI_SIZE - KL_P256_POINT_SIZE, KL_P256_POINT_SIZE);
    return kl_p256_spki(point, expected) && memcmp(spki, expected, sizeof spki) == 0;
}

bool
kl_softkey_public(const uint8_t *der, size_t len, uint8_t point[65])
{
    EVP_PKEY *key = load(der, len);
    bool ok = key != NULL && read_point(key, point);
    EVP_PKEY_free(key);
    return ok;
}

static bool
split_signature(const uint8_t *der, size_t len, uint8_t raw[KL_P256_SIGNATURE_SIZE])
{
    const int half = KL_P256_SIGNATURE_SIZE / 2;
    const uint8_t *at = der;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)len);
    if (signature == NULL)
        return false;
    const BIGNUM *r = NULL;
    const BIGNUM *s = NULL;
    ECDSA_SIG_get0(signature, &r, &s);
    bool ok = BN_bn2binpad(r, raw, half) == half && BN_bn2binpad(s, raw + half, half) == half;
    ECDSA_SIG_free(signature);
    return ok;
}

static bool
sign(EVP_PKEY_CTX *context, const uint8_t digest[32], uint8_t raw[KL_P256_SIGNATURE_SIZE])
{
    uint8_t der[KL_ECDSA_DER_MAX];
    size_t len = sizeof der;
    return context != NULL && EVP_PKEY_sign_init(context) > 0 &&
           EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) > 0 &&
           EVP_PKEY_sign(context, der, &len, digest, 32) > 0 && split_signature(der, len, raw);
}

bool
kl_softkey_sign(const uint8_t *der, size_t len, const uint8_t digest[32], uint8_t raw[64])
{
    uint8_t point[KL_P256_POINT_SIZE];
    EVP_PKEY *key = load(der, len);
    if (key == NULL)
        return false;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool ok = read_point(key, point) && sign(context, digest, raw);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return ok;
}

bool
kl_softkey_verify(const uint8_t spki[KL_P256_SPKI_SIZE], const uint8_t digest[32], const uint8_t *signature, size_t len)
{
    const uint8_t *at = spki;
    uint8_t point[KL_P256_POINT_SIZE];
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, KL_P256_SPKI_SIZE);
    EVP_PKEY_CTX *context = key != NULL && read_point(key, point) ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    bool ok = context != NULL && EVP_PKEY_verify_init(context) > 0 &&
              EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) > 0 &&
              EVP_PKEY_verify(context, signature, len, digest, 32) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ok;
}

bool
kl_softkey_sha256(const uint8_t *bytes, size_t len, uint8_t digest[32])
{
    return EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL) == 1;
}

void
kl_softkey_wipe(uint8_t *bytes, size_t len)
{
    OPENSSL_cleanse(bytes, len);
}
