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
gboolean kl_cloud_signer_revoke(KlSigner *signer, const KlCertificate *certificate, GError **error);
char *kl_cloud_signer_endpoint(KlSigner *signer, KlOp *op, GError **error);
gboolean kl_cloud_signer_withdraw(KlSigner *signer, const char *certificate_sha256, const char *device_id, KlOp *op,
                                  GError **error);

/* How long calls may take that get no KlOp. */
KlOp kl_cloud_signer_op(void);

G_END_DECLS
