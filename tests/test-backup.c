/* Backups while the line runs, and restores that don't go back in silence. */
#include <pthread.h>
#include <unistd.h>

#include "db/database.h"
#include "tests/backup_place.h"

/* A line of exported.jsonl over the database as it stands; signatures are not what a restore looks at. */
static void
export_checkpoint(const Place *place)
{
    g_autofree char *body = sqlite(
        place->database,
        "SELECT json_object('certificate_sha256', printf('%064d', 0), 'format', 'keyline-audit-checkpoint-1', 'hash',"
        " lower(hex(hash)), 'journal', journal, 'n', n, 'reason', 'request', 'root', printf('%064d', 0), 'station',"
        " 'test', 'time_us', 1) FROM audit_head");
    g_autofree char *quoted = g_strescape(body, NULL);
    g_autofree char *line = g_strdup_printf("{\"body\":\"%s\",\"signature\":\"AA==\"}\n", quoted);
    g_autofree char *before = NULL;
    g_file_get_contents(place->exported, &before, NULL, NULL);
    g_autofree char *text = g_strconcat(before != NULL ? before : "", line, NULL);
    g_assert_true(g_file_set_contents(place->exported, text, -1, NULL));
}

/* --- making --- */

typedef struct {
    KlStore *store;
    int stop;
    guint passed;
} Line;

static void *
work(void *data)
{
    Line *line = data;
    for (guint n = 100; !g_atomic_int_get(&line->stop); n++) {
        g_free(pass_unit(line->store, n));
        g_atomic_int_inc((gint *)&line->passed);
    }
    return NULL;
}

/* Copies that are made while another thread's jobs commit are whole, each by itself, and in one file. */
static void
test_while_running(Place *place, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(place->database);
    Line line = {.store = store};
    pthread_t thread;
    g_assert_cmpint(pthread_create(&thread, NULL, work, &line), ==, 0);
    for (guint i = 0; i < 5; i++) {
        g_autoptr(GError) error = NULL;
        g_auto(KlBackupInfo) info = {0};
        g_autofree char *file = g_strdup_printf("%s.%u", place->backup, i);
        guint before = (guint)g_atomic_int_get((gint *)&line.passed);
        kl_backup_make(place->database, file, &info, &error);
        g_assert_no_error(error);
        check_invariants(file);
        g_autofree char *passed = sqlite(file, "SELECT count(*) FROM jobs WHERE outcome = 'PASS'");
        g_assert_cmpuint(g_ascii_strtoull(passed, NULL, 10), >=, before);
        assert_sql(file, "PRAGMA journal_mode", "delete");
        g_autofree char *end = sqlite(file, "SELECT n || ' ' || lower(hex(hash)) FROM audit_head");
        g_autofree char *said = g_strdup_printf("%" G_GUINT64_FORMAT " %s", info.n, info.hash);
        g_assert_cmpstr(end, ==, said);
        const char *argv[] = {"sha256sum", file, NULL};
        g_autofree char *sum = NULL;
        /* Without a fork, as in rig/line_rig.c. */
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &sum,
                     NULL, NULL, &error);
        g_assert_true(g_str_has_prefix(sum, info.sha256));
    }
    g_atomic_int_set(&line.stop, 1);
    pthread_join(thread, NULL);
    g_autoptr(GError) error = NULL;
    g_auto(KlBackupInfo) info = {0};
    g_autofree char *taken = g_strdup_printf("%s.0", place->backup);
    g_assert_false(kl_backup_make(place->database, taken, &info, &error));
    assert_code(error, BACKUP_EXISTS);
}

/* --- refusals --- */

/* What isn't whole: a torn copy, a flipped byte in an event, events that are gone. */
static void
test_broken(Place *place, gconstpointer data)
{
    static const char *const doctorings[] = {
        "DROP TRIGGER audit_events_stay; DELETE FROM audit_events WHERE n = (SELECT max(n) FROM audit_events)",
        "DROP TRIGGER audit_events_stay; DELETE FROM audit_events WHERE n = 5",
        "DROP TRIGGER audit_events_never_change; UPDATE audit_events SET body = replace(body, 'FX30', 'FX31')",
        "DROP TRIGGER audit_head_stays; DELETE FROM audit_head",
        "DROP TRIGGER audit_head_goes_on; UPDATE audit_head SET hash = zeroblob(32)",
        "PRAGMA application_id = 1",
    };
    pass_units(place->database, 1, 3);
    for (gsize i = 0; i < G_N_ELEMENTS(doctorings); i++) {
        g_test_message("%s", doctorings[i]);
        back_up(place);
        g_free(sqlite(place->backup, doctorings[i]));
        assert_refused(place, "whatever", BACKUP_BROKEN);
        g_remove(place->backup);
    }
    back_up(place);
    g_assert_cmpint(truncate(place->backup, 40960), ==, 0);
    assert_refused(place, "whatever", BACKUP_BROKEN);
    g_assert_true(g_file_set_contents(place->backup, "no database at all", -1, NULL));
    assert_refused(place, "whatever", BACKUP_BROKEN);
    g_remove(place->backup);
    assert_refused(place, "whatever", USAGE);
    assert_sql(place->database, "SELECT count(*) FROM units", "3");
}

