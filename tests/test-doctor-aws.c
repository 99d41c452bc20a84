/* The doctor's look at the cloud, against the strict peer: what it says of what is there, missing, denied and broken,
 * and that looking changes nothing. */
#include <glib/gstdio.h>
#include <string.h>

#include "station/error.h"
#include "station/secret.h"
#include "station/station_doctor.h"
#include "tests/cloud_tables.h"

#define AWS                                                                                                            \
    "[station]\nname=n\nproduct=p\n[ca]\nsigner=%s\n[aws]\npca-arn=arn:aws:acm-pca:eu-central-1:123456789012:"         \
    "certificate-authority/00000000-0000-4000-8000-000000000001\n%s\n"
#define GOOD_POLICY                                                                                                    \
    "{\"policyDocument\":\"{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\","      \
    "\\\"Action\\\":\\\"iot:Connect\\\",\\\"Resource\\\":\\\"client/${iot:Connection.Thing.ThingName}\\\"}]}\"}"
#define OPEN_POLICY                                                                                                    \
    "{\"policyDocument\":\"{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\","      \
    "\\\"Action\\\":\\\"iot:*\\\",\\\"Resource\\\":\\\"*\\\"}]}\"}"

static AwsPeer *peer;

static KlConfig *
config_of(const char *signer, const char *aws)
{
    g_autofree char *dir = g_dir_make_tmp("keyline-doctor-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "station.conf", NULL);
    g_auto(GStrv) parts = g_strsplit(AWS, "%s", 3);
    g_autofree char *text = g_strconcat(parts[0], signer, parts[1], aws, parts[2], NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(GError) error = NULL;
    KlConfig *config = kl_config_load(dir, &error);
    g_assert_no_error(error);
    g_remove(path);
    g_rmdir(dir);
    return config;
}

static KlProfile profile = {
    .name = (char *)"p",
    .policy = (char *)"device",
    .registration_firmware = (char *)"main",
    .id_rule = KL_ID_SEQUENCE,
    .id_sequence = (char *)"P-%u",
    .ca_margin_days = 30,
};

/* The findings as text: a line each, "ok|warn|FAIL TITLE: DETAIL[ ->]"; every one that is not ok has a remedy. */
static char *
told(GPtrArray *findings)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < findings->len; i++) {
        const KlFinding *finding = findings->pdata[i];
        const char *state = !finding->ok ? "FAIL" : finding->warning ? "warn" : "ok";
        g_assert_true((finding->remedy != NULL) == !g_str_equal(state, "ok"));
        g_string_append_printf(text, "%s %s: %s\n", state, finding->title, finding->detail);
    }
    g_test_message("%s", text->str);
    return g_string_free(text, FALSE);
}

static char *
examine(const char *signer, const char *aws)
{
    KlDoctor doctor = {.config = config_of(signer, aws), .profile = &profile, .dir = "/nonexistent"};
    doctor.findings = g_ptr_array_new_with_free_func((GDestroyNotify)kl_finding_free);
    kl_doctor_aws(&doctor);
    char *text = told(doctor.findings);
    g_ptr_array_unref(doctor.findings);
    kl_config_free(doctor.config);
    return text;
}

static void
assert_says(const char *text, const char *line)
{
    if (strstr(text, line) == NULL)
        g_error("not told: %s\nbut: %s", line, text);
}

static void
assert_silent(const char *text, const char *word)
{
    if (strstr(text, word) != NULL)
        g_error("told, but should not: %s\nin: %s", word, text);
}

static char *
state_of_peer(void)
{
    g_autoptr(JsonNode) state = aws_peer_control(peer, "GET", "state", NULL);
    return json_to_string(state, FALSE);
}

