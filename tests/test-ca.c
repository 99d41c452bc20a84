/* The CA's files: made, taken over, refused. The openssl command line says what is in them. */
#include "certs/ca.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/ca_internal.h"
#include "tests/certs_oracle.h"

#define PASSPHRASE "correct horse"

static gint64
now_s(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

/* A station folder with a CA of 100 days. */
static OracleFolder *
made(gint64 now)
{
    OracleFolder *dir = oracle_folder();
    g_autoptr(KlSecret) passphrase = oracle_secret(PASSPHRASE);
    g_autoptr(GError) error = NULL;
    kl_ca_init(dir, "Line 1 CA", 100, passphrase, now, &error);
    g_assert_no_error(error);
    return dir;
}

/* The same, the key's passphrase costing nothing to try: for those who try it often. */
static OracleFolder *
made_cheap(gint64 now)
{
    OracleFolder *dir = made(now);
    ORACLE(dir,
           "openssl pkcs8 -topk8 -scrypt -scrypt_N 16 -scrypt_r 8 -scrypt_p 1 -in ca/ca.key -passin pass:'%s' "
           "-passout pass:'%s' -out k && cat k > ca/ca.key && rm k",
           PASSPHRASE, PASSPHRASE);
    return dir;
}

static KlErrorCode
load_code(const char *dir, const char *passphrase, guint margin_days, gint64 now)
{
    g_autoptr(KlSecret) secret = passphrase != NULL ? oracle_secret(passphrase) : NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(KlCa) ca = kl_ca_load(dir, "file", secret, margin_days, now, &error);
    g_assert_true((ca == NULL) == (error != NULL));
    if (error != NULL)
        g_test_message("%s: %s", kl_error_name(kl_error_code(error)), error->message);
    if (error != NULL && passphrase != NULL && *passphrase != '\0')
        g_assert_null(strstr(error->message, passphrase));
    return error != NULL ? kl_error_code(error) : KL_ERROR_LAST;
}

static void
test_made(void)
{
    gint64 now = now_s();
    g_autoptr(OracleFolder) dir = made(now);
    g_autofree char *modes = oracle(dir, "stat -c '%%a %%n' ca ca/*");
    g_assert_cmpstr(modes, ==, "700 ca\n600 ca/ca.key\n644 ca/ca.pem\n");

    g_autofree char *text = oracle(dir, "openssl x509 -in ca/ca.pem -noout -text -nameopt RFC2253");
    oracle_assert_has(text, "Issuer: CN=Line 1 CA\n");
    oracle_assert_has(text, "Subject: CN=Line 1 CA\n");
    oracle_assert_has(text, "ASN1 OID: prime256v1");
    oracle_assert_has(text, "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0\n");
    oracle_assert_has(text, "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n");
    oracle_assert_has(text, "X509v3 Subject Key Identifier");
    ORACLE(dir, "openssl verify -x509_strict -check_ss_sig -CAfile ca/ca.pem ca/ca.pem");

    g_autofree char *key = oracle(dir, "head -1 ca/ca.key; openssl asn1parse -in ca/ca.key");
    oracle_assert_has(key, "-----BEGIN ENCRYPTED PRIVATE KEY-----");
    oracle_assert_has(key, ":PBES2");
    oracle_assert_has(key, ":scrypt");
    oracle_assert_has(key, ":aes-256-cbc");
    g_autofree char *public_key =
        oracle(dir, "printf '%s' > pass; openssl pkey -in ca/ca.key -passin file:pass -pubout", PASSPHRASE);
    g_autofree char *certified = oracle(dir, "openssl x509 -in ca/ca.pem -noout -pubkey");
    g_assert_cmpstr(public_key, ==, certified);

    g_assert_cmpint(load_code(dir, PASSPHRASE, 30, now), ==, KL_ERROR_LAST);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) passphrase = oracle_secret(PASSPHRASE);
    g_autofree char *before = oracle(dir, "sha256sum ca/*");
    g_assert_false(kl_ca_init(dir, "Another", 100, passphrase, now, &error));
    oracle_assert_code(error, KL_ERROR_CA_EXISTS);
    g_autofree char *after = oracle(dir, "sha256sum ca/*");
    g_assert_cmpstr(before, ==, after);

    g_clear_error(&error);
    g_autofree char *described = kl_ca_describe(dir, &error);
    g_assert_no_error(error);
    oracle_assert_has(described, "CN=Line 1 CA");
    oracle_assert_has(described, "P-256");
    oracle_assert_has(described, "ca/ca.key");
    g_autofree char *chain = kl_ca_read_chain(dir, &error);
    g_autoptr(GBytes) pem = oracle_read(dir, "ca/ca.pem");
    g_assert_cmpmem(chain, strlen(chain), g_bytes_get_data(pem, NULL), g_bytes_get_size(pem));
}

