/* The sums of an export, for people and programs. */
#pragma once

#include "station/audit.h"

G_BEGIN_DECLS

/* summary.csv: a line a thing, for spreadsheets. The caller frees. */
char *kl_audit_summary_csv(const KlAuditSummary *summary);
/* summary.json: the same, a canonical object. The caller frees. */
char *kl_audit_summary_json(const KlAuditSummary *summary);

G_END_DECLS
