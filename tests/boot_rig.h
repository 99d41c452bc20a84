/* A unit with a first boot, a CA that signs it, and a broker: for the tests with a real mosquitto. */
#pragma once

#include <glib/gstdio.h>

#include "drivers/at_wp77/agent/codec.h"
#include "drivers/at_wp77/agent/host/host_boot.h"
#include "drivers/at_wp77/agent/pkcs10.h"
#include "drivers/at_wp77/agent/softkey.h"
#include "tests/mqtt_rig.h"

#define BOOT_DEVICE "FX30S-000001"
#define SOON_MS 200                         /* for whom nobody answers */
#define PATIENT_MS (RIG_PATIENCE_US / 1000) /* where another trouble than no answer is to be the first, or none */

/* Writes a text item into a unit's store. */
static inline void
boot_item(KlHostStore *store, const char *name, const char *text)
{
    g_assert_cmpint(kl_host_store_ops.item_write(store, name, (const guint8 *)text, strlen(text)), ==, 0);
}

static inline void
boot_item_file(KlHostStore *store, const char *name, const char *path)
{
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    boot_item(store, name, text);
}

/* A unit in DIR/NAME with a key of its own and a certificate by the CA DIR/CA.pem, its chain, and an endpoint. */
static inline KlHostStore *
boot_unit(const char *dir, const char *name, const char *ca, const char *device, const char *endpoint)
{
    static const KlAgentIdentity identity = {"352653090000019", "4L900000000001", "WP7702", "SWI9X06Y_02.32.02.00"};
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_build_filename(dir, name, NULL);
    g_autofree char *ca_file = g_strdup_printf("%s/%s.pem", dir, ca);
    g_autofree char *certificate = g_strdup_printf("%s/%s.crt", dir, name);
    g_autofree char *csr = g_strdup_printf("%s/%s.csr", dir, name);
    KlHostStore *store = kl_host_store_open(folder, &identity, "software", &error);
    g_assert_no_error(error);
    g_assert_cmpint(kl_host_store_ops.key_create(store, "other"), ==, 0);
    g_assert_cmpint(kl_host_store_ops.key_create(store, "keyline"), ==, 0);
    ORACLE(dir, "openssl req -new -key %s/key-keyline.pem -subj '/CN=%s' -out %s.csr", name, device, name);
    ORACLE(dir, "openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -CAcreateserial -days 2 -out %s.crt", name, ca,
           ca, name);
    boot_item_file(store, "certificate", certificate);
    boot_item_file(store, "chain", ca_file);
    boot_item(store, "endpoint", endpoint);
    return store;
}

/* What the unit says of its first boot. */
static inline KlAgentBootStatus
boot_status(KlHostBoot *boot)
{
    KlAgentBootStatus status;
    kl_host_boot_control.status(boot, &status);
    return status;
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

static inline void
bench_init(Bench *bench, const char *signer, const char *endpoint)
{
    *bench = (Bench){.dir = g_dir_make_tmp("kl-boot-XXXXXX", NULL), .answer_ms = SOON_MS, .ops = kl_host_store_ops};
    rig_ca(bench->dir, "ca");
    rig_ca(bench->dir, "foreign");
    bench->broker = rig_broker(bench->dir, "ca", NULL);
    bench->store = boot_unit(bench->dir, "unit", signer, BOOT_DEVICE, endpoint);
    boot_item_file(bench->store, "trust", kl_private_broker_ca_file(bench->broker));
    bench->connect_to[0] = g_strdup_printf("%s:8883=127.0.0.1:%u", endpoint, kl_private_broker_port(bench->broker));
}

static inline void
bench_power_on(Bench *bench)
{
    g_autoptr(GError) error = NULL;
    const KlHostBootOptions options = {
        .ops = &bench->ops,
        .ops_data = bench->store,
        .store = bench->store,
        .connect_to = (const char *const *)bench->connect_to,
        .clock_offset_s = bench->clock_offset_s,
        .times = {.link_ms = PATIENT_MS,
                  .answer_ms = bench->answer_ms,
                  .retry_min_ms = 50,
                  .retry_max_ms = 200,
                  .telemetry_ms = 50},
    };
    bench->boot = kl_host_boot_start(&options, &error);
    g_assert_no_error(error);
}

static inline void
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
static inline KlAgentBootStatus
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
