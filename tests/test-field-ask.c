/* What DynamoDB's registration table says of units in the field, asked by the sink and kept by the store, against the
 * strict peer: rows as first boot and stations write them, as nobody should, in parts, and not at all. */
#include "db/activation_item.h"
#include "station/field_ask.h"
#include "tests/sink_bench.h"
#include "tests/store-fixture.h"

#define TABLE TABLE_REGISTRATION
#define UNITS 250

static KlAws *aws;
static KlSink *sink;

/* --- the sink --- */

static int
by_device(gconstpointer a, gconstpointer b)
{
    return strcmp((*(KlCloudRow *const *)a)->device, (*(KlCloudRow *const *)b)->device);
}

/* "D-1 ok 7 2 351 5-9 answered=1; D-2 none; D-3 ROW_UNREADABLE; " */
static char *
describe(GPtrArray *rows)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_ptr_array_sort(rows, by_device);
    for (guint i = 0; i < rows->len; i++) {
        const KlCloudRow *said = rows->pdata[i];
        g_assert_cmpint(said->asked_us, >, 0);
        g_assert_cmpint(said->asked_us, <=, g_get_real_time());
        g_assert_true(said->row == NULL || said->problem == NULL);
        g_string_append_printf(text, "%s ", said->device);
        if (said->row == NULL)
            g_string_append(text, said->problem != NULL ? kl_error_name(kl_error_code(said->problem)) : "none");
        else
            g_string_append_printf(text, "%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s %d-%d", said->row->registered,
                                   said->row->version, said->row->connections, said->imei, (int)said->first_seen_us,
                                   (int)said->last_seen_us);
        for (guint j = 0; said->row != NULL && j < said->counts->len; j++) {
            const KlFieldCount *count = said->counts->pdata[j];
            g_string_append_printf(text, " %s=%d", count->verdict, (int)count->total);
        }
        g_string_append(text, "; ");
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Asks for devices, separated by blanks. code -1: done. */
static void
assert_says(const char *devices, int code, const char *expected)
{
    g_auto(GStrv) names = g_strsplit(devices, " ", -1);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)kl_cloud_row_free);
    g_autoptr(GError) error = NULL;
    KlOp op = make_op();
    gboolean done =
        sink->klass->registrations(sink, (const char *const *)names, g_strv_length(names), rows, &op, &error);
    g_assert_true(done == (code < 0));
    if (code >= 0)
        g_assert_error(error, KL_ERROR, code);
    g_autofree char *text = describe(rows);
    g_assert_cmpstr(text, ==, expected);
}

#define GOOD GOOD_WITH("f")
#define GOOD_WITH(firmware)                                                                                            \
    "\"registered\":{\"S\":\"ok\"},\"policy\":{\"S\":\"p\"},\"firmware\":{\"S\":\"" firmware                           \
    "\"},\"parameters\":{\"S\":\"{}\"},"                                                                               \
    "\"version\":{\"N\":\"7\"},\"connections\":{\"N\":\"2\"},\"keyline_imei\":{\"S\":\"351\"}"

static void
put_row(const char *device, const char *attributes)
{
    g_autofree char *item = g_strdup_printf("{\"device\":{\"S\":\"%s\"},%s}", device, attributes);
    cloud_table_put(aws, TABLE, item);
}

static void
test_rows(void)
{
    put_row("R-1", GOOD);
    put_row("R-2", GOOD ",\"keyline_boot_first\":{\"N\":\"5\"},\"keyline_boot_seen\":{\"N\":\"9\"},"
                        "\"keyline_boot_count_answered\":{\"N\":\"1\"},\"keyline_boot_count_counted\":{\"N\":\"3\"},"
                        "\"keyline_boot_count_of-tomorrow\":{\"N\":\"4\"},\"keyline_boot_pem\":{\"S\":\"secret\"}");
    assert_says("R-1", -1, "R-1 ok 7 2 351 0-0; ");
    assert_says("R-2 R-1 nobody", -1, "R-1 ok 7 2 351 0-0; R-2 ok 7 2 351 5-9 answered=1 counted=3; nobody none; ");
    aws_peer_assert_clean(peer);
}

