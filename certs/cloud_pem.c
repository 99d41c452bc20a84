#include "certs/cloud_pem.h"

#include <openssl/pem.h>
#include <string.h>

#include "certs/certificate_der.h"
#include "certs/openssl_error.h"

static GBytes *
encode(X509 *x509)
{
    unsigned char *data = NULL;
    int length = i2d_X509(x509, &data);
    if (length <= 0)
        return NULL;
    GBytes *der = g_bytes_new(data, (gsize)length);
    OPENSSL_free(data);
    return der;
}

KlCertificate *
kl_cloud_certificate(const char *pem, const char *chain_pem, GError **error)
{
    if (pem == NULL || strlen(pem) > KL_CERTIFICATE_MAX_SIZE) {
        kl_fail(error, KL_ERROR_CLOUD_GARBLED, "the answer holds no certificate");
        return NULL;
    }
    g_autoptr(KlX509Stack) stack = kl_x509_stack_parse(pem, strlen(pem), KL_ERROR_CLOUD_GARBLED, error);
    if (stack == NULL)
        return NULL;
    g_autoptr(GBytes) der = sk_X509_num(stack) == 1 ? encode(sk_X509_value(stack, 0)) : NULL;
    if (der == NULL) {
        kl_openssl_fail(error, KL_ERROR_CLOUD_GARBLED, "the answer holds %d certificates", sk_X509_num(stack));
        return NULL;
    }
    g_autoptr(GError) failure = NULL;
    KlCertificate *certificate = kl_certificate_from_der(der, chain_pem, &failure);
    if (certificate == NULL)
        kl_fail(error, KL_ERROR_CLOUD_GARBLED, "%s", failure->message);
    return certificate;
}

char *
kl_cloud_request_pem(GBytes *der)
{
    gsize length = 0;
    const guint8 *data = g_bytes_get_data(der, &length);
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio != NULL)
        PEM_write_bio(bio, PEM_STRING_X509_REQ, "", data, (long)length);
    long size = bio != NULL ? BIO_get_mem_data(bio, &text) : 0;
    return g_strndup(size > 0 ? text : "", (gsize)size);
}

char *
kl_cloud_first_pem(const char *pem, GError **error)
{
    g_autoptr(KlX509Stack) stack = kl_x509_stack_parse(pem, strlen(pem), KL_ERROR_CA_UNREADABLE, error);
    if (stack == NULL)
        return NULL;
    while (sk_X509_num(stack) > 1)
        X509_free(sk_X509_pop(stack));
    return kl_x509_stack_pem(stack);
}
