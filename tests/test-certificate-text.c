/* Certificates as text for people; the openssl program is the oracle. */
#include <string.h>

#include "certs/certificate_der.h"
#include "certs/certificate_text.h"
#include "tests/certs_oracle.h"

static KlCertificate *
read_certificate(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "x.der", NULL);
    g_autofree char *bytes = NULL;
    g_autoptr(GError) error = NULL;
    gsize length = 0;
    g_file_get_contents(path, &bytes, &length, &error);
    g_assert_no_error(error);
    g_autoptr(GBytes) der = g_bytes_new(bytes, length);
    KlCertificate *certificate = kl_certificate_from_der(der, "", &error);
    g_assert_no_error(error);
    return certificate;
}

#define MAKE                                                                                                           \
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout x.key -config /dev/null -days 10"    \
    " -outform DER -out x.der "

static void
assert_line(const char *text, const char *name, const char *value)
{
    g_autofree char *expected = g_strdup_printf("%s%s\n", name, value);
    if (strstr(text, expected) == NULL)
        g_error("'%s' is not in:\n%s", expected, text);
}

static void
test_known(void)
{
    OracleFolder *dir = oracle_folder();
    ORACLE(dir, MAKE
           "-subj /O=Maker/CN=4L70231120 -set_serial 0x5e0011223344556677 -addext keyUsage=critical,digitalSignature"
           " -addext extendedKeyUsage=clientAuth");
    g_autofree char *serial = oracle(dir, "openssl x509 -in x.der -noout -serial | sed 's/.*=//' | tr A-Z a-z");
    g_autofree char *sha256 =
        oracle(dir, "openssl x509 -in x.der -noout -fingerprint -sha256 | sed 's/.*=//' | tr -d : | tr A-Z a-z");
    g_autofree char *spki = oracle(dir, "openssl x509 -in x.der -noout -pubkey | openssl pkey -pubin -outform DER |"
                                        " openssl dgst -sha256 | sed 's/.*= //'");
    g_autoptr(KlCertificate) certificate = read_certificate(dir);
    g_autofree char *text = kl_certificate_describe(certificate);
    assert_line(text, "Subject:      ", "CN=4L70231120,O=Maker");
    assert_line(text, "Key:          ", "P-256");
    assert_line(text, "Serial:       ", g_strchomp(serial));
    assert_line(text, "SHA-256:      ", g_strchomp(sha256));
    assert_line(text, "Key SHA-256:  ", g_strchomp(spki));
    assert_line(text, "\nKey Usage (critical)\n    ", "Digital Signature");
    assert_line(text, "\nExtended Key Usage\n    ", "TLS Web Client Authentication");
    oracle_folder_remove(dir);
}

/* What a certificate's maker put into it can't steer who shows it. */
static void
test_hostile(void)
{
    OracleFolder *dir = oracle_folder();
    ORACLE(dir, MAKE "-utf8 -subj \"/CN=$(printf 'a\\033[31m\\nFake: line')\""
                     " -addext \"nsComment=$(printf 'b\\033[31mc')\" -addext 1.2.3.4=DER:0c03ff0a1b");
    g_autoptr(KlCertificate) certificate = read_certificate(dir);
    g_autofree char *text = kl_certificate_describe(certificate);
    g_assert_true(g_utf8_validate(text, -1, NULL));
    g_assert_null(strstr(text, "\nFake"));
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p))
        g_assert_true(*p == '\n' || g_unichar_isprint(g_utf8_get_char(p)));
    oracle_folder_remove(dir);
}

static void
test_garbage(void)
{
    g_autoptr(GBytes) der = g_bytes_new_static("0\x82nonsense", 10);
    const KlCertificate certificate = {.der = der};
    g_autofree char *text = kl_certificate_describe(&certificate);
    g_assert_true(g_str_has_suffix(text, "\n"));
    g_assert_null(strstr(text, "Subject:"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/certificate-text/known", test_known);
    g_test_add_func("/certificate-text/hostile", test_hostile);
    g_test_add_func("/certificate-text/garbage", test_garbage);
    return g_test_run();
}
