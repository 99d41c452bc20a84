/* The station's KlPki. */
#pragma once

#include "station/pki.h"

G_BEGIN_DECLS

/* Checks against these trust anchors (PEM; the station's own CA chain from kl_ca_read_chain(), say) and no others.
 * Free with klass->free. CA_UNREADABLE. */
KlPki *kl_pki_new(const char *anchors_pem, GError **error);

/* Who else may have signed, and what is then allowed beyond what our own CA does. */
typedef enum {
    KL_PKI_IOT, /* AWS IoT Core: valid until 2049 whatever the product says; no extended key usage */
    KL_PKI_PCA, /* ACM Private CA: usages by its templates */
} KlPkiKind;

/* The same for certificates of that signer. With KL_PKI_IOT anchors_pem may be NULL (see signer_iot.h): all but the
 * issuer is then checked, and certificates have no chain. CA_UNREADABLE. */
KlPki *kl_pki_new_for(KlPkiKind kind, const char *anchors_pem, GError **error);

G_END_DECLS
