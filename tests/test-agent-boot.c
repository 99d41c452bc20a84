/* The first boot of a host agent on a real mosquitto: mutual TLS with a key that stays in its store, each way in which
 * the broker or the unit may be the wrong one, told apart, and the whole exchange. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/boot_rig.h"

static char *
endpoint_of(const KlPrivateBroker *broker, const char *name)
{
    return g_strdup_printf("%s:8883=127.0.0.1:%u", name, kl_private_broker_port(broker));
}

/* --- a unit, its CA, its broker --- */

typedef struct {
    char *dir;
    KlPrivateBroker *broker;
    KlHostStore *store;
    KlHostBoot *boot;
    char *connect_to[2];
    gint64 clock_offset_s;
    guint answer_ms; /* how long the boot waits for an answer */
    KlAgentOps ops;
} Bench;

static guint signatures; /* made in the store, by any unit */

static int
counted_sign(void *data, const char *slot, const guint8 digest[KL_AGENT_HASH_SIZE], guint8 raw[64])
{
    g_assert_cmpstr(slot, ==, "keyline");
    g_atomic_int_inc(&signatures);
    return kl_host_store_ops.key_sign(data, slot, digest, raw);
}

static void
bench_init(Bench *bench, const char *signer, const char *endpoint)
{
    *bench = (Bench){.dir = g_dir_make_tmp("kl-boot-XXXXXX", NULL), .answer_ms = 200, .ops = kl_host_store_ops};
    bench->ops.key_sign = counted_sign;
    g_atomic_int_set(&signatures, 0);
    rig_ca(bench->dir, "ca");
    rig_ca(bench->dir, "foreign");
    bench->broker = rig_broker(bench->dir, "ca", NULL);
    bench->store = boot_unit(bench->dir, "unit", signer, BOOT_DEVICE, endpoint);
    boot_item_file(bench->store, "trust", kl_private_broker_ca_file(bench->broker));
    bench->connect_to[0] = endpoint_of(bench->broker, endpoint);
}

static void
bench_power_on(Bench *bench)
{
    g_autoptr(GError) error = NULL;
    const KlHostBootOptions options = {
        .ops = &bench->ops,
        .ops_data = bench->store,
        .store = bench->store,
        .connect_to = (const char *const *)bench->connect_to,
        .clock_offset_s = bench->clock_offset_s,
        .times = {.answer_ms = bench->answer_ms, .retry_min_ms = 50, .retry_max_ms = 200, .telemetry_ms = 50},
    };
    bench->boot = kl_host_boot_start(&options, &error);
    g_assert_no_error(error);
}

