/* How the record of one unit is shown: as JSON and for people. */
#pragma once

#include <stdio.h>

#include "station/cli/json.h"
#include "station/record.h"

G_BEGIN_DECLS

/* Adds the record's members to the object that is open. The keys: record_id, batch, station, slot, product, operator,
 * work_order, label, reprovision_reason, program, device, imei, fsn, model, firmware, keystore, outcome, code, words,
 * remedy, detail, first_code, already_provisioned, resumed, row_queued, certificate_sha256, started, ended, seconds;
 * and with steps: steps, an array of {step, attempt, outcome, code, detail, ms, device_ms, store_ms}. */
void kl_unit_report_json(JsonBuilder *builder, const KlRecord *record, gboolean steps);

/* The record's head as a table of what and value, and below it why the unit did not pass. */
void kl_unit_report_print(FILE *file, const KlRecord *record);

/* The record's steps as a table. */
void kl_unit_report_print_steps(FILE *file, const KlRecord *record);

/* "3.2": how long the job took, or "-". The caller frees. */
char *kl_unit_report_seconds(const KlRecord *record);

/* "PASS", "FAIL" ...; "PASS, row queued" when the registration row had not reached the cloud by then. The caller frees.
 */
char *kl_unit_report_outcome(const KlRecord *record);

G_END_DECLS