/* One attribute of a good row, spoilt. */
static const struct {
    const char *name, *value; /* value NULL: there is none */
} spoilt[] = {
    {"registered", "{\"S\":\"yes\"}"},
    {"registered", "{\"BOOL\":true}"},
    {"registered", NULL},
    {"policy", "{\"N\":\"1\"}"},
    {"policy", NULL},
    {"firmware", NULL},
    {"parameters", "{\"M\":{}}"},
    {"parameters", NULL},
    {"version", "{\"S\":\"7\"}"},
    {"version", "{\"N\":\"-1\"}"},
    {"version", "{\"N\":\"1.5\"}"},
    {"version", "{\"N\":\"9223372036854775808\"}"},
    {"version", NULL},
    {"connections", "{\"N\":\"-1\"}"},
    {"connections", NULL},
    {"keyline_boot_first", "{\"S\":\"5\"}"},
    {"keyline_boot_first", "{\"N\":\"10\"}"},
    {"keyline_boot_first", NULL},
    {"keyline_boot_seen", NULL},
    {"keyline_boot_count_answered", "{\"S\":\"many\"}"},
    {"keyline_imei", "{\"N\":\"351\"}"},
    {"keyline_imei", "{\"S\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}"},
};

static void
test_malformed(void)
{
    put_row("M-0", GOOD);
    for (guint i = 0; i < G_N_ELEMENTS(spoilt); i++) {
        g_autoptr(JsonNode) node =
            json_from_string("{\"device\":{\"S\":\"M-1\"}," GOOD ",\"keyline_boot_first\":{\"N\":\"5\"},"
                             "\"keyline_boot_seen\":{\"N\":\"9\"}}",
                             NULL);
        JsonObject *item = json_node_get_object(node);
        json_object_remove_member(item, spoilt[i].name);
        if (spoilt[i].value != NULL)
            json_object_set_member(item, spoilt[i].name, json_from_string(spoilt[i].value, NULL));
        g_autofree char *text = json_to_string(node, FALSE);
        cloud_table_put(aws, TABLE, text);
        assert_says("M-0 M-1", -1, "M-0 ok 7 2 351 0-0; M-1 ROW_UNREADABLE; ");
    }
    /* Rows that are as long as DynamoDB lets them be come in several answers. */
    g_autofree char *much = g_strnfill(390000, 'x');
    g_autofree char *attributes = g_strdup_printf(GOOD_WITH("%s"), much);
    g_autoptr(GString) devices = g_string_new("M-0"), expected = g_string_new("M-0 ok 7 2 351 0-0; ");
    for (guint i = 1; i <= 6; i++) {
        g_autofree char *device = g_strdup_printf("O-%u", i);
        put_row(device, attributes);
        g_string_append_printf(devices, " %s", device);
        g_string_append_printf(expected, "%s ROW_UNREADABLE; ", device);
    }
    assert_says(devices->str, -1, expected->str);
    aws_peer_assert_clean(peer);
}

