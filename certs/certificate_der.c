#include "certs/certificate_der.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>

#include "certs/der.h"
#include "certs/digest.h"
#include "certs/openssl_error.h"

X509 *
kl_x509_parse(GBytes *der, GError **error)
{
    gsize length = 0;
    const guint8 *data = g_bytes_get_data(der, &length);
    if (length > KL_CERTIFICATE_MAX_SIZE) {
        kl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate of %" G_GSIZE_FORMAT " bytes (at most %d)", length,
                KL_CERTIFICATE_MAX_SIZE);
        return NULL;
    }
    const char *problem = kl_der_problem(data, length);
    if (problem != NULL) {
        kl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate is not DER: %s", problem);
        return NULL;
    }
    X509 *x509 = d2i_X509(NULL, &data, (long)length);
    if (x509 == NULL)
        kl_openssl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate can't be parsed");
    return x509;
}

char *
kl_name_text(const X509_NAME *name)
{
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio == NULL || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
        return g_strdup("");
    long length = BIO_get_mem_data(bio, &text);
    return g_strndup(text, (gsize)MAX(length, 0));
}

char *
kl_serial_text(const ASN1_INTEGER *serial)
{
    g_autoptr(BIGNUM) number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    if (hex == NULL)
        return g_strdup("");
    gboolean negative = hex[0] == '-';
    const char *digits = hex + (negative ? 1 : 0);
    digits += strspn(digits, "0");
    g_autofree char *lower = g_ascii_strdown(*digits != '\0' ? digits : "0", -1);
    OPENSSL_free(hex);
    return g_strconcat(negative ? "-" : "", lower, NULL);
}

gboolean
kl_time_seconds(const ASN1_TIME *time, gint64 *seconds)
{
    struct tm parts;
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1)
        return FALSE;
    *seconds = timegm(&parts);
    return TRUE;
}

char *
kl_x509_spki_sha256(X509 *x509)
{
    unsigned char *der = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
    if (length <= 0)
        return NULL;
    char *hex = kl_sha256_hex(der, (gsize)length);
    OPENSSL_free(der);
    return hex;
}

KlCertificate *
kl_certificate_from_x509(X509 *x509, GBytes *der, const char *chain_pem, GError **error)
{
    g_autoptr(KlCertificate) certificate = g_new0(KlCertificate, 1);
    if (!kl_time_seconds(X509_get0_notBefore(x509), &certificate->not_before) ||
        !kl_time_seconds(X509_get0_notAfter(x509), &certificate->not_after)) {
        kl_openssl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate's validity is malformed");
        return NULL;
    }
    certificate->spki_sha256 = kl_x509_spki_sha256(x509);
    if (certificate->spki_sha256 == NULL) {
        kl_openssl_fail(error, KL_ERROR_ISSUED_WRONG, "certificate's public key can't be encoded");
        return NULL;
    }
    certificate->der = g_bytes_ref(der);
    certificate->chain_pem = g_strdup(chain_pem);
    certificate->sha256 = kl_sha256_hex(g_bytes_get_data(der, NULL), g_bytes_get_size(der));
    certificate->serial = kl_serial_text(X509_get0_serialNumber(x509));
    certificate->subject = kl_name_text(X509_get_subject_name(x509));
    certificate->issuer = kl_name_text(X509_get_issuer_name(x509));
    return g_steal_pointer(&certificate);
}

KlCertificate *
kl_certificate_from_der(GBytes *der, const char *chain_pem, GError **error)
{
    g_autoptr(X509) x509 = kl_x509_parse(der, error);
    return x509 != NULL ? kl_certificate_from_x509(x509, der, chain_pem, error) : NULL;
}

/* Adds the next PEM block to the stack. FALSE without an error at the end of the text. */
static gboolean
parse_block(BIO *bio, KlX509Stack *stack, KlErrorCode code, GError **error)
{
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long length = 0;
    if (PEM_read_bio(bio, &name, &header, &data, &length) != 1) {
        unsigned long reason = ERR_peek_last_error();
        if (ERR_GET_LIB(reason) == ERR_LIB_PEM && ERR_GET_REASON(reason) == PEM_R_NO_START_LINE) {
            ERR_clear_error();
            return FALSE;
        }
        return kl_openssl_fail(error, code, "certificate's PEM is damaged");
    }
    g_autoptr(X509) x509 = NULL;
    const unsigned char *at = data;
    if (strcmp(name, PEM_STRING_X509) != 0)
        kl_fail(error, code, "PEM block is no certificate");
    else if ((x509 = d2i_X509(NULL, &at, length)) == NULL || at != data + length)
        kl_openssl_fail(error, code, "certificate can't be parsed");
    else if (sk_X509_num(stack) >= KL_CHAIN_MAX_CERTIFICATES)
        kl_fail(error, code, "more than %d certificates", KL_CHAIN_MAX_CERTIFICATES);
    else if (sk_X509_push(stack, x509) > 0)
        x509 = NULL;
    /* The block may turn out to be a private key that was put into the wrong file. */
    OPENSSL_clear_free(data, (size_t)length);
    OPENSSL_free(name);
    OPENSSL_free(header);
    return *error == NULL;
}

KlX509Stack *
kl_x509_stack_parse(const char *pem, gsize length, KlErrorCode code, GError **error)
{
    g_autoptr(KlX509Stack) stack = sk_X509_new_null();
    g_autoptr(BIO) bio = length <= G_MAXINT ? BIO_new_mem_buf(pem, (int)length) : NULL;
    g_autoptr(GError) failure = NULL;
    if (stack == NULL || bio == NULL) {
        kl_openssl_fail(error, code, "certificate can't be read");
        return NULL;
    }
    while (parse_block(bio, stack, code, &failure))
        ;
    if (failure == NULL && sk_X509_num(stack) == 0)
        kl_fail(&failure, code, "no certificate in PEM form found");
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    return g_steal_pointer(&stack);
}

char *
kl_x509_stack_pem(const KlX509Stack *stack)
{
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    for (int i = 0; bio != NULL && i < sk_X509_num(stack); i++)
        PEM_write_bio_X509(bio, sk_X509_value(stack, i));
    long length = bio != NULL ? BIO_get_mem_data(bio, &text) : 0;
    return g_strndup(length > 0 ? text : "", (gsize)length);
}
