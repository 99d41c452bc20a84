/* Adds up an export as its jobs and events go by. Memory: a bit or two a unit, and what names there are. */
#pragma once

#include "station/audit.h"

G_BEGIN_DECLS

typedef struct KlAuditTally KlAuditTally;

/* A job, in the order of their beginnings. Texts are borrowed; NULL: none. */
typedef struct {
    gint64 unit; /* the unit's number in the database; 0: bound to none */
    const char *outcome;
    const char *product, *operator_id, *work_order;
} KlAuditTallyJob;

KlAuditTally *kl_audit_tally_new(void);
void kl_audit_tally_free(KlAuditTally *tally);

void kl_audit_tally_job(KlAuditTally *tally, const KlAuditTallyJob *job);
/* An event of that kind. */
void kl_audit_tally_event(KlAuditTally *tally, const char *type);
/* Fills in the numbers and lists. */
void kl_audit_tally_sum(const KlAuditTally *tally, KlAuditSummary *summary);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAuditTally, kl_audit_tally_free)

G_END_DECLS
