/* What contradicts itself in a doctored database. */
#include "db/reconcile.h"
#include "tests/traced_units.h"

static void
note_kind(const KlReconcileFinding *finding, gpointer data)
{
    g_string_append_printf(data, "%d:%s ", finding->kind, finding->imei != NULL ? finding->imei + 13 : "-");
}

static char *
reconcile(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sqlite3) db = reader(path);
    GString *found = g_string_new(NULL);
    kl_reconcile(db, note_kind, found, &error);
    g_assert_no_error(error);
    return g_strchomp(g_string_free(found, FALSE));
}

static void
test_reconcile(Folder *folder, gconstpointer data)
{
    static const struct {
        const char *sql;
        const char *found;
    } cases[] = {
        {"", ""},
        /* A unit said to be provisioned whose PASS is not in the journal. */
        {"DROP TRIGGER audit_events_stay; DELETE FROM audit_events WHERE type = 'job-end' AND imei LIKE '%2'", "2:02"},
        {"DROP TRIGGER ended_jobs_are_final; DROP TRIGGER pass_needs_live_certificate;"
         " UPDATE jobs SET outcome = 'FAIL', code = 'NO_AGENT' WHERE unit LIKE '%2'",
         "2:02"},
        {"DROP TRIGGER audit_events_never_change; UPDATE audit_events SET body = replace(body, '\"PASS\"', '\"FAIL\"')"
         " WHERE type = 'job-end' AND imei LIKE '%2'",
         "2:02"},
        /* The ledger has lost a row. */
        {"PRAGMA foreign_keys = OFF; DROP TRIGGER certificates_stay; DELETE FROM certificates WHERE imei LIKE '%3'",
         "3:03"},
        /* A unit was taken out. */
        {"PRAGMA foreign_keys = OFF; DELETE FROM units WHERE imei LIKE '%1'", "0:01"},
    };
    {
        g_autoptr(KlStore) store = open_store(folder->path);
        for (guint n = 1; n <= 3; n++)
            g_free(pass_unit(store, n));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *copy = g_build_filename(folder->dir, "doctored.db", NULL);
        g_autofree char *backup = g_strdup_printf("VACUUM INTO '%s'", copy);
        g_free(sqlite(folder->path, backup));
        g_free(sqlite(copy, cases[i].sql));
        g_autofree char *found = reconcile(copy);
        g_test_message("%s", cases[i].sql);
        g_assert_cmpstr(found, ==, cases[i].found);
        g_remove(copy);
    }
}

/* Issued, and broken off before it was installed; after the install it is no longer that. */
static void
test_not_installed(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStore) store = open_store(folder->path);
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, 9, &error)); /* up to issued */
    g_autofree char *running = reconcile(folder->path);
    g_assert_cmpstr(running, ==, "");
    g_assert_true(CALL(store, interrupt_running, NULL, &error));
    g_autofree char *broken_off = reconcile(folder->path);
    g_assert_cmpstr(broken_off, ==, "1:01");
    job_run_renew(&run, store, 1);
    g_assert_true(job_run_calls(&run, 9, &error));
    g_ptr_array_add(run.record->steps, make_step("install", 1, KL_OUTCOME_PASS, NULL));
    settle(run.record, KL_OUTCOME_FAIL, "PROOF_FAILED");
    g_assert_true(CALL(store, job_end, run.record, &error));
    g_assert_no_error(error);
    g_autofree char *installed = reconcile(folder->path);
    g_assert_cmpstr(installed, ==, "");
}

int
main(int argc, char **argv)
{
    static const FolderTest tests[] = {
        {"/reconcile/doctored", test_reconcile},
        {"/reconcile/not-installed", test_not_installed},
    };
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
