/* Building and signing a unit's certificate. */
#pragma once

#include "certs/ca.h"
#include "station/signer.h"

G_BEGIN_DECLS

/* Makes and signs a certificate (X.509 v3) for a request that has passed the CSR policy: only its public key is taken
 * over. Subject by the profile's template; serial of 158 random bits; from request->now less the profile's backdate
 * (not before the CA's own start) for the profile's days (not beyond the CA's end); CA:FALSE, digitalSignature,
 * clientAuth, SKI, AKI. CONFIG_INVALID (the subject), CA_EXPIRED, CA_NOT_YET_VALID, SIGNER_REFUSED, TOKEN_FAILED. */
KlCertificate *kl_issue(const KlCa *ca, const KlIssueRequest *request, GError **error);

G_END_DECLS
