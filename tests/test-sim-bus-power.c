/* The hubs of the rigged USB bus, asked and told by control transfers through libusb. */
#include <sys/eventfd.h>

#include "tests/sim_bus_bench.h"

static char *
hub_descriptor(libusb_context *usb, const char *path, guint16 kind)
{
    g_autoptr(libusb_device_handle) hub = open_device(usb, path);
    guchar bytes[64];
    int n = libusb_control_transfer(hub, 0xa0, 6, kind << 8, 0, bytes, sizeof bytes, REQUEST_TIMEOUT_MS);
    GString *text = g_string_new(NULL);
    if (n < 0)
        g_string_append(text, libusb_error_name(n));
    for (int i = 0; i < n; i++)
        g_string_append_printf(text, "%02x", bytes[i]);
    return g_string_free(text, FALSE);
}

static void
test_hub_descriptors(void)
{
    static const struct {
        const char *path;
        KlSimHubPower power;
        guint n_ports;
        const char *descriptor;
    } rows[] = {{"1-1", KL_SIM_HUB_PER_PORT, 4,
                 "09290401003264"
                 "00ff"},
                {"1-2", KL_SIM_HUB_GANGED, 7,
                 "09290700003264"
                 "00ff"},
                {"1-3", KL_SIM_HUB_NONE, 8,
                 "0b290802003264"
                 "0000ffff"},
                {"1-4", KL_SIM_HUB_PRETEND, 2,
                 "09290201003264"
                 "00ff"}};
    g_autoptr(KlSimBus) bus = bus_new();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        add_hub(bus, rows[i].path, rows[i].n_ports, rows[i].power, TRUE);
    plug(bus, "1-5", (KlSimBusDevice){.kind = KL_SIM_FTDI});
    g_autoptr(libusb_context) usb = usb_new();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *descriptor = hub_descriptor(usb, rows[i].path, 0x29);
        g_assert_cmpstr(descriptor, ==, rows[i].descriptor);
    }
    g_autofree char *super = hub_descriptor(usb, "2-1", 0x2a);
    g_assert_cmpstr(super, ==, "0c2a04010032640000000000");
    g_autofree char *no_super = hub_descriptor(usb, "1-1", 0x2a);
    g_assert_cmpstr(no_super, ==, "LIBUSB_ERROR_PIPE");
    g_autofree char *no_hub = hub_descriptor(usb, "1-5", 0x29);
    g_assert_cmpstr(no_hub, ==, "LIBUSB_ERROR_PIPE");
}

static guint
port_status(libusb_device_handle *hub, guint16 port)
{
    guchar bytes[4];
    g_assert_cmpint(libusb_control_transfer(hub, 0xa3, 0, 0, port, bytes, sizeof bytes, REQUEST_TIMEOUT_MS), ==, 4);
    return bytes[0] | (guint)bytes[1] << 8;
}

/* What switching ports 2 and then 1 off does to a device on port 1 of each kind of hub. */
static void
test_power(void)
{
    static const struct {
        KlSimHubPower power;
        KlSimBusEvent first;  /* after port 2 */
        KlSimBusEvent second; /* after port 1 too */
    } rows[] = {{KL_SIM_HUB_PER_PORT, KL_SIM_BUS_NOTHING, KL_SIM_BUS_CUT},
                {KL_SIM_HUB_GANGED, KL_SIM_BUS_NOTHING, KL_SIM_BUS_CUT},
                {KL_SIM_HUB_NONE, KL_SIM_BUS_NOTHING, KL_SIM_BUS_TAKEN},
                {KL_SIM_HUB_PRETEND, KL_SIM_BUS_NOTHING, KL_SIM_BUS_TAKEN}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(KlSimBus) bus = bus_new();
        int told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        guint64 count = 0;
        add_hub(bus, "1-1", 2, rows[i].power, FALSE);
        plug(bus, "1-1.1", (KlSimBusDevice){.kind = KL_SIM_MODULE});
        kl_sim_bus_watch(bus, "1-1.1", told);
        g_autoptr(libusb_context) usb = usb_new();
        g_autoptr(libusb_device_handle) hub = open_device(usb, "1-1");
        g_assert_cmphex(port_status(hub, 1), ==, 0x0503);
        g_assert_cmphex(port_status(hub, 2), ==, 0x0100);
        switch_port(hub, 2, FALSE);
        g_assert_cmpint(kl_sim_bus_happened(bus, "1-1.1"), ==, rows[i].first);
        switch_port(hub, 1, FALSE);
        g_assert_cmpint(read(told, &count, sizeof count), ==, sizeof count);
        g_assert_cmpint(kl_sim_bus_happened(bus, "1-1.1"), ==, rows[i].second);
        g_assert_cmpint(kl_sim_bus_powered(bus, "1-1.1"), ==, rows[i].second == KL_SIM_BUS_TAKEN);
        g_assert_cmpuint(kl_sim_bus_number(bus, "1-1.1"), ==, 0);
        g_assert_cmphex(port_status(hub, 1), ==, 0);
        assert_refused(bus, "1-1.1", G_IO_ERROR_NOT_CONNECTED);
        switch_port(hub, 1, TRUE);
        plug(bus, "1-1.1", (KlSimBusDevice){.kind = KL_SIM_MODULE});
        g_assert_cmphex(port_status(hub, 1), ==, 0x0503);
        kl_sim_bus_watch(bus, "1-1.1", -1);
        close(told);
    }
}

