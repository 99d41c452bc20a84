/* Every fault of the simulated line, as it shows on the wire. */
#include "tests/sim_talk.h"

static void
test_no_answer(void)
{
    g_auto(Bench) bench = bench_with_fault("no-answer@identify*1");
    int fd = open_agent(&bench, 1);
    send_command(fd, "AT+KLINFO?");
    g_autofree char *answer = ask(fd, "AT+KLKEY?");
    g_assert_cmpstr(answer, ==, "\r\nOK\r\n");
    assert_answer(fd, "AT+KLINFO?", "\"imei\"");
    g_assert_cmpuint(kl_sim_strikes(bench.sim, 1), ==, 1);
    g_assert_cmpuint(kl_sim_strikes(bench.sim, 2), ==, 0);
    close(fd);
}

/* A line's worth of bytes that mean nothing, and then all is well again. */
static void
test_garbage(void)
{
    g_auto(Bench) bench = bench_with_fault("garbage*1");
    g_autoptr(GString) noise = g_string_new(NULL);
    int fd = open_agent(&bench, 1);
    send_command(fd, "AT+KLINFO?");
    while (noise->len < 4 || !g_str_has_suffix(noise->str + noise->len - 2, "\r\n"))
        g_assert_true(receive(fd, noise));
    g_assert_null(memmem(noise->str, noise->len, "KLINFO", 6));
    g_assert_false(has_final(noise));
    g_assert_cmpuint(noise->len, >, 100);
    assert_answer(fd, "AT+KLINFO?", "\"imei\"");
    close(fd);
}

static void
test_echo(void)
{
    g_auto(Bench) bench = bench_with_fault("echo@key");
    int fd = open_agent(&bench, 1);
    assert_answer(fd, "ATE0", "OK");
    g_autofree char *quiet = ask(fd, "AT+KLKEY?");
    g_assert_cmpstr(quiet, ==, "\r\nOK\r\n");
    g_autofree char *answer = ask(fd, "AT+KLKEY=\"keyline\",\"ec-p256\"");
    assert_has(answer, "AT+KLKEY=\"keyline\",\"ec-p256\"\r\r\n+KLKEY: ");
    close(fd);
}

/* A command that comes while another one runs is refused at once; the late answer follows, out of order. */
static void
test_late(void)
{
    g_auto(Bench) bench = bench_with_fault("late*1");
    int fd = open_agent(&bench, 1);
    g_autofree char *refusal = ask(fd, "AT+KLINFO?\rAT");
    g_assert_cmpstr(refusal, ==, "\r\nERROR\r\n");
    g_autofree char *late = read_answer(fd);
    assert_has(late, "\"imei\"");
    g_autofree char *next = ask(fd, "AT");
    g_assert_cmpstr(next, ==, "\r\nOK\r\n");
    close(fd);
}

static void
test_cme(void)
{
    g_auto(Bench) bench = bench_with_fault("cme*1");
    int fd = open_agent(&bench, 1);
    assert_agent_error(fd, "AT+KLKEY=\"keyline\",\"ec-p256\"", KL_AGENT_E_STORE);
    g_autofree char *keys = ask(fd, "AT+KLKEY?");
    g_assert_cmpstr(keys, ==, "\r\nOK\r\n");
    g_free(make_key(fd));
    close(fd);
}

/* What is staged survives a cable that comes off, and not a loss of power. */
static void
check_loss(const char *fault, const char *command, gboolean power)
{
    g_auto(Bench) bench = bench_with_fault(fault);
    int fd = open_agent(&bench, 1);
    g_autofree char *before = boot_id(fd);
    assert_answer(fd, "AT+KLPUT=\"endpoint\",\"0\",\"YnJva2Vy\"", "\r\nOK\r\n");
    fd = lose_port(&bench, fd, command);
    g_autofree char *after = boot_id(fd);
    g_autofree char *next = ask(fd, "AT+KLPUT=\"endpoint\",\"6\",\"YnJva2Vy\"");
    g_assert_cmpint(strcmp(before, after) != 0, ==, power);
    g_assert_cmpint(strstr(next, "ERROR") != NULL, ==, power);
    g_assert_cmpuint(kl_sim_strikes(bench.sim, 1), ==, 1);
    close(fd);
}

