/* What is behind the History page, without a display: what is searched for, the pages kept, the model over them. */
#include "fake_records.h"
#include "gui/record_model.h"
#include "gui/record_pages.h"
#include "gui/search.h"

/* --- the search --- */

static const struct {
    const char *typed, *identifier;
} identifiers[] = {
    {"", NULL},
    {" \t", NULL},
    {" FX30-000001\n", "FX30-000001"},
    {"5E:00:11:22:33:44:55:66", "5E00112233445566"},
    {"5e:00:11:22:33:44:55", "5e:00:11:22:33:44:55"}, /* too short for a serial: may be a device id */
    {"5E:00:11:22:33:44:55:6", "5E:00:11:22:33:44:55:6"},
    {"5E:00:11:22:33:44:55:6G", "5E:00:11:22:33:44:55:6G"},
    {"5E:00:11:22:33:44:55-66", "5E:00:11:22:33:44:55-66"},
};

static void
test_identifiers(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(identifiers); i++) {
        g_autofree char *identifier = kl_search_identifier(identifiers[i].typed);
        g_assert_cmpstr(identifier, ==, identifiers[i].identifier);
    }
}

static gint64
unix_us(const char *iso)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(iso, NULL);
    return g_date_time_to_unix(time) * G_USEC_PER_SEC;
}

static void
test_periods(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_from_iso8601("2026-03-02T00:30:00+02:00", NULL);
    g_assert_cmpint(kl_search_period_start(KL_PERIOD_TODAY, now), ==, unix_us("2026-03-02T00:00:00+02:00"));
    g_assert_cmpint(kl_search_period_start(KL_PERIOD_7_DAYS, now), ==, unix_us("2026-02-24T00:00:00+02:00"));
    g_assert_cmpint(kl_search_period_start(KL_PERIOD_30_DAYS, now), ==, unix_us("2026-02-01T00:00:00+02:00"));
    g_assert_cmpint(kl_search_period_start(KL_PERIOD_ALL, now), ==, 0);
    g_assert_cmpint(kl_search_period_start(KL_PERIOD_CHOSEN, now), ==, 0);
}

