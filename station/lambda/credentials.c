#include "station/lambda/credentials.h"

#include "certs/pki.h"
#include "certs/signer_iot.h"

gboolean
kl_lambda_credentials_add(KlActivationParts *parts, KlAws *aws, GError **error)
{
    /* There is no product here. Of one, the engine and AWS's signer read the subject and the policy, which is the
     * row's. */
    static const KlProfile profile = {.name = (char *)"first-boot", .subject = (char *)"CN={device_id}"};
    const KlSignerIotOptions options = {.aws = aws, .in_field = TRUE};
    parts->pki = kl_pki_new_for(KL_PKI_IOT, NULL, error);
    if (parts->pki == NULL)
        return FALSE;
    parts->signer = kl_signer_iot_new(&options);
    parts->profile = &profile;
    return TRUE;
}
