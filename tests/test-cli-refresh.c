/* keyline registry refresh, and what list, show and the doctor tell by it: the real program on a station whose units
 * boot on AWS, by the strict peer. What changes the rows there is first boot itself. */
#include "db/activation_dynamodb.h"
#include "tests/cloud_tables.h"
#include "tests/field_station.h"

#define REFRESH "registry refresh"

static AwsPeer *peer;
static KlAws *aws;

static void
set_up(Field *f, gconstpointer data)
{
    field_make(f);
    g_autofree char *conf = g_build_filename(f->rig.station, "station.conf", NULL), *content = NULL;
    g_assert_true(g_file_get_contents(conf, &content, NULL, NULL));
    g_autofree char *more = g_strconcat(content, "\n[aws]\n", NULL);
    g_assert_true(data != NULL || g_file_set_contents(conf, more, -1, NULL));
}

static void
tear_down(Field *f, gconstpointer data)
{
    field_clear(f);
}

/* A member as text of the only device that a command tells of; NULL for null. The caller frees. */
static char *
told(const Field *f, const char *words, const char *member)
{
    g_autofree char *json = g_strconcat(words, " --output json", NULL);
    g_auto(Run) run = keyline(&f->rig, json);
    g_autoptr(JsonNode) node = document(&run);
    JsonArray *rows = member_array(node, "registrations");
    g_assert_cmpuint(json_array_get_length(rows), ==, 1);
    JsonNode *value = json_object_get_member(json_array_get_object_element(rows, 0), member);
    g_assert_nonnull(value);
    if (JSON_NODE_HOLDS_NULL(value))
        return NULL;
    return json_node_get_value_type(value) == G_TYPE_STRING ? json_node_dup_string(value)
                                                            : json_to_string(value, FALSE);
}

#define assert_told(f, words, member, expected)                                                                        \
    do {                                                                                                               \
        g_autofree char *told_text = told(f, words, member);                                                           \
        g_assert_cmpstr(told_text, ==, expected);                                                                      \
    } while (0)

/* As the station's outbox puts it. */
static void
put_row(guint n, const char *more)
{
    g_autofree char *item = g_strdup_printf(
        "{\"device\":{\"S\":\"FX30-%06u\"},\"registered\":{\"S\":\"false\"},\"policy\":{\"S\":\"policy\"},"
        "\"firmware\":{\"S\":\"main\"},\"parameters\":{\"S\":\"{\\\"topic\\\":\\\"t\\\"}\"},\"version\":{\"N\":\"0\"},"
        "\"connections\":{\"N\":\"0\"},\"keyline_imei\":{\"S\":\"%015" G_GUINT64_FORMAT "\"}%s}",
        n, G_GUINT64_CONSTANT(350000000000000) + n, more);
    cloud_table_put(aws, TABLE_REGISTRATION, item);
}

/* Unit 1 is activated and asks too often, as far as stations think. */
static void
boot(void)
{
    g_autoptr(KlActivationTable) table = kl_activation_dynamodb_new(aws, TABLE_REGISTRATION, NULL, NULL);
    g_autoptr(KlActivationEngine) engine =
        make_engine(&(KlActivationParts){.rules = {.connections_alarm = 100}, .table = table});
    assert_handled(engine, REQUEST, "", "answered: " ANSWER);
    assert_handled(engine, CONFIRM, "", "activated: ");
    assert_handled(engine, VERSION, "{\"version\":7}", "version: ");
    for (guint i = 0; i < 4; i++)
        assert_handled(engine, REQUEST, "", "counted: ");
}

#define ONE "registry show FX30-000001"

