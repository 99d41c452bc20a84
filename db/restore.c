#include "db/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "db/audit.h"
#include "db/audit_reader.h"
#include "db/restore_numbers.h"
#include "db/statement.h"
#include "station/canonical.h"
#include "station/error.h"

void
kl_restored_clear(KlRestored *restored)
{
    kl_backup_info_clear(&restored->backup);
    g_clear_pointer(&restored->aside, g_free);
}

static gboolean
fail_file(const char *path, GError **error)
{
    return kl_fail(error, KL_ERROR_FILE_FAILED, "%s: %s", path, g_strerror(errno));
}

static gboolean
sync_path(const char *path, int flags, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return fail_file(path, error);
    gboolean ok = fsync(fd) == 0 || fail_file(path, error);
    close(fd);
    return ok;
}

/* --- may it be done --- */

/* Whether the journal tells of a restore that went back behind that checkpoint on purpose. */
static gboolean
is_explained(sqlite3 *db, guint64 n, gboolean *explained, GError **error)
{
    gint64 count = 0;
    gboolean ok = kl_get_int(db, &count, error,
                             "SELECT count(*) FROM audit_events WHERE type = 'restore' AND json_valid(body)"
                             " AND json_extract(body, '$.data.n') < ?1 AND json_extract(body, '$.data.behind') >= ?1",
                             kl_int((gint64)n));
    *explained = count > 0;
    return ok;
}

static gboolean
hash_at(sqlite3 *db, guint64 n, char **hash, GError **error)
{
    return kl_get_text(db, hash, error,
                       "SELECT coalesce((SELECT lower(hex(hash)) FROM audit_events WHERE n = ?1),"
                       " (SELECT iif(json_valid(body), json_extract(body, '$.hash'), '') FROM audit_checkpoints"
                       " WHERE n = ?1))",
                       kl_int((gint64)n));
}

/* A checkpoint that left the station, within what the copy has: the copy must have been there, too. */
static gboolean
check_passed(sqlite3 *db, const KlAuditCheckpoint *checkpoint, KlRestored *restored, GError **error)
{
    g_autofree char *hash = NULL;
    gboolean explained = TRUE;
    if (!hash_at(db, checkpoint->n, &hash, error))
        return FALSE;
    if (hash != NULL && strcmp(hash, checkpoint->hash) != 0 && !is_explained(db, checkpoint->n, &explained, error))
        return FALSE;
    restored->diverged |= !explained;
    return TRUE;
}

/* *foreign: of the last line that is of another journal. *own: whether there was one of the copy's. */
static gboolean
check_line(sqlite3 *db, const char *line, KlRestored *restored, gboolean *own, char **foreign, GError **error)
{
    g_auto(KlAuditCheckpoint) checkpoint = {0};
    g_autofree char *journal = NULL;
    if (line[0] == '\0')
        return TRUE;
    if (!kl_audit_checkpoint_parse(line, &checkpoint, NULL))
        return TRUE;
    if (!kl_get_text(db, &journal, error, "SELECT iif(json_valid(?1), json_extract(?1, '$.journal'), NULL)",
                     kl_text(checkpoint.body)))
        return FALSE;
    if (g_strcmp0(journal, restored->backup.journal) != 0) {
        g_free(*foreign);
        *foreign = g_steal_pointer(&journal);
        return TRUE;
    }
    *own = TRUE;
    restored->exported_n = MAX(restored->exported_n, checkpoint.n);
    return checkpoint.n > restored->backup.n || check_passed(db, &checkpoint, restored, error);
}

/* The line that was being written when the power went may be torn: it had not left the station. Others came behind it
 * since. A station that was set up anew has lines of the journal before, too. */
static gboolean
check_exported(sqlite3 *db, const char *path, KlRestored *restored, GError **error)
{
    g_autofree char *text = NULL, *foreign = NULL;
    gboolean own = restored->present_n > 0;
    gsize length = 0;
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return TRUE;
    if (!g_file_get_contents(path, &text, &length, NULL))
        return fail_file(path, error);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL && lines[i + 1] != NULL; i++) {
        if (!check_line(db, lines[i], restored, &own, &foreign, error))
            return FALSE;
    }
    return own || foreign == NULL ||
           kl_fail(error, KL_ERROR_BACKUP_FOREIGN, "it is of journal %s; this station has exported journal %s",
                   restored->backup.journal, foreign);
}

/* A database that setup has just made says nothing of a journal before it. */
static gboolean
is_fresh(sqlite3 *db)
{
    gint64 count = 1;
    return kl_get_int_values(db, &count, NULL, "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM units)",
                             NULL, 0) &&
           count == 0;
}

/* The last event that would be lost: that a backup was made, or a checkpoint, is no loss. And does the copy have what
 * the present database has? */
