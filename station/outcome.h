/* How a job or a step ended. */
#pragma once

#include "station/error.h"

G_BEGIN_DECLS

typedef enum {
    KL_OUTCOME_RUNNING, /* not ended */
    KL_OUTCOME_PASS,
    KL_OUTCOME_FAIL,    /* the unit's fault */
    KL_OUTCOME_ERROR,   /* the station's fault, or the network's or the cloud's */
    KL_OUTCOME_TIMEOUT, /* the unit did not answer in time */
    KL_OUTCOME_ABORTED, /* stopped by the operator, or interrupted */
} KlOutcome;

/* "RUNNING", "PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED": as stored and shown. Static. */
const char *kl_outcome_name(KlOutcome outcome);

/* The outcome of a stored name, or -1. */
int kl_outcome_from_name(const char *name);

/* The outcome that a failure with this code means. Never PASS. */
KlOutcome kl_outcome_of(KlErrorCode code);

G_END_DECLS
