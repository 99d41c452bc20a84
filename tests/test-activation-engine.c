/* Messages through the engine on a real SQLite file: whole first boots, redeliveries, rows that change meanwhile, a
 * process that is killed between keeping and publishing, two services at once. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/activation_rig.h"

/* --- first boots --- */

/* A shelf that has "main" alone, unless it is broken. */
static KlErrorCode shelf_error;

static KlSoftware *
shelf_find(KlSoftwareShelf *shelf, const char *name, KlOp *op, GError **error)
{
    if (shelf_error != 0 || !g_str_equal(name, "main")) {
        kl_fail(error, shelf_error != 0 ? shelf_error : KL_ERROR_RECORD_UNKNOWN, "no %s", name);
        return NULL;
    }
    KlSoftware *software = g_new0(KlSoftware, 1);
    *software = (KlSoftware){3, g_bytes_new("abc", 3), g_strdup("MAYCAQECAQE=")};
    return software;
}

static const KlSoftwareShelfClass shelf_class = {.find = shelf_find};
static KlSoftwareShelf shelf = {&shelf_class};

/* What the journal was told last, and how many times so far. */
#define LAST_TOLD "SELECT body -> '$.data.message' FROM audit_events WHERE type = 'activation' ORDER BY n DESC LIMIT 1"
#define TOLD "SELECT count(*) FROM audit_events WHERE type = 'activation'"

static void
test_first_boot(Folder *folder, gconstpointer data)
{
    static const struct {
        const char *topic;
        const char *payload;
        const char *handled;
        const char *row;
        const char *told; /* so many events by now */
        const char *note; /* NULL: not looked at */
    } table[] = {
        {SOFTWARE, "", "not-active: ", "false|0|0", "1",
         "{\"detail\":\"false\",\"device\":\"" DEVICE "\",\"topic\":\"" SOFTWARE
         "\",\"verdict\":\"not-active\",\"was\":\"false\"}"},
        {REQUEST, "{\"id\":\"1\"}", "answered: " ANSWER, "requested|0|0", "2",
         "{\"connections\":0,\"device\":\"" DEVICE "\",\"id\":\"1\",\"registered\":\"requested\",\"topic\":\"" REQUEST
         "\",\"verdict\":\"answered\",\"version\":0,\"was\":\"false\"}"},
        {REQUEST, "{\"id\":\"1\"}", "answered: " ANSWER, "requested|0|0", "2", NULL},
        {CONFIRM, "{\"id\":\"2\"}", "activated: ", "ok|0|0", "3", NULL},
        {CONFIRM, "{\"id\":\"2\"}", "repeated: ", "ok|0|0", "3", NULL},
        {CONFIRM, "{\"id\":\"3\"}", "counted: ", "ok|0|1", "4", NULL},
        {CONFIRM, "{\"id\":\"3\"}", "repeated: ", "ok|0|1", "4", NULL},
        {SOFTWARE, "", "software: dm/device/" DEVICE "/update/parameters/ dm/device/" DEVICE "/update/ ", "ok|0|1", "5",
         NULL},
        {VERSION, "{\"version\":3,\"id\":\"4\"}", "version: ", "ok|3|1", "6", NULL},
        {VERSION, "{\"version\":3,\"id\":\"4\"}", "version: ", "ok|3|1", "6", NULL},
        {VERSION, "{}", "malformed: ", "ok|3|1", "7", NULL},
        {REQUEST, "", "counted: ", "ok|3|2", "8",
         "{\"alarm\":true,\"connections\":2,\"device\":\"" DEVICE "\",\"registered\":\"ok\",\"topic\":\"" REQUEST
         "\",\"verdict\":\"counted\",\"version\":3,\"was\":\"ok\"}"},
    };
    pass_units(folder->path, 1);
    g_autoptr(KlActivationTable) sqlite_table = open_table(folder->path);
    g_autoptr(KlActivationEngine) engine =
        make_engine(&(KlActivationParts){.rules = {.connections_alarm = 1}, .table = sqlite_table, .software = &shelf});
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        assert_handled(engine, table[i].topic, table[i].payload, table[i].handled);
        assert_row(folder->path, table[i].row);
        assert_sql(folder->path, TOLD, table[i].told);
        if (table[i].note != NULL)
            assert_sql(folder->path, LAST_TOLD, table[i].note);
    }
    assert_counts(folder->path, DEVICE,
                  "activated 1 answered 1 counted 2 malformed 1 not-active 1 repeated 4 software 1 version 1");
}

