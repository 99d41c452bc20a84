/* The agent on a host: real keys and files behind it, the line discipline before it. What it signs is judged by the
 * openssl command line; power cuts are real kills and what they leave behind. */
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/at_wp77/agent/host/host_line.h"
#include "drivers/at_wp77/agent/host/host_store.h"

static const KlAgentIdentity identity = {"352653090000019", "4L900000000001", "WP7702", "SWI9X06Y_02.32.02.00"};

/* One unit: its folder, and the agent while it runs. */
typedef struct {
    char *folder;
    KlHostStore *store;
    KlAgent *agent;
    KlHostLine *line;
    GString *wire; /* what came back */
} Unit;

static void
handle(gpointer data, const char *line, gsize len, KlAgentOut out, gpointer out_data)
{
    Unit *unit = data;
    if (!kl_host_line_basic(unit->line, line, len, out, out_data) &&
        !kl_agent_command(unit->agent, line, len, out, out_data))
        out(out_data, KL_AGENT_FINAL, "ERROR");
}

static void
take(gpointer data, const guint8 *bytes, gsize len)
{
    Unit *unit = data;
    g_string_append_len(unit->wire, (const char *)bytes, (gssize)len);
}

static void
unit_start(Unit *unit)
{
    g_autoptr(GError) error = NULL;
    unit->store = kl_host_store_open(unit->folder, &identity, "software", &error);
    g_assert_no_error(error);
    unit->agent = kl_agent_new(&kl_host_store_ops, unit->store);
    unit->line = kl_host_line_new(handle, unit, take, unit);
}

static void
unit_stop(Unit *unit)
{
    kl_host_line_free(unit->line);
    kl_agent_free(unit->agent);
    kl_host_store_free(unit->store);
}

static Unit *
unit_new(void)
{
    g_autoptr(GError) error = NULL;
    Unit *unit = g_new0(Unit, 1);
    unit->folder = g_dir_make_tmp("keyline-agent-XXXXXX", &error);
    g_assert_no_error(error);
    unit->wire = g_string_new(NULL);
    unit_start(unit);
    return unit;
}

static void
unit_free(Unit *unit)
{
    unit_stop(unit);
    g_autoptr(GDir) dir = g_dir_open(unit->folder, 0, NULL);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename(unit->folder, name, NULL);
        g_unlink(path);
    }
    g_rmdir(unit->folder);
    g_free(unit->folder);
    g_string_free(unit->wire, TRUE);
    g_free(unit);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Unit, unit_free)

static char *
unit_path(const Unit *unit, const char *name)
{
    return g_build_filename(unit->folder, name, NULL);
}

/* Sends a command; what came back, as it was on the wire. */
static const char *
send(Unit *unit, const char *command)
{
    g_string_truncate(unit->wire, 0);
    kl_host_line_feed(unit->line, (const guint8 *)command, strlen(command));
    kl_host_line_feed(unit->line, (const guint8 *)"\r", 1);
    return unit->wire->str;
}

static void
expect_ok(Unit *unit, const char *command)
{
    g_assert_true(g_str_has_suffix(send(unit, command), "\r\nOK\r\n"));
}

static void
install(Unit *unit, const char *item, const char *text)
{
    g_autofree char *base64 = g_base64_encode((const guchar *)text, strlen(text));
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    g_autofree char *put = g_strdup_printf("AT+KLPUT=\"%s\",\"0\",\"%s\"", item, base64);
    g_autofree char *commit = g_strdup_printf("AT+KLCOMMIT=\"%s\",\"%zu\",\"%s\"", item, strlen(text), hash);
    expect_ok(unit, put);
    expect_ok(unit, commit);
}

static void
assert_stored(Unit *unit, const char *item, const char *text)
{
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    g_autofree char *expected = g_strdup_printf("+KLITEM: \"%s\",\"%zu\",\"%s\"\r\n", item, strlen(text), hash);
    g_assert_nonnull(strstr(send(unit, "AT+KLITEM?"), expected));
}

