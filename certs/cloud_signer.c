#include "certs/cloud_signer.h"

#define LONGEST_US (30 * G_USEC_PER_SEC)

static KlCloud *
cloud_of(KlSigner *base)
{
    return ((KlCloudSigner *)base)->cloud;
}

KlOp
kl_cloud_signer_op(void)
{
    return (KlOp){.deadline_us = g_get_monotonic_time() + LONGEST_US};
}

gboolean
kl_cloud_signer_activate(KlSigner *signer, const KlCertificate *certificate, KlOp *op, GError **error)
{
    return kl_cloud_activate(cloud_of(signer), certificate->sha256, op, error);
}

gboolean
kl_cloud_signer_revoke(KlSigner *signer, const KlCertificate *certificate, GError **error)
{
    KlOp op = kl_cloud_signer_op();
    return kl_cloud_revoke(cloud_of(signer), certificate->sha256, &op, error);
}

char *
kl_cloud_signer_endpoint(KlSigner *signer, KlOp *op, GError **error)
{
    return kl_cloud_endpoint(cloud_of(signer), op, error);
}

gboolean
kl_cloud_signer_withdraw(KlSigner *signer, const char *certificate_sha256, const char *device_id, KlOp *op,
                         GError **error)
{
    return kl_cloud_withdraw(cloud_of(signer), certificate_sha256, op, error);
}
