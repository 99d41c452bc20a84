#include "drivers/at_wp77/usb_list.h"

#include <string.h>

#include "drivers/at_wp77/port_holder.h"
#include "drivers/at_wp77/usb_trouble.h"
#include "station/error.h"
#include "station/port_path.h"

gboolean
kl_usb_device_path(libusb_device *device, char path[KL_USB_PATH_SIZE])
{
    guint8 ports[KL_PORT_PATH_LEVELS];
    guint bus = libusb_get_bus_number(device);
    int levels = libusb_get_port_numbers(device, ports, G_N_ELEMENTS(ports));
    if (levels < 0)
        return FALSE;
    if (levels == 0) {
        g_snprintf(path, KL_USB_PATH_SIZE, "usb%u", bus);
        return TRUE;
    }
    gsize length = (gsize)g_snprintf(path, KL_USB_PATH_SIZE, "%u", bus);
    for (int i = 0; i < levels; i++)
        length += (gsize)g_snprintf(path + length, KL_USB_PATH_SIZE - length, "%c%u", i == 0 ? '-' : '.', ports[i]);
    return TRUE;
}

/* A hub comes before what hangs on it, ports in the order of their numbers. */
static int
compare_places(const void *a, const void *b)
{
    libusb_device *devices[2] = {*(libusb_device *const *)a, *(libusb_device *const *)b};
    guint8 keys[2][KL_PORT_PATH_LEVELS + 1] = {{0}};
    for (int i = 0; i < 2; i++) {
        keys[i][0] = libusb_get_bus_number(devices[i]);
        libusb_get_port_numbers(devices[i], keys[i] + 1, KL_PORT_PATH_LEVELS);
    }
    return memcmp(keys[0], keys[1], sizeof keys[0]);
}

/* NULL when something else stands there by now: its own arrival is told in a moment. */
static KlUsbDevice *
describe(libusb_device *usb, const KlUsbRules *rules, gboolean modem_manager_runs)
{
    char path[KL_USB_PATH_SIZE];
    KlUsbPlace place;
    const char *title;
    if (!kl_usb_device_path(usb, path) || !kl_usb_place_look(KL_SYSFS, path, -1, &place) ||
        place.bus != libusb_get_bus_number(usb) || place.address != libusb_get_device_address(usb))
        return NULL;
    KlUsbDevice *device = g_new0(KlUsbDevice, 1);
    device->path = g_strdup(path);
    device->vendor = place.vendor;
    device->product = place.product;
    device->bus = place.bus;
    device->address = place.address;
    device->kind = kl_usb_kind(&place, rules, &title);
    device->title = g_strdup(title);
    device->ports = device->kind == KL_USB_HUB ? place.ports : 0;
    device->tty = place.tty[0] != '\0' ? g_build_filename("/dev", place.tty, NULL) : NULL;
    kl_usb_find_trouble(device, &place, modem_manager_runs);
    return device;
}

/* The list is libusb's; the count or -1 with BUS_FAILED. */
static gssize
get_list(libusb_context *context, libusb_device ***list, GError **error)
{
    gssize count = libusb_get_device_list(context, list);
    if (count < 0)
        kl_fail(error, KL_ERROR_BUS_FAILED, "the list of USB devices: %s", libusb_strerror((int)count));
    return count;
}

GPtrArray *
kl_usb_list(libusb_context *context, const KlUsbRules *rules, GError **error)
{
    libusb_device **list;
    gssize count = get_list(context, &list, error);
    if (count < 0)
        return NULL;
    GPtrArray *devices = g_ptr_array_new_with_free_func((GDestroyNotify)kl_usb_device_free);
    gboolean modem_manager_runs = kl_program_runs(KL_MODEM_MANAGER);
    qsort(list, (gsize)count, sizeof list[0], compare_places);
    for (gssize i = 0; i < count; i++) {
        KlUsbDevice *device = describe(list[i], rules, modem_manager_runs);
        if (device != NULL)
            g_ptr_array_add(devices, device);
    }
    libusb_free_device_list(list, 1);
    return devices;
}

libusb_device_handle *
kl_usb_open(libusb_context *context, const char *path, GError **error)
{
    char found[KL_USB_PATH_SIZE];
    libusb_device **list;
    libusb_device_handle *handle = NULL;
    int result = LIBUSB_ERROR_NOT_FOUND;
    gssize count = get_list(context, &list, error);
    if (count < 0)
        return NULL;
    for (gssize i = 0; i < count && result == LIBUSB_ERROR_NOT_FOUND; i++) {
        if (kl_usb_device_path(list[i], found) && strcmp(found, path) == 0)
            result = libusb_open(list[i], &handle);
    }
    libusb_free_device_list(list, 1);
    if (result == LIBUSB_ERROR_NOT_FOUND || result == LIBUSB_ERROR_NO_DEVICE)
        kl_fail(error, KL_ERROR_PORT_MISSING, "%s: there is no such hub", path);
    else if (result != LIBUSB_SUCCESS)
        kl_fail(error, KL_ERROR_BUS_FAILED, "%s: can't be opened: %s", path, libusb_strerror(result));
    return handle;
}
