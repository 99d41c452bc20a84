/* First boot in the journal: which messages are told of, that the rows are what the journal says, to keyline's verifier
 * and to tests/audit_verify.py; two programs that write at once; seals; units that are provisioned anew. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certs/seal.h"
#include "db/audit.h"
#include "db/database.h"
#include "tests/activation_rig.h"
#include "tests/journal_check.h"
#include "tests/journal_verify.h"

#define NOW 1700000000000000
#define STATION "Test line"

/* --- what is told --- */

static KlRegistration *
read_row(KlActivationTable *table, const char *device)
{
    g_autoptr(GError) error = NULL;
    KlActivationView view = {0};
    g_assert_true(CALL(table, read, device, NULL, &view, NULL, &error));
    g_assert_no_error(error);
    return view.row;
}

static void
keep_times(KlActivationTable *table, KlActivationChange change, guint times)
{
    g_autoptr(GError) error = NULL;
    change.note = "{}";
    change.now_us = NOW;
    for (guint i = 0; i < times; i++) {
        g_assert_cmpint(CALL(table, keep, &change, NULL, &error), ==, KL_ACTIVATION_KEPT);
        g_assert_no_error(error);
    }
}

/* The totals that were told of, "1 2 3 ", and the units that they are about; forgotten for the next time. */
static void
assert_told(const char *path, gint64 *since, const char *expected)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT coalesce(group_concat(body ->> '$.data.total' || coalesce('/' || imei,"
                        " ''), ' '), '') FROM (SELECT * FROM audit_events WHERE type = 'activation'"
                        " AND n > %" G_GINT64_FORMAT " ORDER BY n)",
                        *since);
    assert_sql(path, sql, expected);
    g_autofree char *last = sqlite(path, "SELECT max(n) FROM audit_events");
    *since = g_ascii_strtoll(last, NULL, 10);
}

/* As often the verdict was given by now. */
static void
set_total(const char *path, const char *verdict, guint total)
{
    g_autofree char *sql =
        g_strdup_printf("UPDATE activation_counts SET total = %u WHERE verdict = '%s'", total, verdict);
    g_free(sqlite(path, sql));
}

/* The first ten, then powers of ten; each verdict of each device for itself, devices that nobody knows together. */
static void
test_told(Folder *folder, gconstpointer data)
{
    gint64 since = 0;
    pass_units(folder->path, 1);
    g_autofree char *imei = sqlite(folder->path, "SELECT '/' || imei FROM units");
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlRegistration) was = read_row(table, DEVICE);
    const KlActivationChange refused = {.device = DEVICE, .was = was, .verdict = "foreign"};
    const KlActivationChange other = {.device = DEVICE, .was = was, .verdict = "retained"};
    KlActivationChange again = refused, alarm = refused;
    g_autofree char *twelve = g_strdup_printf("1%s 2%s 3%s 4%s 5%s 6%s 7%s 8%s 9%s 10%s 100%s 1000%s 1%s", imei, imei,
                                              imei, imei, imei, imei, imei, imei, imei, imei, imei, imei, imei);
    keep_times(table, refused, 12);
    for (guint total = 10; total < 1000; total *= 10) {
        set_total(folder->path, "foreign", 2 * total - 1);
        keep_times(table, refused, 1); /* 20, 200 */
        set_total(folder->path, "foreign", 10 * total - 2);
        keep_times(table, refused, 3); /* 99, 100, 101 */
    }
    keep_times(table, other, 1);
    assert_told(folder->path, &since, twelve);

    alarm.alarm = alarm.heard = TRUE;
    again.again = TRUE;
    again.verdict = "repeated";
    g_autofree char *alarms = g_strconcat("1002", imei, NULL);
    keep_times(table, alarm, 1);
    alarm.note = "{}";
    alarm.now_us = NOW + 1;
    g_assert_cmpint(CALL(table, keep, &alarm, NULL, NULL), ==, KL_ACTIVATION_KEPT); /* is told once */
    keep_times(table, again, 3);
    assert_told(folder->path, &since, alarms);

    static const char *const nobodies[] = {"FX30-999999", "", "x"};
    for (gsize i = 0; i < G_N_ELEMENTS(nobodies); i++)
        keep_times(table, (KlActivationChange){.device = nobodies[i], .verdict = "unknown-device"}, 4);
    assert_told(folder->path, &since, "1 2 3 4 5 6 7 8 9 10");

    /* a change is told of each time */
    for (gint64 version = 1; version <= 12; version++) {
        g_autoptr(KlRegistration) before = read_row(table, DEVICE), after = read_row(table, DEVICE);
        after->version = version;
        keep_times(table, (KlActivationChange){.device = DEVICE, .was = before, .row = after, .verdict = "version"}, 1);
    }
    g_autofree char *sql = g_strdup_printf("SELECT count(*) FROM audit_events WHERE type = 'activation' AND"
                                           " body ->> '$.data.row_sha256' NOT NULL AND n > %" G_GINT64_FORMAT,
                                           since);
    assert_sql(folder->path, sql, "12");
}

