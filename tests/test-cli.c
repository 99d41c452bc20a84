/* The real keyline without units: usage, set-up, configuration, the CA. */
#include "tests/cli_rig.h"

/* Wrong use: exit code 2, something helpful on stderr, nothing on stdout; with JSON one document of it. */
static void
test_usage(void)
{
    static const struct {
        const char *words, *says;
    } rows[] = {
        {"", "Usage: keyline"},
        {"fly", "there are: setup, ca"},
        {"--fly", "--fly"},
        {"--output xml slots", "must be table or json"},
        {"slots --output xml", "must be table or json"},
        {"slots extra", "one word too many"},
        {"slots teach", "--hub must be given"},
        {"slots teach --hub 'A B' --rows 1 --columns 1", "--hub must be given"},
        {"slots teach --hub A --rows 4", "1 to 16 each"},
        {"slots teach --hub A --rows 17 --columns 1", "1 to 16 each"},
        {"slots teach --hub A --rows 1 --columns 1 --station /nonexistent/keyline", "no station in this folder"},
        {"ca", "there are: init"},
        {"ca fly", "there are: init"},
        {"ca revoke", "FINGERPRINT is missing"},
        {"ca revoke abc --reason x", "64 hex digits"},
        {"ca init --days 0", "must be 1 to"},
        {"ca import --key x", "--certificate is missing"},
        {"records", "there are: list, show, find"},
        {"records show", "RECORD is missing"},
        {"records list --outcome good", "must be pass, fail"},
        {"records list --from yesterday", "is not a time"},
        {"records list --limit -1", "must be 0"},
        {"registry show", "DEVICE is missing"},
        {"provision", "--slot is missing"},
        {"provision --slot 01 --reprovision ''", "needs a reason"},
        {"batch", "--count must be given"},
        {"batch --count 0", "--count must be given"},
        {"batch --count two", "two"},
        {"batch --count 1 --idle -2", "must be 0"},
        {"setup --product fx99", "knows fx30s only"},
        {"slots --station /nonexistent/keyline", "no station in this folder"},
        {"doctor --passphrase-fd none", "none"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Run) run = keyline(NULL, rows[i].words);
        g_assert_cmpint(run.code, ==, 2);
        g_assert_nonnull(strstr(run.err, rows[i].says));
        g_assert_cmpstr(run.out, ==, "");
    }
    g_auto(Run) run = keyline(NULL, "--output json slots --station /nonexistent/keyline");
    g_assert_cmpint(run.code, ==, 2);
    g_autoptr(JsonNode) node = document(&run);
    JsonObject *error = json_object_get_object_member(json_node_get_object(node), "error");
    g_assert_cmpstr(text(error, "code"), ==, "STATION_MISSING");
    g_assert_nonnull(text(error, "words"));
    g_assert_nonnull(text(error, "remedy"));
    g_assert_nonnull(text(error, "detail"));
}

/* Each --help fits a screen of 80 x 24. */
static void
test_help(void)
{
    static const char *const commands[] = {
        "",          "setup",       "slots",        "provision",    "batch",         "records",       "ca",
        "registry",  "slots teach", "records list", "records show", "records find",  "registry list", "ca init",
        "ca import", "ca show",     "ca revoke",    "ca crl",       "registry show", "doctor",
    };
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *words = g_strdup_printf("%s --help", commands[i]);
        g_auto(Run) run = keyline(NULL, words);
        g_assert_cmpint(run.code, ==, 0);
        g_assert_cmpstr(run.err, ==, "");
        g_auto(GStrv) lines = g_strsplit(run.out, "\n", -1);
        g_assert_cmpuint(g_strv_length(lines), <=, 24);
        for (char **line = lines; *line != NULL; line++)
            g_assert_cmpint(g_utf8_strlen(*line, -1), <=, 80);
    }
    g_auto(Run) help = keyline(NULL, "--help");
    g_assert_nonnull(strstr(help.out, "Exit codes: 0"));
    g_auto(Run) version = keyline(NULL, "--version");
    g_assert_cmpint(version.code, ==, 0);
    g_assert_true(g_str_has_prefix(version.out, "keyline "));
}

static char *
contents(const Rig *rig, const char *file)
{
    g_autofree char *path = g_build_filename(rig->station, file, NULL);
    char *content = NULL;
    g_assert_true(g_file_get_contents(path, &content, NULL, NULL));
    return content;
}

