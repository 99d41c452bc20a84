#include "tests/rig/net_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256

struct NetServer {
    int listener;
    char *origin;
    pthread_t acceptor;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t begun;
    guint beginning; /* accepted, and not yet judged by the plan */
    const NetAct *acts;
    guint count;
    NetAct (*answer)(const char *request, gpointer data);
    gpointer answer_data;
    GPtrArray *requests;
    gboolean stopping;
    guint connections;
    int fds[CONNECTIONS_MAX]; /* -1 when closed */
    pthread_t threads[CONNECTIONS_MAX];
};

typedef struct {
    NetServer *server;
    guint index;
    int fd;
} Connection;

static void
send_all(int fd, const char *bytes, gsize length)
{
    while (length > 0) {
        ssize_t count = send(fd, bytes, length, MSG_NOSIGNAL);
        if (count <= 0)
            return;
        bytes += count;
        length -= (gsize)count;
    }
}

static gsize
body_length(const char *head)
{
    g_autofree char *lower = g_ascii_strdown(head, -1);
    const char *header = strstr(lower, "\r\ncontent-length:");
    return header != NULL ? (gsize)g_ascii_strtoull(header + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

/* One whole request, or NULL when the client is gone. */
static char *
read_request(int fd)
{
    GString *text = g_string_new(NULL);
    for (;;) {
        const char *end = strstr(text->str, "\r\n\r\n");
        if (end != NULL && text->len >= (gsize)(end - text->str) + 4 + body_length(text->str))
            return g_string_free(text, FALSE);
        char bytes[4096];
        ssize_t count = recv(fd, bytes, sizeof bytes, 0);
        if (count <= 0)
            break;
        g_string_append_len(text, bytes, count);
    }
    g_string_free(text, TRUE);
    return NULL;
}

/* Notes the request (NULL: none is read) and says what to do about it. */
static NetAct
next_act(NetServer *server, const char *request)
{
    static const NetAct usual = {NET_REPLY, 200, NULL, NULL};
    pthread_mutex_lock(&server->mutex);
    guint index = server->requests->len;
    g_ptr_array_add(server->requests, g_strdup(request != NULL ? request : ""));
    NetAct act = server->count > 0 ? server->acts[MIN(index, server->count - 1)] : usual;
    NetAct (*answer)(const char *request, gpointer data) = server->answer;
    gpointer data = server->answer_data;
    pthread_mutex_unlock(&server->mutex);
    return answer != NULL ? answer(request, data) : act;
}

/* Judges a new connection by the plan: TRUE when nothing is to be read from it. */
static gboolean
begin(NetServer *server)
{
    pthread_mutex_lock(&server->mutex);
    guint index = server->requests->len;
    gboolean unread = server->answer == NULL && server->count > 0 &&
                      server->acts[MIN(index, server->count - 1)].deed == NET_DROP_UNREAD;
    server->beginning--;
    pthread_cond_broadcast(&server->begun);
    pthread_mutex_unlock(&server->mutex);
    return unread;
}

/* TRUE when the connection stays open for another request. */
static gboolean
act_out(int fd, const NetAct *act)
{
    const char *body = act->body != NULL ? act->body : "{}";
    char byte = '\0';
    switch (act->deed) {
    case NET_REPLY: {
        g_autofree char *reply = g_strdup_printf("HTTP/1.1 %d Whatever\r\nContent-Length: %zu\r\n%s\r\n%s",
                                                 act->status != 0 ? act->status : 200, strlen(body),
                                                 act->headers != NULL ? act->headers : "", body);
        send_all(fd, reply, strlen(reply));
        return TRUE;
    }
    case NET_RAW:
        send_all(fd, body, strlen(body));
        return FALSE;
    case NET_RAW_STAY:
        send_all(fd, body, strlen(body));
        recv(fd, &byte, 1, 0); /* until the client goes, or the server is stopped */
        return FALSE;
    case NET_SILENT:
        recv(fd, &byte, 1, 0);
        return FALSE;
    case NET_DROP_UNREAD:
    case NET_DROP_READ:
        break;
    }
    return FALSE;
}

static void *
serve(void *data)
{
    Connection *connection = data;
    NetServer *server = connection->server;
    gboolean open = !begin(server);
    if (!open)
        next_act(server, NULL);
    while (open) {
        g_autofree char *request = read_request(connection->fd);
        if (request == NULL)
            break;
        NetAct act = next_act(server, request);
        open = act_out(connection->fd, &act);
    }
    pthread_mutex_lock(&server->mutex);
    server->fds[connection->index] = -1;
    pthread_mutex_unlock(&server->mutex);
    close(connection->fd);
    g_free(connection);
    return NULL;
}

static void *
accept_all(void *data)
{
    NetServer *server = data;
    struct pollfd waiting = {.fd = server->listener, .events = POLLIN};
    for (;;) {
        if (poll(&waiting, 1, -1) < 0)
            continue;
        pthread_mutex_lock(&server->mutex);
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0) {
            pthread_mutex_unlock(&server->mutex);
            return NULL;
        }
        guint index = server->connections;
        g_assert_cmpuint(index, <, CONNECTIONS_MAX);
        if (server->stopping) {
            close(fd);
        } else {
            Connection *connection = g_new0(Connection, 1);
            *connection = (Connection){server, index, fd};
            server->fds[index] = fd;
            server->connections++;
            server->beginning++;
            pthread_create(&server->threads[index], NULL, serve, connection);
        }
        pthread_mutex_unlock(&server->mutex);
    }
}

NetServer *
net_server_start(void)
{
    NetServer *server = g_new0(NetServer, 1);
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->begun, NULL);
    server->requests = g_ptr_array_new_with_free_func(g_free);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    g_assert_cmpint(bind(server->listener, (struct sockaddr *)&address, length), ==, 0);
    g_assert_cmpint(listen(server->listener, 64), ==, 0);
    g_assert_cmpint(getsockname(server->listener, (struct sockaddr *)&address, &length), ==, 0);
    server->origin = g_strdup_printf("http://127.0.0.1:%u", ntohs(address.sin_port));
    g_assert_cmpint(pthread_create(&server->acceptor, NULL, accept_all, server), ==, 0);
    return server;
}

