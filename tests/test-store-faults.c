/* The store when the disk is full, or its file is read-only, damaged or gone. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/statement.h"
#include "store-fixture.h"

static char *program;

/* --- no space --- */

static void
limit_files(rlim_t bytes)
{
    struct rlimit limit;
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
}

static gboolean
big_job(KlStore *store, GError **error)
{
    g_autoptr(KlRecord) record = make_record(1);
    if (!CALL(store, job_begin, record, error))
        return FALSE;
    settle(record, KL_OUTCOME_FAIL, "NO_AGENT");
    record->transcript = g_strnfill(300 * 1024, 'x');
    return CALL(store, job_end, record, error);
}

/* No file may grow beyond the limit: for SQLite that is a write that fails (EFBIG). */
static void
test_full(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL, self_test_error = NULL, open_error = NULL;
    g_autofree char *id = pass_unit(store, 1);

    signal(SIGXFSZ, SIG_IGN);
    limit_files(400 * 1024);
    for (guint i = 0; i < 100 && big_job(store, &error); i++)
        continue;
    assert_code(error, STORE_FULL);

    /* What was committed can still be read. */
    g_autoptr(KlRecord) record = CALL(store, record, id, NULL);
    g_assert_cmpint(record->outcome, ==, KL_OUTCOME_PASS);
    g_assert_nonnull(record->transcript);

    limit_files(0);
    g_assert_false(store->klass->self_test(store, &self_test_error));
    assert_code(self_test_error, STORE_FULL);
    g_autofree char *fresh = g_build_filename(folder->dir, "fresh.db", NULL);
    g_assert_null(kl_store_sqlite_open(fresh, FALSE, &open_error));
    assert_code(open_error, STORE_FULL);

    limit_files(RLIM_INFINITY);
    g_clear_error(&error);
    g_assert_true(store->klass->self_test(store, &error)); /* with space again, the same store goes on */
    g_assert_true(big_job(store, &error));
    g_assert_no_error(error);
    assert_sql(folder->path, "PRAGMA integrity_check", "ok");
    assert_sql(folder->path, "SELECT count(*) FROM jobs WHERE outcome = 'RUNNING' AND id IN (SELECT job FROM steps)",
               "0");
}

/* --- read-only --- */

