#include "db/migrate.h"

#include "db/database.h"
#include "db/statement.h"
#include "station/error.h"

typedef struct {
    gint64 version;
    gint64 application_id;
    gint64 tables;
} Marks;

static gboolean
read_marks(sqlite3 *db, Marks *marks, GError **error)
{
    g_autoptr(sqlite3_stmt) query = kl_query(db, error,
                                             "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)"
                                             " FROM pragma_user_version, pragma_application_id");
    gboolean row = FALSE;
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    marks->version = sqlite3_column_int64(query, 0);
    marks->application_id = sqlite3_column_int64(query, 1);
    marks->tables = sqlite3_column_int64(query, 2);
    return TRUE;
}

static gboolean
check_marks(const Marks *marks, guint newest, GError **error)
{
    gboolean empty = marks->version == 0 && marks->application_id == 0 && marks->tables == 0;
    if (!empty && marks->application_id != KL_APPLICATION_ID)
        return kl_fail(error, KL_ERROR_STORE_CORRUPT,
                       "another program's database (application id %" G_GINT64_FORMAT ")", marks->application_id);
    if (marks->version > newest)
        return kl_fail(error, KL_ERROR_STORE_NEWER,
                       "the database has version %" G_GINT64_FORMAT ", this program knows versions up to %u",
                       marks->version, newest);
    if (!empty && marks->version < 1)
        return kl_fail(error, KL_ERROR_STORE_CORRUPT, "the database has version %" G_GINT64_FORMAT, marks->version);
    return TRUE;
}

gboolean
kl_migrate_check(sqlite3 *db, guint newest, GError **error)
{
    Marks marks = {0};
    return read_marks(db, &marks, error) && check_marks(&marks, newest, error);
}

gboolean
kl_migrate_check_current(sqlite3 *db, guint newest, GError **error)
{
    Marks marks = {0};
    if (!read_marks(db, &marks, error) || !check_marks(&marks, newest, error))
        return FALSE;
    if (marks.version == 0)
        return kl_fail(error, KL_ERROR_STATION_MISSING, "the database is empty");
    if (marks.version < newest)
        return kl_fail(error, KL_ERROR_STORE_READ_ONLY,
                       "the database has version %" G_GINT64_FORMAT " and has to be brought to version %u by a program"
                       " that may write",
                       marks.version, newest);
    return TRUE;
}

static gboolean
check_foreign_keys(sqlite3 *db, guint version, GError **error)
{
    gboolean broken = FALSE;
    g_autoptr(sqlite3_stmt) query = kl_query(db, error, "PRAGMA foreign_key_check");
    if (query == NULL || !kl_next(db, query, &broken, error))
        return FALSE;
    if (broken)
        return kl_fail(error, KL_ERROR_STORE_CORRUPT, "after migration %u a row of %s points nowhere", version,
                       (const char *)sqlite3_column_text(query, 0));
    return TRUE;
}

/* Inside the transaction, so that a second program that starts at the same time sees what the first has done. */
static gboolean
migrate_one(sqlite3 *db, const KlMigration *migration, guint newest, GError **error)
{
    Marks marks = {0};
    if (!read_marks(db, &marks, error) || !check_marks(&marks, newest, error))
        return FALSE;
    if (marks.version >= migration->version)
        return TRUE;
    g_autofree char *stamp =
        g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %u", KL_APPLICATION_ID, migration->version);
    return kl_database_exec(db, migration->sql, error) && check_foreign_keys(db, migration->version, error) &&
           kl_database_exec(db, stamp, error);
}

gboolean
kl_migrate(sqlite3 *db, const KlMigration *migrations, guint count, GError **error)
{
    /* Tables are rebuilt with foreign keys off, as SQLite advises; each migration's result is checked instead. */
    if (!kl_database_exec(db, "PRAGMA foreign_keys = OFF", error))
        return FALSE;
    for (guint i = 0; i < count; i++) {
        gboolean ok = kl_database_exec(db, "BEGIN IMMEDIATE", error) && migrate_one(db, &migrations[i], count, error) &&
                      kl_database_exec(db, "COMMIT", error);
        if (!ok) {
            if (!sqlite3_get_autocommit(db))
                kl_database_exec(db, "ROLLBACK", NULL);
            return FALSE;
        }
    }
    return TRUE;
}
