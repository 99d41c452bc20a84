/* The client against the strict AWS peer, which checks every signature and every member by the official models. */
#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>

#include "station/error.h"
#include "station/net/aws.h"
#include "station/secret.h"
#include "tests/peers/aws_peer.h"

#define CALLER "GetCallerIdentityResponse.GetCallerIdentityResult."

static AwsPeer *peer;

static KlAws *
make_aws(void)
{
    const KlAwsOptions options = {.backoff_ms = 1, .attempts = 4, .attempt_ms = 60000};
    g_autoptr(GError) error = NULL;
    KlAws *aws = kl_aws_new(&options, &error);
    g_assert_no_error(error);
    return aws;
}

static gboolean
call(KlAws *aws, const KlAwsCall *what, const char *json, KlAwsAnswer *answer, GError **error)
{
    g_autoptr(JsonNode) body = json != NULL ? json_from_string(json, NULL) : NULL;
    g_assert_true(json == NULL || body != NULL);
    KlAwsCall with_body = *what;
    with_body.body = body;
    KlOp op = {.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
    gboolean done = kl_aws_call(aws, &with_body, &op, answer, error);
    if (error != NULL && *error != NULL)
        g_test_message("%s", (*error)->message);
    return done;
}

static void
expect(KlAws *aws, const KlAwsCall *what, const char *json, KlAwsAnswer *answer)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(call(aws, what, json, answer, &error));
    g_assert_no_error(error);
}

/* A request for a certificate, as a JSON body. */
static char *
make_csr(void)
{
    g_autofree char *out = NULL;
    g_autoptr(GError) error = NULL;
    const char *argv[] = {
        "openssl", "req",     "-new",      "-newkey", "ec",       "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes",  "-keyout", "/dev/null", "-subj",   "/CN=unit", NULL};
    GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL;
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, flags, NULL, NULL, &out, NULL, NULL, &error));
    g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
    g_autofree char *escaped = g_strjoinv("\\n", lines);
    return g_strdup_printf("{\"certificateSigningRequest\": \"%s\"}", escaped);
}

