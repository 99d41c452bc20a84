/* Closing a period: what is in the signed archive leaves the database, nothing else does, and chain, proofs and exports
 * go on. On a whole station with its real seal; the sqlite3 program and the verifier look at what is left. */
#include "certs/seal.h"
#include "db/audit_period.h"
#include "db/audit_verify.h"
#include "db/database.h"
#include "db/trace.h"
#include "station/station.h"
#include "station/station_audit.h"
#include "station/station_backup.h"
#include "store-fixture.h"
#include "tests/cli_rig.h"

typedef struct {
    char *parent;
    char *dir;
    char *database;
    char *archive;
} Place;

static void
set_up(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    place->parent = g_dir_make_tmp("keyline-period-XXXXXX", NULL);
    place->dir = g_build_filename(place->parent, "station", NULL);
    place->database = g_build_filename(place->dir, "keyline.db", NULL);
    place->archive = g_build_filename(place->parent, "archive.tar", NULL);
    kl_station_setup(place->dir, "north", NULL, &error);
    g_assert_no_error(error);
}

static void
tear_down(Place *place, gconstpointer data)
{
    remove_tree(place->parent);
    g_free(place->parent);
    g_free(place->dir);
    g_free(place->database);
    g_free(place->archive);
}

/* A shift: its end signs a checkpoint. left_open: the last unit is broken off with its key intent open. */
static void
work(const Place *place, guint first, guint last, gboolean left_open)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStation) station = kl_station_open(place->dir, KL_STATION_RUN, NULL, &error);
    g_assert_no_error(error);
    KlStore *store = kl_station_store(station);
    for (guint n = first; n <= last; n++)
        g_free(pass_unit(store, n));
    if (!left_open)
        return;
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, last + 1);
    g_assert_true(job_run_calls(&run, 5, &error));
    g_ptr_array_add(run.record->steps, make_step("key", 1, KL_OUTCOME_TIMEOUT, "NO_ANSWER"));
    settle(run.record, KL_OUTCOME_TIMEOUT, "NO_ANSWER");
    g_assert_true(CALL(store, job_end, run.record, &error));
    g_assert_no_error(error);
}

static void
close_before(const Place *place, gint64 before_us, const char *path, KlStationClosed *closed)
{
    g_autoptr(GError) error = NULL;
    kl_station_audit_close(place->dir, before_us, path, closed, &error);
    g_assert_no_error(error);
}

static void
assert_whole(const char *path)
{
    g_autoptr(GError) error = NULL;
    const KlAuditVerify options = {.checks = &kl_seal_checks};
    g_autoptr(KlAuditReport) report = kl_audit_verify(path, &options, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < report->findings->len; i++) {
        const KlAuditFinding *finding = report->findings->pdata[i];
        g_test_message("%s: %s: %s", path, finding->where, finding->words);
    }
    g_assert_true(kl_audit_report_whole(report));
    g_autofree char *script = g_test_build_filename(G_TEST_DIST, "audit_verify.py", NULL);
    const char *const argv[] = {"python3", script, path, NULL};
    g_auto(Run) python = run_argv(argv);
    g_assert_cmpstr(python.out, ==, "whole\n");
    g_assert_cmpint(python.code, ==, 0);
}

/* What python finds in the archive: jobs that ended, their transcripts as the database had them. */
static void
assert_transcripts(const char *archive, const char *database, const char *jobs)
{
    static const char script[] = "import json, sqlite3, sys, tarfile\n"
                                 "tar = tarfile.open(sys.argv[1])\n"
                                 "name = next(n for n in tar.getnames() if n.endswith('/transcripts.jsonl'))\n"
                                 "lines = [json.loads(line) for line in tar.extractfile(name)]\n"
                                 "db = sqlite3.connect(sys.argv[2])\n"
                                 "kept = dict(db.execute('SELECT job, text FROM transcripts'))\n"
                                 "assert all(kept[line['job']] == line['text'] for line in lines)\n"
                                 "print(len(lines), end='')\n";
    const char *const argv[] = {"python3", "-c", script, archive, database, NULL};
    g_auto(Run) python = run_argv(argv);
    g_assert_cmpstr(python.err, ==, "");
    g_assert_cmpstr(python.out, ==, jobs);
}