/* What must not change anything, nor use up an id of the device's. */
static void
test_refused(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, 1);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    KlActivationMessage foreign = message_of(REQUEST, "{\"id\":\"1\"}"), retained = foreign, own = foreign;
    foreign.sender = "FX30-000002";
    retained.retained = TRUE;
    own.topic = "bs/device/" DEVICE "/parameters/";
    const KlActivationMessage *const messages[] = {&foreign, &retained, &own};
    static const char *const expected[] = {"foreign: ", "retained: ", "own: "};
    for (gsize i = 0; i < G_N_ELEMENTS(messages); i++) {
        g_autofree char *handled = handle_message(engine, messages[i]);
        g_assert_cmpstr(handled, ==, expected[i]);
    }
    assert_sql(folder->path, "SELECT count(*) FROM activation_seen", "0");
    assert_sql(folder->path, "SELECT count(*) FROM activation_messages", "0");
    assert_handled(engine, "bs/device/nobody/register/request", "", "unknown-device: ");
    assert_handled(engine, "bs/device/\xff\n/register/request", "", "malformed: ");
    assert_counts(folder->path, DEVICE, "foreign 1 retained 1");
    assert_counts(folder->path, "", "malformed 1 unknown-device 1");
    assert_row(folder->path, "false|0|0");
    assert_sql(folder->path, TOLD, "4");
    assert_sql(folder->path, LAST_TOLD,
               "{\"detail\":\"not a topic of this system\",\"topic\":\"bs/device/\xef\xbf\xbd\\n/register/request\","
               "\"verdict\":\"malformed\"}");

    /* a redelivery of somebody else's is still somebody else's */
    assert_handled(engine, REQUEST, "{\"id\":\"1\"}", "answered: " ANSWER);
    g_autofree char *replayed = handle_message(engine, &foreign);
    g_assert_cmpstr(replayed, ==, "foreign: ");
    assert_counts(folder->path, DEVICE, "answered 1 foreign 2 retained 1");
}

/* Without an id, the broker's word is all there is. */
static void
test_without_id(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, 1);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    KlActivationMessage message = message_of(REQUEST, "");
    message.again = TRUE; /* its first delivery was to somebody who died */
    g_autofree char *first = handle_message(engine, &message);
    g_assert_cmpstr(first, ==, "answered: " ANSWER);
    assert_handled(engine, CONFIRM, "", "activated: ");
    g_autofree char *second = handle_message(engine, &message);
    g_assert_cmpstr(second, ==, "repeated: ");
    assert_row(folder->path, "ok|0|0");
    /* an id that was not seen is stronger than the broker's word */
    message = message_of(REQUEST, "{\"id\":\"new\"}");
    message.again = TRUE;
    g_autofree char *third = handle_message(engine, &message);
    g_assert_cmpstr(third, ==, "counted: ");
    assert_row(folder->path, "ok|0|1");
}

static void
test_software(Folder *folder, gconstpointer data)
{
    static const struct {
        KlErrorCode error;
        const char *expected;
    } table[] = {
        {KL_ERROR_RECORD_UNKNOWN, "no-software: "},
        {KL_ERROR_CONFIG_INVALID, "no-software: "},
        {KL_ERROR_NET_DOWN, "NET_DOWN"},
        {KL_ERROR_STORE_FAILED, "STORE_FAILED"},
    };
    pass_units(folder->path, 1);
    g_autoptr(KlActivationTable) sqlite_table = open_table(folder->path);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = sqlite_table, .software = &shelf});
    g_autoptr(KlActivationEngine) without = make_engine(&(KlActivationParts){.table = sqlite_table});
    assert_handled(engine, REQUEST, "", "answered: " ANSWER);
    assert_handled(engine, CONFIRM, "", "activated: ");
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        shelf_error = table[i].error;
        assert_handled(engine, SOFTWARE, "", table[i].expected);
    }
    shelf_error = (KlErrorCode)0;
    assert_handled(without, SOFTWARE, "", "no-software: ");
    assert_counts(folder->path, DEVICE, "activated 1 answered 1 no-software 3");
}