void
net_server_stop(NetServer *server)
{
    if (server == NULL)
        return;
    pthread_mutex_lock(&server->mutex);
    server->stopping = TRUE;
    for (guint i = 0; i < server->connections; i++) {
        if (server->fds[i] >= 0)
            shutdown(server->fds[i], SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->mutex);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    for (guint i = 0; i < server->connections; i++)
        pthread_join(server->threads[i], NULL);
    g_ptr_array_unref(server->requests);
    pthread_cond_destroy(&server->begun);
    pthread_mutex_destroy(&server->mutex);
    g_free(server->origin);
    g_free(server);
}

const char *
net_server_origin(const NetServer *server)
{
    return server->origin;
}

/* Lets all that has connected so far be judged by the plan that there was then: a client connects once more when it
 * finds its kept connection closed, and may leave again without a word. */
static void
let_begin(NetServer *server)
{
    struct pollfd waiting = {.fd = server->listener, .events = POLLIN};
    while (server->beginning > 0 || poll(&waiting, 1, 0) > 0)
        pthread_cond_wait(&server->begun, &server->mutex);
}

void
net_server_plan(NetServer *server, const NetAct *acts, guint count)
{
    pthread_mutex_lock(&server->mutex);
    let_begin(server);
    server->acts = acts;
    server->count = count;
    server->answer = NULL;
    g_ptr_array_set_size(server->requests, 0);
    pthread_mutex_unlock(&server->mutex);
}

void
net_server_answer(NetServer *server, NetAct (*answer)(const char *request, gpointer data), gpointer data)
{
    pthread_mutex_lock(&server->mutex);
    let_begin(server);
    server->answer = answer;
    server->answer_data = data;
    g_ptr_array_set_size(server->requests, 0);
    pthread_mutex_unlock(&server->mutex);
}

guint
net_server_requests(NetServer *server)
{
    pthread_mutex_lock(&server->mutex);
    guint count = server->requests->len;
    pthread_mutex_unlock(&server->mutex);
    return count;
}

char *
net_server_request(NetServer *server, guint index)
{
    pthread_mutex_lock(&server->mutex);
    char *text = index < server->requests->len ? g_strdup(server->requests->pdata[index]) : NULL;
    pthread_mutex_unlock(&server->mutex);
    return text;
}

guint
net_server_connections(NetServer *server)
{
    pthread_mutex_lock(&server->mutex);
    guint count = server->connections;
    pthread_mutex_unlock(&server->mutex);
    return count;
}
