/* The journal: whole jobs, jobs broken off at any call, identities, device ids, keys, and no false PASS. */
#include "store-fixture.h"
#include "tests/journal_check.h"

static void
test_whole_job(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autofree char *id = pass_unit(store, 1);
    g_autoptr(GError) error = NULL;

    assert_sql(folder->path, "SELECT * FROM registration",
               "FX30-000001|false|policy|main|{\"topic\":\"$aws/things/FX30-000001/shadow/update\"}|0|0");
    assert_sql(folder->path, "SELECT outcome, imei, device_id, code IS NULL FROM jobs",
               "PASS|350000000000001|FX30-000001|1");
    assert_sql(folder->path, "SELECT kind, closed FROM intents ORDER BY number", "KEY|done\nISSUE|done\nLOCK|done");

    g_autoptr(KlRecord) record = CALL(store, record, id, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(record->id, ==, id);
    g_assert_cmpint(record->outcome, ==, KL_OUTCOME_PASS);
    g_assert_cmpstr(record->first_code, ==, "NO_ANSWER");
    g_assert_cmpstr(record->unit->device_id, ==, "FX30-000001");
    g_assert_cmpstr(record->unit->boot_id, ==, "boot-1");
    g_assert_cmpstr(record->transcript, ==, "   0.000001 agent > AT\\r\n");
    g_assert_cmpuint(record->steps->len, ==, 2);
    const KlStepResult *step = g_ptr_array_index(record->steps, 0);
    g_assert_cmpint(step->outcome, ==, KL_OUTCOME_TIMEOUT);
    g_assert_cmpstr(step->code, ==, "NO_ANSWER");
    g_assert_cmpint(step->device_us, ==, 15);

    g_autoptr(KlUnitState) state = claim_again(store, 1);
    g_assert_true(state->provisioned);
    g_assert_cmpstr(state->device_id, ==, "FX30-000001");
    g_assert_cmpstr(state->certificate->sha256, ==, record->certificate_sha256);
    g_assert_cmpuint(state->keys->len, ==, 1);
    g_assert_false(state->key_pending);
    g_assert_null(state->issue_job);
    g_assert_null(state->reprovision_reason);
    g_assert_false(state->certificate_revoked);
}

static void
test_bytes_survive(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    g_free(pass_unit(store, 1));
    g_autoptr(GPtrArray) ledger = CALL(store, ledger, "350000000000001", -1, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(ledger->len, ==, 1);
    const KlLedgerEntry *entry = g_ptr_array_index(ledger, 0);
    g_autoptr(KlCertificate) again = make_certificate(entry->certificate->spki_sha256, "2 of 350000000000001");
    g_assert_true(g_bytes_equal(entry->certificate->der, again->der));
    g_assert_cmpstr(entry->certificate->serial, ==, again->serial);
    g_assert_cmpstr(entry->certificate->subject, ==, again->subject);
    g_assert_cmpstr(entry->certificate->issuer, ==, again->issuer);
    g_assert_cmpstr(entry->certificate->chain_pem, ==, again->chain_pem);
    g_assert_cmpint(entry->certificate->not_before, ==, 1000);
    g_assert_cmpint(entry->certificate->not_after, ==, 2000);
    g_assert_cmpstr(entry->device_id, ==, "FX30-000001");
}

/* --- broken off after any call: the next job goes on --- */

static void
test_resume(Folder *folder, gconstpointer data)
{
    gsize stop = GPOINTER_TO_SIZE(data);
    g_auto(JobRun) run = {0};
    g_autoptr(GError) error = NULL;
    guint interrupted = 99;
    {
        g_autoptr(KlStore) store = open_store(folder->path);
        job_run_renew(&run, store, 1);
        g_assert_true(job_run_calls(&run, stop, &error));
    }
    g_autofree char *key_before = g_strdup(run.key);
    g_autofree char *issued_before = g_strdup(run.issued);
    g_autofree char *device_before = g_strdup(run.unit->device_id);

    g_autoptr(KlStore) store = open_store(folder->path);
    g_assert_true(CALL(store, interrupt_running, &interrupted, &error));
    g_assert_cmpuint(interrupted, ==, stop > 0 && stop < N_JOB_CALLS ? 1 : 0);
    job_run_renew(&run, store, 1);
    job_run_calls(&run, N_JOB_CALLS, &error);
    g_assert_no_error(error);

    if (key_before != NULL)
        g_assert_cmpstr(run.key, ==, key_before);
    if (issued_before != NULL)
        g_assert_cmpstr(run.issued, ==, issued_before);
    if (device_before != NULL)
        g_assert_cmpstr(run.unit->device_id, ==, device_before);
    assert_sql(folder->path, "SELECT count(*), min(status) FROM certificates", "1|live");
    assert_sql(folder->path, "SELECT count(*), min(status) FROM keys", "1|held");
    assert_sql(folder->path, "SELECT count(*) FROM registration", "1");
    assert_sql(folder->path, "SELECT count(*) FROM intents WHERE closed_us IS NULL", "0");
    check_invariants(folder->path);
    check_journal(folder->path);
}

/* The same for a re-provisioning: once its intent is committed it is gone through with, by whichever job. */
static void
test_resume_reprovision(Folder *folder, gconstpointer data)
{
    gsize stop = GPOINTER_TO_SIZE(data);
    g_auto(JobRun) run = {0};
    g_autoptr(GError) error = NULL;
    {
        g_autoptr(KlStore) store = open_store(folder->path);
        job_run_renew(&run, store, 1);
        g_assert_true(job_run_calls(&run, N_JOB_CALLS, &error));
        job_run_renew(&run, store, 1);
        run.reprovision = "key leaked";
        g_assert_true(job_run_calls(&run, stop, &error));
    }
    gboolean begun = stop > 3; /* call_reprovision is the fourth */

    g_autoptr(KlStore) store = open_store(folder->path);
    g_assert_true(CALL(store, interrupt_running, NULL, &error));
    g_autoptr(KlUnitState) state = claim_again(store, 1);
    g_assert_cmpint(state->provisioned, ==, !begun || stop == N_JOB_CALLS);
    g_assert_nonnull(state->certificate); /* the old one serves until the new one is in the ledger */

    run.reprovision = NULL; /* the next operator knows nothing of it */
    job_run_renew(&run, store, 1);
    job_run_calls(&run, N_JOB_CALLS, &error);
    g_assert_no_error(error);
    assert_sql(folder->path, "SELECT group_concat(status) FROM (SELECT status FROM certificates ORDER BY number)",
               begun ? "superseded,live" : "live");
    assert_sql(folder->path, "SELECT group_concat(status) FROM (SELECT status FROM keys ORDER BY number)",
               begun ? "retired,held" : "held");
    assert_sql(folder->path, "SELECT DISTINCT supersede_reason FROM certificates WHERE status = 'superseded'",
               begun ? "key leaked" : "");
    assert_sql(folder->path, "SELECT count(*) FROM intents WHERE closed_us IS NULL", "0");
    check_invariants(folder->path);
    check_journal(folder->path);
}

static void
test_interrupted_record(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) run = {0};
    g_autoptr(GError) error = NULL;
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, 9, &error)); /* up to the ledger entry */
    g_assert_true(CALL(store, interrupt_running, NULL, &error));
    g_autoptr(KlRecord) record = CALL(store, record, run.record->id, &error);
    g_assert_cmpint(record->outcome, ==, KL_OUTCOME_ABORTED);
    g_assert_cmpstr(record->code, ==, "INTERRUPTED");
    g_assert_cmpstr(record->first_code, ==, "INTERRUPTED");
    g_assert_cmpint(record->ended_us, >=, record->started_us);
    g_assert_cmpstr(record->unit->imei, ==, run.unit->imei);
    g_assert_cmpstr(record->certificate_sha256, ==, run.issued);

    /* Its slot may still be alive: its verdict comes too late. */
    g_assert_false(call_end(&run, &error));
    assert_code(error, INTERNAL);
}

