/* The USB bus of the station, on libusb. */
#pragma once

#include "drivers/at_wp77/usb_ids.h"

G_BEGIN_DECLS

/* Opens the bus and starts the thread that listens to it. rules: ids besides those known (copied), or NULL. BUS_FAILED.
 * Its watch is told of every arrival and departure, and again when the tty of something that arrived comes or may be
 * opened: udev is still at work on it when the device is there. */
KlBus *kl_usb_bus_new(const KlUsbRules *rules, GError **error);

G_END_DECLS
