/* Simulated units on a real broker: powered on in the field, cloned, rehearsed by the station's driver, with all that a
 * rehearsal has to find. */
#include "drivers/at_wp77/sim/sim.h"
#include "drivers/at_wp77/transport.h"
#include "drivers/at_wp77/wp77.h"
#include "tests/mqtt_rig.h"

#define KEY_SLOT "keyline"
#define PARAMETERS "{\"topic\":\"$aws/things/unit-1/shadow/update\"}"
#define SOON_MS 2000 /* for those whom nobody answers */
#define PATIENT_MS 30000

/* --- a line of simulated units, one of them on the driver --- */

typedef struct {
    char *dir;
    char *units;
    char *connect_to[2];
    KlPrivateBroker *broker;
    KlSim *sim;
    KlOp op;
    KlDevice *device;
} Line;

static void
line_init(Line *line, guint units, const char *const *faults, guint answer_ms)
{
    g_autoptr(GError) error = NULL;
    *line = (Line){.dir = g_dir_make_tmp("kl-sim-boot-XXXXXX", NULL)};
    line->units = g_build_filename(line->dir, "units", NULL);
    rig_ca(line->dir, "ca");
    line->broker = rig_broker(line->dir, "ca", NULL);
    line->connect_to[0] = g_strdup_printf(BROKER_NAME ":8883=127.0.0.1:%u", kl_private_broker_port(line->broker));
    line->op.transcript = kl_transcript_new(1 << 20);
    const KlSimOptions options = {.units = units,
                                  .dir = line->units,
                                  .one_port = TRUE,
                                  .faults = faults,
                                  .connect_to = (const char *const *)line->connect_to,
                                  .answer_ms = answer_ms,
                                  .retry_ms = 50,
                                  .telemetry_ms = 50,
                                  .reconnect_ms = 20};
    line->sim = kl_sim_start(&options, &error);
    g_assert_no_error(error);
}

static void
line_clear(Line *line)
{
    if (line->device != NULL)
        kl_wp77_driver.close(line->device);
    g_clear_pointer(&line->sim, kl_sim_stop);
    g_clear_pointer(&line->broker, kl_private_broker_free);
    kl_transcript_free(line->op.transcript);
    ORACLE("/", "rm -rf %s", line->dir);
    g_free(line->connect_to[0]);
    g_free(line->units);
    g_free(line->dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Line, line_clear)

static void
line_open(Line *line, guint slot)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *address = kl_sim_address(line->sim, slot, KL_SIM_AGENT);
    const KlPorts ports = {address, NULL};
    if (line->device != NULL)
        kl_wp77_driver.close(line->device);
    line->device = kl_wp77_driver.open(&ports, kl_transport_open, &line->op, &error);
    g_assert_no_error(error);
}

static void
install_file(Line *line, const char *item, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    gsize len = 0;
    g_assert_true(g_file_get_contents(path, &text, &len, NULL));
    g_autoptr(GBytes) bytes = g_bytes_new(text, len);
    kl_wp77_driver.install(line->device, item, bytes, &line->op, &error);
    g_assert_no_error(error);
}

/* Provisions the unit that is open, as a job does. */
static void
provision(Line *line, const char *device)
{
    g_autoptr(GError) error = NULL;
    g_auto(KlKeyInfo) info = {0};
    kl_wp77_driver.generate_key(line->device, KEY_SLOT, &info, &line->op, &error);
    g_assert_no_error(error);
    g_autoptr(GBytes) csr = kl_wp77_driver.get_csr(line->device, KEY_SLOT, device, &line->op, &error);
    g_assert_no_error(error);
    g_autofree char *csr_file = g_build_filename(line->dir, "unit.csr", NULL);
    g_autofree char *certificate = g_build_filename(line->dir, "unit.crt", NULL);
    g_autofree char *chain = g_build_filename(line->dir, "ca.pem", NULL);
    g_assert_true(g_file_set_contents(csr_file, g_bytes_get_data(csr, NULL), (gssize)g_bytes_get_size(csr), NULL));
    ORACLE(line->dir,
           "openssl x509 -req -inform DER -in unit.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out "
           "unit.crt");
    install_file(line, "certificate", certificate);
    install_file(line, "chain", chain);
    install_file(line, "trust", kl_private_broker_ca_file(line->broker));
    g_autoptr(GBytes) endpoint = g_bytes_new_static(BROKER_NAME, strlen(BROKER_NAME));
    kl_wp77_driver.install(line->device, "endpoint", endpoint, &line->op, &error);
    g_assert_no_error(error);
}