static void
test_disconnect(void)
{
    check_loss("disconnect*1", "AT+KLKEY=\"keyline\",\"ec-p256\"", FALSE);
    check_loss("disconnect@precheck*1", "AT+KLKEY?", FALSE);
}

static void
check_power_cut(const char *fault, gboolean stored)
{
    g_auto(Bench) bench = bench_with_fault(fault);
    g_autofree char *spki = NULL;
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "broker", -1);
    g_autofree char *commit = g_strdup_printf("AT+KLCOMMIT=\"endpoint\",\"6\",\"%s\"", hash);
    int fd = open_agent(&bench, 1);
    spki = make_key(fd);
    assert_answer(fd, "AT+KLPUT=\"endpoint\",\"0\",\"YnJva2Vy\"", "OK");
    fd = lose_port(&bench, fd, commit);
    g_autofree char *items = ask(fd, "AT+KLITEM?");
    g_assert_cmpint(strstr(items, hash) != NULL, ==, stored);
    assert_answer(fd, "AT+KLKEY?", spki);
    if (!stored) /* what was staged is gone */
        assert_agent_error(fd, commit, KL_AGENT_E_NOT_STAGED);
    close(fd);
}

static void
test_power_cut(void)
{
    check_loss("power-cut@precheck*1", "AT+KLKEY?", TRUE);
    check_loss("power-cut-before@key*1", "AT+KLKEY=\"keyline\",\"ec-p256\"", TRUE);
    check_power_cut("power-cut-before*1", FALSE);
    check_power_cut("power-cut-after*1", TRUE);
}

/* Gone after the CSR has been read, all of it. */
static void
test_loss_at_issue(void)
{
    static const char *const faults[] = {"disconnect@issue*1", "power-cut@issue*1"};
    for (gsize i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_auto(Bench) bench = bench_with_fault(faults[i]);
        int fd = open_agent(&bench, 1);
        g_autofree char *before = boot_id(fd);
        g_autofree char *spki = make_key(fd);
        int watcher = watch(&bench); /* as soon as the CSR is read it may be gone, and back */
        g_bytes_unref(get_csr(fd, "FX30-000123"));
        fd = follow_port(&bench, fd, watcher);
        g_autofree char *after = boot_id(fd);
        g_assert_cmpint(strcmp(before, after) != 0, ==, i == 1);
        assert_answer(fd, "AT+KLKEY?", spki);
        close(fd);
    }
}

/* Whichever way a piece is torn, the item is not stored, and sending it again works. */
static void
test_torn(void)
{
    g_autofree char *text = long_text();
    g_autoptr(GHashTable) answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint seed = 0; seed < 12; seed++) {
        const char *const faults[] = {"1:torn*1", NULL};
        g_auto(Bench) bench = bench_new((KlSimOptions){.units = 1, .seed = seed, .faults = faults});
        int fd = open_agent(&bench, 1);
        g_autofree char *torn = install(fd, "certificate", text);
        assert_has(torn, "+CME ERROR: ");
        assert_answer(fd, "AT+KLITEM?", "\r\nOK\r\n");
        g_autofree char *again = install(fd, "certificate", text);
        g_assert_cmpstr(again, ==, "\r\nOK\r\n");
        g_hash_table_add(answers, g_steal_pointer(&torn));
        close(fd);
    }
    g_assert_cmpuint(g_hash_table_size(answers), ==, 3);
}

