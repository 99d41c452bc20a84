/* A batch in words, translated. The caller frees. */
#pragma once

#include "station/batch.h"
#include "station/batch_report.h"

G_BEGIN_DECLS

/* "Armed: 12 of 64 done, 52 left, 4 at work" */
char *kl_batch_text_state(const KlBatch *batch);

/* "Batch ended: 64 units, 62 passed (96.9%), 60 at the first attempt" */
char *kl_batch_text_result(const KlBatch *batch, const KlBatchReport *report);

/* "3 × The unit does not answer. (slots: 03, 07)" */
char *kl_batch_text_cause(const KlBatchCause *cause);

/* The slowest step, and how to find the batch again. */
char *kl_batch_text_more(const KlBatch *batch, const KlBatchReport *report);

G_END_DECLS
