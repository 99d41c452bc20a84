/* From the workers' events to the cards. */
#include "gui/session_private.h"
#include "gui/verdict.h"

typedef struct {
    KlSession *session;
    KlEvent *event;
} Delivery;

static void
delivery_free(gpointer data)
{
    Delivery *delivery = data;
    kl_event_free(delivery->event);
    g_object_unref(delivery->session);
    g_free(delivery);
}

static int
find_card(KlSession *session, const char *slot)
{
    for (guint i = 0; i < session->cards->len; i++) {
        if (g_str_equal(kl_session_card(session, i)->slot, slot))
            return (int)i;
    }
    return -1;
}

static void
set_unit(KlCard *card, const KlUnit *unit)
{
    if (unit == NULL)
        return;
    g_free(card->unit);
    card->unit = g_strdup(unit->device_id != NULL ? unit->device_id : unit->fsn);
}

static void
begin_job(KlCard *card, const KlEvent *event)
{
    card->state = KL_CARD_RUNNING;
    card->started_us = event->time_us;
    card->fraction = 0;
    card->n = 0;
    g_clear_pointer(&card->step_title, g_free);
    g_clear_pointer(&card->unit, g_free);
    g_clear_pointer(&card->record, kl_record_free);
}

/* Forgets the verdict, or what was known of a unit that is gone. */
static void
clear_card(KlCard *card)
{
    card->state = card->plug != 0 ? KL_CARD_READY : KL_CARD_EMPTY;
    g_clear_pointer(&card->unit, g_free);
    g_clear_pointer(&card->record, kl_record_free);
}

/* A verdict stays as long as its unit stands there. One whose unit was gone already stays until something comes. */
static gboolean
verdict_stands(const KlCardSlot *slot)
{
    return slot->card.plug == slot->verdict_plug;
}

/* What stands there now is another unit than before, or none. A label that was kept for the next unit starts it. */
static void
welcome(KlSession *session, guint index)
{
    KlCard *card = &kl_session_slot(session, index)->card;
    clear_card(card);
    if (card->state == KL_CARD_READY && card->label != NULL)
        kl_session_start(session, index, NULL, NULL, NULL);
}

static void
end_job(KlSession *session, guint index, const KlEvent *event)
{
    KlCardSlot *slot = kl_session_slot(session, index);
    KlCard *card = &slot->card;
    g_clear_pointer(&card->record, kl_record_free);
    card->record = kl_record_copy(event->record);
    card->state = kl_verdict_state(card->record);
    slot->verdict_plug = event->plug;
    set_unit(card, card->record->unit);
    g_signal_emit_by_name(session, "record", card->record);
    kl_session_count(session);
    if (!verdict_stands(slot))
        welcome(session, index);
}

/* A running job waits for its unit. */
static void
change_presence(KlSession *session, guint index, guint64 plug)
{
    KlCardSlot *slot = kl_session_slot(session, index);
    KlCard *card = &slot->card;
    card->plug = plug;
    if (card->state == KL_CARD_RUNNING || (card->record != NULL && verdict_stands(slot)))
        return;
    welcome(session, index);
}

static gboolean
deliver(gpointer data)
{
    Delivery *delivery = data;
    KlSession *session = delivery->session;
    KlEvent *event = delivery->event;
    int index = find_card(session, event->slot);
    if (index < 0)
        return G_SOURCE_REMOVE;
    KlCard *card = &kl_session_slot(session, (guint)index)->card;
    gboolean at_once = TRUE;

    switch (event->type) {
    case KL_EVENT_JOB_BEGIN:
        begin_job(card, event);
        kl_session_batch_event(session, event);
        break;
    case KL_EVENT_UNIT:
        set_unit(card, event->unit);
        break;
    case KL_EVENT_STEP_BEGIN:
        g_free(card->step_title);
        card->step_title = g_strdup(event->step_title);
        card->n = event->n;
        card->m = event->m;
        at_once = FALSE;
        break;
    case KL_EVENT_PROGRESS:
        card->fraction = MAX(card->fraction, event->fraction);
        at_once = FALSE;
        break;
    case KL_EVENT_STEP_END:
        return G_SOURCE_REMOVE;
    case KL_EVENT_PRESENCE:
        change_presence(session, (guint)index, event->plug);
        kl_session_batch_event(session, event);
        break;
    case KL_EVENT_JOB_END:
        /* First a label that was kept: the batch would start the unit without it. */
        end_job(session, (guint)index, event);
        kl_session_batch_event(session, event);
        break;
    }
    kl_session_tell(session, (guint)index, at_once);
    return G_SOURCE_REMOVE;
}

void
kl_session_on_event(KlEvent *event, gpointer data)
{
    Delivery *delivery = g_new(Delivery, 1);
    delivery->session = g_object_ref(data);
    delivery->event = event;
    /* Not g_main_context_invoke_full(): while nobody owns the main context, that would run it in this thread. */
    g_idle_add_full(G_PRIORITY_DEFAULT, deliver, delivery, delivery_free);
}
