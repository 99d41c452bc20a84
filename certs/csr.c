#include "certs/csr.h"

#include "certs/openssl_error.h"
#include "certs/p256.h"

/* OBJECT IDENTIFIERs, whole: ecdsa-with-SHA256 (RFC 5758, section 3.2) and id-at-commonName (RFC 5280, appendix A.1).
 */
static const guint8 ecdsa_with_sha256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const guint8 common_name_type[] = {0x06, 0x03, 0x55, 0x04, 0x03};
static const guint8 null_parameter[] = {0x05, 0x00};
static const guint8 version_1[] = {0x00};

/* A request taken apart; everything is borrowed from its DER. */
typedef struct {
    KlDer info; /* whole: what is signed */
    KlDer subject;
    KlDer spki; /* whole */
    KlDer attributes;
    KlDer algorithm;
    KlDer signature; /* without the count of unused bits */
} Request;

static gboolean
split_info(KlDer info, Request *request, GError **error)
{
    KlDerItem version, subject, spki, attributes = {0};
    if (!kl_der_expect(&info, KL_DER_INTEGER, &version) || !kl_der_expect(&info, KL_DER_SEQUENCE, &subject) ||
        !kl_der_expect(&info, KL_DER_SEQUENCE, &spki) ||
        (info.length > 0 && !kl_der_expect(&info, KL_DER_CONTEXT_0, &attributes)) || info.length > 0)
        return kl_fail(error, KL_ERROR_CSR_UNREADABLE, "request information does not have the form of PKCS#10");
    if (!kl_der_is(version.content, version_1, sizeof version_1))
        return kl_fail(error, KL_ERROR_CSR_UNREADABLE, "request is not of version 1");
    request->subject = subject.content;
    request->spki = spki.whole;
    request->attributes = attributes.content;
    return TRUE;
}

static gboolean
split(GBytes *der, Request *request, GError **error)
{
    gsize length = 0;
    const guint8 *data = g_bytes_get_data(der, &length);
    if (length == 0 || length > KL_CSR_MAX_SIZE)
        return kl_fail(error, KL_ERROR_CSR_UNREADABLE, "request of %" G_GSIZE_FORMAT " bytes (1 to %d)", length,
                       KL_CSR_MAX_SIZE);
    const char *problem = kl_der_problem(data, length);
    if (problem != NULL)
        return kl_fail(error, KL_ERROR_CSR_UNREADABLE, "request is not DER: %s", problem);

    KlDer cursor = {data, length};
    KlDerItem outer, info, algorithm, signature;
    if (!kl_der_expect(&cursor, KL_DER_SEQUENCE, &outer) || !kl_der_expect(&outer.content, KL_DER_SEQUENCE, &info) ||
        !kl_der_expect(&outer.content, KL_DER_SEQUENCE, &algorithm) ||
        !kl_der_expect(&outer.content, KL_DER_BIT_STRING, &signature) || outer.content.length > 0 ||
        signature.content.data[0] != 0)
        return kl_fail(error, KL_ERROR_CSR_UNREADABLE, "request does not have the form of PKCS#10");
    request->info = info.whole;
    request->algorithm = algorithm.content;
    request->signature = (KlDer){signature.content.data + 1, signature.content.length - 1};
    return split_info(info.content, request, error);
}

