/* Durable commits: one thread after the other, and sixteen at once that share them; and what the journal adds to them.
 */
#include <pthread.h>

#include "db/audit.h"
#include "db/database.h"
#include "db/statement.h"
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

#define UNITS 500
#define EVENTS_PER_UNIT 11 /* a whole job: tests/test-audit-journal.c */

/* A transaction of one small change, with or without an event of some size. */
static void
change(sqlite3 *db, const char *event)
{
    g_autoptr(GError) error = NULL;
    kl_database_exec(db, "BEGIN IMMEDIATE", &error);
    kl_run(db, &error,
           "INSERT INTO counters (purpose, name, value) VALUES ('test', ?1, 1) ON CONFLICT (purpose, name)"
           " DO UPDATE SET value = value + 1",
           kl_text("bench"));
    if (event != NULL)
        kl_audit_append(db, "issue", "3f9e2c1a-0000-4000-8000-000000000000", "350000000000001", event, &error);
    kl_database_exec(db, "COMMIT", &error);
    kl_bench_check(error);
}

/* Milliseconds a unit, on a connection that leaves out every fsync: what is left is what the program does. */
static double
unit_ms(sqlite3 *db, const char *event)
{
    double start = kl_bench_now();
    for (guint i = 0; i < UNITS * EVENTS_PER_UNIT; i++)
        change(db, event);
    return 1000 * (kl_bench_now() - start) / UNITS;
}

static void
measure_journal(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sqlite3) db = kl_database_open(path, FALSE, &error);
    kl_bench_check(error);
    kl_database_exec(db, "PRAGMA synchronous = OFF", &error);
    kl_bench_check(error);
    g_autofree char *text = g_strnfill(400, 'x');
    g_autofree char *event = g_strdup_printf("{\"subject\":\"%s\"}", text);
    double plain = unit_ms(db, NULL), journalled = unit_ms(db, event);
    kl_bench_row_at_most("store-journal-per-unit", journalled - plain, "ms", 2);
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
    measure_journal(path);
    kl_bench_folder_free(folder);
    kl_bench_row("store-1-thread", alone, "/s");
    kl_bench_row("store-16-threads", together, "/s");
    kl_bench_row("store-sharing", together / alone, "x");
    return 0;
}
