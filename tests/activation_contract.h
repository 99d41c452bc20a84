/* What every registration table of first boot (station/activation/table.h) has to do, wherever it is: the same cases
 * for each back end. */
#pragma once

#include <pthread.h>

#include "tests/activation_claims.h"

static inline void
test_keep(Scene *scene, gconstpointer data)
{
    scene->back_end->make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    gboolean again = TRUE;
    g_autoptr(KlRegistration) was = read_row(table, DEVICE, "a", &again);
    g_autoptr(KlRegistration) row = changed(table, "requested", 3);
    g_assert_false(again);
    KlActivationChange change = change_of(was, row, "a", "answered");
    g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
    assert_told(scene, row, DEVICE, "requested|0|3");
    assert_told(scene, counts, DEVICE, "answered 1");
    assert_told(scene, seen, DEVICE, "1700000000000000|1700000000000000");

    /* a second time it is neither that row nor a new message: nothing of it happens */
    g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_CHANGED);
    g_autoptr(KlRegistration) now = read_row(table, DEVICE, "a", &again);
    g_assert_true(again);
    change = change_of(now, NULL, "a", "answered");
    g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_CHANGED);
    assert_told(scene, counts, DEVICE, "answered 1");

    /* as a redelivery, told by somebody else, then by a clock that is behind, and by one that is ahead */
    change.again = TRUE;
    change.verdict = "repeated";
    change.heard = FALSE;
    change.now_us = NOW + 1;
    g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
    change.heard = TRUE;
    change.now_us = NOW - 5;
    g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
    assert_told(scene, seen, DEVICE, "1700000000000000|1700000000000000");
    change.now_us = NOW + 5;
    g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
    assert_told(scene, seen, DEVICE, "1700000000000000|1700000000000005");
    assert_told(scene, counts, DEVICE, "answered 1 repeated 3");
    assert_told(scene, row, DEVICE, "requested|0|3");
}

/* Whichever field is another one by now: it is not the row that was judged. */
static inline void
test_every_field(Scene *scene, gconstpointer data)
{
    static const char *const changes[][2] = {{"registered", "requested"}, {"policy", "x"},  {"firmware", "x"},
                                             {"parameters", "{}"},        {"version", "1"}, {"connections", "1"}};
    scene->back_end->make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(KlRegistration) was = read_row(table, DEVICE, NULL, NULL);
        g_autoptr(KlRegistration) row = changed(table, was->registered, 9);
        scene->back_end->set(scene, changes[i][0], changes[i][1]);
        const KlActivationChange change = change_of(was, row, NULL, "counted");
        g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_CHANGED);
    }
    assert_told(scene, row, DEVICE, "requested|1|1");
    assert_told(scene, counts, DEVICE, "");
    assert_told(scene, seen, DEVICE, "");
}

static inline void
test_nobody(Scene *scene, gconstpointer data)
{
    static const char *const devices[] = {"", "FX30-999999", "FX30-000002"};
    scene->back_end->make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    for (gsize i = 0; i < G_N_ELEMENTS(devices); i++) {
        KlActivationChange change = change_of(NULL, NULL, "a", "unknown-device");
        g_assert_null(read_row(table, devices[i], "a", NULL));
        change.device = devices[i];
        g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
        assert_told(scene, row, devices[i], "");
        assert_told(scene, seen, devices[i], "");
    }
    assert_told(scene, counts, "", "unknown-device 3");
    const KlActivationChange change = change_of(NULL, NULL, "a", "unknown-device");
    g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_CHANGED); /* there is a row now */
    assert_told(scene, counts, "", "unknown-device 3");
}

/* However many messages a device sends: its last ones are known, and the others forgotten. */
static inline void
test_ids_kept(Scene *scene, gconstpointer data)
{
    scene->back_end->make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    g_autoptr(KlRegistration) was = read_row(table, DEVICE, NULL, NULL);
    for (guint i = 0; i < KL_ACTIVATION_IDS_KEPT + 5; i++) {
        g_autofree char *id = g_strdup_printf("%u", i);
        const KlActivationChange change = change_of(was, NULL, id, "x");
        g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
    }
    for (guint i = 0; i < KL_ACTIVATION_IDS_KEPT + 5; i++) {
        g_autofree char *id = g_strdup_printf("%u", i);
        gboolean again = FALSE;
        g_autoptr(KlRegistration) row = read_row(table, DEVICE, id, &again);
        g_assert_true(again == (i >= 5));
    }
}

