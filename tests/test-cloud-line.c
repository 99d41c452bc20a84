/* The whole line with AWS behind it, by the strict peer: what a unit that passed left there, what an outage, a
 * duplicate and a fault at each call do, and two stations side by side. */
#include <string.h>

#include "tests/case_step.h"
#include "tests/rig/cloud_rig.h"

#define REGISTRATION "Bootstrapping_table_registration"
#define RECORDS "Keyline_records"
#define DYNAMODB_DOWN "{\"service\": \"dynamodb\", \"kind\": \"drop-before\"}"

static AwsPeer *peer;
static guint64 seed = 1000; /* each rig has units of its own */

static void
assert_outcome(const KlRecord *record, KlOutcome outcome, const char *code)
{
    if (record->outcome != outcome || g_strcmp0(record->code, code) != 0)
        g_error("%s %s: %s", kl_outcome_name(record->outcome), record->code, record->detail);
}

static void
assert_text(char *text, const char *expected)
{
    g_assert_cmpstr(text, ==, expected);
    g_free(text);
}

/* One ACTIVE certificate, no other, one row. */
static void
assert_in_cloud(const KlLineRig *rig, guint slot, const KlRecord *record)
{
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    g_assert_cmpuint(kl_cloud_rig_certificates(rig, slot, state, "ACTIVE"), ==, 1);
    g_assert_cmpuint(kl_cloud_rig_certificates(rig, slot, state, NULL), ==, 1);
    g_assert_cmpuint(kl_cloud_rig_items(state, REGISTRATION, "device", record->unit->device_id), ==, 1);
    JsonObject *things = json_object_get_object_member(json_object_get_object_member(state, "iot"), "things");
    JsonObject *thing = json_object_get_object_member(things, record->unit->device_id);
    g_assert_nonnull(thing);
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(thing, "principals")), ==, 1);
}

