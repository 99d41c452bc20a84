/* Messages of many devices handled together, on a real SQLite file: it comes to the same as one after the other, and
 * what can't be handled with the others is left as it was. */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "station/activation/table_memory.h"
#include "tests/activation_rig.h"

#define UNITS 6
#define ROUNDS 60

/* What stands in the database, but for times and the order of what different devices said. */
#define ROWS "SELECT device, registered, version, connections FROM registration ORDER BY 1"
#define REMEMBERED                                                                                                     \
    "SELECT device, id FROM activation_messages ORDER BY 1, 2;"                                                        \
    "SELECT device, verdict, total FROM activation_counts ORDER BY 1, 2;"                                              \
    "SELECT device, alarm_us IS NULL FROM activation_seen ORDER BY 1;"                                                 \
    "SELECT imei, body -> '$.data' FROM audit_events WHERE type = 'activation' AND imei <> '' ORDER BY 1, n"

static guint finds;

static KlSoftware *
shelf_find(KlSoftwareShelf *shelf, const char *name, KlOp *op, GError **error)
{
    finds++;
    KlSoftware *software = g_new0(KlSoftware, 1);
    *software = (KlSoftware){3, g_bytes_new(name, strlen(name)), g_strdup("MAYCAQECAQE=")};
    return software;
}

static KlSoftware *
shelf_fail(KlSoftwareShelf *shelf, const char *name, KlOp *op, GError **error)
{
    finds++;
    kl_fail(error, KL_ERROR_NET_DOWN, "no %s", name);
    return NULL;
}

static const KlSoftwareShelfClass shelf_class = {.find = shelf_find}, broken_class = {.find = shelf_fail};
static KlSoftwareShelf shelf = {&shelf_class}, broken_shelf = {&broken_class};

/* --- messages --- */

typedef struct {
    char *topic;
    char *payload;
    KlActivationMessage message;
} Message;

static void
message_free(gpointer data)
{
    Message *message = data;
    g_free(message->topic);
    g_free(message->payload);
    g_free(message);
}

/* Of the device of that number, with any topic, payload and flags. Few ids, so that there are redeliveries. */
static Message *
any_message(guint device)
{
    static const char *const topics[][2] = {{"bs", "register/request"}, {"bs", "register/ok"},
                                            {"dm", "version/request"},  {"dm", "update/ok"},
                                            {"dm", "update/"},          {"bs", "no/such"}};
    static const char *const payloads[][2] = {
        {"{\"id\":\"", "\",\"version\":4}"}, {"{\"version\":", "}"}, {"{\"id\":\"", "\"}"}, {"", ""}};
    const char *const *topic = topics[g_test_rand_int_range(0, G_N_ELEMENTS(topics))];
    const char *const *payload = payloads[g_test_rand_int_range(0, G_N_ELEMENTS(payloads))];
    Message *message = g_new0(Message, 1);
    message->topic = g_strdup_printf("%s/device/FX30-%06u/%s", topic[0], device, topic[1]);
    message->payload = g_strdup_printf("%s%d%s", payload[0], g_test_rand_int_range(0, 20), payload[1]);
    message->message = message_of(message->topic, message->payload);
    message->message.retained = g_test_rand_int_range(0, 10) == 0;
    message->message.again = g_test_rand_int_range(0, 4) == 0;
    return message;
}

/* One of each device, in any order; the last one has no row. */
static GPtrArray *
any_round(void)
{
    GPtrArray *round = g_ptr_array_new_with_free_func(message_free);
    for (guint i = 1; i <= UNITS + 1; i++)
        g_ptr_array_insert(round, g_test_rand_int_range(0, (gint)round->len + 1), any_message(i));
    return round;
}

