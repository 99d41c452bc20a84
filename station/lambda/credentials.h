/* Certificates for units that boot in the field: AWS IoT Core signs, as it does for stations. */
#pragma once

#include "station/activation/engine.h"
#include "station/net/aws.h"

G_BEGIN_DECLS

/* Adds to the parts who signs and checks, and what certificates look like: their subject is CN={device_id}, and AWS
 * takes the rest upon itself. Whoever frees the parts frees signer and pki by their classes. aws is borrowed and has to
 * live longer. CA_UNREADABLE. */
gboolean kl_lambda_credentials_add(KlActivationParts *parts, KlAws *aws, GError **error);

G_END_DECLS
