#include "certs/ca_folder.h"

#include <string.h>
#include <unistd.h>

#include "certs/certificate_der.h"
#include "certs/certificate_text.h"
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
        kl_x509_describe(text, sk_X509_value(chain, i));
        if (i > 0)
            continue;
        g_autofree char *path = kl_ca_folder_path(dir, KL_CA_KEY_FILE);
        gboolean here = g_file_test(path, G_FILE_TEST_IS_REGULAR);
        g_string_append_printf(text, "Private key:  %s\n", here ? path : "not in this folder (on a token)");
    }
    return g_string_free(text, FALSE);
}
