#include "db/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "db/audit_head.h"
#include "db/audit_reader.h"
#include "db/migrate.h"
#include "db/statement.h"
#include "station/canonical.h"
#include "station/error.h"

/* Pages of one step: short enough that the disk is not held for long. */
#define PAGES 2048

void
kl_backup_info_clear(KlBackupInfo *info)
{
    g_clear_pointer(&info->journal, g_free);
    g_clear_pointer(&info->hash, g_free);
    g_clear_pointer(&info->checkpoint, g_free);
    g_clear_pointer(&info->sha256, g_free);
}

/* --- looking at a database --- */

static gboolean
read_checkpoint(sqlite3 *db, char **line, GError **error)
{
    gboolean row = FALSE;
    g_autoptr(sqlite3_stmt) query =
        kl_query_values(db, error, "SELECT body, signature FROM audit_checkpoints ORDER BY n DESC LIMIT 1", NULL, 0);
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    if (!row)
        return TRUE;
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "body", (const char *)sqlite3_column_text(query, 0));
    kl_canonical_text(writer, "signature", (const char *)sqlite3_column_text(query, 1));
    *line = kl_canonical_finish(writer);
    return TRUE;
}

gboolean
kl_backup_read_info(sqlite3 *db, KlBackupInfo *info, GError **error)
{
    KlAuditHead head;
    char hash[2 * KL_HASH_SIZE + 1] = "";
    if (!kl_audit_head_read(db, &head, error))
        return FALSE;
    if (head.frontier.n == 0)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "the database has no journal");
    kl_audit_hex(head.hash, KL_HASH_SIZE, hash);
    info->journal = g_strdup(head.journal);
    info->n = head.frontier.n;
    info->hash = g_strdup(hash);
    return read_checkpoint(db, &info->checkpoint, error);
}

/* One event of the chain: hash is h(n - 1) before, h(n) after. */
static gboolean
check_event(sqlite3_stmt *query, gint64 n, guint8 hash[KL_HASH_SIZE], GError **error)
{
    const char *body = (const char *)sqlite3_column_text(query, 1);
    if (sqlite3_column_int64(query, 0) != n || body == NULL)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "event %" G_GINT64_FORMAT " of the journal is missing", n);
    kl_audit_chain(hash, body, (gsize)sqlite3_column_bytes(query, 1), hash);
    const void *kept = sqlite3_column_blob(query, 2);
    if (kept == NULL || sqlite3_column_bytes(query, 2) != KL_HASH_SIZE || memcmp(kept, hash, KL_HASH_SIZE) != 0)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "event %" G_GINT64_FORMAT " of the journal was altered", n);
    return TRUE;
}

static gboolean
check_events(sqlite3 *db, gint64 after, guint8 hash[KL_HASH_SIZE], gint64 *last, GError **error)
{
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT n, body, hash FROM audit_events WHERE n > ?1 ORDER BY n", kl_int(after));
    gboolean ok;
    *last = after;
    while (kl_each(db, query, &ok, error)) {
        if (!check_event(query, ++*last, hash, error))
            return FALSE;
    }
    return ok;
}

gboolean
kl_backup_check_end(sqlite3 *db, GError **error)
{
    KlAuditHead head;
    guint8 hash[KL_HASH_SIZE] = {0};
    g_autofree char *line = NULL;
    g_auto(KlAuditCheckpoint) checkpoint = {0};
    gint64 last = 0;
    if (!kl_audit_head_read(db, &head, error) || !read_checkpoint(db, &line, error))
        return FALSE;
    if (line != NULL &&
        (!kl_audit_checkpoint_parse(line, &checkpoint, error) || !kl_audit_unhex(checkpoint.hash, hash, KL_HASH_SIZE)))
        return error == NULL || *error != NULL ||
               kl_fail(error, KL_ERROR_AUDIT_BROKEN, "the last checkpoint is damaged");
    if (!check_events(db, (gint64)checkpoint.n, hash, &last, error))
        return FALSE;
    if ((guint64)last != head.frontier.n || memcmp(hash, head.hash, KL_HASH_SIZE) != 0)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN,
                       "the journal ends with event %" G_GINT64_FORMAT ", and its head says %" G_GUINT64_FORMAT, last,
                       head.frontier.n);
    return TRUE;
}

/* --- files --- */

static gboolean
fail_file(const char *path, int number, GError **error)
{
    return kl_fail(error, number == EEXIST ? KL_ERROR_BACKUP_EXISTS : KL_ERROR_FILE_FAILED, "%s: %s", path,
                   g_strerror(number));
}

static gboolean
sync_path(const char *path, int flags, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return fail_file(path, errno, error);
    gboolean ok = fsync(fd) == 0 || fail_file(path, errno, error);
    close(fd);
    return ok;
}

static gboolean
sync_folder_of(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    return sync_path(folder, O_DIRECTORY, error);
}

/* Gives a whole file its name, in place of nothing. */
static gboolean
settle(const char *partial, const char *path, GError **error)
{
    if (!sync_path(partial, 0, error))
        return FALSE;
    if (link(partial, path) != 0)
        return fail_file(path, errno, error);
    unlink(partial);
    return sync_folder_of(path, error);
}

