#include "db/migrate_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "db/database.h"
#include "db/statement.h"
#include "station/error.h"

/* How many pages are copied at a time, and how long another program may keep the copy waiting in all. */
#define PAGES 4096
#define WAIT_MS 50
#define WAITS_MAX 200

static gboolean
copy_pages(sqlite3 *from, sqlite3 *to, GError **error)
{
    errno = 0;
    sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");
    if (copy == NULL)
        return kl_database_fail(to, "starting the copy", error);
    int result = SQLITE_OK;
    for (guint waits = 0; waits < WAITS_MAX;) {
        result = sqlite3_backup_step(copy, PAGES);
        if (result != SQLITE_OK && result != SQLITE_BUSY && result != SQLITE_LOCKED)
            break;
        if (result != SQLITE_OK) {
            waits++;
            sqlite3_sleep(WAIT_MS);
        }
    }
    int system_errno = errno;
    sqlite3_backup_finish(copy);
    errno = system_errno;
    return result == SQLITE_DONE || kl_database_fail(to, "copying the database", error);
}

/* One file that needs no other beside it, undamaged, of that version. Another program may have migrated meanwhile. */
static gboolean
check_copy(sqlite3 *copy, gint64 version, GError **error)
{
    gint64 found = 0;
    g_autofree char *verdict = NULL;
    if (!kl_database_exec(copy, "PRAGMA journal_mode = DELETE", error) ||
        !kl_get_text(copy, &verdict, error, "PRAGMA integrity_check(1)") ||
        !kl_get_int(copy, &found, error, "PRAGMA user_version"))
        return FALSE;
    if (g_strcmp0(verdict, "ok") != 0)
        return kl_fail(error, KL_ERROR_STORE_CORRUPT, "the copy before the migration: %s", verdict);
    if (found != version)
        return kl_fail(error, KL_ERROR_STORE_FAILED,
                       "the database went from version %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                       " while it was copied: another program is at work",
                       version, found);
    return TRUE;
}

static gboolean
copy_to(sqlite3 *db, const char *path, gint64 version, GError **error)
{
    g_autoptr(sqlite3) copy = NULL;
    if (sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) !=
        SQLITE_OK)
        return kl_database_fail(copy, path, error);
    return kl_database_exec(copy, "PRAGMA synchronous = FULL", error) && copy_pages(db, copy, error) &&
           check_copy(copy, version, error);
}

static gboolean
fail_at(const char *path, GError **error)
{
    int number = errno;
    return kl_fail(error, number == ENOSPC || number == EDQUOT ? KL_ERROR_STORE_FULL : KL_ERROR_STORE_FAILED, "%s: %s",
                   path, g_strerror(number));
}

/* The copy's final name is there only when all of it is on the disk. */
static gboolean
keep(const char *new_path, const char *path, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(path);
    if (g_rename(new_path, path) != 0)
        return fail_at(path, error);
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean ok = (folder >= 0 && fsync(folder) == 0) || fail_at(dir, error);
    if (folder >= 0)
        close(folder);
    return ok;
}

gboolean
kl_migrate_backup(sqlite3 *db, guint newest, GError **error)
{
    gint64 version = 0;
    if (!kl_get_int(db, &version, error, "PRAGMA user_version"))
        return FALSE;
    if (version == 0 || version >= (gint64)newest)
        return TRUE;
    g_autofree char *path = g_strdup_printf("%s.backup-v%" G_GINT64_FORMAT, sqlite3_db_filename(db, "main"), version);
    g_autofree char *new_path = g_strconcat(path, ".XXXXXX", NULL);
    int fd = g_mkstemp_full(new_path, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_at(new_path, error);
    close(fd);
    if (copy_to(db, new_path, version, error) && keep(new_path, path, error))
        return TRUE;
    g_unlink(new_path);
    return FALSE;
}
