#include "gui/session_private.h"

G_DEFINE_FINAL_TYPE(KlSession, kl_session, G_TYPE_OBJECT)

enum { CARD_CHANGED, RECORD, CHANGED, BATCH_ENDED, BUS_CHANGED, N_SIGNALS };

static guint signals[N_SIGNALS];

#define TELL_EVERY_US (200 * G_TIME_SPAN_MILLISECOND)

KlCardSlot *
kl_session_slot(KlSession *session, guint index)
{
    g_assert(index < session->cards->len);
    return &g_array_index(session->cards, KlCardSlot, index);
}

static void
clear_slot(gpointer data)
{
    KlCardSlot *slot = data;
    g_clear_handle_id(&slot->timer, g_source_remove);
    g_clear_pointer(&slot->card.unit, g_free);
    g_clear_pointer(&slot->card.label, g_free);
    g_clear_pointer(&slot->card.step_title, g_free);
    g_clear_pointer(&slot->card.record, kl_record_free);
}

void
kl_session_close(KlSession *session)
{
    g_clear_pointer(&session->batch, kl_batch_free);
    kl_session_leave_bus(session);
    g_clear_pointer(&session->line, kl_line_free);
    if (session->signs != NULL)
        g_thread_pool_free(session->signs, FALSE, TRUE);
    session->signs = NULL;
}

/* What a session has to close in the end, and who waits for it. */
typedef struct {
    KlStation *station;
    KlStore *reader, *statistics_reader;
    void (*then)(gpointer data);
    gpointer data;
} KlSessionEnd;

static void
close_station(KlSessionEnd *end)
{
    g_clear_pointer(&end->reader, kl_store_free);
    g_clear_pointer(&end->statistics_reader, kl_store_free);
    g_clear_pointer(&end->station, kl_station_free);
}

static gboolean
go_on(gpointer data)
{
    KlSessionEnd *end = data;
    end->then(end->data);
    return G_SOURCE_REMOVE;
}

/* A station with a cloud may take seconds: it sends the last rows. */
static gpointer
close_in_thread(gpointer data)
{
    KlSessionEnd *end = data;
    close_station(end);
    kl_secret_thread_done();
    g_idle_add_full(G_PRIORITY_DEFAULT, go_on, end, g_free);
    return NULL;
}

void
kl_session_close_then(KlSession *session, void (*then)(gpointer data), gpointer data)
{
    kl_session_close(session);
    session->then = then;
    session->then_data = data;
    g_object_unref(session);
}

/* The last reference may go in any thread, and no thread but the main one may wait for the line's jobs. Asked while
 * the line's own threads may still take a reference, which they can't once the object is finalized. */
static void
kl_session_dispose(GObject *object)
{
    const KlSession *session = KL_SESSION(object);
    g_assert(session->line == NULL);
    G_OBJECT_CLASS(kl_session_parent_class)->dispose(object);
}

static void
kl_session_finalize(GObject *object)
{
    KlSession *session = KL_SESSION(object);
    KlSessionEnd end = {session->station, session->reader, session->statistics_reader, session->then,
                        session->then_data};
    kl_session_close(session);
    if (session->then != NULL)
        g_thread_unref(g_thread_new("close", close_in_thread, g_memdup2(&end, sizeof end)));
    else
        close_station(&end);
    g_array_unref(session->cards);
    g_free(session->operator_id);
    g_free(session->work_order);
    G_OBJECT_CLASS(kl_session_parent_class)->finalize(object);
}

