#include "station/station_journal.h"

#include <string.h>
#include <unistd.h>

#include "certs/seal.h"
#include "db/store_sqlite.h"
#include "station/build_id.h"
#include "station/canonical.h"
#include "station/error.h"
#include "station/station.h"
#include "station/station_private.h"

/* The settings: fingerprint of the seal in use; the configuration files as they were noted last. */
#define SETTING_SEAL "audit.seal"
#define SETTING_FILES "audit.files"

/* A journal that was sealed knows by whom: then a seal that is gone is not replaced here. */
static gboolean
make_first(const char *dir, const char *name, KlStore *store, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *known = store->klass->setting(store, SETTING_SEAL, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return known != NULL || kl_seal_make(dir, name, g_get_real_time() / G_USEC_PER_SEC, error);
}

KlSeal *
kl_station_seal_begin(const char *dir, const char *name, const char *key, KlStore *store, GError **error)
{
    if (strcmp(key, "file") == 0 && !make_first(dir, name, store, error))
        return NULL;
    g_autoptr(KlSeal) seal = kl_seal_open(dir, key, error);
    if (seal == NULL)
        return NULL;
    if (!store->klass->set_setting(store, SETTING_SEAL, seal->klass->fingerprint(seal), error) ||
        !store->klass->use_seal(store, seal, name, error))
        return NULL;
    return g_steal_pointer(&seal);
}

gboolean
kl_station_note_start(const char *mode, KlStore *store, GError **error)
{
    g_autofree char *build = kl_build_id();
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "build", build);
    kl_canonical_text(writer, "mode", mode);
    kl_canonical_text(writer, "program", KL_PROGRAM_VERSION);
    g_autofree char *data = kl_canonical_finish(writer);
    return store->klass->note(store, "program-start", data, error);
}

/* --- configuration files: a table of name and SHA-256, kept as a text of lines "SHA256 NAME" --- */

static GHashTable *
new_table(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static GHashTable *
parse_table(const char *text)
{
    GHashTable *table = new_table();
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        char *space = strchr(lines[i], ' ');
        if (space != NULL)
            g_hash_table_insert(table, g_strdup(space + 1), g_strndup(lines[i], (gsize)(space - lines[i])));
    }
    return table;
}

static char *
format_table(GHashTable *table)
{
    GString *text = g_string_new(NULL);
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(table), (GCompareFunc)strcmp);
    for (const GList *name = names; name != NULL; name = name->next)
        g_string_append_printf(text, "%s %s\n", (char *)g_hash_table_lookup(table, name->data), (char *)name->data);
    return g_string_free(text, FALSE);
}

/* Adds the file under its name, a path from the station folder or a whole one. One that can't be read is not there. */
static void
add_file(GHashTable *table, const char *dir, const char *name)
{
    gsize length = 0;
    g_autofree char *content = NULL;
    g_autofree char *path = g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(dir, name, NULL);
    if (strchr(name, '\n') == NULL && g_file_get_contents(path, &content, &length, NULL))
        g_hash_table_insert(table, g_strdup(name),
                            g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)content, length));
}

/* Whom a product's units trust is in a file of its own. */
static void
add_trust(GHashTable *table, const char *dir, const char *product)
{
    g_autoptr(KlProfile) profile = kl_station_load_profile(dir, product, NULL);
    if (profile == NULL || profile->trust_file == NULL)
        return;
    g_autofree char *folder = g_strconcat(dir, "/", NULL);
    gboolean inside = g_str_has_prefix(profile->trust_file, folder);
    add_file(table, dir, inside ? profile->trust_file + strlen(folder) : profile->trust_file);
}

static GHashTable *
look_at_files(const KlConfig *config)
{
    GHashTable *table = new_table();
    g_auto(GStrv) products = kl_station_products(config->dir, NULL);
    add_file(table, config->dir, "station.conf");
    if (config->line_file != NULL)
        add_file(table, config->dir, config->line_file);
    for (guint i = 0; products != NULL && products[i] != NULL; i++) {
        g_autofree char *name = g_strdup_printf("products/%s.conf", products[i]);
        add_file(table, config->dir, name);
        add_trust(table, config->dir, products[i]);
    }
    return table;
}