/* The quoted texts of all lines on the wire that match the pattern, joined. */
static char *
wire_text(const Unit *unit, const char *pattern)
{
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    GString *text = g_string_new(NULL);
    for (g_regex_match(regex, unit->wire->str, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL)) {
        g_autofree char *part = g_match_info_fetch(match, 1);
        g_string_append(text, part);
    }
    return g_string_free(text, FALSE);
}

/* Writes a file into the unit's folder (which ignores names that are not its own); its path. */
static char *
scratch(const Unit *unit, const char *name, const void *bytes, gsize len)
{
    char *path = unit_path(unit, name);
    g_assert_true(g_file_set_contents(path, bytes, (gssize)len, NULL));
    return path;
}

static char *
scratch_base64(const Unit *unit, const char *name, const char *base64)
{
    gsize len = 0;
    g_autofree guint8 *bytes = g_base64_decode(base64, &len);
    return scratch(unit, name, bytes, len);
}

/* Runs the openssl command line, which has to succeed; what it said. */
G_GNUC_NULL_TERMINATED static char *
openssl(const char *first, ...)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    char *said = NULL;
    char *complaint = NULL;
    va_list arguments;
    g_ptr_array_add(argv, (gpointer) "openssl");
    va_start(arguments, first);
    for (const char *argument = first; argument != NULL; argument = va_arg(arguments, const char *))
        g_ptr_array_add(argv, (gpointer)argument);
    va_end(arguments);
    g_ptr_array_add(argv, NULL);
    int status = -1;
    g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &said, &complaint, &status, &error);
    g_assert_no_error(error);
    g_test_message("openssl %s: %s%s", first, said, complaint);
    g_assert_true(g_spawn_check_wait_status(status, NULL));
    char *both = g_strconcat(said, complaint, NULL);
    g_free(said);
    g_free(complaint);
    return both;
}

static void
test_csr(void)
{
    static const char *const names[] = {"A", "FX30S-000123", "a.b_c:d-0",
                                        "0123456789012345678901234567890123456789012345678901234567890123"};
    g_autoptr(Unit) unit = unit_new();
    expect_ok(unit, "AT+KLKEY=\"k\",\"ec-p256\"");
    g_autofree char *key_hash = wire_text(unit, "\\+KLKEY: \"([0-9a-f]{64})\"");
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *command = g_strdup_printf("AT+KLCSR=\"k\",\"%s\"", names[i]);
        expect_ok(unit, command);
        g_autofree char *base64 = wire_text(unit, "\\+KLCSR: [0-9]+,[0-9]+,\"([^\"]+)\"");
        g_autofree char *csr = scratch_base64(unit, "csr.der", base64);
        g_autofree char *spki = unit_path(unit, "spki.der");
        g_autofree char *pem = unit_path(unit, "spki.pem");
        g_autofree char *verdict = openssl("req", "-inform", "DER", "-in", csr, "-verify", "-noout", NULL);
        g_autofree char *text = openssl("req", "-inform", "DER", "-in", csr, "-noout", "-text", NULL);
        g_free(openssl("req", "-inform", "DER", "-in", csr, "-noout", "-pubkey", "-out", pem, NULL));
        g_free(openssl("pkey", "-pubin", "-in", pem, "-outform", "DER", "-out", spki, NULL));
        g_autofree char *subject = g_strdup_printf("Subject: CN = %s\n", names[i]);
        g_assert_nonnull(strstr(verdict, "verify OK"));
        g_assert_nonnull(strstr(text, subject));
        g_assert_nonnull(strstr(text, "Version: 1 (0x0)"));
        g_assert_nonnull(strstr(text, "prime256v1"));
        g_assert_nonnull(strstr(text, "Signature Algorithm: ecdsa-with-SHA256"));
        g_autofree char *der = NULL;
        gsize len = 0;
        g_assert_true(g_file_get_contents(spki, &der, &len, NULL));
        g_autofree char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guint8 *)der, len);
        g_assert_cmpstr(hash, ==, key_hash);
    }
}

