/* The journal as the store writes it: with what it tells or not at all, sealed in time, and never gone on from where it
 * was not left. */
#include "station/canonical.h"
#include "tests/journal_check.h"
#include "tests/store-fixture.h"

#define TYPES "SELECT group_concat(type, ' ') FROM (SELECT type FROM audit_events ORDER BY n)"

/* --- a seal that needs no key --- */

typedef struct {
    KlSeal base;
    const char *name;
    gboolean broken;
    guint signatures;
} FakeSeal;

static const char *
fake_text(KlSeal *seal)
{
    return ((FakeSeal *)seal)->name;
}

static char *
fake_sign(KlSeal *seal, const char *bytes, gsize length, GError **error)
{
    FakeSeal *self = (FakeSeal *)seal;
    if (self->broken) {
        kl_fail(error, KL_ERROR_TOKEN_FAILED, "pulled out");
        return NULL;
    }
    self->signatures++;
    return sha256_of("%s signs %.*s", self->name, (int)length, bytes);
}

static const KlSealClass fake_class = {.certificate = fake_text, .fingerprint = fake_text, .sign = fake_sign};

#define FAKE_SEAL(called) ((FakeSeal){.base = {&fake_class}, .name = (called)})

static void
note(KlStore *store, const char *type, guint times)
{
    g_autoptr(GError) error = NULL;
    while (times-- > 0) {
        g_assert_true(CALL(store, note, type, "{}", &error));
        g_assert_no_error(error);
    }
}

/* --- events --- */

static void
test_a_unit(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autofree char *id = pass_unit(store, 1);
    assert_sql(folder->path, TYPES,
               "journal-begin job-begin unit device-id intent key intent issue register intent job-end");
    check_journal(folder->path);

    g_autofree char *sha256 = sqlite(folder->path, "SELECT sha256 FROM certificates");
    const KlAct act = {.who = (char *)"eve", .role = (char *)"operator", .what = (char *)"sign-on"};
    g_assert_true(CALL(store, revoke, sha256, "lost", &error));
    g_assert_true(CALL(store, revoke, sha256, "again", &error));
    g_assert_true(CALL(store, add_act, &act, &error));
    g_assert_no_error(error);
    g_autofree char *told = g_strdup_printf("%s|lost|350000000000001", sha256);
    assert_sql(folder->path,
               "SELECT body ->> '$.data.certificate_sha256', body ->> '$.data.reason', imei FROM audit_events"
               " WHERE type = 'revoke'",
               told);
    assert_sql(folder->path, "SELECT body ->> '$.data.who' FROM audit_events WHERE type = 'act'", "eve");
    assert_sql(folder->path,
               "SELECT count(DISTINCT body ->> '$.salt'), min(length(body ->> '$.salt')) FROM"
               " audit_events",
               "13|32");
    check_journal(folder->path);
}

/* A record in which nothing is left out and every flag is up. */
static void
test_full_record(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 1);
    run.record->batch = g_uuid_string_random();
    run.record->operator_id = g_strdup("Ann \"é\"");
    run.record->work_order = g_strdup("WO\\1\n");
    run.record->label = g_strdup("label");
    run.record->reprovision_reason = g_strdup("why");
    run.record->resumed = run.record->already_provisioned = run.record->row_queued = TRUE;
    g_assert_true(job_run_calls(&run, N_JOB_CALLS, &error));
    assert_sql(folder->path,
               "SELECT body ->> '$.data.record.resumed', body ->> '$.data.record.already_provisioned',"
               " body ->> '$.data.record.row_queued', body ->> '$.data.record.operator',"
               " (SELECT count(*) FROM json_each(body, '$.data.record')) FROM audit_events WHERE type = 'job-end'",
               "1|1|1|Ann \"é\"|27");
    check_journal(folder->path);
}

/* Whatever a call refuses leaves no event; a refusal that is kept is told. */
static void
test_refusals(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) run = {0}, other = {0};
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, 7, NULL));
    g_autofree char *before = sqlite(folder->path, TYPES);
    g_assert_false(CALL(store, job_begin, run.record, NULL)); /* the same id again */
    g_assert_false(CALL(store, intent, "no such job", run.unit->imei, KL_INTENT_LOCK, "k", NULL));
    g_assert_false(CALL(store, revoke, "0000", "none", NULL));
    assert_sql(folder->path, TYPES, before);

    job_run_renew(&other, store, 2);
    g_assert_true(job_run_calls(&other, 2, NULL));
    g_assert_false(CALL(store, key_made, other.record->id, other.unit->imei, run.key, "iks", NULL));
    assert_sql(folder->path,
               "SELECT imei, body ->> '$.data.collides_with' FROM audit_events WHERE type = 'key' ORDER BY n",
               "350000000000001|\n350000000000002|350000000000001");
    guint count = 0;
    g_assert_true(CALL(store, interrupt_running, &count, NULL));
    g_assert_cmpuint(count, ==, 2);
    assert_sql(folder->path,
               "SELECT body ->> '$.data.record.code' FROM audit_events WHERE type = 'job-end'"
               " AND body ->> '$.data.transcript_sha256' IS NULL",
               "INTERRUPTED\nINTERRUPTED");
    check_journal(folder->path);
}

