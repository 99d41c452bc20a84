/* The store of a process that is killed at any instant, or that is read by another process. */
#include "killed_store.h"
#include "tests/case_step.h"
#include "tests/journal_check.h"

#define THREADS 4
#define UNITS 12

/* Goes through a job as far as it comes; tells what has become durable. */
static void
work_on_unit(JobRun *run)
{
    for (gsize i = 0; i < N_JOB_CALLS; i++) {
        g_autoptr(GError) error = NULL;
        job_calls[i](run, &error);
        g_assert_no_error(error);
        if (job_calls[i] == call_begin)
            acknowledge("job %s\n", run->record->id);
        else if (job_calls[i] == call_claim && run->key == NULL && run->state->keys->len > 0)
            run->key = g_strdup(g_ptr_array_index(run->state->keys, run->state->keys->len - 1));
        else if (job_calls[i] == call_device_id)
            acknowledge("device %s %s\n", run->unit->imei, run->unit->device_id);
        else if (job_calls[i] == call_key_made)
            acknowledge("key %s %s\n", run->unit->imei, run->key != NULL ? run->key : "none");
        else if (job_calls[i] == call_issued)
            acknowledge("certificate %s %s\n", run->unit->imei, run->record->certificate_sha256);
        else if (job_calls[i] == call_end)
            acknowledge("pass %s\n", run->record->id);
    }
}

static void *
child_worker(void *data)
{
    Worker *worker = data;
    g_autoptr(GRand) rand = g_rand_new_with_seed(worker->seed);
    for (;;) {
        g_auto(JobRun) run = {.generation = g_rand_int(rand)};
        guint64 number = 0;
        guint n = 1 + worker->number + THREADS * (guint)g_rand_int_range(rand, 0, UNITS / THREADS);
        job_run_renew(&run, worker->store, n);
        run.reprovision = g_rand_int_range(rand, 0, 3) == 0 ? "random" : NULL;
        work_on_unit(&run);
        g_assert_true(CALL(worker->store, next_number, "crl", &number, NULL));
        acknowledge("number %" G_GUINT64_FORMAT "\n", number);
    }
    return NULL;
}

static int
child(const char *path, guint32 seed, int after)
{
    void *(*const functions[THREADS])(void *) = {child_worker, child_worker, child_worker, child_worker};
    g_autoptr(GError) error = NULL;
    KlStore *store = kl_store_sqlite_open(path, FALSE, &error);
    g_assert_no_error(error);
    g_assert_true(CALL(store, interrupt_running, NULL, &error));
    kill_after = after;
    start_workers(store, functions, THREADS, seed);
    pause();
    return 1;
}

static char *program;

/* What an acknowledgement promised. data: the set of numbers that were handed out. */
static char *
promise_sql(char **word, gpointer data)
{
    GHashTable *numbers = data;
    if (g_strcmp0(word[2], "none") == 0)
        return NULL;
    if (g_str_equal(word[0], "job"))
        return g_strdup_printf("SELECT count(*) FROM jobs WHERE id = '%s'", word[1]);
    if (g_str_equal(word[0], "device"))
        return g_strdup_printf("SELECT count(*) FROM units WHERE imei = '%s' AND device_id = '%s'", word[1], word[2]);
    if (g_str_equal(word[0], "key"))
        return g_strdup_printf("SELECT count(*) FROM keys WHERE imei = '%s' AND spki_sha256 = '%s'", word[1], word[2]);
    if (g_str_equal(word[0], "certificate"))
        return g_strdup_printf("SELECT count(*) FROM certificates WHERE imei = '%s' AND sha256 = '%s'", word[1],
                               word[2]);
    if (g_str_equal(word[0], "pass"))
        return g_strdup_printf("SELECT count(*) FROM jobs JOIN transcripts ON job = id WHERE id = '%s'"
                               " AND outcome = 'PASS' AND (SELECT count(*) FROM steps WHERE job = id) = 2",
                               word[1]);
    g_assert_cmpstr(word[0], ==, "number");
    g_assert_true(g_hash_table_add(numbers, g_strdup(word[1]))); /* never handed out twice */
    return g_strdup_printf("SELECT value >= %s FROM counters WHERE name = 'crl'", word[1]);
}

static void
test_killed(Folder *folder, gconstpointer data)
{
    g_autoptr(GHashTable) numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint round = 0; round < 12; round += CASE_STEP) {
        guint after = (guint)g_test_rand_int_range(1, 120);
        g_autofree char *acknowledged = run_child(program, folder->path, (guint)g_test_rand_int() % 1000000, after);
        check_promises(folder->path, acknowledged, promise_sql, numbers);
        assert_sql(folder->path, "PRAGMA integrity_check", "ok");
        assert_sql(folder->path, "PRAGMA foreign_key_check", "");
        assert_sql(folder->path, "SELECT imei FROM certificates WHERE status = 'live' GROUP BY 1 HAVING count(*) > 1",
                   "");
        assert_sql(folder->path, "SELECT count(*) - count(DISTINCT device_id) FROM units WHERE device_id NOT NULL",
                   "0");
        check_journal(folder->path);
    }

    /* Whatever was broken off: every unit can be finished. */
    g_autoptr(KlStore) store = open_store(folder->path);
    g_assert_true(CALL(store, interrupt_running, NULL, NULL));
    for (guint n = 1; n <= UNITS; n++) {
        g_auto(JobRun) run = {.generation = g_random_int()};
        g_autoptr(GError) error = NULL;
        job_run_renew(&run, store, n);
        g_assert_true(job_run_calls(&run, 2, &error));
        if (run.state->keys->len > 0)
            run.key = g_strdup(g_ptr_array_index(run.state->keys, 0));
        for (gsize i = 2; i < N_JOB_CALLS; i++) {
            job_calls[i](&run, &error);
            g_assert_no_error(error);
        }
    }
    assert_sql(folder->path, "SELECT count(*) FROM units WHERE provisioned", "12");
    assert_sql(folder->path, "SELECT count(*) FROM certificates WHERE status = 'live'", "12");
    check_journal(folder->path);
}

/* Another process works on units while this one reads: each answer is a state that was committed. */
static void
test_two_processes(Folder *folder, gconstpointer data)
{
    kl_store_free(open_store(folder->path));
    g_autoptr(GError) error = NULL;
    const char *argv[] = {program, "--child", folder->path, "7", "400", NULL};
    GPid pid;
    int out = -1;
    g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL, &out, NULL,
                             &error);
    g_assert_no_error(error);
    g_autoptr(KlStore) reader = kl_store_sqlite_open(folder->path, TRUE, &error);
    g_assert_no_error(error);
    guint before = 0;
    char buffer[4096];
    while (read(out, buffer, sizeof buffer) > 0) {
        g_autoptr(GPtrArray) records = CALL(reader, records, &(KlRecordFilter){0}, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(records->len, >=, before);
        before = records->len;
        g_autoptr(GPtrArray) live = CALL(reader, ledger, NULL, KL_CERTIFICATE_LIVE, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(live->len, <=, UNITS);
    }
    g_assert_cmpuint(before, >, 0);
    close(out);
    waitpid(pid, NULL, 0);
    g_spawn_close_pid(pid);
}

static const FolderTest tests[] = {
    {"/store-killed/killed", test_killed},
    {"/store-killed/two-processes", test_two_processes},
};

int
main(int argc, char **argv)
{
    if (argc == 5 && g_str_equal(argv[1], "--child"))
        return child(argv[2], (guint32)atoi(argv[3]), atoi(argv[4]));
    program = argv[0];
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
