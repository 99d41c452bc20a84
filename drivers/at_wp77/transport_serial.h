/* Transport over a serial port, set up by libserialport. */
#pragma once

#include <sys/types.h>

#include "station/transport.h"

G_BEGIN_DECLS

/* Opens a serial port: 115200 8N1, no flow control, flushed, exclusive. Links are followed. libserialport knows only
 * ports that are in /sys/class/tty, so no pseudo-terminals. Blocks up to about 15 s when the unit's USB side hangs.
 * address is for messages. Errors: PORT_MISSING, PORT_BUSY and PORT_MODEM_MANAGER (the message says who holds it),
 * PORT_DENIED, CONFIG_INVALID (not a serial port). */
KlTransport *kl_transport_open_serial(const char *address, const char *path, const KlOp *op, GError **error);

/* The same for a device as the kernel names it ("/dev/ttyUSB2"). */
KlTransport *kl_transport_open_tty(const char *address, const char *device, const KlOp *op, GError **error);

/* Whether an open serial port is that device, of the USB device with that bus number and address as libserialport read
 * them when it was opened. */
gboolean kl_transport_serial_is(KlTransport *transport, dev_t device, guint bus, guint address);

G_END_DECLS
