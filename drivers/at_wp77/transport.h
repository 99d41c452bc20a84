/* Opens whatever an address names. */
#pragma once

#include "station/transport.h"

G_BEGIN_DECLS

/* The KlTransportOpen of this driver, for all address schemes:
 *   serial:/dev/ttyUSB2   a serial port through libserialport; links such as /dev/serial/by-path/... are followed
 *   pty:PATH              a pseudo-terminal, or a link to one
 *   tcp:HOST:PORT         a TCP socket; an IPv6 address stands in brackets */
KlTransport *kl_transport_open(const char *address, const KlOp *op, GError **error);

/* The KlTransportPresent of this driver: is there such a device or path; TRUE for tcp. */
gboolean kl_transport_present(const char *address);

G_END_DECLS
