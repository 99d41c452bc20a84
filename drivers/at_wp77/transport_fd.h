/* Transports over a plain descriptor: pseudo-terminals and TCP sockets. */
#pragma once

#include "station/transport.h"

G_BEGIN_DECLS

#define KL_TCP_CONNECT_MS 5000

/* Opens a pseudo-terminal: raw, flushed, locked against other stations. address is for messages ("pty:PATH"). Errors:
 * PORT_MISSING, PORT_BUSY, PORT_DENIED, CONFIG_INVALID (not a terminal). */
KlTransport *kl_transport_open_pty(const char *address, const char *path, const KlOp *op, GError **error);

/* Connects to "HOST:PORT" within KL_TCP_CONNECT_MS and the operation's deadline. A name in place of an IP address is
 * looked up first, by the system's resolver in its own time: use addresses on a line. Errors: PORT_MISSING (no such
 * host, refused, no answer), CANCELLED, CONFIG_INVALID (not HOST:PORT). */
KlTransport *kl_transport_open_tcp(const char *address, const char *host_port, const KlOp *op, GError **error);

G_END_DECLS
