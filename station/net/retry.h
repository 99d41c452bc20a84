/* When to ask again: rates and pauses. Time is an argument, so that it can be tested. */
#pragma once

#include <glib.h>

#include "station/op.h"

G_BEGIN_DECLS

/* A token bucket. Zero is one without a limit. Not locked by itself. */
typedef struct {
    double rate; /* tokens a second */
    double size; /* tokens that it holds when full */
    double tokens;
    gint64 filled_us;
} KlBucket;

/* A full bucket of one second's tokens, at least one. rate 0: no limit. */
void kl_bucket_init(KlBucket *bucket, double rate, gint64 now_us);

/* Takes a token, if need be one that is still to come. Returns how many microseconds from now on it may be used: those
 * who take in turn are served in turn. */
gint64 kl_bucket_take(KlBucket *bucket, gint64 now_us);

/* Gives back a token that was taken and not used. */
void kl_bucket_give_back(KlBucket *bucket);

/* The pause before the attempt after the given number of failed ones (from 1), in microseconds: anything up to
 * base_ms * 2^(failed - 1), at most 20 s ("full jitter"). random is from 0 to 1. */
gint64 kl_backoff_us(guint base_ms, guint failed, double random);

/* Sleeps. FALSE at once with CANCELLED when the operation is stopped; does not look at its deadline. */
gboolean kl_pause(KlOp *op, gint64 us, GError **error);

G_END_DECLS
