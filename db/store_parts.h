/* What the parts of the SQLite store share: the calls of KlStoreClass, one file a subject, and their helpers. */
#pragma once

#include <sqlite3.h>

#include "db/store_thread.h"
#include "station/store.h"

G_BEGIN_DECLS

/* Has the store's thread do the work; see kl_store_thread_run(). */
gboolean kl_store_read(KlStore *store, KlStoreWork work, gpointer data, GError **error);
gboolean kl_store_write(KlStore *store, KlStoreWork work, gpointer data, GError **error);

/* --- helpers; on the store thread, within KlStoreWork --- */

/* FALSE unless the job is RUNNING and, imei given, bound to that unit: RECORD_UNKNOWN, INTERNAL. */
gboolean kl_store_require_job(sqlite3 *db, const char *job, const char *imei, GError **error);

/* Writes what the unit says of itself into the job's row. */
gboolean kl_store_note_unit(sqlite3 *db, const char *job, const KlUnit *unit, GError **error);

/* The next number of a durable counter: 1, 2, 3 ... */
gboolean kl_store_next_number(sqlite3 *db, const char *purpose, const char *name, gint64 *number, GError **error);

/* Closes the unit's open intent of that kind, if there is one. */
gboolean kl_store_close_intent(sqlite3 *db, const char *imei, KlIntentKind kind, GError **error);

/* The unit's live certificate; *certificate is NULL when it has none. */
gboolean kl_store_live_certificate(sqlite3 *db, const char *imei, KlCertificate **certificate, GError **error);

/* The columns of a job that kl_store_read_job() reads from the current row, in its order. */
#define KL_STORE_JOB_COLUMNS                                                                                           \
    "id, batch, station, slot, product, operator, work_order, label, reprovision_reason, program, started_us,"         \
    " ended_us, outcome, code, detail, first_code, already_provisioned, resumed, certificate,"                         \
    " imei, fsn, model, firmware, agent_version, keystore, boot_id, device_id"

/* The record of the current row, without steps and transcript. STORE_CORRUPT. */
KlRecord *kl_store_read_job(sqlite3_stmt *query, GError **error);

/* Prepares a query for these columns of the jobs that the filter lets through, newest first. The caller finalizes it.
 */
sqlite3_stmt *kl_store_query_jobs(sqlite3 *db, const char *columns, const KlRecordFilter *filter, GError **error);

/* --- the calls of KlStoreClass --- */

gboolean kl_store_job_begin(KlStore *store, const KlRecord *record, GError **error);
KlUnitState *kl_store_unit_claim(KlStore *store, const char *job, const KlUnit *unit, GError **error);
char *kl_store_device_id(KlStore *store, const char *imei, const KlIdRequest *request, GError **error);
gboolean kl_store_intent(KlStore *store, const char *job, const char *imei, KlIntentKind kind, const char *detail,
                         GError **error);
gboolean kl_store_key_made(KlStore *store, const char *job, const char *imei, const char *spki_sha256,
                           const char *backend, GError **error);
gboolean kl_store_issued(KlStore *store, const char *job, const char *imei, const char *csr_sha256,
                         const KlCertificate *certificate, const char *supersede_reason, GError **error);
gboolean kl_store_registered(KlStore *store, const char *job, const char *imei, const KlRegistration *row,
                             GError **error);
gboolean kl_store_job_end(KlStore *store, const KlRecord *record, GError **error);
gboolean kl_store_interrupt_running(KlStore *store, guint *count, GError **error);
GPtrArray *kl_store_records(KlStore *store, const KlRecordFilter *filter, GError **error);
KlRecord *kl_store_record(KlStore *store, const char *id, GError **error);
GArray *kl_store_record_numbers(KlStore *store, const KlRecordFilter *filter, GError **error);
GPtrArray *kl_store_records_numbered(KlStore *store, const gint64 *numbers, gsize n_numbers, GError **error);
GPtrArray *kl_store_registrations(KlStore *store, const char *device, GError **error);
GPtrArray *kl_store_ledger(KlStore *store, const char *identifier, int status, GError **error);
gboolean kl_store_revoke(KlStore *store, const char *certificate_sha256, const char *reason, GError **error);
KlStatistics *kl_store_statistics(KlStore *store, const KlStatisticsRequest *request, GError **error);
char *kl_store_setting(KlStore *store, const char *key, GError **error);
gboolean kl_store_set_setting(KlStore *store, const char *key, const char *value, GError **error);
gboolean kl_store_add_act(KlStore *store, const KlAct *act, GError **error);
GPtrArray *kl_store_acts(KlStore *store, guint limit, GError **error);

G_END_DECLS
