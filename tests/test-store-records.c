/* The ledger, the registration table, the records: what is written there, and how it is found again. */
#include "store-fixture.h"

/* --- the ledger --- */

static gboolean
issue(JobRun *run, const char *key, const char *salt, const char *reason, GError **error)
{
    g_autoptr(KlCertificate) certificate = make_certificate(key, salt);
    g_autofree char *csr = sha256_of("csr");
    return CALL(run->store, issued, run->record->id, run->unit->imei, csr, certificate, reason, error);
}

static void
test_issued(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) one = {0}, two = {0};
    g_autoptr(GError) error = NULL;
    job_run_renew(&one, store, 1);
    job_run_renew(&two, store, 2);
    g_assert_true(job_run_calls(&one, 8, NULL) && job_run_calls(&two, 8, NULL));

    g_assert_true(issue(&one, one.key, "a", NULL, &error));
    g_assert_true(issue(&one, one.key, "a", NULL, &error)); /* looked up again by a resumed job */
    assert_sql(folder->path, "SELECT count(*), min(status) FROM certificates", "1|live");

    g_assert_false(issue(&one, one.key, "b", NULL, &error)); /* never a second live one in silence */
    assert_code(error, INTERNAL);
    g_clear_error(&error);
    g_assert_false(issue(&two, one.key, "a", NULL, &error)); /* the same certificate for another unit */
    assert_code(error, ISSUED_WRONG);
    g_clear_error(&error);
    g_assert_false(issue(&two, one.key, "c", NULL, &error)); /* for another unit's key */
    assert_code(error, STORE_FAILED);
    g_clear_error(&error);

    g_assert_true(issue(&one, one.key, "b", "expired", &error));
    assert_sql(folder->path, "SELECT status, supersede_reason FROM certificates ORDER BY number",
               "superseded|expired\nlive|");
    g_assert_false(issue(&one, one.key, "a", "expired", &error)); /* superseded is for good */
    assert_code(error, ISSUED_WRONG);
    assert_sql(folder->path, "SELECT count(*) FROM certificates", "2");
}

static void
test_issued_damaged(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) run = {0};
    g_autoptr(GError) error = NULL;
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, 8, NULL));
    g_autoptr(KlCertificate) certificate = make_certificate(run.key, "a");
    g_autofree char *csr = sha256_of("csr");
    certificate->sha256[0] = certificate->sha256[0] == 'a' ? 'b' : 'a';
    g_assert_false(CALL(store, issued, run.record->id, run.unit->imei, csr, certificate, NULL, &error));
    assert_code(error, INTERNAL);
    assert_sql(folder->path, "SELECT count(*) FROM certificates", "0");
}

static void
test_revoke(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    g_autofree char *id = pass_unit(store, 1), *unknown = sha256_of("unknown");
    g_autoptr(KlRecord) record = CALL(store, record, id, NULL);

    g_assert_false(CALL(store, revoke, unknown, "lost", &error));
    assert_code(error, CERTIFICATE_UNKNOWN);
    g_assert_true(CALL(store, revoke, record->certificate_sha256, "stolen", NULL));
    g_autofree char *when = sqlite(folder->path, "SELECT revoked_us FROM certificates");
    g_assert_true(CALL(store, revoke, record->certificate_sha256, "again", NULL));
    assert_sql(folder->path, "SELECT revoked_us FROM certificates", when);

    g_autoptr(GPtrArray) revoked = CALL(store, ledger, NULL, KL_CERTIFICATE_REVOKED, NULL);
    g_assert_cmpuint(revoked->len, ==, 1);
    const KlLedgerEntry *entry = g_ptr_array_index(revoked, 0);
    g_assert_cmpstr(entry->reason, ==, "stolen");
    g_assert_cmpint(entry->ended_us, ==, g_ascii_strtoll(when, NULL, 10));
    g_autoptr(KlUnitState) state = claim_again(store, 1);
    g_assert_null(state->certificate);
    g_assert_true(state->certificate_revoked);

    /* After a re-provisioning the unit is an ordinary one again; nothing is superseded, for nothing was live. */
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 1);
    run.generation = 100;
    run.reprovision = "was stolen";
    g_assert_true(job_run_calls(&run, N_JOB_CALLS, NULL));
    g_autoptr(KlUnitState) after = claim_again(store, 1);
    g_assert_false(after->certificate_revoked);
    g_assert_nonnull(after->certificate);
    assert_sql(folder->path, "SELECT group_concat(status) FROM (SELECT status FROM certificates ORDER BY number)",
               "revoked,live");
}

