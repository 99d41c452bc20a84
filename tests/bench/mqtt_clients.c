#include "tests/bench/mqtt_clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define SILENCE_S 15
#define CHUNK 16384

/* Packets of MQTT 3.1.1. */
enum { CONNACK = 2, PUBLISH = 3, PUBACK = 4, SUBACK = 9 };

void
mqtt_loop_init(MqttLoop *loop, const MqttEvents *events, gpointer data)
{
    *loop = (MqttLoop){.events = events, .data = data};
    /* Whom the broker is, the tests look at. */
    loop->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(loop->context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
}

void
mqtt_loop_clear(MqttLoop *loop)
{
    SSL_CTX_free(loop->context);
    close(loop->epoll);
}

void
mqtt_client_init(MqttClient *client, const char *id)
{
    client->fd = -1;
    g_strlcpy(client->id, id, sizeof client->id);
    client->in = g_byte_array_new();
    client->out = g_byte_array_new();
}

void
mqtt_client_close(MqttClient *client)
{
    if (client->fd < 0)
        return;
    SSL_free(client->ssl);
    close(client->fd);
    client->fd = -1;
    client->ssl = NULL;
    client->greeted = client->watched_out = FALSE;
    g_byte_array_set_size(client->in, 0);
    g_byte_array_set_size(client->out, 0);
}

void
mqtt_client_clear(MqttClient *client)
{
    mqtt_client_close(client);
    g_byte_array_unref(client->in);
    g_byte_array_unref(client->out);
}

/* --- what is said --- */

static void
put_text(GByteArray *out, const char *text)
{
    const guint8 length[] = {(guint8)(strlen(text) >> 8), (guint8)strlen(text)};
    g_byte_array_append(out, length, 2);
    g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

/* Puts a packet's head before a body. */
static void
put_packet(MqttClient *client, guint8 head, const GByteArray *body)
{
    guint length = body->len;
    g_byte_array_append(client->out, &head, 1);
    do {
        guint8 digit = (guint8)(length % 128 | (length > 127 ? 128 : 0));
        g_byte_array_append(client->out, &digit, 1);
        length /= 128;
    } while (length > 0);
    g_byte_array_append(client->out, body->data, body->len);
}

static void
put_id(MqttClient *client, GByteArray *body)
{
    client->packet = client->packet == G_MAXUINT16 ? 1 : client->packet + 1;
    const guint8 id[] = {(guint8)(client->packet >> 8), (guint8)client->packet};
    g_byte_array_append(body, id, 2);
}

static void
put_connect(MqttClient *client)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    put_text(body, "MQTT");
    g_byte_array_append(body, (const guint8 *)"\x04\x02\x00\x00", 4);
    put_text(body, client->id);
    put_packet(client, 0x10, body);
}

void
mqtt_client_subscribe(MqttClient *client, const char *const *filters, guint n)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    put_id(client, body);
    for (guint i = 0; i < n; i++) {
        put_text(body, filters[i]);
        g_byte_array_append(body, (const guint8 *)"\x01", 1);
    }
    put_packet(client, 0x82, body);
}

void
mqtt_client_publish(MqttClient *client, const char *topic, const char *payload)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    put_text(body, topic);
    put_id(client, body);
    g_byte_array_append(body, (const guint8 *)payload, (guint)strlen(payload));
    put_packet(client, 0x32, body);
}

/* --- connections --- */

static void
client_watch(MqttLoop *loop, MqttClient *client, int how)
{
    gboolean out = client->out->len > 0 || !client->greeted;
    if (how == EPOLL_CTL_MOD && out == client->watched_out)
        return;
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = client};
    client->watched_out = out;
    if (epoll_ctl(loop->epoll, how, client->fd, &event) != 0)
        g_error("epoll: %s", g_strerror(errno));
}

void
mqtt_client_wake(MqttLoop *loop, MqttClient *client)
{
    client_watch(loop, client, EPOLL_CTL_MOD);
}

