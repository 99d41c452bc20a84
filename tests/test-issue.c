/* What is issued, judged by the openssl command line. */
#include "certs/issue.h"

#include <pthread.h>

#include "certs/certificate_der.h"
#include "certs/subject.h"
#include "tests/certs_bench.h"

#define THREADS 8
#define ISSUES_PER_THREAD 20

static void
test_oracle(Bench *bench, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlCertificate) certificate = bench_issue(bench);
    bench_verify(bench, certificate, &error);
    g_assert_no_error(error);
    oracle_write_certificate(bench->dir, "leaf.pem", certificate);

    ORACLE(bench->dir,
           "openssl verify -x509_strict -purpose sslclient -attime %" G_GINT64_FORMAT " -CAfile ca.pem leaf.pem",
           bench->now);
    g_autofree char *text = oracle(bench->dir, "openssl x509 -in leaf.pem -noout -text -nameopt RFC2253");
    oracle_assert_has(text, "Version: 3 (0x2)");
    oracle_assert_has(text, "Signature Algorithm: ecdsa-with-SHA256");
    oracle_assert_has(text, "Issuer: CN=Test CA\n");
    oracle_assert_has(text, "Subject: CN=FX30-000001,OU=Gateways,O=Example\\, Inc.,C=SE\n");
    oracle_assert_has(text, "ASN1 OID: prime256v1");
    oracle_assert_has(text, "X509v3 Basic Constraints: critical\n                CA:FALSE\n");
    oracle_assert_has(text, "X509v3 Key Usage: critical\n                Digital Signature\n");
    oracle_assert_has(text, "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n");

    g_autofree char *spki = oracle(bench->dir, "openssl x509 -in leaf.pem -noout -pubkey");
    g_autofree char *unit_key = oracle(bench->dir, "openssl ec -in unit.key -pubout 2>/dev/null");
    g_assert_cmpstr(spki, ==, unit_key);
    g_autofree char *fields = oracle(bench->dir, "openssl x509 -in leaf.pem -noout -serial -fingerprint -sha256 |"
                                                 "tr -d ':' | tr A-F a-f");
    oracle_assert_has(fields, certificate->serial);
    oracle_assert_has(fields, certificate->sha256);
    g_assert_cmpuint(strlen(certificate->serial), ==, 40);
    /* The key identifiers by hand: SHA-1 of the point, of the unit and of the CA. */
    g_autofree char *ids =
        oracle(bench->dir, "openssl x509 -in leaf.pem -noout -ext subjectKeyIdentifier,authorityKeyIdentifier |"
                           "tr -d ' :' | tr A-F a-f");
    g_autofree char *ski = oracle(bench->dir, "openssl ec -in unit.key -pubout -outform DER 2>/dev/null |"
                                              "tail -c 65 | openssl dgst -sha1 -r | cut -c1-40 | tr -d '\\n'");
    g_autofree char *aki = oracle(bench->dir, "openssl ec -in ca.key -pubout -outform DER 2>/dev/null |"
                                              "tail -c 65 | openssl dgst -sha1 -r | cut -c1-40 | tr -d '\\n'");
    oracle_assert_has(ids, ski);
    oracle_assert_has(ids, aki);
}

static void
test_serials(Bench *bench, gconstpointer unused)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint8 all_or = 0, all_and = 0xff;
    for (int i = 0; i < 200; i++) {
        g_autoptr(KlCertificate) certificate = bench_issue(bench);
        g_assert_cmpuint(strlen(certificate->serial), ==, 40);
        guint8 first =
            (guint8)(g_ascii_xdigit_value(certificate->serial[0]) << 4 | g_ascii_xdigit_value(certificate->serial[1]));
        g_assert_cmpuint(first & 0xc0, ==, 0x40);
        all_or |= first;
        all_and &= first;
        g_assert_true(g_hash_table_add(seen, g_strdup(certificate->serial)));
    }
    g_assert_cmpuint(all_or, ==, 0x7f);
    g_assert_cmpuint(all_and, ==, 0x40);
}

static void
test_validity(Bench *bench, gconstpointer unused)
{
    gint64 start = bench->ca->not_before, end = bench->ca->not_after;
    const struct {
        gint64 now;
        guint days, backdate;
        gint64 from, to;
    } cases[] = {
        {start + 7200, 10, 60, start + 3600, start + 7200 + 10 * ORACLE_DAY},
        {start + 7200, 10, 0, start + 7200, start + 7200 + 10 * ORACLE_DAY},
        {start + 60, 10, 60, start, start + 60 + 10 * ORACLE_DAY},
        {start, 10, 60, start, start + 10 * ORACLE_DAY},
        {end - 5 * ORACLE_DAY, 10, 60, end - 5 * ORACLE_DAY - 3600, end},
        {start, G_MAXUINT, G_MAXUINT, start, end},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        bench->now = cases[i].now;
        bench->profile.validity_days = cases[i].days;
        bench->profile.backdate_minutes = cases[i].backdate;
        g_autoptr(GError) error = NULL;
        g_autoptr(KlCertificate) certificate = bench_issue(bench);
        g_assert_cmpint(certificate->not_before, ==, cases[i].from);
        g_assert_cmpint(certificate->not_after, ==, cases[i].to);
        bench_verify(bench, certificate, &error);
        g_assert_no_error(error);
    }
}

