/* The local signer over every kind of CA key, and its CRLs; judged by the openssl command line. */
#include "certs/signer_local.h"

#include "certs/ca_internal.h"
#include "certs/certificate_der.h"
#include "certs/crl.h"
#include "certs/pki.h"
#include "tests/certs_oracle.h"

#define PASSPHRASE "correct horse"

/* A moment after all that openssl makes in a test, however slow; certificates are backdated by more than that. */
static gint64
soon_s(void)
{
    return g_get_real_time() / G_USEC_PER_SEC + 600;
}

/* Makes a CA of 200 days in DIR/ca by openssl; key_command leaves the key in k. To try its passphrase costs nothing. */
static KlCa *
ca_of(const char *dir, const char *key_command, const char *usage, gint64 now)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) passphrase = oracle_secret(PASSPHRASE);
    ORACLE(dir,
           "umask 077; %s && openssl req -x509 -new -key k -subj '/O=Factory/CN=Line CA' -days 200 -config /dev/null "
           "-addext subjectKeyIdentifier=hash -addext basicConstraints=critical,CA:TRUE "
           "-addext keyUsage=critical,%s -out c && mkdir -p ca && cp c ca/ca.pem && openssl pkcs8 -topk8 "
           "-scrypt -scrypt_N 16 -scrypt_r 8 -scrypt_p 1 -in k -passout pass:'%s' -out ca/ca.key",
           key_command, usage, PASSPHRASE);
    KlCa *ca = kl_ca_load(dir, "file", passphrase, 30, now, &error);
    g_assert_no_error(error);
    return ca;
}

#define P256 "openssl ecparam -name prime256v1 -genkey -noout -out k"
#define BOTH "keyCertSign,cRLSign"

static KlCertificate *
issue(KlSigner *signer, KlPki *pki, const char *dir, gint64 now)
{
    g_autoptr(GError) error = NULL;
    KlProfile profile = oracle_profile();
    KlUnit unit = oracle_unit();
    g_autoptr(GBytes) der = oracle_csr(dir, unit.device_id);
    g_autoptr(KlCsr) csr = pki->klass->check_csr(pki, der, &profile, unit.device_id, &error);
    g_assert_no_error(error);
    const KlIssueRequest request = {csr, &profile, &unit, "job", now};
    KlCertificate *certificate = signer->klass->issue(signer, &request, NULL, &error);
    g_assert_no_error(error);
    pki->klass->verify_issued(pki, certificate, csr->spki_sha256, &profile, &unit, now, &error);
    g_assert_no_error(error);

    /* A local signer never leaves anything behind that the ledger does not have. */
    KlCertificate *found = certificate;
    g_assert_true(signer->klass->lookup(signer, &request, &found, NULL, &error));
    g_assert_null(found);
    g_assert_cmpstr(certificate->places, ==, "");
    return certificate;
}

