/* What the parts of the SQLite store share: the calls of KlStoreClass, one file a subject, and their helpers. */
#pragma once

#include <sqlite3.h>

#include "db/store_thread.h"
#include "station/store.h"

G_BEGIN_DECLS

/* Has the store's thread do the work; see kl_store_thread_run(). */
gboolean kl_store_read(KlStore *store, KlStoreWork work, gpointer data, GError **error);
gboolean kl_store_write(KlStore *store, KlStoreWork work, gpointer data, GError **error);

/* Whether the store has an outbox: see use_outbox. From any thread. */
gboolean kl_store_queues(KlStore *store);

/* The seal for the checkpoints, and the station's name that stands in them. */
void kl_store_set_seal(KlStore *store, KlSeal *seal, const char *station);
KlSeal *kl_store_seal(KlStore *store, const char **station);

/* --- helpers; on the store thread, within KlStoreWork --- */

/* FALSE unless the job is RUNNING and, imei given, bound to that unit: RECORD_UNKNOWN, INTERNAL. */
gboolean kl_store_require_job(sqlite3 *db, const char *job, const char *imei, GError **error);

/* May the unit get a certificate in this job? QUOTA_REACHED. */
gboolean kl_store_check_quota(sqlite3 *db, const char *job, const char *imei, GError **error);

/* Writes what the unit says of itself into the job's row. */
gboolean kl_store_note_unit(sqlite3 *db, const char *job, const KlUnit *unit, GError **error);

/* The next number of a durable counter: 1, 2, 3 ... */
gboolean kl_store_next_number(sqlite3 *db, const char *purpose, const char *name, gint64 *number, GError **error);

/* The next number of the oldest leased block that has one left; 0 when none has. */
gboolean kl_store_next_leased(sqlite3 *db, const char *sequence, gint64 *number, GError **error);

/* Of a row of units: a supervisor has it provisioned anew, and it has not passed since. (Only a REPROVISION intent
 * takes "provisioned" from a unit that has passed.) */
#define KL_STORE_PROVISIONED_ANEW                                                                                      \
    "(units.provisioned = 0 AND EXISTS (SELECT 1 FROM intents WHERE intents.imei = units.imei AND kind = "             \
    "'REPROVISION'))"

/* Puts the device's registration row into the outbox: when it has changed, or was never queued. */
gboolean kl_store_queue_registration(sqlite3 *db, const char *device, const char *job, gboolean changed,
                                     GError **error);

/* Puts the record of an ended job into the outbox, if it knows a unit. */
gboolean kl_store_queue_record(sqlite3 *db, const char *job, GError **error);

/* Puts a certificate that was superseded or revoked into the outbox, when it is known elsewhere, or always. job: that
 * did it; NULL: none did. */
gboolean kl_store_queue_cleanup(sqlite3 *db, const char *certificate_sha256, const char *job, gboolean always,
                                GError **error);

/* The number of the oldest queued row of kind ?2 that is due at ?1, NULL when none is; and when the next one's turn
 * comes, else ?1. Rows that have not failed yet are due at 0: the first of them is found without reading the others. */
#define KL_STORE_OUTBOX_DUE                                                                                            \
    "SELECT min(number) FROM"                                                                                          \
    " (SELECT min(number) AS number FROM outbox WHERE kind = ?2 AND state = 'queued' AND next_us = 0"                  \
    " UNION ALL SELECT min(number) FROM outbox WHERE kind = ?2 AND state = 'queued' AND next_us BETWEEN 1 AND ?1)"
#define KL_STORE_OUTBOX_NEXT_TURN "SELECT coalesce(min(next_us), ?1) FROM outbox WHERE kind = ?2 AND state = 'queued'"

/* Closes the unit's open intent of that kind, if there is one. */
gboolean kl_store_close_intent(sqlite3 *db, const char *imei, KlIntentKind kind, GError **error);

/* The unit's live certificate; *certificate is NULL when it has none. */
gboolean kl_store_live_certificate(sqlite3 *db, const char *imei, KlCertificate **certificate, GError **error);

/* The columns of a job that kl_store_read_job() reads from the current row, in its order. */
#define KL_STORE_JOB_COLUMNS                                                                                           \
    "id, batch, station, slot, product, operator, work_order, label, reprovision_reason, program, started_us,"         \
    " ended_us, outcome, code, detail, first_code, already_provisioned, resumed, row_queued, certificate,"             \
    " imei, fsn, model, firmware, agent_version, keystore, boot_id, device_id"

