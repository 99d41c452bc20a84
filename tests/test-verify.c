/* The checks on certificates that other signers might return, made by the openssl command line, and on proofs. */
#include "certs/verify.h"

#include "certs/certificate_der.h"
#include "tests/certs_bench.h"

/* --- other signers --- */

#define EXT_BC "basicConstraints=critical,CA:FALSE\\n"
#define EXT_KU "keyUsage=critical,digitalSignature\\n"
#define EXT_EKU "extendedKeyUsage=clientAuth\\n"
#define EXT_IDS "subjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n"
#define GOOD EXT_BC EXT_KU EXT_EKU EXT_IDS
#define SUBJECT "/C=SE/O=Example, Inc./OU=Gateways/CN=FX30-000001"
#define SERIAL "0x7123456789abcdef0123"

/* What openssl is told to sign, and whether it passes. */
static const struct {
    const char *title;
    const char *extensions;
    const char *subject;
    const char *serial;
    const char *options;
    const char *reason; /* NULL: passes */
} signers[] = {
    {"good", GOOD, SUBJECT, SERIAL, "-days 3650", NULL},
    {"another unit", GOOD, "/C=SE/O=Example, Inc./OU=Gateways/CN=FX30-000002", SERIAL, "-days 3650", "subject"},
    {"name in other case", GOOD, "/C=SE/O=Example, Inc./OU=Gateways/CN=fx30-000001", SERIAL, "-days 3650", "subject"},
    {"one name more", GOOD, SUBJECT "/CN=x", SERIAL, "-days 3650", "subject"},
    {"names in other order", GOOD, "/CN=FX30-000001/OU=Gateways/O=Example, Inc./C=SE", SERIAL, "-days 3650", "subject"},
    {"multi-valued", GOOD, "/C=SE/O=Example, Inc./OU=Gateways+CN=FX30-000001", SERIAL, "-days 3650", "subject"},
    {"CA:TRUE", "basicConstraints=critical,CA:TRUE\\n" EXT_KU EXT_EKU EXT_IDS, SUBJECT, SERIAL, "-days 3650",
     "CA:FALSE"},
    {"no basic constraints", EXT_KU EXT_EKU EXT_IDS, SUBJECT, SERIAL, "-days 3650", "CA:FALSE"},
    {"not critical", "basicConstraints=CA:FALSE\\n" EXT_KU EXT_EKU EXT_IDS, SUBJECT, SERIAL, "-days 3650", "CA:FALSE"},
    {"no key usage", EXT_BC EXT_EKU EXT_IDS, SUBJECT, SERIAL, "-days 3650", "key usage"},
    {"key usage too wide", EXT_BC "keyUsage=critical,digitalSignature,keyAgreement\\n" EXT_EKU EXT_IDS, SUBJECT, SERIAL,
     "-days 3650", "key usage"},
    {"key usage not critical", EXT_BC "keyUsage=digitalSignature\\n" EXT_EKU EXT_IDS, SUBJECT, SERIAL, "-days 3650",
     "key usage"},
    {"no extended key usage", EXT_BC EXT_KU EXT_IDS, SUBJECT, SERIAL, "-days 3650", "extended key usage"},
    {"server", EXT_BC EXT_KU "extendedKeyUsage=serverAuth\\n" EXT_IDS, SUBJECT, SERIAL, "-days 3650",
     "extended key usage"},
    {"client and server", EXT_BC EXT_KU "extendedKeyUsage=clientAuth,serverAuth\\n" EXT_IDS, SUBJECT, SERIAL,
     "-days 3650", "extended key usage"},
    {"client and unknown use", EXT_BC EXT_KU "extendedKeyUsage=clientAuth,1.2.3.4\\n" EXT_IDS, SUBJECT, SERIAL,
     "-days 3650", "extended key usage"},
    {"other names", GOOD "subjectAltName=DNS:example.org\\n", SUBJECT, SERIAL, "-days 3650", "subjectAltName"},
    {"unknown extension", GOOD "1.2.3.4=DER:0500\\n", SUBJECT, SERIAL, "-days 3650", "extension"},
    {"no key identifiers", EXT_BC EXT_KU EXT_EKU "subjectKeyIdentifier=none\\nauthorityKeyIdentifier=none\\n", SUBJECT,
     SERIAL, "-days 3650", "key identifier"},
    {"distribution point", GOOD "crlDistributionPoints=URI:http://example.org/crl\\n", SUBJECT, SERIAL, "-days 3650",
     NULL},
    {"outlives the CA", GOOD, SUBJECT, SERIAL, "-days 4001", "outlives"},
    {"longer than the product", GOOD, SUBJECT, SERIAL, "-days 3660", "longer"},
    {"short serial", GOOD, SUBJECT, "0x7123456789abcdef", "-days 3650", "serial"},
    {"serial of 64 bits", GOOD, SUBJECT, "0x8123456789abcdef", "-days 3650", NULL},
    {"negative serial", GOOD, SUBJECT, "-0x7123456789abcdef0123", "-days 3650", "serial"},
    {"SHA-1", GOOD, SUBJECT, SERIAL, "-days 3650 -sha1", "verify"},
    {"SHA-384", GOOD, SUBJECT, SERIAL, "-days 3650 -sha384", NULL},
};

