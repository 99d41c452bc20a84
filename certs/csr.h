/* The CSR policy: what a unit's PKCS#10 request (RFC 2986) may look like. */
#pragma once

#include "certs/der.h"
#include "station/certificate.h"
#include "station/profile.h"

G_BEGIN_DECLS

#define KL_CSR_MAX_SIZE 4096

/* Checks a request from a unit. Each fault has its own code, looked for in this order: CSR_UNREADABLE (size, strict
 * DER, version, form), CSR_KEY_TYPE (anything but an uncompressed point on the named curve P-256), CSR_SIGNATURE
 * (not ecdsa-with-SHA256 by that key), CSR_SUBJECT (not exactly one common name, equal to common_name),
 * CSR_EXTENSION (any attribute). profile->allow_null_parameter tolerates a NULL in the signature's algorithm
 * identifier (RFC 5758, section 3.2 forbids it; some modem firmware puts it there). */
KlCsr *kl_csr_check(GBytes *der, const KlProfile *profile, const char *common_name, GError **error);

/* The uncompressed P-256 point in a request that has passed kl_csr_check(), borrowed from it. Any other input gives
 * NULL with CSR_UNREADABLE or CSR_KEY_TYPE. */
const guint8 *kl_csr_point(GBytes *der, GError **error);

G_END_DECLS
