#include "certs/cloud_signer.h"

static KlCloud *
cloud_of(KlSigner *base)
{
    return ((KlCloudSigner *)base)->cloud;
}

gboolean
kl_cloud_signer_activate(KlSigner *signer, const KlCertificate *certificate, KlOp *op, GError **error)
{
    return kl_cloud_activate(cloud_of(signer), certificate->sha256, op, error);
}

gboolean
kl_cloud_signer_check(KlSigner *signer, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op,
                      GError **error)
{
    return kl_cloud_check(cloud_of(signer), request, certificate->sha256, op, error);
}

char *
kl_cloud_signer_endpoint(KlSigner *signer, KlOp *op, GError **error)
{
    return kl_cloud_endpoint(cloud_of(signer), op, error);
}