static void
test_bit_flip(void)
{
    g_auto(Bench) bench = bench_with_fault("bit-flip");
    int fd = open_agent(&bench, 1);
    static const char *const items[] = {"certificate", "chain"};
    for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
        g_autofree char *text = g_strdup_printf("this is the %s", items[i]);
        g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
        g_autofree char *answer = install(fd, items[i], text);
        g_assert_cmpstr(answer, ==, "\r\nOK\r\n");
        g_autofree char *list = ask(fd, "AT+KLITEM?");
        g_autofree char *row = g_strdup_printf("\"%s\",\"%zu\",", items[i], strlen(text));
        assert_has(list, row);
        g_assert_cmpint(strstr(list, hash) != NULL, ==, i == 1);
    }
    close(fd);
}

static void
test_commit_error(void)
{
    g_auto(Bench) bench = bench_with_fault("commit-error*1");
    int fd = open_agent(&bench, 1);
    g_autofree char *refused = install(fd, "endpoint", "broker");
    g_autofree char *expected = g_strdup_printf("\r\n+CME ERROR: %d\r\n", KL_AGENT_E_STORE);
    g_assert_cmpstr(refused, ==, expected);
    g_autofree char *items = ask(fd, "AT+KLITEM?");
    g_assert_cmpstr(items, ==, "\r\nOK\r\n");
    g_autofree char *again = install(fd, "endpoint", "broker");
    g_assert_cmpstr(again, ==, "\r\nOK\r\n");
    close(fd);
}

static void
test_bad_csr(void)
{
    static const struct {
        const char *fault;
        gboolean verifies;
        gboolean same_key;
        const char *has; /* in openssl's text of it */
    } rows[] = {
        {"csr-bad-signature*1", FALSE, TRUE, "CN = FX30-000123"},
        {"csr-other-key*1", TRUE, FALSE, "CN = FX30-000123"},
        {"csr-other-cn*1", TRUE, TRUE, "CN = FX30-000120"},
        {"csr-rsa512*1", TRUE, FALSE, "Public-Key: (512 bit)"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Bench) bench = bench_with_fault(rows[i].fault);
        int status = 0;
        int fd = open_agent(&bench, 1);
        g_autofree char *spki = make_key(fd);
        g_autoptr(GBytes) csr = get_csr(fd, "FX30-000123");
        g_autofree char *report = openssl_req(csr, "-noout -verify -text", &status);
        g_assert_cmpint(strstr(report, "verify OK") != NULL, ==, rows[i].verifies);
        assert_has(report, rows[i].has);
        g_autofree char *key = csr_key_hash(csr);
        g_assert_cmpint(strcmp(key, spki) == 0, ==, rows[i].same_key);
        g_autoptr(GBytes) good = get_csr(fd, "FX30-000123");
        g_autofree char *good_key = csr_key_hash(good);
        g_assert_cmpstr(good_key, ==, spki);
        close(fd);
    }
}

/* The public key of a unit, as a PEM file made from a CSR. */
static char *
write_public_key(const Bench *bench, GBytes *csr)
{
    int status = 0;
    g_autofree char *pem = openssl_req(csr, "-noout -pubkey", &status);
    char *path = g_build_filename(bench->dir, "public.pem", NULL);
    g_assert_true(g_file_set_contents(path, pem, -1, NULL));
    return path;
}

/* Has openssl check a KLPROVE answer. */
static gboolean
proof_ok(const Bench *bench, const char *public_key, const char *answer)
{
    GByteArray *message = g_byte_array_new();
    g_byte_array_append(message, (const guint8 *)"keyline-prove", 13);
    for (guint8 i = 0; i < 32; i++)
        g_byte_array_append(message, &i, 1);
    const char *imei = kl_sim_imei(bench->sim, 1);
    g_byte_array_append(message, (const guint8 *)imei, (guint)strlen(imei));
    g_autofree char *base64 = find(answer, "\\+KLPROVE: \"([^\"]*)\"");
    gsize len = 0;
    g_autofree guint8 *signature = g_base64_decode(base64, &len);
    g_autofree char *message_path = g_build_filename(bench->dir, "message", NULL);
    g_autofree char *signature_path = g_build_filename(bench->dir, "signature", NULL);
    g_assert_true(g_file_set_contents(message_path, (const char *)message->data, message->len, NULL));
    g_assert_true(g_file_set_contents(signature_path, (const char *)signature, (gssize)len, NULL));
    g_byte_array_unref(message);
    g_autofree char *command =
        g_strdup_printf("openssl dgst -sha256 -verify %s -signature %s %s", public_key, signature_path, message_path);
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    g_assert_true(g_spawn_command_line_sync(command, &out, &err, NULL, NULL));
    return strstr(out, "Verified OK") != NULL;
}