/* --- identity --- */

static void
test_duplicate_identity(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_free(pass_unit(store, 1));
    g_free(pass_unit(store, 2));
    const struct {
        const char *imei, *fsn;
    } cases[] = {
        {"350000000000001", "OTHER"},
        {"350000000000009", "FSN00000001"},
        {"350000000000001", "FSN00000002"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(JobRun) run = {0};
        g_autoptr(GError) error = NULL, end_error = NULL;
        job_run_renew(&run, store, 1);
        g_free(run.unit->imei);
        g_free(run.unit->fsn);
        run.unit->imei = g_strdup(cases[i].imei);
        run.unit->fsn = g_strdup(cases[i].fsn);
        g_assert_true(call_begin(&run, NULL));
        g_assert_false(call_claim(&run, &error));
        assert_code(error, DUPLICATE_IMEI);

        settle(run.record, KL_OUTCOME_FAIL, "DUPLICATE_IMEI");
        g_assert_true(CALL(store, job_end, run.record, &end_error));
        g_autoptr(KlRecord) record = CALL(store, record, run.record->id, &end_error);
        g_assert_no_error(end_error);
        g_assert_cmpstr(record->unit->imei, ==, cases[i].imei);
        g_assert_cmpstr(record->unit->fsn, ==, cases[i].fsn);
    }
    assert_sql(folder->path, "SELECT count(*) FROM units", "2");
}

static char *
ask_id(KlStore *store, guint n, const KlIdRequest *request, GError **error)
{
    g_autoptr(KlUnit) unit = make_unit(n);
    kl_unit_state_free(claim_again(store, n));
    return CALL(store, device_id, unit->imei, request, error);
}

#define assert_id(store, n, request, expected)                                                                         \
    do {                                                                                                               \
        g_autoptr(GError) id_error = NULL;                                                                             \
        g_autofree char *id = ask_id(store, n, request, &id_error);                                                    \
        g_assert_no_error(id_error);                                                                                   \
        g_assert_cmpstr(id, ==, expected);                                                                             \
    } while (0)

static void
test_device_ids(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    const KlIdRequest sequence = {.sequence = "a", .pattern = "A-%03u"};
    const KlIdRequest other = {.sequence = "b", .pattern = "B%u-x"};
    const KlIdRequest fixed = {.fixed = "A-003"};
    g_autoptr(GError) error = NULL, unknown = NULL;

    assert_id(store, 1, &sequence, "A-001");
    assert_id(store, 1, &sequence, "A-001");
    assert_id(store, 1, &fixed, "A-001"); /* once given, for good */
    assert_id(store, 2, &sequence, "A-002");
    assert_id(store, 3, &fixed, "A-003");
    assert_id(store, 4, &sequence, "A-004"); /* 3 is taken */
    assert_id(store, 5, &other, "B1-x");
    g_assert_null(ask_id(store, 6, &fixed, &error));
    assert_code(error, DUPLICATE_DEVICE);
    g_assert_null(CALL(store, device_id, "350000000000077", &sequence, &unknown));
    assert_code(unknown, INTERNAL);

    kl_store_free(g_steal_pointer(&store));
    store = open_store(folder->path);
    assert_id(store, 6, &sequence, "A-005");
}

static void
test_id_patterns(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    const char *const bad[] = {"FX30", "%s", "%06d", "%u%u", "%", "%6u", "%n%u", "%u%", "%0999999u", "%%u", "%06lu"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        const KlIdRequest request = {.sequence = "a", .pattern = bad[i]};
        g_autoptr(GError) error = NULL;
        g_assert_null(ask_id(store, 1, &request, &error));
        assert_code(error, CONFIG_INVALID);
    }
    /* A refused pattern has used up no number. */
    const KlIdRequest good = {.sequence = "a", .pattern = "%010u."};
    assert_id(store, 1, &good, "0000000001.");
}

/* --- keys --- */

static void
test_duplicate_key(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) first = {0}, second = {0};
    g_autoptr(GError) error = NULL;
    job_run_renew(&first, store, 1);
    g_assert_true(job_run_calls(&first, 7, NULL));
    g_assert_true(call_key_made(&first, NULL)); /* again is fine */

    for (guint attempt = 0; attempt < 2; attempt++) {
        job_run_renew(&second, store, 2);
        g_assert_true(job_run_calls(&second, 5, NULL));
        g_free(second.key);
        second.key = g_strdup(first.key);
        g_assert_false(call_key_made(&second, &error));
        assert_code(error, DUPLICATE_KEY);
        g_clear_error(&error);
    }
    g_autoptr(KlUnitState) state = claim_again(store, 2);
    g_assert_cmpuint(state->keys->len, ==, 0);
    g_assert_true(state->key_pending);
    assert_sql(folder->path, "SELECT count(*), min(imei) FROM key_collisions", "2|350000000000002");
    assert_sql(folder->path, "SELECT imei FROM keys", "350000000000001");

    /* A retired key is remembered as well. */
    job_run_renew(&first, store, 1);
    first.reprovision = "broken";
    g_assert_true(job_run_calls(&first, 7, NULL));
    g_assert_false(call_key_made(&second, &error));
    assert_code(error, DUPLICATE_KEY);
}

