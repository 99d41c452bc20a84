/* A unit with a first boot, a CA that signs it, a broker, and who answers it: for the tests with a real mosquitto. */
#pragma once

#include <glib/gstdio.h>

#include "drivers/at_wp77/agent/codec.h"
#include "drivers/at_wp77/agent/host/host_boot.h"
#include "drivers/at_wp77/agent/pkcs10.h"
#include "drivers/at_wp77/agent/softkey.h"
#include "tests/mqtt_rig.h"

#define BOOT_DEVICE "FX30S-000001"

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
