/* PINs: only as a salted scrypt hash, never guessed in peace. The oracle is OpenSSL's command line. */
#include "station/pin.h"

#include <string.h>

#include "station/error.h"
#include "station/supervisor.h"

static KlSecret *
secret(const char *text)
{
    return kl_secret_new(text, strlen(text));
}

static char *
hash_of(const char *text)
{
    g_autoptr(KlSecret) pin = secret(text);
    g_autoptr(GError) error = NULL;
    char *hash = kl_pin_hash(pin, &error);
    g_assert_no_error(error);
    return hash;
}

static void
assert_verify(const char *hash, const char *text, int code)
{
    g_autoptr(KlSecret) pin = secret(text);
    g_autoptr(GError) error = NULL;
    gboolean right = kl_pin_verify(hash, pin, &error);
    g_assert_true(right == (code < 0));
    if (code < 0)
        g_assert_no_error(error);
    else
        g_assert_error(error, KL_ERROR, code);
}

static void
test_right_and_wrong(void)
{
    g_autofree char *hash = hash_of("2468");
    assert_verify(hash, "2468", -1);
    static const char *const wrong[] = {"2469", "246", "24680", "", "8642", "2468 ", "２４６８"};
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
        assert_verify(hash, wrong[i], KL_ERROR_PIN_WRONG);
}

/* The same PIN twice: two hashes, neither of which holds it. */
static void
test_salted(void)
{
    g_autofree char *first = hash_of("13579");
    g_autofree char *second = hash_of("13579");
    g_assert_cmpstr(first, !=, second);
    g_assert_null(strstr(first, "13579"));
    assert_verify(second, "13579", -1);
}

static void
test_length(void)
{
    char long_pin[66];
    memset(long_pin, '7', 65);
    long_pin[65] = '\0';
    const char *const refused[] = {"", "123", "äöü", "12\xff\xfe", long_pin};
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(KlSecret) pin = secret(refused[i]);
        g_autoptr(GError) error = NULL;
        g_assert_null(kl_pin_hash(pin, &error));
        g_assert_error(error, KL_ERROR, KL_ERROR_USAGE);
    }
    long_pin[64] = '\0';
    g_autofree char *longest = hash_of(long_pin);
    assert_verify(longest, long_pin, -1);
    g_autofree char *wide = hash_of("äöüß");
    assert_verify(wide, "äöüß", -1);
}