static void
test_ledger_lookup(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_free(pass_unit(store, 1));
    g_free(pass_unit(store, 2));
    g_autoptr(GPtrArray) all = CALL(store, ledger, NULL, -1, NULL);
    g_assert_cmpuint(all->len, ==, 2);
    const KlLedgerEntry *second = g_ptr_array_index(all, 1);
    g_autofree char *upper = g_ascii_strup(second->certificate->serial, -1);
    const char *const names[] = {second->imei, second->device_id, second->certificate->sha256,
                                 second->certificate->serial, upper};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GPtrArray) found = CALL(store, ledger, names[i], KL_CERTIFICATE_LIVE, NULL);
        g_assert_cmpuint(found->len, ==, 1);
        g_assert_cmpstr(((KlLedgerEntry *)g_ptr_array_index(found, 0))->imei, ==, second->imei);
        g_autoptr(GPtrArray) none = CALL(store, ledger, names[i], KL_CERTIFICATE_REVOKED, NULL);
        g_assert_cmpuint(none->len, ==, 0);
    }
}

/* --- the registration table --- */

static void
test_registered(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) run = {0};
    g_free(pass_unit(store, 1));
    g_free(sqlite(folder->path, "UPDATE registration SET registered = 'requested';"
                                "UPDATE registration SET registered = 'ok', connections = 4"));
    g_free(pass_unit(store, 1)); /* what first boot has changed stays */
    assert_sql(folder->path, "SELECT registered, connections FROM registration", "ok|4");

    job_run_renew(&run, store, 2);
    g_assert_true(job_run_calls(&run, 3, NULL));
    g_free(run.unit->device_id);
    run.unit->device_id = g_strdup("FX30-000001");
    g_assert_false(call_registered(&run, &error));
    assert_code(error, DUPLICATE_DEVICE);

    g_autoptr(GPtrArray) one = CALL(store, registrations, "FX30-000001", NULL);
    g_assert_cmpuint(one->len, ==, 1);
    const KlRegistration *row = g_ptr_array_index(one, 0);
    g_assert_cmpstr(row->registered, ==, "ok");
    g_assert_cmpint(row->connections, ==, 4);
    g_autoptr(GPtrArray) none = CALL(store, registrations, "FX30-000009", NULL);
    g_assert_cmpuint(none->len, ==, 0);
}

/* --- reading --- */

static guint
count_records(KlStore *store, KlRecordFilter filter)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) records = CALL(store, records, &filter, &error);
    g_assert_no_error(error);
    for (guint i = 1; i < records->len; i++) {
        const KlRecord *newer = g_ptr_array_index(records, i - 1), *older = g_ptr_array_index(records, i);
        g_assert_cmpint(newer->started_us, >=, older->started_us);
        g_assert_cmpuint(newer->steps->len, ==, 0);
        g_assert_null(newer->transcript);
    }
    return records->len;
}

static void
test_records(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    g_autofree char *first = pass_unit(store, 1);
    g_free(pass_unit(store, 2));
    g_autoptr(KlRecord) nobody = make_record(3);
    nobody->operator_id = g_strdup("ann");
    nobody->work_order = g_strdup("WO-1");
    nobody->started_us = 5000;
    g_assert_true(CALL(store, job_begin, nobody, NULL));
    settle(nobody, KL_OUTCOME_TIMEOUT, "NO_ANSWER");
    g_assert_true(CALL(store, job_end, nobody, NULL));

    g_autoptr(KlRecord) record = CALL(store, record, first, &error);
    g_autoptr(GPtrArray) ledger = CALL(store, ledger, "FX30-000001", -1, NULL);
    const KlLedgerEntry *entry = g_ptr_array_index(ledger, 0);
    g_autofree char *prefix = g_strndup(first, 8);
    const char *const names[] = {first,
                                 prefix,
                                 "350000000000001",
                                 "FSN00000001",
                                 "FX30-000001",
                                 record->certificate_sha256,
                                 entry->certificate->serial};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_cmpuint(count_records(store, (KlRecordFilter){.identifier = names[i]}), ==, 1);
    const char *const strangers[] = {"", "%", "35", "FX30-00000", "f", "' OR 1 --"};
    for (gsize i = 0; i < G_N_ELEMENTS(strangers); i++)
        g_assert_cmpuint(count_records(store, (KlRecordFilter){.identifier = strangers[i]}), ==, 0);

    g_assert_cmpuint(count_records(store, (KlRecordFilter){0}), ==, 3);
    g_assert_cmpuint(count_records(store, (KlRecordFilter){.limit = 2}), ==, 2);
    g_assert_cmpuint(count_records(store, (KlRecordFilter){.operator_id = "ann"}), ==, 1);
    g_assert_cmpuint(count_records(store, (KlRecordFilter){.work_order = "WO-1", .outcome = "TIMEOUT"}), ==, 1);
    g_assert_cmpuint(count_records(store, (KlRecordFilter){.work_order = "WO-1", .outcome = "PASS"}), ==, 0);
    g_assert_cmpuint(count_records(store, (KlRecordFilter){.outcome = "PASS", .identifier = "FX30-000001"}), ==, 1);
    g_assert_cmpuint(count_records(store, (KlRecordFilter){.from_us = 5000, .to_us = 5001}), ==, 1);
    g_assert_cmpuint(count_records(store, (KlRecordFilter){.from_us = 4999, .to_us = 5000}), ==, 0);

    g_autoptr(KlRecord) no_unit = CALL(store, record, nobody->id, &error);
    g_assert_no_error(error);
    g_assert_null(no_unit->unit);
    g_assert_cmpstr(no_unit->operator_id, ==, "ann");
}

