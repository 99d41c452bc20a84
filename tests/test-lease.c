/* Numbers leased in blocks: none is handed out twice, by whomever, whatever happens; and what is no lease. */
#include <gio/gio.h>
#include <pthread.h>

#include "store-fixture.h"

static void
lease(KlStore *store, const char *sequence, guint64 first, guint count)
{
    g_autoptr(GError) error = NULL;
    CALL(store, lease_add, sequence, first, count, &error);
    g_assert_no_error(error);
}

static guint64
left_of(KlStore *store, const char *sequence)
{
    g_autoptr(GError) error = NULL;
    guint64 left = 99;
    g_assert_true(CALL(store, lease_left, sequence, &left, &error));
    return left;
}

/* The id that unit n, which has just been met, is given; NULL with *error. */
static char *
give(KlStore *store, guint n, const KlIdRequest *request, GError **error)
{
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, n);
    g_assert_true(job_run_calls(&run, 2, NULL));
    return CALL(store, device_id, run.unit->imei, request, error);
}

#define LEASED(name)                                                                                                   \
    {                                                                                                                  \
        .sequence = name, .pattern = "FX30-%06u", .leased = TRUE                                                       \
    }

static void
assert_given(KlStore *store, guint n, const char *sequence, const char *expected)
{
    const KlIdRequest request = LEASED(sequence);
    g_autoptr(GError) error = NULL;
    g_autofree char *id = give(store, n, &request, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(id, ==, expected);
}

static void
assert_exhausted(KlStore *store, guint n, const char *sequence)
{
    const KlIdRequest request = LEASED(sequence);
    g_autoptr(GError) error = NULL;
    g_assert_null(give(store, n, &request, &error));
    assert_code(error, IDS_EXHAUSTED);
}

/* The oldest block first, whatever its numbers; what a unit has, it keeps; the end of one store is not the end. */
static void
test_order(Folder *folder, gconstpointer data)
{
    KlStore *store = open_store(folder->path);
    g_assert_cmpuint(left_of(store, "a"), ==, 0);
    assert_exhausted(store, 1, "a");
    lease(store, "a", 501, 2);
    lease(store, "a", 1, 1);
    lease(store, "b", 501, 1);
    g_assert_cmpuint(left_of(store, "a"), ==, 3);
    assert_given(store, 1, "a", "FX30-000501");
    assert_given(store, 1, "a", "FX30-000501");
    g_assert_cmpuint(left_of(store, "a"), ==, 2);
    kl_store_free(store);
    store = open_store(folder->path);
    assert_given(store, 2, "a", "FX30-000502");
    lease(store, "a", 2, 1);
    assert_given(store, 3, "a", "FX30-000001");
    assert_given(store, 4, "a", "FX30-000002");
    assert_exhausted(store, 5, "a");
    assert_given(store, 3, "a", "FX30-000001");
    g_assert_cmpuint(left_of(store, "a"), ==, 0);
    g_assert_cmpuint(left_of(store, "b"), ==, 1);
    kl_store_free(store);
    assert_sql(folder->path, "SELECT sequence, first, size, used FROM leases ORDER BY number",
               "a|501|2|2\na|1|1|1\nb|501|1|0\na|2|1|1");
}

/* Ids that units of this station have by another way are passed over, for good: also when none is left then, so that
 * lease_left tells that it is time for the next block. */
static void
test_taken(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    const KlIdRequest local = {.sequence = "a", .pattern = "FX30-%06u"}, fixed = {.fixed = "FX30-000005"};
    for (guint n = 1; n <= 3; n++)
        g_free(give(store, n, &local, &error));
    g_free(give(store, 4, &fixed, &error));
    g_assert_no_error(error);
    lease(store, "a", 1, 3);
    assert_exhausted(store, 5, "a");
    g_assert_cmpuint(left_of(store, "a"), ==, 0);
    lease(store, "a", 4, 3);
    assert_given(store, 5, "a", "FX30-000004");
    assert_given(store, 6, "a", "FX30-000006");
    assert_exhausted(store, 7, "a");
    assert_sql(folder->path, "SELECT count(*) FROM units WHERE device_id IS NULL", "1");
}

static const struct {
    guint64 first;
    guint count;
    int code; /* 0: taken */
} blocks[] = {
    {100, 50, 0},
    {100, 50, KL_ERROR_STORE_CORRUPT}, /* the same again */
    {100, 1, KL_ERROR_STORE_CORRUPT},
    {149, 1, KL_ERROR_STORE_CORRUPT},
    {149, 100, KL_ERROR_STORE_CORRUPT},
    {51, 50, KL_ERROR_STORE_CORRUPT},
    {1, 1000, KL_ERROR_STORE_CORRUPT}, /* all around it */
    {150, 50, 0},
    {50, 50, 0},
    {1, 49, 0},
    {1, 49, KL_ERROR_STORE_CORRUPT},
    {120, 10, KL_ERROR_STORE_CORRUPT},
    {199, 2, KL_ERROR_STORE_CORRUPT},
    {0, 5, KL_ERROR_INTERNAL},
    {300, 0, KL_ERROR_INTERNAL},
    {G_MAXINT64, 1, KL_ERROR_INTERNAL},
    {G_MAXUINT64, 1, KL_ERROR_INTERNAL},
    {(guint64)G_MAXINT64 - 1, 2, KL_ERROR_INTERNAL},
    {(guint64)G_MAXINT64 - 5, 5, 0},
    {(guint64)G_MAXINT64 - 2, 1, KL_ERROR_STORE_CORRUPT},
};

static void
test_blocks(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    guint64 left = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(blocks); i++) {
        g_autoptr(GError) error = NULL;
        gboolean ok = CALL(store, lease_add, "a", blocks[i].first, blocks[i].count, &error);
        if (blocks[i].code == 0)
            g_assert_no_error(error);
        else
            g_assert_error(error, KL_ERROR, blocks[i].code);
        left += ok ? blocks[i].count : 0;
        g_assert_cmpuint(left_of(store, "a"), ==, left);
    }
    lease(store, "b", 100, 50); /* another sequence's numbers are others */
    assert_sql(folder->path,
               "SELECT count(*) FROM leases a JOIN leases b ON a.sequence = b.sequence AND a.number < b.number"
               " AND a.first < b.first + b.size AND b.first < a.first + a.size",
               "0");
}

