/* The outbox and leased numbers of a process that is killed at any instant: whatever was kept was queued with it, and
 * nothing that was queued is lost; no number is handed out twice. */
#include "killed_store.h"
#include "tests/case_step.h"

#define WORKERS 4
#define THREADS (WORKERS + 1)
#define UNITS 40
#define BLOCK 7

static gboolean
work_on_unit(JobRun *run, guint policy, GError **error)
{
    KlIdRequest request = {.sequence = "shared", .pattern = "FX30-%06u", .leased = TRUE};
    if (!job_run_calls(run, 2, error))
        return FALSE;
    run->unit->device_id = CALL(run->store, device_id, run->unit->imei, &request, error);
    if (run->unit->device_id == NULL)
        return FALSE;
    acknowledge("device %s %s\n", run->unit->imei, run->unit->device_id);
    if (run->key == NULL && run->state->keys->len > 0)
        run->key = g_strdup(g_ptr_array_index(run->state->keys, run->state->keys->len - 1));
    for (gsize i = 3; i < N_JOB_CALLS - 3; i++) {
        if (!job_calls[i](run, error))
            return FALSE;
    }
    g_autoptr(KlRegistration) row = make_row(run->unit->device_id);
    g_free(row->policy);
    row->policy = g_strdup_printf("%u", policy);
    if (!CALL(run->store, registered, run->record->id, run->unit->imei, row, error))
        return FALSE;
    acknowledge("row %s %s\n", run->record->id, run->unit->device_id);
    if (!call_end(run, error))
        return FALSE;
    acknowledge("record %s\n", run->record->id);
    return TRUE;
}

/* A new block, after all others. */
static void
lease_block(KlStore *store)
{
    g_autoptr(GError) error = NULL;
    guint64 block = 0;
    g_assert_true(CALL(store, next_number, "block", &block, &error));
    g_assert_true(CALL(store, lease_add, "shared", block * 100, BLOCK, &error));
    acknowledge("block %" G_GUINT64_FORMAT "\n", block * 100);
}

/* Jobs on this thread's own units; some are re-provisioned, some certificates revoked. */
static void *
worker_thread(void *data)
{
    Worker *worker = data;
    g_autoptr(GRand) rand = g_rand_new_with_seed(worker->seed);
    for (;;) {
        g_auto(JobRun) run = {.generation = g_rand_int(rand)};
        g_autoptr(GError) error = NULL;
        guint n = 1 + worker->number + WORKERS * (guint)g_rand_int_range(rand, 0, UNITS / WORKERS);
        job_run_renew(&run, worker->store, n);
        run.reprovision = g_rand_int_range(rand, 0, 3) == 0 ? "random" : NULL;
        if (!work_on_unit(&run, g_rand_int(rand), &error)) {
            assert_code(error, IDS_EXHAUSTED);
            lease_block(worker->store);
        }
        if (run.issued != NULL && g_rand_int_range(rand, 0, 6) == 0) {
            g_assert_true(CALL(worker->store, revoke, run.issued, "random", NULL));
            acknowledge("revoked %s\n", run.issued);
        }
    }
    return NULL;
}

/* Sends what there is; some rows fail, some are poison. */
static void *
sender_thread(void *data)
{
    Worker *worker = data;
    g_autoptr(GRand) rand = g_rand_new_with_seed(worker->seed);
    for (;;) {
        g_autoptr(GError) error = NULL;
        KlOutboxKind kind = (KlOutboxKind)g_rand_int_range(rand, 0, KL_OUTBOX_KINDS);
        g_autoptr(KlOutboxRow) row = CALL(worker->store, outbox_next, kind, g_get_real_time(), NULL, &error);
        g_assert_no_error(error);
        if (row == NULL) {
            g_assert_true(CALL(worker->store, outbox_retry, 0, NULL));
            continue;
        }
        guint fate = (guint)g_rand_int_range(rand, 0, 6);
        if (fate == 0)
            CALL(worker->store, outbox_failed, row->number, "NET_DOWN", "d", g_get_real_time() + 1000, &error);
        else if (fate == 1)
            CALL(worker->store, outbox_park, row->number, "CLOUD_CONFLICT", "d", &error);
        else if (CALL(worker->store, outbox_sent, row->number, &error))
            acknowledge("sent %" G_GINT64_FORMAT "\n", row->number);
        g_assert_no_error(error);
    }
    return NULL;
}

static int
child(const char *path, guint32 seed, int after)
{
    void *(*const functions[THREADS])(void *) = {worker_thread, worker_thread, worker_thread, worker_thread,
                                                 sender_thread};
    g_autoptr(GError) error = NULL;
    KlStore *store = kl_store_sqlite_open(path, FALSE, &error);
    g_assert_no_error(error);
    CALL(store, use_outbox, TRUE);
    g_assert_true(CALL(store, interrupt_running, NULL, &error));
    kill_after = after;
    start_workers(store, functions, THREADS, seed);
    pause();
    return 1;
}