/* The certificate that openssl makes for the unit's key with the CA's. */
static KlCertificate *
sign_by_openssl(const Bench *bench, gsize i, const char *ca)
{
    g_autoptr(GError) error = NULL;
    ORACLE(bench->dir,
           "printf '%s' > ext && openssl req -new -multivalue-rdn -key unit.key -subj '%s' -config /dev/null -out r &&"
           "openssl x509 -req -in r -CA %s.pem -CAkey %s.key -set_serial %s -extfile ext %s -outform DER -out leaf",
           signers[i].extensions, signers[i].subject, ca, ca, signers[i].serial, signers[i].options);
    g_autoptr(GBytes) der = oracle_read(bench->dir, "leaf");
    KlCertificate *certificate = kl_certificate_from_der(der, kl_ca_chain_pem(bench->ca), &error);
    g_assert_no_error(error);
    return certificate;
}

static void
test_other_signers(Bench *bench, gconstpointer unused)
{
    for (gsize i = 0; i < G_N_ELEMENTS(signers); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("--- %s", signers[i].title);
        g_autoptr(KlCertificate) certificate = sign_by_openssl(bench, i, "ca");
        gboolean good = bench_verify(bench, certificate, &error);
        if (signers[i].reason == NULL) {
            g_assert_no_error(error);
            g_assert_true(good);
            continue;
        }
        g_assert_false(good);
        oracle_assert_code(error, KL_ERROR_ISSUED_WRONG);
        oracle_assert_has(error->message, signers[i].reason);
    }
}

/* A CA of the same name and another key, which brings its own certificate along as the chain. */
static void
test_other_ca(Bench *bench, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    ORACLE(bench->dir,
           "openssl ecparam -name prime256v1 -genkey -noout -out evil.key &&"
           "openssl req -x509 -new -key evil.key -subj '/CN=Test CA' -days 4000 -config /dev/null " CA_EXTENSIONS
           "-addext subjectKeyIdentifier=hash -out evil.pem");
    g_autoptr(KlCertificate) certificate = sign_by_openssl(bench, 0, "evil");
    g_assert_false(bench_verify(bench, certificate, &error));
    oracle_assert_code(error, KL_ERROR_ISSUED_WRONG);
    g_clear_error(&error);
    g_autoptr(GBytes) evil = oracle_read(bench->dir, "evil.pem");
    g_free(certificate->chain_pem);
    certificate->chain_pem = g_strndup(g_bytes_get_data(evil, NULL), g_bytes_get_size(evil));
    g_assert_false(bench_verify(bench, certificate, &error));
    oracle_assert_code(error, KL_ERROR_ISSUED_WRONG);
    g_clear_error(&error);

    /* A good certificate whose chain would be useless on the unit. */
    g_autoptr(KlCertificate) good = bench_issue(bench);
    g_free(good->chain_pem);
    good->chain_pem = g_steal_pointer(&certificate->chain_pem);
    g_assert_false(bench_verify(bench, good, &error));
    oracle_assert_code(error, KL_ERROR_ISSUED_WRONG);
    oracle_assert_has(error->message, "issuer");
}

/* The structure says something else than the certificate. */
static void
test_fields(Bench *bench, gconstpointer unused)
{
    g_autoptr(KlCertificate) good = bench_issue(bench);
    for (int field = 0; field < 10; field++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(KlCertificate) copy = kl_certificate_copy(good);
        char **const texts[] = {&copy->sha256,  &copy->spki_sha256, &copy->serial,
                                &copy->subject, &copy->issuer,      &copy->chain_pem};
        if (field < 6) {
            g_free(*texts[field]);
            *texts[field] = g_strdup("x");
        } else if (field == 6) {
            copy->not_before++;
        } else if (field == 7) {
            copy->not_after++;
        } else {
            g_autoptr(GByteArray) longer = g_byte_array_new();
            g_byte_array_append(longer, g_bytes_get_data(copy->der, NULL), (guint)g_bytes_get_size(copy->der));
            g_byte_array_set_size(longer, field == 8 ? longer->len + 1 : longer->len - 1);
            g_bytes_unref(copy->der);
            copy->der = g_byte_array_free_to_bytes(g_steal_pointer(&longer));
        }
        g_assert_false(bench_verify(bench, copy, &error));
        oracle_assert_code(error, KL_ERROR_ISSUED_WRONG);
    }
}