static KlBootInfo
ask(Line *line)
{
    g_autoptr(GError) error = NULL;
    KlBootInfo info = {0};
    kl_wp77_driver.boot_status(line->device, &info, &line->op, &error);
    g_assert_no_error(error);
    return info;
}

/* Asks until it is in that state, with that trouble. */
static KlBootInfo
wait_state(Line *line, KlBootState state, KlBootTrouble trouble)
{
    KlBootInfo info = ask(line);
    RIG_UNTIL(info.state == state && info.trouble == trouble,
              (g_usleep(1000), kl_boot_info_clear(&info), info = ask(line)));
    g_test_message("%s", info.detail);
    return info;
}

/* Who hears requests. */
static RigUnit *
connect_service(const Line *line)
{
    ORACLE(line->dir, "cp %s service.pem && cp %s service.key", kl_private_broker_certificate_file(line->broker),
           kl_private_broker_key_file(line->broker));
    RigUnit *service =
        rig_unit_new(line->dir, "service", kl_private_broker_ca_file(line->broker), FALSE, MQTT_PROTOCOL_V5);
    g_assert_true(rig_unit_connect(service, kl_private_broker_service_port(line->broker)));
    rig_subscribe(service, "bs/device/+/register/request");
    return service;
}

/* --- cases --- */

static void
rehearse(Line *line)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *address = g_strdup_printf("127.0.0.1:%u", kl_private_broker_port(line->broker));
    kl_wp77_driver.rehearse(line->device, address, kl_private_broker_sha256(line->broker), &line->op, &error);
    g_assert_no_error(error);
}

static const struct {
    const char *fault;
    KlBootTrouble trouble;
} rehearsals[] = {
    {"echo", KL_BOOT_NO_ANSWER}, /* a healthy unit: nobody is there to answer */
    {"boot-other-endpoint", KL_BOOT_WRONG_NAME},
    {"boot-other-trust", KL_BOOT_NO_ANSWER}, /* shows by the hash of what it trusts */
    {"boot-old-clock", KL_BOOT_CLOCK},
    {"boot-deaf", KL_BOOT_NO_ANSWER},
};

static void
test_rehearsals(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rehearsals); i++) {
        g_autofree char *fault = g_strdup_printf("1:%s", rehearsals[i].fault);
        const char *const faults[] = {fault, NULL};
        g_auto(Line) line = {0};
        g_autoptr(GError) error = NULL;
        line_init(&line, 1, faults, rehearsals[i].trouble == KL_BOOT_NO_ANSWER ? SOON_MS : PATIENT_MS);
        line_open(&line, 1);
        provision(&line, "unit-1");
        rehearse(&line);
        g_auto(KlBootInfo) info = wait_state(&line, KL_BOOT_FAILED, rehearsals[i].trouble);
        g_assert_true(info.rehearsal);
        g_autofree char *trust = NULL;
        g_assert_true(g_file_get_contents(kl_private_broker_ca_file(line.broker), &trust, NULL, NULL));
        g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, trust, -1);
        g_assert_cmpint(g_strcmp0(info.trust_sha256, hash) == 0, ==,
                        strcmp(rehearsals[i].fault, "boot-other-trust") != 0);
        g_assert_cmpint(g_strcmp0(info.endpoint, BROKER_NAME ":8883") == 0, ==,
                        strcmp(rehearsals[i].fault, "boot-other-endpoint") != 0);
        gint64 off_s = g_get_real_time() / G_USEC_PER_SEC - info.clock_s;
        g_assert_cmpint(off_s > 86400, ==, strcmp(rehearsals[i].fault, "boot-old-clock") == 0);
        kl_wp77_driver.boot_reset(line.device, &line.op, &error);
        g_assert_no_error(error);
        g_auto(KlBootInfo) after = wait_state(&line, KL_BOOT_FRESH, KL_BOOT_FINE);
        g_assert_false(after.rehearsal);
    }
}

