/* What is kept of one job: a self-contained copy, owned by whoever holds it. */
#pragma once

#include "station/outcome.h"
#include "station/unit.h"

G_BEGIN_DECLS

/* One attempt at one step. Failed attempts stay when a later one passes. */
typedef struct {
    char *step;    /* step id: "install" */
    guint attempt; /* 1.. */
    KlOutcome outcome;
    char *code;      /* error name, NULL when passed */
    char *detail;    /* technical message; of a step that passed: what it has to say, or NULL */
    gint64 start_us; /* since the job's start */
    gint64 duration_us;
    gint64 device_us; /* of which waiting for the device */
    gint64 store_us;  /* of which waiting for the store */
} KlStepResult;

void kl_step_result_free(KlStepResult *result);

typedef struct {
    char *id;      /* job UUID: the record's name */
    char *batch;   /* batch UUID or NULL */
    char *station; /* station's name */
    char *slot;
    char *product;            /* profile name */
    char *operator_id;        /* or NULL */
    char *work_order;         /* or NULL */
    char *label;              /* as scanned, or NULL */
    char *reprovision_reason; /* or NULL */
    char *program;            /* version of the program that ran the job */
    gint64 started_us;        /* UTC, microseconds since 1970 */
    gint64 ended_us;          /* 0 while running */

    KlUnit *unit; /* NULL when the job ended before the unit was known */
    KlOutcome outcome;
    char *code;                   /* name of the failure that decided, NULL on PASS */
    char *detail;                 /* its technical message, NULL on PASS */
    char *first_code;             /* name of the first failure of the job, also when a retry then passed */
    gboolean already_provisioned; /* found provisioned and verified, not redone */
    gboolean resumed;             /* went on where an earlier, broken-off job had stopped */
    gboolean row_queued;          /* PASS, and the registration row had not reached the cloud by then */
    char *certificate_sha256;     /* or NULL */
    GPtrArray *steps;             /* KlStepResult, in order */
    char *transcript;             /* text of kl_transcript_text, or NULL (listings leave it out) */
} KlRecord;

/* An empty record with an empty list of steps. */
KlRecord *kl_record_new(void);
KlRecord *kl_record_copy(const KlRecord *record);
void kl_record_free(KlRecord *record);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlStepResult, kl_step_result_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlRecord, kl_record_free)

G_END_DECLS