/* --- rows that change between reading and keeping --- */

typedef struct {
    KlActivationTable base;
    KlActivationTable *real;
    const char *path;
    const char *sql; /* run after a read, so many times */
    guint times;
    guint reads;
} Meddler;

static gboolean
meddle_read(KlActivationTable *table, const char *device, const char *id, KlActivationView *view, KlOp *op,
            GError **error)
{
    Meddler *self = (Meddler *)table;
    self->reads++;
    gboolean ok = CALL(self->real, read, device, id, view, op, error);
    if (self->times > 0) {
        self->times--;
        g_free(sqlite(self->path, self->sql));
    }
    return ok;
}

static KlActivationKept
meddle_keep(KlActivationTable *table, const KlActivationChange *change, KlOp *op, GError **error)
{
    return CALL(((Meddler *)table)->real, keep, change, op, error);
}

static const KlActivationTableClass meddler_class = {.read = meddle_read, .keep = meddle_keep};

static void
test_changed(Folder *folder, gconstpointer data)
{
    static const struct {
        const char *topic;
        const char *sql;
        guint times;
        const char *handled;
        const char *row;
    } table[] = {
        {CONFIRM, "UPDATE registration SET registered = 'requested'", 1, "activated: ", "ok|0|0"},
        {REQUEST, "UPDATE registration SET registered = 'false'", 1, "answered: " ANSWER, "requested|0|0"},
        {CONFIRM, "UPDATE registration SET registered = 'ok'", 1, "counted: ", "ok|0|1"},
        {REQUEST, "UPDATE registration SET connections = connections + 1", 3, "counted: ", "ok|0|5"},
        {REQUEST, "UPDATE registration SET connections = connections + 1", 100, "ACTIVATION_BUSY", "ok|0|21"},
        {REQUEST, "INSERT INTO activation_messages (device, id, seen_us) VALUES ('" DEVICE "', 'x', 5)", 1,
         "repeated: ", "ok|0|21"},
    };
    pass_units(folder->path, 1);
    g_autoptr(KlActivationTable) real = open_table(folder->path);
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        Meddler meddler = {{&meddler_class}, real, folder->path, table[i].sql, table[i].times, 0};
        g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = &meddler.base});
        assert_handled(engine, table[i].topic, i == 5 ? "{\"id\":\"x\"}" : "", table[i].handled);
        assert_row(folder->path, table[i].row);
        g_assert_cmpuint(meddler.reads, ==, MIN(table[i].times + 1, 16));
    }
}

/* --- two services at once --- */

#define UNITS 6

typedef struct {
    KlActivationEngine *engine;
    pthread_barrier_t *start;
} Service;

/* All messages of all units, each as often as there are services; ACTIVATION_BUSY is no loss. */
static void *
serve(void *data)
{
    const Service *service = data;
    static const char *const steps[] = {"bs/device/FX30-%06u/register/request", "bs/device/FX30-%06u/register/ok",
                                        "bs/device/FX30-%06u/register/ok", "dm/device/FX30-%06u/update/ok"};
    pthread_barrier_wait(service->start);
    for (guint step = 0; step < G_N_ELEMENTS(steps); step++) {
        for (guint unit = 1; unit <= UNITS; unit++) {
            g_autofree char *number = g_strdup_printf("%06u", unit), *payload = NULL, *handled = NULL;
            g_auto(GStrv) parts = g_strsplit(steps[step], "%06u", 2);
            g_autofree char *topic = g_strconcat(parts[0], number, parts[1], NULL);
            payload = g_strdup_printf("{\"id\":\"%u\",\"version\":2}", step);
            do {
                g_free(handled);
                handled = handle(service->engine, topic, payload);
            } while (g_str_equal(handled, "ACTIVATION_BUSY"));
            g_assert_false(g_str_equal(handled, "STORE_FAILED"));
        }
        pthread_barrier_wait(service->start);
    }
    return NULL;
}

