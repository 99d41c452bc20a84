/* Exported records, read back by programs that are not ours: the sqlite3 program for CSV, a JSON parser for JSON. */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "fake_records.h"
#include "gui/export.h"
#include "station/csv.h"

#define RECORDS 450 /* more than two pages */

static const struct {
    const char *text, *field;
} fields[] = {
    {"", ""},
    {"217", "217"},
    {"WO 48-1123", "WO 48-1123"},
    {"a,b", "\"a,b\""},
    {"a;b", "\"a;b\""},
    {"say \"x\"", "\"say \"\"x\"\"\""},
    {"two\r\nlines", "\"two\r\nlines\""},
    {" space", "\" space\""},
    {"=1+1", "\"'=1+1\""},
    {"+1", "\"'+1\""},
    {"-1", "\"'-1\""},
    {"@A1", "\"'@A1\""},
    {"\t=1", "\"'\t=1\""},
    {"\r=1", "\"'\r=1\""},
    {"\n=1", "\"'\n=1\""},
    {"  =1", "\"'  =1\""},
    {"＝1", "\"'＝1\""},
    {"=\"a\"", "\"'=\"\"a\"\"\""},
    {"a=1", "a=1"},
    {"bad \xff", "bad \xef\xbf\xbd"},
};

static void
test_csv_fields(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autoptr(GString) line = g_string_new(NULL);
        kl_csv_field(line, fields[i].text);
        g_assert_cmpstr(line->str, ==, fields[i].field);
    }
    g_autoptr(GString) line = g_string_new("x");
    kl_csv_field(line, NULL);
    g_assert_cmpstr(line->str, ==, "x");
}

typedef struct {
    char *dir, *path;
    GFile *file;
} Place;

static void
set_up(Place *place, gconstpointer data)
{
    place->dir = g_dir_make_tmp("keyline-export-XXXXXX", NULL);
    place->path = g_build_filename(place->dir, "records", NULL);
    place->file = g_file_new_for_path(place->path);
}

/* Nothing else may be left in the folder. */
static void
tear_down(Place *place, gconstpointer data)
{
    g_remove(place->path);
    g_assert_cmpint(g_rmdir(place->dir), ==, 0);
    g_object_unref(place->file);
    g_free(place->path);
    g_free(place->dir);
}

static gboolean export(Place *place, FakeRecords *fake, KlExportFormat format, GCancellable *cancel, GError **error)
{
    g_autoptr(GArray) numbers = fake_numbers(RECORDS);
    return kl_export_file(&fake->base, (const gint64 *)(gpointer)numbers->data, numbers->len, format, place->file, NULL,
                          NULL, cancel, error);
}

static char *
sqlite_over_csv(const Place *place, const char *sql)
{
    g_autofree char *import = g_strdup_printf(".import --csv '%s' t", place->path);
    const char *argv[] = {"sqlite3", "-batch", "-bail", ":memory:", import, sql, NULL};
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GError) error = NULL;
    int status = -1;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(err, ==, "");
    g_assert_true(g_spawn_check_wait_status(status, NULL));
    return g_strchomp(g_steal_pointer(&out));
}

static void
assert_csv(const Place *place, const char *sql, const char *expected)
{
    g_autofree char *found = sqlite_over_csv(place, sql);
    g_assert_cmpstr(found, ==, expected);
}

static void
test_csv(Place *place, gconstpointer data)
{
    FakeRecords fake = FAKE_RECORDS;
    g_autoptr(GError) error = NULL;
    export(place, &fake, KL_EXPORT_CSV, NULL, &error);
    g_assert_no_error(error);
    assert_csv(place, "SELECT count(*), count(DISTINCT record_id) FROM t", "450|450");
    assert_csv(place, "SELECT record_id FROM t WHERE rowid IN (1, 450)", "record-450\nrecord-1");
    assert_csv(place, "SELECT record_id, started, ended, seconds, outcome, code, imei, device FROM t WHERE rowid = 447",
               "record-4|2023-11-14T22:13:24Z|2023-11-14T22:13:25.500000Z|1.500|PASS||350000000000004|FX30-000004");
    /* Text that no spreadsheet calculates comes back as it went in. */
    assert_csv(place, "SELECT operator FROM t WHERE record_id = 'record-6'", "say \"hello\"");
    assert_csv(place, "SELECT hex(operator) FROM t WHERE record_id = 'record-7'", "74776F0A6C696E6573");
    assert_csv(place, "SELECT count(*) FROM t WHERE trim(operator) GLOB '[=+@-]*' OR operator GLOB char(9) || '*'",
               "0");
    assert_csv(place, "SELECT count(*) FROM t WHERE operator LIKE '''%'", "198"); /* texts 1-4, 8, 12 and 15 of 16 */
}

