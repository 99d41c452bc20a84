/* Before an older database is brought up to date there is a whole copy of it; without one nothing is changed. */
#include "db/database.h"
#include "db/migrate.h"
#include "db/migrate_backup.h"
#include "store-fixture.h"

#define OLD 3
#define UNITS "INSERT INTO units (imei, fsn, first_seen_us, last_seen_us) VALUES ('350000000000001', 'F1', 5, 5);"

/* A database of an earlier version, with a row that is only in the -wal file as long as the connection lives. */
static sqlite3 *
old_database(const Folder *folder)
{
    g_autoptr(GError) error = NULL;
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(folder->path, &db), ==, SQLITE_OK);
    g_assert_true(kl_database_exec(db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0", &error));
    g_assert_true(kl_migrate(db, kl_migrations, OLD, &error));
    g_assert_true(kl_database_exec(db, UNITS, &error));
    return db;
}

static char *
copy_path(const Folder *folder)
{
    return g_strdup_printf("%s.backup-v%d", folder->path, OLD);
}

static guint
files_in(const Folder *folder)
{
    g_autoptr(GDir) entries = g_dir_open(folder->dir, 0, NULL);
    guint count = 0;
    while (g_dir_read_name(entries) != NULL)
        count++;
    return count;
}

static void
test_copied(Folder *folder, gconstpointer data)
{
    sqlite3 *old = old_database(folder);
    g_autofree char *before = sqlite(folder->path, ".dump");
    g_autofree char *copy = copy_path(folder);
    KlStore *store = open_store(folder->path);
    GStatBuf info;
    g_assert_cmpint(g_stat(copy, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600);
    kl_store_free(store);
    kl_database_close(old);
    g_assert_cmpuint(files_in(folder), ==, 2); /* nothing beside the copy that it would need */
    assert_sql(copy, ".dump", before);
    assert_sql(copy, "PRAGMA user_version", G_STRINGIFY(OLD));
    assert_sql(copy, "PRAGMA journal_mode", "delete");
    assert_sql(copy, "SELECT fsn FROM units", "F1");
    g_autofree char *now = g_strdup_printf("%u", kl_migration_count);
    assert_sql(folder->path, "PRAGMA user_version", now);

    /* The copy is a database that can be gone back to. */
    g_assert_cmpint(g_rename(copy, folder->path), ==, 0);
    kl_store_free(open_store(folder->path));
    assert_sql(folder->path, "SELECT fsn FROM units", "F1");
}

static void
test_not_needed(Folder *folder, gconstpointer data)
{
    kl_store_free(open_store(folder->path));
    kl_store_free(open_store(folder->path));
    g_assert_cmpuint(files_in(folder), ==, 1);
}

static void
test_replaced(Folder *folder, gconstpointer data)
{
    g_autofree char *copy = copy_path(folder);
    g_assert_true(g_file_set_contents(copy, "an earlier one", -1, NULL));
    kl_database_close(old_database(folder));
    kl_store_free(open_store(folder->path));
    assert_sql(copy, "SELECT fsn FROM units", "F1");
}

static void
assert_untouched(const Folder *folder, KlErrorCode code)
{
    g_autoptr(GError) error = NULL;
    guint before = files_in(folder);
    g_assert_null(kl_store_sqlite_open(folder->path, FALSE, &error));
    g_assert_error(error, KL_ERROR, (gint)code);
    g_assert_cmpuint(files_in(folder), ==, before);
    assert_sql(folder->path, "PRAGMA user_version", G_STRINGIFY(OLD));
}

/* Its place is taken by what no file can replace. */
static void
test_no_place(Folder *folder, gconstpointer data)
{
    g_autofree char *copy = copy_path(folder);
    kl_database_close(old_database(folder));
    g_assert_cmpint(g_mkdir(copy, 0700), ==, 0);
    assert_untouched(folder, KL_ERROR_STORE_FAILED);
}

static void
test_damaged(Folder *folder, gconstpointer data)
{
    sqlite3 *old = old_database(folder);
    g_assert_true(kl_database_exec(old,
                                   "CREATE TABLE bent (x INTEGER CHECK (x > 0)) STRICT;"
                                   "PRAGMA ignore_check_constraints = ON; INSERT INTO bent VALUES (-1)",
                                   NULL));
    kl_database_close(old);
    assert_untouched(folder, KL_ERROR_STORE_CORRUPT);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_test("/migrate-backup/copied", NULL, test_copied);
    add_test("/migrate-backup/not-needed", NULL, test_not_needed);
    add_test("/migrate-backup/replaced", NULL, test_replaced);
    add_test("/migrate-backup/no-place", NULL, test_no_place);
    add_test("/migrate-backup/damaged", NULL, test_damaged);
    return g_test_run();
}