static void
test_two_services(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, UNITS);
    g_autoptr(KlActivationTable) a = open_table(folder->path);
    g_autoptr(KlActivationTable) b = open_table(folder->path);
    g_autoptr(KlActivationEngine) first = make_engine(&(KlActivationParts){.table = a});
    g_autoptr(KlActivationEngine) second = make_engine(&(KlActivationParts){.table = b});
    pthread_barrier_t start;
    Service services[] = {{first, &start}, {first, &start}, {second, &start}, {second, &start}};
    pthread_t threads[G_N_ELEMENTS(services)];
    pthread_barrier_init(&start, NULL, G_N_ELEMENTS(services));
    for (gsize i = 0; i < G_N_ELEMENTS(services); i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, serve, &services[i]), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(services); i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);

    /* each message has had its effect once, and the other three times it was known */
    assert_sql(folder->path, "SELECT DISTINCT registered, version, connections FROM registration", "ok|2|1");
    assert_sql(folder->path, "SELECT verdict, count(*), sum(total) FROM activation_counts GROUP BY verdict",
               "activated|6|6\nanswered|6|6\ncounted|6|6\nrepeated|6|72\nversion|6|6");
}

/* --- killed after keeping, before publishing --- */

static char *program;

/* A table that is the end of whoever has something kept in it. */
static KlActivationTable *real_table;

static gboolean
read_real(KlActivationTable *table, const char *device, const char *id, KlActivationView *view, KlOp *op,
          GError **error)
{
    return CALL(real_table, read, device, id, view, op, error);
}

static KlActivationKept
keep_and_kill(KlActivationTable *table, const KlActivationChange *change, KlOp *op, GError **error)
{
    CALL(real_table, keep, change, op, error);
    kill(getpid(), SIGKILL);
    return KL_ACTIVATION_FAILED;
}

static int
child(const char *path, const char *topic, const char *payload)
{
    static const KlActivationTableClass killing_class = {.read = read_real, .keep = keep_and_kill};
    KlActivationTable killing = {&killing_class};
    real_table = open_table(path);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = &killing});
    g_free(handle(engine, topic, payload));
    return 1;
}

static void
test_killed(Folder *folder, gconstpointer data)
{
    static const struct {
        const char *topic;
        const char *payload;
        const char *row; /* as the killed one left it, and as it has to stay */
        const char *handled;
        const char *counts;
    } table[] = {
        {REQUEST, "{\"id\":\"1\"}", "requested|0|0", "answered: " ANSWER, "answered 1 repeated 1"},
        {CONFIRM, "{\"id\":\"2\"}", "ok|0|0", "repeated: ", "activated 1 answered 1 repeated 2"},
        {CONFIRM, "{\"id\":\"3\"}", "ok|0|1", "repeated: ", "activated 1 answered 1 counted 1 repeated 3"},
        {VERSION, "{\"version\":5,\"id\":\"4\"}", "ok|5|1",
         "version: ", "activated 1 answered 1 counted 1 repeated 4 version 1"},
    };
    pass_units(folder->path, 1);
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        const char *argv[] = {program, "--child", folder->path, table[i].topic, table[i].payload, NULL};
        int status = 0;
        g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, 0, NULL, NULL, NULL, NULL, &status, NULL));
        g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_row(folder->path, table[i].row);
        g_autoptr(KlActivationTable) sqlite_table = open_table(folder->path);
        g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = sqlite_table});
        assert_handled(engine, table[i].topic, table[i].payload, table[i].handled);
        assert_row(folder->path, table[i].row);
        assert_counts(folder->path, DEVICE, table[i].counts);
    }
    assert_sql(folder->path, "PRAGMA integrity_check", "ok");
}

static const FolderTest tests[] = {
    {"/activation-engine/first-boot", test_first_boot}, {"/activation-engine/refused", test_refused},
    {"/activation-engine/without-id", test_without_id}, {"/activation-engine/software", test_software},
    {"/activation-engine/changed", test_changed},       {"/activation-engine/two-services", test_two_services},
    {"/activation-engine/killed", test_killed},
};

int
main(int argc, char **argv)
{
    if (argc == 5 && g_str_equal(argv[1], "--child"))
        return child(argv[2], argv[3], argv[4]);
    program = argv[0];
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
