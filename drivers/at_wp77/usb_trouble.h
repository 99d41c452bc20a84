/* What would go wrong if a unit's tty were opened, found out without opening it. */
#pragma once

#include "drivers/at_wp77/usb_place.h"
#include "station/bus.h"

G_BEGIN_DECLS

#define KL_UDEV_DATA "/run/udev/data"

/* Whether udev was told that ModemManager has to leave the device (path) or this tty of it alone. udev_data: the folder
 * of udev's database. */
gboolean kl_usb_ignored_by_modem_manager(const char *udev_data, const char *path, const KlUsbPlace *place);

/* Sets device->trouble and ->detail; its kind, path and tty are set. modem_manager_runs: see kl_program_runs, asked
 * once for a whole list. */
void kl_usb_find_trouble(KlUsbDevice *device, const KlUsbPlace *place, gboolean modem_manager_runs);

G_END_DECLS
