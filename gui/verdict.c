#include "gui/verdict.h"

#include "gui/i18n.h"

const KlVerdictLook *
kl_verdict_look(KlCardState state)
{
    static const KlVerdictLook looks[] = {
        [KL_CARD_EMPTY] = {"card-empty", NULL, N_("empty")},
        [KL_CARD_READY] = {"card-ready", NULL, N_("ready")},
        [KL_CARD_RUNNING] = {"card-running", NULL, N_("running")},
        [KL_CARD_PASS] = {"card-pass", "kl-pass-symbolic", N_("PASS")},
        [KL_CARD_FAIL] = {"card-fail", "kl-fail-symbolic", N_("FAIL")},
        [KL_CARD_RETRY] = {"card-retry", "kl-retry-symbolic", N_("TRY AGAIN")},
        [KL_CARD_ERROR] = {"card-error", "kl-error-symbolic", N_("STATION ERROR")},
    };
    g_assert((gsize)state < G_N_ELEMENTS(looks));
    return &looks[state];
}

/* The code that decided; INTERNAL for a name that this program does not know. */
static KlErrorCode
code_of(const KlRecord *record)
{
    int code = record->code != NULL ? kl_error_from_name(record->code) : -1;
    return code >= 0 ? (KlErrorCode)code : KL_ERROR_INTERNAL;
}

KlCardState
kl_verdict_state(const KlRecord *record)
{
    switch (record->outcome) {
    case KL_OUTCOME_RUNNING:
        return KL_CARD_RUNNING;
    case KL_OUTCOME_PASS:
        return KL_CARD_PASS;
    case KL_OUTCOME_ERROR:
        return KL_CARD_ERROR;
    default:
        return kl_error_kind(code_of(record)) == KL_ERROR_KIND_RETRY ? KL_CARD_RETRY : KL_CARD_FAIL;
    }
}

const char *
kl_verdict_words(const KlRecord *record)
{
    return record->outcome == KL_OUTCOME_PASS ? NULL : _(kl_error_words(code_of(record)));
}

const char *
kl_verdict_remedy(const KlRecord *record)
{
    return record->outcome == KL_OUTCOME_PASS ? NULL : _(kl_error_remedy(code_of(record)));
}

char *
kl_verdict_duration(gint64 duration_us)
{
    gint64 seconds = MAX(duration_us, 0) / G_USEC_PER_SEC;
    if (seconds >= 3600)
        return g_strdup_printf("%d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60));
    return g_strdup_printf("%d:%02d", (int)(seconds / 60), (int)(seconds % 60));
}