static gboolean
compare(sqlite3 *present, sqlite3 *copy, guint64 end, KlRestored *restored, GError **error)
{
    gint64 last = 0;
    guint64 both = MIN(end, restored->backup.n);
    g_autofree char *here = NULL, *there = NULL;
    if (!kl_get_int(present, &last, error,
                    "SELECT max(n) FROM audit_events WHERE n > ?1 AND type NOT IN ('backup', 'checkpoint')",
                    kl_int((gint64)restored->backup.n)) ||
        !hash_at(present, both, &here, error) || !hash_at(copy, both, &there, error))
        return FALSE;
    restored->present_n = last > 0 ? (guint64)last : both;
    restored->diverged |= here != NULL && there != NULL && strcmp(here, there) != 0;
    return TRUE;
}

/* What can still be learned of the present database. */
static gboolean
check_present(sqlite3 *present, sqlite3 *copy, KlRestored *restored, GError **error)
{
    g_auto(KlBackupInfo) info = {0};
    if (present == NULL || is_fresh(present))
        return TRUE;
    if (!kl_backup_read_info(present, &info, NULL)) {
        restored->unreadable = TRUE;
        return TRUE;
    }
    if (strcmp(info.journal, restored->backup.journal) != 0)
        return kl_fail(error, KL_ERROR_BACKUP_FOREIGN, "it is of journal %s; this station has journal %s",
                       restored->backup.journal, info.journal);
    return compare(present, copy, info.n, restored, error);
}

static gboolean
check_behind(const KlRestore *restore, const KlRestored *restored, GError **error)
{
    guint64 n = restored->backup.n;
    if (restore->reason != NULL ||
        (restored->exported_n <= n && restored->present_n <= n && !restored->unreadable && !restored->diverged))
        return TRUE;
    if (restored->diverged)
        return kl_fail(
            error, KL_ERROR_BACKUP_BEHIND,
            "its journal and this station's went different ways: what this one has of its own would be lost");
    if (restored->exported_n > n)
        return kl_fail(error, KL_ERROR_BACKUP_BEHIND,
                       "it ends with event %" G_GUINT64_FORMAT ", and checkpoint %" G_GUINT64_FORMAT
                       " has left the station",
                       n, restored->exported_n);
    if (restored->unreadable)
        return kl_fail(error, KL_ERROR_BACKUP_BEHIND,
                       "it ends with event %" G_GUINT64_FORMAT
                       ", and the present database is damaged: what that has behind it can't be told",
                       n);
    return kl_fail(error, KL_ERROR_BACKUP_BEHIND,
                   "it ends with event %" G_GUINT64_FORMAT ", and the present database with event %" G_GUINT64_FORMAT,
                   n, restored->present_n);
}

/* --- the new database, under another name --- */

static gboolean
copy_bytes(FILE *from, FILE *to, const char *path, GError **error)
{
    g_autofree char *buffer = g_malloc(1 << 16);
    gsize length = 0;
    errno = 0;
    while ((length = fread(buffer, 1, 1 << 16, from)) > 0) {
        if (fwrite(buffer, 1, length, to) != length)
            return fail_file(path, error);
    }
    return (!ferror(from) && fflush(to) == 0 && fsync(fileno(to)) == 0) || fail_file(path, error);
}

static gboolean
copy_file(const char *path, const char *new_path, GError **error)
{
    int fd = open(new_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_file(new_path, error);
    FILE *to = fdopen(fd, "w");
    FILE *from = fopen(path, "rbe");
    gboolean ok = from != NULL ? copy_bytes(from, to, new_path, error) : fail_file(path, error);
    if (from != NULL)
        fclose(from);
    fclose(to);
    return ok;
}

static void
remove_work(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *name = g_strconcat(path, ends[i], NULL);
        unlink(name);
    }
}

static gboolean
note_restore(sqlite3 *db, const KlRestore *restore, const KlRestored *restored, GError **error)
{
    const KlBackupInfo *backup = &restored->backup;
    KlCanonical *writer = kl_canonical_new();
    if (restored->exported_n > backup->n)
        kl_canonical_number(writer, "behind", (gint64)restored->exported_n);
    kl_canonical_number(writer, "n", (gint64)backup->n);
    kl_canonical_text(writer, "reason", restore->reason);
    kl_canonical_text(writer, "sha256", backup->sha256);
    g_autofree char *data = kl_canonical_finish(writer);
    return kl_audit_append(db, "restore", NULL, NULL, data, error) &&
           (restore->seal == NULL || (kl_audit_use_seal(db, restore->seal, restore->station, error) &&
                                      kl_audit_checkpoint(db, restore->seal, restore->station, "backup", NULL, error)));
}

/* All that makes it the station's database again, in one transaction; then one file without a log beside it. */
static gboolean
make_new(const char *path, sqlite3 *present, const KlRestore *restore, KlRestored *restored, GError **error)
{
    g_autoptr(sqlite3) db = kl_database_open(path, FALSE, error);
    return db != NULL && kl_database_exec(db, "BEGIN IMMEDIATE", error) &&
           kl_restore_numbers(db, present, restored, error) && note_restore(db, restore, restored, error) &&
           kl_database_exec(db, "COMMIT", error) && kl_database_exec(db, "PRAGMA journal_mode = DELETE", error);
}

