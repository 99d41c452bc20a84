/* How hubs are laid out and judged: from the configuration and what is on the bus, without a window. */
#include <string.h>

#include "gui/hub_health.h"
#include "gui/slot_places.h"
#include "station/error.h"

static void
free_slot(gpointer data)
{
    KlSlotConfig *slot = data;
    g_free(slot->name);
    g_free(slot->agent);
    g_free(slot);
}

static void
free_hub(gpointer data)
{
    KlHubConfig *hub = data;
    g_free(hub->name);
    g_free(hub->path);
    g_free(hub);
}

static void
config_clear(KlConfig *config)
{
    g_ptr_array_unref(config->slots);
    g_ptr_array_unref(config->hubs);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlConfig, config_clear)

static KlConfig
new_config(void)
{
    return (KlConfig){.slots = g_ptr_array_new_with_free_func(free_slot),
                      .hubs = g_ptr_array_new_with_free_func(free_hub)};
}

/* A hub from a picture of it: a row a word, "x" for a slot, "-" for none. */
static void
add_hub(KlConfig *config, const char *name, const char *path, const char *picture)
{
    g_auto(GStrv) rows = g_strsplit(picture, " ", -1);
    KlHubConfig *hub = g_new0(KlHubConfig, 1);
    hub->name = g_strdup(name);
    hub->path = g_strdup(path);
    hub->rows = g_strv_length(rows);
    hub->columns = (guint)strlen(rows[0]);
    for (guint place = 0; place < hub->rows * hub->columns; place++) {
        if (rows[place / hub->columns][place % hub->columns] == '-')
            continue;
        KlSlotConfig *slot = g_new0(KlSlotConfig, 1);
        slot->name = g_strdup_printf("%s%02u", name, place + 1);
        slot->agent = g_strdup_printf("usb:%s.%u", path, place + 1);
        slot->hub = (int)config->hubs->len;
        slot->row = place / hub->columns;
        slot->column = place % hub->columns;
        g_ptr_array_add(config->slots, slot);
    }
    g_ptr_array_add(config->hubs, hub);
}

static void
add_loose(KlConfig *config, guint count)
{
    for (guint i = 0; i < count; i++) {
        KlSlotConfig *slot = g_new0(KlSlotConfig, 1);
        slot->name = g_strdup_printf("%02u", i + 1);
        slot->agent = g_strdup_printf("pty:/dev/pts/%u", i);
        slot->hub = -1;
        g_ptr_array_add(config->slots, slot);
    }
}

static const char *
name_at(const KlConfig *config, int index)
{
    return index >= 0 ? ((const KlSlotConfig *)config->slots->pdata[index])->name : "none";
}

/* From one slot to the next, over all that is laid out. */
static void
check_steps(const KlConfig *config, const KlSlotPlaces *places, const char *from, const char *left, const char *right,
            const char *up, const char *down)
{
    guint index = 0;
    while (!g_str_equal(name_at(config, (int)index), from))
        index++;
    g_assert_cmpstr(name_at(config, kl_slot_places_step(places, index, -1, 0)), ==, left);
    g_assert_cmpstr(name_at(config, kl_slot_places_step(places, index, 1, 0)), ==, right);
    g_assert_cmpstr(name_at(config, kl_slot_places_step(places, index, 0, -1)), ==, up);
    g_assert_cmpstr(name_at(config, kl_slot_places_step(places, index, 0, 1)), ==, down);
}

static void
test_one_hub(void)
{
    g_auto(KlConfig) config = new_config();
    add_hub(&config, "A", "1-1", "xx-x ---- xxxx");
    g_autoptr(KlSlotPlaces) places = kl_slot_places_new(&config, 2);
    g_assert_cmpuint(places->n_fixtures, ==, 1);
    g_assert_cmpuint(places->fixtures[0].rows, ==, 3);
    g_assert_cmpuint(places->fixtures[0].columns, ==, 4);
    g_assert_cmpint(kl_slot_places_at(places, &places->fixtures[0], 2, 0), ==, -1);
    g_assert_cmpstr(name_at(&config, kl_slot_places_at(places, &places->fixtures[0], 3, 0)), ==, "A04");
    check_steps(&config, places, "A02", "A01", "A04", "none", "A10");
    check_steps(&config, places, "A11", "A10", "A12", "none", "none");
}