/* What comes in place of the table's answer to the first question, and what comes of that. */
static void
test_answers(void)
{
#define KEY(device) "{\"device\":{\"S\":\"" device "\"}}"
#define ITEM(device) "{\"device\":{\"S\":\"" device "\"}," GOOD "}"
#define ANSWER(items, keys)                                                                                            \
    "{\"Responses\":{\"" TABLE "\":[" items "]},\"UnprocessedKeys\":{\"" TABLE "\":{\"Keys\":[" keys "]}}}"
    static const struct {
        const char *body;
        int code;
        const char *expected;
    } table[] = {
        {ANSWER(ITEM("A-1"), KEY("A-2")), -1, "A-1 ok 7 2 351 0-0; A-2 ok 7 2 351 0-0; "},
        {ANSWER("", KEY("A-1") "," KEY("A-2")), -1, "A-1 ok 7 2 351 0-0; A-2 ok 7 2 351 0-0; "},
        {"{\"Responses\":{},\"UnprocessedKeys\":{\"" TABLE "\":{\"Keys\":[" KEY("A-2") "]}}}", -1,
         "A-1 none; A-2 ok 7 2 351 0-0; "},
        {"{\"Responses\":{},\"UnprocessedKeys\":{}}", -1, "A-1 none; A-2 none; "},
        {"{}", KL_ERROR_CLOUD_GARBLED, ""},
        {"{\"Responses\":{\"" TABLE "\":[" ITEM("A-1") "]}}", KL_ERROR_CLOUD_GARBLED, ""},
        {"{\"Responses\":[],\"UnprocessedKeys\":{}}", KL_ERROR_CLOUD_GARBLED, ""},
        {"{\"Responses\":{\"" TABLE "\":{}},\"UnprocessedKeys\":{}}", KL_ERROR_CLOUD_GARBLED, ""},
        {"{\"Responses\":{\"" TABLE "\":[1]},\"UnprocessedKeys\":{}}", KL_ERROR_CLOUD_GARBLED, ""},
        {ANSWER(ITEM("A-1") "," ITEM("A-3"), ""), KL_ERROR_CLOUD_GARBLED, ""},
        {ANSWER(ITEM("A-1") "," ITEM("A-1"), ""), KL_ERROR_CLOUD_GARBLED, ""},
        {ANSWER(ITEM("A-1"), KEY("A-1")), KL_ERROR_CLOUD_GARBLED, ""},
        {ANSWER(ITEM("A-1"), KEY("A-3")), KL_ERROR_CLOUD_GARBLED, ""},
        {"{\"Responses\":{},\"UnprocessedKeys\":{\"" TABLE "\":[]}}", KL_ERROR_CLOUD_GARBLED, ""},
    };
    put_row("A-1", GOOD);
    put_row("A-2", GOOD);
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *body = g_strescape(table[i].body, NULL);
        g_autofree char *fault =
            g_strdup_printf("{\"operation\":\"BatchGetItem\",\"kind\":\"garbage\",\"nth\":1,\"body\":\"%s\"}", body);
        aws_peer_plant(peer, fault);
        assert_says("A-1 A-2", table[i].code, table[i].expected);
        aws_peer_clear(peer);
    }
}

/* A table that is busy: asked again; what has come is there when it never gives out the rest. */
static void
test_throttled(void)
{
    put_row("T-1", GOOD);
    put_row("T-2", GOOD);
    aws_peer_plant(peer, "{\"operation\":\"BatchGetItem\",\"kind\":\"throttle\",\"nth\":1}");
    assert_says("T-1 T-2", -1, "T-1 ok 7 2 351 0-0; T-2 ok 7 2 351 0-0; ");
    aws_peer_clear(peer);
    aws_peer_plant(peer, "{\"operation\":\"BatchGetItem\",\"kind\":\"throttle\"}");
    assert_says("T-1 T-2", KL_ERROR_CLOUD_THROTTLED, "");
    aws_peer_clear(peer);
    g_autofree char *first = g_strescape(ANSWER(ITEM("T-1"), KEY("T-2")), NULL);
    g_autofree char *rest = g_strescape(ANSWER("", KEY("T-2")), NULL);
    g_autofree char *faults =
        g_strdup_printf("[{\"operation\":\"BatchGetItem\",\"kind\":\"garbage\",\"nth\":1,\"body\":\"%s\"},"
                        "{\"operation\":\"BatchGetItem\",\"kind\":\"garbage\",\"body\":\"%s\"}]",
                        first, rest);
    aws_peer_plant(peer, faults);
    assert_says("T-1 T-2", KL_ERROR_CLOUD_THROTTLED, "T-1 ok 7 2 351 0-0; ");
    aws_peer_clear(peer);
}

/* --- asked of all units, and kept --- */

/* Units 001 to 250 with their rows, the third of which are activated in the cloud, and others not there. */
static void
make_units(const char *path)
{
    kl_store_free(open_store(path));
    g_autofree char *sql = g_strdup_printf(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < %d)"
        " INSERT INTO units (imei, fsn, device_id, first_seen_us, last_seen_us) SELECT printf('35%%013d', n),"
        " 'FSN' || n, printf('F-%%03d', n), 1, 1 FROM n;"
        "INSERT INTO registration (device, policy, firmware, parameters) SELECT device_id, 'p', 'own', '{}' FROM units",
        UNITS);
    g_free(sqlite(path, sql));
}