static void
bench_clear(Bench *bench)
{
    g_clear_pointer(&bench->boot, kl_host_boot_stop);
    g_clear_pointer(&bench->store, kl_host_store_free);
    g_clear_pointer(&bench->broker, kl_private_broker_free);
    g_free(bench->connect_to[0]);
    ORACLE("/", "rm -rf %s", bench->dir);
    g_free(bench->dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

/* The state is looked at until it is what it should be, or the end; only a broken program waits long. */
static KlAgentBootStatus
wait_state(const Bench *bench, KlAgentBootState state, KlAgentBootTrouble trouble)
{
    KlAgentBootStatus status = boot_status(bench->boot);
    RIG_UNTIL(status.state == KL_AGENT_BOOT_FAILED || (status.state == state && status.trouble == trouble),
              (g_usleep(1000), status = boot_status(bench->boot)));
    g_test_message("%d %d %s", status.state, status.trouble, status.detail);
    g_assert_cmpint(status.state, ==, state);
    g_assert_cmpint(status.trouble, ==, trouble);
    return status;
}

static void
assert_trouble(const Bench *bench, KlAgentBootTrouble trouble)
{
    g_assert_cmpint(kl_host_boot_control.start(bench->boot), ==, 0);
    KlAgentBootStatus status = boot_status(bench->boot);
    RIG_UNTIL(status.trouble != KL_AGENT_TROUBLE_FINE, (g_usleep(1000), status = boot_status(bench->boot)));
    g_test_message("%s", status.detail);
    g_assert_cmpint(status.trouble, ==, trouble);
    g_assert_true(g_str_has_prefix(status.detail, "5"));
    g_assert_false(status.rehearsal);
}

/* --- who answers --- */

typedef struct {
    RigUnit *service;
    guint8 key[KL_SOFTKEY_MAX]; /* signs software */
    gsize key_len;
    char *parameters;
} Service;

/* A service that does by hand what the activation service does, with a software key of its own. */
static void
service_init(Service *service, const Bench *bench)
{
    guint8 point[65];
    guint8 spki[KL_P256_SPKI_SIZE];
    ORACLE(bench->dir, "cp %s service.pem && cp %s service.key", kl_private_broker_certificate_file(bench->broker),
           kl_private_broker_key_file(bench->broker));
    service->service =
        rig_unit_new(bench->dir, "service", kl_private_broker_ca_file(bench->broker), FALSE, MQTT_PROTOCOL_V5);
    mosquitto_tls_insecure_set(service->service->client, false);
    g_assert_true(rig_unit_connect(service->service, kl_private_broker_service_port(bench->broker)));
    rig_subscribe(service->service, "bs/device/+/register/request");
    rig_subscribe(service->service, "bs/device/+/register/ok");
    rig_subscribe(service->service, "dm/device/+/version/request");
    rig_subscribe(service->service, "dm/device/+/update/ok");
    g_assert_true(kl_softkey_generate(service->key, &service->key_len));
    g_assert_true(kl_softkey_public(service->key, service->key_len, point));
    g_assert_true(kl_p256_spki(point, spki));
    g_autofree char *base64 = g_base64_encode(spki, sizeof spki);
    service->parameters =
        g_strdup_printf("{\"topic\":\"$aws/things/" BOOT_DEVICE "/shadow/update\",\"software_key\":\"%s\"}", base64);
}

static void
service_clear(Service *service)
{
    g_clear_pointer(&service->service, rig_unit_free);
    g_free(service->parameters);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Service, service_clear)

/* Waits for the next message on a topic, whatever comes before it; its payload. */
static const char *
hear(const Service *service, const char *topic)
{
    GPtrArray *all = service->service->all;
    g_autofree char *prefix = g_strconcat(topic, "=", NULL);
    for (;;) {
        RIG_UNTIL(all->len > 0, rig_turn(service->service));
        static char payload[512];
        g_autofree char *message = g_ptr_array_steal_index(all, 0);
        g_test_message("%s", message);
        if (g_str_has_prefix(message, prefix)) {
            g_strlcpy(payload, message + strlen(prefix), sizeof payload);
            return payload;
        }
    }
}

static void
send_software(const Service *service, gint64 version, const char *content)
{
    guint8 digest[32];
    guint8 raw[64];
    guint8 der[KL_ECDSA_DER_MAX];
    gsize len = 0;
    g_autofree char *sha256 = g_compute_checksum_for_string(G_CHECKSUM_SHA256, content, -1);
    g_autofree char *text = g_strdup_printf("keyline-software\nversion=%" G_GINT64_FORMAT "\nsize=%zu\nsha256=%s\n",
                                            version, strlen(content), sha256);
    g_assert_true(kl_softkey_sha256((const guint8 *)text, strlen(text), digest));
    g_assert_true(kl_softkey_sign(service->key, service->key_len, digest, raw));
    g_assert_true(kl_ecdsa_der(raw, der, &len));
    g_autofree char *signature = g_base64_encode(der, len);
    g_autofree char *notice =
        g_strdup_printf("{\"version\":%" G_GINT64_FORMAT ",\"size\":%zu,\"sha256\":\"%s\",\"signature\":\"%s\"}",
                        version, strlen(content), sha256, signature);
    g_autofree char *base64 = g_base64_encode((const guchar *)content, strlen(content));
    rig_say(service->service, "dm/device/" BOOT_DEVICE "/update/parameters/", notice);
    rig_say(service->service, "dm/device/" BOOT_DEVICE "/update/", base64);
}

static void
answer_all(const Service *service, const char *software)
{
    hear(service, "bs/device/" BOOT_DEVICE "/register/request");
    rig_say(service->service, "bs/device/" BOOT_DEVICE "/parameters/", service->parameters);
    rig_say(service->service, "bs/device/" BOOT_DEVICE "/parameters/topic",
            "$aws/things/" BOOT_DEVICE "/shadow/update");
    hear(service, "bs/device/" BOOT_DEVICE "/register/ok");
    hear(service, "dm/device/" BOOT_DEVICE "/version/request");
    send_software(service, 7, software);
    g_assert_true(g_str_has_prefix(hear(service, "dm/device/" BOOT_DEVICE "/update/ok"), "{\"version\":7,\"id\":\""));
}

static gboolean
has_file(const Bench *bench, const char *name)
{
    g_autofree char *path = g_build_filename(bench->dir, "unit", name, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* --- cases --- */

static void
test_exchange(void)
{
    g_auto(Bench) bench = {0};
    g_auto(Service) service = {0};
    bench_init(&bench, "ca", BROKER_NAME);
    service_init(&service, &bench);
    bench_power_on(&bench);
    g_assert_cmpint(boot_status(bench.boot).state, ==, KL_AGENT_BOOT_FRESH);
    g_assert_cmpint(kl_host_boot_control.start(bench.boot), ==, 0);
    g_assert_cmpint(kl_host_boot_control.rehearse(bench.boot, "127.0.0.1:1", (const guint8[32]){0}), ==,
                    KL_AGENT_E_BOOT_BEGUN);
    answer_all(&service, "a software");
    KlAgentBootStatus status = wait_state(&bench, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_FINE);
    g_assert_cmpint(status.version, ==, 7);
    g_assert_cmpstr(status.endpoint, ==, BROKER_NAME ":8883");
    g_assert_cmpstr(status.topic, ==, "$aws/things/" BOOT_DEVICE "/shadow/update");
    g_autofree char *path = g_build_filename(bench.dir, "unit", "software", NULL);
    g_autofree char *software = NULL;
    g_assert_true(g_file_get_contents(path, &software, NULL, NULL));
    g_assert_cmpstr(software, ==, "a software");
    g_assert_cmpint(g_atomic_int_get(&signatures), >=, 1);

    /* After a power cut it is active at once, and asks whether there is something newer. */
    g_clear_pointer(&bench.boot, kl_host_boot_stop);
    bench_power_on(&bench);
    status = wait_state(&bench, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_FINE);
    hear(&service, "dm/device/" BOOT_DEVICE "/version/request");
    send_software(&service, 8, "newer");
    RIG_UNTIL(boot_status(bench.boot).version == 8, g_usleep(1000));

    /* And after a reset, it is as from the factory. */
    g_assert_cmpint(kl_host_boot_control.reset(bench.boot), ==, 0);
    status = boot_status(bench.boot);
    g_assert_cmpint(status.state, ==, KL_AGENT_BOOT_FRESH);
    g_assert_cmpint(status.version, ==, 0);
    g_assert_false(has_file(&bench, "software") || has_file(&bench, "item-boot") ||
                   has_file(&bench, "item-boot-parameters"));
}

/* The broker goes away in the middle and comes back. */
static void
test_broker_restart(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench, "ca", BROKER_NAME);
    bench_power_on(&bench);
    g_assert_cmpint(kl_host_boot_control.start(bench.boot), ==, 0);
    wait_state(&bench, KL_AGENT_BOOT_REQUESTED, KL_AGENT_TROUBLE_NO_ANSWER);
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_private_broker_restart(bench.broker, &error));
    g_assert_no_error(error);
    g_auto(Service) service = {0};
    service_init(&service, &bench);
    answer_all(&service, "a software");
    wait_state(&bench, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_FINE);
}

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
    /* Its first trouble is to be the one: on a busy machine, nothing else may take too long for it. */
    if (c->trouble != KL_AGENT_TROUBLE_NO_ANSWER)
        bench.answer_ms = 30000;
    bench_power_on(&bench);
    if (c->trouble != KL_AGENT_TROUBLE_NO_ANSWER) {
        assert_trouble(&bench, c->trouble);
        return;
    }
    g_assert_cmpint(kl_host_boot_control.start(bench.boot), ==, 0);
    wait_state(&bench, KL_AGENT_BOOT_REQUESTED, c->trouble);
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
    bench.answer_ms = 30000;
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
    KlAgentBootStatus status = boot_status(bench.boot);
    RIG_UNTIL(status.trouble != KL_AGENT_TROUBLE_FINE, (g_usleep(1000), status = boot_status(bench.boot)));
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
    KlAgentBootStatus status = boot_status(bench.boot);
    RIG_UNTIL(status.trouble != KL_AGENT_TROUBLE_FINE, (g_usleep(1000), status = boot_status(bench.boot)));
    g_subprocess_force_exit(server);
    g_test_message("%s", status.detail);
    g_assert_cmpint(status.trouble, ==, KL_AGENT_TROUBLE_WRONG_NAME);
}

/* A unit that misses something never begins; one that comes to miss it says so. */
static void
test_incomplete(void)
{
    static const char *const items[] = {"certificate", "endpoint", "trust"};
    g_auto(Bench) bench = {0};
    bench_init(&bench, "ca", BROKER_NAME);
    bench.answer_ms = 30000;
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

/* --- rehearsals --- */

static void
begin_rehearsal(const Bench *bench)
{
    guint8 pin[32];
    g_autofree char *address = g_strdup_printf("127.0.0.1:%u", kl_private_broker_port(bench->broker));
    g_assert_true(kl_hex_decode(kl_private_broker_sha256(bench->broker), pin, sizeof pin));
    g_assert_cmpint(kl_host_boot_control.rehearse(bench->boot, address, pin), ==, 0);
}

/* It does all that it does in the field, but nothing of it is kept; the broker needs nobody's trust. */
static void
test_rehearsal(void)
{
    g_auto(Bench) bench = {0};
    g_auto(Service) service = {0};
    bench_init(&bench, "ca", BROKER_NAME);
    g_autofree char *foreign = g_build_filename(bench.dir, "foreign.pem", NULL);
    boot_item_file(bench.store, "trust", foreign);
    service_init(&service, &bench);
    bench.answer_ms = 30000; /* its first trouble would be its last */
    bench_power_on(&bench);
    begin_rehearsal(&bench);
    answer_all(&service, "a software");
    KlAgentBootStatus status = wait_state(&bench, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_FINE);
    g_assert_true(status.rehearsal);
    g_assert_cmpint(status.version, ==, 7);
    g_assert_cmpint(kl_host_boot_control.start(bench.boot), ==, KL_AGENT_E_BOOT_BEGUN);
    g_assert_false(has_file(&bench, "software") || has_file(&bench, "item-boot") ||
                   has_file(&bench, "item-boot-parameters"));

    begin_rehearsal(&bench); /* once more, then the power goes */
    hear(&service, "bs/device/" BOOT_DEVICE "/register/request");
    g_clear_pointer(&bench.boot, kl_host_boot_stop);
    bench_power_on(&bench);
    g_assert_cmpint(boot_status(bench.boot).state, ==, KL_AGENT_BOOT_FRESH);
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
    bench.answer_ms = c->trouble == KL_AGENT_TROUBLE_NO_ANSWER ? 2000 : 30000;
    pin[0] ^= c->foreign_trust ? 1 : 0; /* in a rehearsal, the pin stands for trust */
    if (c->no_broker)
        g_clear_pointer(&bench.broker, kl_private_broker_free);
    bench_power_on(&bench);
    g_assert_cmpint(kl_host_boot_control.rehearse(bench.boot, address, pin), ==, 0);
    wait_state(&bench, KL_AGENT_BOOT_FAILED, c->trouble);
}

/* Descriptors beyond what select() can take. */
static void
test_many_descriptors(void)
{
    int fds[1100];
    guint n = 0;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = MIN(limit.rlim_max, 4096);
    setrlimit(RLIMIT_NOFILE, &limit);
    g_auto(Bench) bench = {0};
    bench_init(&bench, "ca", BROKER_NAME);
    while (n < G_N_ELEMENTS(fds) && (fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    if (n < G_N_ELEMENTS(fds))
        g_test_skip("not so many descriptors here");
    bench_power_on(&bench);
    g_assert_cmpint(kl_host_boot_control.start(bench.boot), ==, 0);
    wait_state(&bench, KL_AGENT_BOOT_REQUESTED, KL_AGENT_TROUBLE_NO_ANSWER);
    while (n > 0)
        close(fds[--n]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-boot/exchange", test_exchange);
    g_test_add_func("/agent-boot/broker-restart", test_broker_restart);
    g_test_add_data_func("/agent-boot/no-tls", NULL, test_no_tls);
    g_test_add_data_func("/agent-boot/broken-off", "", test_no_tls);
    g_test_add_func("/agent-boot/unit-is-no-broker", test_unit_is_no_broker);
    g_test_add_func("/agent-boot/incomplete", test_incomplete);
    g_test_add_func("/agent-boot/rehearsal", test_rehearsal);
    g_test_add_func("/agent-boot/many-descriptors", test_many_descriptors);
    for (gsize i = 0; i < G_N_ELEMENTS(trouble_cases); i++) {
        g_autofree char *field = g_strconcat("/agent-boot/trouble/", trouble_cases[i].name, NULL);
        g_autofree char *rehearsal = g_strconcat("/agent-boot/rehearsal-trouble/", trouble_cases[i].name, NULL);
        g_test_add_data_func(field, &trouble_cases[i], test_trouble);
        g_test_add_data_func(rehearsal, &trouble_cases[i], test_rehearsal_trouble);
    }
    return g_test_run();
}
