#include "drivers/at_wp77/sim/sim_csr.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_REQ, X509_REQ_free)

static EVP_PKEY *
make_rsa512(void)
{
    EVP_PKEY *key = NULL;
    g_autoptr(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    if (context == NULL || EVP_PKEY_keygen_init(context) <= 0 || EVP_PKEY_CTX_set_rsa_keygen_bits(context, 512) <= 0 ||
        EVP_PKEY_keygen(context, &key) <= 0)
        return NULL;
    return key;
}

GBytes *
kl_sim_rsa512_csr(const char *common_name)
{
    g_autoptr(EVP_PKEY) key = make_rsa512();
    g_autoptr(X509_REQ) request = X509_REQ_new();
    if (key == NULL || request == NULL || X509_REQ_set_version(request, 0) != 1 ||
        X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_commonName, MBSTRING_UTF8,
                                   (const guchar *)common_name, -1, -1, 0) != 1 ||
        X509_REQ_set_pubkey(request, key) != 1 || X509_REQ_sign(request, key, EVP_sha256()) <= 0)
        return NULL;
    guchar *der = NULL;
    int len = i2d_X509_REQ(request, &der);
    if (len <= 0)
        return NULL;
    GBytes *bytes = g_bytes_new(der, (gsize)len);
    OPENSSL_free(der);
    return bytes;
}
