/* The store's outbox against a model of it: thousands of random acts, each followed by the same questions to both. A
 * cloud that takes what is sent shows what the rules are for: nothing is lost, nothing older comes after newer. */
#include "store-fixture.h"

#define KEYS 5
#define ACTS 600

typedef struct {
    guint key;     /* of its unit, 0 .. */
    guint version; /* of what is to be sent */
    const char *state;
    guint attempts;
    gint64 next_us;
    const char *code;
} ModelRow;

typedef struct {
    const char *path;
    KlStore *store;
    GRand *rand;
    JobRun runs[KEYS];
    guint version;
    guint newest[KEYS]; /* the version that was queued last */
    guint cloud[KEYS];  /* the version that the cloud has; 0: none */
    GArray *rows;       /* ModelRow; its place is its number, minus one */
    gint64 now_us;
    gint64 flying; /* number of the row that is on its way; 0: none */
} World;

static ModelRow *
model_row(const World *world, gint64 number)
{
    return &g_array_index(world->rows, ModelRow, number - 1);
}

static gboolean
is(const ModelRow *row, const char *state)
{
    return g_str_equal(row->state, state);
}

static guint
pick(World *world, guint end)
{
    return (guint)g_rand_int_range(world->rand, 0, (gint32)end);
}

/* --- acts, on the store and on the model --- */

static void
act_queue(World *world)
{
    guint key = pick(world, KEYS);
    JobRun *run = &world->runs[key];
    g_autoptr(GError) error = NULL;
    g_autoptr(KlRegistration) row = make_row(run->unit->device_id);
    ModelRow fresh = {.key = key, .version = ++world->version, .state = "queued"};
    g_free(row->policy);
    row->policy = g_strdup_printf("%u", fresh.version);
    CALL(world->store, registered, run->record->id, run->unit->imei, row, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < world->rows->len; i++) {
        ModelRow *older = model_row(world, i + 1);
        if (older->key == key && (is(older, "queued") || is(older, "parked")))
            older->state = "replaced";
    }
    g_array_append_val(world->rows, fresh);
    world->newest[key] = fresh.version;
}

static void
act_take(World *world)
{
    g_autoptr(GError) error = NULL;
    gint64 expected = 0, expected_us = G_MAXINT64, next_us = -1;
    for (guint i = 0; i < world->rows->len; i++) {
        const ModelRow *row = model_row(world, i + 1);
        if (is(row, "queued") && row->next_us <= world->now_us && expected == 0)
            expected = i + 1;
        if (is(row, "queued"))
            expected_us = MIN(expected_us, row->next_us);
    }
    g_autoptr(KlOutboxRow) row =
        CALL(world->store, outbox_next, KL_OUTBOX_REGISTRATION, world->now_us, &next_us, &error);
    g_assert_no_error(error);
    g_assert_cmpint(row != NULL ? row->number : 0, ==, expected);
    if (row == NULL)
        g_assert_cmpint(next_us, ==, expected_us);
    world->flying = expected;
}

static void
act_arrive(World *world)
{
    if (world->flying == 0)
        return;
    ModelRow *row = model_row(world, world->flying);
    g_assert_cmpuint(row->version, >, world->cloud[row->key]);
    world->cloud[row->key] = row->version;
    g_assert_true(CALL(world->store, outbox_sent, world->flying, NULL));
    row->state = "sent";
    row->attempts++;
    world->flying = 0;
}

static void
act_fail(World *world)
{
    if (world->flying == 0)
        return;
    ModelRow *row = model_row(world, world->flying);
    gint64 next_us = world->now_us + pick(world, 40);
    const char *code = pick(world, 2) == 0 ? "NET_DOWN" : "CLOUD_THROTTLED";
    g_assert_true(CALL(world->store, outbox_failed, world->flying, code, "detail", next_us, NULL));
    if (is(row, "queued")) {
        row->attempts++;
        row->next_us = next_us;
        row->code = code;
    }
    world->flying = 0;
}

static void
act_poison(World *world)
{
    if (world->flying == 0)
        return;
    ModelRow *row = model_row(world, world->flying);
    g_assert_true(CALL(world->store, outbox_park, world->flying, "CLOUD_CONFLICT", "detail", NULL));
    if (is(row, "queued")) {
        row->attempts++;
        row->code = "CLOUD_CONFLICT";
        row->state = "parked";
    }
    world->flying = 0;
}

static void
act_put_aside(World *world)
{
    gint64 number = 1 + pick(world, MAX(world->rows->len, 1));
    gboolean known = number <= world->rows->len;
    g_assert_cmpint(CALL(world->store, outbox_park, number, NULL, NULL, NULL), ==, known);
    if (known && is(model_row(world, number), "queued"))
        model_row(world, number)->state = "parked";
}

static void
act_retry(World *world)
{
    gint64 number = 1 + pick(world, MAX(world->rows->len, 1));
    gboolean open = number <= world->rows->len &&
                    (is(model_row(world, number), "queued") || is(model_row(world, number), "parked"));
    g_assert_cmpint(CALL(world->store, outbox_retry, number, NULL), ==, open);
    if (open) {
        model_row(world, number)->state = "queued";
        model_row(world, number)->next_us = 0;
    }
}

static void
act_retry_all(World *world)
{
    g_assert_true(CALL(world->store, outbox_retry, 0, NULL));
    for (guint i = 0; i < world->rows->len; i++) {
        ModelRow *row = model_row(world, i + 1);
        if (is(row, "queued") || is(row, "parked")) {
            row->state = "queued";
            row->next_us = 0;
        }
    }
}