/* --- the exchange --- */

/* Nobody has the present database open any more, and all of it is in its one file: its log would else be taken for the
 * new one's. The connection is kept meanwhile, with everybody locked out. */
static gboolean
still(sqlite3 *present, GError **error)
{
    g_autofree char *mode = NULL;
    g_autoptr(GError) failure = NULL;
    sqlite3_busy_timeout(present, 1000);
    if (kl_get_text_values(present, &mode, &failure, "PRAGMA journal_mode = DELETE", NULL, 0) &&
        g_strcmp0(mode, "delete") == 0 && kl_database_exec(present, "BEGIN EXCLUSIVE", &failure))
        return TRUE;
    int result = sqlite3_errcode(present) & 0xff;
    if (failure != NULL && result != SQLITE_BUSY && result != SQLITE_LOCKED) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return kl_fail(error, KL_ERROR_STATION_BUSY, "a program has the database open");
}

static char *
name_aside(const char *database)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *folder = g_path_get_dirname(database);
    g_autofree char *stamp = g_date_time_format(now, "%Y-%m-%dT%H%M%S");
    for (guint i = 0;; i++) {
        g_autofree char *name = i == 0 ? g_strdup_printf("keyline-before-restore-%sZ.db", stamp)
                                       : g_strdup_printf("keyline-before-restore-%sZ-%u.db", stamp, i);
        char *path = g_build_filename(folder, name, NULL);
        if (!g_file_test(path, G_FILE_TEST_EXISTS))
            return path;
        g_free(path);
    }
}

/* Of a database that can't be opened its log stays with it, as it is. */
static gboolean
move_log(const char *database, const char *aside, const char *end, GError **error)
{
    g_autofree char *from = g_strconcat(database, end, NULL);
    g_autofree char *to = g_strconcat(aside, end, NULL);
    return rename(from, to) == 0 || errno == ENOENT || fail_file(from, error);
}

static gboolean
exchange(const char *database, const char *new_path, gboolean readable, KlRestored *restored, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(database);
    g_autofree char *aside = name_aside(database);
    if (g_file_test(database, G_FILE_TEST_EXISTS)) {
        if (link(database, aside) != 0)
            return fail_file(aside, error);
        restored->aside = g_steal_pointer(&aside);
        if (!readable && (!move_log(database, restored->aside, "-wal", error) ||
                          !move_log(database, restored->aside, "-shm", error)))
            return FALSE;
    } else if (!move_log(database, aside, "-wal", error) || !move_log(database, aside, "-shm", error)) {
        return FALSE;
    }
    return sync_path(folder, O_DIRECTORY, error) && (rename(new_path, database) == 0 || fail_file(database, error)) &&
           sync_path(folder, O_DIRECTORY, error);
}

/* Opening it for writing has its log taken in. A damaged one can't be asked: *present is NULL. */
static gboolean
open_present(const char *database, sqlite3 **present, KlRestored *restored, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (!g_file_test(database, G_FILE_TEST_EXISTS))
        return TRUE;
    *present = kl_database_open(database, FALSE, &failure);
    restored->unreadable = *present == NULL && kl_error_code(failure) == KL_ERROR_STORE_CORRUPT;
    if (*present != NULL || restored->unreadable)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
check(const KlRestore *restore, sqlite3 *present, KlRestored *restored, GError **error)
{
    g_autoptr(sqlite3) copy = NULL;
    g_autofree char *absolute = g_canonicalize_filename(restore->file, NULL);
    g_autofree char *escaped = g_uri_escape_string(absolute, "/", FALSE);
    g_autofree char *uri = g_strdup_printf("file:%s?immutable=1", escaped);
    if (!kl_backup_inspect(restore->file, &restored->backup, error))
        return FALSE;
    if (sqlite3_open_v2(uri, &copy, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) != SQLITE_OK)
        return kl_database_fail(copy, restore->file, error);
    return check_present(present, copy, restored, error) && check_exported(copy, restore->exported, restored, error) &&
           check_behind(restore, restored, error);
}

gboolean
kl_restore(const KlRestore *restore, KlRestored *restored, GError **error)
{
    g_autofree char *new_path = g_strconcat(restore->database, ".restoring", NULL);
    *restored = (KlRestored){0};
    g_autoptr(sqlite3) present = NULL;
    /* Nobody writes any more when it is looked at: what comes behind the look would be lost in silence. */
    if (!open_present(restore->database, &present, restored, error) || (present != NULL && !still(present, error)) ||
        !check(restore, present, restored, error))
        return FALSE;
    remove_work(new_path);
    gboolean ok = copy_file(restore->file, new_path, error) && make_new(new_path, present, restore, restored, error) &&
                  sync_path(new_path, 0, error) &&
                  exchange(restore->database, new_path, present != NULL, restored, error);
    if (!ok)
        remove_work(new_path);
    return ok;
}