/* Everything that a unit needs, once, on one connection. */
static void
test_unit(void)
{
    g_autoptr(KlAws) aws = make_aws();
    g_autofree char *csr = make_csr();
    const KlPair inactive[] = {{"setAsActive", "false"}, {NULL, NULL}};
    const KlAwsCall create = {KL_AWS_CREATE_CERTIFICATE_FROM_CSR, "/certificates", inactive, NULL, NULL, FALSE};
    g_auto(KlAwsAnswer) certificate = {0};
    expect(aws, &create, csr, &certificate);
    const char *arn = kl_aws_answer_text(&certificate, "certificateArn");
    const char *id = kl_aws_answer_text(&certificate, "certificateId");
    g_assert_nonnull(certificate.request_id);

    g_autofree char *thing = kl_uri_path("things", "unit:1", NULL);
    g_autofree char *principals = kl_uri_path("things", "unit:1", "principals", NULL);
    g_autofree char *policy = kl_uri_path("policies", "device", NULL);
    g_autofree char *targets = kl_uri_path("target-policies", "device", NULL);
    g_autofree char *certificate_path = kl_uri_path("certificates", id, NULL);
    g_autofree char *target = g_strdup_printf("{\"target\": \"%s\"}", arn);
    const KlPair principal[] = {{"x-amzn-principal", arn}, {NULL, NULL}};
    const KlPair active[] = {{"newStatus", "ACTIVE"}, {NULL, NULL}};
    const KlPair data_endpoint[] = {{"endpointType", "iot:Data-ATS"}, {NULL, NULL}};
    const KlPair newest[] = {{"pageSize", "25"}, {"isAscendingOrder", "false"}, {NULL, NULL}};
    const struct {
        KlAwsCall call;
        const char *body;
    } table[] = {
        {{KL_AWS_CREATE_POLICY, policy},
         "{\"policyDocument\": \"{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[]}\"}"},
        {{KL_AWS_CREATE_THING, thing}, "{}"},
        {{KL_AWS_CREATE_THING, thing}, "{}"},
        {{KL_AWS_ATTACH_POLICY, targets}, target},
        {{KL_AWS_ATTACH_THING_PRINCIPAL, principals, NULL, principal}, NULL},
        {{KL_AWS_UPDATE_CERTIFICATE, certificate_path, active}, NULL},
        {{KL_AWS_DESCRIBE_CERTIFICATE, certificate_path}, NULL},
        {{KL_AWS_DESCRIBE_THING, thing}, NULL},
        {{KL_AWS_LIST_CERTIFICATES, "/certificates", newest}, NULL},
        {{KL_AWS_DESCRIBE_ENDPOINT, "/endpoint", data_endpoint}, NULL},
        {{KL_AWS_GET_CALLER_IDENTITY}, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_auto(KlAwsAnswer) answer = {0};
        expect(aws, &table[i].call, table[i].body, &answer);
        g_assert_cmpint(answer.status, ==, 200);
        if (table[i].call.operation == KL_AWS_DESCRIBE_ENDPOINT)
            g_assert_nonnull(kl_aws_answer_text(&answer, "endpointAddress"));
        if (table[i].call.operation == KL_AWS_DESCRIBE_CERTIFICATE)
            g_assert_cmpstr(kl_aws_answer_text(&answer, "certificateDescription.status"), ==, "ACTIVE");
        if (table[i].call.operation == KL_AWS_GET_CALLER_IDENTITY)
            g_assert_cmpuint(strlen(kl_aws_answer_text(&answer, CALLER "Account")), ==, 12);
    }
    g_assert_cmpuint(aws_peer_connections(peer), ==, 1);
    aws_peer_assert_clean(peer);
}

/* What the service refuses by name. */
static void
test_refusals(void)
{
    g_autoptr(KlAws) aws = make_aws();
    g_autofree char *nobody = kl_uri_path("things", "nobody", NULL);
    g_autofree char *other = kl_uri_path("things", "other", NULL);
    const KlAwsCall describe = {.operation = KL_AWS_DESCRIBE_THING, .path = nobody};
    const KlAwsCall create = {.operation = KL_AWS_CREATE_THING, .path = other};
    g_autoptr(GError) error = NULL;
    g_auto(KlAwsAnswer) missing = {0};
    g_assert_false(call(aws, &describe, NULL, &missing, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_MISSING);
    g_assert_cmpstr(missing.error_name, ==, "ResourceNotFoundException");
    g_clear_error(&error);

    g_auto(KlAwsAnswer) first = {0};
    g_auto(KlAwsAnswer) second = {0};
    expect(aws, &create, "{}", &first);
    g_assert_false(call(aws, &create, "{\"attributePayload\": {\"attributes\": {\"a\": \"b\"}}}", &second, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_CONFLICT);
    g_assert_nonnull(kl_aws_answer_text(&second, "resourceId"));
    g_clear_error(&error);

    aws_peer_plant(peer, "{\"operation\": \"DescribeThing\", \"kind\": \"error\", \"name\": \"AccessDeniedException\", "
                         "\"status\": 403}");
    g_auto(KlAwsAnswer) denied = {0};
    g_assert_false(call(aws, &describe, NULL, &denied, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_DENIED);
    aws_peer_clear(peer);
    aws_peer_assert_clean(peer);
}

/* A certificate's lost answer: it is there, once, and the caller knows that he does not know. */
static void
test_lost_answer(void)
{
    static const char *const kinds[] = {"drop-before", "drop-after", "garbage", "truncated"};
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autoptr(KlAws) aws = make_aws();
        g_autofree char *csr = make_csr();
        g_autofree char *fault =
            g_strdup_printf("{\"operation\": \"CreateCertificateFromCsr\", \"kind\": \"%s\"}", kinds[i]);
        guint before = aws_peer_calls(peer, "CreateCertificateFromCsr");
        aws_peer_plant(peer, fault);
        const KlAwsCall create = {.operation = KL_AWS_CREATE_CERTIFICATE_FROM_CSR, .path = "/certificates"};
        g_auto(KlAwsAnswer) answer = {0};
        g_autoptr(GError) error = NULL;
        g_assert_false(call(aws, &create, csr, &answer, &error));
        g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_IN_DOUBT);
        g_assert_cmpuint(aws_peer_calls(peer, "CreateCertificateFromCsr"), ==, before + 1);
        aws_peer_clear(peer);
    }
}

/* Connections that the service closed meanwhile: found out before the next request, or repeated where that is safe. */
static void
test_stale(void)
{
    g_autoptr(KlAws) aws = make_aws();
    const KlAwsCall list = {.operation = KL_AWS_LIST_CERTIFICATES, .path = "/certificates"};
    for (guint i = 0; i < 5; i++) {
        g_auto(KlAwsAnswer) answer = {0};
        expect(aws, &list, NULL, &answer);
        g_autoptr(JsonNode) closed = aws_peer_control(peer, "POST", "close-idle", NULL);
    }
}

/* A row that must be new: its own lost answer is told from another's row. */
static void
test_dynamodb(void)
{
    static const char put[] = "{\"TableName\": \"units\", \"Item\": {\"device\": {\"S\": \"%s\"}}, "
                              "\"ConditionExpression\": \"attribute_not_exists(device)\"}";
    g_autoptr(KlAws) aws = make_aws();
    const KlAwsCall create = {.operation = KL_AWS_DYNAMODB_CREATE_TABLE};
    const KlAwsCall describe = {.operation = KL_AWS_DYNAMODB_DESCRIBE_TABLE};
    const KlAwsCall put_item = {.operation = KL_AWS_DYNAMODB_PUT_ITEM};
    g_auto(KlAwsAnswer) created = {0};
    expect(aws, &create,
           "{\"TableName\": \"units\", \"BillingMode\": \"PAY_PER_REQUEST\", \"KeySchema\": [{\"AttributeName\": "
           "\"device\", "
           "\"KeyType\": \"HASH\"}], \"AttributeDefinitions\": [{\"AttributeName\": \"device\", \"AttributeType\": "
           "\"S\"}]}",
           &created);
    gboolean active = FALSE;
    for (guint i = 0; i < 100 && !active; i++) {
        g_auto(KlAwsAnswer) answer = {0};
        expect(aws, &describe, "{\"TableName\": \"units\"}", &answer);
        active = g_strcmp0(kl_aws_answer_text(&answer, "Table.TableStatus"), "ACTIVE") == 0;
    }
    g_assert_true(active);

    static const struct {
        const char *device, *fault;
        gboolean done, doubtful;
    } table[] = {
        {"one", NULL, TRUE, FALSE},           {"one", NULL, FALSE, FALSE}, /* it is another's */
        {"two", "drop-after", FALSE, TRUE},                                /* it is ours */
        {"three", "drop-before", TRUE, TRUE}, {"four", "throttle", TRUE, FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        if (table[i].fault != NULL) {
            g_autofree char *fault =
                g_strdup_printf("{\"operation\": \"PutItem\", \"kind\": \"%s\", \"nth\": 1}", table[i].fault);
            aws_peer_plant(peer, fault);
        }
        g_auto(GStrv) parts = g_strsplit(put, "%s", -1);
        g_autofree char *body = g_strjoinv(table[i].device, parts);
        g_auto(KlAwsAnswer) answer = {0};
        g_autoptr(GError) error = NULL;
        g_assert_true(call(aws, &put_item, body, &answer, &error) == table[i].done);
        g_assert_true(table[i].done || g_error_matches(error, KL_ERROR, KL_ERROR_CLOUD_CONFLICT));
        g_assert_true(answer.doubtful == table[i].doubtful);
        aws_peer_clear(peer);
    }
    aws_peer_assert_clean(peer);
}

static void *
describe_often(void *data)
{
    for (guint i = 0; i < 10; i++) {
        const KlAwsCall identity = {.operation = KL_AWS_GET_CALLER_IDENTITY};
        g_auto(KlAwsAnswer) answer = {0};
        expect(data, &identity, NULL, &answer);
    }
    return NULL;
}

/* Sixteen slots at once, some of them throttled. */
static void
test_slots(void)
{
    g_autoptr(KlAws) aws = make_aws();
    aws_peer_plant(peer, "{\"operation\": \"GetCallerIdentity\", \"kind\": \"throttle\", \"every\": 10}");
    pthread_t threads[16];
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, describe_often, aws), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpuint(kl_aws_connections(aws), <=, 16);
    aws_peer_clear(peer);
    aws_peer_assert_clean(peer);
}

static void
test_wrong_clock(void)
{
    g_autoptr(KlAws) aws = make_aws();
    const KlAwsCall identity = {.operation = KL_AWS_GET_CALLER_IDENTITY};
    const KlAwsCall list = {.operation = KL_AWS_LIST_CERTIFICATES, .path = "/certificates"};
    const KlAwsCall *calls[] = {&identity, &list};
    for (guint i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_autoptr(JsonNode) wrong = aws_peer_control(peer, "POST", "settings", "{\"clock_offset\": 900}");
        g_auto(KlAwsAnswer) answer = {0};
        g_autoptr(GError) error = NULL;
        g_assert_false(call(aws, calls[i], NULL, &answer, &error));
        g_autoptr(JsonNode) right = aws_peer_control(peer, "POST", "settings", "{\"clock_offset\": 0}");
        g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_CLOCK);
        g_assert_nonnull(strstr(error->message, "the server's clock is +"));
        g_assert_cmpint(answer.server_time, >, 0);
    }
}

static void
test_wrong_keys(void)
{
    g_setenv("AWS_SECRET_ACCESS_KEY", "not+the+right+one", TRUE);
    g_autoptr(KlAws) aws = make_aws();
    const KlAwsCall identity = {.operation = KL_AWS_GET_CALLER_IDENTITY};
    const KlAwsCall list = {.operation = KL_AWS_LIST_CERTIFICATES, .path = "/certificates"};
    const KlAwsCall *calls[] = {&identity, &list};
    for (guint i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_auto(KlAwsAnswer) answer = {0};
        g_autoptr(GError) error = NULL;
        g_assert_false(call(aws, calls[i], NULL, &answer, &error));
        g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_CREDENTIALS);
    }
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = aws_peer_start(NULL);
    aws_peer_lead(peer);
    g_test_add_func("/net-peer/unit", test_unit);
    g_test_add_func("/net-peer/refusals", test_refusals);
    g_test_add_func("/net-peer/lost-answer", test_lost_answer);
    g_test_add_func("/net-peer/stale", test_stale);
    g_test_add_func("/net-peer/dynamodb", test_dynamodb);
    g_test_add_func("/net-peer/slots", test_slots);
    g_test_add_func("/net-peer/wrong-clock", test_wrong_clock);
    g_test_add_func("/net-peer/wrong-keys", test_wrong_keys);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