static void
test_json(Place *place, gconstpointer data)
{
    FakeRecords fake = FAKE_RECORDS;
    g_autoptr(GError) error = NULL;
    export(place, &fake, KL_EXPORT_JSON, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    json_parser_load_from_file(parser, place->path, &error);
    g_assert_no_error(error);
    JsonArray *records = json_object_get_array_member(json_node_get_object(json_parser_get_root(parser)), "records");
    g_assert_cmpuint(json_array_get_length(records), ==, RECORDS);
    for (guint i = 0; i < RECORDS; i++) {
        gint64 number = RECORDS - i;
        JsonObject *record = json_array_get_object_element(records, i);
        g_autofree char *id = g_strdup_printf("record-%" G_GINT64_FORMAT, number);
        g_autofree char *text = g_utf8_make_valid(hostile_texts[number % (gint64)N_HOSTILE], -1);
        g_assert_cmpstr(json_object_get_string_member(record, "record_id"), ==, id);
        g_assert_cmpstr(json_object_get_string_member(record, "operator"), ==, text);
        g_assert_true(json_object_get_null_member(record, "imei") == (number % 5 == 0));
        g_assert_cmpfloat(json_object_get_double_member(record, "seconds"), ==, 1.5);
        g_assert_false(json_object_get_boolean_member(record, "resumed"));
    }
}

/* Nothing found is a heading, or an empty array. */
static void
test_nothing(Place *place, gconstpointer data)
{
    FakeRecords fake = FAKE_RECORDS;
    g_autofree char *text = NULL;
    g_assert_true(kl_export_file(&fake.base, NULL, 0, KL_EXPORT_JSON, place->file, NULL, NULL, NULL, NULL));
    g_assert_true(g_file_get_contents(place->path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "{\"records\": [\n]}\n");
    g_clear_pointer(&text, g_free);
    g_assert_true(kl_export_file(&fake.base, NULL, 0, KL_EXPORT_CSV, place->file, NULL, NULL, NULL, NULL));
    g_assert_true(g_file_get_contents(place->path, &text, NULL, NULL));
    g_assert_true(g_str_has_prefix(text, "record_id,started,"));
    g_assert_true(g_str_has_suffix(text, ",program\r\n"));
}

static void
assert_untouched(const Place *place)
{
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(place->path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "the export of yesterday");
}

/* A failure in the middle leaves the file of before, and nothing beside it (see tear_down). */
static void
test_failure(Place *place, gconstpointer data)
{
    FakeRecords fake = FAKE_RECORDS;
    g_autoptr(GError) error = NULL;
    fake.fails_at = 3;
    g_assert_true(g_file_set_contents(place->path, "the export of yesterday", -1, NULL));
    g_assert_false(export(place, &fake, KL_EXPORT_CSV, NULL, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_STORE_CORRUPT);
    g_assert_cmpint(fake.calls, ==, 3);
    assert_untouched(place);
}

static void
cancel_halfway(double fraction, gpointer data)
{
    if (fraction > 0.5)
        g_cancellable_cancel(data);
}

static void
test_cancel(Place *place, gconstpointer data)
{
    FakeRecords fake = FAKE_RECORDS;
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autoptr(GArray) numbers = fake_numbers(RECORDS);
    g_assert_true(g_file_set_contents(place->path, "the export of yesterday", -1, NULL));
    g_assert_false(kl_export_file(&fake.base, (const gint64 *)(gpointer)numbers->data, numbers->len, KL_EXPORT_JSON,
                                  place->file, cancel_halfway, cancel, cancel, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    assert_untouched(place);
}

static void
test_no_folder(Place *place, gconstpointer data)
{
    FakeRecords fake = FAKE_RECORDS;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(place->dir, "missing", "records", NULL);
    g_autoptr(GFile) file = g_file_new_for_path(path);
    g_assert_false(kl_export_file(&fake.base, NULL, 0, KL_EXPORT_CSV, file, NULL, NULL, NULL, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/export/csv-fields", test_csv_fields);
    g_test_add("/export/csv", Place, NULL, set_up, test_csv, tear_down);
    g_test_add("/export/json", Place, NULL, set_up, test_json, tear_down);
    g_test_add("/export/nothing", Place, NULL, set_up, test_nothing, tear_down);
    g_test_add("/export/failure", Place, NULL, set_up, test_failure, tear_down);
    g_test_add("/export/cancel", Place, NULL, set_up, test_cancel, tear_down);
    g_test_add("/export/no-folder", Place, NULL, set_up, test_no_folder, tear_down);
    return g_test_run();
}
