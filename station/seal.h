/* Contract: the station's seal: the key that signs the checkpoints of its journal, and its exports. Not the CA, which
 * may be elsewhere: anybody may check a seal with the station's certificate alone. Implemented in certs/. Safe from
 * several threads. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlSeal KlSeal;

typedef struct {
    /* The station's certificate, PEM; borrowed. */
    const char *(*certificate)(KlSeal *seal);
    /* SHA-256 of its DER, lower-case hex; borrowed. */
    const char *(*fingerprint)(KlSeal *seal);
    /* Base64 of a DER ECDSA signature (P-256, SHA-256) over the bytes. SEAL_*, TOKEN_FAILED. The caller frees. */
    char *(*sign)(KlSeal *seal, const char *bytes, gsize length, GError **error);
    /* A detached CMS signature (RFC 5652, DER, certificate enclosed) over the bytes. SEAL_*, TOKEN_FAILED. */
    GBytes *(*sign_detached)(KlSeal *seal, const char *bytes, gsize length, GError **error);
    void (*free)(KlSeal *seal);
} KlSealClass;

struct KlSeal {
    const KlSealClass *klass;
};

/* The checks, which need no key. certificate: PEM. SEAL_WRONG. */
typedef struct {
    /* Of KlSealClass.sign. */
    gboolean (*signature)(const char *certificate, const char *bytes, gsize length, const char *signature,
                          GError **error);
    /* Of KlSealClass.sign_detached: by this very certificate. */
    gboolean (*detached)(const char *certificate, const char *bytes, gsize length, GBytes *cms, GError **error);
    /* SHA-256 of the certificate's DER, or NULL: SEAL_WRONG. The caller frees. */
    char *(*fingerprint)(const char *certificate, GError **error);
} KlSealChecks;

static inline void
kl_seal_free(KlSeal *seal)
{
    seal->klass->free(seal);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSeal, kl_seal_free)

G_END_DECLS