static void
passes(const char *signer, const char *const *station)
{
    KlLineRig *rig = kl_cloud_rig_station(signer, signer, 4, seed++, station, NULL);
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    for (guint slot = 1; slot <= 4; slot++) {
        const KlRecord *record = records->pdata[slot - 1];
        assert_outcome(record, KL_OUTCOME_PASS, NULL);
        g_assert_false(record->row_queued);
        assert_in_cloud(rig, slot, record);
        g_autofree char *endpoint = g_build_filename(kl_sim_unit_dir(rig->sim, slot), "item-endpoint", NULL);
        g_autofree char *text = NULL;
        g_assert_true(g_file_get_contents(endpoint, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, "a1peer0000000-ats.iot.eu-central-1.amazonaws.com");
    }
    kl_cloud_rig_drain(rig);
    const KlRecord *first = records->pdata[0];
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    g_assert_cmpuint(kl_cloud_rig_items(state, RECORDS, "imei", first->unit->imei), ==, 1);

    /* Again: checked, nothing new. */
    g_autoptr(KlRecord) again = kl_line_rig_provision(rig, 1, NULL);
    assert_outcome(again, KL_OUTCOME_PASS, NULL);
    g_assert_true(again->already_provisioned);
    assert_in_cloud(rig, 1, again);

    /* Replaced: the old one goes. */
    const KlJobRequest replace = {.reprovision_reason = "new key"};
    g_autoptr(KlRecord) replaced = kl_line_rig_provision(rig, 1, &replace);
    assert_outcome(replaced, KL_OUTCOME_PASS, NULL);
    kl_cloud_rig_drain(rig);
    assert_in_cloud(rig, 1, replaced);
    kl_line_rig_free(rig);
    aws_peer_assert_clean(peer);
}

static void
test_iot(void)
{
    passes("iot", NULL);
}

static void
test_register(void)
{
    static const char *const station[] = {"aws.register=without-ca", NULL};
    passes("register", station);
}

static void
test_pca(void)
{
    g_autofree char *arn = aws_peer_pca_arn(peer);
    g_autofree char *change = g_strconcat("aws.pca-arn=", arn, NULL);
    const char *const station[] = {change, "aws.register=without-ca", NULL};
    passes("pca", station);
}

/* A PASS does not wait for a table that is away: it says so, and the row arrives later. */
static void
test_queued(void)
{
    static const char *const station[] = {"aws.ack-wait-ms=4000", NULL}; /* as long as the second may take at most */
    KlLineRig *rig = kl_cloud_rig_station("queued", "iot", 2, seed++, station, NULL);
    aws_peer_plant(peer, DYNAMODB_DOWN);
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    assert_outcome(record, KL_OUTCOME_PASS, NULL);
    g_assert_true(record->row_queued);
    assert_text(kl_line_rig_sql(rig, "SELECT row_queued FROM jobs"), "1");
    aws_peer_clear(peer);
    kl_cloud_rig_drain(rig);
    assert_in_cloud(rig, 1, record);
    g_autoptr(KlRecord) second = kl_line_rig_provision(rig, 2, NULL);
    g_assert_false(second->row_queued);
    kl_line_rig_free(rig);
}

/* Where nothing passes without the cloud, an outage is an error, not the unit's fault, and does not stop the line. */
static void
test_require_ack(void)
{
    static const char *const station[] = {"aws.require-ack=true", NULL};
    KlLineRig *rig = kl_cloud_rig_station("ack", "local", 1, seed++, station, NULL);
    aws_peer_plant(peer, DYNAMODB_DOWN);
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    assert_outcome(record, KL_OUTCOME_ERROR, "NET_DOWN");
    g_assert_null(kl_line_stopped(rig->line));
    aws_peer_clear(peer);
    g_autoptr(KlRecord) again = kl_line_rig_provision(rig, 1, NULL);
    assert_outcome(again, KL_OUTCOME_PASS, NULL);
    g_assert_false(again->row_queued);
    kl_line_rig_assert_deserved(rig, 1, again);
    kl_line_rig_free(rig);
}

/* Somebody else's device id in the table: the unit does not pass, and its certificate is never let in. */
static void
test_duplicate(void)
{
    static const char *const product[] = {"id.rule=label", NULL};
    KlLineRig *first = kl_cloud_rig_station("one", "local", 1, seed++, NULL, product);
    KlLineRig *second = kl_cloud_rig_station("two", "iot", 1, seed++, NULL, product);
    const KlJobRequest request = {.label = "DUPLICATE-1"};
    g_autoptr(KlRecord) passed = kl_line_rig_provision(first, 1, &request);
    assert_outcome(passed, KL_OUTCOME_PASS, NULL);
    g_autoptr(KlRecord) failed = kl_line_rig_provision(second, 1, &request);
    assert_outcome(failed, KL_OUTCOME_FAIL, "DUPLICATE_DEVICE");
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    g_assert_cmpuint(kl_cloud_rig_certificates(second, 1, state, "INACTIVE"), ==, 1);
    g_assert_cmpuint(kl_cloud_rig_certificates(second, 1, state, NULL), ==, 1);
    g_assert_cmpuint(kl_cloud_rig_items(state, REGISTRATION, "device", "DUPLICATE-1"), ==, 1);
    kl_line_rig_free(first);
    kl_line_rig_free(second);
}

/* --- two stations --- */

static void
collect_ids(KlLineRig *rig, GHashTable *ids)
{
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        assert_outcome(record, KL_OUTCOME_PASS, NULL);
        g_assert_true(g_hash_table_add(ids, g_strdup(record->unit->device_id)));
    }
}

/* No id twice, also while the cloud is away. */
static void
test_ids(void)
{
    static const char *const product[] = {"id.rule=sequence", "id.pattern=FX30-%06u", NULL};
    static const char *const station[] = {"aws.id-block=8", "aws.ack-wait-ms=50", NULL};
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    KlLineRig *rigs[2];
    for (guint i = 0; i < 2; i++)
        rigs[i] = kl_cloud_rig_station(i == 0 ? "left" : "right", "local", 3, seed++, station, product);
    for (guint i = 0; i < 2; i++)
        collect_ids(rigs[i], ids);
    for (guint i = 0; i < 2; i++)
        kl_cloud_rig_drain(rigs[i]);
    aws_peer_plant(peer, DYNAMODB_DOWN);
    for (guint slot = 1; slot <= 3; slot++) {
        for (guint i = 0; i < 2; i++)
            g_assert_true(kl_sim_replace(rigs[i]->sim, slot, 10 + slot, NULL, NULL));
    }
    for (guint i = 0; i < 2; i++)
        collect_ids(rigs[i], ids);
    g_assert_cmpuint(g_hash_table_size(ids), ==, 12);
    aws_peer_clear(peer);
    for (guint i = 0; i < 2; i++) {
        kl_cloud_rig_drain(rigs[i]);
        kl_line_rig_free(rigs[i]);
    }
}

