/* Which events and jobs a request means, in SQL. */
#pragma once

#include "db/audit_reader.h"

G_BEGIN_DECLS

/* A query for the numbers of the selected events between the reader's first and its checkpoint, in order. The caller
 * finalizes it. */
sqlite3_stmt *kl_audit_select_events(const KlAuditReader *reader, const KlAuditRequest *request, GError **error);

/* A query for columns of the selected events, newest first, at most limit (0: all). Alias e. */
sqlite3_stmt *kl_audit_select_newest(const KlAuditReader *reader, const KlAuditRequest *request, const char *columns,
                                     guint limit, GError **error);

/* A query "WITH picked AS (the selected jobs that had ended at the checkpoint; columns of alias j) rest". */
sqlite3_stmt *kl_audit_select_jobs(const KlAuditReader *reader, const KlAuditRequest *request, const char *columns,
                                   const char *rest, GError **error);

/* A query for job and text of the transcripts that the selected events tell of, in the order of these. */
sqlite3_stmt *kl_audit_select_transcripts(const KlAuditReader *reader, const KlAuditRequest *request, GError **error);

/* FALSE with RECORD_UNKNOWN when nobody ever was what the identifier says. */
gboolean kl_audit_select_check(const KlAuditReader *reader, const KlAuditRequest *request, GError **error);

G_END_DECLS
