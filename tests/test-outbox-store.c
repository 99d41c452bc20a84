/* The store's outbox: what is queued, as what, in which transaction, and what becomes of it. */
#include "db/store_parts.h"
#include "store-fixture.h"

static KlStore *
open_queueing(const char *path)
{
    KlStore *store = open_store(path);
    CALL(store, use_outbox, TRUE);
    return store;
}

/* A job that is running on a unit that has its device id, with a key: registered() and issued() may follow. */
static void
begin_run(JobRun *run, KlStore *store, guint n)
{
    g_autoptr(GError) error = NULL;
    job_run_renew(run, store, n);
    job_run_calls(run, 7, &error);
    g_assert_no_error(error);
}

static void
register_run(JobRun *run, const char *policy)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlRegistration) row = make_row(run->unit->device_id);
    g_free(row->policy);
    row->policy = g_strdup(policy);
    CALL(run->store, registered, run->record->id, run->unit->imei, row, &error);
    g_assert_no_error(error);
}

static void
end_run(JobRun *run, KlOutcome outcome, const char *code)
{
    g_autoptr(GError) error = NULL;
    settle(run->record, outcome, code);
    CALL(run->store, job_end, run->record, &error);
    g_assert_no_error(error);
}

#define ROWS "SELECT number, kind, key, state FROM outbox ORDER BY number"

/* --- what is queued --- */

static void
test_off(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_free(pass_unit(store, 1));
    assert_sql(folder->path, "SELECT count(*) FROM outbox", "0");
    CALL(store, use_outbox, TRUE);
    g_free(pass_unit(store, 2));
    assert_sql(folder->path, "SELECT kind FROM outbox ORDER BY number", "registration\nrecord");
    CALL(store, use_outbox, FALSE);
    g_free(pass_unit(store, 3));
    assert_sql(folder->path, "SELECT count(*) FROM outbox", "2");
}

static void
test_bodies(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_queueing(folder->path);
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 1);
    run.record->operator_id = g_strdup("ann \"o'\\\xe4\xb8\xad\t\"");
    run.record->work_order = g_strdup("WO-1");
    g_assert_true(job_run_calls(&run, N_JOB_CALLS, &error));
    g_assert_true(CALL(store, revoke, run.issued, "stolen", &error));

    assert_sql(folder->path, "SELECT body FROM outbox WHERE kind = 'registration'",
               "{\"device\":\"FX30-000001\",\"registered\":\"false\",\"policy\":\"policy\",\"firmware\":\"main\","
               "\"parameters\":\"{\\\"topic\\\":\\\"$aws/things/FX30-000001/shadow/update\\\"}\",\"version\":0,"
               "\"connections\":0,\"imei\":\"350000000000001\",\"reset\":false}");
    g_autofree char *record =
        g_strdup_printf("{\"record\":\"%s\",\"imei\":\"350000000000001\",\"fsn\":\"FSN00000001\","
                        "\"device_id\":\"FX30-000001\",\"station\":\"test\",\"slot\":\"01\",\"product\":\"fx30s\","
                        "\"outcome\":\"PASS\",\"code\":null,\"operator\":\"ann \\\"o'\\\\\xe4\xb8\xad\\t\\\"\","
                        "\"work_order\":\"WO-1\",\"started_us\":%" G_GINT64_FORMAT ",\"ended_us\":%" G_GINT64_FORMAT
                        ",\"certificate\":\"%s\",\"program\":\"0.1.0\"}",
                        run.record->id, run.record->started_us, run.record->ended_us, run.issued);
    assert_sql(folder->path, "SELECT body FROM outbox WHERE kind = 'record'", record);
    g_autofree char *cleanup =
        g_strdup_printf("{\"certificate\":\"%s\",\"device_id\":\"FX30-000001\",\"reason\":\"stolen\"}", run.issued);
    assert_sql(folder->path, "SELECT body FROM outbox WHERE kind = 'cleanup'", cleanup);
    assert_sql(folder->path, "SELECT DISTINCT run = (SELECT id FROM jobs) FROM outbox", "1");

    g_autoptr(KlOutboxRow) row = CALL(store, outbox_row, KL_OUTBOX_RECORD, run.record->id, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(row->body, ==, record);
    g_assert_cmpstr(row->run, ==, run.record->id);
    g_assert_cmpint(row->queued_us, >=, run.record->ended_us);
    g_assert_cmpuint(row->attempts, ==, 0);
    g_assert_cmpint(row->tried_us + row->sent_us, ==, 0);
    g_assert_null(CALL(store, outbox_row, KL_OUTBOX_REGISTRATION, run.record->id, &error));
    g_assert_no_error(error);
}

