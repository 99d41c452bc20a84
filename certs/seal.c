#include "certs/seal.h"

#include <openssl/cms.h>
#include <openssl/pem.h>
#include <string.h>

#include "certs/ca_folder.h"
#include "certs/digest.h"
#include "certs/file.h"
#include "certs/openssl_error.h"
#include "certs/seal_internal.h"
#include "certs/signer_key_pkcs11.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CMS_ContentInfo, CMS_ContentInfo_free)

/* Never changes after opening. */
typedef struct {
    KlSeal base;
    X509 *x509;
    EVP_PKEY *key;
    char *pem;
    char *fingerprint;
    KlErrorCode sign_failure;
} Seal;

static const char *
certificate(KlSeal *seal)
{
    return ((Seal *)seal)->pem;
}

static const char *
fingerprint(KlSeal *seal)
{
    return ((Seal *)seal)->fingerprint;
}

static char *
sign(KlSeal *seal, const char *bytes, gsize length, GError **error)
{
    Seal *self = (Seal *)seal;
    guint8 signature[256];
    size_t size = sizeof signature;
    g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestSignInit(context, NULL, kl_sha256_algorithm(), NULL, self->key) != 1 ||
        EVP_DigestSign(context, signature, &size, (const guchar *)bytes, length) != 1) {
        kl_openssl_fail(error, self->sign_failure, "the seal's key did not sign");
        return NULL;
    }
    return g_base64_encode(signature, size);
}

static GBytes *
sign_detached(KlSeal *seal, const char *bytes, gsize length, GError **error)
{
    Seal *self = (Seal *)seal;
    guint flags = CMS_DETACHED | CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    g_return_val_if_fail(length <= G_MAXINT, NULL);
    g_autoptr(BIO) content = BIO_new_mem_buf(bytes, (int)length);
    g_autoptr(BIO) der = BIO_new(BIO_s_mem());
    g_autoptr(CMS_ContentInfo) cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    if (content == NULL || der == NULL || cms == NULL ||
        CMS_add1_signer(cms, self->x509, self->key, kl_sha256_algorithm(), flags) == NULL ||
        CMS_final(cms, content, NULL, flags) != 1 || i2d_CMS_bio(der, cms) != 1) {
        kl_openssl_fail(error, self->sign_failure, "the seal's key did not sign");
        return NULL;
    }
    char *data = NULL;
    long size = BIO_get_mem_data(der, &data);
    return g_bytes_new(data, (gsize)size);
}

static void
seal_free(KlSeal *seal)
{
    Seal *self = (Seal *)seal;
    EVP_PKEY_free(self->key);
    X509_free(self->x509);
    g_free(self->pem);
    g_free(self->fingerprint);
    g_free(self);
}

static const KlSealClass class = {
    .certificate = certificate,
    .fingerprint = fingerprint,
    .sign = sign,
    .sign_detached = sign_detached,
    .free = seal_free,
};

/* The codes of the CA's files, said of the seal's. */
static void
rename_code(GError **error)
{
    if (error == NULL || *error == NULL || (*error)->domain != KL_ERROR)
        return;
    if ((*error)->code == KL_ERROR_CA_MISSING || (*error)->code == KL_ERROR_CA_UNREADABLE)
        (*error)->code = KL_ERROR_SEAL_MISSING;
    else if ((*error)->code == KL_ERROR_CA_KEY_EXPOSED)
        (*error)->code = KL_ERROR_SEAL_EXPOSED;
    else if ((*error)->code == KL_ERROR_CA_KEY_MISMATCH || (*error)->code == KL_ERROR_CA_UNSUITABLE)
        (*error)->code = KL_ERROR_SEAL_WRONG;
}

static gboolean
load_certificate(Seal *self, const char *dir, GError **error)
{
    g_autofree char *path = kl_seal_path(dir, KL_SEAL_CERTIFICATE_FILE);
    g_autoptr(BIO) bio = kl_file_read(path, error);
    if (bio == NULL)
        return FALSE;
    char *text = NULL;
    long length = BIO_get_mem_data(bio, &text);
    self->x509 = kl_seal_certificate(text, (gsize)length, KL_ERROR_SEAL_MISSING, error);
    if (self->x509 == NULL) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    g_autoptr(BIO) pem = BIO_new(BIO_s_mem());
    if (pem == NULL || PEM_write_bio_X509(pem, self->x509) != 1)
        return kl_openssl_fail(error, KL_ERROR_INTERNAL, "%s can't be copied", path);
    length = BIO_get_mem_data(pem, &text);
    self->pem = g_strndup(text, (gsize)length);
    self->fingerprint = kl_seal_fingerprint(self->x509);
    return TRUE;
}

static EVP_PKEY *
load_file_key(const char *dir, GError **error)
{
    g_autofree char *path = kl_seal_path(dir, KL_SEAL_KEY_FILE);
    g_autoptr(BIO) bio = kl_file_read_key(path, error);
    if (bio == NULL)
        return NULL;
    /* An empty passphrase: a key that is encrypted must not make the program ask for one. */
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
    if (key == NULL)
        kl_openssl_fail(error, KL_ERROR_SEAL_MISSING, "%s is damaged", path);
    return key;
}

static gboolean
load_key(Seal *self, const char *dir, const char *key, GError **error)
{
    gboolean on_token = g_str_has_prefix(key, KL_CA_TOKEN_PREFIX);
    self->sign_failure = on_token ? KL_ERROR_TOKEN_FAILED : KL_ERROR_SEAL_WRONG;
    self->key =
        on_token ? kl_pkcs11_key_load(key, NULL, X509_get0_pubkey(self->x509), error) : load_file_key(dir, error);
    if (self->key == NULL)
        return FALSE;
    return X509_check_private_key(self->x509, self->key) == 1 ||
           kl_openssl_fail(error, KL_ERROR_SEAL_WRONG, "the seal's certificate is not its key's");
}

KlSeal *
kl_seal_open(const char *dir, const char *key, GError **error)
{
    g_autoptr(GError) failure = NULL;
    Seal *self = g_new0(Seal, 1);
    self->base.klass = &class;
    if (load_certificate(self, dir, &failure) && load_key(self, dir, key, &failure))
        return &self->base;
    rename_code(&failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    seal_free(&self->base);
    return NULL;
}