static gboolean
sum_file(const char *path, KlBackupInfo *info, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree guint8 *buffer = g_malloc(1 << 16);
    FILE *file = fopen(path, "rbe");
    gsize length = 0;
    if (file == NULL)
        return fail_file(path, errno, error);
    info->bytes = 0;
    while ((length = fread(buffer, 1, 1 << 16, file)) > 0) {
        g_checksum_update(sum, buffer, (gssize)length);
        info->bytes += length;
    }
    gboolean ok = !ferror(file) || fail_file(path, errno, error);
    fclose(file);
    info->sha256 = g_strdup(g_checksum_get_string(sum));
    return ok;
}

gboolean
kl_backup_write(const char *file, const char *text, GError **error)
{
    g_autofree char *partial = g_strconcat(file, ".partial", NULL);
    unlink(partial);
    int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    gsize length = strlen(text);
    if (fd < 0)
        return fail_file(partial, errno, error);
    gboolean ok = write(fd, text, length) == (gssize)length || fail_file(partial, errno != 0 ? errno : ENOSPC, error);
    close(fd);
    ok = ok && settle(partial, file, error);
    unlink(partial);
    return ok;
}

/* --- a whole copy --- */

static gboolean
check_pages(sqlite3 *db, GError **error)
{
    g_autofree char *verdict = NULL;
    if (!kl_get_text_values(db, &verdict, error, "PRAGMA quick_check(1)", NULL, 0))
        return FALSE;
    return g_strcmp0(verdict, "ok") == 0 || kl_fail(error, KL_ERROR_STORE_CORRUPT, "quick_check: %s", verdict);
}

/* Read-only and immutable: SQLite then makes no files beside it, and trusts that none is missing. */
static sqlite3 *
open_copy(const char *file, GError **error)
{
    g_autoptr(sqlite3) db = NULL;
    g_autofree char *absolute = g_canonicalize_filename(file, NULL);
    g_autofree char *escaped = g_uri_escape_string(absolute, "/", FALSE);
    g_autofree char *uri = g_strdup_printf("file:%s?immutable=1", escaped);
    if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK) {
        kl_database_fail(db, file, error);
        return NULL;
    }
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return kl_migrate_check(db, kl_migration_count, error) &&
                   kl_database_exec(db, "PRAGMA query_only = ON; PRAGMA cell_size_check = ON", error)
               ? g_steal_pointer(&db)
               : NULL;
}

static gboolean
inspect(const char *file, KlBackupInfo *info, GError **error)
{
    g_autoptr(sqlite3) db = open_copy(file, error);
    return db != NULL && check_pages(db, error) && kl_backup_read_info(db, info, error) &&
           kl_backup_check_end(db, error) && sum_file(file, info, error);
}

gboolean
kl_backup_inspect(const char *file, KlBackupInfo *info, GError **error)
{
    g_autoptr(GError) failure = NULL;
    *info = (KlBackupInfo){0};
    if (!g_file_test(file, G_FILE_TEST_IS_REGULAR))
        return kl_fail(error, KL_ERROR_USAGE, "there is no file %s", file);
    if (inspect(file, info, &failure))
        return TRUE;
    KlErrorCode code = kl_error_code(failure);
    return kl_fail(error, code == KL_ERROR_STORE_NEWER ? code : KL_ERROR_BACKUP_BROKEN, "%s: %s", file,
                   failure->message);
}

/* --- copying --- */

/* Within a read transaction of the source, so that it stands still however much the line writes. */
static gboolean
copy_pages(sqlite3 *from, sqlite3 *to, GError **error)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int result = SQLITE_OK;
    if (backup == NULL)
        return kl_database_fail(to, "beginning the copy", error);
    while (result == SQLITE_OK)
        result = sqlite3_backup_step(backup, PAGES);
    errno = 0;
    sqlite3_backup_finish(backup);
    return result == SQLITE_DONE || kl_database_fail(to, "copying the database", error);
}

/* In one file, without a log beside it. */
static gboolean
copy(const char *database, const char *partial, GError **error)
{
    g_autoptr(sqlite3) from = kl_database_open(database, TRUE, error);
    g_autoptr(sqlite3) to = NULL;
    gint64 count = 0;
    if (from == NULL || !kl_database_exec(from, "BEGIN", error) ||
        !kl_get_int_values(from, &count, error, "SELECT count(*) FROM audit_head", NULL, 0))
        return FALSE;
    if (sqlite3_open_v2(partial, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK)
        return kl_database_fail(to, partial, error);
    return copy_pages(from, to, error) && kl_database_exec(to, "PRAGMA journal_mode = DELETE", error);
}

static gboolean
make(const char *database, const char *partial, const char *file, KlBackupInfo *info, GError **error)
{
    unlink(partial);
    int fd = open(partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_file(partial, errno, error);
    close(fd);
    return copy(database, partial, error) && sync_path(partial, 0, error) && kl_backup_inspect(partial, info, error) &&
           settle(partial, file, error);
}

gboolean
kl_backup_make(const char *database, const char *file, KlBackupInfo *info, GError **error)
{
    g_autofree char *partial = g_strconcat(file, ".partial", NULL);
    *info = (KlBackupInfo){0};
    if (g_file_test(file, G_FILE_TEST_EXISTS))
        return fail_file(file, EEXIST, error);
    gboolean ok = make(database, partial, file, info, error);
    unlink(partial);
    return ok;
}