/* What one station has passed, the other refuses, unless a supervisor wants it done again. */
static void
test_elsewhere(void)
{
    KlLineRig *here = kl_cloud_rig_station("here", "iot", 1, seed, NULL, NULL);
    KlLineRig *there = kl_cloud_rig_station("there", "iot", 1, seed++, NULL, NULL);
    const KlJobRequest plain = {.operator_id = "ann"}, again = {.reprovision_reason = "a repair"};
    g_assert_cmpstr(kl_sim_imei(here->sim, 1), ==, kl_sim_imei(there->sim, 1));
    g_autoptr(KlRecord) passed = kl_line_rig_provision(here, 1, &plain);
    assert_outcome(passed, KL_OUTCOME_PASS, NULL);
    kl_cloud_rig_drain(here);

    g_autoptr(KlRecord) refused = kl_line_rig_provision(there, 1, NULL);
    assert_outcome(refused, KL_OUTCOME_FAIL, "PASSED_ELSEWHERE");
    g_assert_nonnull(strstr(refused->detail, "'here' by ann"));
    g_assert_nonnull(strstr(refused->detail, passed->id));
    g_autoptr(KlRecord) replaced = kl_line_rig_provision(there, 1, &again);
    assert_outcome(replaced, KL_OUTCOME_PASS, NULL);
    kl_line_rig_free(here);
    kl_line_rig_free(there);
}

/* Can't be known: noted, and no reason to refuse; with require-ack it is. */
static void
test_elsewhere_unknown(void)
{
    static const char *const require[] = {"aws.require-ack=true", NULL};
    const char *fault = "{\"service\": \"dynamodb\", \"operation\": \"Query\", \"kind\": \"error\","
                        " \"name\": \"AccessDeniedException\"}";
    KlLineRig *lenient = kl_cloud_rig_station("lenient", "local", 1, seed++, NULL, NULL);
    KlLineRig *strict = kl_cloud_rig_station("strict", "local", 1, seed++, require, NULL);
    aws_peer_plant(peer, fault);
    g_autoptr(KlRecord) passed = kl_line_rig_provision(lenient, 1, NULL);
    assert_outcome(passed, KL_OUTCOME_PASS, NULL);
    assert_text(kl_line_rig_sql(lenient, "SELECT count(*) FROM transcripts WHERE text LIKE"
                                         " '%what other stations did is not known: CLOUD_DENIED%'"),
                "1");
    g_autoptr(KlRecord) failed = kl_line_rig_provision(strict, 1, NULL);
    assert_outcome(failed, KL_OUTCOME_ERROR, "CLOUD_DENIED");
    aws_peer_clear(peer);
    kl_line_rig_free(lenient);
    kl_line_rig_free(strict);
}

/* --- a fault at each call --- */

static const char *const operations[] = {
    "CreateCertificateFromCsr", "AttachPolicy", "CreateThing", "AttachThingPrincipal",
    "UpdateCertificate",        "PutItem",      "Query",       "DescribeEndpoint",
};

static const char *const kinds[] = {
    "\"kind\": \"drop-before\"",
    "\"kind\": \"drop-after\"",
    "\"kind\": \"status\", \"status\": 500",
    "\"kind\": \"status\", \"status\": 503, \"effect\": true",
    "\"kind\": \"throttle\"",
    "\"kind\": \"error\", \"name\": \"InternalFailureException\", \"status\": 500",
    "\"kind\": \"garbage\", \"body\": \"<html>\"",
    "\"kind\": \"truncated\"",
};

#define N_CELLS (G_N_ELEMENTS(operations) * G_N_ELEMENTS(kinds))

static void
assert_struck(void)
{
    g_autoptr(JsonNode) answer = aws_peer_control(peer, "GET", "faults", NULL);
    g_autofree char *text = json_to_string(answer, FALSE);
    if (strstr(text, "\"struck\":1") == NULL)
        g_error("the fault was never met: %s", text);
}

