/* The registration table of first boot on DynamoDB (the strict peer): what every table has to do, the same as SQLite
 * does, whatever is called; and what the network, other hands and a unit's second life do to it. */
#include "db/activation_dynamodb.h"
#include "db/sink_dynamodb.h"
#include "station/config.h"
#include "tests/activation_contract.h"
#include "tests/cloud_tables.h"

static AwsPeer *peer;
static KlAws *aws;

/* --- the back end; each scene has a table of its own --- */

static void
cloud_make_units(Scene *scene, guint n)
{
    cloud_table_make(aws, scene->name, "device", NULL);
    for (guint i = 1; i <= n; i++) {
        g_autofree char *item = g_strdup_printf(
            "{\"device\":{\"S\":\"FX30-%06u\"},\"registered\":{\"S\":\"false\"},\"policy\":{\"S\":\"policy\"},"
            "\"firmware\":{\"S\":\"main\"},\"parameters\":{\"S\":\"{\\\"topic\\\":\\\"$aws/things/FX30-%06u/"
            "shadow/update\\\"}\"},\"version\":{\"N\":\"0\"},\"connections\":{\"N\":\"0\"},"
            "\"keyline_imei\":{\"S\":\"%u\"},\"keyline_run\":{\"S\":\"r0\"},\"keyline_queued\":{\"N\":\"1\"}}",
            i, i, i);
        cloud_table_put(aws, scene->name, item);
    }
}

static KlActivationTable *
cloud_open(Scene *scene)
{
    return kl_activation_dynamodb_new(aws, scene->name, NULL, NULL);
}

static JsonObject *
cloud_item(Scene *scene, const char *device)
{
    g_autoptr(JsonArray) items = cloud_table_items(peer, scene->name);
    for (guint i = 0; i < json_array_get_length(items); i++) {
        JsonObject *item = json_array_get_object_element(items, i);
        g_autofree char *name = cloud_attribute(item, "device");
        if (g_str_equal(name + 2, device))
            return json_object_ref(item);
    }
    return NULL;
}

static void
cloud_set(Scene *scene, const char *field, const char *value)
{
    gboolean number = g_str_equal(field, "version") || g_str_equal(field, "connections");
    g_autofree char *update = g_strdup_printf(
        "{\"TableName\":\"%s\",\"Key\":{\"device\":{\"S\":\"" DEVICE "\"}},\"UpdateExpression\":\"SET #f = :v\","
        "\"ExpressionAttributeNames\":{\"#f\":\"%s\"},\"ExpressionAttributeValues\":{\":v\":{\"%s\":\"%s\"}}}",
        scene->name, field, number ? "N" : "S", value);
    g_auto(KlAwsAnswer) answer = {0};
    cloud_table_call(aws, KL_AWS_DYNAMODB_UPDATE_ITEM, update, &answer);
}

static char *
value_of(JsonObject *item, const char *name)
{
    g_autofree char *typed = item != NULL ? cloud_attribute(item, name) : NULL;
    return g_strdup(typed != NULL ? typed + 2 : "");
}

static char *
cloud_row(Scene *scene, const char *device)
{
    g_autoptr(JsonObject) item = cloud_item(scene, device);
    g_autofree char *registered = value_of(item, "registered"), *version = value_of(item, "version");
    g_autofree char *connections = value_of(item, "connections");
    return item != NULL ? g_strdup_printf("%s|%s|%s", registered, version, connections) : g_strdup("");
}

