/* Everything on the USB bus, by libusb and sysfs. */
#pragma once

#include <libusb.h>

#include "drivers/at_wp77/usb_ids.h"

G_BEGIN_DECLS

/* Writes the hub port path of a device ("1-1.4.2", "usb1"). FALSE when it is deeper than KL_PORT_PATH_LEVELS. */
gboolean kl_usb_device_path(libusb_device *device, char path[KL_USB_PATH_SIZE]);

/* As KlBusClass.devices. */
GPtrArray *kl_usb_list(libusb_context *context, const KlUsbRules *rules, GError **error);

/* Opens the device with that path. BUS_FAILED with libusb's words; PORT_MISSING when there is none. */
libusb_device_handle *kl_usb_open(libusb_context *context, const char *path, GError **error);

G_END_DECLS
