/* What a check of a journal, an export or a proof has found. Plain types; see db/AUDIT-FORMAT.md. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* So many findings are told; the others are counted. */
#define KL_AUDIT_FINDINGS_MAX 100

typedef enum {
    KL_AUDIT_ALTERED,   /* it is not what it was when it was written */
    KL_AUDIT_MISSING,   /* it was there */
    KL_AUDIT_MOVED,     /* it stands in another's place */
    KL_AUDIT_ADDED,     /* it was never written by the station */
    KL_AUDIT_SIGNATURE, /* nobody, or somebody else, has signed it */
} KlAuditFault;

/* "altered", "missing", ... Static. */
const char *kl_audit_fault_name(KlAuditFault fault);

typedef struct {
    KlAuditFault fault;
    char *where; /* "event 17", "events 17-20", "job ID", "file records.csv"; valid UTF-8 without control characters */
    char *words; /* what is wrong, for people; valid UTF-8 */
} KlAuditFinding;

typedef struct {
    const char *what;         /* "database", "export", "proof" */
    char *journal;            /* its UUID; may be NULL, as what follows */
    char *station;            /* its name */
    char *certificate_sha256; /* of the station's certificate that was trusted */
    gboolean anchored;        /* that certificate came from outside */
    char *identifier;         /* of a proof: whose */
    gint64 events;            /* that were looked at */
    gint64 first, last;       /* their n; 0: none */
    gint64 through;           /* the last checkpoint whose signature is good: up to here nobody but the station can have
                                 written it */
    GPtrArray *findings;      /* KlAuditFinding, at most KL_AUDIT_FINDINGS_MAX; none: it is whole */
    guint64 untold;           /* findings beyond those */
} KlAuditReport;

KlAuditReport *kl_audit_report_new(const char *what);
void kl_audit_report_free(KlAuditReport *report);

/* Adds a finding. where and words are taken. */
void kl_audit_report_take(KlAuditReport *report, KlAuditFault fault, char *where, char *words);

gboolean kl_audit_report_whole(const KlAuditReport *report);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAuditReport, kl_audit_report_free)

G_END_DECLS
