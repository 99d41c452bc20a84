#include "db/database.h"
#include "db/migrate.h"
#include "tests/activation_rig.h"

static void
test_fresh(Folder *folder, gconstpointer data)
{
    GStatBuf info;
    kl_store_free(open_store(folder->path));
    g_assert_cmpint(g_stat(folder->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600);

    g_autofree char *version = g_strdup_printf("%u", kl_migration_count);
    assert_sql(folder->path, "PRAGMA user_version", version);
    assert_sql(folder->path, "SELECT printf('%x', application_id) FROM pragma_application_id", "4b4c494e");
    assert_sql(folder->path, "PRAGMA journal_mode", "wal");
    assert_sql(folder->path, "PRAGMA integrity_check", "ok");
    assert_sql(folder->path,
               "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict"
               " AND name NOT LIKE 'sqlite_%'",
               "");
}

static void
test_seven_fields(Folder *folder, gconstpointer data)
{
    kl_store_free(open_store(folder->path));
    assert_sql(folder->path,
               "SELECT group_concat(name || ' ' || type || ' ' || coalesce(dflt_value, '-') || ' ' || pk, ', ')"
               " FROM pragma_table_xinfo('registration')",
               "device TEXT - 1, registered TEXT 'false' 0, policy TEXT - 0, firmware TEXT - 0, parameters TEXT - 0,"
               " version INTEGER 0 0, connections INTEGER 0 0");
}

static void
test_numbers(void)
{
    for (guint i = 0; i < kl_migration_count; i++)
        g_assert_cmpuint(kl_migrations[i].version, ==, i + 1);
}

/* --- a made-up history of schemas --- */

#define FIRST                                                                                                          \
    {                                                                                                                  \
        1, "CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT; INSERT INTO a VALUES (7);"                                  \
    }

static sqlite3 *
open_plain(const char *path)
{
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    return db;
}

static void
test_steps(Folder *folder, gconstpointer data)
{
    const KlMigration history[] = {FIRST, {2, "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 5"}};
    g_autoptr(sqlite3) db = open_plain(folder->path);
    g_autoptr(GError) error = NULL;
    kl_migrate(db, history, 1, &error);
    g_assert_no_error(error);
    assert_sql(folder->path, "PRAGMA user_version", "1");
    kl_migrate(db, history, 2, &error);
    g_assert_no_error(error);
    assert_sql(folder->path, "SELECT x, y FROM a", "7|5");
    kl_migrate(db, history, 2, &error); /* nothing is run twice */
    g_assert_no_error(error);
    assert_sql(folder->path, "PRAGMA user_version", "2");
    g_assert_false(kl_migrate(db, history, 1, &error));
    assert_code(error, STORE_NEWER);
}

static void
test_failing_step(Folder *folder, gconstpointer data)
{
    const KlMigration history[] = {FIRST, {2, "CREATE TABLE b (x INTEGER); INSERT INTO a VALUES (8); SELECT * FROM c"}};
    g_autoptr(sqlite3) db = open_plain(folder->path);
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_migrate(db, history, 2, &error));
    assert_code(error, STORE_FAILED);
    assert_sql(folder->path, "PRAGMA user_version", "1");
    assert_sql(folder->path, "SELECT group_concat(name) FROM sqlite_schema", "a");
    assert_sql(folder->path, "SELECT x FROM a", "7");
}

static void
test_dangling_key(Folder *folder, gconstpointer data)
{
    const KlMigration history[] = {
        FIRST, {2, "CREATE TABLE b (x INTEGER REFERENCES a (x)) STRICT; INSERT INTO b VALUES (8);"}};
    g_autoptr(sqlite3) db = open_plain(folder->path);
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_migrate(db, history, 2, &error));
    assert_code(error, STORE_CORRUPT);
    assert_sql(folder->path, "PRAGMA user_version", "1");
}

/* --- a database of version 3, with data: two units that passed, one of them twice, one that failed --- */

#define H(digit) "printf('%.64c', '" digit "')"
#define UNIT(n) "35000000000000" n

#define JOB(id, n)                                                                                                     \
    "INSERT INTO jobs (id, station, slot, product, program, started_us, unit, imei, fsn, device_id, operator)"         \
    " VALUES ('" id "', 's', '01', 'p', '0.1', 10, '" UNIT(n) "', '" UNIT(n) "', 'FSN" n "', 'FX30-" n "', 'ann');"
