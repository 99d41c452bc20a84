/* Certificate revocation lists (RFC 5280, section 5). */
#pragma once

#include "certs/ca.h"
#include "station/store.h"

G_BEGIN_DECLS

/* Signs a CRL (version 2) over the ledger's entries (KlLedgerEntry array) that this CA issued and that are revoked or
 * superseded; the others are passed over. Superseded ones carry that reason; revoked ones carry none, as RFC 5280 asks
 * for "unspecified". number: the CRL's, which has to grow with each. Valid from now (seconds since 1970) for days.
 * Returns PEM. CA_UNSUITABLE when the CA may not sign CRLs; CA_EXPIRED, CA_NOT_YET_VALID, SIGNER_REFUSED,
 * TOKEN_FAILED; USAGE for 0 or too many days. */
char *kl_crl_sign(const KlCa *ca, const GPtrArray *ledger, guint64 number, gint64 now, guint days, GError **error);

G_END_DECLS