static void
put_unit(guint n, const char *registered, guint connections)
{
    g_autofree char *device = g_strdup_printf("F-%03u", n);
    g_autofree char *attributes = g_strdup_printf(
        "\"registered\":{\"S\":\"%s\"},\"policy\":{\"S\":\"p\"},\"firmware\":{\"S\":\"theirs\"},\"parameters\":"
        "{\"S\":\"{}\"},\"version\":{\"N\":\"7\"},\"connections\":{\"N\":\"%u\"},\"keyline_imei\":{\"S\":\"35%013u\"}",
        registered, connections, n);
    put_row(device, attributes);
}

typedef struct {
    guint calls; /* of told */
    guint asked;
} Watch;

static void
told(const KlFieldAsked *asked, gpointer data)
{
    Watch *watch = data;
    g_assert_cmpuint(asked->asked, >, watch->asked);
    *watch = (Watch){watch->calls + 1, asked->asked};
}

/* "250 asked, 200 missing, 1 alarms, 0 problems", or how that begins; code -1: done. */
static void
assert_asked(KlStore *store, const char *const *devices, int code, const char *expected)
{
    Watch watch = {0};
    const KlFieldQuestion question = {TABLE, 3, devices, told, &watch};
    g_auto(KlFieldAsked) asked = {0};
    g_autoptr(GError) error = NULL;
    KlOp op = {0};
    gboolean done = kl_field_ask(store, sink, &question, &op, &asked, &error);
    if (code >= 0)
        g_assert_error(error, KL_ERROR, code);
    else
        g_assert_no_error(error);
    g_assert_true(done == (code < 0));
    g_assert_cmpuint(watch.asked, ==, asked.asked);
    g_assert_cmpuint(asked.problems->len, ==, asked.n_problems);
    g_autofree char *text = g_strdup_printf("%u asked, %u missing, %u alarms, %u problems", asked.asked, asked.missing,
                                            asked.alarms, asked.n_problems);
    if (!g_str_has_prefix(text, expected))
        g_error("%s is not %s", text, expected);
}

#define KEPT                                                                                                           \
    "SELECT count(*), count(registered), sum(registered = 'ok'), count(alarm_us), count(DISTINCT firmware),"           \
    " (SELECT group_concat(DISTINCT firmware) FROM registration), (SELECT count(*) FROM audit_events)"                 \
    " FROM registration_in_cloud"

static void
test_everybody(Folder *folder, gconstpointer data)
{
    make_units(folder->path);
    for (guint n = 1; n <= UNITS; n += 5)
        put_unit(n, "ok", n == 101 ? 4 : 3);
    g_autoptr(KlStore) store = open_store(folder->path);
    assert_sql(folder->path, KEPT, "0|0||0|0|own|1");
    guint before = aws_peer_calls(peer, "BatchGetItem");
    assert_asked(store, NULL, -1, "250 asked, 200 missing, 1 alarms, 0 problems");
    g_assert_cmpuint(aws_peer_calls(peer, "BatchGetItem") - before, ==, 3);
    /* The station's own rows are as they were, and the journal knows nothing of it. */
    assert_sql(folder->path, KEPT, "250|50|50|1|1|own|1");
    assert_sql(folder->path, "PRAGMA foreign_key_check; PRAGMA integrity_check", "ok");

    /* What has changed there is told the next time, of who is asked for. */
    put_unit(2, "requested", 0);
    put_unit(101, "false", 0);
    static const char *const two[] = {"F-002", "F-101", "F-002", NULL};
    assert_asked(store, two, -1, "2 asked, 0 missing, 0 alarms, 0 problems");
    assert_sql(folder->path, KEPT, "250|51|49|0|1|own|1");
    static const char *const stranger[] = {"F-002", "nobody", NULL};
    assert_asked(store, stranger, KL_ERROR_RECORD_UNKNOWN, "0 asked, 0 missing, 0 alarms, 0 problems");
    aws_peer_assert_clean(peer);
}