static void
test_behind(Place *place, gconstpointer data)
{
    pass_units(place->database, 1, 2);
    back_up(place);
    {
        g_auto(KlRestored) same = {0};
        restore_ok(place, NULL, &same); /* nothing was kept since */
        g_assert_nonnull(same.aside);
    }
    pass_units(place->database, 3, 4);
    assert_refused(place, NULL, BACKUP_BEHIND);
    assert_sql(place->database, "SELECT count(*) FROM units", "4");
    export_checkpoint(place);
    g_remove(place->database);
    assert_refused(place, NULL, BACKUP_BEHIND); /* the exported checkpoint alone tells */

    g_auto(KlRestored) restored = {0};
    restore_ok(place, "the disk died", &restored);
    g_assert_null(restored.aside);
    assert_sql(place->database, "SELECT count(*) FROM units", "2");
    assert_sql(place->database,
               "SELECT json_extract(body, '$.data.reason') || ' ' || (json_extract(body, '$.data.behind') >"
               " json_extract(body, '$.data.n')) FROM audit_events WHERE type = 'restore' ORDER BY n DESC LIMIT 1",
               "the disk died 1");
    check_invariants(place->database);
}

/* A station that lost everything and was set up anew still has the lines of its first journal. */
static void
test_second_journal(Place *place, gconstpointer data)
{
    pass_units(place->database, 1, 1);
    export_checkpoint(place);
    g_remove(place->database);
    pass_units(place->database, 2, 2);
    export_checkpoint(place);
    back_up(place);
    {
        g_auto(KlRestored) restored = {0};
        restore_ok(place, NULL, &restored);
    }
    g_remove(place->database);
    g_auto(KlRestored) restored = {0};
    restore_ok(place, "the disk died", &restored);
    assert_sql(place->database, "SELECT count(*) FROM units", "1");
}

/* A line that was torn when the power went stays in the file, with others behind it. */
static void
test_torn_line(Place *place, gconstpointer data)
{
    pass_units(place->database, 1, 1);
    g_assert_true(g_file_set_contents(place->exported, "{\"body\":\"{\\\"certif\n", -1, NULL));
    back_up(place);
    {
        g_auto(KlRestored) restored = {0};
        restore_ok(place, NULL, &restored);
    }
    pass_units(place->database, 2, 2);
    export_checkpoint(place);
    g_remove(place->database);
    assert_refused(place, NULL, BACKUP_BEHIND); /* what stands behind it counts */
}

/* What came after an accepted loss is no reason to refuse the next restore: the journal itself tells of it. */
static void
test_after_loss(Place *place, gconstpointer data)
{
    pass_units(place->database, 1, 1);
    back_up(place);
    pass_units(place->database, 2, 2);
    export_checkpoint(place);
    {
        g_auto(KlRestored) restored = {0};
        restore_ok(place, "drill", &restored);
    }
    pass_units(place->database, 3, 5);
    g_remove(place->backup);
    back_up(place);
    g_auto(KlRestored) again = {0};
    restore_ok(place, NULL, &again);
    assert_sql(place->database, "SELECT count(*) FROM units", "4");
}

/* The present database has gone another way since: its own events would be lost, although the copy has more. */
static void
test_diverged(Place *place, gconstpointer data)
{
    g_autofree char *other = g_build_filename(place->dir, "other.db", NULL);
    pass_units(place->database, 1, 1);
    back_up(place);
    g_assert_cmpint(rename(place->backup, other), ==, 0);
    pass_units(other, 2, 3);
    {
        g_autoptr(GError) error = NULL;
        g_auto(KlBackupInfo) info = {0};
        g_assert_true(kl_backup_make(other, place->backup, &info, &error));
    }
    pass_units(place->database, 4, 4);
    assert_refused(place, NULL, BACKUP_BEHIND);
    g_auto(KlRestored) restored = {0};
    restore_ok(place, "we know", &restored);
    assert_sql(place->database, "SELECT count(*) FROM units", "3");
}

