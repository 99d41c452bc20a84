#include "db/audit_verify_open.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "db/migrate.h"
#include "db/statement.h"
#include "station/error.h"

#define BUSY_TIMEOUT_MS 5000
#define CACHE_KIB 16384
#define TRIES 1000

/* No honest row has a longer value: what somebody else has filled does not fill the memory. */
#define VALUE_MAX (64 << 20)

/* When the file was changed last, in nanoseconds, and its size, as one number; -1: it is not there. */
static gint64
stamp_of(const char *path)
{
    GStatBuf status;
    if (g_stat(path, &status) != 0)
        return -1;
    return ((gint64)status.st_mtim.tv_sec * 1000000007 + status.st_mtim.tv_nsec) ^ ((gint64)status.st_size << 20);
}

/* A program that has the database open keeps a -wal file beside it. */
static gboolean
is_at_rest(const char *path)
{
    g_autofree char *wal = g_strconcat(path, "-wal", NULL);
    return g_access(wal, F_OK) != 0;
}

static sqlite3 *
open_one(const char *path, gboolean at_rest, GError **error)
{
    g_autoptr(sqlite3) db = NULL;
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autofree char *plain = g_filename_to_uri(absolute, NULL, NULL);
    g_autofree char *uri = g_strconcat(plain, at_rest ? "?immutable=1" : NULL, NULL);
    errno = 0;
    if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                        NULL) != SQLITE_OK) {
        kl_database_fail(db, path, error);
        return NULL;
    }
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    g_autofree char *settings = g_strdup_printf("PRAGMA query_only = ON; PRAGMA cell_size_check = ON;"
                                                "PRAGMA cache_size = -%d; BEGIN",
                                                CACHE_KIB);
    return kl_database_exec(db, settings, error) ? g_steal_pointer(&db) : NULL;
}

/* Real tables only: a view or a virtual table could say anything, and go on for ever. */
static gboolean
check_schema(sqlite3 *db, GError **error)
{
    gint64 ours = 0, tables = 0;
    if (!kl_get_int_values(db, &ours, error, "SELECT application_id FROM pragma_application_id", NULL, 0) ||
        !kl_get_int_values(db, &tables, error,
                           "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name IN"
                           " ('audit_events', 'audit_head', 'audit_checkpoints', 'audit_periods', 'jobs', 'steps',"
                           " 'transcripts', 'certificates', 'registration', 'acts')",
                           NULL, 0))
        return FALSE;
    if (ours != KL_APPLICATION_ID)
        return kl_fail(error, KL_ERROR_AUDIT_UNREADABLE, "it is another program's database");
    if (tables != 10)
        return kl_fail(error, KL_ERROR_AUDIT_UNREADABLE, "this database has no journal");
    return TRUE;
}

/* Begins to read; *end: where the journal ends for this connection. */
static gboolean
look(sqlite3 *db, gint64 *end, GError **error)
{
    return kl_get_int_values(db, end, error, "SELECT coalesce(max(n), 0) FROM audit_events", NULL, 0);
}

static gboolean
again(sqlite3 *db, GError **error)
{
    return kl_database_exec(db, "ROLLBACK; BEGIN", error);
}

/* Whatever changes a database of ours also makes its journal longer: where it ends tells the moment. */
static gboolean
agree(sqlite3 **connections, guint count, GError **error)
{
    for (guint i = 0; i < TRIES; i++) {
        gint64 first = 0, end = 0;
        gboolean same = TRUE;
        for (guint c = 0; c < count; c++) {
            if ((i > 0 && !again(connections[c], error)) || !look(connections[c], &end, error))
                return FALSE;
            first = c == 0 ? end : first;
            same = same && end == first;
        }
        if (same)
            return TRUE;
    }
    return kl_fail(error, KL_ERROR_STORE_FAILED, "the database changes too quickly to be read");
}

gboolean
kl_audit_open(const char *path, sqlite3 **connections, guint count, gint64 *stamp, GError **error)
{
    gboolean at_rest = is_at_rest(path);
    *stamp = at_rest ? stamp_of(path) : -1;
    for (guint i = 0; i < count; i++) {
        connections[i] = open_one(path, at_rest, error);
        if (connections[i] == NULL || (i == 0 && !check_schema(connections[i], error)))
            return FALSE;
    }
    return agree(connections, count, error);
}

gboolean
kl_audit_open_still(const char *path, gint64 stamp, GError **error)
{
    if (stamp == -1 || stamp == stamp_of(path))
        return TRUE;
    return kl_fail(error, KL_ERROR_STORE_FAILED, "%s was written to while it was read: try again", path);
}