/* Two that fit side by side, and loose slots that come last. */
static void
test_several(void)
{
    g_auto(KlConfig) config = new_config();
    add_hub(&config, "A", "1-1", "xx xx");
    add_hub(&config, "B", "1-2", "xx xx");
    add_loose(&config, 3);
    g_autoptr(KlSlotPlaces) places = kl_slot_places_new(&config, 0);
    g_assert_cmpuint(places->n_fixtures, ==, 3);
    g_assert_null(places->fixtures[2].name);
    g_assert_true(places->side_by_side);
    check_steps(&config, places, "A02", "A01", "B01", "none", "A04");
    check_steps(&config, places, "01", "B02", "02", "none", "03");
    check_steps(&config, places, "02", "01", "none", "none", "none");

    g_auto(KlConfig) wide = new_config();
    add_hub(&wide, "A", "1-1", "xxxxxxxx");
    add_hub(&wide, "B", "1-2", "xxxxxxxx");
    g_autoptr(KlSlotPlaces) stacked = kl_slot_places_new(&wide, 0);
    g_assert_false(stacked->side_by_side);
    check_steps(&wide, stacked, "A08", "A07", "none", "none", "B08");
}

/* Without hubs, as many columns as are configured, else near-square. */
static void
test_loose(void)
{
    static const struct {
        guint slots, columns, expected_columns, expected_rows;
    } rows[] = {{0, 0, 1, 0}, {1, 0, 1, 1}, {5, 0, 3, 2}, {16, 0, 4, 4}, {16, 8, 8, 2}, {64, 0, 8, 8}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(KlConfig) config = new_config();
        add_loose(&config, rows[i].slots);
        g_autoptr(KlSlotPlaces) places = kl_slot_places_new(&config, rows[i].columns);
        g_assert_cmpuint(places->n_fixtures, ==, rows[i].slots > 0);
        if (rows[i].slots == 0)
            continue;
        g_assert_cmpuint(places->fixtures[0].columns, ==, rows[i].expected_columns);
        g_assert_cmpuint(places->fixtures[0].rows, ==, rows[i].expected_rows);
    }
}

/* --- the hub's chip --- */

static void
add_device(GPtrArray *devices, const char *path, KlUsbKind kind, const char *trouble)
{
    KlUsbDevice *device = g_new0(KlUsbDevice, 1);
    device->path = g_strdup(path);
    device->kind = kind;
    device->trouble = trouble;
    g_ptr_array_add(devices, device);
}

static void
test_health(void)
{
    static const struct {
        const char *hub, *unit, *trouble, *words, *details;
        KlUsbKind kind;
    } rows[] = {
        {"1-1", "1-1.2", NULL, "Hub ready", NULL, KL_USB_HUB},
        {"1-11", "1-1.2", NULL, "Hub A is not there", "port 1-1.", KL_USB_HUB},
        {"1-1", "1-1.2", NULL, "Hub A is not there", "port 1-1.", KL_USB_MODULE},
        {"1-1", "1-1.2", "PORT_DENIED", "Hub: no permission", "Slot A02: ", KL_USB_HUB},
        {"1-1", "1-1.2", "PORT_MODEM_MANAGER", "Hub: ModemManager", "Slot A02: ", KL_USB_HUB},
        {"1-1", "1-1.2", "UNIT_BOOT_MODE", "Hub ready", NULL, KL_USB_HUB},
        {"1-1", "1-1.9", "PORT_DENIED", "Hub ready", NULL, KL_USB_HUB},
        {"1-1", "1-1.21", "PORT_DENIED", "Hub ready", NULL, KL_USB_HUB},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(KlConfig) config = new_config();
        g_autoptr(GPtrArray) devices = g_ptr_array_new_with_free_func((GDestroyNotify)kl_usb_device_free);
        add_hub(&config, "A", "1-1", "xxxx");
        add_device(devices, rows[i].hub, rows[i].kind, NULL);
        add_device(devices, rows[i].unit, KL_USB_MODULE, rows[i].trouble);
        g_autoptr(KlHubHealth) health = kl_hub_health_new(&config, devices);
        g_assert_cmpstr(health->words, ==, rows[i].words);
        g_assert_cmpint(health->ok, ==, rows[i].details == NULL);
        if (rows[i].details != NULL)
            g_assert_nonnull(strstr(health->details, rows[i].details));
        else
            g_assert_null(health->details);
    }
}

static void
test_health_failed(void)
{
    g_autoptr(GError) error = NULL;
    kl_fail(&error, KL_ERROR_BUS_FAILED, "libusb: access denied");
    g_autoptr(KlHubHealth) health = kl_hub_health_new_failed(error);
    g_assert_false(health->ok);
    g_assert_cmpstr(health->words, ==, "USB unreadable");
    g_assert_nonnull(strstr(health->details, "libusb: access denied"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/places/one-hub", test_one_hub);
    g_test_add_func("/places/several", test_several);
    g_test_add_func("/places/loose", test_loose);
    g_test_add_func("/places/health", test_health);
    g_test_add_func("/places/health-failed", test_health_failed);
    return g_test_run();
}
