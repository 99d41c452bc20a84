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

static void
end_job(KlSession *session, KlCard *card, KlEvent *event)
{
    g_clear_pointer(&card->record, kl_record_free);
    card->record = g_steal_pointer(&event->record);
    card->state = kl_verdict_state(card->record);
    set_unit(card, card->record->unit);
    g_signal_emit_by_name(session, "record", card->record);
    kl_session_count(session);
}

/* The verdict stays until its unit is gone. A label that was kept for the next unit starts that as soon as it is there.
 */
static void
change_presence(KlSession *session, guint index, KlCard *card, gboolean present)
{
    card->present = present;
    if (!present) {
        card->state = KL_CARD_EMPTY;
        g_clear_pointer(&card->unit, g_free);
        g_clear_pointer(&card->record, kl_record_free);
    } else if (card->state == KL_CARD_EMPTY) {
        card->state = KL_CARD_READY;
        if (card->label != NULL)
            kl_session_start(session, index, NULL, NULL, NULL);
    }
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
        change_presence(session, (guint)index, card, event->plug != 0);
        break;
    case KL_EVENT_JOB_END:
        end_job(session, card, event);
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
