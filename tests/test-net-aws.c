/* Calls to AWS: what every kind of answer and loss comes to, what is repeated and what never is. */
#include "station/net/aws.h"

#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>

#include "station/error.h"
#include "station/log.h"
#include "station/secret.h"
#include "tests/rig/net_server.h"

#define KEY_ID "AKIATESTTESTTESTTEST"
#define SECRET "s3cr3t/Key+ThatNobodyMaySee0123456789ab"
#define TOKEN "t0k3n//ThatNobodyMaySee=="
#define ID "x-amzn-RequestId: 1234-abcd\r\n"
#define XML "Content-Type: text/xml\r\n"
#define NAMED(name) ID "x-amzn-ErrorType: " name ":http://internal.amazon.com/\r\n"

static NetServer *server;
static KlAws *aws;
static KlAws *hasty; /* does not wait long for an answer */

static KlAws *
make_aws(guint attempt_ms)
{
    const KlAwsOptions options = {
        .settings = {.region = "eu-central-1", .endpoint = net_server_origin(server)},
        .attempts = 3,
        .backoff_ms = 1,
        .attempt_ms = attempt_ms,
    };
    g_autoptr(GError) error = NULL;
    KlAws *made = kl_aws_new(&options, &error);
    g_assert_no_error(error);
    return made;
}

static gboolean
call_with(KlAws *client, KlAwsOperationId operation, KlAwsAnswer *answer, GError **error)
{
    const KlAwsCall call = {.operation = operation, .path = "/x"};
    KlOp op = {0};
    gboolean done = kl_aws_call(client, &call, &op, answer, error);
    g_assert_true(done == (error == NULL || *error == NULL));
    if (!done && error != NULL) {
        g_test_message("%s", (*error)->message);
        g_assert_null(strstr((*error)->message, "ThatNobodyMaySee"));
    }
    return done;
}

static gboolean
call_once(KlAwsOperationId operation, KlAwsAnswer *answer, GError **error)
{
    return call_with(aws, operation, answer, error);
}

/* --- what goes out --- */

static void
test_rest(void)
{
    static const NetAct act = {NET_REPLY, 200, ID, "{\"certificateArn\":\"arn:x\",\"a\":{\"b\":\"c\"}}"};
    net_server_plan(server, &act, 1);
    g_autoptr(JsonNode) body = json_from_string("{\"certificateSigningRequest\":\"-----BEGIN\\n\"}", NULL);
    const KlPair query[] = {{"setAsActive", "false"}, {NULL, NULL}};
    const KlPair headers[] = {{"x-amzn-principal", "arn:aws:iot:x"}, {NULL, NULL}};
    const KlAwsCall call = {KL_AWS_CREATE_CERTIFICATE_FROM_CSR, "/certificates", query, headers, body, FALSE};
    KlOp op = {0};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_aws_call(aws, &call, &op, &answer, &error));
    g_assert_no_error(error);
    g_assert_cmpint(answer.status, ==, 200);
    g_assert_cmpstr(answer.request_id, ==, "1234-abcd");
    g_assert_cmpstr(kl_aws_answer_text(&answer, "certificateArn"), ==, "arn:x");
    g_assert_cmpstr(kl_aws_answer_text(&answer, "a.b"), ==, "c");
    g_assert_null(kl_aws_answer_text(&answer, "a"));
    g_assert_null(kl_aws_answer_text(&answer, "a.b.c"));
    g_assert_false(answer.doubtful);

    g_autofree char *text = net_server_request(server, 0);
    g_assert_true(g_str_has_prefix(text, "POST /certificates?setAsActive=false HTTP/1.1\r\n"));
    g_assert_nonnull(strstr(text, "\r\nContent-Type: application/json\r\n"));
    g_assert_nonnull(strstr(text, "\r\nX-Amz-Security-Token: " TOKEN "\r\n"));
    g_assert_nonnull(strstr(text, "/eu-central-1/iot/aws4_request, SignedHeaders=content-type;host;x-amz-date;"
                                  "x-amz-security-token;x-amzn-principal, Signature="));
    g_assert_null(strstr(text, SECRET));
    g_assert_true(g_str_has_suffix(text, "{\"certificateSigningRequest\":\"-----BEGIN\\n\"}"));
}

