/* Settings and acts: kept, changed where they may change, never where not. */
#include "store-fixture.h"

static char *
get(KlStore *store, const char *key)
{
    g_autoptr(GError) error = NULL;
    char *value = CALL(store, setting, key, &error);
    g_assert_no_error(error);
    return value;
}

static void
set(KlStore *store, const char *key, const char *value)
{
    g_autoptr(GError) error = NULL;
    CALL(store, set_setting, key, value, &error);
    g_assert_no_error(error);
}

#define assert_setting(store, key, expected)                                                                           \
    do {                                                                                                               \
        g_autofree char *setting_value = get(store, key);                                                              \
        g_assert_cmpstr(setting_value, ==, expected);                                                                  \
    } while (0)

static void
test_settings(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    assert_setting(store, "pin", NULL);
    set(store, "pin", "scrypt$1");
    set(store, "other", "");
    assert_setting(store, "pin", "scrypt$1");
    assert_setting(store, "other", "");
    set(store, "pin", "it's \"new\" \xe4\xb8\xad\n");
    assert_setting(store, "pin", "it's \"new\" \xe4\xb8\xad\n");
    set(store, "pin", NULL);
    set(store, "never set", NULL);
    assert_setting(store, "pin", NULL);
    assert_sql(folder->path, "SELECT key FROM settings", "other");
}

static void
test_settings_last(Folder *folder, gconstpointer data)
{
    KlStore *store = open_store(folder->path);
    set(store, "supervisor", "x");
    kl_store_free(store);
    g_autoptr(KlStore) again = open_store(folder->path);
    assert_setting(again, "supervisor", "x");
}

/* Acts n = 1 .. count; every second without who, subject and reason. */
static void
add_acts(KlStore *store, guint count)
{
    for (guint n = 1; n <= count; n++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *what = g_strdup_printf("act %u", n);
        gboolean bare = n % 2 == 0;
        KlAct act = {.time_us = 1,
                     .who = bare ? NULL : (char *)"217",
                     .role = (char *)"supervisor",
                     .what = what,
                     .subject = bare ? NULL : (char *)"FX30-000001",
                     .reason = bare ? NULL : (char *)"key lost"};
        CALL(store, add_act, &act, &error);
        g_assert_no_error(error);
    }
}

static GPtrArray *
last_acts(KlStore *store, guint limit)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *acts = CALL(store, acts, limit, &error);
    g_assert_no_error(error);
    return acts;
}

static void
test_acts(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    gint64 before = g_get_real_time();
    add_acts(store, 5);
    g_autoptr(GPtrArray) acts = last_acts(store, 2), all = last_acts(store, 0);
    g_assert_cmpuint(acts->len, ==, 2);
    g_assert_cmpuint(all->len, ==, 5);
    const KlAct *last = acts->pdata[0], *before_last = acts->pdata[1];
    g_assert_cmpstr(last->what, ==, "act 5");
    g_assert_cmpstr(last->who, ==, "217");
    g_assert_cmpstr(last->role, ==, "supervisor");
    g_assert_cmpstr(last->subject, ==, "FX30-000001");
    g_assert_cmpstr(last->reason, ==, "key lost");
    g_assert_cmpint(last->time_us, >=, before);
    g_assert_cmpint(last->time_us, <=, g_get_real_time());
    g_assert_cmpstr(before_last->what, ==, "act 4");
    g_assert_null(before_last->who);
    g_assert_null(before_last->subject);
    g_assert_null(before_last->reason);
}

/* An act without a role, or of nothing, is none. */
static void
test_act_refused(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    const KlAct acts[] = {{.what = (char *)"revoke"},
                          {.role = (char *)"operator"},
                          {.role = (char *)"", .what = (char *)"revoke"},
                          {.role = (char *)"operator", .what = (char *)"revoke", .who = (char *)""}};
    for (gsize i = 0; i < G_N_ELEMENTS(acts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(CALL(store, add_act, &acts[i], &error));
        assert_code(error, STORE_FAILED);
    }
    assert_sql(folder->path, "SELECT count(*) FROM acts", "0");
}

static void
test_acts_stay(Folder *folder, gconstpointer data)
{
    static const char *const tampering[] = {
        "UPDATE acts SET who = 'somebody else'",
        "UPDATE acts SET number = number + 10",
        "DELETE FROM acts WHERE number = 1",
        "DELETE FROM acts",
        "INSERT OR REPLACE INTO acts (number, time_us, role, what) VALUES (1, 1, 'operator', 'nothing')",
    };
    KlStore *store = open_store(folder->path);
    add_acts(store, 2);
    kl_store_free(store);
    g_autofree char *before = sqlite(folder->path, "SELECT * FROM acts");
    for (gsize i = 0; i < G_N_ELEMENTS(tampering); i++) {
        g_autofree char *failure = NULL;
        g_free(sqlite_program(folder->path, tampering[i], &failure));
        g_assert_nonnull(failure);
        g_assert_nonnull(strstr(failure, "an act that was kept"));
    }
    assert_sql(folder->path, "SELECT * FROM acts", before);
}

static void
test_read_only(Folder *folder, gconstpointer data)
{
    KlStore *writer = open_store(folder->path);
    set(writer, "key", "value");
    add_acts(writer, 1);
    kl_store_free(writer);
    g_autoptr(GError) open_error = NULL, set_error = NULL, forget_error = NULL, act_error = NULL;
    g_autoptr(KlStore) store = kl_store_sqlite_open(folder->path, TRUE, &open_error);
    g_assert_no_error(open_error);
    g_assert_false(CALL(store, set_setting, "key", "other", &set_error));
    assert_code(set_error, STORE_READ_ONLY);
    g_assert_false(CALL(store, set_setting, "key", NULL, &forget_error));
    assert_code(forget_error, STORE_READ_ONLY);
    KlAct act = {.role = (char *)"operator", .what = (char *)"sign-on"};
    g_assert_false(CALL(store, add_act, &act, &act_error));
    assert_code(act_error, STORE_READ_ONLY);
    assert_setting(store, "key", "value");
    g_autoptr(GPtrArray) acts = last_acts(store, 0);
    g_assert_cmpuint(acts->len, ==, 1);
}

int
main(int argc, char **argv)
{
    static const FolderTest tests[] = {
        {"/settings/set-and-forget", test_settings},
        {"/settings/last", test_settings_last},
        {"/acts/kept", test_acts},
        {"/acts/refused", test_act_refused},
        {"/acts/stay", test_acts_stay},
        {"/settings/read-only", test_read_only},
    };
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