static void
test_prove(void)
{
    g_autoptr(Unit) unit = unit_new();
    expect_ok(unit, "AT+KLKEY=\"k\",\"ec-p256\"");
    g_autofree char *key = unit_path(unit, "key-k.pem");
    g_autofree char *public_key = unit_path(unit, "public.pem");
    g_free(openssl("pkey", "-in", key, "-pubout", "-out", public_key, NULL));
    for (int round = 0; round < 10; round++) {
        g_autoptr(GByteArray) message = g_byte_array_new();
        g_autoptr(GString) command = g_string_new("AT+KLPROVE=\"k\",\"");
        g_byte_array_append(message, (const guint8 *)"keyline-prove", 13);
        for (int i = 0; i < 32; i++) {
            guint8 byte = (guint8)g_test_rand_int_range(0, 256);
            g_byte_array_append(message, &byte, 1);
            g_string_append_printf(command, "%02X", byte);
        }
        g_byte_array_append(message, (const guint8 *)identity.imei, 15);
        g_string_append(command, "\"");
        expect_ok(unit, command->str);
        g_autofree char *base64 = wire_text(unit, "\\+KLPROVE: \"([^\"]+)\"");
        g_autofree char *signature = scratch_base64(unit, "signature", base64);
        g_autofree char *signed_file = scratch(unit, "message", message->data, message->len);
        g_autofree char *verdict =
            openssl("dgst", "-sha256", "-verify", public_key, "-signature", signature, signed_file, NULL);
        g_assert_nonnull(strstr(verdict, "Verified OK"));
    }
}

