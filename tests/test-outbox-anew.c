/* The store's outbox, when a unit is provisioned anew: its registration row begins anew, and what another station has
 * issued for it goes. */
#include "store-fixture.h"

static KlStore *
open_queueing(const char *path)
{
    KlStore *store = open_store(path);
    CALL(store, use_outbox, TRUE);
    return store;
}

#define RESETS                                                                                                         \
    "SELECT registered, version, connections FROM registration;"                                                       \
    " SELECT count(*), sum(json_extract(body, '$.reset')) FROM outbox WHERE kind = 'registration'"

static void
pass_again(JobRun *run, KlStore *store)
{
    g_autoptr(GError) error = NULL;
    job_run_renew(run, store, 1);
    job_run_calls(run, N_JOB_CALLS, &error);
    g_assert_no_error(error);
}

/* From the intent until the unit passes its row begins anew, whichever job comes to that; before and after it stays. */
static void
test_anew(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_queueing(folder->path);
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) run = {0};
    pass_again(&run, store);
    g_free(sqlite(folder->path, "UPDATE registration SET registered = 'requested';"
                                "UPDATE registration SET registered = 'ok', version = 3, connections = 3"));
    pass_again(&run, store); /* only checked */
    assert_sql(folder->path, RESETS, "ok|3|3\n1|0");

    job_run_renew(&run, store, 1);
    run.reprovision = "repair";
    g_assert_true(job_run_calls(&run, 9, &error));
    g_assert_true(call_registered(&run, &error));
    g_assert_true(call_registered(&run, &error)); /* the step tries again */
    assert_sql(folder->path, RESETS, "false|0|0\n2|1");
    settle(run.record, KL_OUTCOME_ERROR, "NET_DOWN");
    g_assert_true(CALL(store, job_end, run.record, &error));

    run.reprovision = NULL;
    g_free(sqlite(folder->path, "UPDATE registration SET registered = 'requested', connections = 1"));
    pass_again(&run, store); /* goes on with it */
    assert_sql(folder->path, RESETS, "false|0|0\n3|2");
    g_free(sqlite(folder->path, "UPDATE registration SET registered = 'requested', connections = 1"));
    pass_again(&run, store); /* only checked */
    assert_sql(folder->path, RESETS, "requested|0|1\n3|2");
}

/* Another station's certificate goes once, and by hand again when it was parked. */
static void
test_replaces_elsewhere(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_queueing(folder->path);
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) run = {0};
    g_autofree char *sha256 = sha256_of("theirs");
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, 7, &error));
    for (guint i = 0; i < 2; i++)
        g_assert_true(CALL(store, replaces_elsewhere, run.record->id, sha256, "FX30-000007", "repair", &error));
    g_autofree char *expected =
        g_strdup_printf("1|%s|%s|queued|{\"certificate\":\"%s\",\"device_id\":\"FX30-000007\",\"reason\":\"repair\"}",
                        sha256, run.record->id, sha256);
    assert_sql(folder->path, "SELECT number, key, run, state, body FROM outbox", expected);
    g_assert_true(CALL(store, outbox_park, 1, "CLOUD_DENIED", "d", &error));
    g_assert_true(CALL(store, replaces_elsewhere, run.record->id, sha256, "FX30-000007", "repair", &error));
    assert_sql(folder->path, "SELECT state FROM outbox ORDER BY number", "replaced\nqueued");
    g_assert_true(CALL(store, outbox_sent, 2, &error));
    g_assert_true(CALL(store, replaces_elsewhere, run.record->id, sha256, "FX30-000007", "repair", &error));
    assert_sql(folder->path, "SELECT count(*) FROM outbox", "2");
    g_assert_false(CALL(store, replaces_elsewhere, "no-such-job", sha256, "D", "r", &error));
    assert_code(error, RECORD_UNKNOWN);
}

/* Where a certificate is known is added to, and never forgotten. */
static void
test_known_at(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_queueing(folder->path);
    g_autoptr(GError) error = NULL;
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, 7, &error));
    g_autoptr(KlCertificate) own = make_certificate(run.key, "own");
    own->places = g_strdup("");
    g_assert_true(CALL(store, issued, run.record->id, run.unit->imei, own->spki_sha256, own, NULL, &error));
    static const char *const places[] = {"iot", "iot", "arn:aws:a", "arn:aws", "iot"};
    for (guint i = 0; i < G_N_ELEMENTS(places); i++)
        g_assert_true(CALL(store, known_at, run.record->id, own->sha256, places[i], &error));
    assert_sql(folder->path, "SELECT places FROM certificates", "iot arn:aws:a arn:aws");
    static const char *const forgotten[] = {"''", "NULL", "'iot'", "'iot arn:aws:ab'", "'arn:aws:a arn:aws iot'"};
    for (guint i = 0; i < G_N_ELEMENTS(forgotten); i++) {
        g_autofree char *sql = g_strdup_printf("sqlite3 '%s' \"UPDATE certificates SET places = %s\" 2>/dev/null",
                                               folder->path, forgotten[i]);
        g_assert_cmpint(system(sql), !=, 0);
    }
    assert_sql(folder->path, "SELECT places FROM certificates", "iot arn:aws:a arn:aws");
    g_assert_false(CALL(store, known_at, "no-such-job", own->sha256, "iot", &error));
    assert_code(error, RECORD_UNKNOWN);
}

static const FolderTest tests[] = {
    {"/outbox-anew/row", test_anew},
    {"/outbox-anew/replaces-elsewhere", test_replaces_elsewhere},
    {"/outbox-anew/known-at", test_known_at},
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
