/* Opens whatever an address names. */
#pragma once

#include "station/transport.h"

G_BEGIN_DECLS

/* The KlTransportOpen of this driver, for all address schemes:
 *   serial:/dev/ttyUSB2   a serial port through libserialport; links such as /dev/serial/by-path/... are followed
 *   pty:PATH              a pseudo-terminal, or a link to one
 *   tcp:HOST:PORT         a TCP socket; an IPv6 address stands in brackets
 *   usb:1-1.4.2           the unit at that hub port, whatever its tty is called; usb:1-1.4.2#0 names the interface */
KlTransport *kl_transport_open(const char *address, const KlOp *op, GError **error);

/* The KlTransportPlug of this driver. On a hub port something is plugged in when its tty is there to be opened, and
 * when a module is in its boot loader, where no tty comes. */
guint64 kl_transport_plug(const char *address);

G_END_DECLS
