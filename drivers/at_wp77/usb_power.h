/* The power of hub ports, by the hub's own control requests (USB 2.0, 11.24.2; USB 3.1, 10.16.2). */
#pragma once

#include <libusb.h>

#include "station/bus.h"

G_BEGIN_DECLS

/* As KlBusClass.port_power. */
gboolean kl_usb_port_power(libusb_context *context, const char *path, KlPortPower *power, GError **error);

/* As KlBusClass.power_cycle. Once the power is off it comes back whatever fails, also when the operation is stopped;
 * where it can't, POWER_STUCK. */
gboolean kl_usb_power_cycle(libusb_context *context, const char *path, guint off_ms, KlOp *op, GError **error);

/* As KlBusClass.power_on. */
gboolean kl_usb_power_on(libusb_context *context, const char *path, GError **error);

G_END_DECLS
