/* X.509 v3 extensions (RFC 5280, section 4.2) for the certificates made here. */
#pragma once

#include "certs/der.h"
#include "certs/openssl_auto.h"

G_BEGIN_DECLS

/* An extension whose value never changes, as DER. */
typedef struct {
    int nid;
    gboolean critical;
    KlDer value;
} KlExtension;

/* All of these return FALSE with OpenSSL's queue set. */
gboolean kl_extensions_add(X509 *x509, const KlExtension *extensions, gsize count);

/* subjectKeyIdentifier: SHA-1 of the public key's bits (RFC 5280, section 4.2.1.2, method 1). */
gboolean kl_extensions_add_key_id(X509 *x509);

/* An authorityKeyIdentifier with only the issuer's key identifier. */
AUTHORITY_KEYID *kl_authority_key_id(const ASN1_OCTET_STRING *key_id);

G_END_DECLS
