/* For the tests on the rigged USB bus: a bus, and libusb on it. */
#pragma once

#include <fcntl.h>
#include <gio/gio.h>
#include <libusb.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_bus.h"

#define PATIENCE_MS 120000 /* then something is wrong */
#define PATIENCE_US (PATIENCE_MS * G_TIME_SPAN_MILLISECOND)
#define REQUEST_TIMEOUT_MS PATIENCE_MS

/* First thing in main. */
static inline void
enter_bus(char **argv)
{
    g_autoptr(GError) error = NULL;
    if (!kl_sim_bus_enter(argv, &error))
        g_error("%s", error->message);
}

static inline KlSimBus *
bus_new(void)
{
    g_autoptr(GError) error = NULL;
    KlSimBus *bus = kl_sim_bus_new(&error);
    g_assert_no_error(error);
    return bus;
}

static inline void
add_hub(KlSimBus *bus, const char *path, guint n_ports, KlSimHubPower power, gboolean usb3)
{
    g_autoptr(GError) error = NULL;
    kl_sim_bus_add_hub(bus, path, n_ports, power, usb3, &error);
    g_assert_no_error(error);
}

static inline void
plug(KlSimBus *bus, const char *path, KlSimBusDevice device)
{
    g_autoptr(GError) error = NULL;
    kl_sim_bus_plug(bus, path, &device, &error);
    g_assert_no_error(error);
}

static inline void
assert_refused(KlSimBus *bus, const char *path, int code)
{
    const KlSimBusDevice device = {.kind = KL_SIM_FTDI};
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_sim_bus_plug(bus, path, &device, &error));
    g_assert_error(error, G_IO_ERROR, code);
}

static inline libusb_context *
usb_new(void)
{
    libusb_context *usb = NULL;
    g_assert_cmpint(libusb_init(&usb), ==, 0);
    return usb;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(libusb_context, libusb_exit)

/* "1-1.4" by libusb's port numbers; "usb1" for a root hub. */
static inline char *
port_path(libusb_device *device)
{
    guint8 ports[7];
    int n = libusb_get_port_numbers(device, ports, sizeof ports);
    GString *path = g_string_new(NULL);
    g_assert_cmpint(n, >=, 0);
    g_string_printf(path, n == 0 ? "usb%u" : "%u-", libusb_get_bus_number(device));
    for (int i = 0; i < n; i++)
        g_string_append_printf(path, "%s%u", i > 0 ? "." : "", ports[i]);
    return g_string_free(path, FALSE);
}

static inline gint
compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "1-1.4 1199:68c0" of all that libusb lists, sorted, with a newline after each. */
static inline char *
list_devices(libusb_context *usb)
{
    libusb_device **all = NULL;
    ssize_t n = libusb_get_device_list(usb, &all);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_assert_cmpint(n, >=, 0);
    for (ssize_t i = 0; i < n; i++) {
        struct libusb_device_descriptor descriptor;
        g_assert_cmpint(libusb_get_device_descriptor(all[i], &descriptor), ==, 0);
        g_autofree char *path = port_path(all[i]);
        g_ptr_array_add(lines, g_strdup_printf("%s %04x:%04x", path, descriptor.idVendor, descriptor.idProduct));
    }
    libusb_free_device_list(all, 1);
    g_ptr_array_sort(lines, compare_texts);
    g_ptr_array_add(lines, g_strdup(""));
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

/* Opens the device at a path. The caller closes it. */
static inline libusb_device_handle *
open_device(libusb_context *usb, const char *wanted)
{
    libusb_device **all = NULL;
    libusb_device_handle *handle = NULL;
    ssize_t n = libusb_get_device_list(usb, &all);
    for (ssize_t i = 0; i < n; i++) {
        g_autofree char *path = port_path(all[i]);
        if (strcmp(path, wanted) == 0)
            g_assert_cmpint(libusb_open(all[i], &handle), ==, 0);
    }
    libusb_free_device_list(all, 1);
    g_assert_nonnull(handle);
    return handle;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(libusb_device_handle, libusb_close)

/* CLEAR_FEATURE or SET_FEATURE of PORT_POWER. */
static inline void
switch_port(libusb_device_handle *hub, guint16 port, gboolean on)
{
    g_assert_cmpint(libusb_control_transfer(hub, 0x23, on ? 3 : 1, 8, port, NULL, 0, REQUEST_TIMEOUT_MS), ==, 0);
}

/* Waits until the condition holds, which something else brings about. */
#define wait_until(condition)                                                                                          \
    do {                                                                                                               \
        gint64 end_us = g_get_monotonic_time() + PATIENCE_US;                                                          \
        while (!(condition)) {                                                                                         \
            g_assert_cmpint(g_get_monotonic_time(), <, end_us);                                                        \
            g_usleep(1000);                                                                                            \
        }                                                                                                              \
    } while (0)