static void
test_wrong_proof(void)
{
    g_auto(Bench) bench = bench_with_fault("wrong-proof*1");
    int fd = open_agent(&bench, 1);
    g_free(make_key(fd));
    g_autoptr(GBytes) csr = get_csr(fd, "FX30-000123");
    g_autofree char *key = write_public_key(&bench, csr);
    g_autofree char *wrong = ask(fd, "AT+KLPROVE=\"keyline\",\"" NONCE "\"");
    g_assert_false(proof_ok(&bench, key, wrong));
    g_autofree char *right = ask(fd, "AT+KLPROVE=\"keyline\",\"" NONCE "\"");
    g_assert_true(proof_ok(&bench, key, right));
    close(fd);
}

/* Faults that a unit is made with: what a command then shows. */
static void
test_traits(void)
{
    static const struct {
        const char *fault;
        const char *command;
        const char *shows;
    } rows[] = {
        {"slot-used", "AT+KLKEY?", "\"open\""},
        {"locked", "AT+KLKEY?", "\"locked\""},
        {"unknown-model", "AT+KLINFO?", "\"model\",\"WP7607\""},
        {"old-firmware", "AT+KLINFO?", "\"firmware\",\"SWI9X06Y_01.00.05.00\""},
        {"software-keystore", "AT+KLINFO?", "\"keystore\",\"software\""},
        {"no-agent", "AT+KLINFO?", "\r\nERROR\r\n"},
        {"no-agent", "ATI", "Model: WP7702"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Bench) bench = bench_with_fault(rows[i].fault);
        int struck = open_agent(&bench, 1);
        int sound = open_agent(&bench, 2);
        g_autofree char *other = ask(sound, rows[i].command);
        assert_answer(struck, rows[i].command, rows[i].shows);
        assert_has_not(other, rows[i].shows);
        close(struck);
        close(sound);
    }
}

static void
test_locked_stays(void)
{
    g_auto(Bench) bench = bench_with_fault("locked");
    int fd = open_agent(&bench, 1);
    assert_agent_error(fd, "AT+KLKEY=\"keyline\",\"ec-p256\"", KL_AGENT_E_SLOT_USED);
    assert_agent_error(fd, "AT+KLDEL=\"keyline\"", KL_AGENT_E_LOCKED);
    close(fd);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/no-answer", test_no_answer);
    g_test_add_func("/sim/garbage", test_garbage);
    g_test_add_func("/sim/echo", test_echo);
    g_test_add_func("/sim/late", test_late);
    g_test_add_func("/sim/cme", test_cme);
    g_test_add_func("/sim/disconnect", test_disconnect);
    g_test_add_func("/sim/power-cut", test_power_cut);
    g_test_add_func("/sim/loss-at-issue", test_loss_at_issue);
    g_test_add_func("/sim/torn", test_torn);
    g_test_add_func("/sim/bit-flip", test_bit_flip);
    g_test_add_func("/sim/commit-error", test_commit_error);
    g_test_add_func("/sim/bad-csr", test_bad_csr);
    g_test_add_func("/sim/wrong-proof", test_wrong_proof);
    g_test_add_func("/sim/traits", test_traits);
    g_test_add_func("/sim/locked", test_locked_stays);
    return g_test_run();
}
