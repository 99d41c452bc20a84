#include "station/net/aws.h"

#include <pthread.h>
#include <string.h>

#include "station/error.h"
#include "station/net/aws_credentials.h"
#include "station/net/aws_verdict.h"
#include "station/net/retry.h"
#include "station/net/sigv4.h"

#define ATTEMPTS 8
#define BACKOFF_MS 100
#define BACKOFF_THROTTLED_MS 500
#define ATTEMPT_MS 20000
#define RETRY_AFTER_MAX_S 20
#define SAID_MAX 200

struct KlAws {
    KlAwsConfig *config;
    KlHttp *http;
    KlAwsCredentials *credentials;
    guint attempts;
    guint backoff_ms;
    guint attempt_ms;
    pthread_mutex_t mutex;
    KlBucket buckets[KL_AWS_OPERATIONS]; /* guarded by mutex */
};

/* A call under way. */
typedef struct {
    KlAws *aws;
    const KlAwsCall *call;
    const KlAwsOperation *operation;
    KlOp *op;
    char *query;
    GBytes *body; /* or NULL */
    KlAwsAnswer *answer;
    char *detail;          /* of the last attempt: what there is to tell */
    gint64 retry_after_us; /* what the last answer asks for */
    gboolean renewed;      /* the keys, because the service said that they hold no longer */
} Calling;

/* --- one attempt --- */

static GBytes *
write_body(const KlAwsCall *call, const KlAwsOperation *operation)
{
    const KlAwsProtocol *protocol = kl_aws_protocol(operation->service);
    char *text = NULL;
    if (call->bytes != NULL)
        return g_bytes_ref(call->bytes);
    if (protocol->query != NULL)
        text = g_strdup_printf("Action=%s&%s", operation->name, protocol->query);
    else if (call->body != NULL)
        text = json_to_string(call->body, FALSE);
    else if (protocol->target != NULL)
        text = g_strdup("{}");
    return text != NULL ? g_bytes_new_take(text, strlen(text)) : NULL;
}

/* The headers that are signed, but for those that signing adds. */
static GArray *
write_headers(const Calling *calling, const char *target)
{
    const KlAwsProtocol *protocol = kl_aws_protocol(calling->operation->service);
    GArray *headers = g_array_new(TRUE, TRUE, sizeof(KlPair));
    KlPair type = {"Content-Type", protocol->content_type};
    KlPair target_pair = {"X-Amz-Target", target};
    if (calling->body != NULL && calling->call->bytes == NULL)
        g_array_append_val(headers, type);
    if (target != NULL)
        g_array_append_val(headers, target_pair);
    for (const KlPair *pair = calling->call->headers; pair != NULL && pair->name != NULL; pair++)
        g_array_append_val(headers, *pair);
    return headers;
}

/* What goes along besides what was signed. */
static void
append_signature(GArray *headers, const char *host, const KlSigv4Key *key, const KlSigv4Signature *signature)
{
    KlPair added[] = {{"Host", host},
                      {"User-Agent", "Keyline"},
                      {"X-Amz-Date", signature->amz_date},
                      {"Authorization", signature->authorization}};
    KlPair hash = {"X-Amz-Content-SHA256", signature->content_sha256};
    KlPair token = {"X-Amz-Security-Token", key->session_token != NULL ? kl_secret_peek(key->session_token) : NULL};
    g_array_append_vals(headers, added, G_N_ELEMENTS(added));
    if (strcmp(key->service, "s3") == 0)
        g_array_append_val(headers, hash);
    if (token.value != NULL)
        g_array_append_val(headers, token);
}

