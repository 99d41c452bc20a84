/* The records, transcripts and certificates of an export. */
#pragma once

#include <gio/gio.h>

#include "db/audit_select.h"
#include "db/audit_tally.h"
#include "db/audit_writer.h"

G_BEGIN_DECLS

/* Writes records.csv: the selected jobs that had ended at the checkpoint, in the order of their beginnings. cancel may
 * be NULL. FILE_FAILED, STORE_*, CANCELLED. */
gboolean kl_audit_put_records(const KlAuditReader *reader, const KlAuditRequest *request, KlAuditMember *file,
                              GCancellable *cancel, GError **error);

/* Adds the same jobs up. STORE_*, CANCELLED. */
gboolean kl_audit_sum_records(const KlAuditReader *reader, const KlAuditRequest *request, KlAuditTally *tally,
                              GCancellable *cancel, GError **error);

/* Writes certificates.pem: those that these jobs got or found in their units, in the order of issue. */
gboolean kl_audit_put_certificates(const KlAuditReader *reader, const KlAuditRequest *request, KlAuditMember *file,
                                   GCancellable *cancel, GError **error);

/* Writes transcripts.jsonl: a line for each selected job-end event whose transcript is there. */
gboolean kl_audit_put_transcripts(const KlAuditReader *reader, const KlAuditRequest *request, KlAuditMember *file,
                                  GCancellable *cancel, GError **error);

G_END_DECLS