static void
test_ca_dates(Bench *bench, gconstpointer unused)
{
    const struct {
        gint64 now;
        KlErrorCode code;
    } cases[] = {
        {bench->ca->not_before - 1, KL_ERROR_CA_NOT_YET_VALID},
        {bench->ca->not_after + 1, KL_ERROR_CA_EXPIRED},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        const KlIssueRequest request = {bench->csr, &bench->profile, &bench->unit, "job", cases[i].now};
        g_assert_null(kl_issue(bench->ca, &request, &error));
        oracle_assert_code(error, cases[i].code);
    }
}

/* --- subjects --- */

static void
test_subject_template(void)
{
    static const struct {
        const char *template;
        const char *text; /* NULL: CONFIG_INVALID */
    } cases[] = {
        {"CN={device_id}", "CN=FX30-000001"},
        {"CN={device_id},O=Example", "CN=FX30-000001,O=Example"},
        {"CN={device_id}, O=Example", "CN=FX30-000001,O=Example"},
        {"CN=a,OU=b,O=c,L=d,ST=e,C=SE,serialNumber=f", "CN=a,OU=b,O=c,L=d,ST=e,C=SE,serialNumber=f"},
        {"CN={imei}-{fsn}", "CN=" ORACLE_IMEI "-4L936370140910"},
        {"CN=a\\,b\\+c\\\\d", "CN=a\\,b\\+c\\\\d"},
        {"CN=G\303\266teborg", "CN=G\303\266teborg"},
        {"OU=a,OU=b,CN=c", "OU=a,OU=b,CN=c"},
        {"", NULL},
        {"CN", NULL},
        {"CN=", NULL},
        {"CN=a,", NULL},
        {",CN=a", NULL},
        {"=a", NULL},
        {"CN=a,XX=b", NULL},
        {"cn=a", NULL},
        {"CN=a+OU=b", NULL},
        {"CN=\"a\"", NULL},
        {"CN=a\\", NULL},
        {"CN=a;O=b", NULL},
        {"CN=#0c0161", NULL},
        {"C=SWE", NULL},
        {"C=S", NULL},
        {"CN=0123456789012345678901234567890123456789012345678901234567890123", /* 64, the most */
         "CN=0123456789012345678901234567890123456789012345678901234567890123"},
        {"CN=01234567890123456789012345678901234567890123456789012345678901234", NULL},
        {"CN=\377", NULL},
        {"CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a", NULL},
    };
    KlUnit unit = oracle_unit();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *shown = g_utf8_make_valid(cases[i].template, -1);
        g_test_message("%s", shown);
        g_autofree char *text = kl_subject_text(cases[i].template, &unit, &error);
        g_assert_cmpstr(text, ==, cases[i].text);
        if (cases[i].text == NULL)
            oracle_assert_code(error, KL_ERROR_CONFIG_INVALID);
        g_assert_cmpint(kl_subject_check(cases[i].template, NULL), ==, cases[i].text != NULL);
    }
    unit.device_id = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_subject_text("CN={device_id}", &unit, &error));
    oracle_assert_code(error, KL_ERROR_INTERNAL);
}

/* Whatever a unit calls itself, it gets one common name and the product's organisation. */
static void
test_subject_injection(Bench *bench, gconstpointer unused)
{
    static const char *const ids[] = {"a,O=Evil", "a+O=Evil", "a/O=Evil", "\"a\",O=Evil", "a\\,O=Evil",
                                      "{fsn}x",   "#0500",    " a ",      "a\nO=Evil",    "a=b,CN=c"};
    bench->profile.subject = (char *)"CN={device_id},O=Example";
    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(GError) error = NULL;
        bench->unit.device_id = (char *)ids[i];
        g_autoptr(KlCertificate) certificate = bench_issue(bench);
        bench_verify(bench, certificate, &error);
        g_assert_no_error(error);
        g_autoptr(X509) x509 = kl_x509_parse(certificate->der, &error);
        const X509_NAME *name = X509_get_subject_name(x509);
        g_assert_cmpint(X509_NAME_entry_count(name), ==, 2);
        const ASN1_STRING *organisation = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, 0));
        g_assert_cmpmem(ASN1_STRING_get0_data(organisation), (gsize)ASN1_STRING_length(organisation), "Example", 7);
        g_assert_cmpint(X509_NAME_ENTRY_set(X509_NAME_get_entry(name, 1)), ==, 1);
    }
}

/* --- threads --- */

static void *
issue_many(void *data)
{
    const Bench *bench = data;
    for (int i = 0; i < ISSUES_PER_THREAD; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(KlCsr) csr =
            bench->pki->klass->check_csr(bench->pki, bench->csr->der, &bench->profile, bench->unit.device_id, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(csr->sha256, ==, bench->csr->sha256);
        g_autoptr(KlCertificate) certificate = bench_issue(bench);
        bench_verify(bench, certificate, &error);
        g_assert_no_error(error);
    }
    return NULL;
}

static void
test_threads(Bench *bench, gconstpointer unused)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, issue_many, bench), ==, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function) g_test_add(path, Bench, NULL, bench_open, function, NULL)
    ADD("/issue/oracle", test_oracle);
    ADD("/issue/serials", test_serials);
    ADD("/issue/validity", test_validity);
    ADD("/issue/ca-dates", test_ca_dates);
    g_test_add_func("/issue/subject/template", test_subject_template);
    ADD("/issue/subject/injection", test_subject_injection);
    ADD("/issue/threads", test_threads);
    shared_make();
    int failed = g_test_run();
    shared_free();
    return failed;
}