/* Whatever the first attempt makes of it, it is no false PASS; the next one passes; and there is one certificate. */
static void
test_matrix(void)
{
    KlLineRig *rig = kl_cloud_rig_station("matrix", "iot", N_CELLS, seed++, NULL, NULL);
    guint first_passes = 0;
    for (guint i = 0; i < N_CELLS; i++) {
        const char *operation = operations[i / G_N_ELEMENTS(kinds)], *kind = kinds[i % G_N_ELEMENTS(kinds)];
        if (i % CASE_STEP != 0) /* kinds are no multiple of it: with each operation they are others */
            continue;
        g_autofree char *fault = g_strdup_printf("{\"operation\": \"%s\", \"nth\": 1, %s}", operation, kind);
        kl_cloud_rig_drain(rig);
        if (g_str_equal(operation, "DescribeEndpoint"))
            kl_line_rig_reopen(rig); /* which has forgotten it */
        aws_peer_plant(peer, fault);
        g_autoptr(KlRecord) record = kl_line_rig_provision(rig, i + 1, NULL);
        kl_cloud_rig_drain(rig);
        assert_struck();
        aws_peer_clear(peer);
        g_test_message("%s: %s %s", fault, kl_outcome_name(record->outcome), record->code);
        if (record->outcome == KL_OUTCOME_PASS) {
            first_passes++;
        } else {
            g_assert_cmpint(record->outcome, ==, KL_OUTCOME_ERROR); /* never the unit's fault */
            g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
            g_assert_cmpuint(kl_cloud_rig_certificates(rig, i + 1, state, "ACTIVE"), <=, 1);
            g_clear_pointer(&record, kl_record_free);
            record = kl_line_rig_provision(rig, i + 1, NULL);
            assert_outcome(record, KL_OUTCOME_PASS, NULL);
        }
        kl_cloud_rig_drain(rig);
        assert_in_cloud(rig, i + 1, record);
    }
    g_test_message("%u of %u passed at once", first_passes, (guint)N_CELLS);
    kl_line_rig_free(rig);
    aws_peer_assert_clean(peer);
}

/* What the account does not allow is the station's trouble: nothing passes, nothing is let in, and the unit passes when
 * it is mended. */
static void
test_denied(void)
{
    static const char *const needed[] = {"CreateCertificateFromCsr", "AttachPolicy", "CreateThing",
                                         "AttachThingPrincipal", "UpdateCertificate"};
    KlLineRig *rig = kl_cloud_rig_station("denied", "iot", G_N_ELEMENTS(needed), seed++, NULL, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(needed); i++) {
        g_autofree char *fault = g_strdup_printf(
            "{\"operation\": \"%s\", \"kind\": \"error\", \"name\": \"UnauthorizedException\"}", needed[i]);
        aws_peer_plant(peer, fault);
        g_autoptr(KlRecord) failed = kl_line_rig_provision(rig, i + 1, NULL);
        aws_peer_clear(peer);
        g_test_message("%s", failed->detail);
        assert_outcome(failed, KL_OUTCOME_ERROR, "CLOUD_DENIED");
        g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
        g_assert_cmpuint(kl_cloud_rig_certificates(rig, i + 1, state, "ACTIVE"), ==, 0);
        g_assert_cmpstr(kl_line_stopped(rig->line), ==, "CLOUD_DENIED");
        kl_line_resume(rig->line);
        g_autoptr(KlRecord) passed = kl_line_rig_provision(rig, i + 1, NULL);
        assert_outcome(passed, KL_OUTCOME_PASS, NULL);
        kl_cloud_rig_drain(rig);
        assert_in_cloud(rig, i + 1, passed);
    }
    kl_line_rig_free(rig);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = kl_cloud_rig_start();
    g_test_add_func("/cloud-line/iot", test_iot);
    g_test_add_func("/cloud-line/register", test_register);
    g_test_add_func("/cloud-line/pca", test_pca);
    g_test_add_func("/cloud-line/queued", test_queued);
    g_test_add_func("/cloud-line/require-ack", test_require_ack);
    g_test_add_func("/cloud-line/duplicate", test_duplicate);
    g_test_add_func("/cloud-line/ids", test_ids);
    g_test_add_func("/cloud-line/elsewhere", test_elsewhere);
    g_test_add_func("/cloud-line/elsewhere-unknown", test_elsewhere_unknown);
    g_test_add_func("/cloud-line/denied", test_denied);
    g_test_add_func("/cloud-line/matrix", test_matrix);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