static void
test_key_and_clock(Bench *bench, gconstpointer unused)
{
    g_autoptr(KlCertificate) good = bench_issue(bench);
    g_autoptr(GError) error = NULL;
    g_assert_false(bench->pki->klass->verify_issued(bench->pki, good, good->sha256, &bench->profile, &bench->unit,
                                                    bench->now, &error));
    oracle_assert_code(error, KL_ERROR_ISSUED_WRONG);
    const gint64 times[] = {good->not_before - 1, good->not_after + 1, bench->ca->not_after + 1, 0};
    for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
        g_clear_error(&error);
        bench->now = times[i];
        g_assert_false(bench_verify(bench, good, &error));
        oracle_assert_code(error, KL_ERROR_ISSUED_WRONG);
    }
}

/* No certificate with one bit flipped passes. */
static void
test_every_bit(Bench *bench, gconstpointer unused)
{
    g_autoptr(KlCertificate) good = bench_issue(bench);
    gsize length = g_bytes_get_size(good->der);
    for (gsize bit = 0; bit < 8 * length; bit++) {
        guint8 *data = g_memdup2(g_bytes_get_data(good->der, NULL), length);
        data[bit / 8] ^= (guint8)(1u << bit % 8);
        g_autoptr(GBytes) der = g_bytes_new_take(data, length);
        g_autoptr(KlCertificate) flipped = kl_certificate_from_der(der, good->chain_pem, NULL);
        if (flipped != NULL && bench_verify(bench, flipped, NULL))
            g_error("bit %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " may be flipped", bit, 8 * length);
    }
}

/* --- proofs --- */

static void
test_proof(Bench *bench, gconstpointer unused)
{
    g_autoptr(KlCertificate) certificate = bench_issue(bench);
    guint8 nonce[KL_NONCE_SIZE], other_nonce[KL_NONCE_SIZE];
    for (guint8 i = 0; i < KL_NONCE_SIZE; i++)
        other_nonce[i] = nonce[i] = i;
    other_nonce[31] ^= 1;
    oracle_write(bench->dir, "nonce", nonce, sizeof nonce);
    ORACLE(bench->dir,
           "{ printf keyline-prove; cat nonce; printf %s; } > challenge &&"
           "openssl dgst -sha256 -sign unit.key -out proof challenge &&"
           "openssl dgst -sha256 -sign ca.key -out others challenge &&"
           "openssl dgst -sha384 -sign unit.key -out sha384 challenge &&"
           "{ cat proof; printf x; } > longer && head -c 60 proof > torn &&"
           "head -c 73 /dev/zero > big && : > empty",
           ORACLE_IMEI);
    static const struct {
        const char *file;
        gboolean other_nonce;
        const char *imei;
        gboolean good;
    } cases[] = {
        {"proof", FALSE, ORACLE_IMEI, TRUE},        {"proof", TRUE, ORACLE_IMEI, FALSE},
        {"proof", FALSE, "490154203237518", FALSE}, {"proof", FALSE, "", FALSE},
        {"others", FALSE, ORACLE_IMEI, FALSE},      {"sha384", FALSE, ORACLE_IMEI, FALSE},
        {"longer", FALSE, ORACLE_IMEI, FALSE},      {"torn", FALSE, ORACLE_IMEI, FALSE},
        {"big", FALSE, ORACLE_IMEI, FALSE},         {"empty", FALSE, ORACLE_IMEI, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) signature = oracle_read(bench->dir, cases[i].file);
        gboolean good = bench->pki->klass->verify_proof(
            bench->pki, certificate, cases[i].other_nonce ? other_nonce : nonce, cases[i].imei, signature, &error);
        g_assert_cmpint(good, ==, cases[i].good);
        if (!good)
            oracle_assert_code(error, KL_ERROR_PROOF_FAILED);
    }
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function) g_test_add(path, Bench, NULL, bench_open, function, NULL)
    ADD("/verify/other-signers", test_other_signers);
    ADD("/verify/other-ca", test_other_ca);
    ADD("/verify/fields", test_fields);
    ADD("/verify/key-and-clock", test_key_and_clock);
    ADD("/verify/every-bit", test_every_bit);
    ADD("/verify/proof", test_proof);
    shared_make();
    int failed = g_test_run();
    shared_free();
    return failed;
}
