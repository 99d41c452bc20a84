/* Whether a broker takes connections at all. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether one of the host's addresses takes a connection, which is closed at once; it does not wait longer than
 * timeout_ms for each, nor than stop_fd. libmosquitto would wait as long as TCP does, and for nothing else.
 * BROKER_DOWN, CANCELLED. */
gboolean kl_reach_check(const char *host, guint16 port, int timeout_ms, int stop_fd, GError **error);

G_END_DECLS
