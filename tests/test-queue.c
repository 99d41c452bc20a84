/* The queue between threads: nothing lost, nothing twice, order kept for each producer; closing and waiting. */
#include "station/queue.h"

#include <pthread.h>

#define PRODUCERS 4
#define CONSUMERS 3
#define ITEMS 2000

/* An item is its producer and its number, never 0. */
#define ITEM(producer, number) GUINT_TO_POINTER((producer)*1000000u + (number) + 1)

typedef struct {
    KlQueue *queue;
    guint producer;
    guint seen[PRODUCERS]; /* by one consumer: how many items of each producer */
    guint last[PRODUCERS]; /* and the last one's number, plus 1 */
    gboolean disorder;
} Worker;

static void *
produce(void *data)
{
    Worker *worker = data;
    for (guint i = 0; i < ITEMS; i++) {
        if (!kl_queue_push(worker->queue, ITEM(worker->producer, i)))
            worker->disorder = TRUE;
    }
    return NULL;
}

static void *
consume(void *data)
{
    Worker *worker = data;
    for (gpointer item = kl_queue_pop(worker->queue, G_MAXINT64); item != NULL;
         item = kl_queue_pop(worker->queue, G_MAXINT64)) {
        guint value = GPOINTER_TO_UINT(item) - 1;
        guint producer = value / 1000000u;
        guint number = value % 1000000u;
        worker->seen[producer]++;
        worker->disorder = worker->disorder || number + 1 <= worker->last[producer];
        worker->last[producer] = number + 1;
    }
    return NULL;
}

static void
test_many_threads(void)
{
    g_autoptr(KlQueue) queue = kl_queue_new(NULL);
    Worker producers[PRODUCERS] = {0};
    Worker consumers[CONSUMERS] = {0};
    pthread_t threads[PRODUCERS + CONSUMERS];
    for (guint i = 0; i < CONSUMERS; i++) {
        consumers[i].queue = queue;
        pthread_create(&threads[PRODUCERS + i], NULL, consume, &consumers[i]);
    }
    for (guint i = 0; i < PRODUCERS; i++) {
        producers[i] = (Worker){.queue = queue, .producer = i};
        pthread_create(&threads[i], NULL, produce, &producers[i]);
    }
    for (guint i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    kl_queue_close(queue);
    for (guint i = 0; i < CONSUMERS; i++)
        pthread_join(threads[PRODUCERS + i], NULL);

    for (guint p = 0; p < PRODUCERS; p++) {
        guint seen = 0;
        for (guint c = 0; c < CONSUMERS; c++)
            seen += consumers[c].seen[p];
        g_assert_cmpuint(seen, ==, ITEMS);
        g_assert_false(producers[p].disorder);
    }
    for (guint c = 0; c < CONSUMERS; c++)
        g_assert_false(consumers[c].disorder);
}

typedef struct {
    KlQueue *there, *back;
} Pair;

static void *
send_back(void *data)
{
    const Pair *pair = data;
    for (gpointer item = kl_queue_pop(pair->there, G_MAXINT64); item != NULL;
         item = kl_queue_pop(pair->there, G_MAXINT64))
        kl_queue_push(pair->back, item);
    return NULL;
}

/* Whoever waits is woken by the item itself, not by the next one or by the end. */
static void
test_there_and_back(void)
{
    g_autoptr(KlQueue) there = kl_queue_new(NULL);
    g_autoptr(KlQueue) back = kl_queue_new(NULL);
    Pair pair = {there, back};
    pthread_t thread;
    pthread_create(&thread, NULL, send_back, &pair);
    for (guint i = 1; i <= 200; i++) {
        g_assert_true(kl_queue_push(there, GUINT_TO_POINTER(i)));
        g_assert_cmpuint(GPOINTER_TO_UINT(kl_queue_pop(back, G_MAXINT64)), ==, i);
    }
    kl_queue_close(there);
    pthread_join(thread, NULL);
}

static void
test_first_in_first_out(void)
{
    g_autoptr(KlQueue) queue = kl_queue_new(NULL);
    for (guint i = 1; i <= 3; i++)
        g_assert_true(kl_queue_push(queue, GUINT_TO_POINTER(i)));
    for (guint i = 1; i <= 3; i++)
        g_assert_cmpuint(GPOINTER_TO_UINT(kl_queue_pop(queue, 0)), ==, i);
    g_assert_null(kl_queue_pop(queue, 0));
}

static void
test_time_is_up(void)
{
    g_autoptr(KlQueue) queue = kl_queue_new(NULL);
    gint64 until = g_get_monotonic_time() + 20000;
    g_assert_null(kl_queue_pop(queue, until));
    g_assert_cmpint(g_get_monotonic_time(), >=, until); /* never earlier than asked for */
    g_assert_null(kl_queue_pop(queue, g_get_monotonic_time() - G_USEC_PER_SEC));
    g_assert_true(kl_queue_push(queue, queue));
    g_assert_true(kl_queue_pop(queue, g_get_monotonic_time() - G_USEC_PER_SEC) == queue); /* late, but it is there */
}

static void
test_close_gives_what_is_left(void)
{
    g_autoptr(KlQueue) queue = kl_queue_new(NULL);
    g_assert_true(kl_queue_push(queue, GUINT_TO_POINTER(7)));
    kl_queue_close(queue);
    kl_queue_close(queue);
    g_assert_false(kl_queue_push(queue, GUINT_TO_POINTER(8)));
    g_assert_cmpuint(GPOINTER_TO_UINT(kl_queue_pop(queue, G_MAXINT64)), ==, 7);
    g_assert_null(kl_queue_pop(queue, G_MAXINT64));
}

static guint freed;

static void
count_free(gpointer item)
{
    freed++;
    g_free(item);
}

static void
test_free_frees_what_is_left(void)
{
    KlQueue *queue = kl_queue_new(count_free);
    for (guint i = 0; i < 5; i++)
        g_assert_true(kl_queue_push(queue, g_strdup("item")));
    g_free(kl_queue_pop(queue, 0));
    freed = 0;
    kl_queue_free(queue);
    g_assert_cmpuint(freed, ==, 4);
    kl_queue_free(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/queue/many-threads", test_many_threads);
    g_test_add_func("/queue/there-and-back", test_there_and_back);
    g_test_add_func("/queue/first-in-first-out", test_first_in_first_out);
    g_test_add_func("/queue/time-is-up", test_time_is_up);
    g_test_add_func("/queue/close-gives-what-is-left", test_close_gives_what_is_left);
    g_test_add_func("/queue/free-frees-what-is-left", test_free_frees_what_is_left);
    return g_test_run();
}