static void
test_registration(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) run = {0};
    begin_run(&run, store, 1);
    register_run(&run, "a");
    CALL(store, use_outbox, TRUE);
    register_run(&run, "a"); /* kept before there was an outbox */
    register_run(&run, "a");
    assert_sql(folder->path, ROWS, "1|registration|FX30-000001|queued");
    register_run(&run, "b");
    register_run(&run, "b");
    assert_sql(folder->path, ROWS, "1|registration|FX30-000001|replaced\n2|registration|FX30-000001|queued");
    g_assert_true(CALL(store, outbox_sent, 2, NULL));
    register_run(&run, "b");
    assert_sql(folder->path, "SELECT count(*) FROM outbox", "2");
    register_run(&run, "a");
    assert_sql(folder->path, "SELECT state, json_extract(body, '$.policy') FROM outbox ORDER BY number",
               "replaced|a\nsent|b\nqueued|a");
}

/* Which jobs leave a record: those that know a unit, whatever became of them. */
static void
test_records(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_queueing(folder->path);
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) nobody = {0}, failed = {0}, impostor = {0}, cut_off = {0}, unmet = {0};
    job_run_renew(&nobody, store, 1);
    g_assert_true(call_begin(&nobody, &error));
    end_run(&nobody, KL_OUTCOME_ERROR, "NO_ANSWER");
    job_run_renew(&failed, store, 1);
    g_assert_true(job_run_calls(&failed, 2, &error));
    end_run(&failed, KL_OUTCOME_FAIL, "NO_AGENT");
    job_run_renew(&impostor, store, 2);
    g_free(impostor.unit->fsn);
    impostor.unit->fsn = g_strdup("FSN00000001"); /* unit 1's */
    g_assert_false(job_run_calls(&impostor, 2, &error));
    assert_code(error, DUPLICATE_IMEI);
    end_run(&impostor, KL_OUTCOME_FAIL, "DUPLICATE_IMEI");
    g_clear_error(&error);
    job_run_renew(&cut_off, store, 3);
    g_assert_true(job_run_calls(&cut_off, 2, &error));
    job_run_renew(&unmet, store, 4);
    g_assert_true(call_begin(&unmet, &error));
    assert_sql(folder->path, "SELECT count(*) FROM outbox", "2");
    g_assert_true(CALL(store, interrupt_running, NULL, &error));
    assert_sql(folder->path,
               "SELECT json_extract(body, '$.imei'), json_extract(body, '$.outcome'), json_extract(body, '$.code'),"
               " key = run AND key = json_extract(body, '$.record') FROM outbox ORDER BY number",
               "350000000000001|FAIL|NO_AGENT|1\n350000000000002|FAIL|DUPLICATE_IMEI|1\n"
               "350000000000003|ABORTED|INTERRUPTED|1");
}

static void
test_cleanup(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_queueing(folder->path);
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) run = {.reprovision = NULL};
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, N_JOB_CALLS, &error));
    g_autofree char *first = g_strdup(run.issued);
    job_run_renew(&run, store, 1);
    run.reprovision = "key lost";
    g_assert_true(job_run_calls(&run, N_JOB_CALLS, &error));
    g_autofree char *superseded = g_strdup_printf("%s|key lost|FX30-000001|1|queued", first);
    assert_sql(folder->path,
               "SELECT key, json_extract(body, '$.reason'), json_extract(body, '$.device_id'),"
               " run = (SELECT id FROM jobs ORDER BY number DESC), state FROM outbox WHERE kind = 'cleanup'",
               superseded);
    /* Revoking counts once; of a superseded one it is the newer reason. */
    g_assert_true(CALL(store, revoke, first, "stolen", &error));
    g_assert_true(CALL(store, revoke, first, "again", &error));
    g_assert_true(CALL(store, revoke, run.issued, "scrapped", &error));
    g_assert_true(CALL(store, revoke, run.issued, "again", &error));
    assert_sql(folder->path,
               "SELECT json_extract(body, '$.reason'), state, run = job FROM outbox JOIN certificates ON sha256 = key"
               " WHERE kind = 'cleanup' ORDER BY outbox.number",
               "key lost|replaced|0\nstolen|queued|1\nscrapped|queued|1");
}

/* --- one transaction: a row that can't be queued takes what it is about with it --- */