static gboolean
check_signature(const Request *request, const KlProfile *profile, EVP_PKEY *key, GError **error)
{
    KlDer algorithm = request->algorithm;
    KlDerItem type;
    if (!kl_der_expect(&algorithm, KL_DER_OID, &type) ||
        !kl_der_is(type.whole, ecdsa_with_sha256, sizeof ecdsa_with_sha256))
        return kl_fail(error, KL_ERROR_CSR_SIGNATURE, "request is not signed with ecdsa-with-SHA256");
    gboolean null = kl_der_is(algorithm, null_parameter, sizeof null_parameter);
    if (null && !profile->allow_null_parameter)
        return kl_fail(error, KL_ERROR_CSR_SIGNATURE,
                       "request's signature algorithm has a NULL parameter, which the product does not tolerate");
    if (algorithm.length > 0 && !null)
        return kl_fail(error, KL_ERROR_CSR_SIGNATURE, "request's signature algorithm has parameters");

    guint8 digest[KL_SHA256_SIZE];
    kl_sha256(request->info.data, request->info.length, digest);
    if (!kl_p256_verify(key, digest, request->signature))
        return kl_fail(error, KL_ERROR_CSR_SIGNATURE, "request's signature does not verify with its own key");
    return TRUE;
}

static gboolean
check_subject(KlDer subject, const char *common_name, GError **error)
{
    KlDerItem rdn, attribute, type, value;
    if (!kl_der_expect(&subject, KL_DER_SET, &rdn) || subject.length > 0 ||
        !kl_der_expect(&rdn.content, KL_DER_SEQUENCE, &attribute) || rdn.content.length > 0)
        return kl_fail(error, KL_ERROR_CSR_SUBJECT, "request's subject is not exactly one name");
    if (!kl_der_expect(&attribute.content, KL_DER_OID, &type) ||
        !kl_der_is(type.whole, common_name_type, sizeof common_name_type) || !kl_der_next(&attribute.content, &value) ||
        attribute.content.length > 0)
        return kl_fail(error, KL_ERROR_CSR_SUBJECT, "request's subject is not a common name");
    if (value.tag != KL_DER_UTF8 && value.tag != KL_DER_PRINTABLE && value.tag != KL_DER_IA5)
        return kl_fail(error, KL_ERROR_CSR_SUBJECT, "request's common name is of string type 0x%02x", value.tag);
    if (!kl_der_is(value.content, common_name, strlen(common_name))) {
        g_autofree char *text = g_strndup((const char *)value.content.data, MIN(value.content.length, 64));
        g_autofree char *found = g_strescape(text, NULL);
        return kl_fail(error, KL_ERROR_CSR_SUBJECT, "request's common name is \"%s\", not \"%s\"", found, common_name);
    }
    return TRUE;
}

KlCsr *
kl_csr_check(GBytes *der, const KlProfile *profile, const char *common_name, GError **error)
{
    Request request = {0};
    const guint8 *point = NULL;
    if (!split(der, &request, error))
        return NULL;
    const char *problem = kl_p256_point(request.spki, &point);
    if (problem != NULL) {
        kl_fail(error, KL_ERROR_CSR_KEY_TYPE, "%s", problem);
        return NULL;
    }
    g_autoptr(EVP_PKEY) key = kl_p256_key(point);
    if (key == NULL) {
        kl_openssl_fail(error, KL_ERROR_CSR_KEY_TYPE, "the public key is not a point on P-256");
        return NULL;
    }
    if (!check_signature(&request, profile, key, error) || !check_subject(request.subject, common_name, error))
        return NULL;
    if (request.attributes.length > 0) {
        kl_fail(error, KL_ERROR_CSR_EXTENSION, "request has attributes or asks for extensions");
        return NULL;
    }

    KlCsr *csr = g_new0(KlCsr, 1);
    csr->der = g_bytes_ref(der);
    csr->sha256 = kl_sha256_hex(g_bytes_get_data(der, NULL), g_bytes_get_size(der));
    csr->spki_sha256 = kl_sha256_hex(request.spki.data, request.spki.length);
    return csr;
}

const guint8 *
kl_csr_point(GBytes *der, GError **error)
{
    Request request = {0};
    const guint8 *point = NULL;
    if (!split(der, &request, error))
        return NULL;
    const char *problem = kl_p256_point(request.spki, &point);
    if (problem != NULL)
        kl_fail(error, KL_ERROR_CSR_KEY_TYPE, "%s", problem);
    return point;
}