static void
send_signed(const Calling *calling, const KlAwsKeys *keys, KlHttpAnswer *http)
{
    KlAws *aws = calling->aws;
    const KlAwsProtocol *protocol = kl_aws_protocol(calling->operation->service);
    const char *origin = calling->call->origin != NULL
                             ? calling->call->origin
                             : kl_aws_config_endpoint(aws->config, calling->operation->service);
    g_autofree char *target =
        protocol->target != NULL ? g_strdup_printf("%s.%s", protocol->target, calling->operation->name) : NULL;
    g_autoptr(GArray) headers = write_headers(calling, target);
    gsize body_length = 0;
    const void *body = calling->body != NULL ? g_bytes_get_data(calling->body, &body_length) : NULL;
    KlSigv4Request request = {
        .method = calling->operation->method,
        .host = kl_origin_host(origin),
        .path = calling->call->path != NULL ? calling->call->path : "/",
        .query = calling->query,
        .headers = &g_array_index(headers, KlPair, 0),
        .body = body,
        .body_length = body_length,
    };
    const KlSigv4Key key = {keys->access_key_id, keys->secret_key, keys->session_token,
                            kl_aws_config_region(aws->config), kl_aws_service(calling->operation->service)->name};
    g_auto(KlSigv4Signature) signature = {0};
    kl_sigv4_sign(&request, &key, g_get_real_time() / G_USEC_PER_SEC, &signature);

    append_signature(headers, request.host, &key, &signature);
    const KlHttpRequest http_request = {
        .method = request.method,
        .origin = origin,
        .path = request.path,
        .query = request.query,
        .headers = &g_array_index(headers, KlPair, 0),
        .body = request.body,
        .body_length = request.body_length,
        .total_ms = aws->attempt_ms,
        .answer_max = calling->call->answer_max,
    };
    kl_http_send(aws->http, &http_request, calling->op, http);
}

/* What the service says about it, for errors where that names a permission or a member; other messages may repeat what
 * was signed. NULL for none. */
static char *
read_saying(const KlAwsAnswer *answer, KlAwsMeaning meaning)
{
    const char *text = kl_aws_answer_text(answer, "message");
    if (text == NULL)
        text = kl_aws_answer_text(answer, "Message");
    if (text == NULL)
        text = kl_aws_answer_text(answer, "ErrorResponse.Error.Message");
    if (text == NULL)
        text = kl_aws_answer_text(answer, "Error.Message");
    if (text == NULL || (meaning != KL_AWS_DENIED && meaning != KL_AWS_REFUSED && meaning != KL_AWS_MISSING))
        return NULL;
    g_autofree char *copy = g_utf8_substring(text, 0, MIN(g_utf8_strlen(text, -1), SAID_MAX));
    for (char *at = copy; *at != '\0'; at++) {
        if (g_ascii_iscntrl(*at))
            *at = ' ';
    }
    return g_strdup_printf(": %s", copy);
}

static char *
describe_answer(const KlAwsAnswer *answer, KlAwsMeaning meaning)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%d", answer->status);
    if (meaning == KL_AWS_GARBLED)
        g_string_append(text, " (not an answer of AWS)");
    else if (answer->error_name != NULL)
        g_string_append_printf(text, " %s", answer->error_name);
    if (answer->request_id != NULL)
        g_string_append_printf(text, ", request %s", answer->request_id);
    if (meaning == KL_AWS_SKEWED && answer->server_time != 0)
        g_string_append_printf(text, ", the server's clock is %+" G_GINT64_FORMAT " s from the station's",
                               answer->server_time - g_get_real_time() / G_USEC_PER_SEC);
    g_autofree char *saying = read_saying(answer, meaning);
    if (saying != NULL)
        g_string_append(text, saying);
    return g_string_free(text, FALSE);
}