static char *
cloud_counts(Scene *scene, const char *device)
{
    static const char prefix[] = KL_BOOT_ATTRIBUTE "count_";
    g_autoptr(JsonObject) item = cloud_item(scene, *device != '\0' ? device : KL_BOOT_NOBODY);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GList) names = item != NULL ? json_object_get_members(item) : NULL;
    names = g_list_sort(names, (GCompareFunc)strcmp);
    for (GList *at = names; at != NULL; at = at->next) {
        g_autofree char *count = value_of(item, at->data);
        if (g_str_has_prefix(at->data, prefix))
            g_string_append_printf(text, "%s%s %s", text->len > 0 ? " " : "", (char *)at->data + strlen(prefix), count);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *
cloud_seen(Scene *scene, const char *device)
{
    g_autoptr(JsonObject) item = cloud_item(scene, device);
    g_autofree char *first = value_of(item, KL_BOOT_ATTRIBUTE "first"),
                    *last = value_of(item, KL_BOOT_ATTRIBUTE "seen");
    return *first != '\0' ? g_strdup_printf("%s|%s", first, last) : g_strdup("");
}

static const BackEnd on_dynamodb = {
    .name = "dynamodb",
    .make_units = cloud_make_units,
    .open = cloud_open,
    .set = cloud_set,
    .row = cloud_row,
    .counts = cloud_counts,
    .seen = cloud_seen,
    .rounds = 6,
    .busy = TRUE,
};

/* --- both, side by side --- */

#define STEPS 60

/* A random call, made the same way on each; what it comes to, in words. */
static char *
random_call(GRand *rand, KlActivationTable *table, const char *device)
{
    static const char *const states[] = {"false", "requested", "ok"};
    g_autofree char *id = g_strdup_printf("%d", g_rand_int_range(rand, 0, 12));
    gboolean with_id = g_rand_boolean(rand), heard = g_rand_boolean(rand), moves = g_rand_boolean(rand);
    const char *registered = states[g_rand_int_range(rand, 0, 3)];
    gint64 number = g_rand_int_range(rand, 0, 5), ahead = g_rand_int_range(rand, -9, 9);
    gboolean stale = g_rand_int_range(rand, 0, 5) == 0, again = FALSE;
    g_autoptr(KlRegistration) was = read_row(table, device, with_id ? id : NULL, &again);
    g_autoptr(KlRegistration) row = was != NULL && moves ? read_row(table, device, NULL, NULL) : NULL;
    if (row != NULL) {
        /* Within what SQLite's schema lets pass; and never back, which is the station's business. */
        gboolean onward = (g_str_equal(was->registered, "false") && g_str_equal(registered, "requested")) ||
                          (g_str_equal(was->registered, "requested") && g_str_equal(registered, "ok"));
        g_free(row->registered);
        row->registered = g_strdup(onward ? registered : was->registered);
        row->version = number;
        row->connections = was->connections + number;
    }
    if (stale && was != NULL)
        was->connections++;
    KlActivationChange change = change_of(was, row, with_id ? id : NULL, again ? "repeated" : "x");
    change.device = device;
    change.again = again;
    change.heard = heard;
    change.now_us = NOW + ahead;
    return g_strdup_printf("%s %d %d", id, again, keep(table, &change));
}

static void
test_side_by_side(Scene *scene, gconstpointer data)
{
    static const char *const devices[] = {DEVICE, "FX30-000002", "FX30-000009"};
    Scene other = *scene;
    other.back_end = &on_sqlite;
    guint32 seed = g_test_rand_int();
    g_autoptr(GRand) one = g_rand_new_with_seed(seed), two = g_rand_new_with_seed(seed);
    cloud_make_units(scene, 2);
    sqlite_make_units(&other, 2);
    KlActivationTable *cloud = scene_open(scene), *local = scene_open(&other);
    for (guint i = 0; i < STEPS; i++) {
        const char *device = devices[i % 3];
        g_autofree char *in_cloud = random_call(one, cloud, device), *here = random_call(two, local, device);
        g_assert_cmpstr(in_cloud, ==, here);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(devices); i++) {
        g_autofree char *row = sqlite_row(&other, devices[i]), *counts = sqlite_counts(&other, devices[i]);
        g_autofree char *seen = sqlite_seen(&other, devices[i]);
        assert_told(scene, row, devices[i], row);
        assert_told(scene, counts, devices[i], counts);
        assert_told(scene, seen, devices[i], seen);
    }
}

static void
test_claims_side_by_side(Scene *scene, gconstpointer data)
{
    Scene other = *scene;
    other.back_end = &on_sqlite;
    cloud_make_units(scene, 1);
    sqlite_make_units(&other, 1);
    claims_side_by_side(scene_open(scene), scene_open(&other));
}

/* --- DynamoDB: what the network does to it --- */

static const char *const faults[] = {
    "{\"operation\":\"UpdateItem\",\"kind\":\"drop-before\",\"nth\":1}",
    "{\"operation\":\"UpdateItem\",\"kind\":\"drop-after\",\"nth\":1}",
    "{\"operation\":\"UpdateItem\",\"kind\":\"drop-after\",\"nth\":1,\"reset\":true}",
    "{\"operation\":\"UpdateItem\",\"kind\":\"status\",\"status\":500,\"effect\":true,\"nth\":1}",
    "{\"operation\":\"UpdateItem\",\"kind\":\"truncated\",\"nth\":1}",
    "{\"operation\":\"UpdateItem\",\"kind\":\"throttle\",\"nth\":1}",
    "{\"operation\":\"GetItem\",\"kind\":\"drop-after\",\"nth\":1}",
    ("[{\"operation\":\"UpdateItem\",\"kind\":\"drop-after\",\"nth\":1},"
     "{\"operation\":\"GetItem\",\"kind\":\"drop-after\",\"nth\":2}]"),
    "{\"operation\":\"GetItem\",\"kind\":\"throttle\",\"nth\":1}",
};

/* Whatever is lost: one message is one change, with an id and without one. */
static void
test_lost(Scene *scene, gconstpointer data)
{
    cloud_make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    assert_handled(engine, REQUEST, "", "answered: " ANSWER);
    assert_handled(engine, CONFIRM, "", "activated: ");
    guint connections = 0;
    for (gsize i = 0; i < 2 * G_N_ELEMENTS(faults); i++) {
        g_autofree char *payload = i % 2 != 0 ? g_strdup_printf("{\"id\":\"m%u\"}", (guint)i) : g_strdup("");
        g_autofree char *row = g_strdup_printf("ok|0|%u", ++connections);
        aws_peer_plant(peer, faults[i / 2]);
        assert_handled(engine, CONFIRM, payload, "counted: ");
        assert_told(scene, row, DEVICE, row);
        aws_peer_clear(peer);
    }
    g_autofree char *counts = g_strdup_printf("activated 1 answered 1 counted %u", connections);
    assert_told(scene, counts, DEVICE, counts);
}

typedef struct {
    KlActivationTable *table;
    const KlActivationChange *change;
    KlActivationKept kept;
} Keeping;

static void *
keep_in_thread(void *data)
{
    Keeping *keeping = data;
    keeping->kept = keep(keeping->table, keeping->change);
    return NULL;
}

/* Until the peer has done so many calls; the last one's answer is still on its way. */
static void
wait_for_effect(guint n)
{
    for (gboolean done = FALSE; !done;) {
        g_autoptr(JsonNode) root = aws_peer_control(peer, "GET", "calls", NULL);
        JsonArray *calls = json_object_get_array_member(json_node_get_object(root), "calls");
        done = json_array_get_length(calls) == n &&
               json_object_has_member(json_array_get_object_element(calls, n - 1), "backend_ms");
    }
}

/* Another service handles a message between the table's reading and its update, and somebody who does not know of first
 * boot, a station or a hand, changes the row between the next two. */
static void
test_between(Scene *scene, gconstpointer data)
{
    cloud_make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    g_autoptr(KlRegistration) was = read_row(table, DEVICE, NULL, NULL);
    g_autoptr(KlRegistration) row = changed(table, "requested", 0);
    const KlActivationChange change = change_of(was, row, "a", "answered");
    Keeping keeping = {table, &change, KL_ACTIVATION_FAILED};
    pthread_t thread;
    cloud_set(scene, KL_BOOT_ATTRIBUTE "turn", "theirs");
    json_node_unref(aws_peer_control(peer, "DELETE", "calls", NULL));
    aws_peer_plant(peer, "{\"operation\":\"GetItem\",\"kind\":\"slow\",\"ms\":300,\"nth\":1}");
    g_assert_cmpint(pthread_create(&thread, NULL, keep_in_thread, &keeping), ==, 0);
    wait_for_effect(2);
    cloud_set(scene, "policy", "other");
    pthread_join(thread, NULL);
    aws_peer_clear(peer);
    g_assert_cmpint(keeping.kept, ==, KL_ACTIVATION_CHANGED);
    assert_told(scene, row, DEVICE, "false|0|0");
    assert_told(scene, counts, DEVICE, "");
}

/* A message is one reading and one update, whoever else sends meanwhile; only what was changed is looked at again. What
 * was read for a message that came to nothing is not taken for the next one's. */
static void
test_calls(Scene *scene, gconstpointer data)
{
    cloud_make_units(scene, 1);
    KlActivationTable *table = scene_open(scene), *other = scene_open(scene);
    g_autoptr(KlRegistration) was = read_row(table, DEVICE, "a", NULL);
    const KlActivationChange change = change_of(was, NULL, "a", "x");
    json_node_unref(aws_peer_control(peer, "DELETE", "calls", NULL));
    g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
    g_assert_cmpuint(aws_peer_calls(peer, NULL), ==, 1);

    g_autoptr(KlRegistration) same = read_row(table, DEVICE, "b", NULL);
    const KlActivationChange theirs = change_of(same, NULL, "b", "x"), ours = change_of(same, NULL, "c", "x");
    g_assert_cmpint(keep(other, &theirs), ==, KL_ACTIVATION_KEPT);
    json_node_unref(aws_peer_control(peer, "DELETE", "calls", NULL));
    g_assert_cmpint(keep(table, &ours), ==, KL_ACTIVATION_KEPT);
    g_assert_cmpuint(aws_peer_calls(peer, NULL), ==, 3);

    g_autoptr(KlRegistration) before = read_row(table, DEVICE, "d", NULL);
    cloud_set(scene, "policy", "other");
    g_autoptr(KlRegistration) after = read_row(other, DEVICE, "d", NULL);
    const KlActivationChange late = change_of(after, NULL, "d", "x");
    g_assert_cmpint(keep(table, &late), ==, KL_ACTIVATION_KEPT);
    assert_told(scene, counts, DEVICE, "x 4");
}

/* Credentials, when answers are lost: still one claimant, and one certificate. */
static void
test_lost_claims(Scene *scene, gconstpointer data)
{
    static const char fault[] = "{\"operation\":\"UpdateItem\",\"kind\":\"drop-after\",\"nth\":1}";
    cloud_make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    g_autoptr(GBytes) first = g_bytes_new_static("first", 5);
    g_autofree char *kept = NULL;
    aws_peer_plant(peer, fault);
    claim(table, "a", "first", NOW, NULL, TRUE);
    aws_peer_plant(peer, fault);
    g_assert_true(CALL(table, issued, DEVICE, first, "PEM", &kept, NULL, NULL));
    g_assert_cmpstr(kept, ==, "PEM");
}

/* It stays down: nothing is kept, and the message is to be handled again. */
static void
test_down(Scene *scene, gconstpointer data)
{
    cloud_make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    aws_peer_plant(peer, "{\"operation\":\"UpdateItem\",\"kind\":\"throttle\"}");
    assert_handled(engine, REQUEST, "{\"id\":\"1\"}", "CLOUD_THROTTLED");
    aws_peer_clear(peer);
    assert_told(scene, row, DEVICE, "false|0|0");
    aws_peer_plant(peer, "{\"operation\":\"UpdateItem\",\"kind\":\"drop-after\"}");
    assert_handled(engine, REQUEST, "{\"id\":\"1\"}", "NET_DOWN");
    aws_peer_clear(peer);
    assert_told(scene, row, DEVICE, "requested|0|0");
    assert_handled(engine, REQUEST, "{\"id\":\"1\"}", "answered: " ANSWER);
    assert_told(scene, row, DEVICE, "requested|0|0");
    aws_peer_plant(peer, "{\"operation\":\"GetItem\",\"kind\":\"error\",\"name\":\"AccessDeniedException\"}");
    assert_handled(engine, CONFIRM, "{\"id\":\"2\"}", "CLOUD_DENIED");
    aws_peer_clear(peer);
}

/* Rows that other hands have written. */
static void
test_odd_rows(Scene *scene, gconstpointer data)
{
    static const char *const items[] = {
        "{\"device\":{\"S\":\"" DEVICE "\"}}",
        "{\"device\":{\"S\":\"" DEVICE "\"},\"registered\":{\"BOOL\":false},\"version\":{\"N\":\"0\"},"
        "\"connections\":{\"N\":\"0\"}}",
        "{\"device\":{\"S\":\"" DEVICE "\"},\"registered\":{\"S\":\"ok\"},\"version\":{\"S\":\"0\"},"
        "\"connections\":{\"N\":\"0\"}}",
        "{\"device\":{\"S\":\"" DEVICE "\"},\"registered\":{\"S\":\"ok\"},\"version\":{\"N\":\"0\"},"
        "\"connections\":{\"N\":\"-1\"}}",
        "{\"device\":{\"S\":\"" DEVICE "\"},\"registered\":{\"S\":\"ok\"},\"version\":{\"N\":\"0.5\"},"
        "\"connections\":{\"N\":\"1\"}}",
    };
    cloud_make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    for (gsize i = 0; i < G_N_ELEMENTS(items); i++) {
        cloud_table_put(aws, scene->name, items[i]);
        assert_handled(engine, REQUEST, "{\"id\":\"1\"}", "bad-row: ");
        assert_told(scene, counts, DEVICE, "bad-row 1");
    }
}

/* A unit that is provisioned anew begins anew: what its row says, and all that first boot has kept beside it. */
static void
test_provisioned_anew(Scene *scene, gconstpointer data)
{
    KlAwsSection section = {
        .registration_table = scene->name, .records_table = (char *)"r", .counters_table = (char *)"c"};
    KlOutboxRow row = {.kind = KL_OUTBOX_REGISTRATION,
                       .key = (char *)DEVICE,
                       .run = (char *)"r1",
                       .queued_us = 2,
                       .body =
                           (char *)"{\"device\":\"" DEVICE "\",\"registered\":\"false\",\"policy\":\"p\","
                                   "\"firmware\":\"main\",\"parameters\":\"{\\\"topic\\\":\\\"t\\\"}\",\"version\":0,"
                                   "\"connections\":0,\"imei\":\"1\",\"reset\":true}"};
    cloud_make_units(scene, 1);
    KlActivationTable *table = scene_open(scene);
    g_autoptr(KlActivationEngine) engine = make_engine(&(KlActivationParts){.table = table});
    assert_handled(engine, REQUEST, "{\"id\":\"1\"}", "answered: " ANSWER);
    claim(table, "a", "first", NOW, NULL, TRUE);
    g_autoptr(KlRegistration) before = read_row(table, DEVICE, NULL, NULL);

    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(aws, &section, "north");
    g_autoptr(GError) error = NULL;
    g_assert_true(sink->klass->put(sink, &row, &(KlOp){0}, &error));
    g_assert_no_error(error);
    assert_told(scene, row, DEVICE, "false|0|0");
    g_autoptr(JsonObject) item = cloud_item(scene, DEVICE);
    for (guint i = 0; kl_boot_attributes[i] != NULL; i++)
        g_assert_false(json_object_has_member(item, kl_boot_attributes[i]));
    const KlActivationChange late = change_of(before, NULL, "2", "x");
    g_assert_cmpint(keep(table, &late), ==, KL_ACTIVATION_CHANGED);

    /* a service that did not know yet claims for the unit as it was, and gets a certificate much later */
    g_autoptr(GBytes) then = g_bytes_new_static("first", 5), next = g_bytes_new_static("next", 4);
    g_auto(KlActivationCredential) now = {0};
    g_autofree char *kept = NULL;
    claim(table, "a", "first", NOW, NULL, TRUE);
    assert_handled(engine, REQUEST, "{\"id\":\"1\"}", "answered: " ANSWER);
    assert_told(scene, row, DEVICE, "requested|0|0");
    g_assert_true(claim_device(table, "b", next, FALSE, NOW, &now));
    g_assert_true(now.mine && now.pem == NULL && g_bytes_equal(now.csr, next));
    g_assert_false(CALL(table, issued, DEVICE, then, "PEM of then", &kept, NULL, &error));
    assert_code(error, ACTIVATION_BUSY);
}

static const SceneTest of_dynamodb[] = {
    {"side-by-side", test_side_by_side},
    {"claims-side-by-side", test_claims_side_by_side},
    {"between", test_between},
    {"calls", test_calls},
    {"lost", test_lost},
    {"lost-claims", test_lost_claims},
    {"down", test_down},
    {"odd-rows", test_odd_rows},
    {"provisioned-anew", test_provisioned_anew},
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    peer = aws_peer_start(NULL);
    aws_peer_lead(peer);
    aws = kl_aws_new(&(KlAwsOptions){.backoff_ms = 2}, NULL);
    add_scenes(&on_dynamodb, contract, G_N_ELEMENTS(contract));
    add_scenes(&on_dynamodb, of_dynamodb, G_N_ELEMENTS(of_dynamodb));
    int status = g_test_run();
    aws_peer_assert_clean(peer);
    kl_aws_free(aws);
    aws_peer_free(peer);
    return status;
}