/* --- several services at once --- */

#define RACERS 4

typedef struct {
    const BackEnd *back_end;
    KlActivationTable *table;
    const char *id; /* NULL: the row alone decides */
    pthread_barrier_t *start;
    guint kept;
} Racer;

/* Counts each round's message once, or finds that another has. */
static inline void *
race(void *data)
{
    Racer *racer = data;
    pthread_barrier_wait(racer->start);
    for (guint round = 0; round < racer->back_end->rounds; round++) {
        g_autofree char *id = racer->id != NULL ? g_strdup_printf("%s%u", racer->id, round) : NULL;
        for (KlActivationKept kept = KL_ACTIVATION_CHANGED; kept != KL_ACTIVATION_KEPT;) {
            gboolean again = FALSE;
            g_autoptr(GError) error = NULL;
            g_autoptr(KlRegistration) was = read_row(racer->table, DEVICE, id, &again);
            g_autoptr(KlRegistration) row = again ? NULL : changed(racer->table, "false", was->connections + 1);
            KlActivationChange change = change_of(was, row, id, again ? "repeated" : "counted");
            change.again = again;
            kept = CALL(racer->table, keep, &change, NULL, &error);
            if (racer->back_end->busy && kept == KL_ACTIVATION_FAILED)
                assert_code(error, ACTIVATION_BUSY);
            else
                g_assert_no_error(error);
            racer->kept += kept == KL_ACTIVATION_KEPT && !again;
        }
    }
    return NULL;
}

static inline void
run_race(Scene *scene, const char *id)
{
    scene->back_end->make_units(scene, 1);
    KlActivationTable *a = scene_open(scene);
    KlActivationTable *b = scene_open(scene);
    pthread_barrier_t start;
    KlActivationTable *const tables[RACERS] = {a, a, b, b};
    Racer racers[RACERS];
    pthread_barrier_init(&start, NULL, RACERS);
    pthread_t threads[RACERS];
    guint kept = 0;
    for (gsize i = 0; i < RACERS; i++) {
        racers[i] = (Racer){scene->back_end, tables[i], id, &start, 0};
        g_assert_cmpint(pthread_create(&threads[i], NULL, race, &racers[i]), ==, 0);
    }
    for (gsize i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        kept += racers[i].kept;
    }
    pthread_barrier_destroy(&start);
    guint rounds = scene->back_end->rounds, expected = id != NULL ? rounds : rounds * RACERS;
    g_autofree char *row = g_strdup_printf("false|0|%u", expected);
    g_autofree char *counts = id != NULL ? g_strdup_printf("counted %u repeated %u", rounds, rounds * (RACERS - 1))
                                         : g_strdup_printf("counted %u", expected);
    g_assert_cmpuint(kept, ==, expected);
    assert_told(scene, row, DEVICE, row);
    assert_told(scene, counts, DEVICE, counts);
}

static inline void
test_race_same(Scene *scene, gconstpointer data)
{
    run_race(scene, "m");
}

static inline void
test_race_own(Scene *scene, gconstpointer data)
{
    run_race(scene, NULL);
}

/* --- the engine on top --- */