static void
test_init_refusals(void)
{
    static const struct {
        const char *name;
        guint days;
        const char *passphrase;
        KlErrorCode code;
    } cases[] = {
        {"CA", 0, PASSPHRASE, KL_ERROR_USAGE},
        {"CA", 1000000, PASSPHRASE, KL_ERROR_USAGE},
        {"", 10, PASSPHRASE, KL_ERROR_USAGE},
        {"01234567890123456789012345678901234567890123456789012345678901234", 10, PASSPHRASE, KL_ERROR_USAGE},
        {"CA", 10, "", KL_ERROR_PASSPHRASE_MISSING},
        {"CA", 10, NULL, KL_ERROR_PASSPHRASE_MISSING},
    };
    g_autoptr(OracleFolder) dir = oracle_folder();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(KlSecret) passphrase = cases[i].passphrase != NULL ? oracle_secret(cases[i].passphrase) : NULL;
        g_assert_false(kl_ca_init(dir, cases[i].name, cases[i].days, passphrase, now_s(), &error));
        oracle_assert_code(error, cases[i].code);
    }
    g_autofree char *left = oracle(dir, "find . -type f");
    g_assert_cmpstr(left, ==, "");
}

/* Without the folder, and with a disk that refuses. */
static void
test_disk(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) passphrase = oracle_secret(PASSPHRASE);
    g_assert_false(kl_ca_init("/proc/keyline", "CA", 10, passphrase, now_s(), &error));
    oracle_assert_code(error, KL_ERROR_STORE_FAILED);

    /* A file where the folder should be. */
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_clear_error(&error);
    ORACLE(dir, "touch ca");
    g_assert_false(kl_ca_init(dir, "CA", 10, passphrase, now_s(), &error));
    g_assert_nonnull(error);
    g_autofree char *left = oracle(dir, "rm ca; find . -type f");
    g_assert_cmpstr(left, ==, "");
}