/* A key that could not be taken away (locked) is in use again after a re-provisioning. */
static void
test_key_in_use_again(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, N_JOB_CALLS, NULL));
    job_run_renew(&run, store, 1);
    run.reprovision = "expired";
    g_assert_true(job_run_calls(&run, 4, NULL));
    assert_sql(folder->path, "SELECT status FROM keys", "retired");
    g_assert_true(call_key_made(&run, NULL));
    assert_sql(folder->path, "SELECT status FROM keys", "held");
}

/* --- no PASS without everything that it stands on --- */

static void
test_no_false_pass(Folder *folder, gconstpointer data)
{
    gsize left_out = GPOINTER_TO_SIZE(data);
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 1);
    for (gsize i = 0; i < N_JOB_CALLS && error == NULL; i++) {
        if (i != left_out)
            job_calls[i](&run, &error);
    }
    g_assert_nonnull(error);
    assert_sql(folder->path, "SELECT count(*) FROM jobs WHERE outcome = 'PASS'", "0");
    assert_sql(folder->path, "SELECT count(*) FROM units WHERE provisioned", "0");
}

static void
test_wrong_order(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) run = {0};
    g_autoptr(GError) unknown = NULL, unbound = NULL, twice = NULL;
    job_run_renew(&run, store, 1);
    g_assert_false(call_claim(&run, &unknown));
    assert_code(unknown, RECORD_UNKNOWN);
    g_assert_true(call_begin(&run, NULL));
    g_assert_false(call_lock_intent(&run, &unbound));
    assert_code(unbound, INTERNAL);
    g_assert_false(call_begin(&run, &twice));
    assert_code(twice, STORE_FAILED);
}

