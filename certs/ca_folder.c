#include "certs/ca_folder.h"

#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <string.h>
#include <unistd.h>

#include "certs/certificate_der.h"
#include "certs/digest.h"
#include "certs/file.h"
#include "certs/openssl_error.h"

char *
kl_ca_folder_path(const char *dir, const char *file)
{
    return g_build_filename(dir, "ca", file, NULL);
}

KlX509Stack *
kl_ca_folder_chain(const char *dir, GError **error)
{
    g_autofree char *path = kl_ca_folder_path(dir, KL_CA_CERTIFICATE_FILE);
    g_autoptr(BIO) bio = kl_file_read(path, error);
    if (bio == NULL)
        return NULL;
    char *text = NULL;
    long length = BIO_get_mem_data(bio, &text);
    g_autoptr(KlX509Stack) chain = kl_x509_stack_parse(text, (gsize)length, KL_ERROR_CA_UNREADABLE, error);
    if (chain == NULL)
        g_prefix_error(error, "%s: ", path);
    return g_steal_pointer(&chain);
}

char *
kl_ca_read_chain(const char *dir, GError **error)
{
    g_autoptr(KlX509Stack) chain = kl_ca_folder_chain(dir, error);
    return chain != NULL ? kl_x509_stack_pem(chain) : NULL;
}

gboolean
kl_ca_folder_is_free(const char *dir, GError **error)
{
    static const char *const files[] = {KL_CA_CERTIFICATE_FILE, KL_CA_KEY_FILE};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = kl_ca_folder_path(dir, files[i]);
        if (g_file_test(path, G_FILE_TEST_EXISTS | G_FILE_TEST_IS_SYMLINK))
            return kl_fail(error, KL_ERROR_CA_EXISTS, "%s exists", path);
    }
    return TRUE;
}

gboolean
kl_ca_folder_write(const char *dir, BIO *key_pem, const char *chain_pem, GError **error)
{
    g_autofree char *folder = g_build_filename(dir, "ca", NULL);
    g_autofree char *key_path = kl_ca_folder_path(dir, KL_CA_KEY_FILE);
    g_autofree char *certificate_path = kl_ca_folder_path(dir, KL_CA_CERTIFICATE_FILE);
    if (!kl_file_private_folder(folder, error) || !kl_ca_folder_is_free(dir, error))
        return FALSE;
    if (key_pem != NULL) {
        char *text = NULL;
        long length = BIO_get_mem_data(key_pem, &text);
        if (!kl_file_write(key_path, text, (gsize)length, 0600, FALSE, error))
            return FALSE;
    }
    if (kl_file_write(certificate_path, chain_pem, strlen(chain_pem), 0644, FALSE, error))
        return TRUE;
    /* A key that has signed nothing but its own certificate would only stand in the way of the next attempt. */
    if (key_pem != NULL && access(certificate_path, F_OK) != 0)
        unlink(key_path);
    return FALSE;
}

char *
kl_ca_write_crl(const char *dir, const char *pem, GError **error)
{
    g_autofree char *path = kl_ca_folder_path(dir, KL_CA_CRL_FILE);
    if (!kl_file_write(path, pem, strlen(pem), 0644, TRUE, error))
        return NULL;
    return g_steal_pointer(&path);
}

static char *
time_text(const ASN1_TIME *time)
{
    gint64 seconds = 0;
    g_autoptr(GDateTime) date = kl_time_seconds(time, &seconds) ? g_date_time_new_from_unix_utc(seconds) : NULL;
    return date != NULL ? g_date_time_format(date, "%Y-%m-%d %H:%M:%S UTC") : g_strdup("unreadable");
}

static char *
key_text(X509 *certificate)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    char group[32] = "";
    if (key != NULL && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1) {
        const char *name = EC_curve_nid2nist(OBJ_txt2nid(group));
        return g_strdup(name != NULL ? name : group);
    }
    return key != NULL ? g_strdup_printf("%s, %d bits", EVP_PKEY_get0_type_name(key), EVP_PKEY_get_bits(key))
                       : g_strdup("unreadable");
}

/* One certificate as lines of "name: value". */
static void
describe_certificate(GString *text, X509 *x509)
{
    unsigned char *der = NULL;
    int length = i2d_X509(x509, &der);
    g_autofree char *fingerprint = length > 0 ? kl_sha256_hex(der, (gsize)length) : g_strdup("unreadable");
    OPENSSL_free(der);
    g_autofree char *subject = kl_name_text(X509_get_subject_name(x509));
    g_autofree char *issuer = kl_name_text(X509_get_issuer_name(x509));
    g_autofree char *serial = kl_serial_text(X509_get0_serialNumber(x509));
    g_autofree char *from = time_text(X509_get0_notBefore(x509));
    g_autofree char *to = time_text(X509_get0_notAfter(x509));
    g_autofree char *key = key_text(x509);
    g_string_append_printf(text,
                           "Subject:      %s\n"
                           "Issuer:       %s\n"
                           "Serial:       %s\n"
                           "Valid from:   %s\n"
                           "Valid until:  %s\n"
                           "Key:          %s\n"
                           "SHA-256:      %s\n",
                           subject, issuer, serial, from, to, key, fingerprint);
}

char *
kl_ca_describe(const char *dir, GError **error)
{
    g_autoptr(KlX509Stack) chain = kl_ca_folder_chain(dir, error);
    if (chain == NULL)
        return NULL;
    GString *text = g_string_new(NULL);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        if (i > 0)
            g_string_append(text, "\nissued by\n\n");
        describe_certificate(text, sk_X509_value(chain, i));
        if (i > 0)
            continue;
        g_autofree char *path = kl_ca_folder_path(dir, KL_CA_KEY_FILE);
        gboolean here = g_file_test(path, G_FILE_TEST_IS_REGULAR);
        g_string_append_printf(text, "Private key:  %s\n", here ? path : "not in this folder (on a token)");
    }
    return g_string_free(text, FALSE);
}
