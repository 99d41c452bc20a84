/* A checkpoint as somebody hands it in: taken apart, and whether it is signed. */
#pragma once

#include "db/audit_scan.h"
#include "db/audit_tree.h"
#include "db/audit_verify.h"

G_BEGIN_DECLS

typedef struct {
    char *body, *signature;
    char *certificate_sha256, *journal, *station; /* as the body says, as what follows */
    gint64 n;
    guint8 hash[KL_HASH_SIZE], root[KL_HASH_SIZE];
} KlAuditSealed;

/* FALSE when the body is no checkpoint; what was read stays clearable. */
gboolean kl_audit_sealed_read(KlAuditSealed *sealed, const char *body, gsize length, const char *signature,
                              gsize signature_length);
/* The same from an object {"body":...,"signature":...}. */
gboolean kl_audit_sealed_read_object(KlAuditSealed *sealed, KlAuditSpan object);
void kl_audit_sealed_clear(KlAuditSealed *sealed);

/* What is wrong with its signature by that certificate, whose SHA-256 is fingerprint (NULL: there is none); NULL:
 * nothing. The caller frees. */
char *kl_audit_sealed_doubt(const KlAuditSealed *sealed, const char *certificate, const char *fingerprint,
                            const KlSealChecks *checks);

/* 64 characters of lower-case hex. */
gboolean kl_audit_read_hash(KlAuditSpan hex, guint8 hash[KL_HASH_SIZE]);

/* Whom to trust: the certificate from outside, or else the one that comes along (PEM; may be NULL). FALSE with USAGE
 * when the one from outside is none. */
typedef struct {
    char *certificate; /* NULL: nobody */
    char *fingerprint;
    gboolean from_outside;
} KlAuditTrust;

gboolean kl_audit_trust_take(KlAuditTrust *trust, const KlAuditVerify *options, const char *enclosed, GError **error);
void kl_audit_trust_clear(KlAuditTrust *trust);

/* The checkpoint of the options; FALSE with USAGE when it is none. *given: whether there is one. */
gboolean kl_audit_sealed_given(KlAuditSealed *sealed, const KlAuditVerify *options, gboolean *given, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlAuditSealed, kl_audit_sealed_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlAuditTrust, kl_audit_trust_clear)

G_END_DECLS