/* Damaged or hostile hashes are told as such, and never run for long or take all memory. */
static void
test_damaged(void)
{
    static const char salt[] = "AAAAAAAAAAAAAAAAAAAAAA==", hash[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    static const struct {
        const char *head, *salt, *hash, *tail;
    } table[] = {
        {"", "", "", ""},
        {"md5$32768$8$1$", salt, hash, ""},
        {"scrypt$32767$8$1$", salt, hash, ""},
        {"scrypt$0$8$1$", salt, hash, ""},
        {"scrypt$1048576$64$16$", salt, hash, ""},
        {"scrypt$18446744073709551616$8$1$", salt, hash, ""},
        {"scrypt$-32768$8$1$", salt, hash, ""},
        {"scrypt$32768$0$1$", salt, hash, ""},
        {"scrypt$32768$8$17$", salt, hash, ""},
        {"scrypt$32768$8$1$", "AAAA", hash, ""},
        {"scrypt$32768$8$1$", salt, "AAAA", ""},
        {"scrypt$32768$8$1$", salt, "", ""},
        {"scrypt$32768$8$1$", salt, hash, "$more"},
        {"2468", "", "", ""},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *text = g_strconcat(table[i].head, table[i].salt, *table[i].hash != '\0' ? "$" : "",
                                            table[i].hash, table[i].tail, NULL);
        g_test_message("%s", text);
        assert_verify(text, "2468", KL_ERROR_STORE_CORRUPT);
    }
}

static char *
hex_of_base64(const char *text)
{
    gsize length = 0;
    g_autofree guint8 *bytes = g_base64_decode(text, &length);
    GString *hex = g_string_new(NULL);
    for (gsize i = 0; i < length; i++)
        g_string_append_printf(hex, "%02X", bytes[i]);
    return g_string_free(hex, FALSE);
}

/* `openssl kdf` makes the same hash of the same PIN and salt. */
static void
test_oracle(void)
{
    g_autofree char *hash = hash_of("314159");
    g_auto(GStrv) parts = g_strsplit(hash, "$", -1);
    g_assert_cmpuint(g_strv_length(parts), ==, 6);
    g_autofree char *salt = hex_of_base64(parts[4]);
    g_autofree char *ours = hex_of_base64(parts[5]);
    g_autofree char *command =
        g_strdup_printf("openssl kdf -binary -keylen 32 -kdfopt pass:314159 -kdfopt hexsalt:%s -kdfopt n:%s -kdfopt "
                        "r:%s -kdfopt p:%s -kdfopt maxmem_bytes:100000000 SCRYPT",
                        salt, parts[1], parts[2], parts[3]);
    const char *argv[] = {"sh", "-c", NULL, NULL};
    g_autofree char *line = g_strconcat(command, " | od -An -v -tx1 | tr -d ' \\n' | tr a-f A-F", NULL);
    argv[2] = line;
    g_autofree char *theirs = NULL;
    g_autoptr(GError) error = NULL;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &theirs, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(ours, ==, theirs);
}

/* A store of settings and acts only; writes fail when told to. */
typedef struct {
    KlStore store;
    GHashTable *settings;
    GPtrArray *acts; /* "who what subject" */
    gboolean full;
} FakeStore;

static char *
fake_setting(KlStore *store, const char *key, GError **error)
{
    return g_strdup(g_hash_table_lookup(((FakeStore *)store)->settings, key));
}

static gboolean
fake_set_setting(KlStore *store, const char *key, const char *value, GError **error)
{
    FakeStore *fake = (FakeStore *)store;
    if (fake->full)
        return kl_fail(error, KL_ERROR_STORE_FULL, "full");
    if (value == NULL)
        g_hash_table_remove(fake->settings, key);
    else
        g_hash_table_insert(fake->settings, g_strdup(key), g_strdup(value));
    return TRUE;
}

static gboolean
fake_add_act(KlStore *store, const KlAct *act, GError **error)
{
    g_ptr_array_add(((FakeStore *)store)->acts, g_strdup_printf("%s %s %s", act->who, act->what, act->subject));
    return TRUE;
}

static const KlStoreClass fake_class = {
    .setting = fake_setting, .set_setting = fake_set_setting, .add_act = fake_add_act};

static void
fake_set_up(FakeStore *fake, gconstpointer data)
{
    fake->store.klass = &fake_class;
    fake->settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    fake->acts = g_ptr_array_new_with_free_func(g_free);
    fake->full = FALSE;
}

static void
fake_tear_down(FakeStore *fake, gconstpointer data)
{
    g_hash_table_unref(fake->settings);
    g_ptr_array_unref(fake->acts);
}

static void
set_pin(FakeStore *fake, const char *text)
{
    g_autoptr(KlSecret) pin = secret(text);
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_supervisor_set_pin(&fake->store, pin, &error));
    g_assert_no_error(error);
}

/* -1: right. now in seconds. */
static int
try(FakeStore *fake, const char *text, gint64 now, guint *pause_s)
{
    g_autoptr(KlSecret) pin = secret(text);
    g_autoptr(GError) error = NULL;
    if (kl_supervisor_check(&fake->store, pin, "op7", "revoke", now * G_USEC_PER_SEC, pause_s, &error)) {
        g_assert_no_error(error);
        return -1;
    }
    g_assert_nonnull(error);
    return (int)kl_error_code(error);
}

