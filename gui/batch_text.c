#include "gui/batch_text.h"

#include "gui/i18n.h"
#include "gui/search.h"
#include "station/error.h"
#include "station/step.h"

#define ID_SHOWN 8 /* characters of a batch id that find it */

char *
kl_batch_text_state(const KlBatch *batch)
{
    guint count = kl_batch_count(batch), left = kl_batch_left(batch), running = kl_batch_running(batch);
    switch (kl_batch_state(batch)) {
    case KL_BATCH_STOPPED:
        return g_strdup_printf(_("Armed, but the line is stopped: %u of %u done, %u left"), count - left, count, left);
    case KL_BATCH_STOPPING:
        return g_strdup_printf(_("Stopping: %u still at work, %u of %u done"), running, count - left, count);
    case KL_BATCH_ARMED:
    case KL_BATCH_DONE:
    default:
        return g_strdup_printf(_("Armed: %u of %u done, %u left, %u at work"), count - left, count, left, running);
    }
}

char *
kl_batch_text_result(const KlBatch *batch, const KlBatchReport *report)
{
    guint count = kl_batch_count(batch);
    if (report->units == 0)
        return g_strdup(_("Batch ended: no unit was worked on."));
    g_autofree char *result =
        g_strdup_printf(_("%u passed (%.1f%%), %u failed, %u passed at the first attempt"), report->passed,
                        report->yield_percent, report->failed, report->first_pass);
    if (report->units < count)
        return g_strdup_printf(_("Batch ended early, with %u of %u units: %s"), report->units, count, result);
    return g_strdup_printf(ngettext("Batch ended: %u unit, %s", "Batch ended: %u units, %s", report->units),
                           report->units, result);
}

char *
kl_batch_text_cause(const KlBatchCause *cause)
{
    int code = cause->code != NULL ? kl_error_from_name(cause->code) : -1;
    const char *words = _(kl_error_words(code >= 0 ? (KlErrorCode)code : KL_ERROR_INTERNAL));
    g_autofree char *slots = g_strdup_printf(_("(slots: %s)"), cause->slots);
    return g_strdup_printf("%u × %s %s", cause->jobs, words, slots);
}

char *
kl_batch_text_more(const KlBatch *batch, const KlBatchReport *report)
{
    g_autofree char *search = g_strdup_printf(KL_SEARCH_BATCH "%.*s", ID_SHOWN, kl_batch_id(batch));
    g_autofree char *found = g_strdup_printf(_("All of it: look for %s in the history."), search);
    if (report->slowest_step == NULL)
        return g_steal_pointer(&found);
    g_autofree char *slowest =
        g_strdup_printf(_("Slowest step: %s, %.1f s in slot %s"), _(kl_step_title(report->slowest_step)),
                        (double)report->slowest_us / G_USEC_PER_SEC, report->slowest_slot);
    return g_strdup_printf("%s · %s", slowest, found);
}
