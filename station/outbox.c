/* The outbox's thread: takes the oldest row whose time has come, sends it, and decides by the answer what becomes of it
 * and of those of its kind behind it. */
#include "station/outbox.h"

#include <string.h>

#include "station/error.h"
#include "station/outbox_private.h"
#include "station/outbox_rules.h"

#define PAUSE_MS 1000                          /* after the first failure */
#define CALL_US (30 * G_USEC_PER_SEC)          /* for one row */
#define LOOK_US (60 * G_USEC_PER_SEC)          /* nobody has poked: the clock may have been set */
#define COUNT_US (250 * G_USEC_PER_SEC / 1000) /* between two countings of a busy queue */

#define STORE(outbox, method, ...) ((outbox)->options.store->klass->method((outbox)->options.store, __VA_ARGS__))

static gboolean
stopped(const KlOutbox *outbox)
{
    return g_cancellable_is_cancelled(outbox->cancel);
}

static gint64
pause_us(KlOutbox *outbox, guint failures)
{
    return kl_outbox_pause_us(outbox->options.pause_ms, failures, g_rand_double(outbox->rand));
}

/* Sets what holds up rows, or leases; NULL: nothing does. */
static void
set_trouble(KlOutbox *outbox, const char **trouble, const char *code)
{
    pthread_mutex_lock(&outbox->lock);
    if (*trouble != code) {
        outbox->count_stale = TRUE; /* tells it, too */
        outbox->counted_us = 0;
    }
    *trouble = code;
    pthread_mutex_unlock(&outbox->lock);
}

/* The rows of that kind wait. */
static void
hold(KlOutbox *outbox, KlOutboxKind kind, const GError *failure)
{
    KlOutboxLane *lane = &outbox->lanes[kind];
    lane->tried_us = g_get_monotonic_time();
    lane->held_us = lane->tried_us + pause_us(outbox, ++lane->failures);
    if (lane->failures == 1)
        g_message("the outbox: %s rows wait: %s", kl_outbox_kind_name(kind), failure->message);
    set_trouble(outbox, &outbox->status.waiting_codes[kind], kl_error_name(kl_error_code(failure)));
    kl_outbox_hit(outbox, KL_OUTBOX_REST, "");
}

/* The cloud has taken, or judged, a row: nothing holds up the others of its kind. */
static void
go_on(KlOutbox *outbox, KlOutboxKind kind)
{
    KlOutboxLane *lane = &outbox->lanes[kind];
    if (lane->failures > 0)
        g_message("the outbox: %s rows go on", kl_outbox_kind_name(kind));
    lane->failures = lane->run = 0;
    set_trouble(outbox, &outbox->status.waiting_codes[kind], NULL);
}

/* --- counting --- */

/* Returns when it wants to be called again, as the two that follow. */
static gint64
count(KlOutbox *outbox)
{
    g_auto(KlOutboxCounts) counts = {0};
    gint64 now_us = g_get_monotonic_time();
    if (!outbox->count_stale)
        return G_MAXINT64;
    if (now_us < outbox->counted_us + COUNT_US)
        return outbox->counted_us + COUNT_US;
    outbox->counted_us = now_us;
    outbox->count_stale = FALSE;
    if (!STORE(outbox, outbox_counts, &counts, NULL))
        return G_MAXINT64; /* whoever sends finds out, too, and tells */
    pthread_mutex_lock(&outbox->lock);
    outbox->status.queued = counts.queued;
    outbox->status.parked = counts.parked;
    outbox->status.oldest_us = counts.oldest_us;
    memcpy(outbox->status.queued_of, counts.queued_of, sizeof counts.queued_of);
    pthread_mutex_unlock(&outbox->lock);
    if (outbox->options.changed != NULL)
        outbox->options.changed(outbox->options.changed_data);
    return G_MAXINT64;
}

/* --- sending --- */

static gboolean
withdraw(KlOutbox *outbox, const KlOutboxRow *row, KlOp *op, GError **error)
{
    KlSigner *signer = outbox->options.signer;
    g_autofree char *device_id = kl_outbox_row_text(row, "device_id");
    if (signer == NULL || signer->klass->withdraw == NULL)
        return kl_fail(error, KL_ERROR_CLOUD_REFUSED, "the station's signer takes no certificates out of the cloud");
    return signer->klass->withdraw(signer, row->key, device_id, op, error);
}

static gboolean
send(KlOutbox *outbox, const KlOutboxRow *row, GError **error)
{
    KlSink *sink = outbox->options.sink;
    gint64 now_us = g_get_monotonic_time();
    KlOp op = {.deadline_us = now_us + CALL_US, .cancel = outbox->cancel};
    if (outbox->options.per_second > 0)
        outbox->spaced_us = now_us + G_USEC_PER_SEC / outbox->options.per_second;
    if (row->kind == KL_OUTBOX_CLEANUP)
        return withdraw(outbox, row, &op, error);
    return sink->klass->put(sink, row, &op, error);
}