/* With its parameters, a unit that hears is active; a deaf one is not. */
static void
test_deaf(void)
{
    static const char *const faults[] = {"1:boot-deaf", NULL};
    for (guint deaf = 0; deaf < 2; deaf++) {
        g_auto(Line) line = {0};
        line_init(&line, 1, deaf == 1 ? faults : NULL, deaf == 1 ? SOON_MS : PATIENT_MS);
        line_open(&line, 1);
        provision(&line, "unit-1");
        g_autoptr(RigUnit) service = connect_service(&line);
        rehearse(&line);
        rig_hear(service, 1);
        rig_say(service, "bs/device/unit-1/parameters/", PARAMETERS);
        g_auto(KlBootInfo) info = deaf == 1 ? wait_state(&line, KL_BOOT_FAILED, KL_BOOT_NO_ANSWER)
                                            : wait_state(&line, KL_BOOT_ACTIVE, KL_BOOT_FINE);
        g_assert_true(info.rehearsal);
    }
}

static void
test_unknown(void)
{
    static const char *const faults[] = {"1:boot-unknown", NULL};
    g_auto(Line) line = {0};
    g_auto(KlBootInfo) info = {0};
    g_autoptr(GError) error = NULL;
    line_init(&line, 1, faults, SOON_MS);
    line_open(&line, 1);
    g_assert_false(kl_wp77_driver.boot_status(line.device, &info, &line.op, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_AGENT_VERSION);
}

/* A request that is not the first one's once more. */
static const char *
another_request(const RigUnit *service)
{
    for (guint i = 1; i < service->all->len; i++) {
        if (!g_str_equal(service->all->pdata[i], service->all->pdata[0]))
            return service->all->pdata[i];
    }
    return NULL;
}

/* Units that get power in the field look for their broker by themselves, and their clones do the same with the same
 * key; a unit that was never provisioned does not. */
static void
test_field(void)
{
    static const char *const faults[] = {"1:boot-store-full", NULL};
    g_auto(Line) line = {0};
    g_autoptr(GError) error = NULL;
    line_init(&line, 2, faults, SOON_MS);
    line_open(&line, 1);
    provision(&line, "unit-1");
    kl_wp77_driver.close(g_steal_pointer(&line.device));
    g_assert_true(kl_sim_power_on_in_field(line.sim, 1, &error));
    g_assert_true(kl_sim_power_on_in_field(line.sim, 2, &error));
    line_open(&line, 1);
    g_auto(KlBootInfo) info = wait_state(&line, KL_BOOT_REQUESTED, KL_BOOT_NO_ANSWER);
    g_assert_false(info.rehearsal);
    line_open(&line, 2);
    g_auto(KlBootInfo) empty = wait_state(&line, KL_BOOT_FRESH, KL_BOOT_FINE);
    g_assert_null(empty.endpoint);

    g_autoptr(RigUnit) service = connect_service(&line);
    rig_hear(service, 1);
    line_open(&line, 1);
    g_auto(KlBootInfo) full = ask(&line);
    RIG_UNTIL(full.trouble == KL_BOOT_OTHER, (rig_say(service, "bs/device/unit-1/parameters/", PARAMETERS),
                                              kl_boot_info_clear(&full), full = ask(&line)));
    g_assert_cmpint(full.state, ==, KL_BOOT_REQUESTED);
    g_assert_nonnull(strstr(full.detail, "525"));

    kl_wp77_driver.close(g_steal_pointer(&line.device));
    kl_sim_unplug(line.sim, 1);
    g_assert_true(kl_sim_clone(line.sim, 2, 1, &error));
    RIG_UNTIL(another_request(service) != NULL, rig_turn(service)); /* a first boot of its own */
    g_assert_true(g_str_has_prefix(another_request(service), "bs/device/unit-1/register/request="));
}

/* Power goes in the middle of a rehearsal: nothing is left of it. */
static void
test_power_cut(void)
{
    g_auto(Line) line = {0};
    g_autoptr(GError) error = NULL;
    line_init(&line, 1, NULL, SOON_MS);
    line_open(&line, 1);
    provision(&line, "unit-1");
    rehearse(&line);
    kl_wp77_driver.close(g_steal_pointer(&line.device));
    g_assert_true(kl_sim_power_on_in_field(line.sim, 1, &error));
    line_open(&line, 1);
    g_auto(KlBootInfo) info = wait_state(&line, KL_BOOT_REQUESTED, KL_BOOT_NO_ANSWER);
    g_assert_false(info.rehearsal);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim-boot/rehearsals", test_rehearsals);
    g_test_add_func("/sim-boot/deaf", test_deaf);
    g_test_add_func("/sim-boot/unknown", test_unknown);
    g_test_add_func("/sim-boot/field", test_field);
    g_test_add_func("/sim-boot/power-cut", test_power_cut);
    return g_test_run();
}
