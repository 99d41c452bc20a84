/* The events of what the store keeps: one function for each kind (AUDIT-FORMAT.md says what is in them). On the store's
 * thread, in the transaction of what they tell. AUDIT_BROKEN, STORE_*. */
#pragma once

#include <sqlite3.h>

#include "station/store.h"

G_BEGIN_DECLS

gboolean kl_audit_job_begin(sqlite3 *db, const KlRecord *record, GError **error);
gboolean kl_audit_unit(sqlite3 *db, const char *job, const KlUnit *unit, GError **error);
gboolean kl_audit_intent(sqlite3 *db, const char *job, const char *imei, const char *kind, const char *detail,
                         GError **error);
/* other: the unit whose key it is, or NULL. */
gboolean kl_audit_key(sqlite3 *db, const char *job, const char *imei, const char *spki_sha256, const char *backend,
                      const char *other, GError **error);
gboolean kl_audit_device_id(sqlite3 *db, const char *imei, const char *id, GError **error);
/* supersedes: SHA-256 of the certificate that this one takes the place of, or NULL. */
gboolean kl_audit_issue(sqlite3 *db, const char *job, const char *imei, const char *csr_sha256,
                        const KlCertificate *certificate, const char *supersedes, const char *supersede_reason,
                        GError **error);
/* Of the device's registration row as it is now. */
gboolean kl_audit_register(sqlite3 *db, const char *job, const char *imei, const char *device, GError **error);
/* Of the job's rows as they are now. */
gboolean kl_audit_job_end(sqlite3 *db, const char *job, GError **error);
gboolean kl_audit_revoke(sqlite3 *db, const char *certificate_sha256, const char *reason, GError **error);
gboolean kl_audit_act(sqlite3 *db, const KlAct *act, gint64 time_us, GError **error);
/* A person did that ("park", "retry") to a row of the outbox; number 0: to all. */
gboolean kl_audit_outbox(sqlite3 *db, gint64 number, const char *what, GError **error);
/* units 0: none any more. */
gboolean kl_audit_quota(sqlite3 *db, const char *work_order, guint64 units, GError **error);

G_END_DECLS
