/* Durable commits: one thread after the other, and sixteen at once that share them. */
#include <pthread.h>

#include "tests/bench/bench.h"
#include "tests/store-fixture.h"

#define THREADS 16
#define COMMITS_PER_THREAD 200

static void *
begin_jobs(void *data)
{
    KlStore *store = data;
    for (guint i = 0; i < COMMITS_PER_THREAD; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(KlRecord) record = make_record(i);
        CALL(store, job_begin, record, &error);
        kl_bench_check(error);
    }
    return NULL;
}

/* Commits per second of so many threads. */
static double
rate(KlStore *store, guint threads)
{
    pthread_t thread[THREADS];
    double start = kl_bench_now();
    for (guint i = 0; i < threads; i++) {
        if (pthread_create(&thread[i], NULL, begin_jobs, store) != 0)
            g_error("no thread");
    }
    for (guint i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    return threads * COMMITS_PER_THREAD / (kl_bench_now() - start);
}

int
main(void)
{
    kl_bench_init();
    char *folder = kl_bench_folder_new();
    g_autofree char *path = g_build_filename(folder, "keyline.db", NULL);
    KlStore *store = open_store(path);
    double alone = rate(store, 1);
    double together = rate(store, THREADS);
    kl_store_free(store);
    kl_bench_folder_free(folder);
    kl_bench_row("store-1-thread", alone, "/s");
    kl_bench_row("store-16-threads", together, "/s");
    kl_bench_row("store-sharing", together / alone, "x");
    return 0;
}
