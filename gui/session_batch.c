/* The armed line. */
#include "gui/session_private.h"

const KlBatch *
kl_session_batch(KlSession *session)
{
    return session->batch;
}

const char *
kl_session_batch_id(KlSession *session)
{
    if (session->batch == NULL || kl_batch_state(session->batch) == KL_BATCH_STOPPING)
        return NULL;
    return kl_batch_id(session->batch);
}

/* What runs goes on, but the batch is over as soon as nothing does. */
static void
end_if_done(KlSession *session)
{
    if (session->batch == NULL || kl_batch_state(session->batch) != KL_BATCH_DONE)
        return;
    g_autoptr(KlBatch) batch = g_steal_pointer(&session->batch);
    g_signal_emit_by_name(session, "batch-ended", batch);
}

void
kl_session_batch_begin(KlSession *session, const char *slot)
{
    const KlEvent begin = {.type = KL_EVENT_JOB_BEGIN, .slot = (char *)slot};
    kl_batch_event(session->batch, &begin);
}

gboolean
kl_session_can_arm(KlSession *session, GError **error)
{
    if (session->auditor)
        return kl_fail(error, KL_ERROR_AUDITOR_VIEW, "arm the line");
    if (kl_station_profile(session->station)->label_required)
        return kl_fail(error, KL_ERROR_LABEL_MISSING, "the product wants every unit's label scanned");
    if (session->operator_id == NULL)
        return kl_fail(error, KL_ERROR_NOT_SIGNED_ON, "arm the line");
    if (!session->unlocked || session->line == NULL)
        return kl_fail(error, session->locked_by, "arm the line");
    if (session->batch != NULL)
        return kl_fail(error, KL_ERROR_STATION_BUSY, "the line is armed");
    return TRUE;
}

gboolean
kl_session_arm(KlSession *session, guint count, GError **error)
{
    const KlJobRequest request = {.operator_id = session->operator_id, .work_order = session->work_order};
    if (!kl_session_can_arm(session, error))
        return FALSE;
    session->batch = kl_batch_new(session->line, kl_station_profile(session->station), &request, count, error);
    if (session->batch == NULL)
        return FALSE;
    /* What runs already is not started again. */
    for (guint i = 0; i < session->cards->len; i++) {
        const KlCard *card = kl_session_card(session, i);
        if (card->state == KL_CARD_RUNNING)
            kl_session_batch_begin(session, card->slot);
    }
    for (guint i = 0; i < session->cards->len; i++) {
        const KlCard *card = kl_session_card(session, i);
        gboolean waits = card->state == KL_CARD_READY || card->state == KL_CARD_RUNNING;
        kl_batch_present(session->batch, card->slot, waits ? card->plug : 0);
    }
    kl_session_tell_changed(session);
    return TRUE;
}

void
kl_session_disarm(KlSession *session)
{
    if (session->batch == NULL)
        return;
    kl_batch_stop(session->batch);
    end_if_done(session);
    kl_session_tell_changed(session);
}

void
kl_session_batch_event(KlSession *session, const KlEvent *event)
{
    if (session->batch == NULL)
        return;
    kl_batch_event(session->batch, event);
    end_if_done(session);
    kl_session_tell_changed(session);
}

void
kl_session_batch_resume(KlSession *session)
{
    if (session->batch != NULL)
        kl_batch_resume(session->batch);
}