#define PASS(id, digit)                                                                                                \
    "UPDATE jobs SET outcome = 'PASS', ended_us = 20, certificate = " H(digit) " WHERE id = '" id "';"
#define PROVISION(id, n)                                                                                               \
    "INSERT INTO units (imei, fsn, device_id, first_seen_us, last_seen_us) VALUES ('" UNIT(                            \
        n) "', 'FSN" n "', 'FX30-" n                                                                                   \
           "', 5, 5);" JOB(id, n) "INSERT INTO keys (spki_sha256, imei, backend, job, made_us) VALUES (" H(            \
               n) ", '" UNIT(n) "', 'iks', '" id "', 6);"                                                              \
                                "INSERT INTO certificates (sha256, imei, spki_sha256, csr_sha256, job, serial, "       \
                                "subject, issuer, not_before,"                                                         \
                                " not_after, der, chain, issued_us) VALUES (" H(n) ", '" UNIT(n) "', " H(n) ", " H(    \
                                    n) ", '" id "', '0" n "', 's', 'i', 1, 2, x'00', '', 7);"                          \
                                       "INSERT INTO registration (device, policy, firmware, parameters) VALUES "       \
                                       "('FX30-" n "', 'p', 'f', '{}');"                                               \
                                       "INSERT INTO steps (job, position, step, attempt, outcome, start_us, "          \
                                       "duration_us, device_us, store_us)"                                             \
                                       " VALUES ('" id "', 0, 'connect', 1, 'PASS', 0, 1, 1, 0);"                      \
                                       "INSERT INTO transcripts (job, text) VALUES ('" id "', 'AT');" PASS(            \
                                           id, n) "UPDATE units SET provisioned = 1 WHERE imei = '" UNIT(n) "';"

#define VERSION_3                                                                                                      \
    PROVISION("job-1-first", "1")                                                                                      \
    PROVISION("job-2-only", "2")                                                                                       \
    JOB("job-1-again", "1")                                                                                            \
    PASS("job-1-again", "1")                                                                                           \
    JOB("job-2-failed", "2")                                                                                           \
    "UPDATE jobs SET outcome = 'FAIL', ended_us = 30, code = 'NO_AGENT' WHERE id = 'job-2-failed';" JOB(               \
        "job-running", "2") "INSERT INTO counters (purpose, name, value) VALUES ('device', 'p', 2);"                   \
                            "INSERT INTO acts (time_us, role, what) VALUES (1, 'operator', 'sign-on')"

/* All that version 3 knew, in one text. */
#define ALL_OF_3                                                                                                       \
    "SELECT * FROM units; SELECT number, id, batch, station, slot, product, operator, work_order, label,"              \
    " reprovision_reason, program, started_us, ended_us, unit, imei, fsn, model, firmware, agent_version, keystore,"   \
    " boot_id, device_id, outcome, code, detail, first_code, already_provisioned, resumed, certificate FROM jobs;"     \
    "SELECT * FROM steps; SELECT * FROM transcripts; SELECT * FROM keys;"                                              \
    "SELECT sha256, imei, spki_sha256, csr_sha256, job, serial, subject, issuer, not_before, not_after, hex(der),"     \
    " chain, issued_us, superseded_us, supersede_reason, revoked_us, revoke_reason, status FROM certificates;"         \
    "SELECT * FROM registration; SELECT * FROM counters; SELECT * FROM acts"

/* Tables, indexes, triggers: what was there stays. */
static void
assert_names_stay(const char *path, const char *before)
{
    g_autofree char *after = sqlite(path, "SELECT name FROM sqlite_schema");
    g_auto(GStrv) names_before = g_strsplit(before, "\n", -1);
    g_auto(GStrv) names_after = g_strsplit(after, "\n", -1);
    for (guint i = 0; names_before[i] != NULL; i++)
        g_assert_true(g_strv_contains((const char *const *)names_after, names_before[i]));
}