static void
test_close(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_auto(KlStationClosed) closed = {0};
    work(place, 1, 3, TRUE);
    gint64 midnight_us = g_get_real_time();
    work(place, 5, 6, FALSE);
    g_autofree char *kept =
        sqlite(place->database, "SELECT id, outcome, certificate FROM jobs; SELECT * FROM units; SELECT sha256 FROM"
                                " certificates; SELECT * FROM keys");
    g_autofree char *wanted = g_strdup_printf("SELECT max(n) FROM audit_checkpoints WHERE n < (SELECT min(n) FROM "
                                              "audit_events WHERE time_us >= %" G_GINT64_FORMAT ")",
                                              midnight_us);
    g_autofree char *through = sqlite(place->database, wanted);

    g_autofree char *before = g_build_filename(place->parent, "before.db", NULL);
    g_autofree char *vacuum = g_strdup_printf("VACUUM INTO '%s'", before);
    g_free(sqlite(place->database, vacuum));
    close_before(place, midnight_us, place->archive, &closed);
    assert_transcripts(place->archive, before, "3");
    g_assert_cmpuint(closed.through, ==, g_ascii_strtoull(through, NULL, 10));
    g_assert_cmpuint(closed.first, ==, 1);
    g_assert_cmpuint(closed.jobs, ==, 3); /* not the one that left its key open */
    assert_whole(place->archive);
    assert_whole(place->database);
    assert_sql(place->database, "PRAGMA integrity_check; PRAGMA foreign_key_check", "ok");
    g_autofree char *same =
        sqlite(place->database, "SELECT id, outcome, certificate FROM jobs; SELECT * FROM units; SELECT sha256 FROM"
                                " certificates; SELECT * FROM keys");
    g_assert_cmpstr(same, ==, kept);
    assert_sql(place->database, "SELECT min(n) = (SELECT max(through) + 1 FROM audit_periods) FROM audit_events", "1");
    assert_sql(place->database,
               "SELECT group_concat(substr(unit, 14), ' ') FROM (SELECT DISTINCT unit FROM steps JOIN jobs"
               " ON id = job ORDER BY unit)",
               "04 05 06");
    assert_sql(place->database, "SELECT count(*) FROM transcripts", "2");
    assert_sql(place->database, "SELECT type FROM audit_events WHERE type IN ('period-closed', 'audit-key') ORDER BY n",
               "period-closed\naudit-key");
    g_autofree char *manifest = sqlite(place->database, "SELECT manifest_sha256 || ' ' || archive FROM audit_periods");
    g_autofree char *said = g_strdup_printf("%s archive.tar", closed.manifest_sha256);
    g_assert_cmpstr(manifest, ==, said);

    /* Another shift, another period, and what still leaves the station. */
    g_auto(KlStationClosed) second = {0};
    g_auto(KlStationExported) exported = {0}, proved = {0};
    g_autofree char *export = g_build_filename(place->parent, "export", NULL);
    g_autofree char *proof = g_build_filename(place->parent, "proof.json", NULL);
    g_autofree char *archive = g_build_filename(place->parent, "archive2.tar", NULL);
    work(place, 7, 8, FALSE);
    const KlAuditRequest request = {.identifier = "FSN00000005"};
    kl_station_audit_export(place->dir, &request, "export", export, NULL, &exported, &error);
    g_assert_no_error(error);
    kl_station_audit_prove(place->dir, "FSN00000008", proof, &proved, &error);
    g_assert_no_error(error);
    assert_whole(export);
    assert_whole(proof);
    close_before(place, g_get_real_time() + G_TIME_SPAN_DAY, archive, &second);
    g_assert_cmpuint(second.first, ==, closed.through + 1);
    assert_whole(archive);
    assert_whole(place->database);
    work(place, 9, 9, FALSE);
    assert_whole(place->database);
}

/* Of a unit whose steps went away, trace names the archive; of a later one it does not. */
static void
test_trace(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_auto(KlStationClosed) closed = {0};
    work(place, 1, 1, FALSE);
    gint64 midnight_us = g_get_real_time();
    work(place, 2, 2, FALSE);
    close_before(place, midnight_us, place->archive, &closed);
    g_autoptr(sqlite3) db = kl_database_open(place->database, TRUE, &error);
    g_autoptr(GPtrArray) first = kl_trace(db, "FSN00000001", &error), second = kl_trace(db, "FSN00000002", &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(((KlTraceUnit *)first->pdata[0])->archives, "archive.tar"));
    g_assert_cmpstr(((KlTraceUnit *)second->pdata[0])->archives, ==, "[]");

    /* It was done before the first period was closed, and goes with the second. */
    g_auto(KlStationClosed) later = {0};
    g_autofree char *archive = g_build_filename(place->parent, "second.tar", NULL);
    kl_database_close(g_steal_pointer(&db));
    close_before(place, g_get_real_time() + G_TIME_SPAN_DAY, archive, &later);
    db = kl_database_open(place->database, TRUE, &error);
    g_autoptr(GPtrArray) pruned = kl_trace(db, "FSN00000002", &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(((KlTraceUnit *)pruned->pdata[0])->archives, "second.tar"));
}