static KlAwsVerdict
judge(Calling *calling, const KlHttpAnswer *http, const KlAwsKeys *keys)
{
    KlAwsAnswer *answer = calling->answer;
    g_clear_pointer(&calling->detail, g_free);
    calling->retry_after_us = 0;
    if (http->fate != KL_HTTP_ANSWERED) {
        calling->detail =
            g_strdup_printf("%s: %s", http->fate == KL_HTTP_LOST ? "no answer" : "not sent", http->detail);
        return kl_aws_verdict_of_loss(http->fate, http->cause);
    }
    KlAwsMeaning meaning = kl_aws_answer_read(answer, http, kl_aws_protocol(calling->operation->service)->bytes,
                                              g_get_real_time() / G_USEC_PER_SEC);
    calling->detail = describe_answer(answer, meaning);
    const char *after = kl_http_header(http, "Retry-After");
    if (after != NULL)
        calling->retry_after_us = (gint64)MIN(g_ascii_strtoull(after, NULL, 10), RETRY_AFTER_MAX_S) * G_USEC_PER_SEC;
    KlAwsVerdict verdict = kl_aws_verdict_of_answer(meaning);
    if (meaning == KL_AWS_EXPIRED) {
        verdict.again = !calling->renewed; /* with other keys, once */
        calling->renewed = TRUE;
        kl_aws_credentials_expired(calling->aws->credentials, keys);
    }
    return verdict;
}

/* Forgets what an earlier attempt was answered. */
static void
begin_attempt(KlAwsAnswer *answer)
{
    KlAwsAnswer next = {.attempts = answer->attempts + 1, .doubtful = answer->doubtful};
    kl_aws_answer_clear(answer);
    *answer = next;
}

/* FALSE when it could not even be tried. */
static gboolean
attempt(Calling *calling, KlAwsVerdict *verdict, GError **error)
{
    g_autoptr(KlAwsKeys) keys = kl_aws_credentials_get(calling->aws->credentials, calling->op, error);
    if (keys == NULL)
        return FALSE;
    begin_attempt(calling->answer);
    g_auto(KlHttpAnswer) http = {0};
    send_signed(calling, keys, &http);
    *verdict = judge(calling, &http, keys);
    if (!verdict->done && !verdict->harmless)
        calling->answer->doubtful = TRUE;
    const KlAwsOperation *operation = calling->operation;
    g_debug("aws %s %s: %s, %" G_GINT64_FORMAT " us", kl_aws_service(operation->service)->name, operation->name,
            calling->detail, http.took_us);
    kl_transcript_note(calling->op->transcript, "aws %s %s, attempt %u: %s", kl_aws_service(operation->service)->name,
                       operation->name, calling->answer->attempts, calling->detail);
    return TRUE;
}

/* --- one call --- */

static gboolean
fail(const Calling *calling, KlErrorCode code, GError **error)
{
    const KlAwsOperation *operation = calling->operation;
    return kl_fail(error, code, "AWS %s %s: %s (attempt %u)", kl_aws_service(operation->service)->name, operation->name,
                   calling->detail, calling->answer->attempts);
}

/* Waits for this call's turn at the account's rate. */
static gboolean
wait_for_turn(const Calling *calling, GError **error)
{
    KlAws *aws = calling->aws;
    gint64 now_us = g_get_monotonic_time();
    pthread_mutex_lock(&aws->mutex);
    gint64 wait_us = kl_bucket_take(&aws->buckets[calling->call->operation], now_us);
    pthread_mutex_unlock(&aws->mutex);
    gboolean in_time = calling->op->deadline_us == 0 || now_us + wait_us < calling->op->deadline_us;
    if (!in_time)
        kl_fail(error, KL_ERROR_CLOUD_THROTTLED, "AWS %s: its turn at the account's rate comes too late",
                calling->operation->name);
    if (in_time && kl_pause(calling->op, wait_us, error))
        return TRUE;
    /* A call that is not made leaves its turn to others. */
    pthread_mutex_lock(&aws->mutex);
    kl_bucket_give_back(&aws->buckets[calling->call->operation]);
    pthread_mutex_unlock(&aws->mutex);
    return FALSE;
}

