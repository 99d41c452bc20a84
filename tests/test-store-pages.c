/* Records in pages: numbers first, then the records of some of them; sqlite3 is the oracle. */
#include "history_rows.h"
#include "store-fixture.h"

#define ROWS 20000

static KlStore *
open_history(Folder *folder)
{
    kl_store_free(open_store(folder->path));
    g_autofree char *sql = history_sql(ROWS);
    g_free(sqlite(folder->path, sql));
    return open_store(folder->path);
}

static char *
joined(const GArray *numbers)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < numbers->len; i++)
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i > 0 ? "," : "", g_array_index(numbers, gint64, i));
    return g_string_free(text, FALSE);
}

static GArray *
find(KlStore *store, const KlRecordFilter *filter)
{
    g_autoptr(GError) error = NULL;
    GArray *numbers = CALL(store, record_numbers, filter, &error);
    g_assert_no_error(error);
    return numbers;
}

#define AT(n) ((gint64)(HISTORY_START_S + (n)) * G_USEC_PER_SEC)

static const struct {
    KlRecordFilter filter;
    const char *condition; /* for the oracle */
} searches[] = {
    {{0}, "TRUE"},
    {{.limit = 5}, "TRUE"},
    {{.outcome = "FAIL"}, "outcome = 'FAIL'"},
    {{.outcome = "ABORTED"}, "FALSE"},
    {{.operator_id = "op-3"}, "n % 7 = 3"},
    {{.operator_id = "nobody"}, "FALSE"},
    {{.operator_id = "op-3", .outcome = "TIMEOUT"}, "n % 7 = 3 AND n % 50 = 25"},
    {{.work_order = "WO-3"}, "n / 500 = 3"},
    {{.batch = "ba7c0003-0000-4000-8000-000000000000"}, "n / 500 = 3"},
    {{.batch = "BA7C0003"}, "n / 500 = 3"},
    {{.batch = "ba7c0003", .outcome = "FAIL"}, "n / 500 = 3 AND n % 10 = 0"},
    {{.batch = "ba7c0002"}, "FALSE"},
    {{.batch = "ba7c000"}, "FALSE"}, /* too short a beginning */
    {{.batch = ""}, "FALSE"},
    {{.batch = "ba7c0003%"}, "FALSE"},
    {{.identifier = "ba7c0003-0000-4000-8000-000000000000"}, "n / 500 = 3"},
    {{.identifier = "BA7C0003", .operator_id = "op-3"}, "n / 500 = 3 AND n % 7 = 3"},
    {{.from_us = AT(19990)}, "n >= 19990"},
    {{.to_us = AT(10)}, "n < 10"},
    {{.from_us = AT(100), .to_us = AT(200), .outcome = "PASS"}, "n >= 100 AND n < 200 AND n % 10 > 0 AND n % 25 > 0"},
    {{.identifier = "350000000000017"}, "n / 4 = 17"},
    {{.identifier = "350000000000017", .outcome = "FAIL"}, "n = 70"},
    {{.identifier = "350000000000017", .operator_id = "op-0"}, "n = 70"},
    {{.identifier = "350000000000017", .to_us = AT(70)}, "n = 68 OR n = 69"},
    {{.identifier = "FSN00000017"}, "n / 4 = 17"},
    {{.identifier = "FX30-000017"}, "n / 4 = 17"},
    {{.identifier = "0000000000000000000000000000000000000000000000000000000000000011"}, "n / 4 = 17"},
    {{.identifier = "5E000000000000000000000000000011"}, "n / 4 = 17"},
    {{.identifier = "00000000-0000-4000-8000-000000000000"}, "n = 0"},
    {{.identifier = "9e3779b1"}, "n = 1"},
    {{.identifier = "9e3779b"}, "FALSE"},
    {{.identifier = "' OR 1 --"}, "FALSE"},
    {{.identifier = ""}, "FALSE"},
};

