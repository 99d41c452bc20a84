/* A unit stays one unit in the cloud: one id and one certificate that works, whichever station works on it and whatever
 * first boot, an administrator or AWS itself did in between. By the strict peer. */
#include <string.h>

#include "tests/cloud_tables.h"
#include "tests/rig/cloud_rig.h"

#define DYNAMODB_DOWN "{\"service\": \"dynamodb\", \"kind\": \"drop-before\"}"
#define QUERY_DENIED                                                                                                   \
    "{\"service\": \"dynamodb\", \"operation\": \"Query\", \"kind\": \"error\", \"name\": \"AccessDeniedException\"}"
#define POLICY "MyRaspberry_IoT_Activation"

static AwsPeer *peer;
static guint64 seed = 7000; /* each unit has a number of its own */

static const KlJobRequest again = {.reprovision_reason = "a repair"};

static void
assert_outcome(const KlRecord *record, KlOutcome outcome, const char *code)
{
    if (record->outcome != outcome || g_strcmp0(record->code, code) != 0)
        g_error("%s %s: %s", kl_outcome_name(record->outcome), record->code, record->detail);
}

static void
assert_sql(const KlLineRig *rig, const char *sql, const char *expected)
{
    g_autofree char *text = kl_line_rig_sql(rig, sql);
    g_assert_cmpstr(text, ==, expected);
}

static KlRecord *
pass(KlLineRig *rig, const KlJobRequest *request)
{
    KlRecord *record = kl_line_rig_provision(rig, 1, request);
    assert_outcome(record, KL_OUTCOME_PASS, NULL);
    kl_cloud_rig_drain(rig);
    return record;
}

/* What the peer says of a certificate; NULL: it has none of that id. */
static const char *
certificate_status(JsonObject *state, const char *id)
{
    JsonArray *all = json_object_get_array_member(json_object_get_object_member(state, "iot"), "certificates");
    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonObject *one = json_array_get_object_element(all, i);
        if (g_str_equal(json_object_get_string_member(one, "certificateId"), id))
            return json_object_get_string_member(one, "status");
    }
    return NULL;
}

/* The names of the things that say they are that unit, with a blank after each. */
static char *
things_of(JsonObject *state, const char *imei)
{
    JsonObject *things = json_object_get_object_member(json_object_get_object_member(state, "iot"), "things");
    g_autoptr(GList) names = json_object_get_members(things);
    GString *found = g_string_new(NULL);
    for (GList *name = names; name != NULL; name = name->next) {
        JsonObject *thing = json_object_get_object_member(things, name->data);
        JsonObject *attributes = json_object_get_object_member(thing, "attributes");
        if (g_strcmp0(json_object_get_string_member_with_default(attributes, "imei", NULL), imei) == 0)
            g_string_append_printf(found, "%s ", (const char *)name->data);
    }
    return g_string_free(found, FALSE);
}

/* The unit's one certificate is active, the other is gone, and all of it is one thing and one row. */
static void
assert_one(const KlRecord *now, const KlRecord *before)
{
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    g_autofree char *things = things_of(state, now->unit->imei);
    g_autofree char *one = g_strconcat(before->unit->device_id, " ", NULL);
    g_assert_cmpstr(now->unit->device_id, ==, before->unit->device_id);
    g_assert_cmpstr(things, ==, one);
    g_assert_cmpstr(certificate_status(state, now->certificate_sha256), ==, "ACTIVE");
    g_assert_cmpstr(certificate_status(state, before->certificate_sha256), ==, NULL);
    g_assert_cmpuint(kl_cloud_rig_items(state, TABLE_REGISTRATION, "keyline_imei", now->unit->imei), ==, 1);
}

/* --- other stations --- */

static const char *const numbered[] = {"id.rule=sequence", "id.pattern=FX30-%06u", NULL};

/* A unit that another station has passed keeps that id when it is provisioned anew, and the certificate that it had
 * goes like one of the station's own. */
static void
test_replaced_elsewhere(void)
{
    KlLineRig *here = kl_cloud_rig_station("here", "iot", 1, seed, NULL, numbered);
    KlLineRig *there = kl_cloud_rig_station("there", "iot", 1, seed++, NULL, numbered);
    g_autoptr(KlRecord) first = pass(here, NULL);

    g_autoptr(KlRecord) refused = kl_line_rig_provision(there, 1, NULL);
    assert_outcome(refused, KL_OUTCOME_FAIL, "PASSED_ELSEWHERE");
    assert_sql(there, "SELECT count(*) FROM units WHERE device_id NOT NULL", "0");

    g_autoptr(KlRecord) second = pass(there, &again);
    assert_one(second, first);
    /* And back: the station knows the id, but not that certificate. */
    g_autoptr(KlRecord) third = pass(here, &again);
    assert_one(third, second);
    kl_line_rig_free(here);
    kl_line_rig_free(there);
}

