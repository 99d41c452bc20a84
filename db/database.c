#include "db/database.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "db/migrate.h"
#include "db/migrate_backup.h"
#include "station/error.h"

#define BUSY_TIMEOUT_MS 5000

/* What the operating system said, for the SQLite results that only mean "the file system refused". */
static KlErrorCode
code_of_system(int system_errno, KlErrorCode otherwise)
{
    switch (system_errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return KL_ERROR_STORE_FULL;
    case EROFS:
    case EACCES:
    case EPERM:
        return KL_ERROR_STORE_READ_ONLY;
    case EMFILE:
    case ENFILE:
        return KL_ERROR_STORE_FAILED;
    default:
        return otherwise;
    }
}

/* system_errno: what errno was right after the call, 0 before it; SQLite itself keeps it for some failures only. */
static KlErrorCode
code_of(sqlite3 *db, int system_errno)
{
    int result = sqlite3_extended_errcode(db);
    if (sqlite3_system_errno(db) != 0)
        system_errno = sqlite3_system_errno(db);
    if (result == SQLITE_READONLY_DBMOVED)
        return KL_ERROR_STORE_FAILED;
    switch (result & 0xff) {
    case SQLITE_FULL:
        return KL_ERROR_STORE_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return KL_ERROR_STORE_READ_ONLY;
    case SQLITE_CANTOPEN:
        return code_of_system(system_errno, KL_ERROR_STORE_READ_ONLY);
    case SQLITE_IOERR:
        return code_of_system(system_errno, KL_ERROR_STORE_FAILED);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return KL_ERROR_STORE_CORRUPT;
    default:
        return KL_ERROR_STORE_FAILED;
    }
}

gboolean
kl_database_fail(sqlite3 *db, const char *doing, GError **error)
{
    return kl_fail(error, code_of(db, errno), "%s: SQLite %d: %s", doing, sqlite3_extended_errcode(db),
                   sqlite3_errmsg(db));
}

gboolean
kl_database_exec(sqlite3 *db, const char *sql, GError **error)
{
    errno = 0;
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return TRUE;
    int system_errno = errno;
    g_autofree char *doing = g_strndup(sql, strcspn(sql, ";\n"));
    errno = system_errno;
    return kl_database_fail(db, doing, error);
}

gboolean
kl_database_in_place(sqlite3 *db, GError **error)
{
    int moved = 0;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK)
        return kl_database_fail(db, "looking for the database file", error);
    if (moved)
        return kl_fail(error, KL_ERROR_STORE_FAILED, "the database file %s was deleted or moved",
                       sqlite3_db_filename(db, "main"));
    return TRUE;
}

static gboolean
fail_by_errno(const char *path, GError **error)
{
    int system_errno = errno;
    KlErrorCode code = code_of_system(system_errno, KL_ERROR_STORE_FAILED);
    return kl_fail(error, code, "%s: %s", path, g_strerror(system_errno));
}

/* A new file is durable only when its folder is, too. */
static gboolean
sync_folder_of(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_by_errno(folder, error);
    gboolean ok = fsync(fd) == 0 || fail_by_errno(folder, error);
    close(fd);
    return ok;
}

/* SQLite would make the file with mode 0644; its -wal and -shm files get the mode of the file itself. */
static gboolean
make_file(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return sync_folder_of(path, error);
    }
    if (errno == ENOENT)
        return kl_fail(error, KL_ERROR_STATION_MISSING, "%s: %s", path, g_strerror(errno));
    return errno == EEXIST || fail_by_errno(path, error);
}

static gboolean
check_file(const char *path, GError **error)
{
    if (g_access(path, F_OK) == 0)
        return TRUE;
    return kl_fail(error, KL_ERROR_STATION_MISSING, "%s: %s", path, g_strerror(errno));
}

/* Settings that can't fail for any reason the disk has: what a hostile database file could do is cut down first. */
static void
harden(sqlite3 *db)
{
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
}

/* Some file systems can't do WAL; SQLite then stays with another mode without calling it an error. */
static gboolean
use_wal(sqlite3 *db, GError **error)
{
    g_autoptr(sqlite3_stmt) statement = NULL;
    errno = 0;
    if (sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        return kl_database_fail(db, "PRAGMA journal_mode = WAL", error);
    const char *mode = (const char *)sqlite3_column_text(statement, 0);
    if (g_strcmp0(mode, "wal") != 0)
        return kl_fail(error, KL_ERROR_STORE_FAILED, "the file system allows journal mode '%s' only", mode);
    return TRUE;
}

static gboolean
prepare_for_writing(sqlite3 *db, GError **error)
{
    return kl_migrate_check(db, kl_migration_count, error) && use_wal(db, error) &&
           kl_database_exec(db, "PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON", error) &&
           kl_migrate_backup(db, kl_migration_count, error) &&
           kl_migrate(db, kl_migrations, kl_migration_count, error) &&
           kl_database_exec(db, "PRAGMA foreign_keys = ON", error);
}

static gboolean
prepare_for_reading(sqlite3 *db, GError **error)
{
    return kl_migrate_check_current(db, kl_migration_count, error) &&
           kl_database_exec(db, "PRAGMA query_only = ON; PRAGMA cell_size_check = ON", error);
}

/* Nobody asks how much memory SQLite has, and counting it takes a lock for each piece. */
static void
start_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

sqlite3 *
kl_database_open(const char *path, gboolean read_only, GError **error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    g_autoptr(sqlite3) db = NULL;
    int access = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;

    pthread_once(&once, start_library);
    if (!(read_only ? check_file(path, error) : make_file(path, error)))
        return NULL;
    errno = 0;
    if (sqlite3_open_v2(path, &db, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK) {
        kl_database_fail(db, path, error);
        return NULL;
    }
    harden(db);
    if (!(read_only ? prepare_for_reading(db, error) : prepare_for_writing(db, error)))
        return NULL;
    return g_steal_pointer(&db);
}

void
kl_database_close(sqlite3 *db)
{
    sqlite3_stmt *statement;
    while (db != NULL && (statement = sqlite3_next_stmt(db, NULL)) != NULL)
        sqlite3_finalize(statement);
    sqlite3_close(db);
}
