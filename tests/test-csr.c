/* The CSR policy against requests that the openssl command line made, and against damage of every kind. */
#include "certs/csr.h"

#include "certs/der.h"
#include "tests/certs_oracle.h"

#define NAME "FX30-000001"

static KlErrorCode
code_of(GBytes *der, gboolean tolerant)
{
    KlProfile profile = oracle_profile();
    profile.allow_null_parameter = tolerant;
    g_autoptr(GError) error = NULL;
    g_autoptr(KlCsr) csr = kl_csr_check(der, &profile, NAME, &error);
    g_assert_true((csr == NULL) == (error != NULL));
    if (error != NULL)
        g_test_message("%s: %s", kl_error_name(kl_error_code(error)), error->message);
    return error != NULL ? kl_error_code(error) : KL_ERROR_LAST;
}

#define P256 "openssl ecparam -name prime256v1 -genkey -noout -out k && "
#define REQ "openssl req -new -outform DER -out csr "

/* Each fault has its own code; KL_ERROR_LAST is a pass. */
static const struct {
    const char *title;
    const char *command;
    KlErrorCode code;
} made[] = {
    {"good", P256 REQ "-key k -subj /CN=" NAME, KL_ERROR_LAST},
    {"good, printable string",
     P256 "printf '[req]\\ndistinguished_name=d\\nstring_mask=nombstr\\nprompt=no\\n[d]\\nCN=" NAME "\\n' > cnf && " REQ
          "-key k -config cnf && openssl asn1parse -inform DER -in csr | grep PRINTABLESTRING",
     KL_ERROR_LAST},
    {"other name", P256 REQ "-key k -subj /CN=FX30-000002", KL_ERROR_CSR_SUBJECT},
    {"name in other case", P256 REQ "-key k -subj /CN=fx30-000001", KL_ERROR_CSR_SUBJECT},
    {"name and more", P256 REQ "-key k -subj /CN=" NAME "x", KL_ERROR_CSR_SUBJECT},
    {"two names", P256 REQ "-key k -subj /CN=" NAME "/CN=" NAME, KL_ERROR_CSR_SUBJECT},
    {"name and organisation", P256 REQ "-key k -subj /O=x/CN=" NAME, KL_ERROR_CSR_SUBJECT},
    {"two values in one", P256 REQ "-key k -multivalue-rdn -subj /CN=" NAME "+OU=x", KL_ERROR_CSR_SUBJECT},
    {"no name", P256 REQ "-key k -subj /", KL_ERROR_CSR_SUBJECT},
    {"name in another attribute", P256 REQ "-key k -subj /OU=" NAME, KL_ERROR_CSR_SUBJECT},
    {"RSA-512", "openssl genrsa -out k 512 && " REQ "-key k -subj /CN=" NAME, KL_ERROR_CSR_KEY_TYPE},
    {"RSA-2048", "openssl genrsa -out k 2048 && " REQ "-key k -subj /CN=" NAME, KL_ERROR_CSR_KEY_TYPE},
    {"P-384", "openssl ecparam -name secp384r1 -genkey -noout -out k && " REQ "-key k -subj /CN=" NAME,
     KL_ERROR_CSR_KEY_TYPE},
    {"Ed25519", "openssl genpkey -algorithm ed25519 -out k && " REQ "-key k -subj /CN=" NAME, KL_ERROR_CSR_KEY_TYPE},
    {"explicit curve",
     "openssl ecparam -name prime256v1 -genkey -noout -param_enc explicit -out k && " REQ "-key k -subj /CN=" NAME,
     KL_ERROR_CSR_KEY_TYPE},
    {"compressed point", P256 "openssl ec -in k -conv_form compressed -out c && " REQ "-key c -subj /CN=" NAME,
     KL_ERROR_CSR_KEY_TYPE},
    {"hybrid point", P256 "openssl ec -in k -conv_form hybrid -out c && " REQ "-key c -subj /CN=" NAME,
     KL_ERROR_CSR_KEY_TYPE},
    {"secp256k1", "openssl ecparam -name secp256k1 -genkey -noout -out k && " REQ "-key k -subj /CN=" NAME,
     KL_ERROR_CSR_KEY_TYPE},
    {"SHA-384", P256 REQ "-sha384 -key k -subj /CN=" NAME, KL_ERROR_CSR_SIGNATURE},
    {"SHA-1", P256 REQ "-sha1 -key k -subj /CN=" NAME, KL_ERROR_CSR_SIGNATURE},
    {"extension", P256 REQ "-key k -subj /CN=" NAME " -addext subjectAltName=DNS:x", KL_ERROR_CSR_EXTENSION},
    {"CA:TRUE", P256 REQ "-key k -subj /CN=" NAME " -addext basicConstraints=critical,CA:TRUE", KL_ERROR_CSR_EXTENSION},
    {"challenge password",
     P256 "printf '[req]\\ndistinguished_name=d\\nattributes=a\\nprompt=no\\n[d]\\nCN=" NAME
          "\\n[a]\\nchallengePassword=secret\\n' > cnf && " REQ "-key k -config cnf",
     KL_ERROR_CSR_EXTENSION},
    {"oversized", P256 REQ "-key k -subj /CN=" NAME " -addext nsComment=$(head -c 4000 /dev/zero | tr '\\0' x)",
     KL_ERROR_CSR_UNREADABLE},
    {"PEM", P256 REQ "-key k -subj /CN=" NAME " && openssl req -inform DER -in csr -out p && mv p csr",
     KL_ERROR_CSR_UNREADABLE},
};