/* Where it can't be known whether the unit has an id already, it gets none. */
static void
test_unknown_elsewhere(void)
{
    KlLineRig *here = kl_cloud_rig_station("here", "iot", 1, seed, NULL, numbered);
    KlLineRig *there = kl_cloud_rig_station("there", "iot", 1, seed++, NULL, numbered);
    g_autoptr(KlRecord) first = pass(here, NULL);
    static const struct {
        const char *fault, *code;
    } table[] = {{DYNAMODB_DOWN, "NET_DOWN"}, {QUERY_DENIED, "CLOUD_DENIED"}};
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        aws_peer_plant(peer, table[i].fault);
        g_autoptr(KlRecord) refused = kl_line_rig_provision(there, 1, &again);
        aws_peer_clear(peer);
        assert_outcome(refused, KL_OUTCOME_ERROR, table[i].code);
        assert_sql(there, "SELECT count(*) FROM units WHERE device_id NOT NULL", "0");
        assert_sql(there, "SELECT count(*) FROM intents", "0");
        kl_line_resume(there->line);
    }
    g_autoptr(KlRecord) second = pass(there, &again);
    assert_one(second, first);
    /* One that has its id is not held up, and nothing of it is let in twice. */
    aws_peer_plant(peer, QUERY_DENIED);
    g_autoptr(KlRecord) third = kl_line_rig_provision(here, 1, &again);
    aws_peer_clear(peer);
    assert_outcome(third, KL_OUTCOME_PASS, NULL);
    g_assert_cmpstr(third->unit->device_id, ==, first->unit->device_id);
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    g_assert_cmpstr(certificate_status(state, second->certificate_sha256), ==, "INACTIVE");
    kl_line_rig_free(here);
    kl_line_rig_free(there);
}

/* It was given an id here, but passed elsewhere under another one: an id alone does not tell that it is the unit's. */
static void
test_passed_under_another(void)
{
    KlLineRig *here = kl_cloud_rig_station("here", "iot", 1, seed, NULL, numbered);
    KlLineRig *there = kl_cloud_rig_station("there", "iot", 1, seed++, NULL, numbered);
    aws_peer_plant(peer, "{\"operation\": \"CreateCertificateFromCsr\", \"kind\": \"error\","
                         " \"name\": \"UnauthorizedException\", \"status\": 401}");
    g_autoptr(KlRecord) failed = kl_line_rig_provision(here, 1, NULL);
    aws_peer_clear(peer);
    assert_outcome(failed, KL_OUTCOME_ERROR, "CLOUD_DENIED");
    kl_line_resume(here->line);
    g_autoptr(KlRecord) first = pass(there, &again);
    g_assert_cmpstr(first->unit->device_id, !=, failed->unit->device_id);

    aws_peer_plant(peer, QUERY_DENIED);
    g_autoptr(KlRecord) unknown = kl_line_rig_provision(here, 1, &again);
    aws_peer_clear(peer);
    assert_outcome(unknown, KL_OUTCOME_ERROR, "CLOUD_DENIED");
    kl_line_resume(here->line);
    g_autoptr(KlRecord) refused = kl_line_rig_provision(here, 1, &again);
    assert_outcome(refused, KL_OUTCOME_FAIL, "CLOUD_CONFLICT");
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    g_autofree char *things = things_of(state, first->unit->imei);
    g_autofree char *one = g_strconcat(first->unit->device_id, " ", NULL);
    g_assert_cmpstr(things, ==, one);
    kl_line_rig_free(here);
    kl_line_rig_free(there);
}

/* Given another id at each station while they could not ask: a person has to decide. */
static void
test_two_ids(void)
{
    KlLineRig *here = kl_cloud_rig_station("here", "local", 1, seed, NULL, numbered);
    KlLineRig *there = kl_cloud_rig_station("there", "local", 1, seed++, NULL, numbered);
    g_autoptr(KlRecord) first = pass(here, NULL);
    aws_peer_plant(peer, QUERY_DENIED);
    g_autoptr(KlRecord) second = pass(there, NULL);
    aws_peer_clear(peer);
    g_assert_cmpstr(first->unit->device_id, !=, second->unit->device_id);
    g_autoptr(KlRecord) refused = kl_line_rig_provision(here, 1, &again);
    assert_outcome(refused, KL_OUTCOME_FAIL, "CLOUD_CONFLICT");
    g_assert_nonnull(strstr(refused->detail, second->unit->device_id));
    kl_line_rig_free(here);
    kl_line_rig_free(there);
}