static void
test_reader(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) writer = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    g_autofree char *id = pass_unit(writer, 1);
    g_autoptr(KlStore) reader = kl_store_sqlite_open(folder->path, TRUE, &error);
    g_assert_no_error(error);

    g_autoptr(KlRecord) record = CALL(reader, record, id, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(record->id, ==, id);
    g_autofree char *later = pass_unit(writer, 2); /* seen at once */
    g_autoptr(KlRecord) later_record = CALL(reader, record, later, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(later_record->id, ==, later);

    g_autoptr(KlRecord) head = make_record(3);
    g_assert_false(CALL(reader, job_begin, head, &error));
    assert_code(error, STORE_READ_ONLY);
    g_clear_error(&error);
    g_assert_false(reader->klass->self_test(reader, &error));
    assert_code(error, STORE_READ_ONLY);
}

/* Whether this user may not write a file is only to be seen as an ordinary user. */
static int
unprivileged_child(const char *path)
{
    g_autoptr(GError) error = NULL, read_error = NULL;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 2;
    g_autoptr(KlStore) store = kl_store_sqlite_open(path, FALSE, &error);
    if (store != NULL || !g_error_matches(error, KL_ERROR, KL_ERROR_STORE_READ_ONLY))
        return 3;
    g_autofree char *fresh = g_strconcat(path, "-new", NULL);
    g_autoptr(KlStore) none = kl_store_sqlite_open(fresh, FALSE, &read_error);
    return none != NULL || !g_error_matches(read_error, KL_ERROR, KL_ERROR_STORE_READ_ONLY) ? 4 : 0;
}

static void
test_read_only_file(Folder *folder, gconstpointer data)
{
    {
        g_autoptr(KlStore) store = open_store(folder->path);
        g_free(pass_unit(store, 1));
    }
    g_assert_cmpint(g_chmod(folder->path, 0444), ==, 0);
    g_assert_cmpint(g_chmod(folder->dir, 0555), ==, 0);
    const char *argv[] = {program, "--unprivileged", folder->path, NULL};
    int status = -1;
    g_autoptr(GError) error = NULL;
    /* Without a fork, as in rig/line_rig.c. */
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, NULL, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_chmod(folder->dir, 0755), ==, 0);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

/* --- damaged --- */

static void
overwrite(const char *path, goffset offset, const void *bytes, gsize length)
{
    int fd = g_open(path, O_WRONLY, 0);
    g_assert_cmpint(pwrite(fd, bytes, length, offset), ==, (gssize)length);
    close(fd);
}

static goffset
find_in_file(const char *path, const char *text)
{
    g_autofree char *content = NULL;
    gsize length = 0;
    g_assert_true(g_file_get_contents(path, &content, &length, NULL));
    const char *found = memmem(content, length, text, strlen(text));
    g_assert_nonnull(found);
    return found - content;
}

static void
make_closed(const char *path)
{
    g_autoptr(KlStore) store = open_store(path);
    for (guint n = 1; n <= 5; n++)
        g_free(pass_unit(store, n));
}

static void
test_no_database(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL, read_error = NULL;
    g_autofree char *noise = g_strnfill(20000, 'z');
    g_assert_true(g_file_set_contents(folder->path, noise, 20000, NULL));
    g_assert_null(kl_store_sqlite_open(folder->path, FALSE, &error));
    assert_code(error, STORE_CORRUPT);
    g_assert_null(kl_store_sqlite_open(folder->path, TRUE, &read_error));
    assert_code(read_error, STORE_CORRUPT);
}

static void
test_damaged_pages(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    make_closed(folder->path);
    GStatBuf info;
    g_assert_cmpint(g_stat(folder->path, &info), ==, 0);
    g_autofree char *noise = g_strnfill(4096, (char)0xa5);
    /* The first pages hold the schema, whose damage is found at once; these hold tables. */
    for (goffset offset = info.st_size / 2 / 4096 * 4096; offset + 4096 <= info.st_size; offset += 4096)
        overwrite(folder->path, offset, noise, 4096);
    g_autoptr(KlStore) store = kl_store_sqlite_open(folder->path, FALSE, &error);
    if (store != NULL)
        g_assert_false(store->klass->self_test(store, &error));
    assert_code(error, STORE_CORRUPT);
}

/* Damage where no ordinary call comes by: only the self-test looks everywhere. */
static void
test_damaged_page(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    make_closed(folder->path);
    g_autofree char *noise = g_strnfill(4096, (char)0xa5);
    goffset offset = find_in_file(folder->path, "certificate 2 of 350000000000003");
    overwrite(folder->path, offset / 4096 * 4096, noise, 4096);
    g_autoptr(KlStore) store = open_store(folder->path);
    g_assert_false(store->klass->self_test(store, &error));
    assert_code(error, STORE_CORRUPT);
}

static void
test_truncated(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    make_closed(folder->path);
    g_assert_cmpint(truncate(folder->path, 5 * 4096), ==, 0);
    g_autoptr(KlStore) store = kl_store_sqlite_open(folder->path, FALSE, &error);
    if (store != NULL)
        g_assert_false(store->klass->self_test(store, &error));
    assert_code(error, STORE_CORRUPT);
}

/* One bit in a stored certificate: the database is sound as such, but the certificate must not reach a unit. */
static void
test_flipped_certificate(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL, ledger_error = NULL;
    make_closed(folder->path);
    overwrite(folder->path, find_in_file(folder->path, "certificate 2 of 350000000000003"), "C", 1);
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(KlRecord) record = make_record(3);
    g_autoptr(KlUnit) unit = make_unit(3);
    g_assert_true(CALL(store, job_begin, record, NULL));
    g_assert_null(CALL(store, unit_claim, record->id, unit, &error));
    assert_code(error, STORE_CORRUPT);
    g_assert_null(CALL(store, ledger, NULL, -1, &ledger_error));
    assert_code(ledger_error, STORE_CORRUPT);
}

/* What is written to a deleted file is lost at the next restart: it must not count as kept. */
static void
test_moved(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    g_autofree char *elsewhere = g_strconcat(folder->path, ".bak", NULL);
    g_free(pass_unit(store, 1));
    g_assert_cmpint(g_rename(folder->path, elsewhere), ==, 0);
    g_autoptr(KlRecord) record = make_record(2);
    g_assert_false(CALL(store, job_begin, record, &error));
    assert_code(error, STORE_FAILED);
    g_assert_cmpint(g_rename(elsewhere, folder->path), ==, 0);
    g_clear_error(&error);
    g_assert_true(CALL(store, job_begin, record, &error));
    g_assert_no_error(error);
}

/* A loop over rows tells their end from a failure in the middle of them, and from a query that there never was. */
static void
test_rows_end(void)
{
    static const struct {
        const char *sql;
        guint rows;
        gboolean ok;
    } cases[] = {
        {"SELECT 1 WHERE 0", 0, TRUE},
        {"SELECT abs(column1) FROM (VALUES (1), (2), (3))", 3, TRUE},
        {"SELECT abs(column1) FROM (VALUES (1), (-9223372036854775807 - 1), (3))", 1, FALSE}, /* has no abs() */
        {"SELECT nothing", 0, FALSE},
    };
    g_autoptr(sqlite3) db = NULL;
    g_assert_cmpint(sqlite3_open(":memory:", &db), ==, SQLITE_OK);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(sqlite3_stmt) query = kl_query_values(db, &error, cases[i].sql, NULL, 0);
        guint rows = 0;
        gboolean ok;
        while (kl_each(db, query, &ok, &error))
            rows++;
        g_assert_cmpuint(rows, ==, cases[i].rows);
        g_assert_cmpint(ok, ==, cases[i].ok);
        g_assert_true(ok == (error == NULL));
    }
}

static const FolderTest tests[] = {
    {"/store-faults/full", test_full},
    {"/store-faults/reader", test_reader},
    {"/store-faults/read-only-file", test_read_only_file},
    {"/store-faults/no-database", test_no_database},
    {"/store-faults/damaged-pages", test_damaged_pages},
    {"/store-faults/damaged-page", test_damaged_page},
    {"/store-faults/truncated", test_truncated},
    {"/store-faults/flipped-certificate", test_flipped_certificate},
    {"/store-faults/moved", test_moved},
};

int
main(int argc, char **argv)
{
    if (argc == 3 && g_str_equal(argv[1], "--unprivileged"))
        return unprivileged_child(argv[2]);
    program = argv[0];
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    g_test_add_func("/store-faults/rows-end", test_rows_end);
    return g_test_run();
}
