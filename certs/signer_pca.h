/* The signer that has ACM Private CA make the certificates. AWS IoT Core does not know them: wrap it with
 * kl_signer_register_new() for that.
 *
 * IssueCertificate answers with an ARN, and the certificate is fetched by that. Its IdempotencyToken is made of the job
 * and the key, so that repeating it within AWS's window (one to five minutes, by its documents) gives the same
 * certificate. The CA can't be asked for what it has issued; so the request is noted in a file before it is sent, and
 * the ARN as soon as it is known, and lookup() goes by the note. Without one nothing was asked for. With a request
 * alone the answer was lost: lookup() sends it once more, to the letter, and what it gets is either that certificate,
 * or, after the window, a new one. The one that nobody has the name of then exists in the CA's own database only: it
 * was never installed, nor registered anywhere, and is for the same unit and key. So at most one certificate a unit is
 * in use, always. A request that the CA says it has failed at (RequestFailedException) left none, and the next one gets
 * another token. */
#pragma once

#include "station/net/aws.h"
#include "station/signer.h"

G_BEGIN_DECLS

/* Of the product's CSR everything is taken over; the template adds digitalSignature, keyEncipherment, clientAuth. */
#define KL_PCA_TEMPLATE "arn:aws:acm-pca:::template/EndEntityClientAuthCertificate/V1"

typedef struct {
    KlAws *aws;               /* borrowed; outlives the signer */
    const char *ca_arn;       /* of the CA */
    const char *template_arn; /* NULL: KL_PCA_TEMPLATE */
    const char *dir;          /* the station's folder: notes lie in DIR/pca */
} KlSignerPcaOptions;

/* Copies the options. Free with klass->free. CONFIG_INVALID: no ARN of a CA. STORE_*: DIR/pca can't be made.
 *
 * Certificates end with the product's validity or with the CA. Products need subject=CN={device_id}: CONFIG_INVALID by
 * self_test(). Its enroll() only removes the note, as the certificate then is in the ledger: call it also when nothing
 * is registered. Certificates are to be checked with kl_pki_new_for(KL_PKI_PCA, kl_signer_pca_anchors()). */
KlSigner *kl_signer_pca_new(const KlSignerPcaOptions *options, GError **error);

/* The CA's certificate and those above it, PEM; asked for once. The caller frees. */
char *kl_signer_pca_anchors(KlSigner *signer, KlOp *op, GError **error);

G_END_DECLS