static gboolean
keep_sent(KlOutbox *outbox, const KlOutboxRow *row, GError **error)
{
    if (!STORE(outbox, outbox_sent, row->number, error))
        return FALSE;
    go_on(outbox, row->kind);
    kl_outbox_hit(outbox, (int)row->kind, row->key);
    return TRUE;
}

static gboolean
keep_parked(KlOutbox *outbox, const KlOutboxRow *row, const GError *failure, GError **error)
{
    const char *code = kl_error_name(kl_error_code(failure));
    g_message("parked: %s %s: %s: %s", kl_outbox_kind_name(row->kind), row->key, code, failure->message);
    if (!STORE(outbox, outbox_park, row->number, code, failure->message, error))
        return FALSE;
    kl_outbox_hit(outbox, (int)row->kind, row->key);
    return TRUE;
}

static gboolean
keep_failed(KlOutbox *outbox, const KlOutboxRow *row, const GError *failure, gint64 wait_us, GError **error)
{
    const char *code = kl_error_name(kl_error_code(failure));
    return STORE(outbox, outbox_failed, row->number, code, failure->message, g_get_real_time() + wait_us, error);
}

static gboolean
keep_failure(KlOutbox *outbox, const KlOutboxRow *row, const GError *failure, GError **error)
{
    KlErrorCode code = kl_error_code(failure);
    KlOutboxFate fate = kl_outbox_fate(row->kind, code);
    gboolean kept = fate == KL_OUTBOX_PARK ? keep_parked(outbox, row, failure, error)
                    : fate == KL_OUTBOX_LATER
                        ? keep_failed(outbox, row, failure, pause_us(outbox, row->attempts + 1), error)
                        : keep_failed(outbox, row, failure, 0, error);
    if (!kept)
        return FALSE;
    if (!kl_outbox_suspicious(code))
        go_on(outbox, row->kind);
    else if (++outbox->lanes[row->kind].run >= KL_OUTBOX_RUN || fate == KL_OUTBOX_STAYS)
        hold(outbox, row->kind, failure);
    return TRUE;
}

/* A call that took longer than it may is the cloud's trouble. */
static void
blame_cloud(GError **failure)
{
    if (kl_error_code(*failure) != KL_ERROR_STEP_TIMEOUT)
        return;
    g_autoptr(GError) late = g_steal_pointer(failure);
    kl_fail(failure, KL_ERROR_CLOUD_TIMEOUT, "%s", late->message);
}

/* What the store can't keep is done again: the row is still queued. */
static void
send_row(KlOutbox *outbox, const KlOutboxRow *row)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GError) trouble = NULL;
    gboolean sent = send(outbox, row, &failure);
    outbox->count_stale = TRUE;
    if (!sent && stopped(outbox))
        return;
    if (!sent)
        blame_cloud(&failure);
    if (!(sent ? keep_sent(outbox, row, &trouble) : keep_failure(outbox, row, failure, &trouble)))
        hold(outbox, row->kind, trouble);
}

/* The kind's oldest row whose time has come; or NULL, and when to look again. */
static KlOutboxRow *
next_of_kind(KlOutbox *outbox, KlOutboxKind kind, gint64 now_us, gint64 *next_us)
{
    const KlOutboxLane *lane = &outbox->lanes[kind];
    gint64 utc_us = g_get_real_time(), turn_us = G_MAXINT64;
    g_autoptr(GError) error = NULL;
    KlOutboxRow *row = NULL;
    if (now_us >= lane->held_us) {
        row = STORE(outbox, outbox_next, kind, utc_us, &turn_us, &error);
        if (error != NULL)
            hold(outbox, kind, error);
        else if (row == NULL && turn_us == G_MAXINT64) /* nothing is queued that could be held up */
            set_trouble(outbox, &outbox->status.waiting_codes[kind], NULL);
    }
    if (now_us < lane->held_us)
        *next_us = lane->held_us;
    else
        *next_us = turn_us == G_MAXINT64 ? turn_us : now_us + MAX(turn_us - utc_us, 0);
    return row;
}

static gint64
send_next(KlOutbox *outbox)
{
    gint64 now_us = g_get_monotonic_time(), next_us = G_MAXINT64;
    g_autoptr(KlOutboxRow) oldest = NULL;
    if (now_us < outbox->spaced_us)
        return outbox->spaced_us;
    for (int kind = 0; kind < KL_OUTBOX_KINDS; kind++) {
        gint64 look_us = G_MAXINT64;
        g_autoptr(KlOutboxRow) row = next_of_kind(outbox, (KlOutboxKind)kind, now_us, &look_us);
        next_us = MIN(next_us, look_us);
        if (row != NULL && (oldest == NULL || row->number < oldest->number)) {
            g_clear_pointer(&oldest, kl_outbox_row_free);
            oldest = g_steal_pointer(&row);
        }
    }
    if (oldest == NULL) {
        kl_outbox_hit(outbox, KL_OUTBOX_REST, "");
        return next_us;
    }
    send_row(outbox, oldest);
    return now_us;
}