static void
test_together(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_queueing(folder->path);
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) run = {0}, done = {0};
    job_run_renew(&done, store, 2);
    g_assert_true(job_run_calls(&done, N_JOB_CALLS, &error));
    job_run_renew(&done, store, 2);
    done.reprovision = "test";
    g_assert_true(job_run_calls(&done, 8, &error));
    begin_run(&run, store, 1);
    g_autofree char *before = sqlite(folder->path, "SELECT * FROM outbox_totals; SELECT * FROM outbox");
    g_free(sqlite(folder->path, "CREATE TRIGGER broken AFTER INSERT ON outbox BEGIN SELECT raise(ABORT, 'full'); END"));

    g_autoptr(KlRegistration) row = make_row(run.unit->device_id);
    g_assert_false(CALL(store, registered, run.record->id, run.unit->imei, row, &error));
    assert_code(error, STORE_FAILED);
    g_clear_error(&error);
    g_assert_false(call_issued(&done, &error));
    assert_code(error, STORE_FAILED);
    g_clear_error(&error);
    g_assert_false(CALL(store, revoke, done.issued, "x", &error));
    assert_code(error, STORE_FAILED);
    g_clear_error(&error);
    settle(run.record, KL_OUTCOME_FAIL, "NO_AGENT");
    g_assert_false(CALL(store, job_end, run.record, &error));
    assert_code(error, STORE_FAILED);
    g_clear_error(&error);
    g_assert_false(CALL(store, interrupt_running, NULL, &error));
    assert_code(error, STORE_FAILED);
    assert_sql(folder->path,
               "SELECT (SELECT group_concat(device) FROM registration), (SELECT count(*) FROM certificates),"
               " (SELECT group_concat(status) FROM certificates),"
               " (SELECT count(*) FROM jobs WHERE outcome = 'RUNNING')",
               "FX30-000001|1|live|2");
    assert_sql(folder->path, "SELECT * FROM outbox_totals; SELECT * FROM outbox", before);
}

/* --- what was never queued --- */

static void
test_fill(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) failed = {0}, open = {0};
    guint count = 99;
    g_assert_true(CALL(store, outbox_fill, &count, &error));
    g_assert_cmpuint(count, ==, 0);
    g_free(pass_unit(store, 1));
    g_autofree char *last = pass_unit(store, 1);
    job_run_renew(&failed, store, 1);
    g_assert_true(job_run_calls(&failed, 2, &error));
    end_run(&failed, KL_OUTCOME_FAIL, "NO_AGENT");
    begin_run(&open, store, 2);
    register_run(&open, "p");
    CALL(store, use_outbox, TRUE);
    g_free(pass_unit(store, 3));

    g_assert_true(CALL(store, outbox_fill, &count, &error));
    g_assert_cmpuint(count, ==, 3);
    g_autofree char *expected = g_strdup_printf(
        "3|registration|FX30-000001|%1$s\n4|registration|FX30-000002|%2$s\n5|record|%1$s|%1$s", last, open.record->id);
    assert_sql(folder->path, "SELECT number, kind, key, run FROM outbox WHERE number > 2 ORDER BY number", expected);
    g_assert_true(CALL(store, outbox_fill, NULL, &error));
    g_assert_true(CALL(store, outbox_sent, 3, &error));
    g_assert_true(CALL(store, outbox_park, 4, "CLOUD_CONFLICT", "d", &error));
    g_assert_true(CALL(store, outbox_fill, &count, &error));
    g_assert_cmpuint(count, ==, 0);
    assert_sql(folder->path, "SELECT count(*) FROM outbox", "5");
}

/* --- what becomes of a row --- */

/* Of all kinds. */
static KlOutboxRow *
next_at(KlStore *store, gint64 now_us, gint64 *next_us)
{
    g_autoptr(KlOutboxRow) oldest = NULL;
    gint64 soonest_us = G_MAXINT64;
    for (int kind = 0; kind < KL_OUTBOX_KINDS; kind++) {
        g_autoptr(GError) error = NULL;
        gint64 turn_us = G_MAXINT64;
        g_autoptr(KlOutboxRow) row = CALL(store, outbox_next, (KlOutboxKind)kind, now_us, &turn_us, &error);
        g_assert_no_error(error);
        g_assert_true(row == NULL || (int)row->kind == kind);
        soonest_us = MIN(soonest_us, turn_us);
        if (row != NULL && (oldest == NULL || row->number < oldest->number)) {
            kl_outbox_row_free(oldest);
            oldest = g_steal_pointer(&row);
        }
    }
    if (oldest == NULL && next_us != NULL)
        *next_us = soonest_us;
    return g_steal_pointer(&oldest);
}

