#include "station/net/http.h"

#include <openssl/crypto.h>
#include <string.h>

#include "station/net/http_pool.h"

#define CONNECT_MS 5000
#define STALL_MS 20000
#define TOTAL_MS 60000
#define ANSWER_MAX ((gsize)4 * 1024 * 1024)
#define ANSWER_FIRST ((guint)16 * 1024) /* room made at once, so that small answers never move in memory */
#define HEADERS_MAX 100
#define HEADER_MAX ((gsize)16 * 1024)
#define IDLE_S 30L /* a connection that lay idle longer is not trusted to be open still */

struct KlHttp {
    KlHttpPool *pool;
    char *ca_bundle;
    gint connections; /* atomic */
};

/* A request under way. */
typedef struct {
    const KlHttpRequest *request;
    KlHttpAnswer *answer;
    guint sendings;  /* times that the request was about to go out */
    gint64 heard_us; /* when the last byte came */
    gsize answer_max;
    gboolean too_large;
    gboolean headed; /* the answer's headers are all there */
    char problem[CURL_ERROR_SIZE];
} Exchange;

static gboolean
has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if (g_ascii_iscntrl(*text) && *text != '\t')
            return TRUE;
    }
    return FALSE;
}

/* --- what curl calls --- */

/* Right before the request goes out. curl sends it again by itself when a kept connection turns out to be dead, even if
 * the server may have read it: the second time is refused. */
static int
on_send(void *data, char *to, char *from, int to_port, int from_port)
{
    Exchange *exchange = data;
    exchange->heard_us = g_get_monotonic_time();
    return exchange->sendings++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *data)
{
    Exchange *exchange = data;
    GByteArray *body = exchange->answer->body;
    exchange->heard_us = g_get_monotonic_time();
    if (size * count > exchange->answer_max - body->len) {
        exchange->too_large = TRUE;
        return 0;
    }
    g_byte_array_append(body, (const guint8 *)bytes, (guint)(size * count));
    return size * count;
}

static size_t
on_header(char *bytes, size_t size, size_t count, void *data)
{
    Exchange *exchange = data;
    GPtrArray *headers = exchange->answer->headers;
    gsize length = size * count;
    exchange->heard_us = g_get_monotonic_time();
    if (length > 5 && strncmp(bytes, "HTTP/", 5) == 0) /* of an answer: what a 100 or a proxy said before is over */
        g_ptr_array_set_size(headers, 0);
    exchange->headed = *bytes == '\r' || *bytes == '\n';
    if (length > HEADER_MAX || headers->len >= HEADERS_MAX) {
        exchange->too_large = TRUE;
        return 0;
    }
    g_ptr_array_add(headers, g_strchomp(g_strndup(bytes, length)));
    return length;
}

/* --- setting a request up --- */

static void
free_headers(struct curl_slist *headers)
{
    for (struct curl_slist *at = headers; at != NULL; at = at->next)
        OPENSSL_cleanse(at->data, strlen(at->data)); /* a session token, for one */
    curl_slist_free_all(headers);
}

static struct curl_slist *
append_header(struct curl_slist *headers, const char *name, const char *value)
{
    g_autofree char *line = g_strdup_printf(*value != '\0' ? "%s: %s" : "%s;", name, value);
    struct curl_slist *longer = curl_slist_append(headers, line);
    if (longer == NULL)
        g_error("out of memory");
    OPENSSL_cleanse(line, strlen(line));
    return longer;
}

/* The headers as curl takes them; what curl would add of its own is taken back. */
static struct curl_slist *
make_headers(const KlHttpRequest *request)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    gboolean typed = FALSE;
    for (const KlPair *pair = request->headers; pair != NULL && pair->name != NULL; pair++) {
        headers = append_header(headers, pair->name, pair->value);
        typed = typed || g_ascii_strcasecmp(pair->name, "Content-Type") == 0;
    }
    return typed ? headers : curl_slist_append(headers, "Content-Type:");
}

/* Why the request can't be sent, or NULL. */
static char *
find_fault(const KlHttpRequest *request)
{
    g_autoptr(GError) error = NULL;
    KlOriginUse use = request->metadata ? KL_ORIGIN_METADATA : KL_ORIGIN_SERVICE;
    g_autofree char *origin = kl_origin_parse(request->origin, use, &error);
    if (origin == NULL)
        return g_strdup(error->message);
    if (strcmp(origin, request->origin) != 0 || request->path[0] != '/' || strpbrk(request->path, " ?#") != NULL ||
        has_control(request->path) || (request->query != NULL && has_control(request->query)))
        return g_strdup("the request's address is not well-formed");
    for (const KlPair *pair = request->headers; pair != NULL && pair->name != NULL; pair++) {
        if (*pair->name == '\0' || has_control(pair->name) || strpbrk(pair->name, ": ;") != NULL ||
            has_control(pair->value))
            return g_strdup("a header of the request holds characters that it must not");
    }
    return NULL;
}