/* --- checkpoints --- */

static void
test_checkpoints(Folder *folder, gconstpointer data)
{
    FakeSeal seal = FAKE_SEAL("one"), second = FAKE_SEAL("two");
    g_autoptr(GError) error = NULL;
    g_autofree char *line = NULL, *again = NULL, *later = NULL;
    g_autoptr(KlStore) store = open_store(folder->path);
    g_assert_false(CALL(store, checkpoint, "request", NULL, &error));
    assert_code(error, SEAL_MISSING);
    g_clear_error(&error);

    g_assert_true(CALL(store, use_seal, &seal.base, "Line 1", &error));
    g_assert_true(CALL(store, use_seal, &seal.base, "Line 1", &error));
    assert_sql(folder->path, TYPES, "journal-begin audit-key");
    g_assert_true(CALL(store, checkpoint, "export", &line, &error));
    g_assert_true(CALL(store, checkpoint, "request", &again, &error));
    g_assert_cmpstr(line, ==, again);
    assert_sql(folder->path, TYPES, "journal-begin audit-key checkpoint");
    assert_sql(folder->path, "SELECT json_object('body', body, 'signature', signature) FROM audit_checkpoints", line);
    assert_sql(folder->path,
               "SELECT body ->> '$.n', body ->> '$.reason', body ->> '$.station', body ->> '$.certificate_sha256',"
               " body ->> '$.hash' = (SELECT lower(hex(hash)) FROM audit_events WHERE n = 2),"
               " body ->> '$.journal' = (SELECT journal FROM audit_head) FROM audit_checkpoints",
               "2|export|Line 1|one|1|1");

    g_assert_true(CALL(store, use_seal, &second.base, "Line 1", &error));
    g_assert_true(CALL(store, checkpoint, "request", &later, &error));
    g_assert_cmpstr(line, !=, later);
    assert_sql(folder->path, "SELECT body ->> '$.data.reason' NOT NULL FROM audit_events WHERE type = 'audit-key'",
               "0\n1");
    g_assert_cmpuint(seal.signatures, ==, 1);
    g_assert_cmpuint(second.signatures, ==, 1);
    check_journal(folder->path);
}

static void
test_in_time(Folder *folder, gconstpointer data)
{
    FakeSeal seal = FAKE_SEAL("one");
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStore) store = open_store(folder->path);
    g_assert_true(CALL(store, use_seal, &seal.base, "s", &error));
    note(store, "x", KL_AUDIT_CHECKPOINT_EVERY - 3);
    assert_sql(folder->path, "SELECT count(*) FROM audit_checkpoints", "0");
    note(store, "x", 1);
    assert_sql(folder->path, "SELECT n, body ->> '$.reason' FROM audit_checkpoints", "1000|count");
    note(store, "x", KL_AUDIT_CHECKPOINT_EVERY - 1);
    assert_sql(folder->path, "SELECT count(*) FROM audit_checkpoints", "1");

    /* What would go unsealed does not happen, and happens as soon as the seal works again. */
    seal.broken = TRUE;
    g_assert_false(CALL(store, note, "y", "{}", &error));
    assert_code(error, TOKEN_FAILED);
    g_autoptr(KlRecord) record = make_record(1);
    g_assert_false(CALL(store, job_begin, record, NULL));
    assert_sql(folder->path, "SELECT count(*) FROM jobs", "0");
    seal.broken = FALSE;
    note(store, "y", 1);
    assert_sql(folder->path, "SELECT n FROM audit_checkpoints", "1000\n2001");
    check_journal(folder->path);
}

/* A unit whose end falls where a checkpoint is due does not pass without it. */
static void
test_pass_unsealed(Folder *folder, gconstpointer data)
{
    FakeSeal seal = FAKE_SEAL("one");
    g_auto(JobRun) run = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStore) store = open_store(folder->path);
    g_assert_true(CALL(store, use_seal, &seal.base, "s", &error));
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, N_JOB_CALLS - 1, &error));
    g_autofree char *n = sqlite(folder->path, "SELECT n FROM audit_head");
    note(store, "x", KL_AUDIT_CHECKPOINT_EVERY - 1 - (guint)g_ascii_strtoull(n, NULL, 10));
    seal.broken = TRUE;
    g_assert_false(job_calls[N_JOB_CALLS - 1](&run, &error));
    assert_code(error, TOKEN_FAILED);
    assert_sql(folder->path, "SELECT outcome, (SELECT provisioned FROM units) FROM jobs", "RUNNING|0");
    assert_sql(folder->path, "SELECT max(n), max(type = 'job-end') FROM audit_events", "999|0");
    check_journal(folder->path);
}

