#include "station/mqtt/private_pki.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include "station/error.h"

#define BEFORE_S (-3600)
#define AFTER_S (7 * 24 * 3600)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_EXTENSION, X509_EXTENSION_free)

/* A key and its certificate. */
typedef struct {
    EVP_PKEY *key;
    X509 *certificate;
} Pair;

static void
pair_clear(Pair *pair)
{
    EVP_PKEY_free(pair->key);
    X509_free(pair->certificate);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pair, pair_clear)

static gboolean
openssl_fail(GError **error, const char *what)
{
    char reason[256] = "";
    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
    ERR_clear_error();
    return kl_fail(error, KL_ERROR_INTERNAL, "%s: %s", what, reason);
}

static gboolean
set_serial(X509 *certificate)
{
    guint8 bytes[8];
    guint64 serial = 0;
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return FALSE;
    memcpy(&serial, bytes, sizeof serial);
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1;
}

static gboolean
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    g_autoptr(X509_EXTENSION) extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    return extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
}

typedef struct {
    int nid;
    const char *value;
} Extension;

/* Makes a key and its certificate, signed by the issuer, or by itself. */
static gboolean
make(Pair *pair, const Pair *issuer, const char *name, const Extension *extensions, GError **error)
{
    const guchar *text = (const guchar *)name;
    pair->key = EVP_EC_gen("P-256");
    pair->certificate = X509_new();
    X509 *certificate = pair->certificate, *by = issuer != NULL ? issuer->certificate : certificate;
    gboolean ok =
        pair->key != NULL && certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
        set_serial(certificate) && X509_gmtime_adj(X509_getm_notBefore(certificate), BEFORE_S) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), AFTER_S) != NULL &&
        X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1 &&
        X509_set_issuer_name(certificate, X509_get_subject_name(by)) == 1 &&
        X509_set_pubkey(certificate, pair->key) == 1;
    for (const Extension *extension = extensions; ok && extension->value != NULL; extension++)
        ok = add_extension(certificate, by, extension->nid, extension->value);
    ok = ok && X509_sign(certificate, issuer != NULL ? issuer->key : pair->key, EVP_sha256()) > 0;
    return ok || openssl_fail(error, name);
}

/* Keys are for nobody else from their first moment. */
static gboolean
write_file(const char *folder, const char *name, X509 *certificate, EVP_PKEY *key, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    g_autoptr(BIO) bio = fd >= 0 ? BIO_new_fd(fd, BIO_CLOSE) : NULL;
    if (bio == NULL)
        return kl_fail(error, KL_ERROR_FILE_FAILED, "%s: %s", path, g_strerror(errno));
    gboolean ok = certificate != NULL ? PEM_write_bio_X509(bio, certificate) == 1
                                      : PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    return ok || openssl_fail(error, path);
}

static gboolean
write_pair(const char *folder, const char *certificate, const char *key, const Pair *pair, GError **error)
{
    return write_file(folder, certificate, pair->certificate, NULL, error) &&
           write_file(folder, key, NULL, pair->key, error);
}

static char *
sha256_of(X509 *certificate)
{
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    g_autoptr(GString) hex = g_string_new(NULL);
    if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1)
        return NULL;
    for (unsigned i = 0; i < length; i++)
        g_string_append_printf(hex, "%02x", digest[i]);
    return g_string_free(g_steal_pointer(&hex), FALSE);
}

#define LEAF_USES                                                                                                      \
    {NID_basic_constraints, "critical,CA:FALSE"},                                                                      \
    {                                                                                                                  \
        NID_key_usage, "critical,digitalSignature"                                                                     \
    }

gboolean
kl_private_pki_make(const char *folder, const char *name, const char *address, const char *service, char **sha256,
                    GError **error)
{
    g_autofree char *names = g_strdup_printf("DNS:%s,IP:%s", name, address);
    const Extension authority_uses[] = {
        {NID_basic_constraints, "critical,CA:TRUE"}, {NID_key_usage, "critical,keyCertSign"}, {0, NULL}};
    const Extension broker_uses[] = {
        LEAF_USES, {NID_ext_key_usage, "serverAuth"}, {NID_subject_alt_name, names}, {0, NULL}};
    const Extension service_uses[] = {LEAF_USES, {NID_ext_key_usage, "clientAuth"}, {0, NULL}};
    g_auto(Pair) authority = {NULL, NULL}, broker = {NULL, NULL}, client = {NULL, NULL};
    if (!make(&authority, NULL, "Private broker", authority_uses, error) ||
        !make(&broker, &authority, "broker", broker_uses, error) ||
        !make(&client, &authority, service, service_uses, error) ||
        !write_file(folder, KL_PRIVATE_CA, authority.certificate, NULL, error) ||
        !write_pair(folder, KL_PRIVATE_BROKER, KL_PRIVATE_BROKER_KEY, &broker, error) ||
        !write_pair(folder, KL_PRIVATE_SERVICE, KL_PRIVATE_SERVICE_KEY, &client, error))
        return FALSE;
    *sha256 = sha256_of(broker.certificate);
    return *sha256 != NULL || openssl_fail(error, "SHA-256");
}
