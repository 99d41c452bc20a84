#include "certs/made_key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <string.h>

#include "certs/digest.h"
#include "certs/openssl_auto.h"
#include "certs/openssl_error.h"
#include "certs/p256.h"
#include "station/secret.h"

#define SCALAR_SIZE 32
#define PEM_LINE 48 /* bytes in a line of 64 characters */

/* PrivateKeyInfo (RFC 5208) with an ECPrivateKey (RFC 5915) of P-256 in it: all of it is fixed but scalar and point.
 * OpenSSL's own encoder leaves copies of the key behind in memory that it frees. */
static const guint8 pkcs8_head[] = {
    0x30, 0x81, 0x87, 0x02, 0x01, 0x00,                         /* SEQUENCE, version 0 */
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, /* id-ecPublicKey */
    0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, /* prime256v1 */
    0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01,             /* OCTET STRING, SEQUENCE, version 1 */
    0x04, 0x20,                                                 /* the scalar */
};
static const guint8 point_head[] = {0xa1, 0x44, 0x03, 0x42, 0x00};

static const char pem_begin[] = "-----BEGIN PRIVATE KEY-----\n";
static const char pem_end[] = "-----END PRIVATE KEY-----\n";

/* The key on its way; wiped when done. */
typedef struct {
    guint8 der[sizeof pkcs8_head + SCALAR_SIZE + sizeof point_head + KL_P256_POINT_SIZE];
    char pem[320];
} Scratch;

static gboolean
write_der(EVP_PKEY *key, Scratch *scratch)
{
    guint8 *scalar = scratch->der + sizeof pkcs8_head;
    guint8 *point = scalar + SCALAR_SIZE + sizeof point_head;
    BIGNUM *number = NULL;
    size_t length = 0;
    memcpy(scratch->der, pkcs8_head, sizeof pkcs8_head);
    memcpy(scalar + SCALAR_SIZE, point_head, sizeof point_head);
    gboolean ok =
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
        BN_bn2binpad(number, scalar, SCALAR_SIZE) == SCALAR_SIZE &&
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, KL_P256_POINT_SIZE, &length) == 1 &&
        length == KL_P256_POINT_SIZE;
    BN_clear_free(number);
    return ok;
}

static GBytes *
write_pem(Scratch *scratch)
{
    char *at = g_stpcpy(scratch->pem, pem_begin);
    for (gsize done = 0; done < sizeof scratch->der; done += PEM_LINE) {
        int size = (int)MIN(PEM_LINE, sizeof scratch->der - done);
        at += EVP_EncodeBlock((guchar *)at, scratch->der + done, size);
        *at++ = '\n';
    }
    at = g_stpcpy(at, pem_end);
    return kl_secret_bytes(scratch->pem, (gsize)(at - scratch->pem));
}

static GBytes *
make_request(EVP_PKEY *key, const char *common_name)
{
    g_autoptr(X509_REQ) request = X509_REQ_new();
    X509_NAME *name = request != NULL ? X509_REQ_get_subject_name(request) : NULL;
    guchar *der = NULL;
    if (name == NULL || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const guchar *)common_name, -1, -1, 0) != 1 ||
        X509_REQ_set_pubkey(request, key) != 1 || X509_REQ_sign(request, key, kl_sha256_algorithm()) <= 0)
        return NULL;
    int length = i2d_X509_REQ(request, &der);
    GBytes *bytes = length > 0 ? g_bytes_new(der, (gsize)length) : NULL;
    OPENSSL_free(der);
    return bytes;
}

GBytes *
kl_made_key(const char *common_name, GBytes **csr, GError **error)
{
    Scratch scratch = {0};
    GBytes *pem = NULL;
    g_autoptr(EVP_PKEY) key = EVP_EC_gen(SN_X9_62_prime256v1);
    g_autoptr(GBytes) request = key != NULL ? make_request(key, common_name) : NULL;
    if (request != NULL && write_der(key, &scratch))
        pem = write_pem(&scratch);
    OPENSSL_cleanse(&scratch, sizeof scratch);
    if (pem == NULL)
        kl_openssl_fail(error, KL_ERROR_INTERNAL, "no key can be made for \"%s\"", common_name);
    else
        *csr = g_steal_pointer(&request);
    return pem;
}