/* A row that can't be gone by is told, and what was known of its unit stays. */
static void
test_problems(Folder *folder, gconstpointer data)
{
    make_units(folder->path);
    g_autoptr(KlStore) store = open_store(folder->path);
    static const char *const devices[] = {"F-011", "F-012", "F-013", NULL};
    for (guint n = 11; n <= 13; n++)
        put_unit(n, "ok", 1);
    assert_asked(store, devices, -1, "3 asked, 0 missing, 0 alarms, 0 problems");
    g_autofree char *was = sqlite(folder->path, "SELECT * FROM registration_in_cloud WHERE device <> 'F-013'");
    put_row("F-011", GOOD); /* another unit's */
    put_row("F-012", "\"registered\":{\"S\":\"ok\"}");
    put_unit(13, "requested", 1);
    assert_asked(store, devices, -1, "3 asked, 0 missing, 0 alarms, 2 problems");
    assert_sql(folder->path, "SELECT * FROM registration_in_cloud WHERE device <> 'F-013'", was);
    assert_sql(folder->path, "SELECT registered FROM registration_in_cloud WHERE device = 'F-013'", "requested");
}

/* The table is away from the third page on: what came is kept, and the next time goes through. */
static void
test_half_way(Folder *folder, gconstpointer data)
{
    make_units(folder->path);
    g_autoptr(KlStore) store = open_store(folder->path);
    aws_peer_plant(peer, "[{\"operation\":\"BatchGetItem\",\"kind\":\"slow\",\"ms\":1,\"nth\":1},"
                         "{\"operation\":\"BatchGetItem\",\"kind\":\"slow\",\"ms\":1,\"nth\":1},"
                         "{\"operation\":\"BatchGetItem\",\"kind\":\"error\",\"name\":\"AccessDeniedException\","
                         "\"status\":400}]");
    assert_asked(store, NULL, KL_ERROR_CLOUD_DENIED, "200 asked, ");
    aws_peer_clear(peer);
    assert_sql(folder->path, "SELECT max(device) FROM registration_in_cloud", "F-200");
    assert_asked(store, NULL, -1, "250 asked, ");
    assert_sql(folder->path, "SELECT max(device) FROM registration_in_cloud", "F-250");
}

/* Some of a page came before it failed. */
static void
test_half_a_page(Folder *folder, gconstpointer data)
{
    static const char *const two[] = {"F-021", "F-022", NULL};
    make_units(folder->path);
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autofree char *half = g_strescape(ANSWER("", KEY("F-022")), NULL);
    g_autofree char *faults =
        g_strdup_printf("[{\"operation\":\"BatchGetItem\",\"kind\":\"garbage\",\"nth\":1,\"body\":\"%s\"},"
                        "{\"operation\":\"BatchGetItem\",\"kind\":\"error\",\"name\":\"AccessDeniedException\","
                        "\"status\":400}]",
                        half);
    aws_peer_plant(peer, faults);
    assert_asked(store, two, KL_ERROR_CLOUD_DENIED, "1 asked, 1 missing, ");
    aws_peer_clear(peer);
    assert_sql(folder->path, "SELECT device FROM registration_in_cloud", "F-021");
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = aws_peer_start(NULL);
    aws_peer_lead(peer);
    aws = make_aws();
    cloud_tables_make(aws);
    sink = kl_sink_dynamodb_new(aws, &tables, "north");
    g_test_add_func("/field-ask/rows", test_rows);
    g_test_add_func("/field-ask/malformed", test_malformed);
    g_test_add_func("/field-ask/answers", test_answers);
    g_test_add_func("/field-ask/throttled", test_throttled);
    add_test("/field-ask/everybody", NULL, test_everybody);
    add_test("/field-ask/problems", NULL, test_problems);
    add_test("/field-ask/half-way", NULL, test_half_way);
    add_test("/field-ask/half-a-page", NULL, test_half_a_page);
    int status = g_test_run();
    kl_sink_free(sink);
    kl_aws_free(aws);
    aws_peer_free(peer);
    return status;
}