/* Two products whose ids look the same share their numbers, also when they write them in another width. */
static void
test_one_pattern(void)
{
    static const char *const wide[] = {"id.rule=sequence", "id.pattern=PATTERN-%06u", NULL};
    static const char *const narrow[] = {"id.rule=sequence", "id.pattern=PATTERN-%02u", NULL};
    KlLineRig *left = kl_cloud_rig_station("left", "local", 1, seed++, NULL, wide);
    KlLineRig *right = kl_cloud_rig_station("right", "local", 1, seed++, NULL, narrow);
    g_free(kl_line_rig_shell(right, "cp $S/products/fx30s.conf $S/products/other.conf && "
                                    "sed -i 's/^product=.*/product=other/' $S/station.conf"));
    kl_line_rig_reopen(right);
    g_assert_cmpstr(kl_station_profile(right->station)->name, ==, "other");
    g_autoptr(KlRecord) first = pass(left, NULL), second = pass(right, NULL);
    g_assert_cmpuint(strtoul(strchr(first->unit->device_id, '-') + 1, NULL, 10), !=,
                     strtoul(strchr(second->unit->device_id, '-') + 1, NULL, 10));
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    g_assert_cmpuint(kl_cloud_rig_items(state, TABLE_COUNTERS, "sequence", "PATTERN-%u"), ==, 1);
    kl_line_rig_free(left);
    kl_line_rig_free(right);
}

/* --- first boot --- */

static KlAws *
open_aws(void)
{
    g_autoptr(GError) error = NULL;
    KlAws *aws = kl_aws_new(&(KlAwsOptions){0}, &error);
    g_assert_no_error(error);
    return aws;
}

/* What first boot makes of the unit's row in the cloud. */
static void
boot(const char *device)
{
    g_autoptr(KlAws) aws = open_aws();
    g_autofree char *update =
        g_strdup_printf("{\"TableName\":\"" TABLE_REGISTRATION "\",\"Key\":{\"device\":{\"S\":\"%s\"}},"
                        "\"UpdateExpression\":\"SET registered = :ok, connections = :three, #version = :three\","
                        "\"ExpressionAttributeNames\":{\"#version\":\"version\"},"
                        "\"ExpressionAttributeValues\":{\":ok\":{\"S\":\"ok\"},\":three\":{\"N\":\"3\"}}}",
                        device);
    g_auto(KlAwsAnswer) answer = {0};
    cloud_table_call(aws, KL_AWS_DYNAMODB_UPDATE_ITEM, update, &answer);
}

static void
assert_row(const char *device, const char *registered, const char *number)
{
    g_autoptr(JsonArray) items = cloud_table_items(peer, TABLE_REGISTRATION);
    g_autofree char *wanted = g_strconcat("S:", device, NULL);
    for (guint i = 0; i < json_array_get_length(items); i++) {
        JsonObject *item = json_array_get_object_element(items, i);
        g_autofree char *id = cloud_attribute(item, "device"), *state = cloud_attribute(item, "registered");
        g_autofree char *connections = cloud_attribute(item, "connections"),
                        *version = cloud_attribute(item, "version");
        if (!g_str_equal(id, wanted))
            continue;
        g_assert_cmpstr(state, ==, registered);
        g_assert_cmpstr(connections, ==, number);
        g_assert_cmpstr(version, ==, number);
        return;
    }
    g_error("no row of %s", device);
}

/* The row of a unit that comes back is as first boot has left it, unless a supervisor has the unit provisioned anew:
 * then its next boot is a first one. */
static void
test_first_boot(void)
{
    KlLineRig *rig = kl_cloud_rig_station("boot", "local", 1, seed++, NULL, NULL);
    g_autoptr(KlRecord) first = pass(rig, NULL);
    const char *device = first->unit->device_id;
    assert_row(device, "S:false", "N:0");
    boot(device);
    g_free(kl_line_rig_shell(rig, "sqlite3 $S/keyline.db \"UPDATE registration SET registered = 'requested';"
                                  " UPDATE registration SET registered = 'ok', connections = 3, version = 3\""));

    g_autoptr(KlRecord) checked = pass(rig, NULL);
    g_assert_true(checked->already_provisioned);
    assert_row(device, "S:ok", "N:3");
    assert_sql(rig, "SELECT registered, version, connections FROM registration", "ok|3|3");

    g_autoptr(KlRecord) anew = pass(rig, &again);
    assert_row(device, "S:false", "N:0");
    assert_sql(rig, "SELECT registered, version, connections FROM registration", "false|0|0");

    /* The local row knows nothing of what first boot did in the cloud. */
    boot(device);
    g_autoptr(KlRecord) once_more = pass(rig, &again);
    assert_row(device, "S:false", "N:0");
    boot(device);
    g_autoptr(KlRecord) checked_again = pass(rig, NULL);
    assert_row(device, "S:ok", "N:3");
    kl_line_rig_free(rig);
}

