/* Checks a journal without trusting whoever has it: a station's database, an export (a folder or a tar file), a proof.
 * The format is AUDIT-FORMAT.md's. In constant memory; nothing that is checked is ever written to. */
#pragma once

#include "station/audit_report.h"
#include "station/seal.h"

G_BEGIN_DECLS

typedef struct {
    const KlSealChecks *checks;
    const char *certificate; /* PEM: the station's, from outside; NULL: the one that comes along is used */
    const char *checkpoint;  /* a line of checkpoints.jsonl that was kept elsewhere, or NULL */
} KlAuditVerify;

/* Checks whatever lies there. The report, also when there are findings. NULL with *error when it can't be read:
 * AUDIT_UNREADABLE (it is nothing of the kind, or damaged beyond reading; the options' certificate or checkpoint is
 * none: USAGE), STORE_*. */
KlAuditReport *kl_audit_verify(const char *path, const KlAuditVerify *options, GError **error);

/* The parts of that. */
KlAuditReport *kl_audit_verify_database(const char *path, const KlAuditVerify *options, GError **error);
KlAuditReport *kl_audit_verify_export(const char *path, const KlAuditVerify *options, GError **error);
KlAuditReport *kl_audit_verify_proof(const char *path, const KlAuditVerify *options, GError **error);

G_END_DECLS
