/* The store from many threads: calls that share a transaction, and calls of every kind at once. */
#include <pthread.h>

#include "db/database.h"
#include "db/store_thread.h"
#include "store-fixture.h"
#include "tests/journal_check.h"

/* --- many threads --- */

#define THREADS 8
#define JOBS_A_THREAD 12

typedef struct {
    KlStore *store;
    guint number;
    guint64 numbers[JOBS_A_THREAD];
} Worker;

/* Jobs on this thread's own units, broken off anywhere, some of them re-provisioning. */
static void *
work(void *data)
{
    Worker *worker = data;
    g_autoptr(GRand) rand = g_rand_new_with_seed(worker->number);
    JobRun runs[2] = {{0}, {0}};
    for (guint i = 0; i < JOBS_A_THREAD; i++) {
        JobRun *run = &runs[i % 2];
        g_autoptr(GError) error = NULL;
        job_run_renew(run, worker->store, 1 + worker->number + (i % 2) * THREADS);
        run->reprovision = g_rand_int_range(rand, 0, 3) == 0 ? "random" : NULL;
        job_run_calls(run, (gsize)g_rand_int_range(rand, 1, N_JOB_CALLS + 1), &error);
        g_assert_no_error(error);
        g_assert_true(CALL(worker->store, next_number, "shared", &worker->numbers[i], &error));
        g_autoptr(GPtrArray) records =
            CALL(worker->store, records, &((KlRecordFilter){.identifier = run->unit->imei}), &error);
        g_assert_no_error(error);
        g_assert_cmpuint(records->len, <=, JOBS_A_THREAD);
    }
    job_run_clear(&runs[0]);
    job_run_clear(&runs[1]);
    return NULL;
}

static void
test_threads(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    Worker workers[THREADS] = {0};
    pthread_t threads[THREADS];
    gboolean seen[THREADS * JOBS_A_THREAD + 1] = {FALSE};
    for (guint i = 0; i < THREADS; i++) {
        workers[i] = (Worker){.store = store, .number = i};
        g_assert_cmpint(pthread_create(&threads[i], NULL, work, &workers[i]), ==, 0);
    }
    for (guint i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (guint i = 0; i < THREADS * JOBS_A_THREAD; i++) {
        guint64 number = workers[i / JOBS_A_THREAD].numbers[i % JOBS_A_THREAD];
        g_assert_cmpuint(number, >=, 1);
        g_assert_cmpuint(number, <, G_N_ELEMENTS(seen));
        g_assert_false(seen[number]); /* each number once, and none left out */
        seen[number] = TRUE;
    }
    check_invariants(folder->path);
    check_journal(folder->path);
    assert_sql(folder->path, "SELECT count(*) FROM jobs", "96");
}

/* --- calls that share a transaction --- */

#define GROUP 6

typedef struct {
    KlStoreThread *thread;
    const char *sql;
    GError *error;
    KlStoreAccess access;
    gboolean ok;
} Member;

static gboolean
member_work(sqlite3 *db, gpointer data, GError **error)
{
    return kl_database_exec(db, ((Member *)data)->sql, error);
}

static void *
member_thread(void *data)
{
    Member *member = data;
    member->ok = kl_store_thread_run(member->thread, member->access, member_work, member, &member->error);
    return NULL;
}

/* Holds the store thread up until the others have queued behind it, so that they end up in one transaction. */
typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    gboolean held, let_go;
} Gate;

static gboolean
gate_work(sqlite3 *db, gpointer data, GError **error)
{
    Gate *gate = data;
    pthread_mutex_lock(&gate->mutex);
    gate->held = TRUE;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->let_go)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
    return TRUE;
}

typedef struct {
    KlStoreThread *thread;
    Gate *gate;
} Holder;

static void *
hold(void *data)
{
    Holder *holder = data;
    g_assert_true(kl_store_thread_run(holder->thread, KL_STORE_READ, gate_work, holder->gate, NULL));
    return NULL;
}

static void
run_group(KlStoreThread *thread, Member *members, guint n, KlStoreAccess access)
{
    Gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, FALSE, FALSE};
    Holder holder = {thread, &gate};
    pthread_t holding, threads[GROUP];
    pthread_create(&holding, NULL, hold, &holder);
    pthread_mutex_lock(&gate.mutex);
    while (!gate.held)
        pthread_cond_wait(&gate.changed, &gate.mutex);
    for (guint i = 0; i < n; i++) {
        members[i].thread = thread;
        members[i].access = access;
        pthread_create(&threads[i], NULL, member_thread, &members[i]);
    }
    gate.let_go = TRUE;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.mutex);
    for (guint i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    pthread_join(holding, NULL);
}

