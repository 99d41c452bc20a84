/* A folder with a database, and its backup. */
#pragma once

#include "db/backup.h"
#include "db/restore.h"
#include "tests/store-fixture.h"

typedef struct {
    char *dir;
    char *database;
    char *backup;
    char *exported;
} Place;

static inline void
set_up(Place *place, gconstpointer data)
{
    place->dir = g_dir_make_tmp("keyline-backup-XXXXXX", NULL);
    place->database = g_build_filename(place->dir, "keyline.db", NULL);
    place->backup = g_build_filename(place->dir, "copy.db", NULL);
    place->exported = g_build_filename(place->dir, "exported.jsonl", NULL);
}

static inline void
empty(const char *dir, const char *but)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    for (const char *name; (name = g_dir_read_name(entries)) != NULL;) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        if (g_strcmp0(name, but) != 0)
            g_assert_cmpint(g_remove(path), ==, 0);
    }
}

static inline void
tear_down(Place *place, gconstpointer data)
{
    empty(place->dir, NULL);
    g_assert_cmpint(g_rmdir(place->dir), ==, 0);
    g_free(place->dir);
    g_free(place->database);
    g_free(place->backup);
    g_free(place->exported);
}

static inline void
pass_units(const char *database, guint first, guint last)
{
    g_autoptr(KlStore) store = open_store(database);
    for (guint n = first; n <= last; n++)
        g_free(pass_unit(store, n));
}

static inline void
back_up(const Place *place)
{
    g_autoptr(GError) error = NULL;
    g_auto(KlBackupInfo) info = {0};
    kl_backup_make(place->database, place->backup, &info, &error);
    g_assert_no_error(error);
}

static inline gboolean
restore(const Place *place, const char *reason, KlRestored *restored, GError **error)
{
    const KlRestore wish = {place->backup, place->database, place->exported, reason, NULL, "test"};
    return kl_restore(&wish, restored, error);
}

static inline void
restore_ok(const Place *place, const char *reason, KlRestored *restored)
{
    g_autoptr(GError) error = NULL;
    restore(place, reason, restored, &error);
    g_assert_no_error(error);
}

#define assert_refused(place, reason, code)                                                                            \
    do {                                                                                                               \
        g_autoptr(GError) refusal = NULL;                                                                              \
        g_auto(KlRestored) nothing = {0};                                                                              \
        g_assert_false(restore(place, reason, &nothing, &refusal));                                                    \
        assert_code(refusal, code);                                                                                    \
    } while (0)