static void
test_record_prefix(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    const char *const ids[] = {"aaaaaaaa-1", "aaaaaaaa-11", "bbbbbbbb-1"};
    const struct {
        const char *asked, *found;
    } cases[] = {
        {"aaaaaaaa", NULL},         {"aaaaaaaa-1", "aaaaaaaa-1"}, {"aaaaaaaa-11", "aaaaaaaa-11"}, {"bbbbbbb", NULL},
        {"bbbbbbbb", "bbbbbbbb-1"}, {"BBBBBBBB-1", "bbbbbbbb-1"}, {"bbbbbbbb-12", NULL},          {"", NULL},
        {"cccccccc", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(KlRecord) record = make_record(1);
        g_free(record->id);
        record->id = g_strdup(ids[i]);
        g_assert_true(CALL(store, job_begin, record, NULL));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(KlRecord) record = CALL(store, record, cases[i].asked, &error);
        g_assert_cmpstr(record != NULL ? record->id : NULL, ==, cases[i].found);
        if (record == NULL)
            assert_code(error, RECORD_UNKNOWN);
    }
}

/* Each way to look a record up goes by an index: a listing must not slow down with a year of records. */
static void
test_indexes(Folder *folder, gconstpointer data)
{
    const char *const conditions[] = {"id >= 'a' AND id < 'b'", "imei = 'a'",        "fsn = 'a'",
                                      "device_id = 'a'",        "certificate = 'a'", "unit = 'a'",
                                      "operator = 'a'",         "work_order = 'a'",  "outcome = 'RUNNING'"};
    kl_store_free(open_store(folder->path));
    for (gsize i = 0; i < G_N_ELEMENTS(conditions); i++) {
        g_autofree char *sql = g_strdup_printf("EXPLAIN QUERY PLAN SELECT number FROM jobs WHERE %s", conditions[i]);
        g_autofree char *plan = sqlite(folder->path, sql);
        g_assert_nonnull(strstr(plan, "SEARCH jobs USING"));
    }
}

static void
test_numbers(Folder *folder, gconstpointer data)
{
    for (guint64 expected = 1; expected <= 5; expected++) {
        g_autoptr(KlStore) store = open_store(folder->path);
        guint64 number = 0, other = 0;
        g_assert_true(CALL(store, next_number, "crl", &number, NULL));
        g_assert_cmpuint(number, ==, expected);
        if (expected == 1)
            g_assert_true(CALL(store, next_number, "other", &other, NULL));
    }
    assert_sql(folder->path, "SELECT name, value FROM counters ORDER BY name", "crl|5\nother|1");
}

static void
test_self_test(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < 3; i++) {
        g_assert_true(store->klass->self_test(store, &error));
        g_assert_no_error(error);
    }
    assert_sql(folder->path, "SELECT purpose, value FROM counters", "test|3");
}

static const FolderTest tests[] = {
    {"/store-records/issued", test_issued},
    {"/store-records/issued-damaged", test_issued_damaged},
    {"/store-records/revoke", test_revoke},
    {"/store-records/ledger-lookup", test_ledger_lookup},
    {"/store-records/registered", test_registered},
    {"/store-records/records", test_records},
    {"/store-records/record-prefix", test_record_prefix},
    {"/store-records/indexes", test_indexes},
    {"/store-records/numbers", test_numbers},
    {"/store-records/self-test", test_self_test},
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