/* --- what people do in AWS --- */

static void
do_iot(KlAwsOperationId operation, const char *path, const KlPair *query, const KlPair *headers, const char *json)
{
    g_autoptr(KlAws) aws = open_aws();
    g_autoptr(JsonNode) body = json != NULL ? json_from_string(json, NULL) : NULL;
    const KlAwsCall call = {operation, path, query, headers, body, FALSE};
    KlOp op = {.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) error = NULL;
    kl_aws_call(aws, &call, &op, &answer, &error);
    g_assert_no_error(error);
}

/* The certificate as the peer has it, for its ARN and policies. */
static JsonObject *
certificate_of(JsonObject *state, const char *id)
{
    JsonArray *all = json_object_get_array_member(json_object_get_object_member(state, "iot"), "certificates");
    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonObject *one = json_array_get_object_element(all, i);
        if (g_str_equal(json_object_get_string_member(one, "certificateId"), id))
            return one;
    }
    g_assert_not_reached();
}

static void
detach_policy(const char *arn, const char *id, const char *device)
{
    g_autofree char *json = g_strdup_printf("{\"target\": \"%s\"}", arn);
    do_iot(KL_AWS_DETACH_POLICY, "/target-policies/" POLICY, NULL, NULL, json);
}

static void
detach_thing(const char *arn, const char *id, const char *device)
{
    g_autofree char *path = g_strdup_printf("/things/%s/principals", device);
    const KlPair headers[] = {{"x-amzn-principal", arn}, {NULL, NULL}};
    do_iot(KL_AWS_DETACH_THING_PRINCIPAL, path, NULL, headers, NULL);
}

static void
set_status(const char *id, const char *status)
{
    g_autofree char *path = g_strdup_printf("/certificates/%s", id);
    const KlPair query[] = {{"newStatus", status}, {NULL, NULL}};
    do_iot(KL_AWS_UPDATE_CERTIFICATE, path, query, NULL, NULL);
}

static void
switch_off(const char *arn, const char *id, const char *device)
{
    set_status(id, "INACTIVE");
}

static void
revoke_it(const char *arn, const char *id, const char *device)
{
    set_status(id, "REVOKED");
}

