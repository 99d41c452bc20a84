/* The signer that lets another one issue and registers its certificates with AWS IoT Core: INACTIVE at first, with the
 * unit's policy and thing (enroll), ACTIVE when the unit has proved that it holds the key. */
#pragma once

#include "station/config.h"
#include "station/net/aws.h"
#include "station/signer.h"

G_BEGIN_DECLS

/* inner becomes the new signer's own. aws is borrowed and outlives it. policy: the IoT policy of devices; NULL: the
 * product's registration policy. mode: KL_REGISTER_CA (the signing CA has to be registered and active, see
 * kl_cloud_register_ca(); certificates without a chain can't be registered so) or KL_REGISTER_WITHOUT_CA. in_field:
 * as in KlSignerIotOptions. Free with klass->free. */
KlSigner *kl_signer_register_new(KlSigner *inner, KlAws *aws, const char *policy, KlRegisterMode mode,
                                 gboolean in_field);

G_END_DECLS
