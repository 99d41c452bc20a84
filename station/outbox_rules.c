#include "station/outbox_rules.h"

/* pause_ms is doubled so often at most. */
#define DOUBLINGS_MAX 6

KlOutboxFate
kl_outbox_fate(KlOutboxKind kind, KlErrorCode code)
{
    /* Clean-up may be the business of another role than the station's: its rows must not hold up the others. */
    if (kind == KL_OUTBOX_CLEANUP && (code == KL_ERROR_CLOUD_DENIED || code == KL_ERROR_CLOUD_REFUSED))
        return KL_OUTBOX_PARK;
    if (code == KL_ERROR_NET_DOWN)
        return KL_OUTBOX_STAYS;
    switch (kl_error_kind(code)) {
    case KL_ERROR_KIND_STATION:
        return KL_OUTBOX_STAYS;
    case KL_ERROR_KIND_RETRY:
        return KL_OUTBOX_LATER;
    case KL_ERROR_KIND_UNIT:
    case KL_ERROR_KIND_BUG:
        break;
    }
    return KL_OUTBOX_PARK;
}

gboolean
kl_outbox_cuts_off(KlErrorCode code)
{
    return code == KL_ERROR_NET_DOWN || code == KL_ERROR_CLOUD_UNTRUSTED || code == KL_ERROR_CLOUD_CREDENTIALS ||
           code == KL_ERROR_CLOUD_CLOCK;
}

gboolean
kl_outbox_suspicious(KlErrorCode code)
{
    return kl_error_kind(code) != KL_ERROR_KIND_UNIT;
}

gint64
kl_outbox_pause_us(guint pause_ms, guint failures, double random)
{
    guint doublings = CLAMP(failures, 1, DOUBLINGS_MAX + 1) - 1;
    double longest = (double)pause_ms * 1000 * (1u << doublings);
    return (gint64)(longest / 2 + random * longest / 2);
}