static void
assert_next(KlStore *store, gint64 now_us, gint64 number)
{
    g_autoptr(KlOutboxRow) row = next_at(store, now_us, NULL);
    g_assert_nonnull(row);
    g_assert_cmpint(row->number, ==, number);
    g_assert_cmpint(row->state, ==, KL_OUTBOX_QUEUED);
}

static void
assert_none_due(KlStore *store, gint64 now_us, gint64 expected_us)
{
    gint64 next_us = -1;
    g_assert_null(next_at(store, now_us, &next_us));
    g_assert_cmpint(next_us, ==, expected_us);
}

static void
test_turns(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_queueing(folder->path);
    g_autoptr(GError) error = NULL;
    assert_none_due(store, G_MAXINT64, G_MAXINT64);
    g_free(pass_unit(store, 1));
    assert_next(store, 0, 1);
    g_assert_true(CALL(store, outbox_failed, 1, "NET_DOWN", "no route", 500, &error));
    assert_next(store, 499, 2); /* passes the failed one */
    assert_next(store, 500, 1);
    g_assert_true(CALL(store, outbox_failed, 2, "CLOUD_THROTTLED", "slow down", 400, &error));
    assert_none_due(store, 399, 400);
    assert_next(store, 400, 2);
    assert_next(store, 500, 1);
    g_auto(KlOutboxCounts) counts = {0};
    g_assert_true(CALL(store, outbox_counts, &counts, &error));
    g_assert_cmpstr(counts.last_code, ==, "CLOUD_THROTTLED");
    g_autoptr(KlOutboxRow) row = CALL(store, outbox_row, KL_OUTBOX_REGISTRATION, "FX30-000001", &error);
    g_assert_cmpuint(row->attempts, ==, 1);
    g_assert_cmpstr(row->last_code, ==, "NET_DOWN");
    g_assert_cmpstr(row->last_detail, ==, "no route");
    g_assert_cmpint(row->tried_us, >=, row->queued_us);
    g_assert_cmpint(counts.oldest_us, ==, row->queued_us);

    g_assert_true(CALL(store, outbox_park, 1, "DUPLICATE_DEVICE", "somebody's", &error));
    assert_next(store, 500, 2);
    g_assert_true(CALL(store, outbox_sent, 2, &error));
    assert_none_due(store, G_MAXINT64, G_MAXINT64);
    g_assert_true(CALL(store, outbox_retry, 1, &error));
    assert_next(store, 0, 1);
    g_assert_true(CALL(store, outbox_park, 1, NULL, NULL, &error)); /* by a person */
    assert_sql(folder->path, "SELECT state, attempts, last_code, last_detail FROM outbox WHERE number = 1",
               "parked|2|DUPLICATE_DEVICE|somebody's");
    assert_sql(folder->path, "SELECT state, attempts, last_code, sent_us = tried_us FROM outbox WHERE number = 2",
               "sent|2|CLOUD_THROTTLED|1");
}

static void
test_unknown(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_queueing(folder->path);
    g_autoptr(GError) sent = NULL, failed = NULL, parked = NULL, retried = NULL, again = NULL, all = NULL;
    g_assert_true(CALL(store, outbox_retry, 0, &all));
    g_free(pass_unit(store, 1));
    g_assert_false(CALL(store, outbox_sent, 3, &sent));
    assert_code(sent, RECORD_UNKNOWN);
    g_assert_false(CALL(store, outbox_failed, 3, "NET_DOWN", NULL, 1, &failed));
    assert_code(failed, RECORD_UNKNOWN);
    g_assert_false(CALL(store, outbox_park, -1, "NET_DOWN", NULL, &parked));
    assert_code(parked, RECORD_UNKNOWN);
    g_assert_false(CALL(store, outbox_retry, 3, &retried));
    assert_code(retried, RECORD_UNKNOWN);
    g_assert_true(CALL(store, outbox_sent, 1, NULL));
    g_assert_false(CALL(store, outbox_retry, 1, &again));
    assert_code(again, RECORD_UNKNOWN);
}

