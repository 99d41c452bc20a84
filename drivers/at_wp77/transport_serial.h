/* Transport over a serial port, set up by libserialport. */
#pragma once

#include "station/transport.h"

G_BEGIN_DECLS

/* Opens a serial port: 115200 8N1, no flow control, flushed, exclusive. Links are followed. libserialport knows only
 * ports that are in /sys/class/tty, so no pseudo-terminals. Blocks up to about 15 s when the unit's USB side hangs.
 * address is for messages. Errors: PORT_MISSING, PORT_BUSY, PORT_DENIED, CONFIG_INVALID (not a serial port). */
KlTransport *kl_transport_open_serial(const char *address, const char *path, const KlOp *op, GError **error);

G_END_DECLS