static void
set_method(CURL *easy, const KlHttpRequest *request)
{
    gboolean carries = g_str_has_prefix(request->method, "P") || request->body_length > 0; /* POST, PUT, PATCH */
    if (carries) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body_length > 0 ? request->body : "");
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void
set_security(CURL *easy, const KlHttp *http, const KlHttpRequest *request)
{
    gboolean clear = g_str_has_prefix(request->origin, "http://");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, clear ? "http" : "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (http->ca_bundle != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_bundle);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (request->metadata || kl_origin_is_loopback(request->origin))
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
}

static void
set_up(CURL *easy, const KlHttp *http, Exchange *exchange, const char *url, struct curl_slist *headers)
{
    const KlHttpRequest *request = exchange->request;
    curl_easy_reset(easy);
    set_security(easy, http, request);
    set_method(easy, request);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* as it was signed */
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(request->connect_ms != 0 ? request->connect_ms : CONNECT_MS));
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_S);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* giving up does not wait for a name server */
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->problem);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
}

/* --- waiting --- */

/* Microseconds until the exchange has to be given up for its time; 0 or less: now. */
static gint64
time_left(const Exchange *exchange, gint64 until_us)
{
    guint stall_ms = exchange->request->stall_ms != 0 ? exchange->request->stall_ms : STALL_MS;
    gint64 stalled_us = exchange->heard_us + (gint64)stall_ms * 1000;
    return (exchange->sendings > 0 ? MIN(until_us, stalled_us) : until_us) - g_get_monotonic_time();
}

/* Runs the transfer to its end. FINE when curl ended it, with *result; else why it was given up. */
static KlHttpCause
run(CURLM *multi, const Exchange *exchange, KlOp *op, CURLcode *result)
{
    guint total_ms = exchange->request->total_ms != 0 ? exchange->request->total_ms : TOTAL_MS;
    gint64 until_us = kl_op_until(op, total_ms);
    GPollFD cancelled = {.fd = -1};
    gboolean watched = op->cancel != NULL && g_cancellable_make_pollfd(op->cancel, &cancelled);
    KlHttpCause cause = KL_HTTP_FINE;
    int running = 1;
    while (cause == KL_HTTP_FINE) {
        curl_multi_perform(multi, &running);
        if (running == 0)
            break;
        gint64 left_us = time_left(exchange, until_us);
        if (op->cancel != NULL && g_cancellable_is_cancelled(op->cancel)) {
            cause = KL_HTTP_STOPPED;
        } else if (left_us <= 0) {
            cause = KL_HTTP_TIMEOUT;
        } else {
            struct curl_waitfd fd = {.fd = cancelled.fd, .events = CURL_WAIT_POLLIN};
            curl_multi_poll(multi, watched ? &fd : NULL, watched ? 1 : 0, (int)MIN(left_us / 1000 + 1, 1000), NULL);
        }
    }
    if (watched)
        g_cancellable_release_fd(op->cancel);
    int queued = 0;
    const CURLMsg *message = curl_multi_info_read(multi, &queued);
    *result = message != NULL ? message->data.result : CURLE_ABORTED_BY_CALLBACK;
    return cause;
}

/* --- what came of it --- */

/* TRUE when the answer tells where it ends, and ended there. curl takes the end of the connection for the end of
 * headers, and of a body without a length. */
static gboolean
is_whole(const Exchange *exchange, int status)
{
    const KlHttpAnswer *answer = exchange->answer;
    gboolean sized =
        kl_http_header(answer, "Content-Length") != NULL || kl_http_header(answer, "Transfer-Encoding") != NULL;
    return exchange->headed && (sized || status == 204 || status == 304);
}

static KlHttpCause
cause_of(const Exchange *exchange, CURLcode result, int status)
{
    if (exchange->too_large)
        return KL_HTTP_GARBLED;
    switch (result) {
    case CURLE_OK:
        return is_whole(exchange, status) ? KL_HTTP_FINE : KL_HTTP_BROKEN;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return KL_HTTP_UNTRUSTED;
    case CURLE_OPERATION_TIMEDOUT:
        return KL_HTTP_TIMEOUT;
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer without a status line */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return KL_HTTP_GARBLED;
    case CURLE_URL_MALFORMAT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return KL_HTTP_INVALID;
    default:
        return KL_HTTP_BROKEN;
    }
}