static void
test_foreign(Place *place, gconstpointer data)
{
    g_autofree char *other = g_build_filename(place->dir, "other.db", NULL);
    pass_units(other, 1, 1);
    {
        g_autoptr(GError) error = NULL;
        g_auto(KlBackupInfo) info = {0};
        g_assert_true(kl_backup_make(other, place->backup, &info, &error));
    }
    pass_units(place->database, 2, 2);
    assert_refused(place, "whatever", BACKUP_FOREIGN);
    export_checkpoint(place);
    g_remove(place->database);
    assert_refused(place, "whatever", BACKUP_FOREIGN);
    g_remove(place->exported);
    kl_store_free(open_store(place->database)); /* a new station's */
    g_auto(KlRestored) restored = {0};
    restore_ok(place, NULL, &restored);
    assert_sql(place->database, "SELECT count(*) FROM units", "1");
}

/* A damaged database says nothing of what is lost with it, so that has to be owned up to; it is kept as it is. */
static void
test_damaged(Place *place, gconstpointer data)
{
    pass_units(place->database, 1, 2);
    back_up(place);
    g_autofree char *junk = g_strnfill(8192, 'x');
    g_assert_true(g_file_set_contents(place->database, junk, -1, NULL));
    assert_refused(place, NULL, BACKUP_BEHIND);
    g_auto(KlRestored) restored = {0};
    restore_ok(place, "the disk died", &restored);
    g_autofree char *kept = NULL;
    g_assert_true(g_file_get_contents(restored.aside, &kept, NULL, NULL));
    g_assert_true(g_str_has_prefix(kept, "xxxx"));
    g_assert_false(restored.numbers_known);
    assert_sql(place->database, "SELECT count(*) FROM units", "2");
}

/* A program that only looks on would go on reading the old database. */
static void
test_open_elsewhere(Place *place, gconstpointer data)
{
    pass_units(place->database, 1, 1);
    back_up(place);
    g_autoptr(KlStore) store = open_store(place->database);
    g_free(pass_unit(store, 2));
    assert_refused(place, "whatever", STATION_BUSY);
    g_free(pass_unit(store, 3));
    assert_sql(place->database, "SELECT count(*) FROM units", "3");
}

/* --- numbers --- */

static char *
give_id(KlStore *store, guint n, gboolean leased, GError **error)
{
    const KlIdRequest request = {.sequence = leased ? "leased" : "fx30s", .pattern = "L-%u", .leased = leased};
    g_autoptr(KlRecord) record = make_record(n);
    g_autoptr(KlUnit) unit = make_unit(n);
    g_assert_true(CALL(store, job_begin, record, NULL));
    g_autoptr(KlUnitState) state = CALL(store, unit_claim, record->id, unit, NULL);
    return CALL(store, device_id, unit->imei, &request, error);
}

/* No number that was handed out behind the backup comes again: whether the present database can be asked, or only an
 * exported checkpoint says how much was written. */
static void
test_numbers(Place *place, gconstpointer data)
{
    gboolean gone = data != NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) given = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    KlStore *store = open_store(place->database);
    g_assert_true(CALL(store, lease_add, "leased", 1000, 10, &error));
    g_hash_table_add(given, give_id(store, 1, FALSE, &error));
    g_hash_table_add(given, give_id(store, 2, TRUE, &error));
    back_up(place);
    for (guint n = 3; n <= 6; n++)
        g_hash_table_add(given, give_id(store, n, n % 2, &error));
    g_assert_no_error(error);
    kl_store_free(store);
    export_checkpoint(place);
    if (gone)
        g_remove(place->database);

    g_auto(KlRestored) restored = {0};
    restore_ok(place, "drill", &restored);
    g_assert_cmpint(restored.burned, ==, 9);
    g_assert_true(restored.numbers_known == !gone);
    store = open_store(place->database);
    for (guint n = 11; n <= 20; n++) {
        char *id = give_id(store, n, FALSE, &error);
        g_assert_no_error(error);
        g_assert_false(g_hash_table_contains(given, id));
        g_hash_table_add(given, id);
    }
    g_assert_null(give_id(store, 21, TRUE, &error));
    assert_code(error, IDS_EXHAUSTED);
    kl_store_free(store);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        gconstpointer data;
        void (*function)(Place *place, gconstpointer data);
    } tests[] = {
        {"/backup/while-running", NULL, test_while_running},
        {"/restore/broken", NULL, test_broken},
        {"/restore/behind", NULL, test_behind},
        {"/restore/torn-line", NULL, test_torn_line},
        {"/restore/second-journal", NULL, test_second_journal},
        {"/restore/after-loss", NULL, test_after_loss},
        {"/restore/diverged", NULL, test_diverged},
        {"/restore/foreign", NULL, test_foreign},
        {"/restore/damaged", NULL, test_damaged},
        {"/restore/open-elsewhere", NULL, test_open_elsewhere},
        {"/restore/numbers", NULL, test_numbers},
        {"/restore/numbers-of-a-lost-database", "gone", test_numbers},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Place, tests[i].data, set_up, tests[i].function, tear_down);
    return g_test_run();
}
