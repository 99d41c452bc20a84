/* A station that was killed while a unit's port was off: the next one that opens gives it back, if jobs may switch
 * ports at all. */
#include "drivers/at_wp77/sim/sim_hub.h"
#include "drivers/at_wp77/usb_list.h"
#include "tests/rig/line_rig.h"
#include "tests/usb_rig.h"

#define PLACE "1-1.1.2"

/* As a power cycle does that is never finished. */
static void
switch_off(const char *hub, guint16 port)
{
    static const guint16 power = 8;
    g_autoptr(GError) error = NULL;
    libusb_context *context = NULL;
    g_assert_cmpint(libusb_init(&context), ==, 0);
    libusb_device_handle *handle = kl_usb_open(context, hub, &error);
    g_assert_no_error(error);
    g_assert_cmpint(libusb_control_transfer(handle, 0x23, LIBUSB_REQUEST_CLEAR_FEATURE, power, port, NULL, 0, 1000), ==,
                    0);
    libusb_close(handle);
    libusb_exit(context);
}

static void
test_killed_while_off(void)
{
    const KlSimHub hub = {.rows = 1, .columns = 2};
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSimBus) bus = rig_new();
    g_assert_true(kl_sim_hub_add(&hub, bus, KL_SIM_HUB_PER_PORT, FALSE, &error));
    g_auto(GStrv) places = kl_sim_hub_places(&hub);
    KlSimOptions options = {.units = 2, .bus = bus, .places = (const char *const *)places};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);

    kl_line_rig_close(rig);
    switch_off("1-1.1", 2);
    g_assert_false(kl_sim_bus_powered(bus, PLACE));
    kl_line_rig_reopen(rig);
    g_assert_false(kl_sim_bus_powered(bus, PLACE)); /* ports are none of its business */

    kl_line_rig_close(rig);
    g_free(kl_line_rig_shell(rig, "printf '[recovery]\\npower-cycles=1\\n' >>\"$S/station.conf\""));
    kl_line_rig_reopen(rig);
    g_assert_true(kl_sim_bus_powered(bus, PLACE));

    /* A hub that is not there is no reason not to work with the others. */
    kl_line_rig_close(rig);
    kl_sim_bus_unplug(bus, "1-1.1");
    kl_line_rig_reopen(rig);
    g_assert_nonnull(kl_station_bench(rig->station)->bus);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    rig_enter(&argc, &argv);
    g_test_add_func("/power-on/killed-while-off", test_killed_while_off);
    return g_test_run();
}
