/* What libmosquitto and OpenSSL say of a connection's end, as errors. Pure. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sets the error for a connection that broke off. said: the first thing that libmosquitto logged as an error, or NULL;
 * code: libmosquitto's. Returns FALSE. */
gboolean kl_link_broken(GError **error, const char *where, const char *said, int code);

/* Sets the error for a connection that the broker refused (CONNACK) or ended (DISCONNECT); reason: as MQTT 5 has it, or
 * 3.1.1's return code of a CONNACK. Returns FALSE. */
gboolean kl_link_refused(GError **error, const char *where, const char *client_id, int reason);

G_END_DECLS