static void
test_made(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    for (gsize i = 0; i < G_N_ELEMENTS(made); i++) {
        g_test_message("--- %s", made[i].title);
        ORACLE(dir, "%s", made[i].command);
        g_autoptr(GBytes) der = oracle_read(dir, "csr");
        g_assert_cmpint(code_of(der, FALSE), ==, made[i].code);
    }
}

static void
test_values(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(GBytes) der = oracle_csr(dir, NAME);
    g_autofree char *sha256 = oracle(dir, "openssl dgst -sha256 -r unit.csr | cut -c1-64 | tr -d '\\n'");
    g_autofree char *spki = oracle(dir, "openssl ec -in unit.key -pubout -outform DER 2>/dev/null |"
                                        "openssl dgst -sha256 -r | cut -c1-64 | tr -d '\\n'");
    g_autofree char *point = oracle(dir, "openssl ec -in unit.key -pubout -outform DER 2>/dev/null | tail -c 65 |"
                                         "od -An -tx1 | tr -d ' \\n'");
    KlProfile profile = oracle_profile();
    g_autoptr(GError) error = NULL;
    g_autoptr(KlCsr) csr = kl_csr_check(der, &profile, NAME, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(csr->sha256, ==, sha256);
    g_assert_cmpstr(csr->spki_sha256, ==, spki);
    g_assert_true(g_bytes_equal(csr->der, der));

    const guint8 *found = kl_csr_point(der, &error);
    g_assert_no_error(error);
    for (int i = 0; i < 65; i++) {
        char hex[3] = {point[2 * i], point[2 * i + 1], '\0'};
        g_assert_cmpuint(found[i], ==, g_ascii_strtoull(hex, NULL, 16));
    }
}

/* A request with the octets at one place replaced by others, the outer length put right. */
static GBytes *
splice_der(GBytes *der, gsize at, gsize removed, const char *with, gsize with_length)
{
    gsize length = 0;
    const guint8 *data = g_bytes_get_data(der, &length);
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_byte_array_append(out, data, (guint)at);
    g_byte_array_append(out, (const guint8 *)with, (guint)with_length);
    g_byte_array_append(out, data + at + removed, (guint)(length - at - removed));
    /* A request for such a name is of 128 to 255 octets: 30 81 LEN. */
    g_assert_cmpuint(data[1], ==, 0x81);
    out->data[2] = (guint8)(data[2] + with_length - removed);
    return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

static gsize
find(GBytes *der, const char *what, gsize what_length)
{
    gsize length = 0;
    const char *data = g_bytes_get_data(der, &length);
    const char *at = memmem(data, length, what, what_length);
    g_assert_nonnull(at);
    return (gsize)(at - data);
}

/* The signature's algorithm is not covered by the signature: these all verify, but for the policy. */
static void
test_null_parameter(void)
{
    static const char algorithm[] = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
    static const char with_null[] = "\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00";
    static const char with_two[] = "\x30\x0e\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00\x05\x00";
    static const char with_other[] = "\x30\x0d\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x02\x01\x00";
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(GBytes) der = oracle_csr(dir, NAME);
    gsize at = find(der, algorithm, 12);

    g_autoptr(GBytes) null = splice_der(der, at, 12, with_null, 14);
    g_assert_cmpint(code_of(null, FALSE), ==, KL_ERROR_CSR_SIGNATURE);
    g_assert_cmpint(code_of(null, TRUE), ==, KL_ERROR_LAST);
    g_autoptr(GBytes) two = splice_der(der, at, 12, with_two, 16);
    g_assert_cmpint(code_of(two, TRUE), ==, KL_ERROR_CSR_SIGNATURE);
    g_autoptr(GBytes) other = splice_der(der, at, 12, with_other, 15);
    g_assert_cmpint(code_of(other, TRUE), ==, KL_ERROR_CSR_SIGNATURE);
    g_assert_cmpint(code_of(der, TRUE), ==, KL_ERROR_LAST);
}

static GBytes *
changed(GBytes *der, gsize at, guint8 bits)
{
    gsize length = 0;
    const guint8 *data = g_bytes_get_data(der, &length);
    guint8 *copy = g_memdup2(data, length);
    copy[at] ^= bits;
    return g_bytes_new_take(copy, length);
}

static void
test_damage(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(GBytes) der = oracle_csr(dir, NAME);
    gsize length = g_bytes_get_size(der);
    gsize point = find(der, "\x03\x42\x00\x04", 4) + 4;

    g_autoptr(GBytes) signature = changed(der, length - 1, 1);
    g_assert_cmpint(code_of(signature, FALSE), ==, KL_ERROR_CSR_SIGNATURE);
    g_autoptr(GBytes) off_curve = changed(der, point + 63, 1);
    g_assert_cmpint(code_of(off_curve, FALSE), ==, KL_ERROR_CSR_KEY_TYPE);
    g_autoptr(GBytes) trailing = splice_der(der, length, 0, "\x00", 0);
    g_autoptr(GByteArray) longer = g_bytes_unref_to_array(g_steal_pointer(&trailing));
    g_byte_array_append(longer, (const guint8 *)"", 1);
    g_autoptr(GBytes) with_zero = g_bytes_new(longer->data, longer->len);
    g_assert_cmpint(code_of(with_zero, FALSE), ==, KL_ERROR_CSR_UNREADABLE);

    /* Another unit's key under this unit's signature. */
    ORACLE(dir, "openssl ecparam -name prime256v1 -genkey -noout -out other.key &&"
                "openssl ec -in other.key -pubout -outform DER 2>/dev/null | tail -c 64 > other.point");
    g_autoptr(GBytes) other = oracle_read(dir, "other.point");
    g_autoptr(GBytes) swapped = splice_der(der, point, 64, g_bytes_get_data(other, NULL), 64);
    g_assert_cmpint(code_of(swapped, FALSE), ==, KL_ERROR_CSR_SIGNATURE);

    g_autofree guint8 *big = g_malloc0(KL_CSR_MAX_SIZE + 1);
    g_autoptr(GBytes) oversized = g_bytes_new(big, KL_CSR_MAX_SIZE + 1);
    g_autoptr(GBytes) empty = g_bytes_new(NULL, 0);
    g_assert_cmpint(code_of(oversized, FALSE), ==, KL_ERROR_CSR_UNREADABLE);
    g_assert_cmpint(code_of(empty, FALSE), ==, KL_ERROR_CSR_UNREADABLE);
}

/* A common name with a NUL inside is not the name before the NUL. Signed properly, so only the name is wrong. */
static void
test_nul_in_name(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(GBytes) der = oracle_csr(dir, NAME "ZEvil");
    g_autoptr(GBytes) zero = changed(der, find(der, "ZEvil", 5), 'Z');
    /* The signature no longer holds, so make it hold again over the changed information. */
    gsize info_at = 3, algorithm_at = find(zero, "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", 12);
    const guint8 *data = g_bytes_get_data(zero, NULL);
    oracle_write(dir, "info", data + info_at, (gssize)(algorithm_at - info_at));
    ORACLE(dir, "openssl dgst -sha256 -sign unit.key -out sig info");
    g_autoptr(GBytes) signature = oracle_read(dir, "sig");
    g_autoptr(GByteArray) bits = g_byte_array_new();
    const guint8 head[] = {0x03, (guint8)(g_bytes_get_size(signature) + 1), 0x00};
    g_byte_array_append(bits, head, sizeof head);
    g_byte_array_append(bits, g_bytes_get_data(signature, NULL), (guint)g_bytes_get_size(signature));
    gsize tail = algorithm_at + 12;
    g_autoptr(GBytes) evil = splice_der(zero, tail, g_bytes_get_size(zero) - tail, (const char *)bits->data, bits->len);
    g_assert_cmpint(code_of(evil, FALSE), ==, KL_ERROR_CSR_SUBJECT);
}

/* No request with one bit flipped, none cut short and none with an octet left out passes. */
static void
test_every_bit(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(GBytes) der = oracle_csr(dir, NAME);
    gsize length = g_bytes_get_size(der);
    KlProfile profile = oracle_profile();
    for (gsize bit = 0; bit < 8 * length; bit++) {
        g_autoptr(GBytes) flipped = changed(der, bit / 8, (guint8)(1u << bit % 8));
        g_assert_null(kl_csr_check(flipped, &profile, NAME, NULL));
    }
    for (gsize cut = 0; cut < length; cut++) {
        g_autoptr(GBytes) torn = g_bytes_new(g_bytes_get_data(der, NULL), cut);
        g_autoptr(GBytes) holed = splice_der(der, cut, 1, "", 0);
        g_autoptr(GError) error = NULL;
        g_assert_null(kl_csr_check(torn, &profile, NAME, &error));
        g_assert_error(error, KL_ERROR, (int)KL_ERROR_CSR_UNREADABLE);
        g_assert_null(kl_csr_check(holed, &profile, NAME, NULL));
    }
}

static void
test_der(void)
{
    static const struct {
        const char *title;
        const char *data;
        gsize length;
        gboolean good;
    } cases[] = {
#define DER(text) text, sizeof text - 1
        {"null", DER("\x05\x00"), TRUE},
        {"sequence", DER("\x30\x03\x02\x01\x00"), TRUE},
        {"context", DER("\xa0\x02\x05\x00"), TRUE},
        {"implicit primitive", DER("\x80\x02\xff\xff"), TRUE},
        {"empty", DER(""), FALSE},
        {"tag only", DER("\x30"), FALSE},
        {"trailing", DER("\x05\x00\x00"), FALSE},
        {"indefinite length", DER("\x30\x80\x05\x00\x00\x00"), FALSE},
        {"long form for a short length", DER("\x04\x81\x01\x00"), FALSE},
        {"leading zero in length", DER("\x04\x82\x00\x01\x00"), FALSE},
        {"length beyond the end", DER("\x04\x05\x00"), FALSE},
        {"length of 4 GiB", DER("\x04\x84\xff\xff\xff\xff\x00"), FALSE},
        {"length of 5 octets", DER("\x04\x85\x01\x00\x00\x00\x00\x00"), FALSE},
        {"inner beyond outer", DER("\x30\x03\x04\x05\x00"), FALSE},
        {"high tag number", DER("\x1f\x01\x00"), FALSE},
        {"end of contents", DER("\x00\x00"), FALSE},
        {"boolean of 1", DER("\x01\x01\x01"), FALSE},
        {"boolean true", DER("\x01\x01\xff"), TRUE},
        {"boolean of two octets", DER("\x01\x02\xff\xff"), FALSE},
        {"integer padded", DER("\x02\x02\x00\x7f"), FALSE},
        {"integer not padded", DER("\x02\x02\x00\x80"), TRUE},
        {"negative integer padded", DER("\x02\x02\xff\x80"), FALSE},
        {"empty integer", DER("\x02\x00"), FALSE},
        {"bit string", DER("\x03\x02\x07\x80"), TRUE},
        {"bit string, unused bits set", DER("\x03\x02\x07\x81"), FALSE},
        {"bit string, 8 unused bits", DER("\x03\x02\x08\x00"), FALSE},
        {"bit string without its count", DER("\x03\x00"), FALSE},
        {"empty bit string", DER("\x03\x01\x00"), TRUE},
        {"empty bit string with unused bits", DER("\x03\x01\x01"), FALSE},
        {"null with content", DER("\x05\x01\x00"), FALSE},
        {"oid", DER("\x06\x03\x55\x04\x03"), TRUE},
        {"oid cut", DER("\x06\x02\x55\x84"), FALSE},
        {"oid padded", DER("\x06\x03\x55\x80\x01"), FALSE},
        {"empty oid", DER("\x06\x00"), FALSE},
        {"primitive sequence", DER("\x10\x00"), FALSE},
        {"string in pieces", DER("\x24\x03\x04\x01\x00"), FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *problem = kl_der_problem((const guint8 *)cases[i].data, cases[i].length);
        g_test_message("%s: %s", cases[i].title, problem != NULL ? problem : "good");
        g_assert_cmpint(problem == NULL, ==, cases[i].good);
    }
    guint8 deep[200];
    for (gsize i = 0; i < sizeof deep; i += 2) {
        deep[i] = KL_DER_SEQUENCE;
        deep[i + 1] = (guint8)MIN(sizeof deep - i - 2, 127);
    }
    g_assert_nonnull(kl_der_problem(deep + 80, sizeof deep - 80));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/csr/made-by-openssl", test_made);
    g_test_add_func("/csr/values", test_values);
    g_test_add_func("/csr/null-parameter", test_null_parameter);
    g_test_add_func("/csr/damage", test_damage);
    g_test_add_func("/csr/nul-in-name", test_nul_in_name);
    g_test_add_func("/csr/every-bit", test_every_bit);
    g_test_add_func("/der/strict", test_der);
    return g_test_run();
}