/* --- a journal that is not as it was left --- */

typedef struct {
    const char *name;
    const char *sql;
} Damage;

#define DROP                                                                                                           \
    "DROP TRIGGER audit_events_stay; DROP TRIGGER audit_events_never_change;"                                          \
    "DROP TRIGGER audit_head_goes_on; DROP TRIGGER audit_head_stays; DROP TRIGGER audit_events_go_on;"

static const Damage damages[] = {
    {"/audit-journal/broken/last-gone", DROP "DELETE FROM audit_events WHERE n = (SELECT max(n) FROM audit_events)"},
    {"/audit-journal/broken/all-gone", DROP "DELETE FROM audit_events"},
    {"/audit-journal/broken/head-gone", DROP "DELETE FROM audit_head"},
    {"/audit-journal/broken/head-back", DROP "UPDATE audit_head SET n = n - 1"},
    {"/audit-journal/broken/head-hash", DROP "UPDATE audit_head SET hash = zeroblob(32)"},
    {"/audit-journal/broken/frontier", DROP "UPDATE audit_head SET frontier = zeroblob(0)"},
    {"/audit-journal/broken/journal", DROP "UPDATE audit_head SET journal = 'x'"},
    {"/audit-journal/broken/last-changed", DROP "UPDATE audit_events SET hash = zeroblob(32)"},
    {"/audit-journal/broken/added", DROP "INSERT INTO audit_events (n, type, time_us, body, hash)"
                                         " VALUES (99, 'x', 1, '{}', zeroblob(32))"},
};

static void
test_broken(Folder *folder, gconstpointer data)
{
    const Damage *damage = data;
    g_autoptr(GError) error = NULL, opening = NULL;
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autofree char *id = pass_unit(store, 1);
    g_free(sqlite(folder->path, damage->sql));
    g_autoptr(KlRecord) record = make_record(2);
    g_assert_false(CALL(store, job_begin, record, &error));
    assert_code(error, AUDIT_BROKEN);
    assert_sql(folder->path, "SELECT count(*) FROM jobs", "1");
    g_assert_null(kl_store_sqlite_open(folder->path, FALSE, &opening));
    assert_code(opening, AUDIT_BROKEN);
}

/* --- the clock --- */

typedef struct {
    const char *name;
    const char *sql;   /* what the journal remembers of the clock */
    const char *tells; /* by_us in seconds, or nothing */
} Clock;

#define AHEAD(seconds) DROP "UPDATE audit_head SET clock_us = clock_us + " #seconds " * 1000000"
#define BOOTED(seconds)                                                                                                \
    DROP "UPDATE audit_head SET boot = 'another'; UPDATE audit_events SET time_us = time_us + " #seconds " * 1000000"

static const Clock clocks[] = {
    {"/audit-journal/clock/steady", AHEAD(0), ""},        {"/audit-journal/clock/a-bit", AHEAD(1), ""},
    {"/audit-journal/clock/set-back", AHEAD(60), "-60"},  {"/audit-journal/clock/set-forward", AHEAD(-60), "60"},
    {"/audit-journal/clock/booted", BOOTED(-3600), ""},   {"/audit-journal/clock/booted-back", BOOTED(3600), "-3600"},
    {"/audit-journal/clock/booted-a-bit", BOOTED(1), ""},
};

static void
test_clock(Folder *folder, gconstpointer data)
{
    const Clock *clock = data;
    g_autoptr(KlStore) store = open_store(folder->path);
    g_free(sqlite(folder->path, clock->sql));
    note(store, "x", 2);
    assert_sql(folder->path,
               "SELECT CAST(round((body ->> '$.data.by_us') / 60000000.0) * 60 AS INTEGER) FROM audit_events"
               " WHERE type = 'clock-jump'",
               clock->tells);
    assert_sql(folder->path, "SELECT type FROM audit_events ORDER BY n DESC LIMIT 2", "x\nx");
}

/* --- quotas --- */

static KlRecord *
make_ordered(guint n, const char *work_order)
{
    KlRecord *record = make_record(n);
    record->work_order = g_strdup(work_order);
    return record;
}

