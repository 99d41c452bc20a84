/* The History page's queries at a million records. */

#include "tests/bench/bench.h"
#include "tests/history_rows.h"
#include "tests/store-fixture.h"

#define ROWS 1000000
#define PAGE 100
#define REPEATS 5

static double
resident_mb(void)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents("/proc/self/statm", &text, NULL, &error);
    kl_bench_check(error);
    g_auto(GStrv) fields = g_strsplit(text, " ", 3);
    return (double)g_ascii_strtoull(fields[1], NULL, 10) * 4096 / 1e6;
}

/* Milliseconds of the median of some runs. */
static double
search_ms(KlStore *store, const KlRecordFilter *filter)
{
    g_autoptr(GArray) samples = kl_bench_samples_new();
    for (guint i = 0; i < REPEATS; i++) {
        g_autoptr(GError) error = NULL;
        double start = kl_bench_now();
        g_autoptr(GArray) numbers = CALL(store, record_numbers, filter, &error);
        kl_bench_check(error);
        g_assert_cmpuint(numbers->len, >, 0);
        kl_bench_sample(samples, (kl_bench_now() - start) * 1e3);
    }
    return kl_bench_percentile(samples, 50);
}

static void
bench_searches(KlStore *store)
{
    g_autofree char *fingerprint = g_strdup_printf("%064x", ROWS / 8);
    g_autofree char *serial = g_strdup_printf("5e%030x", ROWS / 8);
    const gint64 week_us = 7 * G_TIME_SPAN_DAY;
    const gint64 end_us = (gint64)(HISTORY_START_S + ROWS) * G_USEC_PER_SEC;
    const struct {
        const char *name;
        KlRecordFilter filter;
    } searches[] = {
        {"history-imei", {.identifier = "350000000123456"}},
        {"history-fsn", {.identifier = "FSN00123456"}},
        {"history-device", {.identifier = "FX30-123456"}},
        {"history-fingerprint", {.identifier = fingerprint}},
        {"history-serial", {.identifier = serial}},
        {"history-imei-and-outcome", {.identifier = "350000000123456", .outcome = "PASS"}},
        {"history-batch", {.batch = "ba7c0003-0000-4000-8000-000000000000"}},
        {"history-fails-of-operator", {.operator_id = "op-3", .outcome = "FAIL"}},
        {"history-fails", {.outcome = "FAIL"}},
        {"history-operator-week", {.operator_id = "op-3", .from_us = end_us - week_us}},
        {"history-week", {.from_us = end_us - week_us}},
        {"history-all", {0}},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(searches); i++)
        kl_bench_row_at_most(searches[i].name, search_ms(store, &searches[i].filter), "ms", 100);
}

static void
bench_pages(KlStore *store)
{
    const KlRecordFilter all = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) samples = kl_bench_samples_new();
    g_autoptr(GArray) numbers = CALL(store, record_numbers, &all, &error);
    kl_bench_check(error);
    for (guint page = 0; page < 200; page++) {
        double start = kl_bench_now();
        g_autoptr(GPtrArray) records =
            CALL(store, records_numbered, &g_array_index(numbers, gint64, page * (numbers->len / 200)), PAGE, &error);
        kl_bench_check(error);
        g_assert_cmpuint(records->len, ==, PAGE);
        kl_bench_sample(samples, (kl_bench_now() - start) * 1e3);
    }
    kl_bench_row_at_most("history-page-p95", kl_bench_percentile(samples, 95), "ms", 20);
}

int
main(void)
{
    kl_bench_init();
    char *folder = kl_bench_folder_new();
    g_autofree char *path = g_build_filename(folder, "keyline.db", NULL);
    kl_store_free(open_store(path));
    g_autofree char *sql = history_sql(ROWS);
    g_free(sqlite(path, sql));

    g_autoptr(GError) error = NULL;
    KlStore *store = kl_store_sqlite_open(path, TRUE, &error);
    kl_bench_check(error);
    bench_searches(store);
    bench_pages(store);
    kl_bench_row_at_most("history-resident", resident_mb(), "MB", 60);
    kl_store_free(store);
    kl_bench_folder_free(folder);
    return 0;
}
