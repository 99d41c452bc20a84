/* A unit's life by any of its numbers. */
#include "db/trace.h"
#include "tests/traced_units.h"

static GPtrArray *
trace(const char *path, const char *identifier)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sqlite3) db = reader(path);
    GPtrArray *units = kl_trace(db, identifier, &error);
    g_assert_no_error(error);
    return units;
}

/* Every number of unit 7 leads to it and to nobody else; the numbers are read by the sqlite3 program. */
static void
test_identifiers(Folder *folder, gconstpointer data)
{
#define UNIT_7 "(SELECT imei FROM units WHERE fsn = 'FSN00000007')"
    static const char *const questions[] = {
        "SELECT imei FROM units WHERE fsn = 'FSN00000007'",
        "SELECT fsn FROM units WHERE fsn = 'FSN00000007'",
        "SELECT lower(fsn) FROM units WHERE fsn = 'FSN00000007'",
        "SELECT device_id FROM units WHERE fsn = 'FSN00000007'",
        "SELECT sha256 FROM certificates WHERE imei = " UNIT_7,
        "SELECT upper(sha256) FROM certificates WHERE imei = " UNIT_7,
        "SELECT substr(sha256, 1, 16) FROM certificates WHERE imei = " UNIT_7,
        "SELECT substr(sha256, 1, 2) || ':' || substr(sha256, 3) FROM certificates WHERE imei = " UNIT_7,
        "SELECT serial FROM certificates WHERE imei = " UNIT_7,
        "SELECT spki_sha256 FROM keys WHERE imei = " UNIT_7,
        "SELECT id FROM jobs WHERE unit = " UNIT_7,
        "SELECT substr(id, 1, 8) FROM jobs WHERE unit = " UNIT_7,
        "SELECT label FROM jobs WHERE unit = " UNIT_7,
    };
    make_units(folder->path);
    for (gsize i = 0; i < G_N_ELEMENTS(questions); i++) {
        g_autofree char *identifier = sqlite(folder->path, questions[i]);
        g_autoptr(GPtrArray) units = trace(folder->path, identifier);
        g_test_message("%s: %s", questions[i], identifier);
        g_assert_cmpuint(units->len, ==, 1);
        g_assert_cmpstr(((KlTraceUnit *)units->pdata[0])->fsn, ==, "FSN00000007");
        g_assert_nonnull(((KlTraceUnit *)units->pdata[0])->life);
    }
    g_autoptr(GPtrArray) batch = trace(folder->path, BATCH_A);
    g_autoptr(GPtrArray) beginning = trace(folder->path, "bbbbbbbb");
    g_assert_cmpuint(batch->len, ==, 3);
    g_assert_cmpuint(beginning->len, ==, 2);

    static const char *const unknown[] = {"nobody", "", "3500000", "bbbbbbb", "%", "' OR 1 --"};
    for (gsize i = 0; i < G_N_ELEMENTS(unknown); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(sqlite3) db = reader(folder->path);
        g_assert_null(kl_trace(db, unknown[i], &error));
        assert_code(error, RECORD_UNKNOWN);
    }
}

static guint
count_kind(const GPtrArray *life, const char *kind, const char *in_text)
{
    guint count = 0;
    for (guint i = 0; i < life->len; i++) {
        const KlTraceEntry *entry = life->pdata[i];
        count += strcmp(entry->kind, kind) == 0 && strstr(entry->text, in_text) != NULL;
    }
    return count;
}

/* All that the tables have of a unit is in its life, in the order of time: a failed job, a pass, a re-provisioning, a
 * revocation, an act about it, and the journal. */
static void
test_life(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) run = {0};
    {
        g_autoptr(KlStore) store = open_store(folder->path);
        g_free(pass(store, 2, BATCH_A, NULL, NULL, NULL));
        job_run_renew(&run, store, 1);
        g_assert_true(job_run_calls(&run, 3, &error));
        run.record->unit = kl_unit_copy(run.unit);
        g_ptr_array_add(run.record->steps, make_step("identify", 1, KL_OUTCOME_FAIL, "NO_AGENT"));
        settle(run.record, KL_OUTCOME_FAIL, "NO_AGENT");
        g_assert_true(CALL(store, job_end, run.record, &error));
        job_run_renew(&run, store, 1);
        g_assert_true(job_run_calls(&run, N_JOB_CALLS, &error));
        run.reprovision = "wrong key";
        job_run_renew(&run, store, 1);
        g_assert_true(job_run_calls(&run, N_JOB_CALLS, &error));
        g_assert_true(CALL(store, revoke, run.issued, "stolen", &error));
        const KlAct act = {.who = (char *)"sue",
                           .role = (char *)"supervisor",
                           .what = (char *)"reprovision",
                           .subject = run.unit->imei,
                           .reason = (char *)"wrong key"};
        g_assert_true(CALL(store, add_act, &act, &error));
        g_assert_no_error(error);
    }
    g_autoptr(GPtrArray) units = trace(folder->path, run.unit->imei);
    const GPtrArray *life = ((KlTraceUnit *)units->pdata[0])->life;
    static const struct {
        const char *kind;
        const char *text;
        guint count;
    } wanted[] = {
        {"job", "begins", 3},
        {"end", "FAIL NO_AGENT", 1},
        {"end", ": PASS", 2},
        {"step", "identify FAIL", 1},
        {"step", "connect TIMEOUT", 2},
        {"step", "(attempt 2)", 2},
        {"key", "made", 2},
        {"key", "retired", 1},
        {"certificate", "issued by CN=test CA", 2},
        {"certificate", "superseded: wrong key", 1},
        {"certificate", "revoked: stolen", 1},
        {"act", "reprovision by sue (supervisor): wrong key", 1},
        {"journal", "job-end", 3},
        {"journal", "issue", 2},
        {"journal", "intent KEY", 2},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_test_message("%s %s", wanted[i].kind, wanted[i].text);
        g_assert_cmpuint(count_kind(life, wanted[i].kind, wanted[i].text), ==, wanted[i].count);
    }
    gint64 before = 0;
    for (guint i = 0; i < life->len; i++) {
        const KlTraceEntry *entry = life->pdata[i];
        g_assert_cmpint(entry->time_us, >=, before);
        before = entry->time_us;
    }
    g_autofree char *events = g_strdup_printf(
        "SELECT count(*) FROM audit_events WHERE imei = '%s' OR job IN (SELECT id FROM jobs WHERE imei = '%s')",
        run.unit->imei, run.unit->imei);
    g_autofree char *counted = sqlite(folder->path, events);
    g_assert_cmpuint(count_kind(life, "journal", ""), ==, g_ascii_strtoull(counted, NULL, 10));
}

int
main(int argc, char **argv)
{
    static const FolderTest tests[] = {
        {"/trace/identifiers", test_identifiers},
        {"/trace/life", test_life},
    };
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
