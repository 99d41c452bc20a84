/* The first boot of a host agent on a real mosquitto, by mutual TLS with a key that stays in its store: the whole
 * exchange, and its rehearsal. */
#include <fcntl.h>
#include <sys/resource.h>

#include "tests/boot_rig.h"

static guint signatures; /* made in the store */

static int
counted_sign(void *data, const char *slot, const guint8 digest[KL_AGENT_HASH_SIZE], guint8 raw[64])
{
    g_assert_cmpstr(slot, ==, "keyline");
    g_atomic_int_inc(&signatures);
    return kl_host_store_ops.key_sign(data, slot, digest, raw);
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
    bench.ops.key_sign = counted_sign;
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
    bench.answer_ms = PATIENT_MS; /* its first trouble would be its last */
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
    g_test_add_func("/agent-boot/rehearsal", test_rehearsal);
    g_test_add_func("/agent-boot/many-descriptors", test_many_descriptors);
    return g_test_run();
}
