#include "station/station_backup.h"

#include <unistd.h>

#include "certs/seal.h"
#include "db/restore.h"
#include "db/store_sqlite.h"
#include "station/canonical.h"
#include "station/json_member.h"
#include "station/log.h"
#include "station/station_audit.h"
#include "station/station_private.h"

#define FORMAT "keyline-backup-1"

void
kl_station_backup_clear(KlStationBackup *backup)
{
    g_clear_pointer(&backup->file, g_free);
    g_clear_pointer(&backup->sha256, g_free);
    g_clear_pointer(&backup->hash, g_free);
}

void
kl_station_restored_clear(KlStationRestored *restored)
{
    g_clear_pointer(&restored->aside, g_free);
}

/* --- making one --- */

static char *
describe(const KlBackupInfo *info, const char *station, const char *checkpoint)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_number(writer, "bytes", (gint64)info->bytes);
    kl_canonical_value(writer, "checkpoint", checkpoint);
    kl_canonical_number(writer, "created_us", g_get_real_time());
    kl_canonical_text(writer, "format", FORMAT);
    kl_canonical_text(writer, "hash", info->hash);
    kl_canonical_text(writer, "journal", info->journal);
    kl_canonical_number(writer, "n", (gint64)info->n);
    kl_canonical_text(writer, "program", KL_PROGRAM_VERSION);
    kl_canonical_text(writer, "sha256", info->sha256);
    kl_canonical_text(writer, "station", station);
    g_autofree char *text = kl_canonical_finish(writer);
    return g_strconcat(text, "\n", NULL);
}

static gboolean
note_backup(KlStore *store, const KlBackupInfo *info, GError **error)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_number(writer, "n", (gint64)info->n);
    kl_canonical_text(writer, "sha256", info->sha256);
    g_autofree char *data = kl_canonical_finish(writer);
    return store->klass->note(store, "backup", data, error);
}

/* The copy is looked at before anybody hears of it; what is noted last may be missing, and the copy is good. */
static gboolean
copy(const char *dir, const KlConfig *config, KlStore *store, const char *file, KlBackupInfo *info, GError **error)
{
    g_autofree char *database = kl_station_database_path(dir);
    g_autofree char *beside = g_strconcat(file, ".json", NULL);
    g_autofree char *exported = kl_station_exported_path(dir);
    g_autofree char *line = NULL;
    if (g_file_test(beside, G_FILE_TEST_EXISTS))
        return kl_fail(error, KL_ERROR_BACKUP_EXISTS, "there is a %s", beside);
    if (!store->klass->checkpoint(store, "backup", &line, error) || !kl_backup_make(database, file, info, error))
        return FALSE;
    g_autofree char *text = describe(info, config->name, line);
    return kl_backup_write(beside, text, error) && kl_station_audit_append(exported, line, error) &&
           note_backup(store, info, error);
}

gboolean
kl_station_backup(const char *dir, const char *file, KlStationBackup *backup, GError **error)
{
    g_auto(KlBackupInfo) info = {0};
    *backup = (KlStationBackup){0};
    g_autoptr(KlConfig) config = kl_station_load_config(dir, error);
    if (config == NULL)
        return FALSE;
    g_autofree char *database = kl_station_database_path(dir);
    if (!g_file_test(database, G_FILE_TEST_EXISTS))
        return kl_fail(error, KL_ERROR_STORE_MISSING, "there is no %s", database);
    g_autoptr(KlSeal) seal = kl_seal_open(dir, config->audit_key, error);
    g_autoptr(KlStore) store = seal != NULL ? kl_store_sqlite_open(database, FALSE, error) : NULL;
    if (store == NULL || !store->klass->use_seal(store, seal, config->name, error) ||
        !copy(dir, config, store, file, &info, error))
        return FALSE;
    backup->file = g_strdup(file);
    backup->sha256 = g_steal_pointer(&info.sha256);
    backup->hash = g_steal_pointer(&info.hash);
    backup->n = info.n;
    backup->bytes = info.bytes;
    return TRUE;
}

/* --- taking one back --- */

/* FILE.json says which bytes the copy had when it was made. */
static gboolean
check_sum(const char *file, const char *sha256, gboolean *summed, GError **error)
{
    g_autofree char *beside = g_strconcat(file, ".json", NULL);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(beside, &text, NULL, NULL))
        return TRUE;
    g_autoptr(JsonNode) node = json_from_string(text, NULL);
    const char *said =
        node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? kl_member_text(json_node_get_object(node), "sha256") : NULL;
    if (g_strcmp0(said, sha256) != 0)
        return kl_fail(error, KL_ERROR_BACKUP_BROKEN, "%s has SHA-256 %s, and %s says %s", file, sha256, beside,
                       said != NULL ? said : "nothing");
    *summed = TRUE;
    return TRUE;
}

/* A station whose seal is gone gets its records back all the same; the next start asks for the seal. */
static gboolean
restore_locked(const KlConfig *config, const char *file, const char *reason, KlRestored *done, GError **error)
{
    g_autofree char *database = kl_station_database_path(config->dir);
    g_autofree char *exported = kl_station_exported_path(config->dir);
    g_autoptr(KlSeal) seal = kl_seal_exists(config->dir) ? kl_seal_open(config->dir, config->audit_key, error) : NULL;
    if (seal == NULL && kl_seal_exists(config->dir))
        return FALSE;
    const KlRestore restore = {
        .file = file,
        .database = database,
        .exported = exported,
        .reason = reason,
        .seal = seal,
        .station = config->name,
    };
    return kl_restore(&restore, done, error);
}

static gboolean
inspect(const char *file, KlStationRestored *restored, GError **error)
{
    g_auto(KlBackupInfo) info = {0};
    return kl_backup_inspect(file, &info, error) && check_sum(file, info.sha256, &restored->summed, error);
}

gboolean
kl_station_restore(const char *dir, const char *file, const char *reason, KlStationRestored *restored, GError **error)
{
    g_auto(KlRestored) done = {0};
    *restored = (KlStationRestored){0};
    g_autoptr(KlConfig) config = kl_station_load_config(dir, error);
    if (config == NULL || !inspect(file, restored, error))
        return FALSE;
    int lock = kl_station_lock(dir, error);
    if (lock < 0)
        return FALSE;
    gboolean ok = restore_locked(config, file, reason, &done, error);
    close(lock);
    restored->n = done.backup.n;
    restored->present_n = done.present_n;
    restored->exported_n = done.exported_n;
    restored->aside = g_steal_pointer(&done.aside);
    restored->burned = done.burned;
    restored->moved = done.moved;
    restored->numbers_known = done.numbers_known;
    return ok;
}