/* How an answer looks, payloads and all. */
static char *
shown(const KlActivation *a)
{
    g_autoptr(GString) text = g_string_new(kl_activation_verdict_name(a->verdict));
    for (guint i = 0; i < a->publications->len; i++) {
        const KlPublication *p = a->publications->pdata[i];
        g_string_append_printf(text, " %s=%.*s", p->topic, (int)g_bytes_get_size(p->payload),
                               (const char *)g_bytes_get_data(p->payload, NULL));
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Handles all that it can together. The answers, NULL for what is left. */
static GPtrArray *
handle_together(KlActivationEngine *engine, const KlActivationMessage *messages, guint n)
{
    GPtrArray *answers = g_ptr_array_new_with_free_func(g_free);
    g_autofree KlActivation **became = g_new0(KlActivation *, n);
    kl_activation_engine_handle_all(engine, messages, n, NULL, became);
    for (guint i = 0; i < n; i++) {
        g_ptr_array_add(answers, became[i] != NULL ? shown(became[i]) : NULL);
        g_clear_pointer(&became[i], kl_activation_free);
    }
    return answers;
}

static char *
handle_alone(KlActivationEngine *engine, const KlActivationMessage *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlActivation) a = kl_activation_engine_handle(engine, message, NULL, &error);
    g_assert_no_error(error);
    return shown(a);
}

/* --- the same as one after the other --- */

static guint
compare_round(KlActivationEngine *together, KlActivationEngine *alone)
{
    g_autoptr(GPtrArray) round = any_round();
    g_autofree KlActivationMessage *messages = g_new(KlActivationMessage, round->len);
    guint handled = 0;
    for (guint i = 0; i < round->len; i++)
        messages[i] = ((const Message *)round->pdata[i])->message;
    g_autoptr(GPtrArray) answers = handle_together(together, messages, round->len);
    for (guint i = 0; i < round->len; i++) {
        g_autofree char *left = answers->pdata[i] == NULL ? handle_alone(together, &messages[i]) : NULL;
        g_autofree char *expected = handle_alone(alone, &messages[i]);
        g_assert_cmpstr(left != NULL ? left : answers->pdata[i], ==, expected);
        handled += left == NULL;
    }
    return handled;
}

static void
test_same(Folder *folder, gconstpointer data)
{
    g_autofree char *other = g_strconcat(folder->path, ".other", NULL);
    pass_units(folder->path, UNITS);
    pass_units(other, UNITS);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlActivationTable) other_table = open_table(other);
    const KlActivationRules rules = {.connections_alarm = 2};
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){rules, .table = table, .software = &shelf});
    g_autoptr(KlActivationEngine) other_engine =
        make_engine(&(KlActivationParts){rules, .table = other_table, .software = &shelf});
    guint handled = 0;
    for (guint i = 0; i < ROUNDS; i++)
        handled += compare_round(engine, other_engine);
    /* Two topics in six are nobody's to handle. */
    g_assert_cmpuint(handled, >, ROUNDS * UNITS / 2);
    g_autofree char *rows = sqlite(folder->path, ROWS), *other_rows = sqlite(other, ROWS);
    g_assert_cmpstr(rows, ==, other_rows);
    g_autofree char *rest = sqlite(folder->path, REMEMBERED), *other_rest = sqlite(other, REMEMBERED);
    g_assert_cmpstr(rest, ==, other_rest);
}

/* --- what is left --- */

#define N 3

static KlActivationMessage messages[N];
static char *topics[N];

static const KlActivationMessage *
requests(const char *what)
{
    for (guint i = 0; i < N; i++) {
        g_free(topics[i]);
        topics[i] = g_strdup_printf("%s/device/FX30-%06u/%s", what[0] == 'r' ? "bs" : "dm", i + 1, what);
        messages[i] = message_of(topics[i], "{\"id\":\"1\"}");
    }
    return messages;
}

static void
assert_together(KlActivationEngine *engine, const char *what, const char *first, const char *second, const char *third)
{
    const char *const expected[] = {first, second, third};
    g_autoptr(GPtrArray) answers = handle_together(engine, requests(what), N);
    for (guint i = 0; i < N; i++) {
        const char *answer = answers->pdata[i];
        g_assert_true((answer != NULL) == (expected[i] != NULL));
        g_assert_true(answer == NULL || g_str_has_prefix(answer, expected[i]));
    }
}

/* One of them can't be kept: none is, and nothing is left of it; by themselves, the others are. */
static void
test_undone(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, N);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    g_free(sqlite(folder->path, "CREATE TRIGGER worn BEFORE UPDATE ON registration WHEN NEW.device = 'FX30-000003'"
                                " BEGIN SELECT raise(ABORT, 'a worn page'); END"));
    g_autofree char *before = sqlite(folder->path, ROWS), *before_rest = sqlite(folder->path, REMEMBERED);
    assert_together(engine, "register/request", NULL, NULL, NULL);
    g_autofree char *after = sqlite(folder->path, ROWS), *after_rest = sqlite(folder->path, REMEMBERED);
    g_assert_cmpstr(after, ==, before);
    g_assert_cmpstr(after_rest, ==, before_rest);
    assert_handled(engine, topics[0], "{\"id\":\"1\"}", "answered: " ANSWER);
    assert_handled(engine, topics[2], "{\"id\":\"1\"}", "STORE_FAILED");
    assert_sql(folder->path, "SELECT group_concat(registered, ' ') FROM (" ROWS ")", "requested false false");
}

