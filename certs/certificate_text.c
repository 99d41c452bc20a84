#include "certs/certificate_text.h"

#include <openssl/objects.h>
#include <string.h>

#include "certs/certificate_der.h"
#include "certs/digest.h"

#define OPENSSL_PREFIX "X509v3 " /* stands before the name of every extension of RFC 5280 */

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

void
kl_x509_describe(GString *text, X509 *x509)
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

/* Lines of their own for what OpenSSL prints, whatever a certificate's maker put into it. */
static void
append_indented(GString *text, const char *bytes, gsize length)
{
    g_autofree char *valid = g_utf8_make_valid(bytes, (gssize)length);
    g_auto(GStrv) lines = g_strsplit(valid, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_strstrip(*line);
        if (**line == '\0')
            continue;
        g_string_append(text, "    ");
        for (const char *p = *line; *p != '\0'; p = g_utf8_next_char(p))
            g_string_append_unichar(text, g_unichar_isprint(g_utf8_get_char(p)) ? g_utf8_get_char(p) : 0xfffd);
        g_string_append_c(text, '\n');
    }
}

static void
append_extension(GString *text, X509_EXTENSION *extension)
{
    char name[128] = "";
    OBJ_obj2txt(name, sizeof name, X509_EXTENSION_get_object(extension), 0);
    const char *short_name = g_str_has_prefix(name, OPENSSL_PREFIX) ? name + strlen(OPENSSL_PREFIX) : name;
    g_string_append_printf(text, "\n%s%s\n", short_name, X509_EXTENSION_get_critical(extension) ? " (critical)" : "");
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    if (bio == NULL || X509V3_EXT_print(bio, extension, X509V3_EXT_DUMP_UNKNOWN, 0) != 1) {
        g_string_append(text, "    unreadable\n");
        return;
    }
    long length = BIO_get_mem_data(bio, &bytes);
    append_indented(text, bytes, (gsize)length);
}

char *
kl_certificate_describe(const KlCertificate *certificate)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(X509) x509 = kl_x509_parse(certificate->der, &error);
    if (x509 == NULL)
        return g_strdup_printf("%s\n", error->message);
    GString *text = g_string_new(NULL);
    kl_x509_describe(text, x509);
    g_autofree char *spki = kl_x509_spki_sha256(x509);
    g_string_append_printf(text, "Key SHA-256:  %s\n", spki != NULL ? spki : "unreadable");
    for (int i = 0; i < X509_get_ext_count(x509); i++)
        append_extension(text, X509_get_ext(x509, i));
    return g_string_free(text, FALSE);
}
