/* The seal's files: making them, and making room for others. */
#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "certs/ca_internal.h"
#include "certs/file.h"
#include "certs/openssl_error.h"
#include "certs/seal_internal.h"

#define YEARS_25 9131

/* DER: CA:FALSE; digitalSignature and contentCommitment. */
static const KlExtension seal_extensions[] = {
    {NID_basic_constraints, TRUE, {(const guint8 *)"\x30\x00", 2}},
    {NID_key_usage, TRUE, {(const guint8 *)"\x03\x02\x06\xc0", 4}},
};

static const char *const files[] = {KL_SEAL_KEY_FILE, KL_SEAL_CERTIFICATE_FILE};

char *
kl_seal_path(const char *dir, const char *file)
{
    return g_build_filename(dir, "audit", file, NULL);
}

gboolean
kl_seal_exists(const char *dir)
{
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = kl_seal_path(dir, files[i]);
        if (g_file_test(path, G_FILE_TEST_EXISTS | G_FILE_TEST_IS_SYMLINK))
            return TRUE;
    }
    return FALSE;
}

static gboolean
write_key(const char *dir, EVP_PKEY *key, GError **error)
{
    g_autofree char *path = kl_seal_path(dir, KL_SEAL_KEY_FILE);
    g_autoptr(BIO) bio = BIO_new(BIO_s_secmem());
    if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return kl_openssl_fail(error, KL_ERROR_INTERNAL, "%s can't be made", path);
    char *text = NULL;
    long length = BIO_get_mem_data(bio, &text);
    return kl_file_write(path, text, (gsize)length, 0600, FALSE, error);
}

static gboolean
write_certificate(const char *dir, X509 *certificate, GError **error)
{
    g_autofree char *path = kl_seal_path(dir, KL_SEAL_CERTIFICATE_FILE);
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio_X509(bio, certificate) != 1)
        return kl_openssl_fail(error, KL_ERROR_INTERNAL, "%s can't be made", path);
    char *text = NULL;
    long length = BIO_get_mem_data(bio, &text);
    return kl_file_write(path, text, (gsize)length, 0644, FALSE, error);
}

/* The certificate first: one without a key has signed nothing, and is made anew when the power went in between. */
gboolean
kl_seal_make(const char *dir, const char *station, gint64 now, GError **error)
{
    g_autofree char *folder = g_build_filename(dir, "audit", NULL);
    g_autofree char *key_path = kl_seal_path(dir, KL_SEAL_KEY_FILE);
    g_autofree char *certificate_path = kl_seal_path(dir, KL_SEAL_CERTIFICATE_FILE);
    if (!kl_file_private_folder(folder, error))
        return FALSE;
    if (g_file_test(key_path, G_FILE_TEST_EXISTS | G_FILE_TEST_IS_SYMLINK))
        return TRUE;
    if (remove(certificate_path) != 0 && errno != ENOENT)
        return kl_fail(error, KL_ERROR_STORE_FAILED, "%s: %s", certificate_path, g_strerror(errno));
    g_autoptr(EVP_PKEY) key = EVP_EC_gen(SN_X9_62_prime256v1);
    if (key == NULL)
        return kl_openssl_fail(error, KL_ERROR_INTERNAL, "the seal's key can't be made");
    /* Valid since yesterday: who checks it may have a clock that is behind. */
    g_autoptr(X509) certificate = kl_make_self_signed(key, station, YEARS_25, now - KL_SECONDS_PER_DAY, seal_extensions,
                                                      G_N_ELEMENTS(seal_extensions), error);
    return certificate != NULL && write_certificate(dir, certificate, error) && write_key(dir, key, error);
}

gboolean
kl_seal_put_aside(const char *dir, gint64 now, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = kl_seal_path(dir, files[i]);
        g_autofree char *aside = g_strdup_printf("%s.%" G_GINT64_FORMAT, path, now);
        if (rename(path, aside) != 0 && errno != ENOENT)
            return kl_fail(error, KL_ERROR_STORE_FAILED, "%s: %s", path, g_strerror(errno));
    }
    return TRUE;
}
