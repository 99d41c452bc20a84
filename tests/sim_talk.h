/* For the tests of the simulated line: a line in a folder of its own, spoken to over its ports with plain read and
 * write. */
#pragma once

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "drivers/at_wp77/agent/agent_errors.h"
#include "drivers/at_wp77/sim/sim.h"

#define PATIENCE_MS 120000 /* then something is wrong */
#define PIECE 90
#define NONCE "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* One line in a folder of its own. */
typedef struct {
    char *dir;
    KlSim *sim;
} Bench;

static inline Bench
bench_new(KlSimOptions options)
{
    g_autoptr(GError) error = NULL;
    Bench bench = {.dir = g_dir_make_tmp("kl-sim-XXXXXX", &error)};
    g_assert_no_error(error);
    options.dir = bench.dir;
    options.reconnect_ms = options.reconnect_ms > 0 ? options.reconnect_ms : 1;
    bench.sim = kl_sim_start(&options, &error);
    g_assert_no_error(error);
    return bench;
}

static inline Bench
bench_with_fault(const char *fault)
{
    g_autofree char *text = g_strconcat("1:", fault, NULL);
    const char *const faults[] = {text, NULL};
    return bench_new((KlSimOptions){.units = 2, .seed = 7, .faults = faults, .late_ms = 100});
}

static inline void
remove_tree(const char *path)
{
    g_autoptr(GDir) entries = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    for (const char *name = entries != NULL ? g_dir_read_name(entries) : NULL; name != NULL;
         name = g_dir_read_name(entries)) {
        g_autofree char *entry = g_build_filename(path, name, NULL);
        remove_tree(entry);
    }
    g_assert_cmpint(g_remove(path), ==, 0);
}