/* --- what it says of rows --- */

/* Messages of two units and of strangers; the first unit asks far more often than is told of. */
static void
boot_units(KlActivationTable *table)
{
    g_autoptr(KlActivationEngine) engine =
        make_engine(&(KlActivationParts){.rules = {.connections_alarm = 3}, .table = table});
    assert_handled(engine, REQUEST, "{\"id\":\"1\"}", "answered: " ANSWER);
    assert_handled(engine, REQUEST, "{\"id\":\"1\"}", "answered: " ANSWER);
    assert_handled(engine, CONFIRM, "{\"id\":\"2\"}", "activated: ");
    assert_handled(engine, VERSION, "{\"version\":7}", "version: ");
    for (guint i = 0; i < 15; i++)
        assert_handled(engine, REQUEST, "", "counted: ");
    assert_handled(engine, "bs/device/FX30-000002/register/ok", "", "early-confirm: ");
    assert_handled(engine, "bs/device/nobody/register/request", "", "unknown-device: ");
}

/* What other hands do to rows in the field: connections that have grown may be without an event, and nothing else. */
static const char others_changes[] =
    "UPDATE registration SET connections = connections + 1 WHERE device = '" DEVICE "';"
    "UPDATE registration SET registered = 'requested' WHERE device = 'FX30-000002';"
    "UPDATE registration SET version = 6 WHERE device = 'FX30-000003';"
    "UPDATE registration SET policy = 'x' WHERE device = 'FX30-000004';"
    "UPDATE registration SET parameters = '{}' WHERE device = 'FX30-000005';"
    "DROP TRIGGER connections_only_grow;"
    "UPDATE registration SET connections = 1 WHERE device = 'FX30-000006'";

static void
test_rows(Folder *folder, gconstpointer data)
{
    static const char *const more[][2] = {{"bs/device/FX30-000003/register/request", ""},
                                          {"bs/device/FX30-000003/register/ok", ""},
                                          {"dm/device/FX30-000003/update/ok", "{\"version\":7}"},
                                          {"bs/device/FX30-000006/register/ok", ""},
                                          {"bs/device/FX30-000006/register/ok", ""}};
    pass_units(folder->path, 6);
    KlActivationTable *table = open_table(folder->path);
    boot_units(table);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    for (gsize i = 0; i < G_N_ELEMENTS(more); i++)
        g_free(handle(engine, more[i][0], more[i][1]));
    kl_activation_table_free(table);
    assert_row(folder->path, "ok|7|15");
    assert_verified(folder->path, "");
    check_journal(folder->path);
    assert_sql(folder->path, "SELECT count(*) FROM audit_events WHERE body LIKE '%topic\\\":%' AND type = 'activation'",
               "0"); /* nothing of the parameters */
    g_free(sqlite(folder->path, others_changes));
    assert_verified(folder->path, "altered registration FX30-000002\naltered registration FX30-000003\n"
                                  "altered registration FX30-000004\naltered registration FX30-000005\n"
                                  "altered registration FX30-000006");
}

