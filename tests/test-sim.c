/* The simulated line without faults: its units, its slots, its program. */
#include <signal.h>
#include <sys/wait.h>

#include "tests/sim_talk.h"

static guint
count_fds(void)
{
    guint n = 0;
    g_autoptr(GDir) fds = g_dir_open("/proc/self/fd", 0, NULL);
    while (g_dir_read_name(fds) != NULL)
        n++;
    return n;
}

/* The identity lines come in the order of a real WP7702, whatever comes between them. */
static void
test_modem(void)
{
    g_auto(Bench) bench = bench_new((KlSimOptions){.units = 1, .seed = 5});
    int fd = open_port(&bench, 1, KL_SIM_MODEM);
    assert_answer(fd, "AT", "AT\r"); /* a modem echoes until it is told not to */
    assert_answer(fd, "ATE0", "OK");
    for (guint i = 0; i < 50; i++) {
        g_autofree char *answer = ask(fd, "ATI");
        g_autofree char *expected = g_strdup_printf(
            "^[\\s\\S]*Manufacturer: Sierra Wireless, Incorporated\r\n[\\s\\S]*Model: WP7702\r\n"
            "[\\s\\S]*Revision: SWI9X06Y_02\\.32\\.02\\.00 [\\s\\S]*IMEI: %s\r\n[\\s\\S]*IMEI SV:  4\r\n"
            "[\\s\\S]*FSN: %s\r\n[\\s\\S]*\\+GCAP: \\+CGSM,\\+DS\r\n[\\s\\S]*\r\nOK\r\n",
            kl_sim_imei(bench.sim, 1), kl_sim_fsn(bench.sim, 1));
        g_assert_true(g_regex_match_simple(expected, answer, 0, 0));
        assert_has_not(answer, "ATI");
    }
    assert_answer(fd, "AT+CGSN", kl_sim_imei(bench.sim, 1));
    assert_answer(fd, "at+ccid", "+CCID: 8931");
    assert_answer(fd, "AT+CFUN=4", "\r\nOK\r\n");
    assert_answer(fd, "AT+CFUN?", "+CFUN: 4\r\n");
    assert_answer(fd, "AT!FWD?DEVTYPE", "FX30(WP7702)");
    assert_answer(fd, "AT+CMEE=1", "\r\nOK\r\n");
    assert_answer(fd, "AT!RMARESET", "\r\nERROR\r\n");
    assert_answer(fd, "AT+KLINFO?", "\r\nERROR\r\n");
    close(fd);
}

static void
test_unsolicited(void)
{
    g_auto(Bench) bench = bench_new((KlSimOptions){.units = 1, .seed = 5, .one_port = TRUE});
    g_autoptr(GString) all = g_string_new(NULL);
    int fd = open_agent(&bench, 1);
    for (guint i = 0; i < 200; i++) {
        g_autofree char *answer = ask(fd, "ATI");
        g_string_append(all, answer);
    }
    g_assert_true(g_regex_match_simple("Model: WP7702\r\n\r\n\\+(WDSI|CREG|CEREG): ", all->str, 0, 0));
    g_assert_true(g_regex_match_simple("\\+DS\r\n\r\n\\+(WDSI|CREG|CEREG): [0-9,]*\r\n\r\nOK\r\n", all->str, 0, 0));
    g_assert_true(g_regex_match_simple("\r\nOK\r\n\r\n\\+(WDSI|CREG|CEREG): ", all->str, 0, 0));
    close(fd);
}

static void
check_provisioning(KlSimOptions options)
{
    g_auto(Bench) bench = bench_new(options);
    int status = 0;
    int fd = open_agent(&bench, 1);
    g_autofree char *info = ask(fd, "AT+KLINFO?");
    assert_has(info, kl_sim_imei(bench.sim, 1));
    assert_has(info, kl_sim_fsn(bench.sim, 1));
    assert_has(info, "\"keystore\",\"iks\"");
    g_autofree char *spki = make_key(fd);
    g_autoptr(GBytes) csr = get_csr(fd, "FX30-000123");
    g_autofree char *report = openssl_req(csr, "-noout -verify -subject", &status);
    g_assert_cmpint(status, ==, 0);
    assert_has(report, "verify OK");
    assert_has(report, "subject=CN = FX30-000123");
    g_autofree char *key = csr_key_hash(csr);
    g_assert_cmpstr(key, ==, spki);
    g_autofree char *text = long_text();
    g_autofree char *answer = install(fd, "certificate", text);
    assert_has(answer, "OK");
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    assert_answer(fd, "AT+KLITEM?", hash);
    assert_answer(fd, "AT+KLPROVE=\"keyline\",\"" NONCE "\"", "+KLPROVE: \"");
    assert_answer(fd, "AT+KLLOCK=\"keyline\"", "OK");
    assert_agent_error(fd, "AT+KLDEL=\"keyline\"", KL_AGENT_E_LOCKED);
    g_assert_cmpuint(kl_sim_strikes(bench.sim, 1), ==, 0);
    close(fd);
}

