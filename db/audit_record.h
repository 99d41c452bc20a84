/* The record of an ended job as the journal has it, made of the rows that keep it: so the two can be compared. */
#pragma once

#include <sqlite3.h>

#include "station/canonical.h"

G_BEGIN_DECLS

/* The columns of jobs that kl_audit_record_write() reads, in its order; from the query's first column on. */
#define KL_AUDIT_RECORD_COLUMNS                                                                                        \
    "agent_version, already_provisioned, batch, boot_id, certificate, code, detail, device_id, ended_us, firmware,"    \
    " first_code, fsn, id, imei, keystore, label, model, operator, outcome, product, program, reprovision_reason,"     \
    " resumed, row_queued, slot, started_us, station, work_order"
#define KL_AUDIT_RECORD_N_COLUMNS 28

/* The job's steps in order: a query with the job's id as ?1. */
#define KL_AUDIT_STEPS                                                                                                 \
    "SELECT attempt, code, detail, device_us, duration_us, outcome, start_us, step, store_us"                          \
    " FROM steps WHERE job = ?1 ORDER BY position"

/* Writes object "record" of the current row of jobs and the steps. steps: a fresh query, which is read to its end.
 * STORE_CORRUPT: a number that JSON can't have. STORE_*. */
gboolean kl_audit_record_write(KlCanonical *writer, sqlite3 *db, sqlite3_stmt *job, sqlite3_stmt *steps,
                               GError **error);

/* The data of the job's job-end event, and the unit that it is about (or NULL). The caller frees both. */
gboolean kl_audit_record_data(sqlite3 *db, const char *job, char **data, char **imei, GError **error);

G_END_DECLS
