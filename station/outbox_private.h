/* Inside the outbox: what its thread and those who wait for it share. Private to outbox*.c. */
#pragma once

#include <pthread.h>

#include "station/outbox.h"

G_BEGIN_DECLS

/* How the rows of one kind fare. Times are monotonic. */
typedef struct {
    guint failures;  /* that made them wait, since the last success */
    guint run;       /* suspicious failures, since the last success */
    gint64 held_us;  /* none before that */
    gint64 tried_us; /* the failure that holds them */
} KlOutboxLane;

struct KlOutbox {
    KlOutboxOptions options;
    char *sequence;
    GCancellable *cancel; /* of the call under way, when it stops */
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;  /* for the thread: stop or poked was set */
    pthread_cond_t news;  /* for those who wait: one of theirs was hit */
    gboolean stop, poked;
    GPtrArray *waiters; /* KlOutboxWaiter, on the stacks of those who wait */
    KlOutboxStatus status;

    /* The thread's own. Times are monotonic. */
    GRand *rand;
    KlOutboxLane lanes[KL_OUTBOX_KINDS];
    gint64 spaced_us; /* no row before that, by the rate */
    gboolean count_stale;
    gint64 counted_us;
    gboolean stock_stale;
    guint lease_failures;
    gint64 lease_held_us, lease_tried_us;
};

/* Somebody who waits for a row of that kind and key, or with kind KL_OUTBOX_IDS for leased numbers, or with kind
 * KL_OUTBOX_REST (key "") for a queue in which nothing is left but what is held up. */
typedef struct {
    int kind;
    const char *key;
    gboolean hit;
} KlOutboxWaiter;

#define KL_OUTBOX_IDS (-1)
#define KL_OUTBOX_REST (-2)

void kl_outbox_init_waiting(KlOutbox *outbox);
void kl_outbox_clear_waiting(KlOutbox *outbox);

/* Something has become of what they wait for. */
void kl_outbox_hit(KlOutbox *outbox, int kind, const char *key);

/* On the outbox's thread: waits until it is stopped (FALSE), poked (*poked set), or that time has come. */
gboolean kl_outbox_sleep(KlOutbox *outbox, gint64 until_us, gboolean *poked);

G_END_DECLS