typedef struct {
    KlActivationTable base;
    KlActivationTable *real;
    const char *path;
} Meddler;

static gboolean
meddle_read_all(KlActivationTable *table, KlActivationLook *looks, guint n, KlOp *op, GError **error)
{
    const Meddler *meddler = (const Meddler *)table;
    gboolean ok = meddler->real->klass->read_all(meddler->real, looks, n, op, error);
    g_free(sqlite(meddler->path,
                  "UPDATE registration SET connections = 1 WHERE device = 'FX30-000002';"
                  " INSERT INTO activation_messages (device, id, seen_us) VALUES ('FX30-000003', '1', 5)"));
    return ok;
}

static gboolean
meddle_keep_all(KlActivationTable *table, const KlActivationChange *changes, KlActivationKept *kept, guint n, KlOp *op,
                GError **error)
{
    const Meddler *meddler = (const Meddler *)table;
    return meddler->real->klass->keep_all(meddler->real, changes, kept, n, op, error);
}

/* What belongs to a row that changes meanwhile is left, and what changed it stays; so is what somebody else has handled
 * meanwhile. The others are handled. */
static void
test_changed(Folder *folder, gconstpointer data)
{
    static const KlActivationTableClass class = {.read_all = meddle_read_all, .keep_all = meddle_keep_all};
    pass_units(folder->path, N);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    Meddler meddler = {{&class}, table, folder->path};
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = &meddler.base});
    assert_together(engine, "register/request", "answered", NULL, NULL);
    assert_sql(folder->path, "SELECT group_concat(registered || connections, ' ') FROM (" ROWS ")",
               "requested0 false1 false0");
    assert_sql(folder->path, "SELECT group_concat(device, ' ') FROM activation_messages", DEVICE " FX30-000003");
}

/* Software is fetched once for all that get it, whoever comes in between, and each name's is its own. Where it can't
 * be, it is tried once, and they are left. */
static void
test_software(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, N);
    g_free(sqlite(folder->path, "UPDATE registration SET registered = 'requested';"
                                " UPDATE registration SET registered = 'ok';"
                                " UPDATE registration SET firmware = 'other' WHERE device = 'FX30-000002'"));
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table, .software = &shelf});
    g_autoptr(KlActivationEngine) broken = make_engine(&(KlActivationParts){.table = table, .software = &broken_shelf});
    finds = 0;
    g_autoptr(GPtrArray) answers = handle_together(engine, requests("version/request"), N);
    g_assert_cmpuint(finds, ==, 2);
    g_assert_true(g_str_has_suffix(answers->pdata[0], "dm/device/FX30-000001/update/=bWFpbg=="));
    g_assert_true(g_str_has_suffix(answers->pdata[1], "dm/device/FX30-000002/update/=b3RoZXI="));
    g_assert_true(g_str_has_suffix(answers->pdata[2], "dm/device/FX30-000003/update/=bWFpbg=="));
    finds = 0;
    assert_together(broken, "version/request", NULL, NULL, NULL);
    g_assert_cmpuint(finds, ==, 1);
    assert_counts(folder->path, DEVICE, "software 1");
}

/* Who has to get a certificate gets it by itself: nothing is kept before. */
static void
test_credentials(Folder *folder, gconstpointer data)
{
    static KlSigner signer;
    static KlPki pki;
    static char subject[] = "CN={device_id}";
    static const KlProfile profile = {.subject = subject};
    pass_units(folder->path, N);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){
        .rules = {.credentials = KL_CREDENTIALS_CREATE_KEYS, .dangerous_send_private_keys_over_mqtt = TRUE},
        .table = table,
        .signer = &signer,
        .pki = &pki,
        .profile = &profile});
    assert_together(engine, "register/request", NULL, NULL, NULL);
    assert_row(folder->path, "false|0|0");
    assert_sql(folder->path, "SELECT count(*) FROM activation_counts", "0");
    assert_together(engine, "register/ok", "early-confirm", "early-confirm", "early-confirm");
}