static void
assert_mode(const char *path, mode_t mode)
{
    GStatBuf status;
    g_assert_cmpint(g_stat(path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 07777, ==, mode);
}

static void
test_modes(void)
{
    mode_t old = umask(0);
    g_autoptr(Unit) unit = unit_new();
    expect_ok(unit, "AT+KLKEY=\"k\",\"ec-p256\"");
    expect_ok(unit, "AT+KLLOCK=\"k\"");
    install(unit, "endpoint", "host");
    umask(old);
    g_autofree char *key = unit_path(unit, "key-k.pem");
    g_autofree char *lock = unit_path(unit, "lock-k");
    g_autofree char *item = unit_path(unit, "item-endpoint");
    assert_mode(unit->folder, 0700);
    assert_mode(key, 0600);
    assert_mode(lock, 0600);
    assert_mode(item, 0600);
    g_autofree char *pem = NULL;
    g_assert_true(g_file_get_contents(key, &pem, NULL, NULL));
    g_assert_true(g_str_has_prefix(pem, "-----BEGIN PRIVATE KEY-----\n"));
}

static void
test_restart(void)
{
    g_autoptr(Unit) unit = unit_new();
    expect_ok(unit, "AT+KLKEY=\"a\",\"ec-p256\"");
    expect_ok(unit, "AT+KLKEY=\"b\",\"ec-p256\"");
    expect_ok(unit, "AT+KLLOCK=\"b\"");
    install(unit, "certificate", "c");
    expect_ok(unit, "AT+KLPUT=\"chain\",\"0\",\"AAAA\"");
    g_autofree char *keys = g_strdup(send(unit, "AT+KLKEY?"));
    g_autofree char *items = g_strdup(send(unit, "AT+KLITEM?"));
    g_autofree char *info = g_strdup(send(unit, "AT+KLINFO?"));
    g_assert_nonnull(strstr(keys, "\"locked\""));
    unit_stop(unit);
    unit_start(unit);
    g_assert_cmpstr(send(unit, "AT+KLKEY?"), ==, keys);
    g_assert_cmpstr(send(unit, "AT+KLITEM?"), ==, items);
    g_assert_cmpstr(send(unit, "AT+KLINFO?"), !=, info); /* another boot id */
    expect_ok(unit, "AT+CMEE=1");
    g_assert_cmpstr(send(unit, "AT+KLPUT=\"chain\",\"3\",\"AAAA\""), ==, "\r\n+CME ERROR: 518\r\n");
    g_assert_cmpstr(send(unit, "AT+KLDEL=\"b\""), ==, "\r\n+CME ERROR: 523\r\n");
}

static void
test_one_agent_a_folder(void)
{
    g_autoptr(Unit) unit = unit_new();
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_host_store_open(unit->folder, &identity, "iks", &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_BUSY);
    g_clear_error(&error);
    g_autofree char *file = scratch(unit, "file", "", 0);
    g_assert_null(kl_host_store_open(file, &identity, "iks", &error));
    g_assert_nonnull(error);
}

/* A program that another thread is just starting has all descriptors until it is executed. */
static void
test_reopened_beside_a_child(void)
{
    g_autoptr(Unit) unit = unit_new();
    g_autoptr(GError) error = NULL;
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
    }
    kl_host_store_free(unit->store);
    unit->store = kl_host_store_open(unit->folder, &identity, "software", &error);
    g_assert_no_error(error);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* What a cut between write and rename leaves: half a new file under its unfinished name. */
static void
test_unfinished_files(void)
{
    g_autoptr(Unit) unit = unit_new();
    install(unit, "certificate", "old");
    unit_stop(unit);
    g_autofree char *item = scratch(unit, ".new-item-certificate", "ne", 2);
    g_autofree char *key = scratch(unit, ".new-key-k.pem", "-----BEGIN", 10);
    unit_start(unit);
    g_assert_false(g_file_test(item, G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test(key, G_FILE_TEST_EXISTS));
    assert_stored(unit, "certificate", "old");
    g_assert_cmpstr(send(unit, "AT+KLKEY?"), ==, "\r\nOK\r\n");
    expect_ok(unit, "AT+KLKEY=\"k\",\"ec-p256\"");
}

/* Replaces the item for ever and tells of each time. */
static void
write_until_killed(Unit *unit, int report)
{
    g_autofree char *even = g_strnfill(80, 'e');
    g_autofree char *odd = g_strnfill(40, 'o');
    for (guint i = 0;; i++) {
        install(unit, "certificate", i % 2 == 0 ? even : odd);
        if (write(report, "", 1) != 1)
            _exit(1);
    }
}

/* Killed at any instant, the agent leaves one of the two whole items. */
static void
test_kill(void)
{
    g_autoptr(Unit) unit = unit_new();
    g_autofree char *even = g_strnfill(80, 'e');
    g_autofree char *odd = g_strnfill(40, 'o');
    for (int round = 0; round < 20; round++) {
        int report[2];
        g_assert_cmpint(pipe(report), ==, 0);
        unit_stop(unit);
        pid_t child = fork();
        if (child == 0) {
            unit_start(unit);
            write_until_killed(unit, report[1]);
        }
        close(report[1]);
        for (int i = g_test_rand_int_range(1, 8); i > 0; i--) {
            char byte;
            g_assert_cmpint(read(report[0], &byte, 1), ==, 1);
        }
        kill(child, SIGKILL);
        g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
        close(report[0]);
        unit_start(unit);
        g_autofree char *path = unit_path(unit, "item-certificate");
        g_autofree char *text = NULL;
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_assert_true(strcmp(text, even) == 0 || strcmp(text, odd) == 0);
        assert_stored(unit, "certificate", text);
    }
}

/* The disk takes no more: a numbered error, and the old item stays. */
static void
test_disk_full(void)
{
    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
        g_test_trap_assert_passed();
        return;
    }
    g_autoptr(Unit) unit = unit_new();
    install(unit, "endpoint", "old");
    expect_ok(unit, "AT+CMEE=1");
    const struct rlimit small = {.rlim_cur = 2, .rlim_max = 2};
    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "new", -1);
    g_autofree char *commit = g_strdup_printf("AT+KLCOMMIT=\"endpoint\",\"3\",\"%s\"", hash);
    expect_ok(unit, "AT+KLPUT=\"endpoint\",\"0\",\"bmV3\"");
    g_assert_cmpstr(send(unit, commit), ==, "\r\n+CME ERROR: 524\r\n");
    assert_stored(unit, "endpoint", "old");
    g_assert_cmpstr(send(unit, "AT+KLKEY=\"k\",\"ec-p256\""), ==, "\r\n+CME ERROR: 524\r\n");
    g_assert_cmpstr(send(unit, "AT+KLKEY?"), ==, "\r\nOK\r\n");
}