static void
test_kinds_of_key(void)
{
    static const struct {
        const char *command;
        const char *algorithm;
    } kinds[] = {
        {P256, "Signature Algorithm: ecdsa-with-SHA256"},
        {"openssl ecparam -name secp384r1 -genkey -noout -out k", "Signature Algorithm: ecdsa-with-SHA384"},
        {"openssl genrsa -out k 2048", "Signature Algorithm: sha256WithRSAEncryption"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autoptr(OracleFolder) dir = oracle_folder();
        g_autoptr(GError) error = NULL;
        gint64 now = soon_s();
        g_autoptr(KlCa) ca = ca_of(dir, kinds[i].command, BOTH, now);
        KlPki *pki = kl_pki_new(kl_ca_chain_pem(ca), &error);
        KlSigner *signer = kl_signer_local_new(ca);
        KlProfile profile = oracle_profile();
        g_assert_cmpstr(signer->klass->id, ==, "local");
        g_assert_true(signer->klass->self_test(signer, &profile, now, &error));
        g_autoptr(KlCertificate) certificate = issue(signer, pki, dir, now);
        oracle_write_certificate(dir, "leaf.pem", certificate);
        ORACLE(dir, "openssl verify -x509_strict -purpose sslclient -CAfile ca/ca.pem leaf.pem");
        g_autofree char *text = oracle(dir, "openssl x509 -in leaf.pem -noout -text");
        oracle_assert_has(text, kinds[i].algorithm);
        signer->klass->free(signer);
        pki->klass->free(pki);
    }
}

/* A CA below a root: the unit gets both certificates, and they verify. */
static void
test_below_a_root(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(GError) error = NULL;
    gint64 now = soon_s();
    g_autoptr(KlSecret) passphrase = oracle_secret(PASSPHRASE);
    ORACLE(dir, "umask 077; openssl req -x509 -newkey rsa:2048 -nodes -keyout rk -subj /CN=Root -days 400 "
                "-config /dev/null -addext subjectKeyIdentifier=hash -addext basicConstraints=critical,CA:TRUE "
                "-addext keyUsage=critical,keyCertSign -out rc && " P256
                " && openssl req -new -key k -subj /CN=Sub -config /dev/null -out r && printf "
                "'basicConstraints=critical,CA:TRUE,pathlen:0\\nkeyUsage=critical,keyCertSign,cRLSign\\n"
                "subjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n' > x && "
                "openssl x509 -req -in r -CA rc -CAkey rk -days 200 -extfile x -out s && cat s rc > c");
    g_autofree char *key = g_build_filename(dir, "k", NULL);
    g_autofree char *certificate_path = g_build_filename(dir, "c", NULL);
    kl_ca_import(dir, key, certificate_path, NULL, passphrase, now, &error);
    g_assert_no_error(error);
    g_autoptr(KlCa) ca = kl_ca_load(dir, "file", passphrase, 30, now, &error);
    g_assert_no_error(error);
    KlSigner *signer = kl_signer_local_new(ca);
    g_autoptr(GBytes) sub = oracle_read(dir, "s");
    g_autofree char *sub_pem = g_strndup(g_bytes_get_data(sub, NULL), g_bytes_get_size(sub));
    const char *const anchors[] = {kl_ca_chain_pem(ca), sub_pem};
    for (gsize i = 0; i < G_N_ELEMENTS(anchors); i++) {
        KlPki *pki = kl_pki_new(anchors[i], &error);
        g_assert_no_error(error);
        g_autoptr(KlCertificate) certificate = issue(signer, pki, dir, now);
        oracle_write_certificate(dir, "leaf.pem", certificate);
        oracle_write(dir, "chain.pem", certificate->chain_pem, -1);
        ORACLE(dir, "grep -c BEGIN chain.pem | grep 2 && "
                    "openssl verify -x509_strict -purpose sslclient -CAfile rc -untrusted chain.pem leaf.pem");
        pki->klass->free(pki);
    }
    signer->klass->free(signer);
}

static void
test_self_test(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    gint64 now = soon_s();
    g_autoptr(KlCa) ca = ca_of(dir, P256, BOTH, now);
    KlSigner *signer = kl_signer_local_new(ca);
    KlProfile profile = oracle_profile();
    const struct {
        gint64 now;
        KlErrorCode code;
    } cases[] = {
        {now - 2 * ORACLE_DAY, KL_ERROR_CA_NOT_YET_VALID},
        {now + 171 * ORACLE_DAY, KL_ERROR_CA_EXPIRED},
        {now + 201 * ORACLE_DAY, KL_ERROR_CA_EXPIRED},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(signer->klass->self_test(signer, &profile, cases[i].now, &error));
        oracle_assert_code(error, cases[i].code);
    }
    /* A key that is not the certificate's, as after a memory fault. */
    g_autoptr(EVP_PKEY) other = EVP_EC_gen("P-256");
    EVP_PKEY *own = ca->key;
    ca->key = other;
    g_autoptr(GError) error = NULL;
    g_assert_false(signer->klass->self_test(signer, &profile, now, &error));
    oracle_assert_code(error, KL_ERROR_CA_KEY_MISMATCH);
    ca->key = own;
    signer->klass->free(signer);
}

static void
test_cancelled(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(GError) error = NULL;
    gint64 now = soon_s();
    g_autoptr(KlCa) ca = ca_of(dir, P256, BOTH, now);
    KlSigner *signer = kl_signer_local_new(ca);
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_cancellable_cancel(cancel);
    KlOp op = {.cancel = cancel};
    KlProfile profile = oracle_profile();
    KlUnit unit = oracle_unit();
    g_autoptr(GBytes) der = oracle_csr(dir, unit.device_id);
    KlCsr csr = {.der = der};
    const KlIssueRequest request = {&csr, &profile, &unit, "job", now};
    g_assert_null(signer->klass->issue(signer, &request, &op, &error));
    g_assert_cmpint(kl_error_code(error), ==, KL_ERROR_CANCELLED);
    signer->klass->free(signer);
}

static void
test_crl(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(GError) error = NULL;
    gint64 now = soon_s();
    g_autoptr(KlCa) ca = ca_of(dir, P256, BOTH, now);
    KlPki *pki = kl_pki_new(kl_ca_chain_pem(ca), &error);
    KlSigner *signer = kl_signer_local_new(ca);
    static const KlCertificateStatus statuses[] = {KL_CERTIFICATE_LIVE, KL_CERTIFICATE_REVOKED,
                                                   KL_CERTIFICATE_SUPERSEDED, KL_CERTIFICATE_REVOKED};
    KlLedgerEntry entries[G_N_ELEMENTS(statuses)] = {0};
    g_autoptr(GPtrArray) ledger = g_ptr_array_new();
    for (gsize i = 0; i < G_N_ELEMENTS(statuses); i++) {
        entries[i].certificate = issue(signer, pki, dir, now);
        entries[i].status = statuses[i];
        entries[i].ended_us = (now - 5) * G_USEC_PER_SEC;
        g_ptr_array_add(ledger, &entries[i]);
    }
    /* The last one is another CA's and does not belong into this CRL. */
    g_free(entries[3].certificate->issuer);
    entries[3].certificate->issuer = g_strdup("CN=Somebody");

    g_autofree char *pem = kl_crl_sign(ca, ledger, 7, now, 30, &error);
    g_assert_no_error(error);
    g_autofree char *path = kl_ca_write_crl(dir, pem, &error);
    g_assert_no_error(error);
    g_autofree char *text = oracle(dir, "openssl crl -in ca/ca.crl -CAfile ca/ca.pem -noout -text -nameopt RFC2253");
    oracle_assert_has(text, "verify OK");
    oracle_assert_has(text, "Version 2 (0x1)");
    oracle_assert_has(text, "Signature Algorithm: ecdsa-with-SHA256");
    oracle_assert_has(text, "Issuer: CN=Line CA,O=Factory\n");
    oracle_assert_has(text, "X509v3 Authority Key Identifier");
    oracle_assert_has(text, "X509v3 CRL Number: \n                7\n");
    oracle_assert_has(text, "X509v3 CRL Reason Code: \n                Superseded\n");
    const gboolean listed[] = {FALSE, TRUE, TRUE, FALSE};
    for (gsize i = 0; i < G_N_ELEMENTS(statuses); i++) {
        g_autofree char *serial = g_ascii_strup(entries[i].certificate->serial, -1);
        g_assert_cmpint(strstr(text, serial) != NULL, ==, listed[i]);
        oracle_write_certificate(dir, "leaf.pem", entries[i].certificate);
        g_autofree char *verdict =
            oracle(dir,
                   "openssl verify -x509_strict -crl_check -CRLfile ca/ca.crl -attime %" G_GINT64_FORMAT
                   " -CAfile ca/ca.pem leaf.pem || :",
                   now);
        oracle_assert_has(verdict, listed[i] ? "certificate revoked" : "leaf.pem: OK");
    }
    /* The next one replaces it. */
    g_autofree char *next = kl_crl_sign(ca, ledger, 8, now, 30, &error);
    g_autofree char *next_path = kl_ca_write_crl(dir, next, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(path, ==, next_path);
    ORACLE(dir, "openssl crl -in ca/ca.crl -noout -crlnumber | grep 08 && test $(ls ca | wc -l) = 3");

    for (gsize i = 0; i < G_N_ELEMENTS(statuses); i++)
        kl_certificate_free(entries[i].certificate);
    signer->klass->free(signer);
    pki->klass->free(pki);
}

static void
test_crl_refusals(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    gint64 now = soon_s();
    g_autoptr(KlCa) ca = ca_of(dir, P256, BOTH, now);
    g_autoptr(GPtrArray) ledger = g_ptr_array_new();
    const struct {
        gint64 now;
        guint days;
        KlErrorCode code;
    } cases[] = {
        {now, 0, KL_ERROR_USAGE},
        {now, 100000, KL_ERROR_USAGE},
        {now - ORACLE_DAY, 30, KL_ERROR_CA_NOT_YET_VALID},
        {now + 300 * ORACLE_DAY, 30, KL_ERROR_CA_EXPIRED},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(kl_crl_sign(ca, ledger, 1, cases[i].now, cases[i].days, &error));
        oracle_assert_code(error, cases[i].code);
    }
    g_autoptr(OracleFolder) other = oracle_folder();
    g_autoptr(KlCa) no_crls = ca_of(other, P256, "keyCertSign", now);
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_crl_sign(no_crls, ledger, 1, now, 30, &error));
    oracle_assert_code(error, KL_ERROR_CA_UNSUITABLE);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/signer/kinds-of-key", test_kinds_of_key);
    g_test_add_func("/signer/below-a-root", test_below_a_root);
    g_test_add_func("/signer/self-test", test_self_test);
    g_test_add_func("/signer/cancelled", test_cancelled);
    g_test_add_func("/crl/oracle", test_crl);
    g_test_add_func("/crl/refusals", test_crl_refusals);
    return g_test_run();
}