static char *
promise_sql(char **words, gpointer data)
{
    if (g_str_equal(words[0], "device"))
        return g_strdup_printf("SELECT count(*) FROM units WHERE imei = '%s' AND device_id = '%s'", words[1], words[2]);
    if (g_str_equal(words[0], "row"))
        return g_strdup_printf("SELECT count(*) >= 1 FROM outbox WHERE kind = 'registration' AND key = '%s'", words[2]);
    if (g_str_equal(words[0], "record"))
        return g_strdup_printf("SELECT count(*) FROM outbox WHERE kind = 'record' AND key = '%s'", words[1]);
    if (g_str_equal(words[0], "revoked"))
        return g_strdup_printf("SELECT count(*) >= 1 FROM outbox WHERE kind = 'cleanup' AND key = '%s'", words[1]);
    if (g_str_equal(words[0], "sent"))
        return g_strdup_printf("SELECT count(*) FROM outbox WHERE number = %s AND state = 'sent'", words[1]);
    g_assert_cmpstr(words[0], ==, "block");
    return g_strdup_printf("SELECT count(*) FROM leases WHERE first = %s", words[1]);
}

/* Questions that have to find nothing: rows of tables that are not in the outbox as they are, or the other way round.
 * A registration row that its unit's passing has frozen, or that came again as it was, is the one queued last. */
static const char *const contradictions[] = {
    "SELECT 'record', id FROM jobs WHERE (outcome <> 'RUNNING' AND imei NOT NULL) <>"
    " (SELECT count(*) FROM outbox WHERE kind = 'record' AND key = id)",
    "SELECT 'outcome', id FROM jobs JOIN outbox ON kind = 'record' AND key = id"
    " WHERE json_extract(body, '$.outcome') <> outcome OR json_extract(body, '$.certificate') IS NOT certificate",
    "SELECT 'registration', device FROM registration WHERE (SELECT json_extract(body, '$.policy') FROM outbox"
    " WHERE kind = 'registration' AND key = device ORDER BY number DESC LIMIT 1) IS NOT policy",
    "SELECT 'cleanup', sha256 FROM certificates WHERE (status = 'live') ="
    " EXISTS (SELECT 1 FROM outbox WHERE kind = 'cleanup' AND key = sha256)",
    "SELECT 'replaced', o.number FROM outbox o WHERE state = 'replaced' AND NOT EXISTS"
    " (SELECT 1 FROM outbox WHERE kind = o.kind AND key = o.key AND number > o.number)",
    "SELECT 'total', state FROM outbox_totals t WHERE total <> (SELECT count(*) FROM outbox WHERE state = t.state)",
    "SELECT 'gap' WHERE (SELECT count(*) FROM outbox) <> (SELECT coalesce(max(number), 0) FROM outbox)",
    "SELECT 'device', device_id FROM units WHERE device_id NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM leases WHERE CAST(substr(device_id, 6) AS INTEGER) BETWEEN first AND first + used - 1)",
    "SELECT 'used', sum(used) FROM leases HAVING sum(used) <>"
    " (SELECT count(DISTINCT device_id) FROM units WHERE device_id NOT NULL)",
    "PRAGMA foreign_key_check",
};

static char *program;

static void
test_killed(Folder *folder, gconstpointer data)
{
    for (guint round = 0; round < 12; round += CASE_STEP) {
        guint after = (guint)g_test_rand_int_range(1, 150);
        g_autofree char *told = run_child(program, folder->path, (guint)g_test_rand_int() % 1000000, after);
        check_promises(folder->path, told, promise_sql, NULL);
        assert_sql(folder->path, "PRAGMA integrity_check", "ok");
        for (gsize i = 0; i < G_N_ELEMENTS(contradictions); i++)
            assert_sql(folder->path, contradictions[i], "");
    }

    /* Whatever was broken off: all of it can still be sent. */
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    g_assert_true(CALL(store, outbox_retry, 0, &error));
    for (int kind = 0; kind < KL_OUTBOX_KINDS;) {
        g_autoptr(KlOutboxRow) row = CALL(store, outbox_next, (KlOutboxKind)kind, 0, NULL, &error);
        g_assert_no_error(error);
        if (row != NULL)
            g_assert_true(CALL(store, outbox_sent, row->number, &error));
        else
            kind++;
    }
    assert_sql(folder->path, "SELECT count(*) FROM outbox WHERE state NOT IN ('sent', 'replaced')", "0");
}

int
main(int argc, char **argv)
{
    if (argc == 5 && g_str_equal(argv[1], "--child"))
        return child(argv[2], (guint32)atoi(argv[3]), atoi(argv[4]));
    program = argv[0];
    g_test_init(&argc, &argv, NULL);
    add_test("/outbox-killed/killed", NULL, test_killed);
    return g_test_run();
}