static void
test_damaged_key(void)
{
    g_autoptr(Unit) unit = unit_new();
    expect_ok(unit, "AT+CMEE=1");
    static const char *const contents[] = {"", "garbage",
                                           "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"};
    for (gsize i = 0; i < G_N_ELEMENTS(contents); i++) {
        g_free(scratch(unit, "key-k.pem", contents[i], strlen(contents[i])));
        g_assert_cmpstr(send(unit, "AT+KLCSR=\"k\",\"cn\""), ==, "\r\n+CME ERROR: 526\r\n");
        g_assert_cmpstr(send(unit, "AT+KLKEY?"), ==, "\r\n+CME ERROR: 526\r\n");
        g_assert_cmpstr(send(unit, "AT+KLKEY=\"k\",\"ec-p256\""), ==, "\r\n+CME ERROR: 526\r\n");
        expect_ok(unit, "AT+KLDEL=\"k\"");
    }
    /* Another size, and another curve of the same size. */
    static const char *const curves[] = {"ec_paramgen_curve:secp384r1", "ec_paramgen_curve:SM2"};
    g_autofree char *key = unit_path(unit, "key-k.pem");
    for (gsize i = 0; i < G_N_ELEMENTS(curves); i++) {
        g_free(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", curves[i], "-out", key, NULL));
        g_assert_cmpstr(send(unit, "AT+KLCSR=\"k\",\"cn\""), ==, "\r\n+CME ERROR: 526\r\n");
        g_assert_cmpstr(send(unit, "AT+KLKEY?"), ==, "\r\n+CME ERROR: 526\r\n");
    }
}

/* No line of the private key's PEM is in anything that the unit says. */
static void
test_nothing_private(void)
{
    g_autoptr(Unit) unit = unit_new();
    g_autoptr(GString) said = g_string_new(NULL);
    static const char *const commands[] = {
        "AT+KLKEY=\"k\",\"ec-p256\"", "AT+KLINFO?", "AT+KLKEY?", "AT+KLITEM?", "AT+KLLOCK=\"k\"", "AT+KLDEL=\"k\""};
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        g_string_append(said, send(unit, commands[i]));
    g_autofree char *path = unit_path(unit, "key-k.pem");
    g_autofree char *pem = NULL;
    g_assert_true(g_file_get_contents(path, &pem, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(pem, "\n", -1);
    for (char **line = lines; *line != NULL; line++)
        g_assert_true(**line == '\0' || strstr(said->str, *line) == NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-host/csr", test_csr);
    g_test_add_func("/agent-host/prove", test_prove);
    g_test_add_func("/agent-host/modes", test_modes);
    g_test_add_func("/agent-host/restart", test_restart);
    g_test_add_func("/agent-host/one-agent-a-folder", test_one_agent_a_folder);
    g_test_add_func("/agent-host/reopened-beside-a-child", test_reopened_beside_a_child);
    g_test_add_func("/agent-host/unfinished-files", test_unfinished_files);
    g_test_add_func("/agent-host/kill", test_kill);
    g_test_add_func("/agent-host/disk-full", test_disk_full);
    g_test_add_func("/agent-host/damaged-key", test_damaged_key);
    g_test_add_func("/agent-host/nothing-private", test_nothing_private);
    return g_test_run();
}