static void
test_protocols(void)
{
    static const struct {
        KlAwsOperationId operation;
        const char *line, *header, *body;
    } table[] = {
        {KL_AWS_DYNAMODB_GET_ITEM, "POST /x ", "\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\n", "\r\n\r\n{}"},
        {KL_AWS_DYNAMODB_GET_ITEM, "POST /x ", "\r\nContent-Type: application/x-amz-json-1.0\r\n", "{}"},
        {KL_AWS_PCA_GET_CERTIFICATE, "POST /x ", "\r\nX-Amz-Target: ACMPrivateCA.GetCertificate\r\n", "{}"},
        {KL_AWS_PCA_GET_CERTIFICATE, "POST /x ", "\r\nContent-Type: application/x-amz-json-1.1\r\n", "{}"},
        {KL_AWS_GET_CALLER_IDENTITY, "POST /x ",
         "\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n",
         "\r\n\r\nAction=GetCallerIdentity&Version=2011-06-15"},
        {KL_AWS_DESCRIBE_THING, "GET /x ", "\r\nUser-Agent: Keyline\r\n", "\r\n\r\n"},
        {KL_AWS_UPDATE_CERTIFICATE, "PUT /x ", "\r\nContent-Length: 0\r\n", "\r\n\r\n"},
        {KL_AWS_DELETE_CERTIFICATE, "DELETE /x ", "\r\nAuthorization: AWS4-HMAC-SHA256 ", "\r\n\r\n"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        net_server_plan(server, NULL, 0);
        g_auto(KlAwsAnswer) answer = {0};
        g_assert_true(call_once(table[i].operation, &answer, NULL));
        g_autofree char *text = net_server_request(server, 0);
        g_test_message("%s", text);
        g_assert_true(g_str_has_prefix(text, table[i].line));
        g_assert_nonnull(strstr(text, table[i].header));
        g_assert_true(g_str_has_suffix(text, table[i].body));
    }
}

/* --- what comes back --- */

static void
test_xml(void)
{
    static const NetAct act = {
        NET_REPLY, 200, XML,
        "<?xml version='1.0'?>\n<GetCallerIdentityResponse xmlns=\"x\">\n <GetCallerIdentityResult>"
        "<Arn>arn:a&amp;b</Arn><Account>123</Account></GetCallerIdentityResult>"
        "<ResponseMetadata/></GetCallerIdentityResponse>"};
    net_server_plan(server, &act, 1);
    g_auto(KlAwsAnswer) answer = {0};
    g_assert_true(call_once(KL_AWS_GET_CALLER_IDENTITY, &answer, NULL));
    g_assert_cmpstr(kl_aws_answer_text(&answer, "GetCallerIdentityResponse.GetCallerIdentityResult.Account"), ==,
                    "123");
    g_assert_cmpstr(kl_aws_answer_text(&answer, "GetCallerIdentityResponse.GetCallerIdentityResult.Arn"), ==,
                    "arn:a&b");
    g_assert_cmpstr(kl_aws_answer_text(&answer, "GetCallerIdentityResponse.ResponseMetadata"), ==, "");
}

/* Each kind of answer to a call that may be repeated and to one that may not: the error, and how often it was sent (3
 * attempts at most). */
static void
test_answers(void)
{
    static const struct {
        NetAct act;
        KlErrorCode safe;
        guint safe_sent;
        KlErrorCode once;
        guint once_sent;
    } table[] = {
        {{NET_DROP_READ}, KL_ERROR_NET_DOWN, 3, KL_ERROR_CLOUD_IN_DOUBT, 1},
        {{NET_DROP_UNREAD}, KL_ERROR_NET_DOWN, 3, KL_ERROR_CLOUD_IN_DOUBT, 1},
        {{NET_SILENT}, KL_ERROR_CLOUD_TIMEOUT, 3, KL_ERROR_CLOUD_IN_DOUBT, 1},
        {{NET_RAW, 0, NULL, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"},
         KL_ERROR_NET_DOWN,
         3,
         KL_ERROR_CLOUD_IN_DOUBT,
         1},
        {{NET_RAW, 0, NULL, "garbage"}, KL_ERROR_CLOUD_GARBLED, 3, KL_ERROR_CLOUD_IN_DOUBT, 1},
        {{NET_REPLY, 200, ID, "<html>"}, KL_ERROR_CLOUD_GARBLED, 3, KL_ERROR_CLOUD_IN_DOUBT, 1},
        {{NET_REPLY, 200, ID, "[1]"}, KL_ERROR_CLOUD_GARBLED, 3, KL_ERROR_CLOUD_IN_DOUBT, 1},
        {{NET_REPLY, 302, "Location: http://x\r\n", ""}, KL_ERROR_CLOUD_GARBLED, 3, KL_ERROR_CLOUD_IN_DOUBT, 1},
        {{NET_REPLY, 403, NULL, "<html>proxy"}, KL_ERROR_CLOUD_GARBLED, 3, KL_ERROR_CLOUD_IN_DOUBT, 1},
        {{NET_REPLY, 500, NAMED("InternalFailureException"), "{}"},
         KL_ERROR_CLOUD_UNAVAILABLE,
         3,
         KL_ERROR_CLOUD_IN_DOUBT,
         1},
        {{NET_REPLY, 503, NULL, "busy"}, KL_ERROR_CLOUD_UNAVAILABLE, 3, KL_ERROR_CLOUD_IN_DOUBT, 1},
        {{NET_REPLY, 400, NAMED("ThrottlingException"), "{}"},
         KL_ERROR_CLOUD_THROTTLED,
         3,
         KL_ERROR_CLOUD_THROTTLED,
         3},
        {{NET_REPLY, 429, NULL, ""}, KL_ERROR_CLOUD_THROTTLED, 3, KL_ERROR_CLOUD_THROTTLED, 3},
        {{NET_REPLY, 400, ID,
          "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException\"}"},
         KL_ERROR_CLOUD_THROTTLED,
         3,
         KL_ERROR_CLOUD_THROTTLED,
         3},
        {{NET_REPLY, 400, NAMED("RequestInProgressException"), "{}"},
         KL_ERROR_CLOUD_TIMEOUT,
         3,
         KL_ERROR_CLOUD_TIMEOUT,
         3},
        {{NET_REPLY, 410, NAMED("LimitExceededException"), "{}"}, KL_ERROR_CLOUD_LIMIT, 1, KL_ERROR_CLOUD_LIMIT, 1},
        {{NET_REPLY, 403, NAMED("AccessDeniedException"), "{}"}, KL_ERROR_CLOUD_DENIED, 1, KL_ERROR_CLOUD_DENIED, 1},
        {{NET_REPLY, 401, NAMED("UnauthorizedException"), "{}"}, KL_ERROR_CLOUD_DENIED, 1, KL_ERROR_CLOUD_DENIED, 1},
        {{NET_REPLY, 403, NAMED("UnrecognizedClientException"), "{}"},
         KL_ERROR_CLOUD_CREDENTIALS,
         1,
         KL_ERROR_CLOUD_CREDENTIALS,
         1},
        {{NET_REPLY, 403, NAMED("InvalidSignatureException"), "{}"},
         KL_ERROR_CLOUD_CREDENTIALS,
         1,
         KL_ERROR_CLOUD_CREDENTIALS,
         1},
        {{NET_REPLY, 403, "Date: Sat, 01 Jan 2000 00:00:00 GMT\r\n" NAMED("InvalidSignatureException"), "{}"},
         KL_ERROR_CLOUD_CLOCK,
         1,
         KL_ERROR_CLOUD_CLOCK,
         1},
        {{NET_REPLY, 403, ID, "{\"code\":\"RequestTimeTooSkewed\"}"}, KL_ERROR_CLOUD_CLOCK, 1, KL_ERROR_CLOUD_CLOCK, 1},
        {{NET_REPLY, 403, NAMED("ExpiredTokenException"), "{}"},
         KL_ERROR_CLOUD_CREDENTIALS,
         2,
         KL_ERROR_CLOUD_CREDENTIALS,
         2},
        {{NET_REPLY, 404, NAMED("ResourceNotFoundException"), "{}"},
         KL_ERROR_CLOUD_MISSING,
         1,
         KL_ERROR_CLOUD_MISSING,
         1},
        {{NET_REPLY, 409, NAMED("ResourceAlreadyExistsException"), "{\"resourceId\":\"r\"}"},
         KL_ERROR_CLOUD_CONFLICT,
         1,
         KL_ERROR_CLOUD_CONFLICT,
         1},
        {{NET_REPLY, 406, NAMED("CertificateStateException"), "{}"},
         KL_ERROR_CLOUD_CONFLICT,
         1,
         KL_ERROR_CLOUD_CONFLICT,
         1},
        {{NET_REPLY, 400, ID, "{\"__type\":\"x#ConditionalCheckFailedException\"}"},
         KL_ERROR_CLOUD_CONFLICT,
         1,
         KL_ERROR_CLOUD_CONFLICT,
         1},
        {{NET_REPLY, 400, NAMED("InvalidRequestException"), "{\"message\":\"1 validation\\nerror\"}"},
         KL_ERROR_CLOUD_REFUSED,
         1,
         KL_ERROR_CLOUD_REFUSED,
         1},
        {{NET_REPLY, 403, XML "x-amzn-RequestId: 1234-abcd\r\n",
          "<?xml version='1.0'?><ErrorResponse "
          "xmlns=\"x\"><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>"},
         KL_ERROR_CLOUD_CREDENTIALS,
         1,
         KL_ERROR_CLOUD_CREDENTIALS,
         1},
        {{NET_REPLY, 200, XML, "<a>x</a><b>"}, KL_ERROR_CLOUD_GARBLED, 3, KL_ERROR_CLOUD_IN_DOUBT, 1},
        {{NET_REPLY, 200, XML, " "}, KL_ERROR_CLOUD_GARBLED, 3, KL_ERROR_CLOUD_IN_DOUBT, 1},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_test_message("answer %u", i);
        for (guint once = 0; once < 2; once++) {
            net_server_plan(server, &table[i].act, 1);
            g_auto(KlAwsAnswer) answer = {0};
            g_autoptr(GError) error = NULL;
            KlAws *client = table[i].act.deed == NET_SILENT ? hasty : aws;
            KlAwsOperationId operation = once ? KL_AWS_CREATE_CERTIFICATE_FROM_CSR : KL_AWS_DESCRIBE_THING;
            g_assert_false(call_with(client, operation, &answer, &error));
            g_assert_error(error, KL_ERROR, (int)(once ? table[i].once : table[i].safe));
            g_assert_cmpuint(net_server_requests(server), ==, once ? table[i].once_sent : table[i].safe_sent);
            g_assert_cmpuint(answer.attempts, ==, net_server_requests(server));
            g_assert_true(answer.doubtful == (table[i].once == KL_ERROR_CLOUD_IN_DOUBT));
            g_assert_null(strpbrk(error->message, "\r\n"));
            g_assert_nonnull(strstr(error->message, once ? "iot CreateCertificateFromCsr: " : "iot DescribeThing: "));
            if (table[i].act.headers != NULL && strstr(table[i].act.headers, ID) != NULL)
                g_assert_nonnull(strstr(error->message, "request 1234-abcd"));
        }
    }
}

/* An answer after some trouble is an answer; whether an attempt before may have been obeyed is told. */
static void
test_recovery(void)
{
    static const NetAct fine = {NET_REPLY, 200, ID, "{\"a\":\"b\"}"};
    static const struct {
        NetAct trouble;
        KlAwsOperationId operation;
        gboolean done, doubtful;
    } table[] = {
        {{NET_DROP_READ}, KL_AWS_CREATE_THING, TRUE, TRUE},
        {{NET_REPLY, 503, NULL, ""}, KL_AWS_CREATE_THING, TRUE, TRUE},
        {{NET_REPLY, 400, NAMED("ThrottlingException"), "{}"}, KL_AWS_CREATE_THING, TRUE, FALSE},
        {{NET_REPLY, 400, NAMED("ThrottlingException"), "{}"}, KL_AWS_CREATE_CERTIFICATE_FROM_CSR, TRUE, FALSE},
        {{NET_REPLY, 403, NAMED("ExpiredTokenException"), "{}"}, KL_AWS_CREATE_CERTIFICATE_FROM_CSR, TRUE, FALSE},
        {{NET_DROP_READ}, KL_AWS_CREATE_CERTIFICATE_FROM_CSR, FALSE, TRUE},
        {{NET_DROP_READ}, KL_AWS_PCA_ISSUE_CERTIFICATE, FALSE, TRUE},
        {{NET_DROP_READ}, KL_AWS_DYNAMODB_UPDATE_ITEM, FALSE, TRUE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        const NetAct acts[] = {table[i].trouble, fine};
        net_server_plan(server, acts, 2);
        g_auto(KlAwsAnswer) answer = {0};
        g_autoptr(GError) error = NULL;
        g_assert_true(call_once(table[i].operation, &answer, &error) == table[i].done);
        g_assert_true(answer.doubtful == table[i].doubtful);
        g_assert_cmpuint(net_server_requests(server), ==, table[i].done ? 2 : 1);
        g_assert_cmpstr(answer.error_name, ==, NULL);
        net_server_plan(server, NULL, 0);
    }
    /* With its token, issuing may be repeated. */
    const NetAct acts[] = {{NET_DROP_READ}, fine};
    net_server_plan(server, acts, 2);
    const KlAwsCall call = {.operation = KL_AWS_PCA_ISSUE_CERTIFICATE, .safe = TRUE};
    KlOp op = {0};
    g_auto(KlAwsAnswer) answer = {0};
    g_assert_true(kl_aws_call(aws, &call, &op, &answer, NULL));
    net_server_plan(server, NULL, 0);
}

/* Nobody there: nothing left, so even what must not be repeated is tried again, and the caller hears that it is safe.
 */
static void
test_nobody_there(void)
{
    g_autoptr(NetServer) gone = net_server_start();
    g_autofree char *origin = g_strdup(net_server_origin(gone));
    g_clear_pointer(&gone, net_server_stop);
    const KlAwsOptions options = {
        .settings = {.region = "eu-central-1", .endpoint = origin}, .attempts = 3, .backoff_ms = 1};
    g_autoptr(KlAws) nowhere = kl_aws_new(&options, NULL);
    const KlAwsCall call = {.operation = KL_AWS_CREATE_CERTIFICATE_FROM_CSR};
    KlOp op = {0};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_aws_call(nowhere, &call, &op, &answer, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_NET_DOWN);
    g_assert_cmpuint(answer.attempts, ==, 3);
    g_assert_false(answer.doubtful);
}

/* --- time --- */

#define SHORT_OF_PAUSE_US (19 * G_USEC_PER_SEC) /* no retry waits longer than 20 s, whatever a service asks for */

static void
test_deadline(void)
{
    static const NetAct acts[] = {{NET_REPLY, 503, "Retry-After: 20\r\n", ""}};
    net_server_plan(server, acts, 1);
    const KlAwsCall call = {.operation = KL_AWS_DESCRIBE_THING};
    KlOp op = {.deadline_us = g_get_monotonic_time() + SHORT_OF_PAUSE_US};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_aws_call(aws, &call, &op, &answer, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_UNAVAILABLE); /* a pause that ends too late is not begun */
    g_assert_cmpuint(answer.attempts, ==, 1);
    g_assert_cmpint(answer.took_us, <, SHORT_OF_PAUSE_US);

    KlOp late = {.deadline_us = 1};
    g_clear_error(&error);
    g_assert_false(kl_aws_call(aws, &call, &late, &answer, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_STEP_TIMEOUT);
    g_assert_cmpuint(net_server_requests(server), ==, 1);
}

static void *
cancel_when_read(void *data)
{
    while (net_server_requests(server) == 0)
        g_usleep(1000);
    g_cancellable_cancel(data);
    return NULL;
}

static void
test_cancel(void)
{
    static const NetAct acts[] = {{NET_SILENT}, {NET_REPLY, 503, "Retry-After: 20\r\n", ""}};
    static const struct {
        KlAwsOperationId operation;
        const NetAct *act;
        KlErrorCode code;
    } table[] = {
        {KL_AWS_DESCRIBE_THING, &acts[0], KL_ERROR_CANCELLED},
        {KL_AWS_CREATE_CERTIFICATE_FROM_CSR, &acts[0], KL_ERROR_CLOUD_IN_DOUBT},
        {KL_AWS_DESCRIBE_THING, &acts[1], KL_ERROR_CANCELLED}, /* in the pause */
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        const KlAwsOptions options = {.settings = {.region = "eu-central-1", .endpoint = net_server_origin(server)}};
        g_autoptr(KlAws) patient = kl_aws_new(&options, NULL);
        g_autoptr(GCancellable) cancel = g_cancellable_new();
        net_server_plan(server, table[i].act, 1);
        pthread_t thread;
        g_assert_cmpint(pthread_create(&thread, NULL, cancel_when_read, cancel), ==, 0);
        const KlAwsCall call = {.operation = table[i].operation};
        KlOp op = {.cancel = cancel};
        g_auto(KlAwsAnswer) answer = {0};
        g_autoptr(GError) error = NULL;
        g_assert_false(kl_aws_call(patient, &call, &op, &answer, &error));
        pthread_join(thread, NULL);
        g_assert_error(error, KL_ERROR, (int)table[i].code);
        g_assert_cmpuint(net_server_requests(server), ==, 1);
    }
    net_server_plan(server, NULL, 0);
}

/* --- secrets --- */

/* Messages and log of all the tests before. */
static void
test_secrets(gconstpointer data)
{
    g_autofree char *path = g_build_filename(data, "keyline.log", NULL);
    g_autofree char *log = NULL;
    g_assert_true(g_file_get_contents(path, &log, NULL, NULL));
    g_assert_nonnull(strstr(log, "aws iot DescribeThing: 200"));
    g_assert_nonnull(strstr(log, "; again in "));
    static const char *const secrets[] = {SECRET, TOKEN, "ThatNobodyMaySee", "Signature="};
    for (guint i = 0; i < G_N_ELEMENTS(secrets); i++)
        g_assert_null(strstr(log, secrets[i]));
}

/* A refusal of the signature repeats what was signed: that is not passed on. */
static void
test_echo(void)
{
    static const NetAct echo = {NET_REPLY, 403, NAMED("SignatureDoesNotMatch"),
                                "{\"message\":\"The Canonical String was x-amz-security-token:" TOKEN "\"}"};
    static const NetAct denied = {NET_REPLY, 403, NAMED("AccessDeniedException"),
                                  "{\"message\":\"not authorized to perform: iot:X\"}"};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) error = NULL;
    net_server_plan(server, &echo, 1);
    g_assert_false(call_once(KL_AWS_DESCRIBE_THING, &answer, &error));
    g_assert_null(strstr(error->message, TOKEN));
    kl_aws_answer_clear(&answer);
    g_clear_error(&error);
    net_server_plan(server, &denied, 1);
    g_assert_false(call_once(KL_AWS_DESCRIBE_THING, &answer, &error));
    g_assert_nonnull(strstr(error->message, "iot:X"));
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_setenv("AWS_CONFIG_FILE", "/dev/null/none", TRUE);
    g_setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null/none", TRUE);
    g_setenv("AWS_ACCESS_KEY_ID", KEY_ID, TRUE);
    g_setenv("AWS_SECRET_ACCESS_KEY", SECRET, TRUE);
    g_setenv("AWS_SESSION_TOKEN", TOKEN, TRUE);
    g_setenv("AWS_EC2_METADATA_DISABLED", "true", TRUE);
    g_unsetenv("AWS_PROFILE");
    g_unsetenv("AWS_CA_BUNDLE");
    g_test_init(&argc, &argv, NULL);
    g_autofree char *dir = g_dir_make_tmp("keyline-XXXXXX", NULL);
    kl_log_open(dir);
    server = net_server_start();
    aws = make_aws(30000);
    hasty = make_aws(500);
    g_test_add_func("/net-aws/rest", test_rest);
    g_test_add_func("/net-aws/protocols", test_protocols);
    g_test_add_func("/net-aws/xml", test_xml);
    g_test_add_func("/net-aws/answers", test_answers);
    g_test_add_func("/net-aws/recovery", test_recovery);
    g_test_add_func("/net-aws/nobody-there", test_nobody_there);
    g_test_add_func("/net-aws/deadline", test_deadline);
    g_test_add_func("/net-aws/cancel", test_cancel);
    g_test_add_func("/net-aws/echo", test_echo);
    g_test_add_data_func("/net-aws/secrets", dir, test_secrets);
    int status = g_test_run();
    kl_aws_free(aws);
    kl_aws_free(hasty);
    net_server_stop(server);
    kl_log_close();
    g_autofree char *log = g_build_filename(dir, "keyline.log", NULL);
    g_unlink(log);
    g_rmdir(dir);
    return status;
}
