/* Requests as a unit may send them, into the CSR policy: as they are, and signed rightly over what is in them. What
 * passes has to be what OpenSSL's own reader sees in it, too. */
#include <openssl/err.h>
#include <string.h>

#include "certs/csr.h"
#include "station/error.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_signed.h"

#define NAME "FX30-000001"
#define POINT_SIZE 65

static EVP_PKEY *key;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    key = fuzz_key_new();
    return 0;
}

static void
assert_hash(const char *hex, const guint8 *data, gsize length)
{
    g_autofree char *expected = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, length);
    g_assert_cmpstr(hex, ==, expected);
}

static void
assert_subject(X509_REQ *request)
{
    const X509_NAME *subject = X509_REQ_get_subject_name(request);
    g_assert_cmpint(X509_NAME_entry_count(subject), ==, 1);
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, 0);
    g_assert_cmpint(OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)), ==, NID_commonName);
    const ASN1_STRING *name = X509_NAME_ENTRY_get_data(entry);
    g_assert_cmpmem(ASN1_STRING_get0_data(name), ASN1_STRING_length(name), NAME, strlen(NAME));
}

static void
assert_key(X509_REQ *request, const KlCsr *csr)
{
    EVP_PKEY *public = X509_REQ_get0_pubkey(request);
    char group[32] = "";
    gsize length = 0;
    guint8 point[POINT_SIZE];
    g_assert_true(X509_REQ_verify(request, public) == 1);
    g_assert_true(EVP_PKEY_get_group_name(public, group, sizeof group, &length) == 1);
    g_assert_cmpstr(group, ==, "prime256v1");
    g_assert_true(EVP_PKEY_get_octet_string_param(public, "pub", point, sizeof point, &length) == 1);
    g_assert_cmpmem(kl_csr_point(csr->der, NULL), POINT_SIZE, point, length);

    unsigned char *spki = NULL;
    int spki_length = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &spki);
    g_assert_cmpint(spki_length, >, 0);
    assert_hash(csr->spki_sha256, spki, (gsize)spki_length);
    OPENSSL_free(spki);
}

/* The signature's algorithm has no parameter, or a NULL where that is tolerated. */
static void
assert_algorithm(X509_REQ *request, gboolean tolerant)
{
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *type = NULL;
    int parameter = 0;
    X509_REQ_get0_signature(request, NULL, &algorithm);
    X509_ALGOR_get0(&type, &parameter, NULL, algorithm);
    g_assert_cmpint(OBJ_obj2nid(type), ==, NID_ecdsa_with_SHA256);
    g_assert_true(parameter == V_ASN1_UNDEF || (tolerant && parameter == V_ASN1_NULL));
}

/* What was accepted, by OpenSSL's reader: the same bytes when it writes them anew, one name, our key, no attributes. */
static void
assert_accepted(const KlCsr *csr, gboolean tolerant)
{
    gsize length = 0;
    const guint8 *data = g_bytes_get_data(csr->der, &length);
    const guint8 *end = data;
    g_autoptr(X509_REQ) request = d2i_X509_REQ(NULL, &end, (long)length);
    g_assert_nonnull(request);
    g_assert_true(end == data + length);
    assert_hash(csr->sha256, data, length);
    assert_subject(request);
    assert_key(request, csr);
    assert_algorithm(request, tolerant);
    g_assert_cmpint(X509_REQ_get_attr_count(request), <=, 0);

    unsigned char *info = NULL;
    int info_length = i2d_re_X509_REQ_tbs(request, &info);
    g_assert_cmpint(info_length, >, 0);
    g_assert_nonnull(memmem(data, length, info, (gsize)info_length));
    OPENSSL_free(info);
}

static gboolean
check(GBytes *der, gboolean tolerant)
{
    const KlProfile profile = {.allow_null_parameter = tolerant};
    g_autoptr(GError) error = NULL;
    g_autoptr(KlCsr) csr = kl_csr_check(der, &profile, NAME, &error);
    fuzz_assert_result(csr != NULL, error);
    g_assert_cmpuint(ERR_peek_error(), ==, 0);
    if (csr != NULL) {
        g_assert_true(g_bytes_equal(csr->der, der));
        assert_accepted(csr, tolerant);
        fuzz_accepted++;
    }
    return csr != NULL;
}

static void
check_both(GBytes *der)
{
    gboolean strict = check(der, FALSE);
    g_assert_true(check(der, TRUE) || !strict);
    g_autoptr(GError) error = NULL;
    const guint8 *point = kl_csr_point(der, &error);
    fuzz_assert_result(point != NULL, error);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GBytes) raw = g_bytes_new(data, size);
    check_both(raw);
    g_autoptr(GBytes) own = fuzz_signed(key, data, size, TRUE);
    if (own != NULL)
        check_both(own);
    return 0;
}