/* All is there: every signer is ready, and nothing in the account is changed by the look. */
static void
test_ready(void)
{
    static const struct {
        const char *signer, *aws, *says[4];
    } table[] = {
        {"local", "firmware-table=Devicemanager_update", {"ok AWS permissions: 8 tried, none is missing\n"}},
        {"iot",
         "firmware-table=Devicemanager_update",
         {"ok AWS endpoint: a1peer0000000-ats.iot.", "ok Device policy: device keeps each unit to its own topics\n",
          "ok AWS permissions: 20 tried, none is missing; these can't be tried without effect: "
          "iot:CreateCertificateFromCsr, iot:CreateThing\n"}},
        {"register",
         "register=without-ca",
         {"without effect: iot:RegisterCertificateWithoutCA, iot:CreateThing\n", "ok Device policy: "}},
        {"pca",
         "register=no",
         {"ok Private CA: active, valid for 36", "ok AWS permissions: 9 tried",
          "without effect: acm-pca:IssueCertificate\n"}},
    };
    g_autofree char *before = state_of_peer();
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *text = examine(table[i].signer, table[i].aws);
        assert_silent(text, "FAIL");
        assert_silent(text, "warn");
        assert_says(text, "ok AWS account: arn:aws:iam::");
        assert_says(text, " tables are there, their keys are right\n");
        for (guint k = 0; k < G_N_ELEMENTS(table[i].says) && table[i].says[k] != NULL; k++)
            assert_says(text, table[i].says[k]);
        if (strstr(table[i].aws, "firmware-table") != NULL)
            assert_says(text, "ok Firmware row: main is in table Devicemanager_update\n");
        if (g_str_equal(table[i].signer, "local") || strstr(table[i].aws, "register=no") != NULL)
            assert_silent(text, "iot:");
    }
    g_autofree char *after = state_of_peer();
    g_assert_cmpstr(before, ==, after);
    aws_peer_assert_clean(peer);
}

/* What is missing is told with what to do about it, and the rest is looked at all the same. */
static void
test_missing(void)
{
    static const struct {
        const char *aws, *says;
    } table[] = {
        {"registration-table=nowhere", "FAIL AWS tables: Something that the station needs is not in the cloud account. "
                                       "(table nowhere: "},
        {"records-table=Keyline_counters", "FAIL AWS tables: Something that the station needs is not in the cloud "
                                           "account. (table Keyline_counters has the key (sequence), where (imei, "
                                           "entry) is needed)"},
        {"policy=nobody", "FAIL Device policy: Something that the station needs is not in the cloud account. ("},
        {"policy=open", "warn Device policy: open lets a unit use the topics of others\n"},
        {"firmware-table=empty", "FAIL Firmware row: main is not in table empty\n"},
        {"profile=nobody", "FAIL AWS account: "},
        {"endpoint=http://127.0.0.1:1", "FAIL AWS account: The cloud can't be reached. ("},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *text = examine("iot", table[i].aws);
        assert_says(text, table[i].says);
        if (strstr(table[i].aws, "profile=") == NULL && strstr(table[i].aws, "endpoint=") == NULL)
            assert_says(text, "ok AWS permissions: ");
    }
    aws_peer_assert_clean(peer);
}