static void
kl_session_class_init(KlSessionClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_session_dispose;
    G_OBJECT_CLASS(klass)->finalize = kl_session_finalize;
    signals[CARD_CHANGED] = g_signal_new("card-changed", KL_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                         G_TYPE_NONE, 1, G_TYPE_UINT);
    signals[RECORD] =
        g_signal_new("record", KL_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_POINTER);
    signals[CHANGED] = g_signal_new("changed", KL_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[BATCH_ENDED] = g_signal_new("batch-ended", KL_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                        G_TYPE_NONE, 1, G_TYPE_POINTER);
    signals[BUS_CHANGED] =
        g_signal_new("bus-changed", KL_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
kl_session_init(KlSession *session)
{
    session->cards = g_array_new(FALSE, TRUE, sizeof(KlCardSlot));
    g_array_set_clear_func(session->cards, clear_slot);
    session->chosen = -1;
    session->locked_by = KL_ERROR_PASSPHRASE_MISSING;
    session->since_us = g_get_real_time();
    session->signs = g_thread_pool_new(kl_session_keep_sign, session, 1, FALSE, NULL);
}

KlSession *
kl_session_new(const char *dir, GError **error)
{
    g_autoptr(KlSession) session = g_object_new(KL_TYPE_SESSION, NULL);
    session->station = kl_station_open(dir, KL_STATION_RUN, NULL, error);
    if (session->station == NULL)
        return NULL;
    session->reader = kl_station_open_reader(session->station, error);
    session->statistics_reader = session->reader != NULL ? kl_station_open_reader(session->station, error) : NULL;
    if (session->statistics_reader == NULL)
        return NULL;
    const KlConfig *config = kl_station_config(session->station);
    g_array_set_size(session->cards, config->slots->len);
    for (guint i = 0; i < config->slots->len; i++) {
        const KlSlotConfig *slot = g_ptr_array_index(config->slots, i);
        kl_session_slot(session, i)->card.slot = slot->name;
    }
    session->line = kl_line_new(config, kl_station_bench(session->station), kl_session_on_event, session);
    if (kl_session_uses_bus(session))
        kl_session_bus(session, NULL);
    return g_steal_pointer(&session);
}

KlStation *
kl_session_station(KlSession *session)
{
    return session->station;
}

KlStore *
kl_session_reader(KlSession *session)
{
    return session->reader;
}

KlStore *
kl_session_statistics_reader(KlSession *session)
{
    return session->statistics_reader;
}

static gboolean
tell_later(gpointer data)
{
    const gpointer *pair = data;
    KlSession *session = pair[0];
    guint index = GPOINTER_TO_UINT(pair[1]);
    kl_session_slot(session, index)->timer = 0;
    kl_session_tell(session, index, TRUE);
    return G_SOURCE_REMOVE;
}

void
kl_session_tell(KlSession *session, guint index, gboolean at_once)
{
    KlCardSlot *slot = kl_session_slot(session, index);
    gint64 wait_us = slot->told_us + TELL_EVERY_US - g_get_monotonic_time();
    if (at_once || wait_us <= 0) {
        g_clear_handle_id(&slot->timer, g_source_remove);
        slot->told_us = g_get_monotonic_time();
        g_signal_emit(session, signals[CARD_CHANGED], 0, index);
    } else if (slot->timer == 0) {
        gpointer *pair = g_new(gpointer, 2);
        pair[0] = session;
        pair[1] = GUINT_TO_POINTER(index);
        slot->timer = g_timeout_add_full(G_PRIORITY_DEFAULT, (guint)(wait_us / 1000) + 1, tell_later, pair, g_free);
    }
}

void
kl_session_tell_changed(KlSession *session)
{
    g_signal_emit(session, signals[CHANGED], 0);
}

gboolean
kl_session_unlocked(KlSession *session)
{
    return session->unlocked;
}

KlErrorCode
kl_session_locked_by(KlSession *session)
{
    return session->locked_by;
}

static void
unlock_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    GError *error = NULL;
    KlStation *station = KL_SESSION(source)->station;
    gboolean ok = kl_station_unlock(station, data, &error) && kl_station_ready(station, &error);
    kl_secret_thread_done();
    if (ok)
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

void
kl_session_unlock(KlSession *session, KlSecret *passphrase, GAsyncReadyCallback done, gpointer data)
{
    g_autoptr(GTask) task = g_task_new(session, NULL, done, data);
    g_task_set_task_data(task, passphrase, (GDestroyNotify)kl_secret_free);
    g_task_run_in_thread(task, unlock_in_thread);
}

gboolean
kl_session_unlock_finish(KlSession *session, GAsyncResult *result, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (!g_task_propagate_boolean(G_TASK(result), &failure)) {
        gboolean known = kl_error_code(failure) == KL_ERROR_FIRMWARE_MISSING;
        session->locked_by = known ? KL_ERROR_FIRMWARE_MISSING : KL_ERROR_PASSPHRASE_MISSING;
        g_propagate_error(error, g_steal_pointer(&failure));
        kl_session_tell_changed(session);
        return FALSE;
    }
    session->unlocked = TRUE;
    kl_session_count(session);
    kl_session_tell_changed(session);
    return TRUE;
}

guint
kl_session_n_cards(KlSession *session)
{
    return session->cards->len;
}

const KlCard *
kl_session_card(KlSession *session, guint index)
{
    return &kl_session_slot(session, index)->card;
}

gboolean
kl_session_start(KlSession *session, guint index, const char *label, const char *reason, GError **error)
{
    KlCard *card = &kl_session_slot(session, index)->card;
    KlJobRequest request = {
        .batch = kl_session_batch_id(session),
        .operator_id = session->operator_id,
        .work_order = session->work_order,
        .label = label != NULL ? label : card->label,
        .reprovision_reason = reason,
    };
    if (kl_session_auditor(session))
        return kl_fail(error, KL_ERROR_AUDITOR_VIEW, "slot %s", card->slot);
    if (session->operator_id == NULL)
        return kl_fail(error, KL_ERROR_NOT_SIGNED_ON, "slot %s", card->slot);
    if (!session->unlocked || session->line == NULL)
        return kl_fail(error, kl_session_locked_by(session), "slot %s", card->slot);
    if (!kl_line_start(session->line, card->slot, &request, error))
        return FALSE;
    g_clear_pointer(&card->label, g_free);
    card->state = KL_CARD_RUNNING;
    if (request.batch != NULL)
        kl_session_batch_begin(session, card->slot);
    kl_session_tell(session, index, TRUE);
    return TRUE;
}

void
kl_session_stop(KlSession *session, guint index)
{
    if (session->line == NULL)
        return;
    KlSlot *slot = kl_line_slot(session->line, kl_session_card(session, index)->slot, NULL);
    if (slot != NULL)
        kl_slot_stop(slot);
}

gboolean
kl_session_running(KlSession *session)
{
    for (guint i = 0; i < session->cards->len; i++) {
        if (kl_session_card(session, i)->state == KL_CARD_RUNNING)
            return TRUE;
    }
    /* Of what the batch has just started, the cards do not know yet. */
    return session->batch != NULL && kl_batch_running(session->batch) > 0;
}

void
kl_session_choose(KlSession *session, int index)
{
    int before = session->chosen;
    session->chosen = index >= 0 && (guint)index < session->cards->len ? index : -1;
    if (before >= 0)
        kl_session_tell(session, (guint)before, TRUE);
    if (session->chosen >= 0)
        kl_session_tell(session, (guint)session->chosen, TRUE);
}

int
kl_session_chosen(KlSession *session)
{
    return session->chosen;
}

const char *
kl_session_line_error(KlSession *session)
{
    return session->line != NULL ? kl_line_stopped(session->line) : NULL;
}

void
kl_session_resume(KlSession *session)
{
    kl_session_note(session, "resume");
    if (session->line != NULL)
        kl_line_resume(session->line);
    kl_session_batch_resume(session);
    kl_session_tell_changed(session);
}
