/* Certificates as a signer may return them, into the parser and the checks before installation. The only trust anchor
 * is made at the start, so nothing that comes from outside may pass; the same certificate signed by that anchor has to
 * be exactly what the policy allows when it passes. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "certs/certificate_der.h"
#include "certs/pki.h"
#include "station/error.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_signed.h"

#define NOW G_GINT64_CONSTANT(1800000000) /* 2027-01-15 */
#define DAY 86400
#define CA_NAME "Keyline Fuzz CA"
#define CA_KEY_ID "0102030405060708090A0B0C0D0E0F1011121314"

static EVP_PKEY *ca_key;
static X509_NAME *ca_name;
static char *ca_pem;
static KlPki *pki;
static KlPki *other_pki;

static const KlProfile profile = {
    .subject = (char *)"CN={device_id},O=Example",
    .validity_days = 3650,
    .backdate_minutes = 60,
};

static const KlUnit unit = {
    .imei = (char *)"352653090215245",
    .fsn = (char *)"4L936370140910",
    .device_id = (char *)"FX30-000001",
};

static void
add_extension(X509 *x509, int nid, const char *value)
{
    g_autoptr(X509_EXTENSION) extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    g_assert_nonnull(extension);
    g_assert_true(X509_add_ext(x509, extension, -1) == 1);
}

/* A CA's certificate as PEM: the name and key id are the ones that the seeds name as their issuer's. */
static char *
make_ca(EVP_PKEY *key)
{
    g_autoptr(X509) x509 = X509_new();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_set_subject_name(x509, ca_name);
    X509_set_issuer_name(x509, ca_name);
    ASN1_TIME_set(X509_getm_notBefore(x509), NOW - 3650 * DAY);
    ASN1_TIME_set(X509_getm_notAfter(x509), NOW + 7300 * DAY);
    X509_set_pubkey(x509, key);
    add_extension(x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(x509, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(x509, NID_subject_key_identifier, CA_KEY_ID);
    g_assert_cmpint(X509_sign(x509, key, EVP_sha256()), >, 0);
    g_autoptr(KlX509Stack) stack = sk_X509_new_null();
    X509_up_ref(x509);
    sk_X509_push(stack, x509);
    return kl_x509_stack_pem(stack);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    ca_key = fuzz_key_new();
    ca_name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(ca_name, "CN", MBSTRING_UTF8, (const guint8 *)CA_NAME, -1, -1, 0);
    ca_pem = make_ca(ca_key);
    pki = kl_pki_new(ca_pem, NULL);
    g_autoptr(EVP_PKEY) other_key = fuzz_key_new();
    g_autofree char *other_pem = make_ca(other_key);
    other_pki = kl_pki_new(other_pem, NULL);
    g_assert_true(pki != NULL && other_pki != NULL);
    ERR_clear_error();
    return 0;
}

/* What the ledger and the records get. */
static void
assert_values(const KlCertificate *certificate, GBytes *der)
{
    g_assert_true(g_bytes_equal(certificate->der, der));
    g_assert_cmpuint(strspn(certificate->spki_sha256, "0123456789abcdef"), ==, 64);
    g_assert_cmpuint(strlen(certificate->spki_sha256), ==, 64);
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, der);
    g_assert_cmpstr(certificate->sha256, ==, sha256);
    const char *digits = certificate->serial + (certificate->serial[0] == '-' ? 1 : 0);
    g_assert_cmpuint(strspn(digits, "0123456789abcdef"), ==, strlen(digits));
    g_assert_true(digits[0] != '\0' && (digits[0] != '0' || digits[1] == '\0'));
    const char *const names[] = {certificate->subject, certificate->issuer};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_assert_true(g_utf8_validate(names[i], -1, NULL));
        for (const char *at = names[i]; *at != '\0'; at++)
            g_assert_false(g_ascii_iscntrl(*at));
    }
}