static void
test_provisioning(void)
{
    check_provisioning((KlSimOptions){.units = 1, .seed = 1});
    check_provisioning((KlSimOptions){.units = 1, .seed = 1, .one_port = TRUE});
    check_provisioning((KlSimOptions){.units = 1, .seed = 1, .real_speed = TRUE, .key_ms_max = 1});
}

static void
test_duplicates(void)
{
    const char *const faults[] = {"2:duplicate-imei", "3-4:duplicate-key", NULL};
    g_auto(Bench) bench = bench_new((KlSimOptions){.units = 5, .seed = 3, .faults = faults});
    g_assert_cmpstr(kl_sim_imei(bench.sim, 2), ==, kl_sim_imei(bench.sim, 1));
    g_assert_cmpstr(kl_sim_fsn(bench.sim, 2), !=, kl_sim_fsn(bench.sim, 1));
    g_assert_cmpstr(kl_sim_imei(bench.sim, 3), !=, kl_sim_imei(bench.sim, 1));
    static const guint order[] = {4, 1, 5, 3}; /* whoever comes first */
    char *keys[6] = {NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
        int fd = open_agent(&bench, order[i]);
        keys[order[i]] = make_key(fd);
        assert_answer(fd, "AT+KLKEY?", keys[order[i]]);
        close(fd);
    }
    g_assert_cmpstr(keys[3], ==, keys[1]);
    g_assert_cmpstr(keys[4], ==, keys[1]);
    g_assert_cmpstr(keys[5], !=, keys[1]);
    int fd = open_agent(&bench, 1); /* a new key of the original is new */
    assert_answer(fd, "AT+KLDEL=\"keyline\"", "OK");
    g_autofree char *renewed = make_key(fd);
    g_assert_cmpstr(renewed, !=, keys[1]);
    close(fd);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        g_free(keys[i]);
}

