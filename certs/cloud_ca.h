/* The station's CA in AWS IoT Core, so that it takes the certificates that the CA signs. */
#pragma once

#include "certs/ca.h"
#include "station/net/aws.h"

G_BEGIN_DECLS

typedef struct {
    char *id;            /* SHA-256 of the CA's certificate */
    char *mode;          /* "SNI_ONLY" or "DEFAULT": how it is registered, also when it was before */
    gboolean registered; /* now; else it was before */
    gboolean activated;  /* now, though it was registered before */
} KlCloudCa;

void kl_cloud_ca_clear(KlCloudCa *done);

/* Registers the first certificate of chain_pem as a CA and sets it active, both unless it is so already. ca NULL: by
 * its certificate alone; units then have to name their host when they connect (SNI), and several accounts may have the
 * CA. With ca, whose key then proves that the CA is ours (a certificate for AWS's registration code): in DEFAULT mode,
 * in one account of a region only. CLOUD_CONFLICT: it is registered in the other mode, or in another account. Never
 * lets unknown units register themselves. */
gboolean kl_cloud_register_ca(KlAws *aws, const char *chain_pem, const KlCa *ca, KlCloudCa *done, KlOp *op,
                              GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlCloudCa, kl_cloud_ca_clear)

G_END_DECLS
