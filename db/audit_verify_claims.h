/* What the journal tells of the rows of other tables, beside what those tables have: both sides are kept, sorted, in
 * temporary databases of their own, and then compared. So the memory does not grow with the journal. */
#pragma once

#include <sqlite3.h>

#include "db/audit_scan.h"
#include "db/audit_tree.h"
#include "station/audit_report.h"

G_BEGIN_DECLS

typedef enum {
    KL_AUDIT_CLAIM_JOB,          /* key: id; told by job-end */
    KL_AUDIT_CLAIM_CERTIFICATE,  /* key: SHA-256; told by issue */
    KL_AUDIT_CLAIM_SUPERSEDED,   /* key: SHA-256; told by the issue of the next */
    KL_AUDIT_CLAIM_REVOKED,      /* key: SHA-256; told by revoke */
    KL_AUDIT_CLAIM_DER,          /* key: SHA-256; kept when the certificate does not have it; never told */
    KL_AUDIT_CLAIM_REGISTRATION, /* key: device; told by register and activation; digest as below */
    KL_AUDIT_CLAIM_ACT,          /* key: the digest; told by act */
    KL_AUDIT_CLAIM_CHECKPOINT,   /* key: n; told by checkpoint */
    KL_AUDIT_CLAIM_PERIOD,       /* key: through; told by period-closed */
    KL_AUDIT_N_CLAIMS,
} KlAuditClaimKind;

/* One side. Several threads may add to it; only when they have ended is it compared. */
typedef struct KlAuditClaims KlAuditClaims;

KlAuditClaims *kl_audit_claims_new(GError **error);
void kl_audit_claims_free(KlAuditClaims *claims);

/* number: of the event, or of the row. */
gboolean kl_audit_claims_add(KlAuditClaims *claims, KlAuditClaimKind kind, KlAuditSpan key, gint64 number,
                             const guint8 digest[KL_HASH_SIZE], GError **error);

/* Rows that no event tells of, because they are older than what is looked at. */
typedef struct {
    gint64 counts[KL_AUDIT_N_CLAIMS];  /* so many rows there were; jobs, certificates, registrations, acts */
    gint64 counted;                    /* n of the event that counted them: what it and those before tell of is no more
                                          untold */
    gint64 numbers[KL_AUDIT_N_CLAIMS]; /* rows up to this number may be untold; the other kinds */
} KlAuditClaimsExcused;

/* Puts into the report where the sides differ, in the kinds first to last. */
gboolean kl_audit_claims_compare(KlAuditClaims *told, KlAuditClaims *kept, KlAuditClaimKind first,
                                 KlAuditClaimKind last, const KlAuditClaimsExcused *excused, KlAuditReport *report,
                                 GError **error);

/* Of a registration row: the SHA-256 of it without its connections and version, shortened; the connections, which may
 * have grown since they were told of; and the version, -1 when it is told of no more. */
void kl_audit_claim_registration(const guint8 sha256[KL_HASH_SIZE], gint64 connections, gint64 version,
                                 guint8 digest[KL_HASH_SIZE]);

/* The digest of bytes that came in two parts. */
void kl_audit_claim_digest(KlAuditSpan head, KlAuditSpan rest, guint8 digest[KL_HASH_SIZE]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAuditClaims, kl_audit_claims_free)

G_END_DECLS
