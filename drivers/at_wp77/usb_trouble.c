#include "drivers/at_wp77/usb_trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "drivers/at_wp77/port_holder.h"
#include "station/error.h"

/* Of a usb_device's node: Linux, Documentation/admin-guide/devices.txt. */
#define USB_DEVICE_MAJOR 189

static gboolean
entry_says_ignore(const char *udev_data, const char *entry)
{
    g_autofree char *file = g_build_filename(udev_data, entry, NULL);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(file, &text, NULL, NULL))
        return FALSE;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    return g_strv_contains((const char *const *)lines, "E:ID_MM_DEVICE_IGNORE=1");
}

gboolean
kl_usb_ignored_by_modem_manager(const char *udev_data, const char *path, const KlUsbPlace *place)
{
    guint node = (place->bus - 1) * 128 + place->address - 1;
    g_autofree char *device = g_strdup_printf("c%d:%u", USB_DEVICE_MAJOR, node);
    g_autofree char *by_name = g_strdup_printf("+usb:%s", path);
    g_autofree char *tty = g_strdup_printf("c%u:%u", major(place->tty_device), minor(place->tty_device));
    return entry_says_ignore(udev_data, device) || entry_says_ignore(udev_data, by_name) ||
           entry_says_ignore(udev_data, tty);
}

static void
set_trouble(KlUsbDevice *device, KlErrorCode code, char *detail)
{
    device->trouble = kl_error_name(code);
    device->detail = detail;
}

static void
look_for_modem_manager(KlUsbDevice *device, const KlUsbPlace *place)
{
    KlPortHolder holder;
    if (kl_port_holder_find(device->tty, KL_MODEM_MANAGER, &holder))
        set_trouble(device, KL_ERROR_PORT_MODEM_MANAGER,
                    g_strdup_printf("%s: in use by %s (process %d)", device->tty, holder.program, (int)holder.pid));
    else if (!kl_usb_ignored_by_modem_manager(KL_UDEV_DATA, device->path, place))
        set_trouble(device, KL_ERROR_PORT_MODEM_MANAGER,
                    g_strdup_printf("%s: " KL_MODEM_MANAGER " runs, and udev's database does not say "
                                    "ID_MM_DEVICE_IGNORE=1 for %04x:%04x",
                                    device->tty, place->vendor, place->product));
}

void
kl_usb_find_trouble(KlUsbDevice *device, const KlUsbPlace *place, gboolean modem_manager_runs)
{
    if (device->kind == KL_USB_BOOT)
        set_trouble(device, KL_ERROR_UNIT_BOOT_MODE,
                    g_strdup_printf("%04x:%04x has a single interface", place->vendor, place->product));
    else if ((device->kind != KL_USB_MODULE && device->kind != KL_USB_ADAPTER) || device->tty == NULL)
        return;
    else if (faccessat(AT_FDCWD, device->tty, R_OK | W_OK, AT_EACCESS) != 0 && (errno == EACCES || errno == EPERM))
        set_trouble(device, KL_ERROR_PORT_DENIED, g_strdup_printf("%s: %s", device->tty, g_strerror(errno)));
    else if (modem_manager_runs)
        look_for_modem_manager(device, place);
}