static void
test_refresh(Field *f, gconstpointer data)
{
    assert_told(f, ONE, "state", "not-asked");
    assert_told(f, ONE, "version", NULL);
    assert_told(f, ONE, "registered", NULL);
    assert_told(f, ONE, "asked", NULL);
    assert_told(f, ONE, "firmware", "main");
    assert_says(f, REFRESH, 0, "3 devices asked, 3 not in the table.\n");
    assert_told(f, ONE, "state", "missing");
    assert_told(f, ONE, "connections", NULL);

    put_row(1, "");
    put_row(2, "");
    boot();
    assert_told(f, ONE, "state", "missing");
    assert_says(f, REFRESH " FX30-000001", 0, "1 device asked, 1 with too many connections. See keyline registry list");
    assert_told(f, ONE, "state", "ok");
    assert_told(f, ONE, "version", "7");
    assert_told(f, ONE, "connections", "4");
    assert_told(f, ONE, "counts", "{\"activated\":1,\"answered\":1,\"counted\":4,\"version\":1}");
    assert_told(f, "registry list --alarms", "device", DEVICE);
    assert_told(f, "registry list --state ok", "device", DEVICE);
    assert_says(f, "registry list --state missing", 0, "FX30-000003  missing");
    assert_says(f, ONE, 0, "Cloud asked");
    assert_says(f, "registry list", 0,
                "in Bootstrapping_table_registration: this is what was there when it was asked.");
    assert_says(f, "doctor", 3, "FX30-000001 has too many connections: 4");
    assert_says(f, "registry list --csv", 0, "FX30-000003,350000000000003,missing,,,,,,,policy,main,");
    assert_sql(f->path, "SELECT DISTINCT registered, version, connections FROM registration", "false|0|0");

    g_auto(Run) json = keyline(&f->rig, REFRESH " --output json");
    g_assert_cmpint(json.code, ==, 0);
    g_autoptr(JsonNode) node = document(&json);
    g_assert_cmpint(json_object_get_int_member(json_node_get_object(node), "asked"), ==, 3);
    g_assert_cmpint(json_object_get_int_member(json_node_get_object(node), "missing"), ==, 1);
    g_assert_cmpint(json_object_get_int_member(json_node_get_object(node), "alarms"), ==, 1);
    aws_peer_assert_clean(peer);
}

static void
test_problems(Field *f, gconstpointer data)
{
    put_row(1, "");
    put_row(2, ",\"keyline_boot_seen\":{\"S\":\"\\u001b[31m\"}");
    put_row(3, "");
    assert_says(f, REFRESH, 1, "3 devices asked, 1 with a row that can't be gone by.\n");
    assert_told(f, "registry list --state not-asked", "device", "FX30-000002");
    g_auto(Run) json = keyline(&f->rig, REFRESH " FX30-000002 --output json");
    g_assert_cmpint(json.code, ==, 1);
    g_autoptr(JsonNode) node = document(&json);
    JsonObject *problem = json_array_get_object_element(member_array(node, "problems"), 0);
    g_assert_cmpstr(text(problem, "device"), ==, "FX30-000002");
    g_assert_cmpstr(text(problem, "code"), ==, "ROW_UNREADABLE");
    put_row(2, "");
}

static void
test_failures(Field *f, gconstpointer data)
{
    assert_says(f, REFRESH " FX30-000001 nobody", 2, "no registration row for device 'nobody'");
    aws_peer_plant(peer, "{\"operation\":\"BatchGetItem\",\"kind\":\"error\",\"name\":\"AccessDeniedException\","
                         "\"status\":400}");
    assert_says(f, REFRESH, 3, "CLOUD_DENIED");
    aws_peer_clear(peer);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStation) running = kl_station_open(f->rig.station, KL_STATION_RUN, NULL, &error);
    g_assert_no_error(error);
    assert_says(f, REFRESH, 0, "3 devices asked");
}

static void
test_no_cloud(Field *f, gconstpointer data)
{
    assert_says(f, REFRESH, 2, "station.conf has no [aws] group");
    assert_told(f, ONE, "state", "never-seen");
    assert_told(f, ONE, "asked", NULL);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(Field *f, gconstpointer data);
        const char *local;
    } tests[] = {
        {"/cli-refresh/refresh", test_refresh, NULL},
        {"/cli-refresh/problems", test_problems, NULL},
        {"/cli-refresh/failures", test_failures, NULL},
        {"/cli-refresh/no-cloud", test_no_cloud, "local"},
    };
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = aws_peer_start(NULL);
    aws_peer_lead(peer);
    aws = kl_aws_new(&(KlAwsOptions){0}, NULL);
    cloud_tables_make(aws);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, Field, tests[i].local, set_up, tests[i].test, tear_down);
    int status = g_test_run();
    kl_aws_free(aws);
    aws_peer_free(peer);
    return status;
}
