/* The CA certificates that units are told to trust for their broker. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether a PEM text is one or more CA certificates and nothing else that is PEM. CONFIG_INVALID. */
gboolean kl_trust_check(const char *pem, GError **error);

G_END_DECLS
