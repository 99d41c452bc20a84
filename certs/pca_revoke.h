/* ACM Private CA's list of revoked certificates. */
#pragma once

#include "station/net/aws.h"

G_BEGIN_DECLS

/* Puts a certificate of a private CA on the list. serial: as KlCertificate has it; reason: of the CA's enumeration
 * ("SUPERSEDED", ...). Idempotent: one that is on it already is fine. CLOUD_REFUSED also when the CA does not know the
 * serial number, or is not there (any more): that is no trouble of other certificates. Else errors of kl_aws_call(). */
gboolean kl_pca_revoke(KlAws *aws, const char *ca_arn, const char *serial, const char *reason, KlOp *op,
                       GError **error);

G_END_DECLS