/* A unit that begins in the work order and comes to its certificate's intent. */
static gboolean
begin_unit(KlStore *store, guint n, const char *work_order, GError **error)
{
    g_autoptr(KlRecord) record = make_ordered(n, work_order);
    g_autoptr(KlUnit) unit = make_unit(n);
    g_autoptr(GError) failure = NULL;
    g_assert_true(CALL(store, job_begin, record, &failure));
    g_autoptr(KlUnitState) state = CALL(store, unit_claim, record->id, unit, &failure);
    g_assert_no_error(failure);
    return CALL(store, intent, record->id, unit->imei, KL_INTENT_ISSUE, "csr", error);
}

static void
assert_quota(KlStore *store, const char *work_order, guint64 units, guint64 used)
{
    guint64 found = 99, count = 99;
    g_assert_true(CALL(store, quota, work_order, &found, &count, NULL));
    g_assert_cmpuint(found, ==, units);
    g_assert_cmpuint(count, ==, used);
}

static void
test_quota(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStore) store = open_store(folder->path);
    assert_quota(store, "A", 0, 0);
    g_assert_true(begin_unit(store, 1, "A", NULL));
    g_assert_true(CALL(store, set_quota, "A", 2, NULL));
    g_assert_true(begin_unit(store, 2, "A", NULL));
    assert_quota(store, "A", 2, 2);
    g_assert_false(begin_unit(store, 3, "A", &error));
    assert_code(error, QUOTA_REACHED);
    assert_quota(store, "A", 2, 2);
    g_assert_true(begin_unit(store, 1, "A", NULL)); /* goes on */
    g_assert_true(begin_unit(store, 3, "B", NULL));
    g_assert_true(begin_unit(store, 4, NULL, NULL));
    g_assert_true(CALL(store, set_quota, "A", 3, NULL));
    g_assert_true(begin_unit(store, 3, "A", NULL));
    g_assert_true(CALL(store, set_quota, "A", 1, NULL)); /* below what is used */
    g_assert_false(begin_unit(store, 5, "A", NULL));
    g_assert_true(CALL(store, set_quota, "A", 0, NULL));
    g_assert_true(begin_unit(store, 5, "A", NULL));
    assert_quota(store, "A", 0, 4);
    assert_sql(folder->path, "SELECT body -> '$.data' FROM audit_events WHERE type = 'quota' ORDER BY n",
               "{\"units\":2,\"work_order\":\"A\"}\n{\"units\":3,\"work_order\":\"A\"}\n"
               "{\"units\":1,\"work_order\":\"A\"}\n{\"work_order\":\"A\"}");
    g_assert_false(CALL(store, set_quota, "", 1, NULL));
    check_journal(folder->path);
}

typedef struct {
    KlStore *store;
    guint n;
    gboolean allowed;
} Contender;

static gpointer
contend(gpointer data)
{
    Contender *contender = data;
    contender->allowed = begin_unit(contender->store, contender->n, "A", NULL);
    return NULL;
}

/* However many slots ask at once, in two programs: not one too many. */
static void
test_quota_contended(Folder *folder, gconstpointer data)
{
    enum { SLOTS = 16, QUOTA = 5 };
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(KlStore) other = open_store(folder->path);
    Contender contenders[SLOTS];
    GThread *threads[SLOTS];
    guint allowed = 0;
    g_assert_true(CALL(store, set_quota, "A", QUOTA, NULL));
    for (guint i = 0; i < SLOTS; i++) {
        contenders[i] = (Contender){i % 2 == 0 ? store : other, i, FALSE};
        threads[i] = g_thread_new("slot", contend, &contenders[i]);
    }
    for (guint i = 0; i < SLOTS; i++) {
        g_thread_join(threads[i]);
        allowed += contenders[i].allowed != 0;
    }
    g_assert_cmpuint(allowed, ==, QUOTA);
    assert_quota(store, "A", QUOTA, QUOTA);
    check_journal(folder->path);
}

int
main(int argc, char **argv)
{
    static const FolderTest tests[] = {
        {"/audit-journal/a-unit", test_a_unit},     {"/audit-journal/full-record", test_full_record},
        {"/audit-journal/refusals", test_refusals}, {"/audit-journal/checkpoints", test_checkpoints},
        {"/audit-journal/in-time", test_in_time},   {"/audit-journal/pass-unsealed", test_pass_unsealed},
        {"/audit-journal/quota", test_quota},       {"/audit-journal/quota-contended", test_quota_contended},
    };
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    for (guint i = 0; i < G_N_ELEMENTS(damages); i++)
        add_test(damages[i].name, &damages[i], test_broken);
    for (guint i = 0; i < G_N_ELEMENTS(clocks); i++)
        add_test(clocks[i].name, &clocks[i], test_clock);
    return g_test_run();
}
