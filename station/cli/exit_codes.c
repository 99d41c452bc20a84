#include "station/cli/exit_codes.h"

KlExitCode
kl_exit_code(KlErrorCode code)
{
    switch (code) {
    case KL_ERROR_USAGE:
    case KL_ERROR_CONFIG_INVALID:
    case KL_ERROR_STATION_MISSING:
    case KL_ERROR_SLOT_UNKNOWN:
    case KL_ERROR_RECORD_UNKNOWN:
    case KL_ERROR_CERTIFICATE_UNKNOWN:
    case KL_ERROR_CA_EXISTS:
        return KL_EXIT_USAGE;
    default:
        break;
    }
    switch (kl_error_kind(code)) {
    case KL_ERROR_KIND_RETRY:
    case KL_ERROR_KIND_UNIT:
        return KL_EXIT_UNIT;
    case KL_ERROR_KIND_STATION:
    case KL_ERROR_KIND_BUG:
    default:
        return KL_EXIT_STATION;
    }
}

KlExitCode
kl_exit_code_of_record(const KlRecord *record)
{
    if (record->outcome == KL_OUTCOME_PASS)
        return KL_EXIT_DONE;
    int code = kl_error_from_name(record->code);
    return kl_exit_code(code < 0 ? KL_ERROR_INTERNAL : (KlErrorCode)code);
}
