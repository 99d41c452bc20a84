/* Making a CA and taking one over. */
#include "certs/ca_internal.h"

#include <string.h>

#include "certs/ca_folder.h"
#include "certs/certificate_der.h"
#include "certs/digest.h"
#include "certs/extensions.h"
#include "certs/file.h"
#include "certs/openssl_error.h"
#include "certs/signer_key_file.h"
#include "certs/signer_key_pkcs11.h"

#define MAX_DAYS 36525

/* DER: CA:TRUE, pathlen 0; keyCertSign and cRLSign. */
static const KlExtension ca_extensions[] = {
    {NID_basic_constraints, TRUE, {(const guint8 *)"\x30\x06\x01\x01\xff\x02\x01\x00", 8}},
    {NID_key_usage, TRUE, {(const guint8 *)"\x03\x02\x01\x06", 4}},
};

X509 *
kl_make_self_signed(EVP_PKEY *key, const char *common_name, guint days, gint64 now, const KlExtension *extensions,
                    gsize n_extensions, GError **error)
{
    g_autoptr(X509) x509 = X509_new();
    X509_NAME *name = x509 != NULL ? X509_get_subject_name(x509) : NULL;
    if (name == NULL ||
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const guchar *)common_name, -1, -1, 0) != 1) {
        kl_openssl_fail(error, KL_ERROR_USAGE, "no certificate can be called \"%s\"", common_name);
        return NULL;
    }
    if (X509_set_version(x509, X509_VERSION_3) != 1 || !kl_set_serial(x509) || X509_set_issuer_name(x509, name) != 1 ||
        ASN1_TIME_set(X509_getm_notBefore(x509), now) == NULL ||
        ASN1_TIME_set(X509_getm_notAfter(x509), now + (gint64)days * KL_SECONDS_PER_DAY) == NULL ||
        X509_set_pubkey(x509, key) != 1 || !kl_extensions_add(x509, extensions, n_extensions) ||
        !kl_extensions_add_key_id(x509) || X509_sign(x509, key, kl_sha256_algorithm()) <= 0) {
        kl_openssl_fail(error, KL_ERROR_INTERNAL, "the certificate can't be made");
        return NULL;
    }
    return g_steal_pointer(&x509);
}

gboolean
kl_ca_init(const char *dir, const char *common_name, guint days, const KlSecret *passphrase, gint64 now, GError **error)
{
    if (days == 0 || days > MAX_DAYS)
        return kl_fail(error, KL_ERROR_USAGE, "CA's days: %u (1 to %d)", days, MAX_DAYS);
    if (!kl_ca_folder_is_free(dir, error))
        return FALSE;
    g_autoptr(EVP_PKEY) key = EVP_EC_gen(SN_X9_62_prime256v1);
    if (key == NULL)
        return kl_openssl_fail(error, KL_ERROR_INTERNAL, "CA key can't be made");
    g_autoptr(BIO) key_pem = kl_key_file_encrypt(key, passphrase, error);
    g_autoptr(X509) x509 = NULL;
    if (key_pem != NULL)
        x509 = kl_make_self_signed(key, common_name, days, now, ca_extensions, G_N_ELEMENTS(ca_extensions), error);
    if (x509 == NULL)
        return FALSE;
    g_autoptr(KlX509Stack) chain = sk_X509_new_null();
    if (chain == NULL || sk_X509_push(chain, x509) <= 0)
        return kl_openssl_fail(error, KL_ERROR_INTERNAL, "CA certificate can't be made");
    g_steal_pointer(&x509); /* chain owns it */
    g_autofree char *chain_pem = kl_x509_stack_pem(chain);
    return kl_ca_folder_write(dir, key_pem, chain_pem, error);
}

static KlX509Stack *
read_chain(const char *path, GError **error)
{
    g_autoptr(BIO) bio = kl_file_read(path, error);
    if (bio == NULL)
        return NULL;
    char *text = NULL;
    long length = BIO_get_mem_data(bio, &text);
    return kl_x509_stack_parse(text, (gsize)length, KL_ERROR_CA_UNREADABLE, error);
}

static gboolean
import(const char *dir, const char *key_path, const char *certificate_path, const KlSecret *key_passphrase,
       const KlSecret *passphrase, gint64 now, GError **error)
{
    gboolean on_token = g_str_has_prefix(key_path, KL_CA_TOKEN_PREFIX);
    g_autoptr(KlX509Stack) chain = read_chain(certificate_path, error);
    g_autoptr(KlCa) ca = chain != NULL ? kl_ca_new(chain, error) : NULL;
    if (ca == NULL || !kl_ca_check_dates(ca, 0, now, error))
        return FALSE;
    g_autoptr(EVP_PKEY) key = NULL;
    if (on_token)
        key = kl_pkcs11_key_load(key_path, passphrase, X509_get0_pubkey(ca->certificate), error);
    else
        key = kl_key_file_import(key_path, key_passphrase, error);
    if (key == NULL || !kl_ca_set_key(ca, key, KL_ERROR_SIGNER_REFUSED, error))
        return FALSE;
    if (on_token)
        return kl_ca_folder_write(dir, NULL, ca->chain_pem, error);
    g_autoptr(BIO) key_pem = kl_key_file_encrypt(key, passphrase, error);
    return key_pem != NULL && kl_ca_folder_write(dir, key_pem, ca->chain_pem, error);
}

gboolean
kl_ca_import(const char *dir, const char *key_path, const char *certificate_path, const KlSecret *key_passphrase,
             const KlSecret *passphrase, gint64 now, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (!kl_ca_folder_is_free(dir, error))
        return FALSE;
    if (import(dir, key_path, certificate_path, key_passphrase, passphrase, now, &failure))
        return TRUE;
    /* A file to import that isn't there says nothing of the station's own CA. */
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_CA_MISSING))
        failure->code = KL_ERROR_CA_UNREADABLE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}
