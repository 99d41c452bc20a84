/* The seal on the journal, as a station lives with it: another one by keyline audit new-seal, and one whose key is on a
 * token (SoftHSM2, set up by its own tools). Who checks has the certificate from outside. */
#include "tests/cli_rig.h"

static void
shell(const Rig *rig, const char *script)
{
    const char *const argv[] = {"sh", "-ec", script, "sh", rig->dir, NULL};
    g_auto(Run) run = run_argv(argv);
    g_test_message("%s\n%s%s", script, run.out, run.err);
    g_assert_cmpint(run.code, ==, 0);
}

static void
expect(const Rig *rig, const char *words, int code, const char *says)
{
    g_auto(Run) run = keyline(rig, words);
    g_assert_cmpint(run.code, ==, code);
    g_assert_nonnull(strstr(code == 0 || code == 1 ? run.out : run.err, says));
}

/* What keyline audit verify says when it trusts that file's certificate. */
static void
expect_verified(const Rig *rig, const char *file, int code, const char *says)
{
    g_autofree char *words = g_strdup_printf("audit verify --station-certificate '%s/%s'", rig->dir, file);
    expect(rig, words, code, says);
}

static void
expect_sql(const Rig *rig, const char *sql, const char *expected)
{
    g_autofree char *database = g_build_filename(rig->station, "keyline.db", NULL);
    const char *const argv[] = {"sqlite3", "-readonly", database, sql, NULL};
    g_auto(Run) run = run_argv(argv);
    g_assert_cmpstr(g_strchomp(run.out), ==, expected);
}

static void
begin(Rig *rig)
{
    rig_make(rig);
    g_auto(Run) setup = keyline(rig, "setup --name bench");
    g_assert_cmpint(setup.code, ==, 0);
}

#define TYPES_SINCE_ACT                                                                                                \
    "SELECT group_concat(type, ' ') FROM (SELECT type FROM audit_events WHERE n >="                                    \
    " (SELECT n FROM audit_events WHERE body ->> '$.data.what' = 'new-seal') ORDER BY n)"

/* The old seal signs all that there was, and after the change nobody takes its signature for the station's. */
static void
test_new_seal(void)
{
    Rig rig = {0};
    begin(&rig);
    shell(&rig, "cp $1/station/audit/station.pem $1/old.pem");
    expect_verified(&rig, "old.pem", 1, "has signed nothing since");
    expect(&rig, "audit checkpoint", 0, "");
    expect_verified(&rig, "old.pem", 0, "Whole");
    expect(&rig, "audit new-seal", 2, "USAGE");
    expect(&rig, "audit new-seal --reason 'key was copied'", 0, "audit/station.pem");
    shell(&rig, "cp $1/station/audit/station.pem $1/new.pem && test $(stat -c %a $1/station/audit/seal.key) = 600 &&"
                " cmp $1/old.pem $1/station/audit/station.pem.* && ls $1/station/audit/seal.key.*");
    expect_sql(&rig, TYPES_SINCE_ACT, "act checkpoint audit-key checkpoint");
    expect_verified(&rig, "new.pem", 0, "Whole");
    expect_verified(&rig, "old.pem", 1, "not the certificate to be trusted");
    rig_clear(&rig);
}

#define TOKEN                                                                                                          \
    "cd $1 && mkdir tokens && softhsm2-util --init-token --free --label line --pin 1234 --so-pin 5678 &&"              \
    " openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out p8 &&"                      \
    " openssl req -x509 -new -key p8 -subj /CN=bench -days 4000 -config /dev/null"                                     \
    " -addext keyUsage=critical,digitalSignature,nonRepudiation -out token.pem &&"                                     \
    " softhsm2-util --import p8 --token line --label seal --id 01 --pin 1234 && rm p8 &&"                              \
    " cp token.pem station/audit/station.pem && rm station/audit/seal.key && echo 1234 >pin && chmod 600 pin"

/* FALSE: there is no SoftHSM2. Fills in where its module is. */
static gboolean
find_module(const char **module)
{
    static const char *const places[] = {"/usr/lib/softhsm/libsofthsm2.so",
                                         "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                                         "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"};
    g_autofree char *tool = g_find_program_in_path("softhsm2-util");
    for (gsize i = 0; tool != NULL && i < G_N_ELEMENTS(places); i++) {
        if (g_file_test(places[i], G_FILE_TEST_EXISTS)) {
            *module = places[i];
            return TRUE;
        }
    }
    return FALSE;
}

static void
use_token(const Rig *rig, const char *module)
{
    g_autofree char *conf = g_build_filename(rig->dir, "softhsm2.conf", NULL);
    g_autofree char *text = g_strdup_printf("directories.tokendir = %s/tokens\nobjectstore.backend = file\n", rig->dir);
    g_autofree char *configure = g_strdup_printf(
        "printf '\\n[audit]\\nkey=pkcs11:token=line;object=seal?module-path=%s&pin-source=file:%s/pin\\n'"
        " >>$1/station/station.conf",
        module, rig->dir);
    write_file(conf, text, 0600);
    g_setenv("SOFTHSM2_CONF", conf, TRUE);
    shell(rig, TOKEN);
    shell(rig, configure);
}

/* Checkpoints and the CMS signature of an export by the token; without it nothing is kept that would go unsealed. */
static void
test_token(void)
{
    const char *module = NULL;
    Rig rig = {0};
    if (!find_module(&module)) {
        g_test_skip("softhsm2 is not installed");
        return;
    }
    begin(&rig);
    use_token(&rig, module);
    expect(&rig, "audit checkpoint", 0, "");
    expect_verified(&rig, "token.pem", 0, "Whole");
    expect_sql(&rig, "SELECT count(*) FROM audit_events WHERE type = 'audit-key'", "2");
    g_autofree char *export = g_strdup_printf("audit export '%s/out'", rig.dir);
    expect(&rig, export, 0, "");
    shell(&rig, "cd $1/out && openssl cms -verify -binary -inform DER -in manifest.json.p7s -content manifest.json"
                " -CAfile ../token.pem -purpose any -out /dev/null && cmp station.pem ../token.pem");
    expect(&rig, "audit new-seal --reason x", 2, "on a token");
    shell(&rig, "mv $1/tokens $1/gone && mkdir $1/tokens");
    expect(&rig, "audit checkpoint", 3, "holds a key of this station");
    rig_clear(&rig);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli-seal/new", test_new_seal);
    g_test_add_func("/cli-seal/token", test_token);
    return g_test_run();
}
