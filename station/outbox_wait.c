/* What others see of the outbox: its status, and how they wait for it. */
#include <string.h>
#include <time.h>

#include "station/error.h"
#include "station/outbox_private.h"
#include "station/outbox_rules.h"

static void
init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

void
kl_outbox_init_waiting(KlOutbox *outbox)
{
    pthread_mutex_init(&outbox->lock, NULL);
    init_cond(&outbox->wake);
    init_cond(&outbox->news);
    outbox->waiters = g_ptr_array_new();
}

void
kl_outbox_clear_waiting(KlOutbox *outbox)
{
    g_ptr_array_unref(outbox->waiters);
    pthread_cond_destroy(&outbox->news);
    pthread_cond_destroy(&outbox->wake);
    pthread_mutex_destroy(&outbox->lock);
}

/* FALSE when the time is up. */
static gboolean
wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, gint64 until_us)
{
    const struct timespec until = {until_us / G_USEC_PER_SEC, until_us % G_USEC_PER_SEC * 1000};
    return pthread_cond_timedwait(cond, lock, &until) == 0;
}

gboolean
kl_outbox_sleep(KlOutbox *outbox, gint64 until_us, gboolean *poked)
{
    pthread_mutex_lock(&outbox->lock);
    while (!outbox->stop && !outbox->poked && g_get_monotonic_time() < until_us)
        (void)wait_until(&outbox->wake, &outbox->lock, until_us);
    *poked = outbox->poked;
    outbox->poked = FALSE;
    gboolean go_on = !outbox->stop;
    pthread_mutex_unlock(&outbox->lock);
    return go_on;
}

void
kl_outbox_poke(KlOutbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->poked = TRUE;
    pthread_cond_signal(&outbox->wake);
    pthread_mutex_unlock(&outbox->lock);
}

void
kl_outbox_hit(KlOutbox *outbox, int kind, const char *key)
{
    pthread_mutex_lock(&outbox->lock);
    for (guint i = 0; i < outbox->waiters->len; i++) {
        KlOutboxWaiter *waiter = outbox->waiters->pdata[i];
        if (waiter->kind == kind && strcmp(waiter->key, key) == 0)
            waiter->hit = TRUE;
    }
    pthread_cond_broadcast(&outbox->news);
    pthread_mutex_unlock(&outbox->lock);
}

KlOutboxStatus
kl_outbox_status(KlOutbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    KlOutboxStatus status = outbox->status;
    pthread_mutex_unlock(&outbox->lock);
    return status;
}

gboolean
kl_outbox_prompt(KlOutbox *outbox, KlOutboxKind kind, guint wait_ms)
{
    const KlOutboxStatus status = kl_outbox_status(outbox);
    guint rate = outbox->options.per_second;
    guint64 before = 0;
    for (guint i = 0; i < KL_OUTBOX_KINDS; i++)
        before += status.waiting_codes[i] == NULL ? status.queued_of[i] : 0;
    return status.waiting_codes[kind] == NULL && (rate == 0 || before * 1000 / rate <= wait_ms);
}

gboolean
kl_outbox_answers(KlOutbox *outbox)
{
    static const KlOutboxKind kinds[] = {KL_OUTBOX_REGISTRATION, KL_OUTBOX_RECORD};
    const KlOutboxStatus status = kl_outbox_status(outbox);
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        int code = kl_error_from_name(status.waiting_codes[kinds[i]]);
        if (code >= 0 && (code == KL_ERROR_CLOUD_TIMEOUT || kl_outbox_cuts_off((KlErrorCode)code)))
            return FALSE;
    }
    return TRUE;
}

/* On the thread of whoever cancels. */
static void
wake_all(GCancellable *cancel, gpointer data)
{
    KlOutbox *outbox = data;
    pthread_mutex_lock(&outbox->lock);
    pthread_cond_broadcast(&outbox->news);
    pthread_mutex_unlock(&outbox->lock);
}

/* Waits for a hit. FALSE when the time is up or it is stopped. */
static gboolean
wait_for_hit(KlOutbox *outbox, KlOutboxWaiter *waiter, gint64 until_us, GCancellable *cancel)
{
    gboolean in_time = TRUE;
    pthread_mutex_lock(&outbox->lock);
    while (!waiter->hit && in_time && !g_cancellable_is_cancelled(cancel))
        in_time = wait_until(&outbox->news, &outbox->lock, until_us);
    gboolean hit = waiter->hit;
    waiter->hit = FALSE;
    pthread_mutex_unlock(&outbox->lock);
    return hit;
}

/* Looks as often as there are news, and once more when the time is up. look returns KL_ACK_WAITING for as long as it
 * makes sense to. */