/* One call's failure takes back what it did itself, and nothing of its neighbours. */
static void
test_group(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStoreThread) thread = kl_store_thread_new(kl_database_open(folder->path, FALSE, NULL), NULL);
    for (guint round = 0; round < 20; round++) {
        Member members[GROUP] = {{0}};
        char *sql[GROUP];
        for (guint i = 0; i < GROUP; i++) {
            gboolean bad = i % 3 == 1;
            sql[i] = g_strdup_printf("INSERT INTO counters VALUES ('number', '%u-%u', 1)%s", round, i,
                                     bad ? "; UPDATE counters SET value = 0" : "");
            members[i].sql = sql[i];
        }
        run_group(thread, members, GROUP, KL_STORE_WRITE);
        for (guint i = 0; i < GROUP; i++) {
            g_assert_cmpint(members[i].ok, ==, i % 3 != 1);
            g_assert_cmpint(members[i].ok, ==, members[i].error == NULL);
            g_clear_error(&members[i].error);
            g_free(sql[i]);
        }
    }
    assert_sql(folder->path, "SELECT count(*), count(name LIKE '%-1' OR NULL) FROM counters", "80|0");
}

/* When the transaction itself is lost, nobody in it is told "done": who was, is there. */
static void
test_group_full(Folder *folder, gconstpointer data)
{
    sqlite3 *db = kl_database_open(folder->path, FALSE, NULL);
    g_assert_true(kl_database_exec(db, "CREATE TABLE filler (name TEXT, x BLOB); PRAGMA max_page_count = 200", NULL));
    g_autoptr(KlStoreThread) thread = kl_store_thread_new(db, NULL);
    guint acknowledged = 0, refused = 0;
    for (guint round = 0; round < 10; round++) {
        Member members[GROUP] = {{0}};
        for (guint i = 0; i < GROUP; i++)
            members[i].sql = "INSERT INTO filler VALUES ('a', randomblob(30000))";
        run_group(thread, members, GROUP, KL_STORE_WRITE);
        for (guint i = 0; i < GROUP; i++) {
            if (members[i].ok)
                acknowledged++;
            else
                assert_code(members[i].error, STORE_FULL);
            refused += !members[i].ok;
            g_clear_error(&members[i].error);
        }
    }
    g_assert_cmpuint(acknowledged, >, 0);
    g_assert_cmpuint(refused, >, 0);
    g_autofree char *expected = g_strdup_printf("%u", acknowledged);
    assert_sql(folder->path, "SELECT count(*) FROM filler", expected);
}

/* A transaction that is refused only when it is committed (a reference to nothing, checked that late) is taken back
 * whole, and who comes next is not in it: whether calls share it or one has it for itself. */
static void
test_commit_refused(Folder *folder, gconstpointer data)
{
    static const struct {
        guint members;
        KlStoreAccess access;
        const char *next, *expected;
    } rows[] = {{1, KL_STORE_WRITE, "INSERT INTO counters VALUES ('test', 'a', 1)", "a"},
                {1, KL_STORE_WRITE_ALONE, "INSERT INTO counters VALUES ('test', 'b', 1)", "ab"},
                {GROUP, KL_STORE_WRITE, "INSERT INTO counters VALUES ('test', 'c', 1)", "abc"}};
    static const char refused[] = "PRAGMA defer_foreign_keys = ON;"
                                  " INSERT INTO counters VALUES ('test', hex(randomblob(8)), 1);"
                                  " INSERT INTO activation_seen VALUES (hex(randomblob(8)), 5, 5, NULL)";
    g_autoptr(KlStoreThread) thread = kl_store_thread_new(kl_database_open(folder->path, FALSE, NULL), NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Member members[GROUP], next = {.thread = thread, .sql = rows[i].next, .access = rows[i].access};
        for (guint m = 0; m < rows[i].members; m++)
            members[m] = (Member){.sql = refused};
        run_group(thread, members, rows[i].members, rows[i].access);
        for (guint m = 0; m < rows[i].members; m++) {
            assert_code(members[m].error, STORE_FAILED);
            g_assert_true(g_str_has_prefix(members[m].error->message, "COMMIT: "));
            g_clear_error(&members[m].error);
        }
        member_thread(&next);
        g_assert_no_error(next.error);
        assert_sql(folder->path, "SELECT group_concat(name, '') FROM counters", rows[i].expected);
    }
}

static const FolderTest tests[] = {
    {"/store-threads/threads", test_threads},
    {"/store-threads/group", test_group},
    {"/store-threads/group-full", test_group_full},
    {"/store-threads/commit-refused", test_commit_refused},
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
