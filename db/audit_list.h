/* The journal's events, to look at. */
#pragma once

#include "station/audit.h"

G_BEGIN_DECLS

/* Hands over the bodies of the selected events up to the journal's end, newest first, at most limit (0: all). FALSE of
 * each, with an error, ends it. STORE_*, AUDIT_BROKEN, RECORD_UNKNOWN as of kl_audit_export. */
gboolean kl_audit_list(const char *database, const KlAuditRequest *request, guint limit,
                       gboolean (*each)(const char *body, gpointer data, GError **error), gpointer data,
                       GError **error);

/* The last checkpoint, as a line of checkpoints.jsonl; NULL without an error when there is none yet. The caller frees.
 */
char *kl_audit_last_checkpoint(const char *database, GError **error);

G_END_DECLS
