#include "certs/signer_key_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

#include "certs/file.h"
#include "certs/openssl_error.h"

/* 16 MiB and about a quarter of a second a try. OpenSSL takes at most 32 MiB when it reads such a file back. */
#define SCRYPT_N 16384
#define SCRYPT_R 8
#define SCRYPT_P 5
#define SALT_SIZE 16

static gboolean
has_passphrase(const KlSecret *passphrase, const char *what, GError **error)
{
    if (passphrase != NULL && kl_secret_length(passphrase) > 0)
        return TRUE;
    return kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "%s: no passphrase", what);
}

/* The first PEM block of a key file, if it is an encrypted PKCS#8. */
static X509_SIG *
read_encrypted(BIO *bio, const char *path, GError **error)
{
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long length = 0;
    if (PEM_read_bio(bio, &name, &header, &data, &length) != 1) {
        kl_openssl_fail(error, KL_ERROR_CA_UNREADABLE, "%s: no key in PEM form", path);
        return NULL;
    }
    X509_SIG *encrypted = NULL;
    const unsigned char *at = data;
    if (strcmp(name, PEM_STRING_PKCS8) == 0) {
        encrypted = d2i_X509_SIG(NULL, &at, length);
        if (encrypted == NULL)
            kl_openssl_fail(error, KL_ERROR_CA_UNREADABLE, "%s: encrypted key is damaged", path);
    } else if (g_str_has_suffix(name, "PRIVATE KEY") && strstr(header, "ENCRYPTED") == NULL) {
        kl_fail(error, KL_ERROR_CA_KEY_CLEAR, "%s: key is not encrypted", path);
    } else {
        kl_fail(error, KL_ERROR_CA_UNREADABLE, "%s: \"%s\" is not an encrypted PKCS#8 key", path, name);
    }
    OPENSSL_clear_free(data, (size_t)length);
    OPENSSL_free(name);
    OPENSSL_free(header);
    return encrypted;
}

EVP_PKEY *
kl_key_file_load(const char *path, const KlSecret *passphrase, GError **error)
{
    g_autoptr(BIO) bio = kl_file_read_key(path, error);
    g_autoptr(X509_SIG) encrypted = bio != NULL ? read_encrypted(bio, path, error) : NULL;
    if (encrypted == NULL || !has_passphrase(passphrase, path, error))
        return NULL;
    const X509_ALGOR *algorithm = NULL;
    X509_SIG_get0(encrypted, &algorithm, NULL);
    if (OBJ_obj2nid(algorithm->algorithm) != NID_pbes2) {
        kl_fail(error, KL_ERROR_CA_UNREADABLE, "%s: key is not encrypted by PBES2", path);
        return NULL;
    }
    g_autoptr(PKCS8_PRIV_KEY_INFO) info =
        PKCS8_decrypt(encrypted, kl_secret_peek(passphrase), (int)kl_secret_length(passphrase));
    if (info == NULL) {
        kl_openssl_fail(error, KL_ERROR_PASSPHRASE_WRONG, "%s: key can't be decrypted", path);
        return NULL;
    }
    EVP_PKEY *key = EVP_PKCS82PKEY(info);
    if (key == NULL)
        kl_openssl_fail(error, KL_ERROR_CA_UNREADABLE, "%s: key can't be decoded", path);
    ERR_clear_error();
    return key;
}

typedef struct {
    const KlSecret *passphrase;
    gboolean asked;
} Answer;

/* OpenSSL's own callback would ask on the terminal; this one never does. */
static int
answer_passphrase(char *buffer, int size, int writing, void *data)
{
    Answer *answer = data;
    answer->asked = TRUE;
    if (answer->passphrase == NULL || kl_secret_length(answer->passphrase) > (gsize)size)
        return -1;
    memcpy(buffer, kl_secret_peek(answer->passphrase), kl_secret_length(answer->passphrase));
    return (int)kl_secret_length(answer->passphrase);
}

EVP_PKEY *
kl_key_file_import(const char *path, const KlSecret *passphrase, GError **error)
{
    g_autoptr(BIO) bio = kl_file_read_key(path, error);
    if (bio == NULL)
        return NULL;
    Answer answer = {passphrase, FALSE};
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, answer_passphrase, &answer);
    if (key != NULL) {
        ERR_clear_error();
        return key;
    }
    if (!answer.asked)
        kl_openssl_fail(error, KL_ERROR_CA_UNREADABLE, "%s: no private key in PEM form", path);
    else if (passphrase == NULL)
        kl_openssl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "%s: key is encrypted, no passphrase", path);
    else
        kl_openssl_fail(error, KL_ERROR_PASSPHRASE_WRONG, "%s: key can't be decrypted", path);
    return NULL;
}

BIO *
kl_key_file_encrypt(EVP_PKEY *key, const KlSecret *passphrase, GError **error)
{
    if (!has_passphrase(passphrase, "CA key", error))
        return NULL;
    g_autoptr(PKCS8_PRIV_KEY_INFO) info = EVP_PKEY2PKCS8(key);
    g_autoptr(X509_ALGOR) scheme =
        PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, SALT_SIZE, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
    g_autoptr(X509_SIG) encrypted = NULL;
    g_autoptr(BIO) pem = BIO_new(BIO_s_mem());
    if (info != NULL && scheme != NULL)
        encrypted = PKCS8_set0_pbe(kl_secret_peek(passphrase), (int)kl_secret_length(passphrase), info, scheme);
    if (encrypted != NULL)
        g_steal_pointer(&scheme); /* now a part of encrypted */
    if (encrypted == NULL || pem == NULL || PEM_write_bio_PKCS8(pem, encrypted) != 1) {
        kl_openssl_fail(error, KL_ERROR_INTERNAL, "CA key can't be encrypted");
        return NULL;
    }
    return g_steal_pointer(&pem);
}