/* The order of the numbers is told by the oracle as well. */
static void
test_numbers(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_history(folder);
    for (gsize i = 0; i < G_N_ELEMENTS(searches); i++) {
        g_autofree char *sql = g_strdup_printf(
            "SELECT coalesce(group_concat(number), '') FROM (SELECT number FROM (SELECT *, started_us / 1000000 - %d AS"
            " n FROM jobs NOT INDEXED) WHERE %s ORDER BY n DESC)",
            HISTORY_START_S, searches[i].condition);
        g_autoptr(GArray) numbers = find(store, &searches[i].filter);
        g_autofree char *found = joined(numbers), *expected = sqlite(folder->path, sql);
        g_test_message("%s", searches[i].condition);
        g_assert_cmpstr(found, ==, expected);
    }
}

/* Two jobs of one moment: the later number is newer. */
static void
test_same_moment(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    for (guint i = 0; i < 3; i++) {
        g_autoptr(KlRecord) record = make_record(i);
        record->started_us = AT(0);
        g_assert_true(CALL(store, job_begin, record, NULL));
    }
    const KlRecordFilter all = {0};
    g_autoptr(GArray) numbers = find(store, &all);
    g_autofree char *found = joined(numbers);
    g_assert_cmpstr(found, ==, "3,2,1");
}

static void
assert_same_listing(const KlRecord *a, const KlRecord *b)
{
    g_assert_cmpstr(a->id, ==, b->id);
    g_assert_cmpstr(a->operator_id, ==, b->operator_id);
    g_assert_cmpstr(a->unit->device_id, ==, b->unit->device_id);
    g_assert_cmpint(a->outcome, ==, b->outcome);
    g_assert_cmpstr(a->code, ==, b->code);
    g_assert_cmpint(a->started_us, ==, b->started_us);
    g_assert_cmpstr(a->certificate_sha256, ==, b->certificate_sha256);
}

static void
test_pages(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_history(folder);
    g_autoptr(GError) error = NULL;
    const KlRecordFilter filter = {.outcome = "TIMEOUT"};
    g_autoptr(GArray) numbers = find(store, &filter);
    g_autoptr(GPtrArray) listed = CALL(store, records, &filter, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(numbers->len, ==, listed->len);
    for (guint from = 0; from < numbers->len; from += 100) {
        guint count = MIN(100, numbers->len - from);
        g_autoptr(GPtrArray) page = CALL(store, records_numbered, &g_array_index(numbers, gint64, from), count, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(page->len, ==, count);
        for (guint i = 0; i < count; i++)
            assert_same_listing(page->pdata[i], listed->pdata[from + i]);
    }
}

/* The caller's order counts, whatever it is; a number twice is its record twice. */
static void
test_order(Folder *folder, gconstpointer data)
{
    static const gint64 numbers[] = {7, 19999, 3, 7};
    g_autoptr(KlStore) store = open_history(folder);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) page = CALL(store, records_numbered, numbers, G_N_ELEMENTS(numbers), &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        const KlRecord *record = page->pdata[i];
        g_assert_cmpint(record->started_us, ==, AT(numbers[i] - 1));
    }
}

static void
test_unknown(Folder *folder, gconstpointer data)
{
    static const gint64 numbers[] = {1, 999999};
    g_autoptr(KlStore) store = open_history(folder);
    g_autoptr(GError) error = NULL;
    g_assert_null(CALL(store, records_numbered, numbers, 2, &error));
    assert_code(error, RECORD_UNKNOWN);
    g_clear_error(&error);
    g_autoptr(GPtrArray) none = CALL(store, records_numbered, NULL, 0, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(none->len, ==, 0);
}

int
main(int argc, char **argv)
{
    static const FolderTest tests[] = {
        {"/store-pages/numbers", test_numbers}, {"/store-pages/same-moment", test_same_moment},
        {"/store-pages/pages", test_pages},     {"/store-pages/order", test_order},
        {"/store-pages/unknown", test_unknown},
    };
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
