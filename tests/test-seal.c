/* The station's seal: what it signs checks with openssl and with our own checks, what others signed does not; keys that
 * are gone, open to others or not the certificate's are refused. */
#include "certs/seal.h"

#include <string.h>
#include <sys/stat.h>

#include "tests/certs_oracle.h"

#define NOW (g_get_real_time() / G_USEC_PER_SEC)
#define TEXT "{\"n\":1}"

static KlSeal *
make_seal(const char *dir, const char *station)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_seal_make(dir, station, NOW, &error));
    g_assert_no_error(error);
    KlSeal *seal = kl_seal_open(dir, "file", &error);
    g_assert_no_error(error);
    return seal;
}

static void
assert_refused(const char *dir, KlErrorCode code)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_seal_open(dir, "file", &error));
    g_assert_error(error, KL_ERROR, (int)code);
}

static void
test_openssl_agrees(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(KlSeal) seal = make_seal(dir, "Línea 1");
    g_autoptr(GError) error = NULL;
    g_autofree char *signature = seal->klass->sign(seal, TEXT, strlen(TEXT), &error);
    g_autoptr(GBytes) cms = seal->klass->sign_detached(seal, TEXT, strlen(TEXT), &error);
    g_assert_no_error(error);
    oracle_write(dir, "text", TEXT, -1);
    oracle_write(dir, "text.sig64", signature, -1);
    oracle_write(dir, "text.p7s", g_bytes_get_data(cms, NULL), (gssize)g_bytes_get_size(cms));
    ORACLE(dir,
           "openssl x509 -in audit/station.pem -pubkey -noout >key.pem && openssl base64 -d -A -in text.sig64 -out "
           "text.sig && openssl dgst -sha256 -verify key.pem -signature text.sig text");
    ORACLE(dir, "openssl cms -verify -binary -inform DER -in text.p7s -content text -CAfile audit/station.pem"
                " -purpose any -out /dev/null");
    ORACLE(dir, "! (echo x | openssl cms -verify -binary -inform DER -in text.p7s -content /dev/stdin"
                " -CAfile audit/station.pem -purpose any)");
    g_autofree char *said = oracle(dir, "openssl x509 -in audit/station.pem -noout -subject -nameopt utf8 -fingerprint"
                                        " -sha256 | tr -d : | tr A-F a-f");
    g_assert_nonnull(strstr(said, "Línea 1"));
    g_assert_nonnull(strstr(said, seal->klass->fingerprint(seal)));
    ORACLE(dir, "openssl x509 -in audit/station.pem -noout -checkend $((24 * 365 * 86400))");
    ORACLE(dir, "! openssl x509 -in audit/station.pem -noout -checkend $((26 * 365 * 86400))");
    ORACLE(dir, "test $(stat -c %%a audit/seal.key) = 600 && test $(stat -c %%a audit) = 700 &&"
                " openssl pkey -in audit/seal.key -noout");
}