/* A broker says that they come again, yet nobody has heard of them before: they change the row, and that is told. */
static void
test_again(Folder *folder, gconstpointer data)
{
    static const char *const messages[][3] = {{REQUEST, "", "answered: " ANSWER},
                                              {CONFIRM, "", "activated: "},
                                              {VERSION, "{\"version\":7}", "version: "},
                                              {REQUEST, "", "repeated: "}};
    pass_units(folder->path, 1);
    KlActivationTable *table = open_table(folder->path);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    for (gsize i = 0; i < G_N_ELEMENTS(messages); i++) {
        KlActivationMessage message = message_of(messages[i][0], messages[i][1]);
        message.again = TRUE;
        g_autofree char *handled = handle_message(engine, &message);
        g_assert_cmpstr(handled, ==, messages[i][2]);
    }
    kl_activation_table_free(table);
    assert_row(folder->path, "ok|7|0");
    assert_counts(folder->path, DEVICE, "activated 1 answered 1 repeated 1 version 1");
    assert_sql(folder->path, "SELECT count(*) FROM audit_events WHERE type = 'activation'", "3");
    assert_verified(folder->path, "");
}

/* A unit that tells ever another version fills no disk; what the row is, but for its version, is still told. */
static void
test_versions(Folder *folder, gconstpointer data)
{
    static const gint64 versions[] = {0, 4, 4, 5, 6, 7}; /* the 998th to the 1003rd */
    pass_units(folder->path, 2);
    KlActivationTable *table = open_table(folder->path);
    boot_units(table);
    g_autoptr(KlActivationEngine) engine =
        make_engine(&(KlActivationParts){.rules = {.connections_alarm = 100}, .table = table});
    set_total(folder->path, "version", 997);
    for (gsize i = 0; i < G_N_ELEMENTS(versions); i++) {
        g_autofree char *payload = g_strdup_printf("{\"version\":%" G_GINT64_FORMAT "}", versions[i]);
        assert_handled(engine, VERSION, payload, "version: ");
    }
    assert_sql(folder->path,
               "SELECT group_concat((body ->> '$.data.total') || coalesce('/' || (body ->> '$.data.version'), ''), ' ')"
               " FROM audit_events WHERE body ->> '$.data.message.verdict' = 'version'",
               "1/7 998/0 999/4 1000");
    assert_verified(folder->path, "");
    set_total(folder->path, "counted", 99);
    assert_handled(engine, REQUEST, "", "counted: "); /* a later event does not tell it either */
    assert_handled(engine, VERSION, "{\"version\":8}", "version: ");
    kl_activation_table_free(table);
    assert_row(folder->path, "ok|8|16");
    assert_verified(folder->path, "");
    g_free(sqlite(folder->path, "UPDATE registration SET firmware = 'x' WHERE device = '" DEVICE "'"));
    assert_verified(folder->path, "altered registration " DEVICE);
}

/* A row that is provisioned anew after that is what the last register event says. */
static void
test_anew(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, 2);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    boot_units(table);
    g_autoptr(GBytes) csr = g_bytes_new_static("csr of then", 11), next = g_bytes_new_static("csr of now", 10);
    g_auto(KlActivationCredential) then = {0}, late = {0}, now = {0};
    g_autofree char *kept = NULL, *lost = NULL;
    g_assert_true(claim_device(table, "a", csr, FALSE, NOW, &then));
    g_assert_true(CALL(table, issued, DEVICE, csr, "PEM of then", &kept, NULL, NULL));

    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 1);
    run.reprovision = "board was replaced";
    g_assert_true(job_run_calls(&run, N_JOB_CALLS, NULL));
    assert_row(folder->path, "false|0|0");
    assert_sql(folder->path, "SELECT count(*) FROM activation_credentials", "0");
    assert_sql(folder->path, "SELECT device FROM activation_messages UNION SELECT device FROM activation_seen",
               "FX30-000002");
    assert_sql(folder->path, "SELECT total FROM activation_counts WHERE device = '" DEVICE "' AND verdict = 'counted'",
               "15");
    assert_verified(folder->path, "");

    /* a service that did not know yet claims for the unit as it was, and gets a certificate much later */
    g_assert_true(claim_device(table, "a", csr, FALSE, NOW, &late));
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    assert_handled(engine, REQUEST, "{\"id\":\"1\"}", "answered: " ANSWER); /* its id is new again, too */
    assert_row(folder->path, "requested|0|0");
    g_assert_true(claim_device(table, "b", next, FALSE, NOW, &now));
    g_assert_true(now.mine && now.pem == NULL && g_bytes_equal(now.csr, next));
    g_autoptr(GError) error = NULL;
    g_assert_false(CALL(table, issued, DEVICE, csr, "PEM of then", &lost, NULL, &error));
    assert_code(error, ACTIVATION_BUSY);
    g_assert_true(CALL(table, issued, DEVICE, next, "PEM of now", &lost, NULL, NULL));
    g_assert_cmpstr(lost, ==, "PEM of now");
    assert_sql(folder->path, "SELECT count(*) FROM audit_events WHERE type = 'credential'", "2");
    assert_verified(folder->path, "");
}