/* --- several threads in several programs, and blocks as they come --- */

#define THREADS 4
#define PROGRAMS 3
#define UNITS_A_THREAD 25
#define BLOCK 10

typedef struct {
    KlStore *store;
    guint first_unit;
} Worker;

static void *
work(void *data)
{
    const Worker *worker = data;
    const KlIdRequest request = LEASED("shared");
    for (guint i = 0; i < UNITS_A_THREAD; i++) {
        g_autofree char *id = NULL;
        while (id == NULL) {
            g_autoptr(GError) error = NULL;
            guint64 block = 0;
            id = give(worker->store, worker->first_unit + i, &request, &error);
            if (id != NULL)
                break;
            assert_code(error, IDS_EXHAUSTED);
            g_assert_true(CALL(worker->store, next_number, "block", &block, NULL));
            lease(worker->store, "shared", 1 + (block - 1) * BLOCK, BLOCK);
        }
    }
    return NULL;
}

static int
child(const char *path, guint number)
{
    g_autoptr(KlStore) store = open_store(path);
    Worker workers[THREADS];
    pthread_t threads[THREADS];
    for (guint i = 0; i < THREADS; i++) {
        workers[i] = (Worker){store, 1 + (number * THREADS + i) * UNITS_A_THREAD};
        g_assert_cmpint(pthread_create(&threads[i], NULL, work, &workers[i]), ==, 0);
    }
    for (guint i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static char *program;

static void
test_at_once(Folder *folder, gconstpointer data)
{
    GSubprocess *programs[PROGRAMS];
    g_autoptr(GError) error = NULL;
    kl_store_free(open_store(folder->path));
    for (guint i = 0; i < PROGRAMS; i++) {
        g_autofree char *number = g_strdup_printf("%u", i);
        programs[i] = g_subprocess_new(G_SUBPROCESS_FLAGS_NONE, &error, program, "--child", folder->path, number, NULL);
        g_assert_no_error(error);
    }
    for (guint i = 0; i < PROGRAMS; i++) {
        g_assert_true(g_subprocess_wait_check(programs[i], NULL, &error));
        g_object_unref(programs[i]);
    }
    assert_sql(folder->path, "SELECT count(*), count(DISTINCT device_id) FROM units", "300|300");
    assert_sql(folder->path, "SELECT sum(used) FROM leases", "300");
    assert_sql(folder->path,
               "SELECT device_id FROM units WHERE NOT EXISTS (SELECT 1 FROM leases"
               " WHERE CAST(substr(device_id, 6) AS INTEGER) BETWEEN first AND first + used - 1)",
               "");
}

static const FolderTest tests[] = {
    {"/lease/order", test_order},
    {"/lease/taken", test_taken},
    {"/lease/blocks", test_blocks},
    {"/lease/at-once", test_at_once},
};

int
main(int argc, char **argv)
{
    if (argc == 4 && g_str_equal(argv[1], "--child"))
        return child(argv[2], (guint)atoi(argv[3]));
    program = argv[0];
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
