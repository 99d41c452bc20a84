/* Contract: the checks that requests, certificates and proofs have to pass, and keys for units that make none.
 * Implemented in certs/. Safe from several threads. */
#pragma once

#include "station/certificate.h"
#include "station/driver.h"
#include "station/profile.h"

G_BEGIN_DECLS

typedef struct KlPki KlPki;

typedef struct {
    /* Applies the CSR policy to what a unit sent (hostile until proved otherwise): size, own signature, P-256, the one
     * expected common name, no extensions of its own. Errors: CSR_*. */
    KlCsr *(*check_csr)(KlPki *pki, GBytes *der, const KlProfile *profile, const char *common_name, GError **error);

    /* Checks a certificate that any signer returned, or that the ledger holds: it is for this key, this unit and this
     * profile, chains to the station's trust anchors, and now (seconds since 1970) lies in its validity. Error:
     * ISSUED_WRONG. */
    gboolean (*verify_issued)(KlPki *pki, const KlCertificate *certificate, const char *spki_sha256,
                              const KlProfile *profile, const KlUnit *unit, gint64 now, GError **error);

    /* Checks a KlDriver.prove signature with the key in the certificate. Error: PROOF_FAILED. */
    gboolean (*verify_proof)(KlPki *pki, const KlCertificate *certificate, const guint8 nonce[KL_NONCE_SIZE],
                             const char *imei, GBytes *signature, GError **error);

    /* Makes a P-256 key for a unit that does not make its own: as PEM (PKCS#8, not encrypted), with *csr, a request for
     * it (DER) that passes check_csr(). The key is wiped when it is freed. INTERNAL. */
    GBytes *(*make_key)(KlPki *pki, const char *common_name, GBytes **csr, GError **error);

    void (*free)(KlPki *pki);
} KlPkiClass;

struct KlPki {
    const KlPkiClass *klass;
};

G_END_DECLS