static gboolean
note_file(KlStore *store, const char *name, const char *now, const char *was, GError **error)
{
    if (g_strcmp0(now, was) == 0)
        return TRUE;
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "file", name);
    kl_canonical_text(writer, "sha256", now);
    kl_canonical_text(writer, "was", was);
    g_autofree char *data = kl_canonical_finish(writer);
    return store->klass->note(store, "configuration", data, error);
}

static gboolean
note_files(KlStore *store, GHashTable *names, GHashTable *now, GHashTable *was, GError **error)
{
    g_autoptr(GList) sorted = g_list_sort(g_hash_table_get_keys(names), (GCompareFunc)strcmp);
    for (const GList *name = sorted; name != NULL; name = name->next) {
        if (!note_file(store, name->data, g_hash_table_lookup(now, name->data), g_hash_table_lookup(was, name->data),
                       error))
            return FALSE;
    }
    return TRUE;
}

/* Forgets the names that are in both. */
static void
keep_gone(GHashTable *was, GHashTable *now)
{
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, was);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (g_hash_table_contains(now, name))
            g_hash_table_iter_remove(&iter);
    }
}

gboolean
kl_station_note_files(const KlConfig *config, KlStore *store, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *before = store->klass->setting(store, SETTING_FILES, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    g_autoptr(GHashTable) was = parse_table(before);
    g_autoptr(GHashTable) now = look_at_files(config);
    g_autofree char *after = format_table(now);
    if (g_strcmp0(before, after) == 0)
        return TRUE;
    if (!note_files(store, now, now, was, error))
        return FALSE;
    keep_gone(was, now);
    return note_files(store, was, now, was, error) && store->klass->set_setting(store, SETTING_FILES, after, error);
}

gboolean
kl_station_keep_act(KlStore *store, const char *what, const char *subject, const char *reason, GError **error)
{
    const KlAct act = {.who = (char *)g_get_user_name(),
                       .role = (char *)"engineer",
                       .what = (char *)what,
                       .subject = (char *)subject,
                       .reason = (char *)reason};
    return store->klass->add_act(store, &act, error);
}

gboolean
kl_station_note_act(const char *dir, const char *what, const char *subject, const char *reason, GError **error)
{
    g_autofree char *path = kl_station_database_path(dir);
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return TRUE;
    g_autoptr(KlStore) store = kl_store_sqlite_open(path, FALSE, error);
    return store != NULL && kl_station_keep_act(store, what, subject, reason, error);
}

/* Where the old seal still works, it signs all that there is: who has only its certificate can trust as much. */
static gboolean
seal_once_more(const KlConfig *config, KlStore *store, KlSeal **old, GError **error)
{
    *old = kl_seal_open(config->dir, config->audit_key, NULL);
    return *old == NULL || (store->klass->use_seal(store, *old, config->name, error) &&
                            store->klass->checkpoint(store, "request", NULL, error));
}

/* Told before it is done: a journal that ends here says why. */
static gboolean
replace_seal(const KlConfig *config, const char *reason, GError **error)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autofree char *path = kl_station_database_path(config->dir);
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return kl_fail(error, KL_ERROR_STORE_MISSING, "there is no %s", path);
    g_autoptr(KlSeal) old = NULL, seal = NULL; /* outlive the store */
    g_autoptr(KlStore) store = kl_store_sqlite_open(path, FALSE, error);
    if (store == NULL || !kl_station_keep_act(store, "new-seal", NULL, reason, error) ||
        !seal_once_more(config, store, &old, error) || !kl_seal_put_aside(config->dir, now, error) ||
        !kl_seal_make(config->dir, config->name, now, error))
        return FALSE;
    seal = kl_station_seal_begin(config->dir, config->name, config->audit_key, store, error);
    return seal != NULL && store->klass->checkpoint(store, "request", NULL, error);
}

gboolean
kl_station_new_seal(const char *dir, const char *reason, GError **error)
{
    g_autoptr(KlConfig) config = kl_station_load_config(dir, error);
    if (config == NULL)
        return FALSE;
    if (strcmp(config->audit_key, "file") != 0)
        return kl_fail(error, KL_ERROR_USAGE, "the seal's key is on a token: change [audit] key and audit/station.pem");
    int lock = kl_station_lock(config->dir, error);
    gboolean ok = lock >= 0 && replace_seal(config, reason, error);
    if (lock >= 0)
        close(lock);
    return ok;
}