static inline void
bench_clear(Bench *bench)
{
    g_clear_pointer(&bench->sim, kl_sim_stop);
    remove_tree(bench->dir);
    g_free(bench->dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

static inline int
open_port(const Bench *bench, guint slot, KlSimPortKind kind)
{
    g_autofree char *address = kl_sim_address(bench->sim, slot, kind);
    g_assert_true(g_str_has_prefix(address, "pty:/"));
    int fd = open(address + strlen("pty:"), O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static inline void
send_command(int fd, const char *command)
{
    g_autofree char *bytes = g_strconcat(command, "\r", NULL);
    g_assert_cmpint(write(fd, bytes, strlen(bytes)), ==, (gssize)strlen(bytes));
}

/* Appends what comes next. FALSE on a hang-up. */
static inline gboolean
receive(int fd, GString *text)
{
    char bytes[512];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    g_assert_cmpint(poll(&ready, 1, PATIENCE_MS), ==, 1);
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0)
        g_string_append_len(text, bytes, n);
    return n > 0;
}

static inline gboolean
has_final(const GString *text)
{
    g_autoptr(GRegex) regex = g_regex_new("\r\n(OK|ERROR|\\+CME ERROR: \\d+)\r\n", G_REGEX_RAW, 0, NULL);
    return g_regex_match_full(regex, text->str, (gssize)text->len, 0, 0, NULL, NULL);
}

/* What comes up to and with the final result. */
static inline char *
read_answer(int fd)
{
    GString *text = g_string_new(NULL);
    while (!has_final(text))
        g_assert_true(receive(fd, text));
    return g_string_free(text, FALSE);
}

static inline char *
ask(int fd, const char *command)
{
    send_command(fd, command);
    return read_answer(fd);
}

#define assert_has(text, part)                                                                                         \
    do {                                                                                                               \
        if (strstr((text), (part)) == NULL)                                                                            \
            g_error("%s:%d: no '%s' in '%s'", __FILE__, __LINE__, (part), (text));                                     \
    } while (0)

#define assert_has_not(text, part)                                                                                     \
    do {                                                                                                               \
        if (strstr((text), (part)) != NULL)                                                                            \
            g_error("%s:%d: '%s' in '%s'", __FILE__, __LINE__, (part), (text));                                        \
    } while (0)

static inline void
assert_answer(int fd, const char *command, const char *part)
{
    g_autofree char *answer = ask(fd, command);
    assert_has(answer, part);
}

static inline void
assert_agent_error(int fd, const char *command, int number)
{
    g_autofree char *text = g_strdup_printf("\r\n+CME ERROR: %d\r\n", number);
    assert_answer(fd, command, text);
}

/* The keyline-sim beside this test. */
static inline char *
sim_program(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *self = g_file_read_link("/proc/self/exe", &error);
    g_autofree char *folder = g_path_get_dirname(self);
    return g_build_filename(folder, "..", "drivers", "at_wp77", "sim", "keyline-sim", NULL);
}

/* The first group of a regular expression in an answer. */
static inline char *
find(const char *text, const char *expression)
{
    g_autoptr(GRegex) regex = g_regex_new(expression, 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(regex, text, 0, &match))
        g_error("no /%s/ in '%s'", expression, text);
    return g_match_info_fetch(match, 1);
}

static inline int
open_agent(const Bench *bench, guint slot)
{
    int fd = open_port(bench, slot, KL_SIM_AGENT);
    assert_answer(fd, "AT+CMEE=1", "OK");
    return fd;
}

static inline char *
make_key(int fd)
{
    g_autofree char *answer = ask(fd, "AT+KLKEY=\"keyline\",\"ec-p256\"");
    return find(answer, "\\+KLKEY: \"([0-9a-f]{64})\"");
}

/* Asks for a CSR and puts its pieces together. */
static inline GBytes *
get_csr(int fd, const char *cn)
{
    g_autofree char *command = g_strdup_printf("AT+KLCSR=\"keyline\",\"%s\"", cn);
    g_autofree char *answer = ask(fd, command);
    g_autoptr(GRegex) regex = g_regex_new("\\+KLCSR: \\d+,\\d+,\"([^\"]*)\"", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    GByteArray *der = g_byte_array_new();
    for (g_regex_match(regex, answer, 0, &match); g_match_info_matches(match); g_match_info_next(match, NULL)) {
        g_autofree char *base64 = g_match_info_fetch(match, 1);
        gsize len = 0;
        g_autofree guint8 *piece = g_base64_decode(base64, &len);
        g_byte_array_append(der, piece, (guint)len);
    }
    GBytes *bytes = g_byte_array_free_to_bytes(der);
    g_autofree char *hash = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
    assert_has(answer, hash);
    return bytes;
}

/* What `openssl req` says of a CSR, both outputs. */
static inline char *
openssl_req(GBytes *csr, const char *arguments, int *status)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    int fd = g_file_open_tmp("kl-csr-XXXXXX", &path, &error);
    g_assert_no_error(error);
    gsize len = 0;
    const void *data = g_bytes_get_data(csr, &len);
    g_assert_cmpint(write(fd, data, len), ==, (gssize)len);
    close(fd);
    g_autofree char *command = g_strdup_printf("openssl req -inform DER -in %s %s", path, arguments);
    g_spawn_command_line_sync(command, &out, &err, status, &error);
    g_assert_no_error(error);
    g_unlink(path);
    return g_strconcat(out, err, NULL);
}

/* The hash of the SubjectPublicKeyInfo in a CSR. */
static inline char *
csr_key_hash(GBytes *csr)
{
    int status = 0;
    g_autofree char *pem = openssl_req(csr, "-noout -pubkey", &status);
    g_autofree char *base64 = find(pem, "-----BEGIN PUBLIC KEY-----\n([^-]*)-----END");
    gsize len = 0;
    g_autofree guint8 *der = g_base64_decode(base64, &len);
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, der, len);
}

/* Sends an item in pieces; returns the last answer, which is that of the commit if all went well. */
static inline char *
install(int fd, const char *item, const char *text)
{
    gsize len = strlen(text);
    for (gsize at = 0; at < len; at += PIECE) {
        g_autofree char *base64 = g_base64_encode((const guchar *)text + at, MIN(PIECE, len - at));
        g_autofree char *command = g_strdup_printf("AT+KLPUT=\"%s\",\"%zu\",\"%s\"", item, at, base64);
        g_autofree char *answer = ask(fd, command);
        if (strstr(answer, "ERROR") != NULL)
            return g_steal_pointer(&answer);
    }
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    g_autofree char *command = g_strdup_printf("AT+KLCOMMIT=\"%s\",\"%zu\",\"%s\"", item, len, hash);
    return ask(fd, command);
}

static inline char *
long_text(void)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < 300; i++)
        g_string_append_printf(text, "%u,", i);
    return g_string_free(text, FALSE);
}

/* Watches a folder, so that a link can't come back unseen. */
static inline int
watch(const Bench *bench)
{
    int fd = inotify_init1(IN_CLOEXEC);
    g_assert_cmpint(inotify_add_watch(fd, bench->dir, IN_MOVED_TO), >=, 0);
    return fd;
}

/* Waits for the hang-up, closes the port, waits until it is back, as the watcher sees it, and opens it again. */
static inline int
follow_port(const Bench *bench, int fd, int watcher)
{
    g_autoptr(GString) heard = g_string_new(NULL);
    while (receive(fd, heard))
        ;
    close(fd);
    for (gboolean back = FALSE; !back;) {
        char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        struct pollfd ready = {.fd = watcher, .events = POLLIN};
        g_assert_cmpint(poll(&ready, 1, PATIENCE_MS), ==, 1);
        ssize_t n = read(watcher, events, sizeof events);
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *event = (const void *)(events + at);
            back = back || strcmp(event->name, "slot-01-agent") == 0;
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
    close(watcher);
    return open_agent(bench, 1);
}

/* Sends a command at which the port is lost. */
static inline int
lose_port(const Bench *bench, int fd, const char *command)
{
    int watcher = watch(bench);
    send_command(fd, command);
    return follow_port(bench, fd, watcher);
}

static inline char *
boot_id(int fd)
{
    g_autofree char *answer = ask(fd, "AT+KLINFO?");
    return find(answer, "\"boot\",\"([0-9a-f]{16})\"");
}
