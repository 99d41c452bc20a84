#include "station/outcome.h"

static const char *const names[] = {
    [KL_OUTCOME_RUNNING] = "RUNNING", [KL_OUTCOME_PASS] = "PASS",       [KL_OUTCOME_FAIL] = "FAIL",
    [KL_OUTCOME_ERROR] = "ERROR",     [KL_OUTCOME_TIMEOUT] = "TIMEOUT", [KL_OUTCOME_ABORTED] = "ABORTED",
};

const char *
kl_outcome_name(KlOutcome outcome)
{
    g_return_val_if_fail((guint)outcome < G_N_ELEMENTS(names), "ERROR");
    return names[outcome];
}

int
kl_outcome_from_name(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_strcmp0(names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

KlOutcome
kl_outcome_of(KlErrorCode code)
{
    switch (code) {
    case KL_ERROR_NO_ANSWER:
    case KL_ERROR_ANSWER_LATE:
    case KL_ERROR_STEP_TIMEOUT:
    case KL_ERROR_REHEARSAL_SILENT:
        return KL_OUTCOME_TIMEOUT;
    case KL_ERROR_CANCELLED:
    case KL_ERROR_INTERRUPTED:
    case KL_ERROR_UNIT_REMOVED:
        return KL_OUTCOME_ABORTED;
    /* Worth another try, and never the unit's fault. */
    case KL_ERROR_NET_DOWN:
    case KL_ERROR_CLOUD_TIMEOUT:
    case KL_ERROR_CLOUD_IN_DOUBT:
    case KL_ERROR_CLOUD_UNAVAILABLE:
    case KL_ERROR_CLOUD_THROTTLED:
    case KL_ERROR_CLOUD_GARBLED:
    case KL_ERROR_BROKER_DOWN:
        return KL_OUTCOME_ERROR;
    default:
        break;
    }
    switch (kl_error_kind(code)) {
    case KL_ERROR_KIND_STATION:
    case KL_ERROR_KIND_BUG:
        return KL_OUTCOME_ERROR;
    case KL_ERROR_KIND_RETRY:
    case KL_ERROR_KIND_UNIT:
        break;
    }
    return KL_OUTCOME_FAIL;
}