/* A job whose record is refused leaves nothing of it behind, and can still be ended in another way. */
static void
test_job_end_whole_or_not(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) run = {0};
    g_autoptr(GError) error = NULL;
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, 3, NULL));
    g_assert_false(call_end(&run, &error));
    assert_code(error, STORE_FAILED);
    assert_sql(folder->path, "SELECT (SELECT count(*) FROM steps) + (SELECT count(*) FROM transcripts)", "0");
    settle(run.record, KL_OUTCOME_ERROR, "STORE_FAILED");
    g_assert_true(CALL(store, job_end, run.record, NULL));
    assert_sql(folder->path, "SELECT outcome, code FROM jobs", "ERROR|STORE_FAILED");
}

/* --- no PASS on what is not this unit's own, live and done --- */

static void
refuse_pass(JobRun *run)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(call_end(run, &error));
    assert_code(error, STORE_FAILED);
}

static void
test_pass_on_open_intent(Folder *folder, gconstpointer data)
{
    const KlIntentKind kinds[] = {KL_INTENT_KEY, KL_INTENT_ISSUE, KL_INTENT_REPROVISION};
    g_autoptr(KlStore) store = open_store(folder->path);
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_auto(JobRun) run = {0};
        job_run_renew(&run, store, i);
        g_assert_true(job_run_calls(&run, N_JOB_CALLS - 1, NULL));
        g_assert_true(CALL(store, intent, run.record->id, run.unit->imei, kinds[i], "late", NULL));
        refuse_pass(&run);
    }
}

static void
test_pass_on_other_certificate(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autofree char *id = pass_unit(store, 1);
    g_autoptr(KlRecord) other = CALL(store, record, id, NULL);
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 2);
    g_assert_true(job_run_calls(&run, N_JOB_CALLS - 1, NULL));
    g_free(run.record->certificate_sha256);
    run.record->certificate_sha256 = g_strdup(other->certificate_sha256);
    refuse_pass(&run);
}

static void
test_pass_on_revoked_certificate(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, N_JOB_CALLS - 1, NULL));
    g_assert_true(CALL(store, revoke, run.issued, "recalled", NULL));
    refuse_pass(&run);
}

static const FolderTest tests[] = {
    {"/store/whole-job", test_whole_job},
    {"/store/bytes-survive", test_bytes_survive},
    {"/store/interrupted-record", test_interrupted_record},
    {"/store/duplicate-identity", test_duplicate_identity},
    {"/store/device-ids", test_device_ids},
    {"/store/id-patterns", test_id_patterns},
    {"/store/duplicate-key", test_duplicate_key},
    {"/store/key-in-use-again", test_key_in_use_again},
    {"/store/pass-on-open-intent", test_pass_on_open_intent},
    {"/store/pass-on-other-certificate", test_pass_on_other_certificate},
    {"/store/pass-on-revoked-certificate", test_pass_on_revoked_certificate},
    {"/store/wrong-order", test_wrong_order},
    {"/store/job-end-whole-or-not", test_job_end_whole_or_not},
};

static void
add_for_each_call(const char *prefix, void (*function)(Folder *, gconstpointer))
{
    for (gsize i = 0; i <= N_JOB_CALLS; i++) {
        g_autofree char *name = g_strdup_printf("%s/%" G_GSIZE_FORMAT, prefix, i);
        add_test(name, GSIZE_TO_POINTER(i), function);
    }
}

/* Calls that leave something out which a PASS stands on. */
static gboolean
is_vital(JobCall call)
{
    return call == call_begin || call == call_claim || call == call_device_id || call == call_key_made ||
           call == call_issued || call == call_registered;
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    add_for_each_call("/store/resume", test_resume);
    add_for_each_call("/store/resume-reprovision", test_resume_reprovision);
    for (gsize i = 0; i < N_JOB_CALLS; i++) {
        g_autofree char *name = g_strdup_printf("/store/no-false-pass/%" G_GSIZE_FORMAT, i);
        if (is_vital(job_calls[i]))
            add_test(name, GSIZE_TO_POINTER(i), test_no_false_pass);
    }
    return g_test_run();
}
