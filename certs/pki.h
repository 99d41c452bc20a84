/* The station's KlPki. */
#pragma once

#include "station/pki.h"

G_BEGIN_DECLS

/* Checks against these trust anchors (PEM; the station's own CA chain from kl_ca_read_chain(), say) and no others.
 * Free with klass->free. CA_UNREADABLE. */
KlPki *kl_pki_new(const char *anchors_pem, GError **error);

G_END_DECLS
