#include "station/lambda/runtime.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "station/error.h"

#define VERSION "2018-06-01"
#define ANSWER_MS 5000
#define MARGIN_US (gint64)(500 * 1000) /* of an invocation's time, to say that it was too short */
#define ID_MAX 128

struct KlLambdaRuntime {
    char *origin;
    KlHttp *http;
};

KlLambdaRuntime *
kl_lambda_runtime_new(const char *api, GError **error)
{
    g_autofree char *url = g_strconcat("http://", api, NULL);
    char *origin = kl_origin_parse(url, KL_ORIGIN_METADATA, error);
    if (origin == NULL)
        return NULL;
    KlLambdaRuntime *runtime = g_new0(KlLambdaRuntime, 1);
    runtime->origin = origin;
    runtime->http = kl_http_new(NULL);
    return runtime;
}

void
kl_lambda_runtime_free(KlLambdaRuntime *runtime)
{
    kl_http_free(runtime->http);
    g_free(runtime->origin);
    g_free(runtime);
}

/* --- telling --- */

static gboolean
post(KlLambdaRuntime *runtime, const char *path, const char *error_type, const char *body, GError **error)
{
    const KlPair headers[] = {{"Content-Type", "application/json"},
                              {error_type != NULL ? "Lambda-Runtime-Function-Error-Type" : NULL, error_type},
                              {NULL, NULL}};
    const KlHttpRequest request = {
        .method = "POST",
        .origin = runtime->origin,
        .path = path,
        .headers = headers,
        .body = body,
        .body_length = strlen(body),
        .metadata = TRUE,
        .total_ms = ANSWER_MS,
    };
    g_auto(KlHttpAnswer) answer = {0};
    kl_http_send(runtime->http, &request, &(KlOp){0}, &answer);
    if (answer.fate != KL_HTTP_ANSWERED)
        return kl_fail(error, KL_ERROR_NET_DOWN, "Runtime API %s: %s", path, answer.detail);
    return answer.status / 100 == 2 ||
           kl_fail(error, KL_ERROR_CLOUD_GARBLED, "Runtime API %s: %d", path, answer.status);
}

/* "Keyline.CLOUD_THROTTLED", and in words what happened. */
static gboolean
post_error(KlLambdaRuntime *runtime, const char *path, const GError *why, GError **error)
{
    g_autofree char *type = g_strconcat("Keyline.", kl_error_name(kl_error_code(why)), NULL);
    g_autofree char *words = g_utf8_make_valid(why->message, -1);
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "errorType", type);
    json_object_set_string_member(object, "errorMessage", words);
    json_object_set_array_member(object, "stackTrace", json_array_new());
    json_node_take_object(root, object);
    g_autofree char *body = json_to_string(root, FALSE);
    return post(runtime, path, type, body, error);
}

void
kl_lambda_runtime_fail_init(KlLambdaRuntime *runtime, const GError *why)
{
    post_error(runtime, "/" VERSION "/runtime/init/error", why, NULL);
}

/* --- one invocation --- */

/* Without a time limit: between two invocations, Lambda stops the process for as long as it likes. */
static void
get_next(KlLambdaRuntime *runtime, KlHttpAnswer *answer)
{
    const KlHttpRequest request = {
        .method = "GET",
        .origin = runtime->origin,
        .path = "/" VERSION "/runtime/invocation/next",
        .metadata = TRUE,
        .stall_ms = G_MAXINT,
        .total_ms = G_MAXINT,
        .answer_max = KL_LAMBDA_EVENT_MAX,
    };
    kl_http_send(runtime->http, &request, &(KlOp){0}, answer);
}

/* The deadline that the invocation has by the machine's clock, by the one that KlOp goes by; 0 for none. */
static gint64
deadline_of(const KlHttpAnswer *answer)
{
    const char *text = kl_http_header(answer, "Lambda-Runtime-Deadline-Ms");
    guint64 deadline_ms = 0;
    if (text == NULL || !g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT64 / 1000, &deadline_ms, NULL))
        return 0;
    return g_get_monotonic_time() + (gint64)deadline_ms * 1000 - g_get_real_time() - MARGIN_US;
}

static char *
serve(const KlHttpAnswer *answer, const char *id, KlLambdaHandler handler, gpointer data, GError **error)
{
    KlOp op = {.deadline_us = deadline_of(answer)};
    const KlLambdaInvocation invocation = {id, (const char *)answer->body->data, answer->body->len};
    if (answer->fate == KL_HTTP_ANSWERED)
        return handler(&invocation, &op, data, error);
    kl_fail(error, KL_ERROR_CONFIG_INVALID, "the event has more than %d bytes", KL_LAMBDA_EVENT_MAX);
    return NULL;
}

static gboolean
run_once(KlLambdaRuntime *runtime, KlLambdaHandler handler, gpointer data, GError **error)
{
    g_auto(KlHttpAnswer) answer = {0};
    g_autoptr(GError) why = NULL;
    get_next(runtime, &answer);
    const char *id = kl_http_header(&answer, "Lambda-Runtime-Aws-Request-Id");
    gboolean named = id != NULL && *id != '\0' && strlen(id) <= ID_MAX;
    gboolean too_long = answer.cause == KL_HTTP_GARBLED && named;
    if (answer.fate != KL_HTTP_ANSWERED && !too_long)
        return kl_fail(error, KL_ERROR_NET_DOWN, "Runtime API: %s", answer.detail);
    if (!too_long && (answer.status != 200 || !named))
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "Runtime API: %d, %s id", answer.status, named ? "an" : "no");
    g_autofree char *result = serve(&answer, id, handler, data, &why);
    g_autofree char *path =
        kl_uri_path(VERSION, "runtime", "invocation", id, result != NULL ? "response" : "error", NULL);
    return result != NULL ? post(runtime, path, NULL, result, error) : post_error(runtime, path, why, error);
}

void
kl_lambda_runtime_run(KlLambdaRuntime *runtime, KlLambdaHandler handler, gpointer data, GError **error)
{
    while (run_once(runtime, handler, data, error))
        continue;
}
