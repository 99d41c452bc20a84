/* What the tables have of that which the journal tells of, as claims: built from the rows as the events' data was. */
#pragma once

#include <sqlite3.h>

#include "db/audit_verify_claims.h"

G_BEGIN_DECLS

/* All jobs that have ended: those with an even number, and the others, so that two threads can share the work. */
gboolean kl_audit_rows_jobs_even(sqlite3 *db, KlAuditClaims *kept, GError **error);
gboolean kl_audit_rows_jobs_odd(sqlite3 *db, KlAuditClaims *kept, GError **error);

/* Certificates, registration rows and acts. */
gboolean kl_audit_rows_others(sqlite3 *db, KlAuditClaims *kept, GError **error);

G_END_DECLS