static void
test_days(void)
{
    static const char *const wrong[] = {"2026-02-30", "2026-2-1", "yesterday", "2026-02-01x", "20260201", "2026-02-0é"};
    gint64 start, end;
    g_assert_true(kl_search_day(" 2026-02-28 ", FALSE, &start));
    g_assert_true(kl_search_day("2026-02-28", TRUE, &end));
    g_assert_cmpint(start, ==, unix_us("2026-02-28T00:00:00Z")); /* main() sets the time zone */
    g_assert_cmpint(end, ==, unix_us("2026-03-01T00:00:00Z"));
    g_assert_true(kl_search_day("  ", TRUE, &end));
    g_assert_cmpint(end, ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_false(kl_search_day(wrong[i], FALSE, &start));
}

/* --- pages --- */

static GPtrArray *
page_of(guint page)
{
    const FakeRecords fake = FAKE_RECORDS;
    GPtrArray *records = g_ptr_array_new_with_free_func((GDestroyNotify)kl_record_free);
    for (guint i = 0; i < KL_RECORD_PAGE_SIZE; i++)
        g_ptr_array_add(records, fake_record(&fake, page * KL_RECORD_PAGE_SIZE + i));
    return records;
}

/* However many pages are looked at, few are kept: those that were looked at last. */
static void
test_pages_kept(void)
{
    KlRecordPages *pages = kl_record_pages_new();
    for (guint page = 0; page < 200; page++) {
        kl_record_pages_put(pages, page, page_of(page));
        g_assert_nonnull(kl_record_pages_get(pages, 7)); /* a page that is looked at stays */
        g_assert_cmpuint(kl_record_pages_count(pages), <=, KL_RECORD_PAGES_KEPT);
    }
    g_assert_cmpstr(kl_record_pages_get(pages, 199 * KL_RECORD_PAGE_SIZE + 3)->id, ==, "record-19903");
    g_assert_null(kl_record_pages_get(pages, 100 * KL_RECORD_PAGE_SIZE));
    kl_record_pages_free(pages);
}

/* What was wanted last is fetched first; what was scrolled past is forgotten. */
static void
test_pages_wanted(void)
{
    KlRecordPages *pages = kl_record_pages_new();
    guint page = 0, count = 0;
    for (guint i = 0; i < 50; i++)
        g_assert_null(kl_record_pages_get(pages, i * KL_RECORD_PAGE_SIZE));
    g_assert_null(kl_record_pages_get(pages, 48 * KL_RECORD_PAGE_SIZE + 1));
    g_assert_true(kl_record_pages_wanted(pages, &page));
    g_assert_cmpuint(page, ==, 48);
    g_assert_true(kl_record_pages_wanted(pages, &page));
    g_assert_cmpuint(page, ==, 49);
    while (kl_record_pages_wanted(pages, &page))
        count++;
    g_assert_cmpuint(count, <, 10);
    kl_record_pages_free(pages);
}

/* --- the model --- */

typedef struct {
    FakeRecords fake;
    KlRecordModel *model;
    GArray *numbers;
    guint changed, inserted, failed;
    gboolean inserted_elsewhere;
} Bench;

static void
row_changed(Bench *bench)
{
    bench->changed++;
}

static void
row_inserted(Bench *bench, GtkTreePath *path)
{
    bench->inserted++;
    bench->inserted_elsewhere = bench->inserted_elsewhere || gtk_tree_path_get_indices(path)[0] != 0;
}

static void
failed(Bench *bench, GError *error)
{
    g_assert_error(error, KL_ERROR, KL_ERROR_STORE_CORRUPT);
    bench->failed++;
}

#define FOUND 1050

static void
set_up(Bench *bench, gconstpointer data)
{
    bench->fake = (FakeRecords)FAKE_RECORDS;
    bench->numbers = fake_numbers(FOUND);
    bench->model = kl_record_model_new(&bench->fake.base, NULL, bench->numbers, 0, FOUND);
    g_signal_connect_swapped(bench->model, "row-changed", G_CALLBACK(row_changed), bench);
    g_signal_connect_swapped(bench->model, "row-inserted", G_CALLBACK(row_inserted), bench);
    g_signal_connect_swapped(bench->model, "failed", G_CALLBACK(failed), bench);
}

static void
tear_down(Bench *bench, gconstpointer data)
{
    g_clear_object(&bench->model);
    g_array_unref(bench->numbers);
}

static char *
cell(KlRecordModel *model, int row, int column)
{
    GtkTreeIter iter;
    char *text = NULL;
    g_assert_true(gtk_tree_model_iter_nth_child(GTK_TREE_MODEL(model), &iter, NULL, row));
    gtk_tree_model_get(GTK_TREE_MODEL(model), &iter, column, &text, -1);
    return text;
}

#define assert_cell(model, row, column, expected)                                                                      \
    do {                                                                                                               \
        g_autofree char *cell_text = cell(model, row, column);                                                         \
        g_assert_cmpstr(cell_text, ==, expected);                                                                      \
    } while (0)

static void
wait_for(const guint *counter, guint value)
{
    while (*counter < value)
        g_main_context_iteration(NULL, TRUE);
}

static void
test_model_shape(Bench *bench, gconstpointer data)
{
    GtkTreeModel *model = GTK_TREE_MODEL(bench->model);
    GtkTreeIter iter;
    int rows = 0;
    g_assert_cmpint(gtk_tree_model_iter_n_children(model, NULL), ==, FOUND);
    for (gboolean more = gtk_tree_model_get_iter_first(model, &iter); more;
         more = gtk_tree_model_iter_next(model, &iter)) {
        gint64 number = 0;
        g_autoptr(GtkTreePath) path = gtk_tree_model_get_path(model, &iter);
        gtk_tree_model_get(model, &iter, KL_RECORD_COLUMN_NUMBER, &number, -1);
        g_assert_cmpint(gtk_tree_path_get_indices(path)[0], ==, rows);
        g_assert_cmpint(number, ==, FOUND - rows);
        rows++;
    }
    g_assert_cmpint(rows, ==, FOUND);
    g_assert_false(gtk_tree_model_iter_nth_child(model, &iter, NULL, FOUND));
    g_assert_cmpint(bench->fake.calls, ==, 0); /* nobody looked at a record */
}

static void
test_model_fetch(Bench *bench, gconstpointer data)
{
    assert_cell(bench->model, 0, KL_RECORD_COLUMN_SLOT, KL_RECORD_PLACEHOLDER);
    assert_cell(bench->model, 0, KL_RECORD_COLUMN_ICON, NULL);
    wait_for(&bench->changed, 50); /* the newest page is not full */
    g_assert_cmpuint(bench->changed, ==, 50);
    assert_cell(bench->model, 0, KL_RECORD_COLUMN_SLOT, "26"); /* 1050 modulo 64 */
    assert_cell(bench->model, 49, KL_RECORD_COLUMN_SLOT, "41");
    assert_cell(bench->model, 50, KL_RECORD_COLUMN_SLOT, KL_RECORD_PLACEHOLDER);
    wait_for(&bench->changed, 150);
    assert_cell(bench->model, 50, KL_RECORD_COLUMN_SLOT, "40");
    assert_cell(bench->model, 149, KL_RECORD_COLUMN_IMEI, "350000000000901");
    g_assert_cmpint(bench->fake.calls, ==, 2);
}

/* Text from outside is one line that can be shown, and never markup for the view to read. */
static void
test_model_text(Bench *bench, gconstpointer data)
{
    g_free(cell(bench->model, FOUND - 1, KL_RECORD_COLUMN_OPERATOR));
    wait_for(&bench->changed, 100);
    assert_cell(bench->model, FOUND - 7, KL_RECORD_COLUMN_OPERATOR, "two\xef\xbf\xbdlines");
    assert_cell(bench->model, FOUND - 10, KL_RECORD_COLUMN_OPERATOR, "<b>&amp;");
    assert_cell(bench->model, FOUND - 11, KL_RECORD_COLUMN_OPERATOR, "bad \xef\xbf\xbd utf-8");
    assert_cell(bench->model, FOUND - 14, KL_RECORD_COLUMN_OPERATOR, "\xef\xbf\xbd[31m");
}

static void
test_model_grow(Bench *bench, gconstpointer data)
{
    g_autoptr(GArray) more = fake_numbers(FOUND + 60);
    g_free(cell(bench->model, 0, KL_RECORD_COLUMN_SLOT));
    wait_for(&bench->changed, 50);
    g_assert_true(kl_record_model_grow(bench->model, more));
    g_assert_cmpuint(bench->inserted, ==, 60);
    g_assert_false(bench->inserted_elsewhere);
    g_assert_cmpint(gtk_tree_model_iter_n_children(GTK_TREE_MODEL(bench->model), NULL), ==, FOUND + 60);
    assert_cell(bench->model, 60, KL_RECORD_COLUMN_SLOT, "26"); /* kept: it was there before */
    assert_cell(bench->model, 0, KL_RECORD_COLUMN_SLOT, KL_RECORD_PLACEHOLDER);
    wait_for(&bench->changed, 60);
    assert_cell(bench->model, 0, KL_RECORD_COLUMN_SLOT, "22");
}

/* Not the same numbers as before, with more in front: the model stays as it was. */
static void
test_model_other(Bench *bench, gconstpointer data)
{
    g_autoptr(GArray) fewer = fake_numbers(FOUND - 1);
    g_autoptr(GArray) other = fake_numbers(FOUND + 5);
    g_array_remove_index(other, FOUND);
    g_assert_false(kl_record_model_grow(bench->model, fewer));
    g_assert_false(kl_record_model_grow(bench->model, other));
    g_assert_cmpuint(bench->inserted, ==, 0);
    g_assert_cmpint(gtk_tree_model_iter_n_children(GTK_TREE_MODEL(bench->model), NULL), ==, FOUND);
}

/* A record that was running is looked at again, and shown as it was until then. */
static void
test_model_running(Bench *bench, gconstpointer data)
{
    bench->fake.running_from = FOUND;
    g_free(cell(bench->model, 0, KL_RECORD_COLUMN_TOOK));
    wait_for(&bench->changed, 50);
    assert_cell(bench->model, 0, KL_RECORD_COLUMN_TOOK, NULL);
    bench->fake.running_from = 0;
    g_assert_true(kl_record_model_grow(bench->model, bench->numbers));
    g_assert_cmpuint(bench->changed, ==, 100); /* the view is told to look */
    assert_cell(bench->model, 0, KL_RECORD_COLUMN_TOOK, NULL);
    wait_for(&bench->changed, 150);
    assert_cell(bench->model, 0, KL_RECORD_COLUMN_TOOK, "1.5 s");
    g_assert_cmpint(bench->fake.calls, ==, 2);
}

static void
test_model_failure(Bench *bench, gconstpointer data)
{
    bench->fake.fails_at = FOUND;
    g_free(cell(bench->model, 0, KL_RECORD_COLUMN_SLOT));
    wait_for(&bench->failed, 1);
    g_assert_cmpuint(bench->changed, ==, 0);
    assert_cell(bench->model, 0, KL_RECORD_COLUMN_SLOT, KL_RECORD_PLACEHOLDER);
    wait_for(&bench->failed, 2);
}

static void
note_gone(gpointer data, GObject *gone)
{
    *(guint *)data = 1;
}

/* The view may let go of the model while a page is fetched. */
static void
test_model_gone(Bench *bench, gconstpointer data)
{
    guint gone = 0;
    g_object_weak_ref(G_OBJECT(bench->model), note_gone, &gone);
    g_free(cell(bench->model, 0, KL_RECORD_COLUMN_SLOT));
    g_clear_object(&bench->model);
    while (!gone)
        g_main_context_iteration(NULL, FALSE);
}

/* A part in the middle, as it is shown of very many. */
static void
test_model_part(Bench *bench, gconstpointer data)
{
    g_autoptr(KlRecordModel) part = kl_record_model_new(&bench->fake.base, NULL, bench->numbers, 500, 30);
    g_signal_connect_swapped(part, "row-changed", G_CALLBACK(row_changed), bench);
    g_assert_cmpint(gtk_tree_model_iter_n_children(GTK_TREE_MODEL(part), NULL), ==, 30);
    g_free(cell(part, 29, KL_RECORD_COLUMN_IMEI));
    wait_for(&bench->changed, 30);
    g_assert_cmpuint(bench->changed, ==, 30); /* rows outside the part are none */
    assert_cell(part, 29, KL_RECORD_COLUMN_IMEI, "350000000000521");
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*function)(Bench *bench, gconstpointer data);
    } tests[] = {
        {"/history/model/shape", test_model_shape},     {"/history/model/fetch", test_model_fetch},
        {"/history/model/text", test_model_text},       {"/history/model/grow", test_model_grow},
        {"/history/model/other", test_model_other},     {"/history/model/running", test_model_running},
        {"/history/model/failure", test_model_failure}, {"/history/model/gone", test_model_gone},
        {"/history/model/part", test_model_part},
    };
    g_setenv("TZ", "UTC", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/history/identifiers", test_identifiers);
    g_test_add_func("/history/periods", test_periods);
    g_test_add_func("/history/days", test_days);
    g_test_add_func("/history/pages/kept", test_pages_kept);
    g_test_add_func("/history/pages/wanted", test_pages_wanted);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Bench, NULL, set_up, tests[i].function, tear_down);
    return g_test_run();
}