void
mqtt_client_begin(MqttLoop *loop, MqttClient *client, guint16 port, X509 *certificate, EVP_PKEY *key)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || (connect(client->fd, (struct sockaddr *)&in, sizeof in) != 0 && errno != EINPROGRESS))
        g_error("connect: %s", g_strerror(errno));
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client->ssl = SSL_new(loop->context);
    SSL_use_certificate(client->ssl, certificate);
    SSL_use_PrivateKey(client->ssl, key);
    SSL_set_fd(client->ssl, client->fd);
    SSL_set_connect_state(client->ssl);
    loop->greeting++;
    put_connect(client);
    client_watch(loop, client, EPOLL_CTL_ADD);
}

/* --- what comes --- */

static void
on_publish(MqttLoop *loop, MqttClient *client, const guint8 *body)
{
    guint size = (guint)body[0] << 8 | body[1];
    g_autofree char *topic = g_strndup((const char *)body + 2, size);
    g_autoptr(GByteArray) id = g_byte_array_new();
    g_byte_array_append(id, body + 2 + size, 2);
    put_packet(client, 0x40, id);
    loop->events->heard(client, topic, loop->data);
}

/* The broker takes a publication once it was published and once again when it has come to us: only the first counts,
 * which is the answer to the last thing that was said. */
static void
on_packet(MqttLoop *loop, MqttClient *client, guint8 head, const guint8 *body)
{
    switch (head >> 4) {
    case CONNACK:
        if (body[1] != 0)
            g_error("%s: CONNACK %u", client->id, body[1]);
        loop->events->connected(client, loop->data);
        break;
    case SUBACK:
        loop->events->subscribed(client, loop->data);
        break;
    case PUBLISH:
        on_publish(loop, client, body);
        break;
    case PUBACK:
        if ((guint16)(body[0] << 8 | body[1]) == client->packet)
            loop->events->taken(client, loop->data);
        break;
    default:
        break;
    }
}

/* Takes whole packets out of what has come. */
static void
take_packets(MqttLoop *loop, MqttClient *client)
{
    guint at = 0;
    for (;;) {
        guint length = 0, shift = 0, p = at + 1;
        while (p < client->in->len && client->in->data[p] & 128) {
            length |= (guint)(client->in->data[p++] & 127) << shift;
            shift += 7;
        }
        if (p >= client->in->len)
            break;
        length |= (guint)client->in->data[p++] << shift;
        if (p + length > client->in->len)
            break;
        on_packet(loop, client, client->in->data[at], client->in->data + p);
        at = p + length;
    }
    if (at > 0)
        g_byte_array_remove_range(client->in, 0, at);
}

/* Whether the call came to something; FALSE also when it has to wait. */
static gboolean
came_to(const MqttClient *client, int rc)
{
    if (rc > 0)
        return TRUE;
    int why = SSL_get_error(client->ssl, rc);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        g_error("%s: the broker broke off (%d, %s)", client->id, why, ERR_reason_error_string(ERR_peek_last_error()));
    return FALSE;
}

static void
client_run(MqttLoop *loop, MqttClient *client)
{
    guint8 chunk[CHUNK];
    int rc = 1;
    if (!client->greeted) {
        if (!came_to(client, SSL_do_handshake(client->ssl)))
            return;
        client->greeted = TRUE;
        loop->greeting--;
    }
    while (came_to(client, rc = SSL_read(client->ssl, chunk, sizeof chunk)))
        g_byte_array_append(client->in, chunk, (guint)rc);
    take_packets(loop, client);
    guint sent = 0;
    while (sent < client->out->len &&
           came_to(client, rc = SSL_write(client->ssl, client->out->data + sent, (int)(client->out->len - sent))))
        sent += (guint)rc;
    if (sent > 0)
        g_byte_array_remove_range(client->out, 0, sent);
    client_watch(loop, client, EPOLL_CTL_MOD);
}

gboolean
mqtt_loop_turn(MqttLoop *loop, int timeout_ms)
{
    struct epoll_event events[256];
    int n = epoll_wait(loop->epoll, events, G_N_ELEMENTS(events), timeout_ms);
    for (int i = 0; i < n; i++)
        client_run(loop, events[i].data.ptr);
    double now = kl_bench_now();
    if (n > 0 || loop->last == 0)
        loop->last = now;
    return now - loop->last < SILENCE_S;
}