static char *
detail_of(const Exchange *exchange, KlHttpCause cause, CURLcode result)
{
    if (exchange->too_large)
        return g_strdup("the answer is too large");
    if (exchange->sendings > 1)
        return g_strdup("the server closed the connection without an answer");
    if (cause == KL_HTTP_STOPPED)
        return g_strdup("stopped");
    if (cause == KL_HTTP_TIMEOUT && result != CURLE_OPERATION_TIMEDOUT)
        return g_strdup(exchange->sendings > 0 ? "no answer in time" : "no connection in time");
    g_autofree char *text =
        g_utf8_make_valid(*exchange->problem != '\0' ? exchange->problem : curl_easy_strerror(result), -1);
    return g_strdelimit(g_steal_pointer(&text), "\r\n\t", ' ');
}

static void
conclude(Exchange *exchange, KlHttpCause cause, CURLcode result, CURL *easy)
{
    KlHttpAnswer *answer = exchange->answer;
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    answer->cause = cause != KL_HTTP_FINE ? cause : cause_of(exchange, result, (int)status);
    if (answer->cause == KL_HTTP_FINE) {
        answer->status = (int)status;
        answer->fate = KL_HTTP_ANSWERED;
        g_byte_array_append(answer->body, (const guint8 *)"", 1);
        g_byte_array_set_size(answer->body, answer->body->len - 1);
        return;
    }
    answer->fate = exchange->sendings > 0 ? KL_HTTP_LOST : KL_HTTP_NEVER_LEFT;
    answer->detail = detail_of(exchange, answer->cause, result);
}

static void
transfer(KlHttp *http, KlHttpHandle *handle, Exchange *exchange, KlOp *op)
{
    const KlHttpRequest *request = exchange->request;
    gboolean asks = request->query != NULL && *request->query != '\0';
    g_autofree char *url = g_strconcat(request->origin, request->path, asks ? "?" : NULL, request->query, NULL);
    struct curl_slist *headers = make_headers(request);
    set_up(handle->easy, http, exchange, url, headers);

    CURLcode result = CURLE_FAILED_INIT;
    KlHttpCause cause = KL_HTTP_BROKEN;
    if (curl_multi_add_handle(handle->multi, handle->easy) == CURLM_OK)
        cause = run(handle->multi, exchange, op, &result);
    conclude(exchange, cause, result, handle->easy);
    long opened = 0;
    curl_easy_getinfo(handle->easy, CURLINFO_NUM_CONNECTS, &opened);
    g_atomic_int_add(&http->connections, (gint)opened);
    curl_multi_remove_handle(handle->multi, handle->easy);
    curl_easy_reset(handle->easy);
    free_headers(headers);
}

/* --- public --- */

KlHttp *
kl_http_new(const char *ca_bundle)
{
    KlHttp *http = g_new0(KlHttp, 1);
    http->pool = kl_http_pool_new();
    http->ca_bundle = g_strdup(ca_bundle);
    return http;
}

void
kl_http_free(KlHttp *http)
{
    if (http == NULL)
        return;
    kl_http_pool_free(http->pool);
    g_free(http->ca_bundle);
    g_free(http);
}

void
kl_http_send(KlHttp *http, const KlHttpRequest *request, KlOp *op, KlHttpAnswer *answer)
{
    gint64 start_us = g_get_monotonic_time();
    *answer = (KlHttpAnswer){
        .fate = KL_HTTP_NEVER_LEFT,
        .cause = KL_HTTP_INVALID,
        .headers = g_ptr_array_new_with_free_func(g_free),
        .body = g_byte_array_sized_new(ANSWER_FIRST),
    };
    answer->detail = find_fault(request);
    if (answer->detail != NULL)
        return;
    Exchange exchange = {
        .request = request,
        .answer = answer,
        .answer_max = request->answer_max != 0 ? request->answer_max : ANSWER_MAX,
    };
    KlHttpHandle *handle = kl_http_pool_take(http->pool, request->origin);
    transfer(http, handle, &exchange, op);
    kl_http_pool_give(http->pool, handle);
    answer->took_us = g_get_monotonic_time() - start_us;
}

const char *
kl_http_header(const KlHttpAnswer *answer, const char *name)
{
    gsize length = strlen(name);
    for (guint i = 0; answer->headers != NULL && i < answer->headers->len; i++) {
        const char *line = answer->headers->pdata[i];
        if (g_ascii_strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " \t");
    }
    return NULL;
}

guint
kl_http_connections(KlHttp *http)
{
    return (guint)g_atomic_int_get(&http->connections);
}

void
kl_http_answer_clear(KlHttpAnswer *answer)
{
    if (answer->body != NULL) {
        OPENSSL_cleanse(answer->body->data, answer->body->len);
        g_byte_array_unref(answer->body);
    }
    g_clear_pointer(&answer->headers, g_ptr_array_unref);
    g_free(answer->detail);
    *answer = (KlHttpAnswer){0};
}