static void
test_no_pin(FakeStore *fake, gconstpointer data)
{
    gboolean has = TRUE;
    g_assert_true(kl_supervisor_has_pin(&fake->store, &has, NULL));
    g_assert_false(has);
    g_assert_cmpint(try(fake, "2468", 1000, NULL), ==, KL_ERROR_PIN_MISSING);
    set_pin(fake, "2468");
    g_assert_true(kl_supervisor_has_pin(&fake->store, &has, NULL));
    g_assert_true(has);
    g_assert_cmpint(try(fake, "2468", 1000, NULL), ==, -1);
}

static void
test_guessing(FakeStore *fake, gconstpointer data)
{
    set_pin(fake, "2468");
    /* A right one in between starts the count anew. */
    for (int i = 0; i < KL_SUPERVISOR_TRIES - 1; i++)
        g_assert_cmpint(try(fake, "0000", 1000, NULL), ==, KL_ERROR_PIN_WRONG);
    g_assert_cmpint(try(fake, "2468", 1000, NULL), ==, -1);
    for (int i = 0; i < KL_SUPERVISOR_TRIES - 1; i++)
        g_assert_cmpint(try(fake, "0000", 1000, NULL), ==, KL_ERROR_PIN_WRONG);
    g_assert_cmpuint(fake->acts->len, ==, 0);

    guint pause_s = 0;
    g_assert_cmpint(try(fake, "0000", 1000, &pause_s), ==, KL_ERROR_PIN_PAUSED);
    g_assert_cmpuint(pause_s, ==, KL_SUPERVISOR_PAUSE_S);
    g_assert_cmpuint(fake->acts->len, ==, 1);
    g_assert_cmpstr(fake->acts->pdata[0], ==, "op7 pin-paused revoke");

    /* In the pause the right one is not taken either, and nothing counts. */
    g_assert_cmpint(try(fake, "2468", 1059, &pause_s), ==, KL_ERROR_PIN_PAUSED);
    g_assert_cmpuint(pause_s, ==, 1);
    g_assert_cmpint(try(fake, "0000", 1061, NULL), ==, KL_ERROR_PIN_WRONG);
    g_assert_cmpint(try(fake, "2468", 1061, NULL), ==, -1);
    g_assert_cmpuint(fake->acts->len, ==, 1);
}

/* A clock that was put back must not lock the supervisor out for as long. */
static void
test_clock(FakeStore *fake, gconstpointer data)
{
    set_pin(fake, "2468");
    for (int i = 0; i < KL_SUPERVISOR_TRIES; i++)
        try(fake, "0000", 100000, NULL);
    g_assert_cmpint(try(fake, "2468", 100001, NULL), ==, KL_ERROR_PIN_PAUSED);
    g_assert_cmpint(try(fake, "2468", 1000, NULL), ==, -1);
}

/* What can't be counted is not tried. */
static void
test_full_disk(FakeStore *fake, gconstpointer data)
{
    set_pin(fake, "2468");
    fake->full = TRUE;
    g_assert_cmpint(try(fake, "2468", 1000, NULL), ==, KL_ERROR_STORE_FULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kl_secret_init();
    g_test_add_func("/pin/right-and-wrong", test_right_and_wrong);
    g_test_add_func("/pin/salted", test_salted);
    g_test_add_func("/pin/length", test_length);
    g_test_add_func("/pin/damaged", test_damaged);
    g_test_add_func("/pin/oracle", test_oracle);
    g_test_add("/supervisor/no-pin", FakeStore, NULL, fake_set_up, test_no_pin, fake_tear_down);
    g_test_add("/supervisor/guessing", FakeStore, NULL, fake_set_up, test_guessing, fake_tear_down);
    g_test_add("/supervisor/clock", FakeStore, NULL, fake_set_up, test_clock, fake_tear_down);
    g_test_add("/supervisor/full-disk", FakeStore, NULL, fake_set_up, test_full_disk, fake_tear_down);
    return g_test_run();
}
