/* HTTP: what became of a request is told apart rightly, nothing is sent twice, and nothing goes where it must not. */
#include "station/net/http.h"

#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>

#include "station/error.h"
#include "tests/rig/net_server.h"

#define LONG_MS 120000

static KlHttpRequest
request_to(const char *origin)
{
    return (KlHttpRequest){.method = "POST",
                           .origin = origin,
                           .path = "/path",
                           .body = "{\"a\":1}",
                           .body_length = 7,
                           .stall_ms = LONG_MS,
                           .total_ms = LONG_MS};
}

static void
send_one(KlHttp *http, const KlHttpRequest *request, KlHttpAnswer *answer)
{
    KlOp op = {0};
    kl_http_send(http, request, &op, answer);
    g_test_message("fate %d, cause %d, status %d, %s", answer->fate, answer->cause, answer->status,
                   answer->detail != NULL ? answer->detail : "");
    g_assert_true((answer->detail != NULL) == (answer->fate != KL_HTTP_ANSWERED));
    g_assert_true((answer->cause == KL_HTTP_FINE) == (answer->fate == KL_HTTP_ANSWERED));
}

/* --- what goes out and what comes back --- */

static void
test_exchange(void)
{
    static const NetAct acts[] = {
        {NET_REPLY, 409, "X-Amzn-ErrorType:  Conflict:x \r\nDate: today\r\n", "{\"b\":2}"},
        {NET_REPLY, 302, "Location: /elsewhere\r\n", ""},
        {NET_RAW, 0, NULL, "HTTP/1.1 100 Continue\r\nX-First: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
    };
    g_autoptr(NetServer) server = net_server_start();
    g_autoptr(KlHttp) http = kl_http_new(NULL);
    net_server_plan(server, acts, G_N_ELEMENTS(acts));
    const KlPair headers[] = {{"X-One", "1"}, {"Content-Type", "application/json"}, {"X-Empty", ""}, {NULL, NULL}};
    KlHttpRequest request = request_to(net_server_origin(server));
    request.headers = headers;
    request.path = "/a/../b/./c%2Fd";
    request.query = "x=%20&y=";

    g_auto(KlHttpAnswer) answer = {0};
    send_one(http, &request, &answer);
    g_assert_cmpint(answer.status, ==, 409);
    g_assert_cmpstr((const char *)answer.body->data, ==, "{\"b\":2}");
    g_assert_cmpuint(answer.body->len, ==, 7);
    g_assert_cmpstr(kl_http_header(&answer, "x-amzn-errortype"), ==, "Conflict:x");
    g_assert_cmpstr(kl_http_header(&answer, "Date"), ==, "today");
    g_assert_null(kl_http_header(&answer, "Dat"));
    g_autofree char *text = net_server_request(server, 0);
    g_assert_true(g_str_has_prefix(text, "POST /a/../b/./c%2Fd?x=%20&y= HTTP/1.1\r\n"));
    g_assert_true(g_str_has_suffix(text, "\r\n\r\n{\"a\":1}"));
    g_assert_nonnull(strstr(text, "\r\nX-One: 1\r\n"));
    g_assert_nonnull(strstr(text, "\r\nX-Empty:\r\n"));
    g_assert_null(strstr(text, "Expect"));

    /* A redirect is an answer, not an order; a 100 is not the answer. */
    request.method = "PUT";
    request.body_length = 0;
    request.headers = NULL;
    kl_http_answer_clear(&answer);
    send_one(http, &request, &answer);
    g_assert_cmpint(answer.status, ==, 302);
    g_assert_cmpuint(net_server_requests(server), ==, 2);
    g_autofree char *put = net_server_request(server, 1);
    g_assert_nonnull(strstr(put, "\r\nContent-Length: 0\r\n"));
    g_assert_null(strstr(put, "Content-Type"));
    kl_http_answer_clear(&answer);
    send_one(http, &request, &answer);
    g_assert_cmpint(answer.status, ==, 200);
    g_assert_null(kl_http_header(&answer, "X-First"));
    g_assert_cmpstr((const char *)answer.body->data, ==, "ok");
}

/* --- faults --- */

static void
test_faults(void)
{
    static const struct {
        NetAct act;
        KlHttpFate fate;
        KlHttpCause cause;
    } table[] = {
        {{NET_DROP_READ}, KL_HTTP_LOST, KL_HTTP_BROKEN},
        {{NET_DROP_UNREAD}, KL_HTTP_LOST, KL_HTTP_BROKEN}, /* it may have read it, for all we know */
        {{NET_SILENT}, KL_HTTP_LOST, KL_HTTP_TIMEOUT},
        {{NET_RAW_STAY, 0, NULL, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}, KL_HTTP_LOST, KL_HTTP_TIMEOUT},
        {{NET_RAW, 0, NULL, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}, KL_HTTP_LOST, KL_HTTP_BROKEN},
        {{NET_RAW, 0, NULL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal"},
         KL_HTTP_LOST,
         KL_HTTP_BROKEN},
        {{NET_RAW, 0, NULL, "HTTP/1.1 200 OK\r\nContent-Le"}, KL_HTTP_LOST, KL_HTTP_BROKEN},
        {{NET_RAW, 0, NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"}, KL_HTTP_LOST, KL_HTTP_BROKEN},
        {{NET_RAW, 0, NULL, "HTTP/1.1 200 OK\r\n\r\nwhere's the end?"}, KL_HTTP_LOST, KL_HTTP_BROKEN},
        {{NET_RAW, 0, NULL, "\x16\x03garbage, no HTTP at all\r\n\r\n"}, KL_HTTP_LOST, KL_HTTP_GARBLED},
        {{NET_RAW, 0, NULL, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"}, KL_HTTP_LOST, KL_HTTP_GARBLED},
        {{NET_REPLY, 200, NULL, "this body is more than sixteen bytes"}, KL_HTTP_LOST, KL_HTTP_GARBLED},
        {{NET_RAW, 0, NULL, "HTTP/1.1 200 OK\r\n\r\nthis endless body is more than sixteen"},
         KL_HTTP_LOST,
         KL_HTTP_GARBLED},
    };
    g_autoptr(NetServer) server = net_server_start();
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(KlHttp) http = kl_http_new(NULL);
        g_test_message("fault %u", i);
        net_server_plan(server, &table[i].act, 1);
        KlHttpRequest request = request_to(net_server_origin(server));
        request.answer_max = 16;
        request.stall_ms = table[i].cause == KL_HTTP_TIMEOUT ? 200 : LONG_MS;
        g_auto(KlHttpAnswer) answer = {0};
        send_one(http, &request, &answer);
        g_assert_cmpint(answer.fate, ==, table[i].fate);
        g_assert_cmpint(answer.cause, ==, table[i].cause);
        g_assert_cmpint(answer.status, ==, 0);
        g_assert_cmpuint(net_server_requests(server), ==, 1);
    }
}

static void
test_too_many_headers(void)
{
    g_autoptr(GString) text = g_string_new("HTTP/1.1 200 OK\r\n");
    for (guint i = 0; i < 200; i++)
        g_string_append_printf(text, "X-%u: x\r\n", i);
    g_string_append(text, "Content-Length: 0\r\n\r\n");
    const NetAct act = {NET_RAW, 0, NULL, text->str};
    g_autoptr(KlHttp) http = kl_http_new(NULL);
    g_auto(KlHttpAnswer) answer = {0};
    g_autoptr(NetServer) server = net_server_start();
    net_server_plan(server, &act, 1);
    KlHttpRequest request = request_to(net_server_origin(server));
    send_one(http, &request, &answer);
    g_assert_cmpint(answer.cause, ==, KL_HTTP_GARBLED);
}

/* A server that closes a kept connection after reading a request has obeyed it, perhaps: curl would send it again by
 * itself. */
static void
test_never_twice(void)
{
    static const NetAct acts[] = {{NET_REPLY, 200, NULL, NULL}, {NET_DROP_READ}, {NET_REPLY, 200, NULL, NULL}};
    static const char *const methods[] = {"POST", "GET", "PUT", "DELETE"};
    for (guint i = 0; i < G_N_ELEMENTS(methods); i++) {
        g_autoptr(NetServer) server = net_server_start();
        g_autoptr(KlHttp) http = kl_http_new(NULL);
        net_server_plan(server, acts, G_N_ELEMENTS(acts));
        KlHttpRequest request = request_to(net_server_origin(server));
        request.method = methods[i];
        request.body_length = i == 0 ? 7 : 0;
        g_auto(KlHttpAnswer) first = {0};
        g_auto(KlHttpAnswer) second = {0};
        send_one(http, &request, &first);
        g_assert_cmpint(first.fate, ==, KL_HTTP_ANSWERED);
        send_one(http, &request, &second);
        g_assert_cmpint(second.fate, ==, KL_HTTP_LOST);
        g_assert_cmpint(second.cause, ==, KL_HTTP_BROKEN);
        g_assert_cmpuint(net_server_requests(server), ==, 2);
    }
}

/* --- requests that never leave --- */

static void
test_never_left(void)
{
    g_autoptr(NetServer) server = net_server_start();
    g_autofree char *gone = g_strdup(net_server_origin(server));
    g_clear_pointer(&server, net_server_stop);
    g_autoptr(KlHttp) http = kl_http_new(NULL);
    const struct {
        const char *origin;
        KlHttpCause cause;
    } table[] = {
        {gone, KL_HTTP_BROKEN},
        {"https://no-such-host.invalid", KL_HTTP_BROKEN},
        {"http://example.com", KL_HTTP_INVALID},
        {"http://169.254.169.254", KL_HTTP_INVALID},
        {"https://host/path", KL_HTTP_INVALID},
        {"https://HOST", KL_HTTP_INVALID},
        {"file:///etc/passwd", KL_HTTP_INVALID},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        KlHttpRequest request = request_to(table[i].origin);
        g_auto(KlHttpAnswer) answer = {0};
        g_test_message("%s", table[i].origin);
        send_one(http, &request, &answer);
        g_assert_cmpint(answer.fate, ==, KL_HTTP_NEVER_LEFT);
        g_assert_cmpint(answer.cause, ==, table[i].cause);
    }
}

static void
test_bad_requests(void)
{
    static const KlPair bad[] = {
        {"X-A", "1\r\nX-B: 2"}, {"X-A: 1\r\nX-B", "2"}, {"", "1"}, {"X A", "1"}, {"X-A:", "1"}};
    static const char *const paths[] = {"", "path", "/a b", "/a?b", "/a#b", "/a\r\nb"};
    g_autoptr(NetServer) server = net_server_start();
    g_autoptr(KlHttp) http = kl_http_new(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        const KlPair headers[] = {bad[i], {NULL, NULL}};
        KlHttpRequest request = request_to(net_server_origin(server));
        request.headers = headers;
        g_auto(KlHttpAnswer) answer = {0};
        send_one(http, &request, &answer);
        g_assert_cmpint(answer.cause, ==, KL_HTTP_INVALID);
    }
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        KlHttpRequest request = request_to(net_server_origin(server));
        request.path = paths[i];
        g_auto(KlHttpAnswer) answer = {0};
        send_one(http, &request, &answer);
        g_assert_cmpint(answer.cause, ==, KL_HTTP_INVALID);
    }
    g_assert_cmpuint(net_server_connections(server), ==, 0);
}

static void
test_origins(void)
{
    static const struct {
        const char *text;
        KlOriginUse use;
        const char *origin;
    } table[] = {
        {"https://IoT.eu-central-1.amazonaws.com/", KL_ORIGIN_SERVICE, "https://iot.eu-central-1.amazonaws.com"},
        {"https://host:443", KL_ORIGIN_SERVICE, "https://host"},
        {"https://host:8443", KL_ORIGIN_SERVICE, "https://host:8443"},
        {"http://127.0.0.1:4566/", KL_ORIGIN_SERVICE, "http://127.0.0.1:4566"},
        {"http://127.9.9.9:80", KL_ORIGIN_SERVICE, "http://127.9.9.9"},
        {"http://localhost:1", KL_ORIGIN_SERVICE, "http://localhost:1"},
        {"http://[::1]:1", KL_ORIGIN_SERVICE, "http://[::1]:1"},
        {"http://169.254.169.254", KL_ORIGIN_METADATA, "http://169.254.169.254"},
        {"http://[fd00:ec2::254]", KL_ORIGIN_METADATA, "http://[fd00:ec2::254]"},
        {"http://169.254.169.254", KL_ORIGIN_SERVICE, NULL},
        {"http://10.0.0.1", KL_ORIGIN_METADATA, NULL},
        {"http://localhost.evil.com", KL_ORIGIN_SERVICE, NULL},
        {"http://127.0.0.1.evil.com", KL_ORIGIN_SERVICE, NULL},
        {"http://127.0.0.1@evil.com", KL_ORIGIN_SERVICE, NULL},
        {"https://user:secret@host", KL_ORIGIN_SERVICE, NULL},
        {"http://10.0.0.1:4566", KL_ORIGIN_SERVICE, NULL},
        {"https://host/path", KL_ORIGIN_SERVICE, NULL},
        {"https://host?x", KL_ORIGIN_SERVICE, NULL},
        {"https://host#x", KL_ORIGIN_SERVICE, NULL},
        {"https://", KL_ORIGIN_SERVICE, NULL},
        {"ftp://host", KL_ORIGIN_SERVICE, NULL},
        {"host", KL_ORIGIN_SERVICE, NULL},
        {"", KL_ORIGIN_SERVICE, NULL},
        {"https://a b", KL_ORIGIN_SERVICE, NULL},
        {"https://a\r\nb", KL_ORIGIN_SERVICE, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *origin = kl_origin_parse(table[i].text, table[i].use, &error);
        g_test_message("%s", table[i].text);
        g_assert_cmpstr(origin, ==, table[i].origin);
        g_assert_true((error == NULL) == (origin != NULL));
        if (error != NULL)
            g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
    }
}

/* --- proxies --- */

static void
test_proxy(void)
{
    static const NetAct refuse = {NET_REPLY, 407, NULL, ""};
    g_autoptr(NetServer) proxy = net_server_start();
    g_autoptr(NetServer) server = net_server_start();
    net_server_plan(proxy, &refuse, 1);
    g_setenv("https_proxy", net_server_origin(proxy), TRUE);
    g_setenv("http_proxy", net_server_origin(proxy), TRUE);
    g_autoptr(KlHttp) http = kl_http_new(NULL);
    KlHttpRequest request = request_to("https://service.example");
    g_auto(KlHttpAnswer) far = {0};
    send_one(http, &request, &far);
    g_assert_cmpint(far.fate, ==, KL_HTTP_NEVER_LEFT);
    g_autofree char *asked = net_server_request(proxy, 0);
    g_assert_true(g_str_has_prefix(asked, "CONNECT service.example:443 "));
    g_assert_null(strstr(asked, "/path"));

    request.origin = net_server_origin(server);
    g_auto(KlHttpAnswer) near = {0};
    send_one(http, &request, &near);
    g_assert_cmpint(near.fate, ==, KL_HTTP_ANSWERED);
    g_assert_cmpuint(net_server_requests(proxy), ==, 1);
    g_unsetenv("https_proxy");
    g_unsetenv("http_proxy");
}

/* --- time and cancel --- */

static void
test_deadline(void)
{
    static const NetAct silent = {NET_SILENT};
    g_autoptr(NetServer) server = net_server_start();
    g_autoptr(KlHttp) http = kl_http_new(NULL);
    net_server_plan(server, &silent, 1);
    KlHttpRequest request = request_to(net_server_origin(server));
    KlOp op = {.deadline_us = g_get_monotonic_time() + 200 * 1000};
    g_auto(KlHttpAnswer) answer = {0};
    kl_http_send(http, &request, &op, &answer);
    g_assert_cmpint(answer.fate, ==, KL_HTTP_LOST);
    g_assert_cmpint(answer.cause, ==, KL_HTTP_TIMEOUT);
    g_assert_cmpint(answer.took_us, <, (gint64)LONG_MS * 1000);
}

typedef struct {
    NetServer *server;
    GCancellable *cancel;
} Canceller;

/* Stops the operation as soon as the server has read its request. */
static void *
cancel_when_read(void *data)
{
    Canceller *canceller = data;
    while (net_server_requests(canceller->server) == 0)
        g_usleep(1000);
    g_cancellable_cancel(canceller->cancel);
    return NULL;
}

static void
test_cancel(void)
{
    static const NetAct silent = {NET_SILENT};
    g_autoptr(NetServer) server = net_server_start();
    g_autoptr(KlHttp) http = kl_http_new(NULL);
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    net_server_plan(server, &silent, 1);
    Canceller canceller = {server, cancel};
    pthread_t thread;
    g_assert_cmpint(pthread_create(&thread, NULL, cancel_when_read, &canceller), ==, 0);
    KlHttpRequest request = request_to(net_server_origin(server));
    KlOp op = {.cancel = cancel};
    g_auto(KlHttpAnswer) answer = {0};
    kl_http_send(http, &request, &op, &answer);
    pthread_join(thread, NULL);
    g_assert_cmpint(answer.fate, ==, KL_HTTP_LOST);
    g_assert_cmpint(answer.cause, ==, KL_HTTP_STOPPED);

    /* Cancelled before: it may go out or not, but the caller hears that it was stopped. */
    g_auto(KlHttpAnswer) after = {0};
    kl_http_send(http, &request, &op, &after);
    g_assert_cmpint(after.cause, ==, KL_HTTP_STOPPED);
}

/* --- connections --- */

typedef struct {
    KlHttp *http;
    const char *origin;
    guint requests;
} Caller;

static void *
call_often(void *data)
{
    Caller *caller = data;
    KlHttpRequest request = request_to(caller->origin);
    for (guint i = 0; i < caller->requests; i++) {
        KlOp op = {0};
        g_auto(KlHttpAnswer) answer = {0};
        kl_http_send(caller->http, &request, &op, &answer);
        g_assert_cmpint(answer.status, ==, 200);
    }
    return NULL;
}

static void
test_connections(void)
{
    g_autoptr(NetServer) one = net_server_start();
    g_autoptr(NetServer) other = net_server_start();
    g_autoptr(KlHttp) http = kl_http_new(NULL);
    /* One thread, two services: one connection to each. */
    for (guint i = 0; i < 10; i++) {
        Caller caller = {http, net_server_origin(i % 2 == 0 ? one : other), 1};
        call_often(&caller);
    }
    g_assert_cmpuint(net_server_connections(one), ==, 1);
    g_assert_cmpuint(net_server_connections(other), ==, 1);
    g_assert_cmpuint(kl_http_connections(http), ==, 2);

    /* Sixteen slots' threads: never more connections than requests at once; none lost. */
    Caller caller = {http, net_server_origin(one), 25};
    pthread_t threads[16];
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, call_often, &caller), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpuint(net_server_requests(one), ==, 5 + 16 * 25);
    g_assert_cmpuint(net_server_connections(one), <=, 16);
    g_assert_cmpuint(kl_http_connections(http), ==, net_server_connections(one) + net_server_connections(other));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_unsetenv("https_proxy");
    g_unsetenv("http_proxy");
    g_test_add_func("/net-http/exchange", test_exchange);
    g_test_add_func("/net-http/faults", test_faults);
    g_test_add_func("/net-http/too-many-headers", test_too_many_headers);
    g_test_add_func("/net-http/never-twice", test_never_twice);
    g_test_add_func("/net-http/never-left", test_never_left);
    g_test_add_func("/net-http/bad-requests", test_bad_requests);
    g_test_add_func("/net-http/origins", test_origins);
    g_test_add_func("/net-http/proxy", test_proxy);
    g_test_add_func("/net-http/deadline", test_deadline);
    g_test_add_func("/net-http/cancel", test_cancel);
    g_test_add_func("/net-http/connections", test_connections);
    return g_test_run();
}