static void
test_load_refusals(void)
{
    static const struct {
        const char *title;
        const char *damage;
        const char *passphrase;
        KlErrorCode code;
    } cases[] = {
        {"untouched", ":", PASSPHRASE, KL_ERROR_LAST},
        {"no folder", "mv ca gone", PASSPHRASE, KL_ERROR_CA_MISSING},
        {"no certificate", "rm ca/ca.pem", PASSPHRASE, KL_ERROR_CA_MISSING},
        {"no key", "rm ca/ca.key", PASSPHRASE, KL_ERROR_CA_MISSING},
        {"key for the group", "chmod 640 ca/ca.key", PASSPHRASE, KL_ERROR_CA_KEY_EXPOSED},
        {"key for others", "chmod 604 ca/ca.key", PASSPHRASE, KL_ERROR_CA_KEY_EXPOSED},
        {"key that others may write", "chmod 602 ca/ca.key", PASSPHRASE, KL_ERROR_CA_KEY_EXPOSED},
        {"key in the clear", "openssl pkey -in ca/ca.key -passin file:pass -out k && cat k > ca/ca.key", PASSPHRASE,
         KL_ERROR_CA_KEY_CLEAR},
        {"key in the clear, older form", "openssl ec -in ca/ca.key -passin file:pass -out k && cat k > ca/ca.key",
         PASSPHRASE, KL_ERROR_CA_KEY_CLEAR},
        {"weak encryption of OpenSSL's own",
         "openssl ec -in ca/ca.key -passin file:pass -aes128 -passout file:out -out k && cat k > ca/ca.key", PASSPHRASE,
         KL_ERROR_CA_UNREADABLE},
        {"PKCS#12 encryption",
         "openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in ca/ca.key -passin file:pass -passout file:out -out k && cat k "
         "> ca/ca.key",
         PASSPHRASE, KL_ERROR_CA_UNREADABLE},
        {"no passphrase", ":", NULL, KL_ERROR_PASSPHRASE_MISSING},
        {"empty passphrase", ":", "", KL_ERROR_PASSPHRASE_MISSING},
        {"wrong passphrase", ":", "correct horsf", KL_ERROR_PASSPHRASE_WRONG},
        {"passphrase and more", ":", PASSPHRASE "x", KL_ERROR_PASSPHRASE_WRONG},
        {"another key",
         "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k && openssl pkcs8 -topk8 -scrypt -in k "
         "-passout file:out -out ca/ca.key",
         PASSPHRASE, KL_ERROR_CA_KEY_MISMATCH},
        {"empty key", ": > ca/ca.key", PASSPHRASE, KL_ERROR_CA_UNREADABLE},
        {"torn key", "head -c 200 ca/ca.key > k && cat k > ca/ca.key", PASSPHRASE, KL_ERROR_CA_UNREADABLE},
        {"garbage in the key", "sed -i 3s/^..../AAAA/ ca/ca.key && sed -i 2s/^..../AAAA/ ca/ca.key", PASSPHRASE,
         KL_ERROR_CA_UNREADABLE},
        {"oversized key", "head -c 20000 /dev/zero >> ca/ca.key", PASSPHRASE, KL_ERROR_CA_UNREADABLE},
        {"key is a folder", "rm ca/ca.key && mkdir -m 700 ca/ca.key", PASSPHRASE, KL_ERROR_CA_UNREADABLE},
        {"key is a pipe", "rm ca/ca.key && mkfifo -m 600 ca/ca.key", PASSPHRASE, KL_ERROR_CA_UNREADABLE},
        {"empty certificate", ": > ca/ca.pem", PASSPHRASE, KL_ERROR_CA_UNREADABLE},
        {"torn certificate", "head -c 200 ca/ca.pem > p && cat p > ca/ca.pem", PASSPHRASE, KL_ERROR_CA_UNREADABLE},
        {"key as certificate", "cat ca/ca.key > ca/ca.pem", PASSPHRASE, KL_ERROR_CA_UNREADABLE},
        {"oversized certificate", "head -c 70000 /dev/zero >> ca/ca.pem", PASSPHRASE, KL_ERROR_CA_UNREADABLE},
        {"nine certificates", "for i in 1 2 3 4 5 6 7 8 9; do cat ca/ca.pem; done > p && cp p ca/ca.pem", PASSPHRASE,
         KL_ERROR_CA_UNREADABLE},
        {"unrelated second certificate",
         "openssl req -x509 -newkey rsa:2048 -nodes -keyout k -subj /CN=x -out p && cat p >> ca/ca.pem", PASSPHRASE,
         KL_ERROR_CA_UNSUITABLE},
        {"text around the certificate", "{ echo hello; cat ca/ca.pem; echo bye; } > p && cp p ca/ca.pem", PASSPHRASE,
         KL_ERROR_LAST},
    };
    gint64 now = now_s();
    g_autoptr(OracleFolder) dir = made_cheap(now);
    ORACLE(dir, "printf '%s' > pass && cp pass out && cp -a ca saved", PASSPHRASE);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("--- %s", cases[i].title);
        ORACLE(dir, "rm -rf ca && cp -a saved ca && %s", cases[i].damage);
        g_assert_cmpstr(kl_error_name(load_code(dir, cases[i].passphrase, 30, now)), ==, kl_error_name(cases[i].code));
    }
}

static void
test_dates(void)
{
    gint64 now = now_s(), end = now + 100 * ORACLE_DAY;
    const struct {
        gint64 now;
        guint margin_days;
        KlErrorCode code;
    } cases[] = {
        {now - 1, 0, KL_ERROR_CA_NOT_YET_VALID},
        {0, 0, KL_ERROR_CA_NOT_YET_VALID},
        {now, 100, KL_ERROR_LAST},
        {now + 1, 100, KL_ERROR_CA_EXPIRED},
        {end - 30 * ORACLE_DAY, 30, KL_ERROR_LAST},
        {end - 30 * ORACLE_DAY + 1, 30, KL_ERROR_CA_EXPIRED},
        {end, 0, KL_ERROR_LAST},
        {end + 1, 0, KL_ERROR_CA_EXPIRED},
        {now, G_MAXUINT, KL_ERROR_CA_EXPIRED},
    };
    g_autoptr(OracleFolder) dir = made_cheap(now);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(load_code(dir, PASSPHRASE, cases[i].margin_days, cases[i].now), ==, cases[i].code);
}

