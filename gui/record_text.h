/* Records in words, for the screen and the clipboard. */
#pragma once

#include "station/field.h"
#include "station/record.h"

G_BEGIN_DECLS

/* Text of unknown origin as one line: valid UTF-8, whatever is not printable replaced. NULL stays NULL. The caller
 * frees. */
char *kl_record_safe(const char *text);

/* UTC microseconds as local "2025-01-31 14:05:09"; NULL for 0. The caller frees. */
char *kl_record_time(gint64 time_us);

/* "1.25 s", or "25 ms" when it is less than a second; the caller frees. */
char *kl_record_seconds(gint64 duration_us);

/* How long the job took, or NULL while it runs. The caller frees. */
char *kl_record_took(const KlRecord *record);

/* What the unit is called: device id, else FSN, else the label scanned, else NULL. Borrowed, as the unit sent it. */
const char *kl_record_unit(const KlRecord *record);

/* A step's attempt: "Installing the certificate, attempt 2". The caller frees. */
char *kl_record_step_name(const KlStepResult *step);

/* How it ended: "PASS", or "FAIL · INSTALL_REFUSED". The caller frees. */
char *kl_record_step_end(const KlStepResult *step);

/* One thing that is known of a record. */
typedef struct {
    const char *name; /* translated; static */
    char *value;      /* one line, safe to show */
} KlFact;

void kl_fact_free(KlFact *fact);

/* What is known of a record, in the order to show it: array of KlFact. field: its unit in the field, or NULL. */
GPtrArray *kl_record_facts(const KlRecord *record, const KlFieldUnit *field);

/* The whole record as text: facts, steps, certificate (as text, or NULL) and transcript. The caller frees. */
char *kl_record_text(const KlRecord *record, const KlFieldUnit *field, const char *certificate);

G_END_DECLS