static int
wait_for(KlOutbox *outbox, int kind, const char *key,
         int (*look)(KlOutbox *outbox, const KlOutboxWaiter *waiter, GError **error), guint wait_ms, KlOp *op,
         GError **error)
{
    KlOutboxWaiter waiter = {kind, key, FALSE};
    gint64 until_us = kl_op_until(op, wait_ms);
    /* Outside of the lock, which its callback takes. */
    gulong watch = op->cancel != NULL ? g_cancellable_connect(op->cancel, G_CALLBACK(wake_all), outbox, NULL) : 0;
    pthread_mutex_lock(&outbox->lock);
    g_ptr_array_add(outbox->waiters, &waiter);
    pthread_mutex_unlock(&outbox->lock);
    kl_outbox_poke(outbox);

    int answer = look(outbox, &waiter, error);
    for (gboolean hit = TRUE; answer == KL_ACK_WAITING && hit;) {
        hit = wait_for_hit(outbox, &waiter, until_us, op->cancel);
        answer = look(outbox, &waiter, error);
    }

    pthread_mutex_lock(&outbox->lock);
    g_ptr_array_remove_fast(outbox->waiters, &waiter);
    pthread_mutex_unlock(&outbox->lock);
    if (watch != 0)
        g_cancellable_disconnect(op->cancel, watch);
    return answer == KL_ACK_WAITING && !kl_op_check(op, error) ? -1 : answer;
}

/* Why a row was parked, as it was kept. */
static void
fail_parked(const KlOutboxRow *row, GError **error)
{
    int code = kl_error_from_name(row->last_code);
    kl_fail(error, code >= 0 ? (KlErrorCode)code : KL_ERROR_CLOUD_REFUSED, "%s %s is parked: %s",
            kl_outbox_kind_name(row->kind), row->key, row->last_detail != NULL ? row->last_detail : "by a person");
}

static int
look_at_row(KlOutbox *outbox, const KlOutboxWaiter *waiter, GError **error)
{
    KlStore *store = outbox->options.store;
    g_autoptr(GError) failure = NULL;
    g_autoptr(KlOutboxRow) row = store->klass->outbox_row(store, (KlOutboxKind)waiter->kind, waiter->key, &failure);
    if (row == NULL) {
        if (failure == NULL)
            kl_fail(&failure, KL_ERROR_INTERNAL, "%s %s was never queued",
                    kl_outbox_kind_name((KlOutboxKind)waiter->kind), waiter->key);
        g_propagate_error(error, g_steal_pointer(&failure));
        return -1;
    }
    if (row->state == KL_OUTBOX_SENT)
        return KL_ACK_SENT;
    if (row->state == KL_OUTBOX_QUEUED)
        return KL_ACK_WAITING;
    fail_parked(row, error);
    return KL_ACK_PARKED;
}

int
kl_outbox_wait(KlOutbox *outbox, KlOutboxKind kind, const char *key, guint wait_ms, KlOp *op, GError **error)
{
    return wait_for(outbox, (int)kind, key, look_at_row, wait_ms, op, error);
}

static int
look_at_stock(KlOutbox *outbox, const KlOutboxWaiter *waiter, GError **error)
{
    KlStore *store = outbox->options.store;
    guint64 left = 0;
    if (!store->klass->lease_left(store, waiter->key, &left, error))
        return -1;
    return left > 0 ? KL_ACK_SENT : KL_ACK_WAITING;
}

gboolean
kl_outbox_wait_ids(KlOutbox *outbox, guint wait_ms, KlOp *op, GError **error)
{
    int answer = outbox->sequence == NULL
                     ? KL_ACK_WAITING
                     : wait_for(outbox, KL_OUTBOX_IDS, outbox->sequence, look_at_stock, wait_ms, op, error);
    if (answer != KL_ACK_WAITING)
        return answer == KL_ACK_SENT;
    const char *why = kl_outbox_status(outbox).ids_code;
    return kl_fail(error, KL_ERROR_IDS_EXHAUSTED, "no numbers could be leased: %s",
                   why != NULL ? why : "no answer yet");
}

static int
look_at_rest(KlOutbox *outbox, const KlOutboxWaiter *waiter, GError **error)
{
    KlStore *store = outbox->options.store;
    const KlOutboxStatus status = kl_outbox_status(outbox);
    for (int kind = 0; kind < KL_OUTBOX_KINDS; kind++) {
        g_autoptr(GError) failure = NULL;
        if (status.waiting_codes[kind] != NULL)
            continue;
        g_autoptr(KlOutboxRow) row = store->klass->outbox_next(store, (KlOutboxKind)kind, G_MAXINT64, NULL, &failure);
        if (row != NULL)
            return KL_ACK_WAITING;
        if (failure != NULL)
            return -1;
    }
    return KL_ACK_SENT;
}

void
kl_outbox_flush(KlOutbox *outbox, guint wait_ms)
{
    KlOp op = {0};
    (void)wait_for(outbox, KL_OUTBOX_REST, "", look_at_rest, wait_ms, &op, NULL);
}
