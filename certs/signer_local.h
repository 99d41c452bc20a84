/* The signer that uses the station's own CA, its key in a file or on a token. */
#pragma once

#include "certs/ca.h"
#include "station/signer.h"

G_BEGIN_DECLS

/* ca is borrowed and has to outlive the signer. Free with klass->free. */
KlSigner *kl_signer_local_new(const KlCa *ca);

G_END_DECLS
