/* The checks on certificates from any signer, and on proofs from units. */
#pragma once

#include "certs/openssl_auto.h"
#include "station/certificate.h"
#include "station/driver.h"
#include "station/profile.h"

G_BEGIN_DECLS

/* What certificates of other signers may have that kl_issue() never gives them. */
typedef struct {
    gboolean other_end;    /* the signer alone decides how long they are valid */
    gboolean other_usages; /* keyEncipherment as well; serverAuth as well, or no extended key usage at all */
} KlIssuedRules;

/* The certificates that the station trusts, and nothing else does it trust. */
typedef struct {
    KlIssuedRules rules;
    X509_STORE *store; /* NULL, as the next two: nobody knows the issuer */
    KlX509Stack *anchors;
    char *pem; /* of the anchors, as kl_x509_stack_pem() writes it */
} KlTrust;

/* Trusts each certificate in the PEM text, whether self-signed or not. rules may be NULL: none. CA_UNREADABLE. */
KlTrust *kl_trust_new(const char *anchors_pem, const KlIssuedRules *rules, GError **error);

/* For a signer whose CA nobody outside of it knows, and which vouches for its certificates itself: they have to come
 * without a chain, and all else is checked. */
KlTrust *kl_trust_new_unknown(const KlIssuedRules *rules);
void kl_trust_free(KlTrust *trust);

/* Everything a unit's certificate has to be before it is installed: its fields as in its DER, for that key, subject
 * exactly as the profile says for that unit, positive serial of at least 64 bits, CA:FALSE, digitalSignature and
 * clientAuth only, no extension beyond the known harmless ones, a chain to the anchors that OpenSSL's strict mode
 * accepts now (seconds since 1970), not outliving its issuer nor the profile's validity, and chain_pem starting with
 * its issuer and leading upwards; less what trust->rules allow. ISSUED_WRONG with what is wrong. */
gboolean kl_issued_verify(const KlTrust *trust, const KlCertificate *certificate, const char *spki_sha256,
                          const KlProfile *profile, const KlUnit *unit, gint64 now, GError **error);

/* The unit's signature (ECDSA P-256, DER) over SHA-256("keyline-prove" || nonce || IMEI digits), by the key in the
 * certificate. PROOF_FAILED. */
gboolean kl_proof_verify(const KlCertificate *certificate, const guint8 nonce[KL_NONCE_SIZE], const char *imei,
                         GBytes *signature, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlTrust, kl_trust_free)

G_END_DECLS