/* A second setup changes nothing, whatever it is told; bad names and missing line files make nothing. */
static void
test_setup(void)
{
    g_auto(Rig) rig = {0};
    rig_make(&rig);
    g_auto(Run) no_line = keyline(&rig, "setup --line /nonexistent/line.conf");
    g_assert_cmpint(no_line.code, ==, 2);
    g_auto(Run) bad_name = keyline(&rig, "setup --name 'two\nlines'");
    g_assert_cmpint(bad_name.code, ==, 2);
    g_assert_false(g_file_test(rig.station, G_FILE_TEST_EXISTS));

    g_auto(Run) first = keyline(&rig, "setup --name one");
    g_assert_cmpint(first.code, ==, 0);
    g_assert_nonnull(strstr(first.out, "ca init"));
    g_autofree char *station = contents(&rig, "station.conf");
    g_autofree char *product = contents(&rig, "products/fx30s.conf");
    g_assert_nonnull(strstr(station, "\nname=one\n"));

    g_auto(Run) second = keyline(&rig, "setup --name two");
    g_assert_cmpint(second.code, ==, 0);
    g_autofree char *station_now = contents(&rig, "station.conf");
    g_autofree char *product_now = contents(&rig, "products/fx30s.conf");
    g_assert_cmpstr(station_now, ==, station);
    g_assert_cmpstr(product_now, ==, product);

    g_auto(Run) slots = keyline(&rig, "slots");
    g_assert_cmpint(slots.code, ==, 0);
    g_assert_nonnull(strstr(slots.out, "no slots yet"));
    g_auto(Run) doctor = keyline(&rig, "doctor");
    g_assert_cmpint(doctor.code, ==, 3);
    g_assert_nonnull(strstr(doctor.out, "keyline ca init"));
    g_auto(Run) batch = keyline_unlocked(&rig, "batch --count 1");
    g_assert_cmpint(batch.code, ==, 2);
    g_assert_nonnull(strstr(batch.err, "this station has no slots"));
    g_auto(Run) report = keyline(&rig, "batch --report 12345678");
    g_assert_cmpint(report.code, ==, 2);
    g_assert_nonnull(strstr(report.err, "no record of batch '12345678'"));
}

/* A mistake in a configuration file is told with file and line. */
static void
test_configuration(void)
{
    g_auto(Rig) rig = {0};
    rig_make(&rig);
    g_auto(Run) setup = keyline(&rig, "setup");
    g_assert_cmpint(setup.code, ==, 0);
    g_autofree char *path = g_build_filename(rig.station, "station.conf", NULL);
    write_file(path, "[station]\nname=a\nproduct=fx30s\ncolour=red\n", 0644);
    g_auto(Run) unknown = keyline(&rig, "slots");
    g_assert_cmpint(unknown.code, ==, 2);
    g_assert_nonnull(strstr(unknown.err, "station.conf:4"));
    g_assert_nonnull(strstr(unknown.err, "colour"));

    write_file(path, "[station]\nname=a\nproduct=missing\n", 0644);
    g_auto(Run) product = keyline(&rig, "slots");
    g_assert_cmpint(product.code, ==, 2);
    g_assert_nonnull(strstr(product.err, "no product 'missing'"));

    write_file(path, "[station]\nname=a\nproduct=fx30s\n", 0644);
    g_autofree char *profile_path = g_build_filename(rig.station, "products/fx30s.conf", NULL);
    g_autofree char *profile = contents(&rig, "products/fx30s.conf");
    g_auto(GStrv) parts = g_strsplit(profile, "driver=at_wp77", 2);
    g_autofree char *other = g_strjoinv("driver=at_unknown", parts);
    write_file(profile_path, other, 0644);
    g_auto(Run) driver = keyline(&rig, "slots");
    g_assert_cmpint(driver.code, ==, 2);
    g_assert_nonnull(strstr(driver.err, "there is no driver 'at_unknown'"));
    g_auto(Run) outside = keyline_unlocked(&rig, "provision --slot 01 --product ../../etc/passwd");
    g_assert_cmpint(outside.code, ==, 2);
    g_assert_nonnull(strstr(outside.err, "is no product"));
}

