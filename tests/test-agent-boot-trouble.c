/* The first boot of a host agent on a real mosquitto, and each way in which the broker or the unit may be the wrong
 * one, told apart: in the field, and in a rehearsal. */
#include <sys/socket.h>

#include "tests/boot_rig.h"

static KlAgentBootStatus
first_trouble(const Bench *bench)
{
    KlAgentBootStatus status = boot_status(bench->boot);
    RIG_UNTIL(status.trouble != KL_AGENT_TROUBLE_FINE, (g_usleep(1000), status = boot_status(bench->boot)));
    g_test_message("%s", status.detail);
    return status;
}

static void
assert_trouble(const Bench *bench, KlAgentBootTrouble trouble)
{
    g_assert_cmpint(kl_host_boot_control.start(bench->boot), ==, 0);
    KlAgentBootStatus status = first_trouble(bench);
    g_assert_cmpint(status.trouble, ==, trouble);
    g_assert_true(g_str_has_prefix(status.detail, "5"));
    g_assert_false(status.rehearsal);
}

/* --- the wrong broker, the wrong unit --- */

typedef struct {
    const char *name;
    const char *signer;   /* of the unit */
    const char *endpoint; /* of the unit */
    gboolean foreign_trust;
    gboolean no_broker;
    gint64 clock_offset_s;
    KlAgentBootTrouble trouble;
} TroubleCase;

#define YEARS(n) ((n)*365 * 24 * 3600)

static const TroubleCase trouble_cases[] = {
    {"wrong-name", "ca", "other.example", .trouble = KL_AGENT_TROUBLE_WRONG_NAME},
    {"untrusted", "ca", BROKER_NAME, .foreign_trust = TRUE, .trouble = KL_AGENT_TROUBLE_UNTRUSTED},
    {"clock-behind", "ca", BROKER_NAME, .clock_offset_s = YEARS(-10), .trouble = KL_AGENT_TROUBLE_CLOCK},
    {"clock-ahead", "ca", BROKER_NAME, .clock_offset_s = YEARS(40), .trouble = KL_AGENT_TROUBLE_CLOCK},
    {"refused", "foreign", BROKER_NAME, .trouble = KL_AGENT_TROUBLE_REFUSED},
    {"unreachable", "ca", BROKER_NAME, .no_broker = TRUE, .trouble = KL_AGENT_TROUBLE_UNREACHABLE},
    {"no-answer", "ca", BROKER_NAME, .trouble = KL_AGENT_TROUBLE_NO_ANSWER},
};

static void
test_trouble(gconstpointer data)
{
    const TroubleCase *c = data;
    g_auto(Bench) bench = {0};
    bench_init(&bench, c->signer, c->endpoint);
    bench.clock_offset_s = c->clock_offset_s;
    if (c->foreign_trust) {
        g_autofree char *foreign = g_build_filename(bench.dir, "foreign.pem", NULL);
        boot_item_file(bench.store, "trust", foreign);
    }
    if (c->no_broker)
        g_clear_pointer(&bench.broker, kl_private_broker_free);
    if (c->trouble != KL_AGENT_TROUBLE_NO_ANSWER)
        bench.answer_ms = PATIENT_MS;
    bench_power_on(&bench);
    if (c->trouble != KL_AGENT_TROUBLE_NO_ANSWER) {
        assert_trouble(&bench, c->trouble);
        return;
    }
    g_assert_cmpint(kl_host_boot_control.start(bench.boot), ==, 0);
    wait_state(&bench, KL_AGENT_BOOT_REQUESTED, c->trouble);
}

static void
test_rehearsal_trouble(gconstpointer data)
{
    const TroubleCase *c = data;
    g_auto(Bench) bench = {0};
    bench_init(&bench, c->signer, c->endpoint);
    bench.clock_offset_s = c->clock_offset_s;
    guint8 pin[32];
    g_autofree char *address = g_strdup_printf("127.0.0.1:%u", kl_private_broker_port(bench.broker));
    g_assert_true(kl_hex_decode(kl_private_broker_sha256(bench.broker), pin, sizeof pin));
    bench.answer_ms = c->trouble == KL_AGENT_TROUBLE_NO_ANSWER ? SOON_MS : PATIENT_MS;
    pin[0] ^= c->foreign_trust ? 1 : 0; /* in a rehearsal, the pin stands for trust */
    if (c->no_broker)
        g_clear_pointer(&bench.broker, kl_private_broker_free);
    bench_power_on(&bench);
    g_assert_cmpint(kl_host_boot_control.rehearse(bench.boot, address, pin), ==, 0);
    wait_state(&bench, KL_AGENT_BOOT_FAILED, c->trouble);
}