static void
test_from_3(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    guint count = 0;
    sqlite3 *old = open_plain(folder->path);
    g_assert_true(kl_migrate(old, kl_migrations, 3, &error));
    kl_database_close(old);
    g_free(sqlite(folder->path, VERSION_3));
    g_autofree char *before = sqlite(folder->path, ALL_OF_3);
    g_autofree char *names = sqlite(folder->path, "SELECT name FROM sqlite_schema");

    g_autoptr(KlStore) store = open_store(folder->path);
    CALL(store, use_outbox, TRUE);
    assert_sql(folder->path, ALL_OF_3, before);
    assert_names_stay(folder->path, names);
    assert_sql(folder->path,
               "SELECT n, type, json_extract(body, '$.data.jobs'), json_extract(body, '$.data.certificates'),"
               " json_extract(body, '$.data.acts') FROM audit_events",
               "1|journal-begin|4|2|1");
    assert_sql(folder->path, "PRAGMA integrity_check; PRAGMA foreign_key_check", "ok");
    assert_sql(folder->path, "SELECT count(*), sum(row_queued) FROM jobs", "5|0");
    assert_sql(folder->path, "SELECT count(*) FROM outbox", "0");
    g_autoptr(KlRecord) record = CALL(store, record, "job-2-only", &error);
    g_assert_no_error(error);
    g_assert_false(record->row_queued);
    g_assert_cmpstr(record->unit->device_id, ==, "FX30-2");

    g_assert_true(CALL(store, outbox_fill, &count, &error));
    g_assert_cmpuint(count, ==, 4);
    assert_sql(folder->path, "SELECT kind, key, run FROM outbox ORDER BY number",
               "registration|FX30-1|job-1-again\nregistration|FX30-2|job-2-only\n"
               "record|job-2-only|job-2-only\nrecord|job-1-again|job-1-again");
    g_assert_true(CALL(store, interrupt_running, NULL, &error));
    assert_sql(folder->path, "SELECT key, json_extract(body, '$.outcome') FROM outbox ORDER BY number DESC LIMIT 1",
               "job-running|ABORTED");
}

/* First boot goes on from whatever the rows were before it was served from here. */
static void
test_from_9(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    sqlite3 *old = open_plain(folder->path);
    g_assert_true(kl_migrate(old, kl_migrations, 9, &error));
    kl_database_close(old);
    g_free(sqlite(folder->path, VERSION_3 "; UPDATE registration SET registered = 'ok', version = 4, connections = 7"
                                          " WHERE device = 'FX30-1';"
                                          "UPDATE registration SET registered = 'requested' WHERE device = 'FX30-2'"));
    g_autofree char *before = sqlite(folder->path, ALL_OF_3), *names = sqlite(folder->path, "SELECT name FROM"
                                                                                            " sqlite_schema");
    kl_store_free(open_store(folder->path));
    assert_sql(folder->path, ALL_OF_3, before);
    assert_names_stay(folder->path, names);
    assert_sql(folder->path, "PRAGMA integrity_check; PRAGMA foreign_key_check", "ok");
    assert_sql(folder->path,
               "SELECT (SELECT count(*) FROM activation_seen) + (SELECT count(*) FROM activation_messages)"
               " + (SELECT count(*) FROM activation_counts) + (SELECT count(*) FROM activation_credentials)",
               "0");

    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlActivationEngine) engine =
        make_engine(&(KlActivationParts){.rules = {.connections_alarm = 10}, .table = table});
    assert_handled(engine, "bs/device/FX30-2/register/ok", "", "activated: ");
    assert_handled(engine, "bs/device/FX30-1/register/ok", "", "counted: ");
    assert_sql(folder->path, "SELECT device, registered, version, connections FROM registration ORDER BY 1",
               "FX30-1|ok|4|8\nFX30-2|ok|0|0");
}

/* Nobody has asked a cloud yet, whatever first boot did here. */
static void
test_from_10(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    sqlite3 *old = open_plain(folder->path);
    g_assert_true(kl_migrate(old, kl_migrations, 10, &error));
    kl_database_close(old);
    g_free(sqlite(folder->path, VERSION_3 "; UPDATE registration SET registered = 'requested' WHERE device = 'FX30-2';"
                                          "INSERT INTO activation_seen VALUES ('FX30-2', 5, 6, NULL)"));
    g_autofree char *before = sqlite(folder->path, ALL_OF_3 "; SELECT * FROM activation_seen");
    g_autofree char *names = sqlite(folder->path, "SELECT name FROM sqlite_schema");
    g_autoptr(KlStore) store = open_store(folder->path);
    assert_sql(folder->path, ALL_OF_3 "; SELECT * FROM activation_seen", before);
    assert_names_stay(folder->path, names);
    assert_sql(folder->path, "PRAGMA integrity_check; PRAGMA foreign_key_check", "ok");
    const KlFieldFilter here = {.state = KL_FIELD_REQUESTED}, there = {.cloud = "T", .state = KL_FIELD_NOT_ASKED};
    g_autoptr(GPtrArray) requested = CALL(store, field, &here, &error);
    g_assert_cmpuint(requested->len, ==, 1);
    g_autoptr(GPtrArray) not_asked = CALL(store, field, &there, &error);
    g_assert_cmpuint(not_asked->len, ==, 2);
}