/* Where OpenSSL's secure heap is set up, the key's secret is in it while the CA is loaded, and gone afterwards. */
static void
test_secure_heap(void)
{
    if (!CRYPTO_secure_malloc_initialized()) {
        g_test_skip("no locked memory here");
        return;
    }
    gint64 now = now_s();
    g_autoptr(OracleFolder) dir = made(now);
    g_autoptr(KlSecret) passphrase = oracle_secret(PASSPHRASE);
    g_autoptr(GError) error = NULL;
    gsize before = CRYPTO_secure_used();
    KlCa *ca = kl_ca_load(dir, "file", passphrase, 0, now, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(CRYPTO_secure_used(), >=, before + 32);
    BIGNUM *secret = NULL;
    g_assert_cmpint(EVP_PKEY_get_bn_param(ca->key, "priv", &secret), ==, 1);
    BN_clear_free(secret);
    kl_ca_free(ca);
    g_assert_cmpuint(CRYPTO_secure_used(), ==, before);
}

/* --- taking over --- */

#define CA_ADD "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign "
#define SELF                                                                                                           \
    "openssl req -x509 -new -key k -subj /CN=Imported -days 100 -config /dev/null -addext subjectKeyIdentifier=hash "
#define P256 "openssl ecparam -name prime256v1 -genkey -noout -out k && "

static const struct {
    const char *title;
    const char *command; /* makes k (key) and c (certificates) */
    const char *key_passphrase;
    gint64 later; /* days */
    KlErrorCode code;
} imports[] = {
    {"P-256", P256 SELF CA_ADD "-out c", NULL, 0, KL_ERROR_LAST},
    {"P-384", "openssl ecparam -name secp384r1 -genkey -noout -out k && " SELF CA_ADD "-out c", NULL, 0, KL_ERROR_LAST},
    {"RSA-2048", "openssl genrsa -out k 2048 && " SELF CA_ADD "-out c", NULL, 0, KL_ERROR_LAST},
    {"RSA-1024", "openssl genrsa -out k 1024 && " SELF CA_ADD "-out c", NULL, 0, KL_ERROR_CA_UNSUITABLE},
    {"P-521", "openssl ecparam -name secp521r1 -genkey -noout -out k && " SELF CA_ADD "-out c", NULL, 0,
     KL_ERROR_CA_UNSUITABLE},
    {"Ed25519", "openssl genpkey -algorithm ed25519 -out k && " SELF CA_ADD "-out c", NULL, 0, KL_ERROR_CA_UNSUITABLE},
    {"encrypted", P256 SELF CA_ADD "-out c && openssl pkcs8 -topk8 -in k -passout pass:old -out e && mv e k", "old", 0,
     KL_ERROR_LAST},
    {"encrypted, older form",
     P256 SELF CA_ADD "-out c && openssl ec -in k -aes256 -passout pass:older -out e && mv e k", "older", 0,
     KL_ERROR_LAST},
    {"encrypted, wrong passphrase",
     P256 SELF CA_ADD "-out c && openssl pkcs8 -topk8 -in k -passout pass:old -out e && mv e k", "new", 0,
     KL_ERROR_PASSPHRASE_WRONG},
    {"encrypted, no passphrase",
     P256 SELF CA_ADD "-out c && openssl pkcs8 -topk8 -in k -passout pass:old -out e && mv e k", NULL, 0,
     KL_ERROR_PASSPHRASE_MISSING},
    {"exposed", P256 SELF CA_ADD "-out c && chmod 644 k", NULL, 0, KL_ERROR_CA_KEY_EXPOSED},
    {"another key", P256 SELF CA_ADD "-out c && openssl ecparam -name prime256v1 -genkey -noout -out k", NULL, 0,
     KL_ERROR_CA_KEY_MISMATCH},
    {"no CA", P256 SELF "-addext basicConstraints=critical,CA:FALSE -out c", NULL, 0, KL_ERROR_CA_UNSUITABLE},
    {"no extensions", P256 "openssl req -x509 -new -key k -subj /CN=x -config /dev/null -out c", NULL, 0,
     KL_ERROR_CA_UNSUITABLE},
    {"version 1",
     P256 "openssl req -new -key k -subj /CN=x -config /dev/null -out r && openssl x509 -req -in r -signkey k -out c",
     NULL, 0, KL_ERROR_CA_UNSUITABLE},
    {"no certificate signing",
     P256 SELF "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,cRLSign -out c", NULL, 0,
     KL_ERROR_CA_UNSUITABLE},
    {"no key usage", P256 SELF "-addext basicConstraints=critical,CA:TRUE -out c", NULL, 0, KL_ERROR_CA_UNSUITABLE},
    {"constraints not critical",
     P256 SELF "-addext basicConstraints=CA:TRUE -addext keyUsage=critical,keyCertSign -out c", NULL, 0,
     KL_ERROR_CA_UNSUITABLE},
    {"no key identifier",
     P256 "openssl req -x509 -new -key k -subj /CN=x -config /dev/null " CA_ADD
          "-addext subjectKeyIdentifier=none -out c",
     NULL, 0, KL_ERROR_CA_UNSUITABLE},
    {"no name",
     P256 "openssl req -x509 -new -key k -subj / -config /dev/null " CA_ADD "-addext subjectKeyIdentifier=hash -out c",
     NULL, 0, KL_ERROR_CA_UNSUITABLE},
    {"unknown critical extension", P256 SELF CA_ADD "-addext 1.2.3.4=critical,DER:0500 -out c", NULL, 0,
     KL_ERROR_CA_UNSUITABLE},
    {"expired", P256 SELF CA_ADD "-out c", NULL, 101, KL_ERROR_CA_EXPIRED},
    {"not yet valid", P256 SELF CA_ADD "-out c", NULL, -1, KL_ERROR_CA_NOT_YET_VALID},
    {"key is none", P256 SELF CA_ADD "-out c && echo hello > k", NULL, 0, KL_ERROR_CA_UNREADABLE},
    {"key is not there", P256 SELF CA_ADD "-out c && rm k", NULL, 0, KL_ERROR_CA_UNREADABLE},
    {"certificate is none", P256 "echo hello > c", NULL, 0, KL_ERROR_CA_UNREADABLE},
    {"certificate is not there", P256 "rm -f c", NULL, 0, KL_ERROR_CA_UNREADABLE},
    {"below a root",
     "openssl req -x509 -newkey rsa:2048 -nodes -keyout rk -subj /CN=Root -config /dev/null -days 200 "
     "-addext subjectKeyIdentifier=hash " CA_ADD "-out rc && " P256
     "openssl req -new -key k -subj /CN=Sub -config /dev/null -out r && printf "
     "'basicConstraints=critical,CA:TRUE,pathlen:0\\nkeyUsage=critical,keyCertSign,cRLSign\\n"
     "subjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n' > x && "
     "openssl x509 -req -in r -CA rc -CAkey rk -days 100 -extfile x -out s && cat s rc > c",
     NULL, 0, KL_ERROR_LAST},
};

static void
test_import(void)
{
    g_autoptr(KlSecret) passphrase = oracle_secret(PASSPHRASE);
    for (gsize i = 0; i < G_N_ELEMENTS(imports); i++) {
        g_autoptr(OracleFolder) dir = oracle_folder();
        g_autoptr(GError) error = NULL;
        g_autoptr(KlSecret) opens = imports[i].key_passphrase != NULL ? oracle_secret(imports[i].key_passphrase) : NULL;
        g_test_message("--- %s", imports[i].title);
        ORACLE(dir, "umask 077; %s", imports[i].command);
        gint64 now = now_s() + 1 + imports[i].later * ORACLE_DAY;
        g_autofree char *key = g_build_filename(dir, "k", NULL);
        g_autofree char *certificate = g_build_filename(dir, "c", NULL);
        gboolean taken = kl_ca_import(dir, key, certificate, opens, passphrase, now, &error);
        g_assert_cmpint(taken, ==, imports[i].code == KL_ERROR_LAST);
        if (!taken) {
            oracle_assert_code(error, imports[i].code);
            g_autofree char *left = oracle(dir, "ls ca 2>/dev/null || :");
            g_assert_cmpstr(left, ==, "");
            continue;
        }
        g_autofree char *parsed = oracle(dir, "openssl asn1parse -in ca/ca.key");
        oracle_assert_has(parsed, ":scrypt");
        g_assert_cmpint(load_code(dir, PASSPHRASE, 30, now), ==, KL_ERROR_LAST);
        g_assert_false(kl_ca_import(dir, key, certificate, opens, passphrase, now, &error));
        oracle_assert_code(error, KL_ERROR_CA_EXISTS);
    }
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ca/made", test_made);
    g_test_add_func("/ca/init-refusals", test_init_refusals);
    g_test_add_func("/ca/disk", test_disk);
    g_test_add_func("/ca/load-refusals", test_load_refusals);
    g_test_add_func("/ca/dates", test_dates);
    g_test_add_func("/ca/secure-heap", test_secure_heap);
    g_test_add_func("/ca/import", test_import);
    return g_test_run();
}