/* Nothing goes that is not in an archive that proved right. */
static void
test_refused(Place *place, gconstpointer data)
{
    g_autoptr(GError) nothing = NULL, name = NULL, altered = NULL, busy = NULL;
    g_auto(KlStationClosed) closed = {0};
    g_assert_false(kl_station_audit_close(place->dir, 1, place->archive, &closed, &nothing));
    assert_code(nothing, PERIOD_EMPTY);
    g_assert_false(g_file_test(place->archive, G_FILE_TEST_EXISTS));
    g_assert_false(kl_station_audit_close(place->dir, G_MAXINT64, "archive", &closed, &name));
    assert_code(name, USAGE);
    work(place, 1, 2, FALSE);
    g_autofree char *events = sqlite(place->database, "SELECT count(*) FROM audit_events WHERE n <= 20");
    g_free(sqlite(place->database,
                  "DROP TRIGGER audit_events_never_change;"
                  "UPDATE audit_events SET body = replace(body, 'fx30s', 'fx31s') WHERE type = 'job-begin'"));
    g_assert_false(kl_station_audit_close(place->dir, g_get_real_time(), place->archive, &closed, &altered));
    g_assert_nonnull(altered);
    g_test_message("%s", altered->message);
    assert_sql(place->database, "SELECT count(*) FROM audit_events WHERE n <= 20", events);
    assert_sql(place->database, "SELECT count(*) FROM audit_periods", "0");
    assert_sql(place->database, "SELECT count(*) FROM transcripts", "2");
    g_autoptr(KlStation) running = kl_station_open(place->dir, KL_STATION_RUN, NULL, &busy);
    g_assert_no_error(busy);
    g_assert_false(kl_station_audit_close(place->dir, g_get_real_time(), place->archive, &closed, &busy));
    assert_code(busy, STATION_BUSY);
}

/* Killed between archive and database: the same words again take the archive that is there, when it is that; what is
 * anything else stays, and nothing goes. */
static void
test_again(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL, foreign = NULL, partly = NULL;
    g_auto(KlStationClosed) closed = {0}, nothing = {0};
    g_autofree char *database = NULL, *manifest = NULL;
    gsize length = 0;
    work(place, 1, 3, FALSE);
    gint64 now_us = g_get_real_time();
    g_assert_true(g_file_get_contents(place->database, &database, &length, NULL));
    close_before(place, now_us, place->archive, &nothing);
    g_assert_true(g_file_set_contents(place->database, database, (gssize)length, NULL)); /* as it was before */

    /* An export with the period's first and last event, and not all between, is no archive. */
    g_autofree char *part = g_build_filename(place->parent, "part.tar", NULL),
                    *other = g_build_filename(place->parent, "other.tar", NULL);
    g_assert_true(g_file_set_contents(other, "mine", -1, NULL));
    g_assert_false(kl_station_audit_close(place->dir, now_us, other, &(KlStationClosed){0}, &foreign));
    assert_code(foreign, EXPORT_EXISTS);
    const KlAuditRequest request = {.identifier = "FSN00000002"};
    g_auto(KlStationExported) exported = {0};
    g_assert_true(kl_station_audit_export(place->dir, &request, "export", part, NULL, &exported, &error));
    g_assert_false(kl_station_audit_close(place->dir, g_get_real_time(), part, &(KlStationClosed){0}, &partly));
    assert_code(partly, EXPORT_EXISTS);
    assert_sql(place->database, "SELECT count(*) FROM audit_periods", "0");
    assert_sql(place->database, "SELECT count(*) FROM transcripts", "3");

    close_before(place, now_us, place->archive, &closed);
    g_assert_cmpstr(closed.manifest_sha256, ==, nothing.manifest_sha256);
    assert_sql(place->database, "SELECT count(*) FROM transcripts", "0");
    manifest = sqlite(place->database, "SELECT manifest_sha256 FROM audit_periods");
    g_assert_cmpstr(manifest, ==, nothing.manifest_sha256);
    assert_whole(place->database);
    assert_whole(place->archive);
}