/* --- leasing --- */

static gboolean
lease(KlOutbox *outbox, GError **error)
{
    KlSink *sink = outbox->options.sink;
    KlOp op = {.deadline_us = g_get_monotonic_time() + CALL_US, .cancel = outbox->cancel};
    guint64 first = 0;
    /* A block whose number is lost on the way is lost for good: there are enough. */
    return sink->klass->lease(sink, outbox->sequence, outbox->options.block, &first, &op, error) &&
           STORE(outbox, lease_add, outbox->sequence, first, outbox->options.block, error);
}

static gint64
keep_stock(KlOutbox *outbox)
{
    guint64 left = 0;
    gint64 now_us = g_get_monotonic_time();
    g_autoptr(GError) failure = NULL;
    if (outbox->sequence == NULL || !outbox->stock_stale)
        return G_MAXINT64;
    if (now_us < outbox->lease_held_us)
        return outbox->lease_held_us;
    gboolean known = STORE(outbox, lease_left, outbox->sequence, &left, &failure);
    if (known && left * 2 >= outbox->options.block) {
        outbox->stock_stale = FALSE;
        return G_MAXINT64;
    }
    if (known && lease(outbox, &failure)) {
        outbox->lease_failures = 0;
        set_trouble(outbox, &outbox->status.ids_code, NULL);
        kl_outbox_hit(outbox, KL_OUTBOX_IDS, outbox->sequence);
        return now_us;
    }
    if (stopped(outbox))
        return G_MAXINT64;
    blame_cloud(&failure);
    outbox->lease_tried_us = now_us;
    outbox->lease_held_us = now_us + pause_us(outbox, ++outbox->lease_failures);
    set_trouble(outbox, &outbox->status.ids_code, kl_error_name(kl_error_code(failure)));
    return outbox->lease_held_us;
}

/* --- the thread --- */

/* Whoever pokes has something at hand, and need not wait as long as nobody: but not less than the shortest pause.
 * Nobody waits for a clean-up, and while AWS does not answer each of its calls would keep the rows of units waiting. */
static void
hurry(KlOutbox *outbox)
{
    gint64 shortest_us = (gint64)outbox->options.pause_ms * 1000;
    for (guint kind = 0; kind < KL_OUTBOX_KINDS; kind++) {
        KlOutboxLane *lane = &outbox->lanes[kind];
        if (kind != KL_OUTBOX_CLEANUP)
            lane->held_us = MIN(lane->held_us, lane->tried_us + shortest_us);
    }
    outbox->lease_held_us = MIN(outbox->lease_held_us, outbox->lease_tried_us + shortest_us);
    outbox->count_stale = TRUE;
    outbox->stock_stale = TRUE;
}

static void *
run(void *data)
{
    KlOutbox *outbox = data;
    gint64 next_us;
    gboolean poked = TRUE;
    do {
        if (poked)
            hurry(outbox);
        next_us = g_get_monotonic_time() + LOOK_US;
        next_us = MIN(next_us, keep_stock(outbox));
        next_us = MIN(next_us, send_next(outbox));
        next_us = MIN(next_us, count(outbox));
    } while (kl_outbox_sleep(outbox, next_us, &poked));
    return NULL;
}

KlOutbox *
kl_outbox_new(const KlOutboxOptions *options)
{
    KlOutbox *outbox = g_new0(KlOutbox, 1);
    outbox->options = *options;
    if (options->pause_ms == 0)
        outbox->options.pause_ms = PAUSE_MS;
    outbox->sequence = g_strdup(options->sequence);
    outbox->cancel = g_cancellable_new();
    outbox->rand = g_rand_new();
    kl_outbox_init_waiting(outbox);
    if (pthread_create(&outbox->thread, NULL, run, outbox) != 0)
        g_error("no thread for the outbox");
    return outbox;
}

void
kl_outbox_free(KlOutbox *outbox)
{
    if (outbox == NULL)
        return;
    g_cancellable_cancel(outbox->cancel);
    pthread_mutex_lock(&outbox->lock);
    outbox->stop = TRUE;
    pthread_cond_signal(&outbox->wake);
    pthread_mutex_unlock(&outbox->lock);
    pthread_join(outbox->thread, NULL);
    kl_outbox_clear_waiting(outbox);
    g_rand_free(outbox->rand);
    g_object_unref(outbox->cancel);
    g_free(outbox->sequence);
    g_free(outbox);
}
