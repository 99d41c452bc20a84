#include "station/net/retry.h"

#include <errno.h>
#include <poll.h>

#include "station/error.h"

#define PAUSE_MAX_MS 20000

void
kl_bucket_init(KlBucket *bucket, double rate, gint64 now_us)
{
    double size = rate > 0 ? MAX(rate, 1) : 0;
    *bucket = (KlBucket){.rate = rate, .size = size, .tokens = size, .filled_us = now_us};
}

gint64
kl_bucket_take(KlBucket *bucket, gint64 now_us)
{
    if (bucket->rate <= 0)
        return 0;
    double grown = (double)MAX(now_us - bucket->filled_us, 0) / G_USEC_PER_SEC * bucket->rate;
    bucket->tokens = MIN(bucket->tokens + grown, bucket->size) - 1;
    bucket->filled_us = MAX(now_us, bucket->filled_us);
    return bucket->tokens >= 0 ? 0 : (gint64)(-bucket->tokens / bucket->rate * G_USEC_PER_SEC);
}

void
kl_bucket_give_back(KlBucket *bucket)
{
    bucket->tokens = MIN(bucket->tokens + 1, bucket->size);
}

gint64
kl_backoff_us(guint base_ms, guint failed, double random)
{
    guint doublings = MIN(failed > 0 ? failed - 1 : 0, 16);
    gint64 longest_ms = MIN((gint64)base_ms << doublings, PAUSE_MAX_MS);
    return (gint64)((double)longest_ms * 1000 * CLAMP(random, 0, 1));
}

gboolean
kl_pause(KlOp *op, gint64 us, GError **error)
{
    gint64 until_us = g_get_monotonic_time() + us;
    GPollFD cancelled = {.fd = -1};
    gboolean watched = op->cancel != NULL && g_cancellable_make_pollfd(op->cancel, &cancelled);
    int count = 0;
    for (gint64 left_us = us; left_us > 0 && count <= 0; left_us = until_us - g_get_monotonic_time()) {
        struct pollfd fd = {.fd = cancelled.fd, .events = POLLIN};
        count = poll(&fd, watched ? 1 : 0, (int)MIN(left_us / 1000 + 1, G_MAXINT));
        if (count < 0 && errno != EINTR)
            break;
    }
    if (watched)
        g_cancellable_release_fd(op->cancel);
    if (op->cancel != NULL && g_cancellable_is_cancelled(op->cancel))
        return kl_fail(error, KL_ERROR_CANCELLED, "stopped");
    return TRUE;
}
