/* Rates and pauses, on a clock of the test's own. */
#include "station/net/retry.h"

#include "station/error.h"

#define SECOND G_USEC_PER_SEC

/* However they come, no second sees more calls than the rate and the first bucketful allow, and none waits longer than
 * that needs. */
static void
test_bucket(void)
{
    static const double rates[] = {0.5, 1, 10, 15, 350};
    for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
        KlBucket bucket;
        gint64 now = 0;
        gint64 last = 0;
        kl_bucket_init(&bucket, rates[i], 0);
        for (guint n = 1; n <= 1000; n++) {
            now += g_test_rand_int_range(0, (gint32)(1.5 * SECOND / rates[i]));
            gint64 turn = now + kl_bucket_take(&bucket, now);
            g_assert_cmpint(turn, >=, now);
            g_assert_cmpint(turn, >=, last); /* served in turn */
            g_assert_cmpfloat((double)n, <=, MAX(rates[i], 1) + rates[i] * (double)turn / SECOND + 1e-3);
            last = turn;
        }
    }
}

static void
test_bucket_values(void)
{
    KlBucket bucket;
    kl_bucket_init(&bucket, 10, 0);
    for (guint i = 0; i < 10; i++)
        g_assert_cmpint(kl_bucket_take(&bucket, 0), ==, 0);
    g_assert_cmpint(kl_bucket_take(&bucket, 0), ==, SECOND / 10);
    g_assert_cmpint(kl_bucket_take(&bucket, 0), ==, SECOND / 5);
    g_assert_cmpint(kl_bucket_take(&bucket, 100 * SECOND), ==, 0); /* full again, and no fuller */
    for (guint i = 0; i < 9; i++)
        g_assert_cmpint(kl_bucket_take(&bucket, 100 * SECOND), ==, 0);
    g_assert_cmpint(kl_bucket_take(&bucket, 100 * SECOND), >, 0);
    g_assert_cmpint(kl_bucket_take(&bucket, 99 * SECOND), >, 0);  /* a clock of another thread, a little behind, */
    g_assert_cmpint(kl_bucket_take(&bucket, 100 * SECOND), >, 0); /* gives nobody the same second again */

    kl_bucket_init(&bucket, 0, 0);
    for (guint i = 0; i < 1000; i++)
        g_assert_cmpint(kl_bucket_take(&bucket, 0), ==, 0);
}

/* Calls that give up before their turn do not push everyone else's back. */
static void
test_bucket_gives_back(void)
{
    KlBucket bucket;
    kl_bucket_init(&bucket, 1, 0);
    g_assert_cmpint(kl_bucket_take(&bucket, 0), ==, 0);
    for (guint i = 0; i < 100; i++) {
        g_assert_cmpint(kl_bucket_take(&bucket, 0), ==, SECOND);
        kl_bucket_give_back(&bucket);
    }
    for (guint i = 0; i < 10; i++)
        kl_bucket_give_back(&bucket);
    g_assert_cmpint(kl_bucket_take(&bucket, 0), ==, 0); /* no fuller than full */
    g_assert_cmpint(kl_bucket_take(&bucket, 0), >, 0);
}

static void
test_backoff(void)
{
    static const struct {
        guint base_ms, failed;
        double random;
        gint64 us;
    } table[] = {
        {100, 1, 0, 0},
        {100, 1, 1, 100000},
        {100, 2, 1, 200000},
        {100, 4, 0.5, 400000},
        {100, 9, 1, 20 * SECOND},
        {100, 4000000000U, 1, 20 * SECOND},
        {4000000000U, 17, 1, 20 * SECOND},
        {0, 5, 1, 0},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++)
        g_assert_cmpint(kl_backoff_us(table[i].base_ms, table[i].failed, table[i].random), ==, table[i].us);
}

static void
test_pause(void)
{
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    KlOp op = {.cancel = cancel};
    g_assert_true(kl_pause(&op, -5, NULL));
    gint64 start = g_get_monotonic_time();
    g_assert_true(kl_pause(&op, 20000, NULL));
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 20000);
    g_cancellable_cancel(cancel);
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_pause(&op, G_MAXINT64 / 4, &error)); /* at once */
    g_assert_error(error, KL_ERROR, KL_ERROR_CANCELLED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net-retry/bucket", test_bucket);
    g_test_add_func("/net-retry/bucket-values", test_bucket_values);
    g_test_add_func("/net-retry/bucket-gives-back", test_bucket_gives_back);
    g_test_add_func("/net-retry/backoff", test_backoff);
    g_test_add_func("/net-retry/pause", test_pause);
    return g_test_run();
}
