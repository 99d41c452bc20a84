/* What the signers with AWS IoT Core behind them share. */
#pragma once

#include "certs/cloud.h"

G_BEGIN_DECLS

/* Begins the structure of such a signer. */
typedef struct {
    KlSigner base;
    KlCloud *cloud;
} KlCloudSigner;

/* Entries of KlSignerClass. */
gboolean kl_cloud_signer_activate(KlSigner *signer, const KlCertificate *certificate, KlOp *op, GError **error);
gboolean kl_cloud_signer_check(KlSigner *signer, const KlIssueRequest *request, const KlCertificate *certificate,
                               KlOp *op, GError **error);
char *kl_cloud_signer_endpoint(KlSigner *signer, KlOp *op, GError **error);

G_END_DECLS
