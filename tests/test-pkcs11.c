/* A CA key on a token: SoftHSM2, set up by its own tools in a temporary folder. */
#include "certs/signer_key_pkcs11.h"

#include <pthread.h>

#include "certs/ca.h"
#include "certs/ca_internal.h"
#include "certs/pki.h"
#include "certs/signer_local.h"
#include "tests/certs_oracle.h"

#define PIN "1234"
#define THREADS 4
#define ISSUES_PER_THREAD 10

/* Where Debian's softhsm2 and its multi-arch builds put the module. */
static const char *
module_path(void)
{
    static const char *const places[] = {"/usr/lib/softhsm/libsofthsm2.so",
                                         "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                                         "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"};
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        if (g_file_test(places[i], G_FILE_TEST_EXISTS))
            return places[i];
    }
    return NULL;
}

/* One folder for the whole program: SoftHSM reads its configuration once. Holds token "line": keys "ca" (01, P-256,
 * certificate ca.pem), "big" (02, P-384, big.pem), "rsa" (03), and "twin" twice (04, 05). */
static OracleFolder *folder;

#define SELF_SIGNED(name, days)                                                                                        \
    "openssl req -x509 -new -key " name ".key -subj /CN=" name " -days " days " -config /dev/null "                    \
    "-addext subjectKeyIdentifier=hash -addext basicConstraints=critical,CA:TRUE,pathlen:0 "                           \
    "-addext keyUsage=critical,keyCertSign,cRLSign -out " name ".pem && "
#define TO_TOKEN(name, label, id)                                                                                      \
    "openssl pkcs8 -topk8 -nocrypt -in " name ".key -out p8 && "                                                       \
    "softhsm2-util --import p8 --token line --label " label " --id " id " --pin " PIN " && "

static void
set_up_token(void)
{
    folder = oracle_folder();
    g_autofree char *tokens = g_build_filename(folder, "tokens", NULL);
    g_autofree char *conf = g_build_filename(folder, "softhsm2.conf", NULL);
    g_autofree char *text = g_strdup_printf("directories.tokendir = %s\nobjectstore.backend = file\n", tokens);
    oracle_write(folder, "softhsm2.conf", text, -1);
    g_mkdir(tokens, 0700);
    g_setenv("SOFTHSM2_CONF", conf, TRUE);
    ORACLE(
        folder,
        "softhsm2-util --init-token --free --label line --pin " PIN " --so-pin 5678 && "
        "openssl ecparam -name prime256v1 -genkey -noout -out ca.key && " SELF_SIGNED(
            "ca", "4000") "openssl ecparam -name secp384r1 -genkey -noout -out big.key && " SELF_SIGNED("big", "4000") "openssl genrsa -out rsa.key 2048 && " SELF_SIGNED("rsa",
                                                                                                                                                                          "4000")
            TO_TOKEN("ca", "ca", "01") TO_TOKEN("big", "big", "02") TO_TOKEN("rsa", "rsa", "03")
                TO_TOKEN("ca", "twin", "04") TO_TOKEN("ca", "twin", "05") "rm p8 ca.key big.key rsa.key");
    oracle_write(folder, "pin", PIN "\n", -1);
    oracle_write(folder, "wrong-pin", "4321\n", -1);
}

static gboolean
no_token(void)
{
    g_autofree char *tool = g_find_program_in_path("softhsm2-util");
    if (module_path() == NULL || tool == NULL) {
        g_test_skip("softhsm2 is not installed");
        return TRUE;
    }
    if (folder == NULL)
        set_up_token();
    return FALSE;
}

/* A station folder whose ca.pem is the token's. */
static OracleFolder *
station(const char *certificate)
{
    OracleFolder *dir = oracle_folder();
    ORACLE(dir, "mkdir -m 700 ca && cp '%s/%s.pem' ca/ca.pem", folder, certificate);
    return dir;
}

static char *
uri_of(const char *path_part, const char *query)
{
    return g_strdup_printf("pkcs11:%s?module-path=%s%s", path_part, module_path(), query);
}

static KlCa *
load(const char *dir, const char *path_part, const char *query, const char *pin, GError **error)
{
    g_autofree char *uri = uri_of(path_part, query);
    g_autoptr(KlSecret) secret = pin != NULL ? oracle_secret(pin) : NULL;
    return kl_ca_load(dir, uri, secret, 30, g_get_real_time() / G_USEC_PER_SEC + 1, error);
}

typedef struct {
    KlSigner *signer;
    KlPki *pki;
    KlCsr *csr;
    gint64 now;
} Work;