/* Somebody listens who knows no TLS: says something else and hangs up, or breaks off at once. */
static void
test_no_tls(gconstpointer breaks_off)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench, "ca", BROKER_NAME);
    g_autoptr(GSocketListener) listener = g_socket_listener_new();
    guint16 port = g_socket_listener_add_any_inet_port(listener, NULL, NULL);
    g_free(bench.connect_to[0]);
    bench.connect_to[0] = g_strdup_printf(BROKER_NAME ":8883=127.0.0.1:%u", port);
    bench.answer_ms = PATIENT_MS;
    bench_power_on(&bench);
    g_assert_cmpint(kl_host_boot_control.start(bench.boot), ==, 0);
    g_autoptr(GSocketConnection) connection = g_socket_listener_accept(listener, NULL, NULL, NULL);
    if (breaks_off != NULL) {
        const struct linger now = {.l_onoff = 1};
        int fd = g_socket_get_fd(g_socket_connection_get_socket(connection));
        g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), ==, 0);
    } else {
        g_output_stream_write_all(g_io_stream_get_output_stream(G_IO_STREAM(connection)), "HTTP/1.0 400\r\n\r\n", 16,
                                  NULL, NULL, NULL);
    }
    g_io_stream_close(G_IO_STREAM(connection), NULL, NULL);
    KlAgentBootStatus status = first_trouble(&bench);
    g_assert_cmpint(status.trouble, ==, KL_AGENT_TROUBLE_UNREACHABLE);
    g_assert_true(g_str_has_prefix(status.detail, "545 ")); /* told, not waited for */
}

/* Without a "trust", a unit trusts who signed its own certificate: no other unit of that authority may pass for its
 * broker, whatever its device id is. */
static void
test_unit_is_no_broker(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench, "ca", BROKER_NAME);
    g_autofree char *ca = g_build_filename(bench.dir, "ca.pem", NULL);
    boot_item_file(bench.store, "trust", ca);
    rig_unit(bench.dir, "ca", "impostor", BROKER_NAME);
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
    g_subprocess_launcher_set_cwd(launcher, bench.dir);
    g_autoptr(GSubprocess) server =
        g_subprocess_launcher_spawn(launcher, &error, "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                                    "impostor.pem", "-key", "impostor.key", NULL);
    g_assert_no_error(error);
    g_autoptr(GDataInputStream) out = g_data_input_stream_new(g_subprocess_get_stdout_pipe(server));
    g_autofree char *line = NULL;
    do {
        g_free(line);
        line = g_data_input_stream_read_line(out, NULL, NULL, &error);
        g_assert_nonnull(line);
    } while (!g_str_has_prefix(line, "ACCEPT "));
    g_free(bench.connect_to[0]);
    bench.connect_to[0] = g_strdup_printf(BROKER_NAME ":8883=127.0.0.1%s", strrchr(line, ':'));
    bench_power_on(&bench);
    g_assert_cmpint(kl_host_boot_control.start(bench.boot), ==, 0);
    KlAgentBootStatus status = first_trouble(&bench);
    g_subprocess_force_exit(server);
    g_assert_cmpint(status.trouble, ==, KL_AGENT_TROUBLE_WRONG_NAME);
}

/* A unit that misses something never begins; one that comes to miss it says so. */
static void
test_incomplete(void)
{
    static const char *const items[] = {"certificate", "endpoint", "trust"};
    g_auto(Bench) bench = {0};
    bench_init(&bench, "ca", BROKER_NAME);
    bench.answer_ms = PATIENT_MS;
    bench_power_on(&bench);
    for (gsize i = 0; i < G_N_ELEMENTS(items); i++) {
        guint8 kept[KL_AGENT_ITEM_MAX];
        gsize len = 0;
        g_assert_cmpint(kl_host_store_ops.item_read(bench.store, items[i], kept, sizeof kept, &len), ==, 0);
        boot_item(bench.store, items[i], "no such thing/");
        g_assert_cmpint(kl_host_boot_control.start(bench.boot), ==, KL_AGENT_E_BOOT_INCOMPLETE);
        g_assert_cmpint(boot_status(bench.boot).state, ==, KL_AGENT_BOOT_FRESH);
        g_assert_cmpint(kl_host_boot_control.rehearse(bench.boot, "127.0.0.1:1", (const guint8[32]){0}), ==, 0);
        wait_state(&bench, KL_AGENT_BOOT_FAILED, KL_AGENT_TROUBLE_INCOMPLETE);
        g_assert_cmpint(kl_host_boot_control.reset(bench.boot), ==, 0);
        g_assert_cmpint(kl_host_store_ops.item_write(bench.store, items[i], kept, len), ==, 0);
    }
    g_assert_cmpint(kl_host_store_ops.item_delete(bench.store, "trust"), ==, 0); /* now the chain is what it trusts */
    assert_trouble(&bench, KL_AGENT_TROUBLE_UNTRUSTED);
    g_assert_cmpint(kl_host_store_ops.key_delete(bench.store, "keyline"), ==, 0);
    wait_state(&bench, KL_AGENT_BOOT_CONNECTING, KL_AGENT_TROUBLE_INCOMPLETE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(trouble_cases); i++) {
        g_autofree char *field = g_strconcat("/agent-boot-trouble/field/", trouble_cases[i].name, NULL);
        g_autofree char *rehearsal = g_strconcat("/agent-boot-trouble/rehearsal/", trouble_cases[i].name, NULL);
        g_test_add_data_func(field, &trouble_cases[i], test_trouble);
        g_test_add_data_func(rehearsal, &trouble_cases[i], test_rehearsal_trouble);
    }
    g_test_add_data_func("/agent-boot-trouble/no-tls", NULL, test_no_tls);
    g_test_add_data_func("/agent-boot-trouble/broken-off", "", test_no_tls);
    g_test_add_func("/agent-boot-trouble/unit-is-no-broker", test_unit_is_no_broker);
    g_test_add_func("/agent-boot-trouble/incomplete", test_incomplete);
    return g_test_run();
}