static void
test_restart(void)
{
    g_auto(Bench) bench = bench_new((KlSimOptions){.units = 1, .seed = 9});
    g_autofree char *imei = g_strdup(kl_sim_imei(bench.sim, 1));
    g_autoptr(GError) error = NULL;
    KlSimOptions options = {.units = 1, .seed = 9, .dir = bench.dir};
    g_assert_null(kl_sim_start(&options, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_BUSY);
    g_clear_error(&error);
    int fd = open_agent(&bench, 1);
    g_autofree char *spki = make_key(fd);
    close(fd);
    g_clear_pointer(&bench.sim, kl_sim_stop);
    options.seed = 10;
    g_assert_null(kl_sim_start(&options, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS);
    g_clear_error(&error);
    options.seed = 9;
    bench.sim = kl_sim_start(&options, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(kl_sim_imei(bench.sim, 1), ==, imei);
    fd = open_agent(&bench, 1);
    assert_answer(fd, "AT+KLKEY?", spki);
    close(fd);
}

static void
test_replace(void)
{
    g_auto(Bench) bench = bench_new((KlSimOptions){.units = 2, .seed = 9});
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) heard = g_string_new(NULL);
    const char *const faults[] = {"cme*1", "duplicate-imei", NULL};
    const char *const wrong[] = {"no-such-fault", NULL};
    g_autofree char *imei = g_strdup(kl_sim_imei(bench.sim, 1));
    g_autofree char *address = kl_sim_address(bench.sim, 2, KL_SIM_AGENT);
    int fd = open_agent(&bench, 2);
    g_autofree char *spki = make_key(fd);
    g_assert_true(kl_sim_replace(bench.sim, 2, 1000, faults, &error));
    g_assert_false(receive(fd, heard)); /* the old unit is unplugged */
    close(fd);
    g_autofree char *same_address = kl_sim_address(bench.sim, 2, KL_SIM_AGENT);
    g_assert_cmpstr(same_address, ==, address);
    g_assert_cmpstr(kl_sim_imei(bench.sim, 2), ==, imei);
    fd = open_agent(&bench, 2);
    g_autofree char *keys = ask(fd, "AT+KLKEY?");
    g_assert_cmpstr(keys, ==, "\r\nOK\r\n");
    assert_agent_error(fd, "AT+KLKEY=\"keyline\",\"ec-p256\"", KL_AGENT_E_STORE);
    g_autofree char *other = make_key(fd);
    g_assert_cmpstr(other, !=, spki);
    close(fd);
    g_assert_false(kl_sim_replace(bench.sim, 2, 1000, wrong, &error));
    g_assert_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
}

/* The same unit comes back new from the factory, the first one too: same identity, nothing stored, another key. */
static void
test_replace_by_itself(void)
{
    g_auto(Bench) bench = bench_new((KlSimOptions){.units = 2, .seed = 9});
    g_autoptr(GError) error = NULL;
    for (guint slot = 1; slot <= 2; slot++) {
        g_autofree char *imei = g_strdup(kl_sim_imei(bench.sim, slot));
        int fd = open_agent(&bench, slot);
        g_autofree char *spki = make_key(fd);
        close(fd);
        g_assert_true(kl_sim_replace(bench.sim, slot, slot - 1, NULL, &error));
        g_assert_cmpstr(kl_sim_imei(bench.sim, slot), ==, imei);
        fd = open_agent(&bench, slot);
        g_autofree char *none = ask(fd, "AT+KLKEY?");
        g_assert_cmpstr(none, ==, "\r\nOK\r\n");
        g_autofree char *renewed = make_key(fd);
        g_assert_cmpstr(renewed, !=, spki);
        close(fd);
    }
}

static void
test_options(void)
{
    static const KlSimOptions rows[] = {
        {.dir = "/tmp", .units = 0},
        {.dir = "/tmp", .units = KL_SIM_SLOTS_MAX + 1},
        {.dir = NULL, .units = 1},
        {.dir = "/tmp", .units = 1, .key_ms_min = 2, .key_ms_max = 1},
        {.dir = "/tmp", .units = 1, .keystore = "tpm"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(kl_sim_start(&rows[i], &error));
        g_assert_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
    }
}

/* All units at once: each answers for itself, and nothing is left when the line has stopped. */
static void
test_many(void)
{
    guint before = count_fds();
    {
        g_auto(Bench) bench = bench_new((KlSimOptions){.units = 64, .seed = 1});
        int fds[64];
        for (guint i = 0; i < 64; i++) {
            fds[i] = open_agent(&bench, i + 1);
            send_command(fds[i], "AT+KLINFO?");
        }
        for (guint i = 0; i < 64; i++) {
            g_autofree char *answer = read_answer(fds[i]);
            assert_has(answer, kl_sim_imei(bench.sim, i + 1));
            close(fds[i]);
        }
        g_autofree char *line = g_build_filename(bench.dir, "line.conf", NULL);
        g_autoptr(GError) error = NULL;
        g_assert_true(kl_sim_write_line(bench.sim, line, &error));
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_assert_true(g_key_file_load_from_file(file, line, G_KEY_FILE_NONE, &error));
        g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
        g_assert_cmpuint(g_strv_length(groups), ==, 64);
        g_autofree char *agent = g_key_file_get_string(file, "slot 64", "agent", &error);
        g_autofree char *address = kl_sim_address(bench.sim, 64, KL_SIM_AGENT);
        g_assert_cmpstr(agent, ==, address);
    }
    g_assert_cmpuint(count_fds(), ==, before);
}

static void
test_program_usage(void)
{
    static const struct {
        const char *arguments;
        int status;
    } rows[] = {
        {"--faults", 0},
        {"--units 2", 2},
        {"--dir /dev/null/line --units 1", 1},
        {"--dir /dev/null/line", 1},
        {"--dir /tmp --units 2 --fault 1:nonsense", 2},
        {"--dir /tmp --units 2 --speed warp", 2},
        {"--dir /tmp --units 2 --key-ms 5-1", 2},
        {"--dir /tmp --units -1", 2},
        {"--dir /tmp --units 2 --late-ms -1", 2},
        {"--dir /tmp --units 2 extra", 2},
        {"--no-such-option", 2},
    };
    g_autofree char *path = sim_program();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *command = g_strdup_printf("%s %s", path, rows[i].arguments);
        g_autofree char *out = NULL;
        g_autofree char *err = NULL;
        int status = 0;
        g_assert_true(g_spawn_command_line_sync(command, &out, &err, &status, NULL));
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, rows[i].status);
        g_assert_true(rows[i].status == 0 ? err[0] == '\0' : g_str_has_prefix(err, "keyline-sim: "));
    }
}

static void
test_program_runs(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("kl-sim-XXXXXX", &error);
    g_autofree char *line = g_build_filename(dir, "line.conf", NULL);
    g_autofree char *link = g_build_filename(dir, "slot-03-modem", NULL);
    g_autofree char *path = sim_program();
    const char *const argv[] = {path, "--units", "3",    "--dir",         dir, "--line",
                                line, "--speed", "fast", "--with-parent", NULL};
    GPid pid = 0;
    int out = -1;
    g_assert_true(g_spawn_async_with_pipes(NULL, (gchar **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid,
                                           NULL, &out, NULL, &error));
    g_autoptr(GString) text = g_string_new(NULL);
    while (strchr(text->str, '\n') == NULL)
        g_assert_true(receive(out, text));
    g_assert_cmpstr(text->str, ==, "ready: 3 units\n");
    g_assert_true(g_file_test(line, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
    kill(pid, SIGTERM);
    int status = 0;
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    g_assert_false(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
    close(out);
    remove_tree(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/modem", test_modem);
    g_test_add_func("/sim/unsolicited", test_unsolicited);
    g_test_add_func("/sim/provisioning", test_provisioning);
    g_test_add_func("/sim/duplicates", test_duplicates);
    g_test_add_func("/sim/restart", test_restart);
    g_test_add_func("/sim/replace", test_replace);
    g_test_add_func("/sim/replace-by-itself", test_replace_by_itself);
    g_test_add_func("/sim/options", test_options);
    g_test_add_func("/sim/many", test_many);
    g_test_add_func("/sim/program/usage", test_program_usage);
    g_test_add_func("/sim/program/runs", test_program_runs);
    return g_test_run();
}
