/* The way in for a key that can't be read is EC_KEY_METHOD, which OpenSSL 1.1.1 and 3 both have: deprecated in 3, whose
 * successor (a provider) would be a program of its own. It stays inside this file. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "boot_key.h"

#include "pkcs10.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <stdio.h>
#include <stdlib.h>

#define HALF (KL_P256_SIGNATURE_SIZE / 2)

typedef struct {
    const KlAgentOps *ops;
    void *data;
    char slot[KL_AGENT_SLOT_MAX + 1];
} StoredKey;

static EC_KEY_METHOD *method;
static int key_index = -1;

/* EC_KEY_METHOD's sign_sig. Longer digests than SHA-256 are cut to the group's size, as ECDSA says; shorter ones are
 * never asked for in TLS 1.2 and later with this key. */
static ECDSA_SIG *
sign_in_store(const unsigned char *digest, int digest_len, const BIGNUM *kinv, const BIGNUM *rp, EC_KEY *ec)
{
    const StoredKey *key = EC_KEY_get_ex_data(ec, key_index);
    uint8_t raw[KL_P256_SIGNATURE_SIZE];
    if (key == NULL || digest_len < KL_AGENT_HASH_SIZE || key->ops->key_sign(key->data, key->slot, digest, raw) != 0)
        return NULL;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, HALF, NULL);
    BIGNUM *s = BN_bin2bn(raw + HALF, HALF, NULL);
    if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1)
        return signature;
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    return NULL;
}

/* Called when the last reference to a key goes. */
static void
free_stored(void *parent, void *key, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
    free(key);
}

static void
make_method(void)
{
    int (*sign)(int, const unsigned char *, int, unsigned char *, unsigned int *, const BIGNUM *, const BIGNUM *,
                EC_KEY *) = NULL;
    int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **) = NULL;
    method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    key_index = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, free_stored);
    if (method == NULL)
        return;
    EC_KEY_METHOD_get_sign(method, &sign, &setup, NULL);
    EC_KEY_METHOD_set_sign(method, sign, setup, sign_in_store);
}

/* An EC_KEY of that public point whose signatures are to come from the store. */
static EC_KEY *
make_ec_key(const uint8_t point[KL_P256_POINT_SIZE])
{
    EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    if (ec != NULL && EC_KEY_oct2key(ec, point, KL_P256_POINT_SIZE, NULL) == 1 && EC_KEY_set_method(ec, method) == 1)
        return ec;
    EC_KEY_free(ec);
    return NULL;
}

EVP_PKEY *
kl_boot_key(const KlAgentOps *ops, void *data, const char *slot)
{
    static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
    uint8_t point[KL_P256_POINT_SIZE];
    if (CRYPTO_THREAD_run_once(&once, make_method) != 1 || method == NULL || key_index < 0 ||
        ops->key_public(data, slot, point) != 0)
        return NULL;
    EC_KEY *ec = make_ec_key(point);
    StoredKey *key = calloc(1, sizeof *key);
    EVP_PKEY *result = EVP_PKEY_new();
    if (ec != NULL && key != NULL && EC_KEY_set_ex_data(ec, key_index, key) == 1) {
        key->ops = ops;
        key->data = data;
        snprintf(key->slot, sizeof key->slot, "%s", slot);
        key = NULL; /* the EC_KEY's now */
        if (result != NULL && EVP_PKEY_assign_EC_KEY(result, ec) == 1)
            return result;
    }
    free(key);
    EC_KEY_free(ec);
    EVP_PKEY_free(result);
    return NULL;
}