static void *
issue_many(void *data)
{
    Work *work = data;
    KlProfile profile = oracle_profile();
    KlUnit unit = oracle_unit();
    const KlIssueRequest request = {work->csr, &profile, &unit, "job", work->now};
    for (int i = 0; i < ISSUES_PER_THREAD; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(KlCertificate) certificate = work->signer->klass->issue(work->signer, &request, NULL, &error);
        g_assert_no_error(error);
        work->pki->klass->verify_issued(work->pki, certificate, work->csr->spki_sha256, &profile, &unit, work->now,
                                        &error);
        g_assert_no_error(error);
    }
    return NULL;
}

static void
test_issue(gconstpointer data)
{
    if (no_token())
        return;
    const char *label = data;
    g_autoptr(OracleFolder) dir = station(label);
    g_autoptr(GError) error = NULL;
    g_autofree char *path_part = g_strdup_printf("token=line;object=%s", label);
    g_autoptr(KlCa) ca = load(dir, path_part, "", PIN, &error);
    g_assert_no_error(error);
    KlProfile profile = oracle_profile();
    KlUnit unit = oracle_unit();
    Work work = {kl_signer_local_new(ca), kl_pki_new(kl_ca_chain_pem(ca), &error), NULL,
                 g_get_real_time() / G_USEC_PER_SEC + 1};
    g_assert_true(work.signer->klass->self_test(work.signer, &profile, work.now, &error));
    g_autoptr(GBytes) der = oracle_csr(dir, unit.device_id);
    work.csr = work.pki->klass->check_csr(work.pki, der, &profile, unit.device_id, &error);
    g_assert_no_error(error);

    const KlIssueRequest request = {work.csr, &profile, &unit, "job", work.now};
    g_autoptr(KlCertificate) certificate = work.signer->klass->issue(work.signer, &request, NULL, &error);
    g_assert_no_error(error);
    oracle_write_certificate(dir, "leaf.pem", certificate);
    ORACLE(dir, "openssl verify -x509_strict -purpose sslclient -CAfile ca/ca.pem leaf.pem");

    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, issue_many, &work), ==, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    kl_csr_free(work.csr);
    work.signer->klass->free(work.signer);
    work.pki->klass->free(work.pki);
}

static void
test_uris(void)
{
    if (no_token())
        return;
    g_autofree char *good_source = g_strdup_printf("&pin-source=file:%s/pin", folder);
    g_autofree char *plain_source = g_strdup_printf("&pin-source=%s/pin", folder);
    g_autofree char *url_source = g_strdup_printf("&pin-source=file://%s/pin", folder);
    g_autofree char *wrong_source = g_strdup_printf("&pin-source=file:%s/wrong-pin", folder);
    const struct {
        const char *certificate;
        const char *path_part;
        const char *query;
        const char *pin;
        KlErrorCode code;
    } cases[] = {
        {"ca", "token=line;object=ca", "", PIN, KL_ERROR_LAST},
        {"ca", "token=line;object=ca;type=private", "", PIN, KL_ERROR_LAST},
        {"ca", "token=line;id=%01", "", PIN, KL_ERROR_LAST},
        {"ca", "token=line;object=twin;id=%05", "", PIN, KL_ERROR_LAST},
        {"ca", "token=line;object=ca", good_source, NULL, KL_ERROR_LAST},
        {"ca", "token=line;object=ca", plain_source, NULL, KL_ERROR_LAST},
        {"ca", "token=line;object=ca", url_source, NULL, KL_ERROR_LAST},
        {"ca", "token=line;object=ca", wrong_source, NULL, KL_ERROR_PASSPHRASE_WRONG},
        {"ca", "token=line;object=ca", "&pin-source=file:/nonexistent", NULL, KL_ERROR_PASSPHRASE_MISSING},
        {"ca", "token=line;object=ca", "", NULL, KL_ERROR_PASSPHRASE_MISSING},
        {"ca", "token=line;object=ca", "", "4321", KL_ERROR_PASSPHRASE_WRONG},
        {"ca", "token=line;object=ca", "&pin-value=" PIN, NULL, KL_ERROR_CONFIG_INVALID},
        {"ca", "token=line;object=ca;nonsense=1", "", PIN, KL_ERROR_CONFIG_INVALID},
        {"ca", "token=line;id=%zz", "", PIN, KL_ERROR_CONFIG_INVALID},
        {"ca", "token=other;object=ca", "", PIN, KL_ERROR_TOKEN_FAILED},
        {"ca", "token=line;object=nothing", "", PIN, KL_ERROR_TOKEN_FAILED},
        {"ca", "token=line;object=twin", "", PIN, KL_ERROR_TOKEN_FAILED},
        {"ca", "token=line;object=rsa", "", PIN, KL_ERROR_TOKEN_FAILED},
        {"ca", "token=line;object=big", "", PIN, KL_ERROR_TOKEN_FAILED},
        {"rsa", "token=line;object=rsa", "", PIN, KL_ERROR_CA_UNSUITABLE},
        {"big", "token=line;object=ca", "", PIN, KL_ERROR_TOKEN_FAILED},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(OracleFolder) dir = station(cases[i].certificate);
        g_autoptr(GError) error = NULL;
        g_test_message("--- %s%s", cases[i].path_part, cases[i].query);
        g_autoptr(KlCa) ca = load(dir, cases[i].path_part, cases[i].query, cases[i].pin, &error);
        if (cases[i].code == KL_ERROR_LAST)
            g_assert_no_error(error);
        else
            oracle_assert_code(error, cases[i].code);
        g_assert_true((ca == NULL) == (error != NULL));
        g_assert_true(error == NULL || strstr(error->message, PIN) == NULL);
    }
}