static inline void
test_engine(Scene *scene, gconstpointer data)
{
    static const struct {
        const char *topic, *payload, *handled, *row;
    } table[] = {
        {SOFTWARE, "", "not-active: ", "false|0|0"},
        {CONFIRM, "{\"id\":\"0\"}", "early-confirm: ", "false|0|1"},
        {REQUEST, "{\"id\":\"1\"}", "answered: " ANSWER, "requested|0|1"},
        {REQUEST, "{\"id\":\"1\"}", "answered: " ANSWER, "requested|0|1"},
        {CONFIRM, "{\"id\":\"2\"}", "activated: ", "ok|0|1"},
        {CONFIRM, "{\"id\":\"2\"}", "repeated: ", "ok|0|1"},
        {CONFIRM, "{\"id\":\"0\"}", "repeated: ", "ok|0|1"},
        {CONFIRM, "{\"id\":\"3\"}", "counted: ", "ok|0|2"},
        {CONFIRM, "{\"id\":\"3\"}", "repeated: ", "ok|0|2"},
        {SOFTWARE, "", "no-software: ", "ok|0|2"},
        {VERSION, "{\"version\":9007199254740991,\"id\":\"4\"}", "version: ", "ok|9007199254740991|2"},
        {VERSION, "{\"version\":9007199254740991,\"id\":\"4\"}", "version: ", "ok|9007199254740991|2"},
        {VERSION, "{\"version\":5,\"id\":\"5\"}", "version: ", "ok|5|2"},
        {VERSION, "{\"version\":9007199254740991,\"id\":\"4\"}", "repeated: ", "ok|5|2"}, /* was overtaken */
        {VERSION, "{}", "malformed: ", "ok|5|2"},
        {REQUEST, "", "counted: ", "ok|5|3"},
        {"bs/device/nobody/register/request", "", "unknown-device: ", "ok|5|3"},
        {"bs/device/\xff\n/register/request", "", "malformed: ", "ok|5|3"},
        {"dm/device/" DEVICE "/update/", "x", "own: ", "ok|5|3"},
    };
    scene->back_end->make_units(scene, 1);
    KlActivationTable *kept = scene_open(scene);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = kept});
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        assert_handled(engine, table[i].topic, table[i].payload, table[i].handled);
        assert_told(scene, row, DEVICE, table[i].row);
    }
    assert_told(scene, counts, DEVICE,
                "activated 1 answered 1 counted 2 early-confirm 1 malformed 1 no-software 1 not-active 1 repeated 6 "
                "version 2");
    assert_told(scene, counts, "", "malformed 1 unknown-device 1");
}

/* --- SQLite, whose own program looks into it --- */

static void
sqlite_make_units(Scene *scene, guint n)
{
    pass_units(scene->folder.path, n);
}

static inline KlActivationTable *
sqlite_open(Scene *scene)
{
    return open_table(scene->folder.path);
}

static void
sqlite_set(Scene *scene, const char *field, const char *value)
{
    g_autofree char *sql =
        g_strdup_printf("UPDATE registration SET %s = '%s' WHERE device = '" DEVICE "'", field, value);
    g_free(sqlite(scene->folder.path, sql));
}

static inline char *
sqlite_ask(Scene *scene, const char *sql, const char *device)
{
    g_auto(GStrv) parts = g_strsplit(sql, "$", -1);
    g_autofree char *whole = g_strjoinv(device, parts);
    return sqlite(scene->folder.path, whole);
}

static inline char *
sqlite_row(Scene *scene, const char *device)
{
    return sqlite_ask(scene, "SELECT registered, version, connections FROM registration WHERE device = '$'", device);
}

static inline char *
sqlite_counts(Scene *scene, const char *device)
{
    return sqlite_ask(scene,
                      "SELECT coalesce(group_concat(verdict || ' ' || total, ' '), '') FROM"
                      " (SELECT * FROM activation_counts WHERE device = '$' ORDER BY verdict)",
                      device);
}

static inline char *
sqlite_seen(Scene *scene, const char *device)
{
    return sqlite_ask(scene, "SELECT first_seen_us, last_seen_us FROM activation_seen WHERE device = '$'", device);
}

static const BackEnd on_sqlite = {
    .name = "sqlite",
    .make_units = sqlite_make_units,
    .open = sqlite_open,
    .set = sqlite_set,
    .row = sqlite_row,
    .counts = sqlite_counts,
    .seen = sqlite_seen,
    .rounds = KL_ACTIVATION_IDS_KEPT - 2,
};

typedef struct {
    const char *name;
    void (*function)(Scene *scene, gconstpointer data);
} SceneTest;

static const SceneTest contract[] = {
    {"keep", test_keep},         {"every-field", test_every_field}, {"nobody", test_nobody},
    {"ids-kept", test_ids_kept}, {"claims", test_claims},           {"race-same", test_race_same},
    {"race-own", test_race_own}, {"engine", test_engine},           {"replaced", test_replaced},
};

static inline void
add_scenes(const BackEnd *back_end, const SceneTest *tests, gsize n_tests)
{
    for (gsize i = 0; i < n_tests; i++) {
        g_autofree char *path = g_strdup_printf("/activation-contract/%s/%s", back_end->name, tests[i].name);
        g_test_add(path, Scene, back_end, scene_set_up, tests[i].function, scene_tear_down);
    }
}