/* The CA: made once, by a private passphrase only; what is shown agrees with openssl. */
static void
test_ca(void)
{
    g_auto(Rig) rig = {0};
    rig_make(&rig);
    g_auto(Run) setup = keyline(&rig, "setup --name one");
    g_assert_cmpint(setup.code, ==, 0);
    g_auto(Run) none = keyline(&rig, "ca show");
    g_assert_cmpint(none.code, ==, 3);
    g_assert_nonnull(strstr(none.err, "CA_MISSING"));

    g_chmod(rig.passphrase_file, 0644);
    g_auto(Run) exposed = keyline_unlocked(&rig, "ca init");
    g_assert_cmpint(exposed.code, ==, 3);
    g_assert_nonnull(strstr(exposed.err, "PASSPHRASE_MISSING"));
    g_chmod(rig.passphrase_file, 0600);
    g_auto(Run) init = keyline_unlocked(&rig, "ca init --name 'Test CA'");
    g_assert_cmpint(init.code, ==, 0);
    g_auto(Run) again = keyline_unlocked(&rig, "ca init");
    g_assert_cmpint(again.code, ==, 2);
    g_assert_nonnull(strstr(again.err, "CA_EXISTS"));

    g_auto(Run) show = keyline(&rig, "ca show --output json");
    g_assert_cmpint(show.code, ==, 0);
    g_autoptr(JsonNode) node = document(&show);
    JsonObject *ca = json_node_get_object(node);
    g_assert_cmpstr(text(ca, "subject"), ==, "CN=Test CA");
    g_autofree char *pem = g_build_filename(rig.station, "ca", "ca.pem", NULL);
    const char *const openssl[] = {"openssl", "x509", "-in", pem, "-noout", "-sha256", "-fingerprint", NULL};
    g_auto(Run) oracle = run_argv(openssl);
    g_auto(GStrv) halves = g_strsplit(g_strchomp(oracle.out), "=", 2);
    g_auto(GStrv) bytes = g_strsplit(halves[1], ":", -1);
    g_autofree char *joined = g_strjoinv("", bytes);
    g_autofree char *fingerprint = g_ascii_strdown(joined, -1);
    g_assert_cmpstr(text(ca, "sha256"), ==, fingerprint);

    g_auto(Run) crl = keyline_unlocked(&rig, "ca crl");
    g_assert_cmpint(crl.code, ==, 0);
    g_autofree char *crl_path = g_build_filename(rig.station, "ca", "ca.crl", NULL);
    const char *const verify[] = {"openssl", "crl", "-in", crl_path, "-CAfile", pem, "-noout", NULL};
    g_auto(Run) verified = run_argv(verify);
    g_assert_cmpint(verified.code, ==, 0);
    g_assert_nonnull(strstr(verified.err, "verify OK"));

    g_autofree char *path = keyline_path();
    const char *const piped[] = {"sh",
                                 "-c",
                                 "exec \"$1\" --station \"$2\" ca crl --passphrase-fd 3 3<\"$3\"",
                                 "sh",
                                 path,
                                 rig.station,
                                 rig.passphrase_file,
                                 NULL};
    g_auto(Run) by_fd = run_argv(piped);
    g_assert_cmpint(by_fd.code, ==, 0);

    write_file(rig.passphrase_file, "wrong\n", 0600);
    g_auto(Run) wrong = keyline_unlocked(&rig, "ca crl");
    g_assert_cmpint(wrong.code, ==, 3);
    g_assert_nonnull(strstr(wrong.err, "PASSPHRASE_WRONG"));
}

/* A CA made by openssl is taken over and signs. */
static void
test_ca_import(void)
{
    g_auto(Rig) rig = {0};
    rig_make(&rig);
    g_auto(Run) setup = keyline(&rig, "setup");
    g_assert_cmpint(setup.code, ==, 0);
    g_autofree char *make = g_strdup_printf(
        "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=Theirs' "
        "-addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' -keyout k.pem "
        "-out c.pem && chmod 600 k.pem",
        rig.dir);
    const char *const shell[] = {"sh", "-c", make, NULL};
    g_auto(Run) made = run_argv(shell);
    g_assert_cmpint(made.code, ==, 0);
    g_autofree char *words = g_strdup_printf("ca import --key '%s/k.pem' --certificate '%s/c.pem'", rig.dir, rig.dir);
    g_auto(Run) import = keyline_unlocked(&rig, words);
    g_assert_cmpint(import.code, ==, 0);
    g_assert_nonnull(strstr(import.out, "Theirs"));
    g_auto(Run) crl = keyline_unlocked(&rig, "ca crl");
    g_assert_cmpint(crl.code, ==, 0);
}

int
main(int argc, char **argv)
{
    g_unsetenv("KEYLINE_STATION");
    g_setenv("LC_ALL", "C.UTF-8", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/usage", test_usage);
    g_test_add_func("/cli/help", test_help);
    g_test_add_func("/cli/setup", test_setup);
    g_test_add_func("/cli/configuration", test_configuration);
    g_test_add_func("/cli/ca", test_ca);
    g_test_add_func("/cli/ca-import", test_ca_import);
    return g_test_run();
}