/* A certificate for another key than the token's. */
static void
test_mismatch(void)
{
    if (no_token())
        return;
    g_autoptr(OracleFolder) dir = station("ca");
    g_autoptr(GError) error = NULL;
    ORACLE(dir, "openssl ecparam -name prime256v1 -genkey -noout -out x.key && " SELF_SIGNED(
                    "x", "4000") "mv x.pem ca/ca.pem");
    g_assert_null(load(dir, "token=line;object=ca", "", PIN, &error));
    oracle_assert_code(error, KL_ERROR_CA_KEY_MISMATCH);
}

static void
test_no_module(void)
{
    if (no_token())
        return;
    g_autoptr(OracleFolder) dir = station("ca");
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) pin = oracle_secret(PIN);
    g_assert_null(kl_ca_load(dir, "pkcs11:token=line;object=ca?module-path=/nonexistent.so", pin, 30,
                             g_get_real_time() / G_USEC_PER_SEC + 1, &error));
    oracle_assert_code(error, KL_ERROR_TOKEN_FAILED);
}

/* Taking over a CA whose key stays on its token: only the certificate is stored. */
static void
test_import(void)
{
    if (no_token())
        return;
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) pin = oracle_secret(PIN);
    g_autofree char *uri = uri_of("token=line;object=ca", "");
    g_autofree char *certificate = g_build_filename(folder, "ca.pem", NULL);
    gint64 now = g_get_real_time() / G_USEC_PER_SEC + 1;
    kl_ca_import(dir, uri, certificate, NULL, pin, now, &error);
    g_assert_no_error(error);
    g_autofree char *files = oracle(dir, "ls ca");
    g_assert_cmpstr(files, ==, "ca.pem\n");
    g_autoptr(KlCa) ca = kl_ca_load(dir, uri, pin, 30, now, &error);
    g_assert_no_error(error);
    g_assert_nonnull(ca);
    g_autofree char *described = kl_ca_describe(dir, &error);
    g_assert_nonnull(strstr(described, "token"));
}

/* The token goes away while the CA is in use: an error that names the token, and no certificate. */
static void
test_token_lost(void)
{
    if (no_token())
        return;
    g_autoptr(OracleFolder) dir = station("ca");
    g_autoptr(GError) error = NULL;
    g_autoptr(KlCa) ca = load(dir, "token=line;object=ca", "", PIN, &error);
    g_assert_no_error(error);
    KlSigner *signer = kl_signer_local_new(ca);
    KlProfile profile = oracle_profile();
    KlUnit unit = oracle_unit();
    gint64 now = g_get_real_time() / G_USEC_PER_SEC + 1;
    g_autoptr(GBytes) der = oracle_csr(dir, unit.device_id);
    KlCsr csr = {.der = der};
    const KlIssueRequest request = {&csr, &profile, &unit, "job", now};
    ORACLE(folder, "mv tokens gone");
    g_assert_null(signer->klass->issue(signer, &request, NULL, &error));
    oracle_assert_code(error, KL_ERROR_TOKEN_FAILED);
    g_clear_error(&error);
    g_assert_false(signer->klass->self_test(signer, &profile, now, &error));
    oracle_assert_code(error, KL_ERROR_TOKEN_FAILED);
    ORACLE(folder, "mv gone tokens");
    signer->klass->free(signer);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/pkcs11/issue/p256", "ca", test_issue);
    g_test_add_data_func("/pkcs11/issue/p384", "big", test_issue);
    g_test_add_func("/pkcs11/uris", test_uris);
    g_test_add_func("/pkcs11/mismatch", test_mismatch);
    g_test_add_func("/pkcs11/no-module", test_no_module);
    g_test_add_func("/pkcs11/import", test_import);
    g_test_add_func("/pkcs11/token-lost", test_token_lost);
    int failed = g_test_run();
    if (folder != NULL)
        oracle_folder_remove(folder);
    return failed;
}