/* A check of a unit that passed before finds it, and leaves it so. */
static void
test_switched_off(void)
{
    static const struct {
        void (*act)(const char *arn, const char *id, const char *device);
        const char *code;
    } table[] = {
        {switch_off, "CLOUD_CONFLICT"},
        {revoke_it, "CLOUD_CONFLICT"},
        {detach_policy, "PROVISIONED_BROKEN"},
        {detach_thing, "PROVISIONED_BROKEN"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        KlLineRig *rig = kl_cloud_rig_station("off", "iot", 1, seed++, NULL, NULL);
        g_autoptr(KlRecord) first = pass(rig, NULL);
        g_autoptr(JsonObject) good = kl_cloud_rig_state(peer);
        JsonObject *certificate = certificate_of(good, first->certificate_sha256);
        table[i].act(json_object_get_string_member(certificate, "certificateArn"), first->certificate_sha256,
                     first->unit->device_id);
        g_autoptr(JsonNode) settings = aws_peer_control(peer, "POST", "settings", "{\"detach_ms\": 0}");
        g_autoptr(JsonNode) before = aws_peer_control(peer, "GET", "state", NULL);
        g_autoptr(KlRecord) failed = kl_line_rig_provision(rig, 1, NULL);
        g_test_message("%s", failed->detail);
        assert_outcome(failed, KL_OUTCOME_FAIL, table[i].code);
        g_assert_true(failed->already_provisioned);
        g_autoptr(JsonNode) after = aws_peer_control(peer, "GET", "state", NULL);
        g_autofree char *iot_before =
            json_to_string(json_object_get_member(json_node_get_object(before), "iot"), FALSE);
        g_autofree char *iot_after = json_to_string(json_object_get_member(json_node_get_object(after), "iot"), FALSE);
        g_assert_cmpstr(iot_after, ==, iot_before);
        g_assert_null(kl_line_stopped(rig->line));
        kl_line_rig_free(rig);
    }
}

/* What was made a moment ago, and is not known everywhere in AWS yet, is no unit's fault. */
static void
test_just_made(void)
{
    static const char missing[] =
        "{\"operation\": \"%s\", \"kind\": \"error\", \"name\": \"ResourceNotFoundException\", \"status\": 404,"
        " \"times\": %u}";
    static const struct {
        const char *operation;
        guint times, describe;
    } table[] = {
        {"AttachPolicy", 1, 0},
        {"AttachPolicy", 1, 1},
        {"AttachThingPrincipal", 2, 0},
        {"DescribeCertificate", 2, 0},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        KlLineRig *rig = kl_cloud_rig_station("stale", "iot", 1, seed++, NULL, NULL);
        g_autoptr(GString) faults = g_string_new("[");
        g_string_append_printf(faults, missing, table[i].operation, table[i].times);
        if (table[i].describe > 0) {
            g_string_append(faults, ", ");
            g_string_append_printf(faults, missing, "DescribeCertificate", table[i].describe);
        }
        g_string_append(faults, "]");
        aws_peer_plant(peer, faults->str);
        g_autoptr(KlRecord) record = pass(rig, NULL);
        aws_peer_clear(peer);
        kl_line_rig_free(rig);
    }
    /* What stays missing is told. */
    KlLineRig *rig = kl_cloud_rig_station("gone", "iot", 1, seed++, NULL, NULL);
    g_autofree char *always = g_strdup_printf(missing, "AttachPolicy", 1000);
    aws_peer_plant(peer, always);
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    aws_peer_clear(peer);
    assert_outcome(record, KL_OUTCOME_ERROR, "CLOUD_MISSING");
    kl_line_rig_free(rig);
}

/* --- before the line starts --- */

static void
assert_ready(const KlLineRig *rig, int code)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_station_ready(rig->station, &error) == (code < 0));
    if (code >= 0)
        g_assert_error(error, KL_ERROR, code);
}

static void
test_firmware(void)
{
    static const char *const with_table[] = {"aws.firmware-table=" TABLE_FIRMWARE, NULL};
    static const char *const no_table[] = {"aws.firmware-table=Nowhere", NULL};
    KlLineRig *rig = kl_cloud_rig_station("firmware", "local", 1, seed++, with_table, NULL);
    KlLineRig *lost = kl_cloud_rig_station("lost", "local", 1, seed++, no_table, NULL);
    KlLineRig *careless = kl_cloud_rig_station("careless", "local", 1, seed++, NULL, NULL);
    assert_ready(rig, KL_ERROR_FIRMWARE_MISSING);
    assert_ready(lost, KL_ERROR_CLOUD_MISSING);
    assert_ready(careless, -1);
    g_assert_true(kl_error_stops_line(KL_ERROR_FIRMWARE_MISSING));
    aws_peer_plant(peer, DYNAMODB_DOWN);
    assert_ready(rig, -1); /* can't be known */
    aws_peer_clear(peer);
    g_autoptr(KlAws) aws = open_aws();
    cloud_table_put(aws, TABLE_FIRMWARE, "{\"device\":{\"S\":\"main\"}}");
    assert_ready(rig, -1);
    guint asked = aws_peer_calls(peer, "GetItem");
    g_autoptr(KlRecord) record = pass(rig, NULL);
    g_assert_cmpuint(aws_peer_calls(peer, "GetItem"), ==, asked); /* not for each unit */
    kl_line_rig_free(rig);
    kl_line_rig_free(lost);
    kl_line_rig_free(careless);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = kl_cloud_rig_start();
    g_test_add_func("/cloud-identity/replaced-elsewhere", test_replaced_elsewhere);
    g_test_add_func("/cloud-identity/unknown-elsewhere", test_unknown_elsewhere);
    g_test_add_func("/cloud-identity/passed-under-another", test_passed_under_another);
    g_test_add_func("/cloud-identity/two-ids", test_two_ids);
    g_test_add_func("/cloud-identity/one-pattern", test_one_pattern);
    g_test_add_func("/cloud-identity/first-boot", test_first_boot);
    g_test_add_func("/cloud-identity/switched-off", test_switched_off);
    g_test_add_func("/cloud-identity/just-made", test_just_made);
    g_test_add_func("/cloud-identity/firmware", test_firmware);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