/* A record that says PASS although its row is still queued; and nothing but a PASS can say so. */
static void
test_row_queued(Folder *folder, gconstpointer data)
{
    KlStore *store = open_queueing(folder->path);
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) passed = {0}, failed = {0};
    job_run_renew(&passed, store, 1);
    passed.record->row_queued = TRUE;
    g_assert_true(job_run_calls(&passed, N_JOB_CALLS, &error));
    job_run_renew(&failed, store, 2);
    failed.record->row_queued = TRUE;
    g_assert_true(job_run_calls(&failed, 2, &error));
    end_run(&failed, KL_OUTCOME_FAIL, "NO_AGENT");
    kl_store_free(store);

    g_autoptr(KlStore) again = open_store(folder->path);
    g_autoptr(KlRecord) record = CALL(again, record, passed.record->id, &error);
    g_assert_true(record->row_queued);
    g_assert_cmpstr(record->certificate_sha256, ==, passed.issued);
    g_autoptr(GPtrArray) records = CALL(again, records, &(KlRecordFilter){.outcome = "FAIL"}, &error);
    g_assert_cmpuint(records->len, ==, 1);
    g_assert_false(((KlRecord *)g_ptr_array_index(records, 0))->row_queued);
    assert_sql(folder->path, "SELECT outcome, row_queued FROM jobs", "PASS|1\nFAIL|0");
}

static void
test_kinds(void)
{
    for (int kind = KL_OUTBOX_REGISTRATION; kind <= KL_OUTBOX_CLEANUP; kind++)
        g_assert_cmpint(kl_outbox_kind_from_name(kl_outbox_kind_name((KlOutboxKind)kind)), ==, kind);
    g_assert_cmpint(kl_outbox_kind_from_name("Record"), ==, -1);
    g_assert_cmpint(kl_outbox_kind_from_name(NULL), ==, -1);
}

/* --- thousands of rows --- */

#define MANY "6000"

/* Whoever asks for the next row reads an index, and only where the answer is. */
static void
test_many(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_queueing(folder->path);
    g_autoptr(GError) error = NULL;
    g_free(pass_unit(store, 1));
    g_free(sqlite(folder->path, "WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < " MANY
                                ") INSERT INTO outbox (kind, key, run, body, queued_us)"
                                " SELECT 'record', 'key ' || i, (SELECT id FROM jobs), '{}', 1 FROM n; ANALYZE"));
    g_autofree char *due = sqlite(folder->path, "EXPLAIN QUERY PLAN " KL_STORE_OUTBOX_DUE);
    g_autofree char *turn = sqlite(folder->path, "EXPLAIN QUERY PLAN " KL_STORE_OUTBOX_NEXT_TURN);
    g_assert_null(strstr(due, "SCAN outbox"));
    g_assert_null(strstr(turn, "SCAN outbox"));
    g_assert_nonnull(strstr(due, "SEARCH outbox USING COVERING INDEX outbox_due (kind=? AND state=? AND next_us=?)"));
    g_assert_nonnull(
        strstr(due, "SEARCH outbox USING COVERING INDEX outbox_due (kind=? AND state=? AND next_us>? AND next_us<?)"));
    g_assert_nonnull(strstr(turn, "SEARCH outbox USING COVERING INDEX outbox_due (kind=? AND state=?)"));

    g_auto(KlOutboxCounts) counts = {0};
    g_assert_true(CALL(store, outbox_counts, &counts, &error));
    g_assert_cmpuint(counts.queued, ==, 6000);
    g_assert_cmpuint(counts.queued_of[KL_OUTBOX_REGISTRATION], ==, 1);
    g_assert_cmpuint(counts.queued_of[KL_OUTBOX_RECORD], ==, 5999);
    g_assert_cmpuint(counts.queued_of[KL_OUTBOX_CLEANUP], ==, 0);
    g_autoptr(GPtrArray) some = CALL(store, outbox_rows, KL_OUTBOX_QUEUED, 5, &error);
    g_assert_cmpuint(some->len, ==, 5);
    g_autoptr(GPtrArray) all = CALL(store, outbox_rows, -1, 0, &error);
    g_assert_cmpuint(all->len, ==, 6000);
    for (guint i = 0; i < all->len; i++)
        g_assert_cmpint(((KlOutboxRow *)g_ptr_array_index(all, i))->number, ==, i + 1);
}

static const FolderTest tests[] = {
    {"/outbox-store/off", test_off},
    {"/outbox-store/bodies", test_bodies},
    {"/outbox-store/registration", test_registration},
    {"/outbox-store/records", test_records},
    {"/outbox-store/cleanup", test_cleanup},
    {"/outbox-store/together", test_together},
    {"/outbox-store/fill", test_fill},
    {"/outbox-store/turns", test_turns},
    {"/outbox-store/unknown", test_unknown},
    {"/outbox-store/row-queued", test_row_queued},
    {"/outbox-store/many", test_many},
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/outbox-store/kinds", test_kinds);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
