/* What becomes of a row that could not be sent, and when it is tried again. Pure. */
#pragma once

#include "station/error.h"
#include "station/sink.h"

G_BEGIN_DECLS

typedef enum {
    KL_OUTBOX_STAYS, /* the trouble is not the row's: it stays the first of its kind, and all of its kind wait */
    KL_OUTBOX_LATER, /* it may be the row's: others go before it */
    KL_OUTBOX_PARK,  /* it is the row's */
} KlOutboxFate;

KlOutboxFate kl_outbox_fate(KlOutboxKind kind, KlErrorCode code);

/* Whether the trouble is with the cloud as a whole (the network, who the station is), so that nothing else gets through
 * either; all other trouble may be with one table, one service or one permission. */
gboolean kl_outbox_cuts_off(KlErrorCode code);

/* Whether the failure makes a run with others of its sort, which looks like trouble of everybody's rather than of so
 * many rows. */
gboolean kl_outbox_suspicious(KlErrorCode code);

/* So many suspicious failures at rows of one kind with no success between them: that kind waits, too. */
#define KL_OUTBOX_RUN 3

/* The pause after so many failures (from 1), in microseconds: from half of pause_ms * 2^(failures - 1) up to the whole;
 * doubled six times at most. random is from 0 to 1. */
gint64 kl_outbox_pause_us(guint pause_ms, guint failures, double random);

G_END_DECLS