/* Each permission that can be tried is named when it is missing; clean-up may be another's business. */
static void
test_denied(void)
{
    static const struct {
        const char *operation, *says;
    } table[] = {
        {"PutItem", "FAIL AWS permissions: denied: dynamodb:PutItem (Bootstrapping_table_registration), "
                    "dynamodb:PutItem (Keyline_records)\n"},
        {"Query", "FAIL AWS permissions: denied: dynamodb:Query (Keyline_records)\n"},
        {"UpdateItem",
         "dynamodb:UpdateItem (Bootstrapping_table_registration), dynamodb:UpdateItem (Keyline_counters)"},
        {"GetItem", "FAIL AWS permissions: denied: dynamodb:GetItem (Bootstrapping_table_registration)\n"},
        {"BatchGetItem", "FAIL AWS permissions: denied: dynamodb:BatchGetItem (Bootstrapping_table_registration)\n"},
        {"DescribeTable", "FAIL AWS tables: The cloud account does not let the station do this. (table Bootstrapping"},
        {"ListCertificates", "FAIL AWS permissions: denied: iot:ListCertificates\n"},
        {"DescribeCertificate", "FAIL AWS permissions: denied: iot:DescribeCertificate\n"},
        {"UpdateCertificate", "FAIL AWS permissions: denied: iot:UpdateCertificate\n"},
        {"DescribeThing", "FAIL AWS permissions: denied: iot:DescribeThing\n"},
        {"ListThingPrincipals", "FAIL AWS permissions: denied: iot:ListThingPrincipals\n"},
        {"AttachPolicy", "FAIL AWS permissions: denied: iot:AttachPolicy\n"},
        {"AttachThingPrincipal", "FAIL AWS permissions: denied: iot:AttachThingPrincipal\n"},
        {"GetPolicy", "FAIL Device policy: The cloud account does not let the station do this. ("},
        {"DescribeEndpoint", "FAIL AWS endpoint: The cloud account does not let the station do this. ("},
        {"DeleteCertificate", "warn AWS clean-up: left to the clean-up role (denied: iot:DeleteCertificate)\n"},
        {"DetachPolicy", "warn AWS clean-up: left to the clean-up role (denied: iot:DetachPolicy)\n"},
        {"DetachThingPrincipal", "warn AWS clean-up: left to the clean-up role (denied: iot:DetachThingPrincipal)\n"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *fault = g_strdup_printf(
            "{\"operation\":\"%s\",\"kind\":\"error\",\"name\":\"AccessDeniedException\",\"status\":400,"
            "\"message\":\"User is not authorized to perform that\"}",
            table[i].operation);
        aws_peer_plant(peer, fault);
        g_autofree char *text = examine("iot", "");
        aws_peer_clear(peer);
        assert_says(text, table[i].says);
        gboolean warning = g_str_has_prefix(table[i].says, "warn");
        if (warning)
            assert_silent(text, "FAIL");
    }
    aws_peer_assert_clean(peer);
}

/* The clock, and keys that are no good: told once, and nothing more is tried. */
static void
test_hopeless(void)
{
    g_autoptr(JsonNode) slow = aws_peer_control(peer, "POST", "settings", "{\"clock_offset\": 120}");
    g_autofree char *late = examine("iot", "");
    g_autoptr(JsonNode) wrong = aws_peer_control(peer, "POST", "settings", "{\"clock_offset\": 900}");
    g_autofree char *off = examine("iot", "");
    g_autoptr(JsonNode) right = aws_peer_control(peer, "POST", "settings", "{\"clock_offset\": 0}");
    assert_says(late, "warn AWS clock: the server's is +1");
    assert_silent(late, "FAIL");
    g_assert_true(g_str_has_prefix(off, "FAIL AWS account: The station's clock is wrong. ("));
    assert_says(off, "ok AWS permissions: not tried: see above\n");
    guint lines = 0;
    for (const char *at = off; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    g_assert_cmpuint(lines, ==, 2);

    aws_peer_plant(peer, "{\"kind\":\"drop-before\"}");
    g_autofree char *cut = examine("iot", "");
    aws_peer_clear(peer);
    assert_says(cut, "FAIL AWS account: The cloud can't be reached. (");
    assert_says(cut, "ok AWS permissions: not tried: see above\n");
}

static void
test_private_ca(void)
{
    aws_peer_plant(peer, "{\"operation\":\"DescribeCertificateAuthority\",\"kind\":\"error\","
                         "\"name\":\"ResourceNotFoundException\",\"status\":400}");
    g_autofree char *missing = examine("pca", "register=no");
    aws_peer_clear(peer);
    assert_says(missing, "FAIL Private CA: Something that the station needs is not in the cloud account. (");
    profile.ca_margin_days = 36000;
    g_autofree char *short_lived = examine("pca", "register=no");
    profile.ca_margin_days = 30;
    assert_says(short_lived, "FAIL Private CA: ");
    assert_says(short_lived, " days left, the product needs 36000)");
}

/* --- what waits here --- */

typedef struct {
    KlStore base;
    KlOutboxCounts counts;
    guint64 left;
    gboolean broken;
} FakeStore;

static gboolean
outbox_counts(KlStore *base, KlOutboxCounts *counts, GError **error)
{
    const FakeStore *store = (const FakeStore *)base;
    *counts = store->counts;
    return !store->broken || kl_fail(error, KL_ERROR_STORE_CORRUPT, "broken");
}

static gboolean
lease_left(KlStore *base, const char *sequence, guint64 *left, GError **error)
{
    g_assert_cmpstr(sequence, ==, "P-%u");
    *left = ((const FakeStore *)base)->left;
    return TRUE;
}

static void
test_queue(void)
{
    static const KlStoreClass klass = {.outbox_counts = outbox_counts, .lease_left = lease_left};
    gint64 now = g_get_real_time(), hour = 3600 * (gint64)G_USEC_PER_SEC;
    const struct {
        FakeStore store;
        const char *told;
    } table[] = {
        {{{&klass}, {.sent = 7}, 5, FALSE},
         "ok Cloud queue: empty: the cloud has every row\nok Device ids: 5 leased numbers are left\n"},
        {{{&klass}, {.queued = 1, .oldest_us = now}, 1, FALSE},
         "ok Cloud queue: 1 row waits to be sent\nok Device ids: 1 leased number is left\n"},
        {{{&klass}, {.queued = 3, .oldest_us = now - 2 * hour}, 0, FALSE},
         "warn Cloud queue: 3 rows wait to be sent\nwarn Device ids: 0 leased numbers are left\n"},
        {{{&klass}, {.parked = 1}, 9, FALSE},
         "FAIL Cloud queue: 1 row is parked: the cloud does not take it\nok Device ids: 9 leased numbers are left\n"},
        {{{&klass}, {.queued = 2, .parked = 4, .oldest_us = now}, 9, FALSE},
         "FAIL Cloud queue: 4 rows are parked: the cloud does not take them\nok Cloud queue: 2 rows wait to be sent\n"
         "ok Device ids: 9 leased numbers are left\n"},
        {{{&klass}, {.queued = 0}, 9, TRUE}, "FAIL Cloud queue: "},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        KlDoctor doctor = {.profile = &profile};
        doctor.findings = g_ptr_array_new_with_free_func((GDestroyNotify)kl_finding_free);
        FakeStore store = table[i].store;
        kl_doctor_outbox(&doctor, &store.base);
        g_autofree char *text = told(doctor.findings);
        if (store.broken)
            g_assert_true(g_str_has_prefix(text, table[i].told));
        else
            g_assert_cmpstr(text, ==, table[i].told);
        g_ptr_array_unref(doctor.findings);
    }
}

static void
make_policy(KlAws *aws, const char *name, const char *document)
{
    g_autofree char *path = kl_uri_path("policies", name, NULL);
    g_autoptr(JsonNode) body = json_from_string(document, NULL);
    const KlAwsCall call = {.operation = KL_AWS_CREATE_POLICY, .path = path, .body = body};
    KlOp op = {.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) error = NULL;
    kl_aws_call(aws, &call, &op, &answer, &error);
    g_assert_no_error(error);
}

static void
fill_account(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlAws) aws = kl_aws_new(&(KlAwsOptions){0}, &error);
    g_assert_no_error(error);
    cloud_tables_make(aws);
    cloud_table_make(aws, "empty", "device", NULL);
    cloud_table_put(aws, TABLE_FIRMWARE, "{\"device\":{\"S\":\"main\"}}");
    make_policy(aws, "device", GOOD_POLICY);
    make_policy(aws, "open", OPEN_POLICY);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = aws_peer_start(NULL);
    aws_peer_lead(peer);
    fill_account();
    g_test_add_func("/doctor-aws/ready", test_ready);
    g_test_add_func("/doctor-aws/missing", test_missing);
    g_test_add_func("/doctor-aws/denied", test_denied);
    g_test_add_func("/doctor-aws/hopeless", test_hopeless);
    g_test_add_func("/doctor-aws/private-ca", test_private_ca);
    g_test_add_func("/doctor-aws/queue", test_queue);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