/* Also with an archive that says what the database says, the events must lead to its checkpoint. */
static void
test_recomputed(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_auto(KlAuditPeriod) period = {0};
    KlAuditPruned pruned;
    work(place, 1, 2, FALSE);
    g_free(sqlite(place->database,
                  "DROP TRIGGER audit_events_never_change;"
                  "UPDATE audit_events SET body = replace(body, 'fx30s', 'fx31s') WHERE type = 'job-begin'"));
    g_autoptr(KlStore) store = open_store(place->database);
    g_assert_true(kl_audit_period_find(place->database, g_get_real_time(), &period, &error));
    g_autofree char *manifest = sha256_of("manifest");
    g_assert_false(kl_audit_period_close(store, &period, manifest, "a.tar", &pruned, &error));
    assert_code(error, AUDIT_BROKEN);
    assert_sql(place->database, "SELECT count(*) FROM audit_periods", "0");
}

/* What the schema itself refuses, and what it lets pass, whatever program asks. */
static void
test_triggers(Place *place, gconstpointer data)
{
#define PERIOD(through, hash)                                                                                          \
    "INSERT INTO audit_periods (through, hash, frontier, manifest_sha256, closed_us) SELECT n, " hash                  \
    ", zeroblob(32), printf('%064d', 0), 1 FROM audit_events WHERE n = " through "; "
#define LAST "(SELECT max(n) FROM audit_checkpoints)"
    static const struct {
        const char *sql;
        gboolean allowed;
    } cases[] = {
        {"DELETE FROM steps", FALSE},
        {"DELETE FROM transcripts", FALSE},
        {"DELETE FROM audit_events WHERE n = 1", FALSE},
        {"UPDATE steps SET detail = 'x'", FALSE},
        {"UPDATE transcripts SET text = 'x'", FALSE},
        {PERIOD(LAST " - 1", "hash"), FALSE},
        {PERIOD(LAST, "zeroblob(32)"), FALSE},
        {PERIOD(LAST, "hash") PERIOD(LAST, "hash"), FALSE},
        {PERIOD(LAST, "hash") "DELETE FROM audit_events WHERE n > " LAST, FALSE},
        {PERIOD(LAST, "hash") "DELETE FROM jobs", FALSE},
        {PERIOD(LAST, "hash") "DELETE FROM certificates", FALSE},
        {PERIOD(LAST, "hash") "DELETE FROM keys", FALSE},
        {PERIOD(LAST, "hash") "UPDATE audit_periods SET archive = 'x'", FALSE},
        {PERIOD(LAST, "hash") "DELETE FROM audit_periods", FALSE},
        {PERIOD(LAST, "hash") "DELETE FROM audit_events WHERE n <= " LAST "; DELETE FROM steps", FALSE},
        {PERIOD(LAST, "hash") "DELETE FROM steps WHERE job = (SELECT job FROM intents WHERE closed_us IS NULL)", FALSE},
        {PERIOD(LAST, "hash") "DELETE FROM steps WHERE job IN (SELECT id FROM jobs WHERE outcome = 'PASS')", TRUE},
        {PERIOD(LAST, "hash") "DELETE FROM transcripts; DELETE FROM audit_events WHERE n <= " LAST, TRUE},
    };
    work(place, 1, 1, TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *failure = NULL;
        g_autofree char *sql = g_strdup_printf("BEGIN; %s; ROLLBACK", cases[i].sql);
        g_free(sqlite_program(place->database, sql, &failure));
        g_test_message("%s: %s", cases[i].sql, failure != NULL ? failure : "allowed");
        g_assert_true((failure == NULL) == cases[i].allowed);
    }
}

/* A job under way when the period is to be closed ends it before its first event. */
static void
test_running_job(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_auto(KlAuditPeriod) period = {0};
    work(place, 1, 1, FALSE);
    g_autofree char *before = sqlite(place->database, "SELECT max(n) FROM audit_checkpoints");
    g_autoptr(KlStation) station = kl_station_open(place->dir, KL_STATION_RUN, NULL, &error);
    KlStore *store = kl_station_store(station);
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 2);
    g_assert_true(job_run_calls(&run, 2, &error));
    g_assert_true(CALL(store, checkpoint, "request", NULL, &error));
    g_assert_true(kl_audit_period_find(place->database, G_MAXINT64, &period, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(period.through, ==, g_ascii_strtoull(before, NULL, 10));
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*function)(Place *place, gconstpointer data);
    } tests[] = {
        {"/period/close", test_close},       {"/period/trace", test_trace},
        {"/period/refused", test_refused},   {"/period/recomputed", test_recomputed},
        {"/period/triggers", test_triggers}, {"/period/running-job", test_running_job},
        {"/period/again", test_again},
    };
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Place, NULL, set_up, tests[i].function, tear_down);
    return g_test_run();
}