/* --- seals --- */

/* The folder of a seal; the caller gives it to remove_seal(). */
static KlSeal *
make_seal(char **dir)
{
    *dir = g_dir_make_tmp("keyline-seal-XXXXXX", NULL);
    g_autoptr(GError) error = NULL;
    kl_seal_make(*dir, STATION, NOW / G_USEC_PER_SEC, &error);
    g_assert_no_error(error);
    KlSeal *seal = kl_seal_open(*dir, "file", &error);
    g_assert_no_error(error);
    return seal;
}

static void
remove_seal(char *dir)
{
    const char *const argv[] = {"rm", "-rf", dir, NULL};
    g_free(output_of(argv));
    g_free(dir);
}

static KlActivationTable *
open_sealed(const char *path, KlSeal *seal)
{
    g_autoptr(GError) error = NULL;
    KlActivationTable *table = kl_activation_sqlite_open(path, seal, STATION, &error);
    g_assert_no_error(error);
    return table;
}

#define SIGNED "SELECT count(*) FROM audit_checkpoints WHERE body ->> '$.reason' = 'count'"

/* All but one of the events that are signed together, in one transaction; and that one, by a message. */
static void
tell_many(const char *path, KlActivationTable *table, guint version)
{
    g_autoptr(GError) error = NULL;
    sqlite3 *db = kl_database_open(path, FALSE, &error);
    g_assert_no_error(error);
    g_assert_true(kl_database_exec(db, "BEGIN IMMEDIATE", NULL));
    for (guint i = 1; i < KL_AUDIT_CHECKPOINT_EVERY; i++)
        g_assert_true(kl_audit_append(db, "doctor", NULL, NULL, "{\"findings\":[]}", NULL));
    g_assert_true(kl_database_exec(db, "COMMIT", NULL));
    kl_database_close(db);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    g_autofree char *payload = g_strdup_printf("{\"version\":%u}", version);
    assert_handled(engine, VERSION, payload, "version: ");
}

/* Checkpoints come from the service, too; not any more once the station has another seal. */
static void
test_seals(Folder *folder, gconstpointer data)
{
    char *dir = NULL, *other = NULL;
    pass_units(folder->path, 1);
    g_autoptr(KlSeal) seal = make_seal(&dir), next = make_seal(&other);
    g_autoptr(KlActivationTable) table = open_sealed(folder->path, seal);
    assert_sql(folder->path, "SELECT count(*) FROM audit_events WHERE type = 'audit-key'", "1");
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    assert_handled(engine, REQUEST, "", "answered: " ANSWER);
    assert_handled(engine, CONFIRM, "", "activated: ");
    tell_many(folder->path, table, 1);
    assert_sql(folder->path, SIGNED, "1");
    assert_verified(folder->path, "");

    g_autoptr(KlStore) store = open_store(folder->path);
    g_assert_true(CALL(store, use_seal, next, STATION, NULL));
    tell_many(folder->path, table, 2);
    assert_sql(folder->path, SIGNED, "1");
    g_assert_true(CALL(store, note, "doctor", "{\"findings\":[]}", NULL));
    assert_sql(folder->path, SIGNED, "2");
    assert_verified(folder->path, "");
    remove_seal(dir);
    remove_seal(other);
}

