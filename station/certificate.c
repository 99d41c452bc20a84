#include "station/certificate.h"

#define PEM_LINE 64

void
kl_csr_free(KlCsr *csr)
{
    if (csr == NULL)
        return;
    g_clear_pointer(&csr->der, g_bytes_unref);
    g_free(csr->sha256);
    g_free(csr->spki_sha256);
    g_free(csr);
}

KlCertificate *
kl_certificate_copy(const KlCertificate *certificate)
{
    if (certificate == NULL)
        return NULL;
    KlCertificate *copy = g_new0(KlCertificate, 1);
    copy->der = certificate->der != NULL ? g_bytes_ref(certificate->der) : NULL;
    copy->chain_pem = g_strdup(certificate->chain_pem);
    copy->sha256 = g_strdup(certificate->sha256);
    copy->spki_sha256 = g_strdup(certificate->spki_sha256);
    copy->serial = g_strdup(certificate->serial);
    copy->subject = g_strdup(certificate->subject);
    copy->issuer = g_strdup(certificate->issuer);
    copy->not_before = certificate->not_before;
    copy->not_after = certificate->not_after;
    copy->places = g_strdup(certificate->places);
    return copy;
}

void
kl_certificate_free(KlCertificate *certificate)
{
    if (certificate == NULL)
        return;
    g_clear_pointer(&certificate->der, g_bytes_unref);
    g_free(certificate->chain_pem);
    g_free(certificate->sha256);
    g_free(certificate->spki_sha256);
    g_free(certificate->serial);
    g_free(certificate->subject);
    g_free(certificate->issuer);
    g_free(certificate->places);
    g_free(certificate);
}

void
kl_certificate_add_place(KlCertificate *certificate, const char *place)
{
    gboolean first = certificate->places == NULL || *certificate->places == '\0';
    char *places = first ? g_strdup(place) : g_strconcat(certificate->places, " ", place, NULL);
    g_free(certificate->places);
    certificate->places = places;
}

gboolean
kl_certificate_has_place(const KlCertificate *certificate, const char *place)
{
    g_auto(GStrv) places = g_strsplit(certificate->places != NULL ? certificate->places : "", " ", -1);
    return g_strv_contains((const char *const *)places, place);
}

char *
kl_certificate_pem(const KlCertificate *certificate)
{
    gsize length = 0;
    const guint8 *der = g_bytes_get_data(certificate->der, &length);
    g_autofree char *base64 = g_base64_encode(der, length);
    gsize total = strlen(base64);

    GString *pem = g_string_new("-----BEGIN CERTIFICATE-----\n");
    for (gsize at = 0; at < total; at += PEM_LINE) {
        g_string_append_len(pem, base64 + at, (gssize)MIN(PEM_LINE, total - at));
        g_string_append_c(pem, '\n');
    }
    g_string_append(pem, "-----END CERTIFICATE-----\n");
    return g_string_free(pem, FALSE);
}