/* --- databases that are not for us --- */

typedef struct {
    const char *name;
    const char *sql; /* what another program did to it */
    gboolean fresh;  /* to a file of its own, not to one of ours */
    int code;
    int read_code;
} Foreign;

static const Foreign foreigners[] = {
    {"newer", "PRAGMA user_version = 999", FALSE, KL_ERROR_STORE_NEWER, KL_ERROR_STORE_NEWER},
    {"other-program", "PRAGMA application_id = 1234", FALSE, KL_ERROR_STORE_CORRUPT, KL_ERROR_STORE_CORRUPT},
    {"unmarked", "CREATE TABLE t (x)", TRUE, KL_ERROR_STORE_CORRUPT, KL_ERROR_STORE_CORRUPT},
    {"no-version", "PRAGMA user_version = 0", FALSE, KL_ERROR_STORE_CORRUPT, KL_ERROR_STORE_CORRUPT},
    {"negative", "PRAGMA user_version = -1", FALSE, KL_ERROR_STORE_CORRUPT, KL_ERROR_STORE_CORRUPT},
};

static void
test_foreign(Folder *folder, gconstpointer data)
{
    const Foreign *foreign = data;
    g_autoptr(GError) error = NULL, read_error = NULL;
    if (!foreign->fresh)
        kl_store_free(open_store(folder->path));
    g_free(sqlite(folder->path, foreign->sql));
    g_autofree char *before = sqlite(folder->path, ".dump");

    g_assert_null(kl_store_sqlite_open(folder->path, FALSE, &error));
    g_assert_error(error, KL_ERROR, foreign->code);
    g_assert_null(kl_store_sqlite_open(folder->path, TRUE, &read_error));
    g_assert_error(read_error, KL_ERROR, foreign->read_code);
    assert_sql(folder->path, ".dump", before);
}

static void
test_missing(Folder *folder, gconstpointer data)
{
    g_autofree char *nowhere = g_build_filename(folder->dir, "no", "keyline.db", NULL);
    g_autoptr(GError) missing = NULL, no_folder = NULL, empty = NULL;
    g_assert_null(kl_store_sqlite_open(folder->path, TRUE, &missing));
    assert_code(missing, STATION_MISSING);
    g_assert_false(g_file_test(folder->path, G_FILE_TEST_EXISTS));
    g_assert_null(kl_store_sqlite_open(nowhere, FALSE, &no_folder));
    assert_code(no_folder, STATION_MISSING);

    g_assert_true(g_file_set_contents(folder->path, "", 0, NULL));
    g_assert_null(kl_store_sqlite_open(folder->path, TRUE, &empty));
    assert_code(empty, STATION_MISSING);
}

/* An older database is brought up to date by whoever may write, and by nobody else. */
static void
test_older(Folder *folder, gconstpointer data)
{
    const KlMigration history[] = {FIRST, {2, "CREATE TABLE b (x INTEGER) STRICT"}};
    g_autoptr(sqlite3) db = open_plain(folder->path);
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_migrate(db, history, 1, NULL));
    g_assert_false(kl_migrate_check_current(db, 2, &error));
    assert_code(error, STORE_READ_ONLY);
    g_assert_true(kl_migrate_check(db, 2, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migrate/numbers", test_numbers);
    add_test("/migrate/fresh", NULL, test_fresh);
    add_test("/migrate/seven-fields", NULL, test_seven_fields);
    add_test("/migrate/steps", NULL, test_steps);
    add_test("/migrate/failing-step", NULL, test_failing_step);
    add_test("/migrate/dangling-key", NULL, test_dangling_key);
    add_test("/migrate/missing", NULL, test_missing);
    add_test("/migrate/older", NULL, test_older);
    add_test("/migrate/from-3", NULL, test_from_3);
    add_test("/migrate/from-9", NULL, test_from_9);
    add_test("/migrate/from-10", NULL, test_from_10);
    for (gsize i = 0; i < G_N_ELEMENTS(foreigners); i++) {
        g_autofree char *name = g_strdup_printf("/migrate/foreign/%s", foreigners[i].name);
        add_test(name, &foreigners[i], test_foreign);
    }
    return g_test_run();
}