static void
assert_pem_roundtrip(const KlCertificate *certificate)
{
    g_autofree char *pem = kl_certificate_pem(certificate);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlX509Stack) stack = kl_x509_stack_parse(pem, strlen(pem), KL_ERROR_ISSUED_WRONG, &error);
    g_assert_no_error(error);
    g_assert_cmpint(sk_X509_num(stack), ==, 1);
    unsigned char *again = NULL;
    int length = i2d_X509(sk_X509_value(stack, 0), &again);
    g_assert_cmpmem(again, length, g_bytes_get_data(certificate->der, NULL), g_bytes_get_size(certificate->der));
    OPENSSL_free(again);
}

static gboolean
verify(KlPki *by, const KlCertificate *certificate, const char *spki, const KlUnit *of, gint64 now)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = by->klass->verify_issued(by, certificate, spki, &profile, of, now, &error);
    fuzz_assert_result(ok, error);
    g_assert_cmpuint(ERR_peek_error(), ==, 0);
    return ok;
}

/* What passed is what OpenSSL's reader calls an end entity's certificate for one client and nothing else; for another
 * key, unit, time or anchor it does not pass. */
static void
assert_accepted(const KlCertificate *certificate)
{
    g_autoptr(X509) x509 = kl_x509_parse(certificate->der, NULL);
    g_assert_cmpint(X509_check_ca(x509), ==, 0);
    g_assert_cmpint(X509_check_purpose(x509, X509_PURPOSE_SSL_CLIENT, 0), ==, 1);
    g_assert_cmpint(X509_check_purpose(x509, X509_PURPOSE_SSL_SERVER, 0), ==, 0);
    g_assert_cmpint(X509_get_ext_by_NID(x509, NID_subject_alt_name, -1), <, 0);
    g_assert_true(X509_verify(x509, ca_key) == 1);
    g_assert_cmpstr(certificate->subject, ==, "CN=FX30-000001,O=Example");
    g_assert_cmpint(X509_NAME_cmp(X509_get_issuer_name(x509), ca_name), ==, 0); /* without regard to case */
    g_assert_cmpuint(strlen(certificate->serial), >=, 16);
    g_assert_true(certificate->not_before <= NOW && NOW <= certificate->not_after);
    ERR_clear_error();

    KlUnit other = unit;
    other.device_id = (char *)"FX30-000002";
    const char *spki = certificate->spki_sha256;
    g_assert_false(verify(pki, certificate, spki, &other, NOW));
    g_assert_false(verify(pki, certificate, certificate->sha256, &unit, NOW));
    g_assert_false(verify(pki, certificate, spki, &unit, certificate->not_after + 1));
    g_assert_false(verify(pki, certificate, spki, &unit, certificate->not_before - 1));
    g_assert_false(verify(other_pki, certificate, spki, &unit, NOW));
    fuzz_accepted++;
}

/* A signature that does not depend on the nonce can't be one over it. */
static void
assert_no_proof(const KlCertificate *certificate, const guint8 *data, gsize size)
{
    const guint8 nonce[KL_NONCE_SIZE] = {1, 2, 3};
    gsize length = MIN(size, 72);
    g_autoptr(GBytes) signature = g_bytes_new(data + size - length, length);
    g_autoptr(GError) error = NULL;
    gboolean ok = pki->klass->verify_proof(pki, certificate, nonce, unit.imei, signature, &error);
    g_assert_false(ok);
    fuzz_assert_result(ok, error);
}

static void
check(GBytes *der, gboolean ours)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlCertificate) certificate = kl_certificate_from_der(der, ca_pem, &error);
    fuzz_assert_result(certificate != NULL, error);
    g_assert_cmpuint(ERR_peek_error(), ==, 0);
    if (certificate == NULL)
        return;
    assert_values(certificate, der);
    assert_pem_roundtrip(certificate);
    gboolean ok = verify(pki, certificate, certificate->spki_sha256, &unit, NOW);
    g_assert_true(!ok || ours);
    if (ok)
        assert_accepted(certificate);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GBytes) raw = g_bytes_new(data, size);
    check(raw, FALSE);
    g_autoptr(KlCertificate) certificate = kl_certificate_from_der(raw, NULL, NULL);
    if (certificate != NULL)
        assert_no_proof(certificate, data, size);
    g_autoptr(GBytes) ours = fuzz_signed(ca_key, data, size, FALSE);
    if (ours != NULL)
        check(ours, TRUE);
    return 0;
}