static void
test_checks(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(OracleFolder) other_dir = oracle_folder();
    g_autoptr(KlSeal) seal = make_seal(dir, "one");
    g_autoptr(KlSeal) other = make_seal(other_dir, "one");
    g_autofree char *signature = seal->klass->sign(seal, TEXT, strlen(TEXT), NULL);
    g_autoptr(GBytes) cms = seal->klass->sign_detached(seal, TEXT, strlen(TEXT), NULL);
    g_autofree char *padded = g_strconcat(signature, "\n", NULL);
    const char *own = seal->klass->certificate(seal), *foreign = other->klass->certificate(other);
    const struct {
        const char *certificate, *text, *signature;
        gboolean good;
    } cases[] = {
        {own, TEXT, signature, TRUE},
        {own, "{\"n\":2}", signature, FALSE},
        {foreign, TEXT, signature, FALSE},
        {own, TEXT, padded, FALSE},
        {own, TEXT, "", FALSE},
        {own, TEXT, "####", FALSE},
        {"", TEXT, signature, FALSE},
        {"junk", TEXT, signature, FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        gsize length = strlen(cases[i].text);
        g_assert_true(kl_seal_checks.signature(cases[i].certificate, cases[i].text, length, cases[i].signature,
                                               &error) == cases[i].good);
        if (!cases[i].good)
            g_assert_error(error, KL_ERROR, KL_ERROR_SEAL_WRONG);
        if (cases[i].signature != signature)
            continue;
        g_clear_error(&error);
        g_assert_true(kl_seal_checks.detached(cases[i].certificate, cases[i].text, length, cms, &error) ==
                      cases[i].good);
        if (!cases[i].good)
            g_assert_error(error, KL_ERROR, KL_ERROR_SEAL_WRONG);
    }
    g_autofree char *fingerprint = kl_seal_checks.fingerprint(own, NULL);
    g_assert_cmpstr(fingerprint, ==, seal->klass->fingerprint(seal));
    g_assert_null(kl_seal_checks.fingerprint("junk", NULL));
}

/* Any one bit of a CMS signature: refused, or it meant nothing (and nothing crashes). */
static void
test_damaged_cms(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(KlSeal) seal = make_seal(dir, "one");
    g_autoptr(GBytes) cms = seal->klass->sign_detached(seal, TEXT, strlen(TEXT), NULL);
    const char *certificate = seal->klass->certificate(seal);
    gsize size = g_bytes_get_size(cms);
    for (gsize i = 0; i < size; i++) {
        g_autofree guint8 *data = g_memdup2(g_bytes_get_data(cms, NULL), size);
        data[i] ^= (guint8)(1 << g_test_rand_int_range(0, 8));
        g_autoptr(GBytes) damaged = g_bytes_new(data, size);
        g_assert_false(kl_seal_checks.detached(certificate, "other", 5, damaged, NULL));
        g_autoptr(GBytes) torn = g_bytes_new(data, i);
        g_assert_false(kl_seal_checks.detached(certificate, TEXT, strlen(TEXT), torn, NULL));
    }
    g_autofree guint8 *longer = g_malloc0(size + 1);
    memcpy(longer, g_bytes_get_data(cms, NULL), size);
    g_autoptr(GBytes) trailing = g_bytes_new(longer, size + 1);
    g_assert_false(kl_seal_checks.detached(certificate, TEXT, strlen(TEXT), trailing, NULL));
}

/* Signatures that others make: with their own key under their own certificate, and one that brings its content. */
static void
test_foreign_cms(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(KlSeal) seal = make_seal(dir, "one");
    oracle_write(dir, "text", TEXT, -1);
    ORACLE(dir, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out c -subj /CN=one"
                " -days 9 && openssl cms -sign -binary -in text -signer c -inkey k -outform DER -out foreign &&"
                "openssl cms -sign -binary -nodetach -in text -signer audit/station.pem -inkey audit/seal.key"
                " -outform DER -out attached && openssl cms -sign -binary -in text -signer audit/station.pem"
                " -inkey audit/seal.key -outform DER -out good");
    const struct {
        const char *file;
        gboolean good;
    } cases[] = {{"foreign", FALSE}, {"attached", FALSE}, {"good", TRUE}};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GBytes) cms = oracle_read(dir, cases[i].file);
        g_assert_true(kl_seal_checks.detached(seal->klass->certificate(seal), TEXT, strlen(TEXT), cms, NULL) ==
                      cases[i].good);
    }
}

static void
test_refused(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_assert_false(kl_seal_exists(dir));
    assert_refused(dir, KL_ERROR_SEAL_MISSING);
    g_autoptr(KlSeal) seal = make_seal(dir, "one");
    g_assert_true(kl_seal_exists(dir));

    ORACLE(dir, "chmod 640 audit/seal.key");
    assert_refused(dir, KL_ERROR_SEAL_EXPOSED);
    ORACLE(dir, "chmod 600 audit/seal.key && cp audit/seal.key kept && : >audit/seal.key");
    assert_refused(dir, KL_ERROR_SEAL_MISSING);
    ORACLE(dir, "openssl pkey -in kept -aes128 -passout pass:secret -out audit/seal.key");
    assert_refused(dir, KL_ERROR_SEAL_MISSING);
    ORACLE(dir, "openssl ecparam -name prime256v1 -genkey -noout -out audit/seal.key");
    assert_refused(dir, KL_ERROR_SEAL_WRONG);
    ORACLE(dir, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout audit/seal.key"
                " -out audit/station.pem -subj /CN=one -days 9");
    assert_refused(dir, KL_ERROR_SEAL_MISSING);
    ORACLE(dir, "rm audit/seal.key");
    assert_refused(dir, KL_ERROR_SEAL_MISSING);
}

/* What is there is left; a certificate whose key was never written is made anew; one put aside makes room. */
static void
test_made_once(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSeal) first = make_seal(dir, "one");
    g_autoptr(KlSeal) same = make_seal(dir, "two");
    g_assert_cmpstr(first->klass->fingerprint(first), ==, same->klass->fingerprint(same));

    ORACLE(dir, "rm audit/seal.key");
    g_autoptr(KlSeal) second = make_seal(dir, "two");
    g_assert_cmpstr(first->klass->fingerprint(first), !=, second->klass->fingerprint(second));
    g_assert_true(kl_seal_put_aside(dir, 7, &error));
    g_assert_false(kl_seal_exists(dir));
    g_autoptr(KlSeal) third = make_seal(dir, "three");
    ORACLE(dir, "test -f audit/seal.key.7 && test -f audit/station.pem.7");
    g_assert_cmpstr(second->klass->fingerprint(second), !=, third->klass->fingerprint(third));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kl_secret_init();
    g_test_add_func("/seal/openssl-agrees", test_openssl_agrees);
    g_test_add_func("/seal/checks", test_checks);
    g_test_add_func("/seal/damaged-cms", test_damaged_cms);
    g_test_add_func("/seal/foreign-cms", test_foreign_cms);
    g_test_add_func("/seal/refused", test_refused);
    g_test_add_func("/seal/made-once", test_made_once);
    return g_test_run();
}