/* A gang is dark when all of it is off: until then its ports only show no device. */
static void
test_power_ganged(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    int told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    add_hub(bus, "1-1", 2, KL_SIM_HUB_GANGED, FALSE);
    plug(bus, "1-1.1", (KlSimBusDevice){.kind = KL_SIM_MODULE});
    kl_sim_bus_watch(bus, "1-1.1", told);
    g_autoptr(libusb_context) usb = usb_new();
    g_autoptr(libusb_device_handle) hub = open_device(usb, "1-1");
    switch_port(hub, 1, FALSE);
    g_assert_cmpint(kl_sim_bus_happened(bus, "1-1.1"), ==, KL_SIM_BUS_TAKEN);
    g_assert_true(kl_sim_bus_powered(bus, "1-1.1"));
    switch_port(hub, 2, FALSE);
    g_assert_cmpint(kl_sim_bus_happened(bus, "1-1.1"), ==, KL_SIM_BUS_CUT);
    g_assert_false(kl_sim_bus_powered(bus, "1-1.1"));
    kl_sim_bus_watch(bus, "1-1.1", -1);
    close(told);
}

/* A port of a USB 3 hub is dark only when both halves have it off. */
static void
test_power_usb3(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    int told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    add_hub(bus, "1-1", 4, KL_SIM_HUB_PER_PORT, TRUE);
    plug(bus, "1-1.3", (KlSimBusDevice){.kind = KL_SIM_MODULE});
    kl_sim_bus_watch(bus, "1-1.3", told);
    g_autoptr(libusb_context) usb = usb_new();
    g_autoptr(libusb_device_handle) high = open_device(usb, "1-1");
    g_autoptr(libusb_device_handle) super = open_device(usb, "2-1");
    switch_port(high, 3, FALSE);
    g_assert_cmpint(kl_sim_bus_happened(bus, "1-1.3"), ==, KL_SIM_BUS_TAKEN);
    g_assert_true(kl_sim_bus_powered(bus, "1-1.3"));
    switch_port(super, 3, FALSE);
    g_assert_cmpint(kl_sim_bus_happened(bus, "1-1.3"), ==, KL_SIM_BUS_CUT);
    g_assert_false(kl_sim_bus_powered(bus, "1-1.3"));
    switch_port(super, 3, TRUE);
    g_assert_true(kl_sim_bus_powered(bus, "1-1.3"));
    assert_refused(bus, "1-1.3", G_IO_ERROR_NOT_CONNECTED);
    kl_sim_bus_watch(bus, "1-1.3", -1);
    close(told);
}

/* An open device wakes nobody while there is nothing to reap. */
static void
test_idle(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    add_hub(bus, "1-1", 4, KL_SIM_HUB_PER_PORT, FALSE);
    g_autoptr(libusb_context) usb = usb_new();
    g_autoptr(libusb_device_handle) hub = open_device(usb, "1-1");
    for (guint i = 0; i < 2; i++) {
        guint n_writable = 0;
        const struct libusb_pollfd **all = libusb_get_pollfds(usb);
        for (guint j = 0; all[j] != NULL; j++) {
            struct pollfd watched = {.fd = all[j]->fd, .events = all[j]->events & POLLOUT};
            if (watched.events == 0)
                continue; /* libusb's own */
            g_assert_cmpint(poll(&watched, 1, 0), ==, 0);
            n_writable++;
        }
        libusb_free_pollfds(all);
        g_assert_cmpuint(n_writable, ==, 1);
        g_assert_cmphex(port_status(hub, 1), ==, 0x0100);
    }
}

/* What asks for a hub that is gone hears so, also when another one has its number. */
static void
test_hub_gone(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    add_hub(bus, "1-1", 4, KL_SIM_HUB_PER_PORT, FALSE);
    g_autoptr(libusb_context) usb = usb_new();
    g_autoptr(libusb_device_handle) hub = open_device(usb, "1-1");
    guint number = kl_sim_bus_number(bus, "1-1");
    do {
        kl_sim_bus_unplug(bus, "1-1");
        g_assert_cmpint(libusb_control_transfer(hub, 0x23, 3, 8, 1, NULL, 0, REQUEST_TIMEOUT_MS), ==,
                        LIBUSB_ERROR_NO_DEVICE);
        add_hub(bus, "1-1", 4, KL_SIM_HUB_PER_PORT, FALSE);
    } while (kl_sim_bus_number(bus, "1-1") != number);
    g_assert_cmpint(libusb_control_transfer(hub, 0x23, 3, 8, 1, NULL, 0, REQUEST_TIMEOUT_MS), ==,
                    LIBUSB_ERROR_NO_DEVICE);
}

int
main(int argc, char **argv)
{
    enter_bus(argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim-bus-power/hub-descriptors", test_hub_descriptors);
    g_test_add_func("/sim-bus-power/power", test_power);
    g_test_add_func("/sim-bus-power/power-ganged", test_power_ganged);
    g_test_add_func("/sim-bus-power/power-usb3", test_power_usb3);
    g_test_add_func("/sim-bus-power/idle", test_idle);
    g_test_add_func("/sim-bus-power/hub-gone", test_hub_gone);
    return g_test_run();
}