/* TRUE after the pause before the next attempt; FALSE with the last attempt's error when there is to be none. */
static gboolean
prepare_again(const Calling *calling, const KlAwsVerdict *verdict, GError **error)
{
    const KlAws *aws = calling->aws;
    guint attempts = calling->answer->attempts;
    gboolean once = calling->operation->repeat == KL_AWS_ONCE && !calling->call->safe;
    if (once && !verdict->harmless)
        return fail(calling, KL_ERROR_CLOUD_IN_DOUBT, error);
    if (!verdict->again || attempts >= aws->attempts)
        return fail(calling, verdict->code, error);
    guint base_ms = verdict->code == KL_ERROR_CLOUD_THROTTLED ? BACKOFF_THROTTLED_MS : BACKOFF_MS;
    gint64 pause_us = kl_backoff_us(aws->backoff_ms != 0 ? aws->backoff_ms : base_ms, attempts, g_random_double());
    pause_us = MAX(pause_us, calling->retry_after_us);
    gint64 deadline_us = calling->op->deadline_us;
    if (deadline_us != 0 && g_get_monotonic_time() + pause_us >= deadline_us)
        return fail(calling, verdict->code, error);
    g_info("aws %s: %s; again in %" G_GINT64_FORMAT " ms", calling->operation->name, calling->detail, pause_us / 1000);
    return kl_pause(calling->op, pause_us, error);
}

static gboolean
run(Calling *calling, GError **error)
{
    for (;;) {
        KlAwsVerdict verdict = {FALSE, KL_ERROR_INTERNAL, TRUE, FALSE};
        if (!kl_op_check(calling->op, error) || !wait_for_turn(calling, error) || !attempt(calling, &verdict, error))
            return FALSE;
        if (verdict.done)
            return TRUE;
        if (!prepare_again(calling, &verdict, error))
            return FALSE;
    }
}

gboolean
kl_aws_call(KlAws *aws, const KlAwsCall *call, KlOp *op, KlAwsAnswer *answer, GError **error)
{
    gint64 start_us = g_get_monotonic_time();
    const KlAwsOperation *operation = kl_aws_operation(call->operation);
    *answer = (KlAwsAnswer){0};
    Calling calling = {
        .aws = aws,
        .call = call,
        .operation = operation,
        .op = op,
        .query = kl_uri_query(call->query),
        .body = write_body(call, operation),
        .answer = answer,
    };
    gboolean done = run(&calling, error);
    answer->took_us = g_get_monotonic_time() - start_us;
    g_free(calling.query);
    g_clear_pointer(&calling.body, g_bytes_unref);
    g_free(calling.detail);
    return done;
}

/* --- the client --- */

KlAws *
kl_aws_new(const KlAwsOptions *options, GError **error)
{
    KlAwsConfig *config = kl_aws_config_load(&options->settings, error);
    if (config == NULL)
        return NULL;
    KlAws *aws = g_new0(KlAws, 1);
    aws->config = config;
    aws->http = kl_http_new(kl_aws_config_ca_bundle(config));
    aws->credentials = kl_aws_credentials_new(config, aws->http);
    aws->attempts = options->attempts != 0 ? options->attempts : ATTEMPTS;
    aws->backoff_ms = options->backoff_ms;
    aws->attempt_ms = options->attempt_ms != 0 ? options->attempt_ms : ATTEMPT_MS;
    pthread_mutex_init(&aws->mutex, NULL);
    guint percent = options->rate_percent != 0 ? MIN(options->rate_percent, 100) : 100;
    for (guint i = 0; i < KL_AWS_OPERATIONS; i++)
        kl_bucket_init(&aws->buckets[i], kl_aws_operation(i)->rate * percent / 100.0, g_get_monotonic_time());
    return aws;
}

void
kl_aws_free(KlAws *aws)
{
    if (aws == NULL)
        return;
    kl_aws_credentials_free(aws->credentials);
    kl_http_free(aws->http);
    kl_aws_config_free(aws->config);
    pthread_mutex_destroy(&aws->mutex);
    g_free(aws);
}

const KlAwsConfig *
kl_aws_config(const KlAws *aws)
{
    return aws->config;
}

guint
kl_aws_connections(KlAws *aws)
{
    return kl_http_connections(aws->http);
}