static void
act_restart(World *world)
{
    kl_store_free(world->store);
    world->store = open_store(world->path);
    CALL(world->store, use_outbox, TRUE);
    for (guint i = 0; i < KEYS; i++)
        world->runs[i].store = world->store;
    world->flying = 0; /* its answer is lost */
}

static const struct {
    void (*act)(World *world);
    guint weight;
} acts[] = {{act_queue, 10},    {act_take, 14}, {act_arrive, 8},    {act_fail, 5},   {act_poison, 2},
            {act_put_aside, 1}, {act_retry, 2}, {act_retry_all, 1}, {act_restart, 1}};

static void
act_at_random(World *world)
{
    guint total = 0, i = 0;
    for (gsize n = 0; n < G_N_ELEMENTS(acts); n++)
        total += acts[n].weight;
    guint chosen = pick(world, total);
    while (chosen >= acts[i].weight)
        chosen -= acts[i++].weight;
    acts[i].act(world);
    world->now_us += pick(world, 10);
}

/* --- the same questions to both, and to the sqlite3 program --- */

static void
compare_tables(const World *world)
{
    g_autoptr(GString) expected = g_string_new(NULL);
    for (guint i = 0; i < world->rows->len; i++) {
        const ModelRow *row = model_row(world, i + 1);
        g_string_append_printf(expected, "%s%u|FX30-%06u|%u|%s|%u|%" G_GINT64_FORMAT "|%s", i > 0 ? "\n" : "", i + 1,
                               row->key + 1, row->version, row->state, row->attempts,
                               is(row, "queued") ? row->next_us : 0, row->code != NULL ? row->code : "");
    }
    assert_sql(world->path,
               "SELECT number, key, json_extract(body, '$.policy'), state, attempts, iif(state = 'queued', next_us, 0),"
               " last_code FROM outbox ORDER BY number",
               expected->str);
    assert_sql(world->path,
               "SELECT state, total, counted FROM outbox_totals LEFT JOIN (SELECT state, count(*) AS counted"
               " FROM outbox GROUP BY state) USING (state) WHERE total <> coalesce(counted, 0)",
               "");
}

static guint
count_state(const World *world, const char *state, gint64 *first)
{
    guint count = 0;
    for (guint i = 0; i < world->rows->len; i++) {
        if (is(model_row(world, i + 1), state) && count++ == 0)
            *first = i + 1;
    }
    return count;
}

static void
compare_answers(const World *world)
{
    static const char *const names[] = {"queued", "sent", "parked"};
    g_autoptr(GError) error = NULL;
    g_auto(KlOutboxCounts) counts = {0};
    guint found[3], all = 0;
    for (guint state = 0; state < 3; state++) {
        gint64 first = 0;
        g_autoptr(GPtrArray) rows = CALL(world->store, outbox_rows, (int)state, 0, &error);
        g_autoptr(GPtrArray) one = CALL(world->store, outbox_rows, (int)state, 1, &error);
        g_assert_no_error(error);
        found[state] = count_state(world, names[state], &first);
        all += found[state];
        g_assert_cmpuint(rows->len, ==, found[state]);
        g_assert_cmpuint(one->len, ==, MIN(found[state], 1));
        if (first != 0)
            g_assert_cmpint(((KlOutboxRow *)g_ptr_array_index(one, 0))->number, ==, first);
    }
    g_autoptr(GPtrArray) rows = CALL(world->store, outbox_rows, -1, 0, &error);
    g_assert_cmpuint(rows->len, ==, all);
    g_assert_true(CALL(world->store, outbox_counts, &counts, &error));
    g_assert_cmpuint(counts.queued, ==, found[0]);
    g_assert_cmpuint(counts.sent, ==, found[1]);
    g_assert_cmpuint(counts.parked, ==, found[2]);
    g_assert_cmpint(counts.oldest_us != 0, ==, found[0] > 0);
    for (guint key = 0; key < KEYS; key++) {
        g_autofree char *device = g_strdup_printf("FX30-%06u", key + 1);
        g_autofree char *version = g_strdup_printf("\"policy\":\"%u\"", world->newest[key]);
        g_autoptr(KlOutboxRow) row = CALL(world->store, outbox_row, KL_OUTBOX_REGISTRATION, device, &error);
        g_assert_no_error(error);
        g_assert_cmpint(row != NULL, ==, world->newest[key] != 0);
        g_assert_true(row == NULL || strstr(row->body, version) != NULL);
    }
}

/* In the end everything that was put aside is tried again, and everything arrives: the cloud has the newest of all. */
static void
drain(World *world)
{
    act_retry_all(world);
    for (act_take(world); world->flying != 0; act_take(world))
        act_arrive(world);
    for (guint key = 0; key < KEYS; key++)
        g_assert_cmpuint(world->cloud[key], ==, world->newest[key]);
    compare_tables(world);
}

static void
test_random(Folder *folder, gconstpointer data)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)g_test_rand_int());
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(ModelRow));
    World world = {.path = folder->path, .store = open_store(folder->path), .rand = rand, .rows = rows};
    CALL(world.store, use_outbox, TRUE);
    for (guint i = 0; i < KEYS; i++) {
        g_autoptr(GError) error = NULL;
        job_run_renew(&world.runs[i], world.store, i + 1);
        job_run_calls(&world.runs[i], 3, &error);
        g_assert_no_error(error);
    }
    for (guint i = 0; i < ACTS; i++) {
        act_at_random(&world);
        compare_answers(&world);
        if (i % 40 == 0)
            compare_tables(&world);
    }
    drain(&world);
    for (guint i = 0; i < KEYS; i++)
        job_run_clear(&world.runs[i]);
    kl_store_free(world.store);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_test("/outbox-random/model", NULL, test_random);
    return g_test_run();
}