/* The record of the current row, without steps and transcript. STORE_CORRUPT. */
KlRecord *kl_store_read_job(sqlite3_stmt *query, GError **error);

/* The columns of a registration row that kl_store_read_registration() reads from the current row, in its order. */
#define KL_STORE_REGISTRATION_COLUMNS "device, registered, policy, firmware, parameters, version, connections"

/* The registration row in the first columns of the current row. */
KlRegistration *kl_store_read_registration(sqlite3_stmt *query);

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
gboolean kl_store_replaces_elsewhere(KlStore *store, const char *job, const char *certificate_sha256,
                                     const char *device_id, const char *reason, GError **error);
gboolean kl_store_known_at(KlStore *store, const char *job, const char *certificate_sha256, const char *place,
                           GError **error);
gboolean kl_store_registered(KlStore *store, const char *job, const char *imei, const KlRegistration *row,
                             GError **error);
gboolean kl_store_job_end(KlStore *store, const KlRecord *record, GError **error);
gboolean kl_store_interrupt_running(KlStore *store, guint *count, GError **error);
GPtrArray *kl_store_records(KlStore *store, const KlRecordFilter *filter, GError **error);
KlRecord *kl_store_record(KlStore *store, const char *id, GError **error);
GArray *kl_store_record_numbers(KlStore *store, const KlRecordFilter *filter, GError **error);
GPtrArray *kl_store_records_numbered(KlStore *store, const gint64 *numbers, gsize n_numbers, GError **error);
GPtrArray *kl_store_field(KlStore *store, const KlFieldFilter *filter, GError **error);
GPtrArray *kl_store_field_strangers(KlStore *store, GError **error);
gboolean kl_store_cloud_said(KlStore *store, const char *place, const GPtrArray *rows, gint64 connections_alarm,
                             GError **error);
GPtrArray *kl_store_registrations(KlStore *store, const char *device, GError **error);
GPtrArray *kl_store_ledger(KlStore *store, const char *identifier, int status, GError **error);
gboolean kl_store_revoke(KlStore *store, const char *certificate_sha256, const char *reason, GError **error);
KlStatistics *kl_store_statistics(KlStore *store, const KlStatisticsRequest *request, GError **error);
char *kl_store_setting(KlStore *store, const char *key, GError **error);
gboolean kl_store_set_setting(KlStore *store, const char *key, const char *value, GError **error);
gboolean kl_store_add_act(KlStore *store, const KlAct *act, GError **error);
GPtrArray *kl_store_acts(KlStore *store, guint limit, GError **error);
gboolean kl_store_outbox_fill(KlStore *store, guint *count, GError **error);
KlOutboxRow *kl_store_outbox_next(KlStore *store, KlOutboxKind kind, gint64 now_us, gint64 *next_us, GError **error);
gboolean kl_store_outbox_sent(KlStore *store, gint64 number, GError **error);
gboolean kl_store_outbox_failed(KlStore *store, gint64 number, const char *code, const char *detail, gint64 next_us,
                                GError **error);
gboolean kl_store_outbox_park(KlStore *store, gint64 number, const char *code, const char *detail, GError **error);
gboolean kl_store_outbox_retry(KlStore *store, gint64 number, GError **error);
GPtrArray *kl_store_outbox_rows(KlStore *store, int state, guint limit, GError **error);
KlOutboxRow *kl_store_outbox_row(KlStore *store, KlOutboxKind kind, const char *key, GError **error);
gboolean kl_store_outbox_counts(KlStore *store, KlOutboxCounts *counts, GError **error);
gboolean kl_store_lease_add(KlStore *store, const char *sequence, guint64 first, guint count, GError **error);
gboolean kl_store_lease_left(KlStore *store, const char *sequence, guint64 *left, GError **error);
gboolean kl_store_use_seal(KlStore *store, KlSeal *seal, const char *station, GError **error);
gboolean kl_store_note(KlStore *store, const char *type, const char *data, GError **error);
gboolean kl_store_checkpoint(KlStore *store, const char *reason, char **line, GError **error);
gboolean kl_store_set_quota(KlStore *store, const char *work_order, guint64 units, GError **error);
gboolean kl_store_quota(KlStore *store, const char *work_order, guint64 *units, guint64 *used, GError **error);

G_END_DECLS