/* --- the station's own program at the same time --- */

#define OTHERS 4   /* units that the other program provisions */
#define OWN 8      /* units that boot */
#define ASKS 8     /* how often each asks once more */
#define TOGETHER 4 /* threads */

static int
child(const char *path, const char *dir)
{
    g_autoptr(KlSeal) seal = kl_seal_open(dir, "file", NULL);
    g_autoptr(KlStore) store = open_store(path);
    g_assert_true(CALL(store, use_seal, seal, STATION, NULL));
    g_assert_cmpint(write(STDOUT_FILENO, "r", 1), ==, 1);
    for (guint i = 1; i <= OTHERS; i++)
        g_free(pass_unit(store, OWN + i));
    g_assert_true(CALL(store, checkpoint, "request", NULL, NULL));
    return 0;
}

typedef struct {
    KlActivationEngine *engine;
    guint number;
} Booter;

static void *
boot(void *data)
{
    const Booter *booter = data;
    for (guint unit = 1 + booter->number; unit <= OWN; unit += TOGETHER) {
        g_autofree char *request = g_strdup_printf("bs/device/FX30-%06u/register/request", unit);
        g_autofree char *confirm = g_strdup_printf("bs/device/FX30-%06u/register/ok", unit);
        g_free(handle(booter->engine, request, ""));
        g_free(handle(booter->engine, confirm, ""));
        for (guint i = 0; i < ASKS; i++)
            g_free(handle(booter->engine, request, ""));
    }
    return NULL;
}

static void
test_two_programs(Folder *folder, gconstpointer data)
{
    char *dir = NULL;
    pass_units(folder->path, OWN);
    g_autoptr(KlSeal) seal = make_seal(&dir);
    g_autoptr(KlActivationTable) table = open_sealed(folder->path, seal);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    const char *argv[] = {program, "--child", folder->path, dir, NULL};
    GPid pid = 0;
    int status = -1, out = -1;
    char ready = 0;
    g_assert_true(g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL,
                                           &out, NULL, NULL));
    g_assert_cmpint(read(out, &ready, 1), ==, 1);
    pthread_t threads[TOGETHER];
    Booter booters[TOGETHER];
    for (guint i = 0; i < TOGETHER; i++) {
        booters[i] = (Booter){engine, i};
        g_assert_cmpint(pthread_create(&threads[i], NULL, boot, &booters[i]), ==, 0);
    }
    for (guint i = 0; i < TOGETHER; i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_spawn_close_pid(pid);
    close(out);
    g_assert_cmpint(status, ==, 0);
    assert_sql(folder->path, "SELECT registered, count(*) FROM registration GROUP BY 1 ORDER BY 1", "false|4\nok|8");
    assert_sql(folder->path, "SELECT count(*) FROM audit_events WHERE type = 'activation'", "80");
    assert_sql(folder->path, "SELECT sum(connections) FROM registration", "64");
    assert_sql(folder->path, "SELECT count(*) FROM audit_events WHERE type = 'audit-key'", "1");
    assert_verified(folder->path, "");
    check_journal(folder->path);
    remove_seal(dir);
}

static const FolderTest tests[] = {
    {"/activation-journal/told", test_told},
    {"/activation-journal/rows", test_rows},
    {"/activation-journal/again", test_again},
    {"/activation-journal/versions", test_versions},
    {"/activation-journal/anew", test_anew},
    {"/activation-journal/seals", test_seals},
    {"/activation-journal/two-programs", test_two_programs},
};

int
main(int argc, char **argv)
{
    if (argc == 4 && g_str_equal(argv[1], "--child"))
        return child(argv[2], argv[3]);
    if (argc == 3 && g_str_equal(argv[1], "--verify"))
        return verify(argv[2]);
    program = argv[0];
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