/* A table that handles one message at a time. */
static void
test_unable(Folder *folder, gconstpointer data)
{
    g_autoptr(KlActivationTable) table = kl_activation_memory_new();
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    assert_together(engine, "register/request", NULL, NULL, NULL);
}

/* No file may grow: what can't be committed is as if it had never been said; with space again, it is handled as new. */
static void
test_full(Folder *folder, gconstpointer data)
{
    struct rlimit limit, none;
    pass_units(folder->path, N);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    g_autofree char *before = sqlite(folder->path, ROWS), *before_rest = sqlite(folder->path, REMEMBERED);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    none = limit;
    none.rlim_cur = 0;
    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &none), ==, 0);
    assert_together(engine, "register/request", NULL, NULL, NULL);
    assert_handled(engine, topics[0], "{\"id\":\"1\"}", "STORE_FULL");
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    g_autofree char *after = sqlite(folder->path, ROWS), *after_rest = sqlite(folder->path, REMEMBERED);
    g_assert_cmpstr(after, ==, before);
    g_assert_cmpstr(after_rest, ==, before_rest);
    assert_handled(engine, topics[0], "{\"id\":\"1\"}", "answered: " ANSWER);
    assert_together(engine, "register/request", "answered", "answered", "answered");
    assert_counts(folder->path, DEVICE, "answered 1 repeated 1");
    assert_counts(folder->path, "FX30-000003", "answered 1");
}

/* Devices without a row count together: each message of a group is one more, and the journal has the first ten. */
static void
test_nobody(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, 0);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    for (guint i = 0; i < 4; i++)
        assert_together(engine, "register/request", "unknown-device", "unknown-device", "unknown-device");
    assert_counts(folder->path, "", "unknown-device 12");
    assert_sql(folder->path,
               "SELECT group_concat(total, ' ') FROM (SELECT body -> '$.data.total' AS total FROM audit_events"
               " WHERE type = 'activation' ORDER BY n)",
               "1 2 3 4 5 6 7 8 9 10");
}

/* --- two services on one table --- */

#define TOLD 25 /* by each device */

/* Handles all messages of all devices as the service does: together, and what is left by itself. */
static void *
serve_all(void *path)
{
    g_autoptr(KlActivationTable) table = open_table(path);
    g_autoptr(KlActivationEngine) engine =
        make_engine(&(KlActivationParts){{.connections_alarm = 2}, .table = table, .software = &shelf});
    for (guint i = 0; i < TOLD; i++) {
        g_autofree char *payload = g_strdup_printf("{\"id\":\"%u\"}", i);
        KlActivationMessage said[N];
        for (guint device = 0; device < N; device++)
            said[device] = message_of(topics[device], payload);
        g_autoptr(GPtrArray) answers = handle_together(engine, said, N);
        for (guint device = 0; device < N; device++)
            g_free(answers->pdata[device] == NULL ? handle_alone(engine, &said[device]) : NULL);
    }
    return NULL;
}

/* Both get every message, at the same time: each counts once, and raises one alarm. */
static void
test_two(Folder *folder, gconstpointer data)
{
    pthread_t threads[2];
    pass_units(folder->path, N);
    g_free(sqlite(folder->path, "UPDATE registration SET registered = 'requested';"
                                " UPDATE registration SET registered = 'ok'"));
    requests("register/request");
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, serve_all, folder->path), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
    assert_sql(folder->path, "SELECT DISTINCT registered, connections FROM registration", "ok|25");
    assert_sql(folder->path, "SELECT DISTINCT verdict, total FROM activation_counts ORDER BY 1",
               "counted|25\nrepeated|25");
    assert_sql(folder->path, "SELECT count(*) FROM activation_seen WHERE alarm_us IS NOT NULL", "3");
    assert_sql(folder->path,
               "SELECT count(*) FROM audit_events WHERE type = 'activation' AND body ->> '$.data.message.verdict' ="
               " 'counted' AND body ->> '$.data.total' IN (1, 3, 10)",
               "9");
}

static const FolderTest tests[] = {
    {"/activation-together/same", test_same},         {"/activation-together/undone", test_undone},
    {"/activation-together/full", test_full},         {"/activation-together/nobody", test_nobody},
    {"/activation-together/two", test_two},           {"/activation-together/changed", test_changed},
    {"/activation-together/software", test_software}, {"/activation-together/credentials", test_credentials},
    {"/activation-together/unable", test_unable},
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    int status = g_test_run();
    for (guint i = 0; i < N; i++)
        g_free(topics[i]);
    return status;
}
