/* The outbox at work: one thread that sends what the store has queued, oldest first, and goes on where it was after
 * any crash. A row that the cloud will never take is parked and holds nobody up; while something is missing that all
 * rows of a kind need (the network, a permission, a table), that kind waits, and the other kinds go on if they can.
 * Safe from several threads. */
#pragma once

#include "station/signer.h"
#include "station/store.h"

G_BEGIN_DECLS

typedef struct KlOutbox KlOutbox;

typedef struct {
    KlStore *store;       /* borrowed, as the next two; outlive the outbox */
    KlSink *sink;         /* registration rows and records */
    KlSigner *signer;     /* clean-up; NULL, or without withdraw: such rows are parked */
    guint per_second;     /* rows sent at most; 0: no limit of ours */
    const char *sequence; /* keep leased numbers of it in stock; NULL: none */
    guint pause_ms;       /* the longest pause after a first failure, doubled with each up to six times; 0: 1 s */
    guint block;          /* how many are leased at a time; asked for when fewer than half of it are left */
    void (*changed)(gpointer data); /* its status may have changed: on its thread, hand it on; may be NULL */
    gpointer changed_data;
} KlOutboxOptions;

/* Starts the thread. */
KlOutbox *kl_outbox_new(const KlOutboxOptions *options);
/* Stops it: at most the call under way is waited for, and that is cancelled. */
void kl_outbox_free(KlOutbox *outbox);

/* Something was queued. Never waits. */
void kl_outbox_poke(KlOutbox *outbox);

/* How things stand, from memory. */
typedef struct {
    guint queued, parked;
    gint64 oldest_us; /* UTC; 0: nothing is queued */
    guint queued_of[KL_OUTBOX_KINDS];
    /* Error names (NET_DOWN, CLOUD_DENIED ...), or NULL. Static. */
    const char *waiting_codes[KL_OUTBOX_KINDS]; /* what holds up all rows of that kind now */
    const char *ids_code;                       /* why no numbers could be leased: no row waits for that */
} KlOutboxStatus;

KlOutboxStatus kl_outbox_status(KlOutbox *outbox);

/* Whether a row of that kind that is queued now may arrive within wait_ms: nothing holds up its kind, and the ones
 * before it take no longer than that at the outbox's rate. */
gboolean kl_outbox_prompt(KlOutbox *outbox, KlOutboxKind kind, guint wait_ms);

/* Whether asking the tables something may be answered. Not while rows for them find no network, no credentials or no
 * answer; a table that takes no rows, or a service that says it has trouble, may still be read. */
gboolean kl_outbox_answers(KlOutbox *outbox);

/* What has become of a row that is waited for. */
typedef enum { KL_ACK_SENT, KL_ACK_WAITING, KL_ACK_PARKED } KlAck;

/* Waits until the newest row of that kind and key was sent or parked, at most wait_ms. KL_ACK_PARKED sets *error to why
 * (DUPLICATE_DEVICE ...); KL_ACK_WAITING leaves it alone. -1 with CANCELLED, STEP_TIMEOUT or STORE_*. */
int kl_outbox_wait(KlOutbox *outbox, KlOutboxKind kind, const char *key, guint wait_ms, KlOp *op, GError **error);

/* Waits until there are leased numbers of the outbox's sequence, at most wait_ms. IDS_EXHAUSTED, CANCELLED,
 * STEP_TIMEOUT, STORE_*. */
gboolean kl_outbox_wait_ids(KlOutbox *outbox, guint wait_ms, KlOp *op, GError **error);

/* Before the station ends: waits until nothing is queued any more but what is held up, at most wait_ms. What is left
 * then goes the next time. */
void kl_outbox_flush(KlOutbox *outbox, guint wait_ms);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlOutbox, kl_outbox_free)

G_END_DECLS
