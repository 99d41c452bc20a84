/* A broker of a few lines, on a thread, without TLS: it knows MQTT 3.1.1 only, sends what it is told as soon as
 * somebody subscribes, and notes what comes, from the subscriber first: whether an acknowledgement comes before or
 * after something else is exactly what real brokers don't tell. */
#pragma once

#include <arpa/inet.h>
#include <glib.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKE_CLIENTS 8

typedef struct {
    gboolean shut;  /* version 5 is answered by closing, not by a refusal */
    guint8 granted; /* to subscriptions */
    guint8 flags;   /* of the PUBLISH that it sends: 2 for QoS 1, 8 for DUP, 1 for retained */
    const char *topic, *payload;

    int listener, stop[2];
    guint16 port;
    pthread_t thread;
    int clients[FAKE_CLIENTS]; /* the subscriber first, once there is one */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GString *events; /* "PUBLISH topic;" "PUBACK;" ... */
} FakeBroker;

static inline void
fake_note(FakeBroker *fake, const char *what, const char *topic, gsize length)
{
    pthread_mutex_lock(&fake->lock);
    g_string_append_printf(fake->events, "%s%.*s;", what, (int)length, topic);
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->lock);
}

static inline void
fake_send(int fd, const void *bytes, gsize length)
{
    g_assert_cmpint(send(fd, bytes, length, MSG_NOSIGNAL), ==, (gssize)length);
}

static inline void
fake_push(const FakeBroker *fake, int fd)
{
    gsize topic = strlen(fake->topic), payload = strlen(fake->payload), length = 2 + topic + 2 + payload;
    g_autoptr(GByteArray) packet = g_byte_array_new();
    const guint8 head[] = {0x30 | fake->flags, (guint8)length, 0, (guint8)topic}, id[] = {0, 7};
    g_assert_cmpuint(length, <, 128);
    g_byte_array_append(packet, head, sizeof head);
    g_byte_array_append(packet, (const guint8 *)fake->topic, (guint)topic);
    g_byte_array_append(packet, id, sizeof id);
    g_byte_array_append(packet, (const guint8 *)fake->payload, (guint)payload);
    fake_send(fd, packet->data, packet->len);
}

static inline gboolean
fake_read(int fd, guint8 *bytes, gsize length)
{
    return length == 0 || recv(fd, bytes, length, MSG_WAITALL) == (gssize)length;
}

/* Answers one packet. FALSE: the client is to be closed. */
static inline gboolean
fake_answer(FakeBroker *fake, guint at)
{
    guint8 head[2] = {0}, body[4096];
    int fd = fake->clients[at];
    gsize length = 0;
    if (!fake_read(fd, head, 2))
        return FALSE;
    length = head[1] & 127;
    if (head[1] & 128) {
        guint8 more = 0;
        if (!fake_read(fd, &more, 1))
            return FALSE;
        length |= (gsize)more << 7;
    }
    if (length > sizeof body || !fake_read(fd, body, length))
        return FALSE;
    switch (head[0] >> 4) {
    case 1: /* CONNECT: the version is behind "MQTT" */
        if (body[6] != 4) {
            if (!fake->shut)
                fake_send(fd, "\x20\x02\x00\x01", 4);
            return FALSE;
        }
        fake_send(fd, "\x20\x02\x00\x00", 4);
        return TRUE;
    case 3: { /* PUBLISH, QoS 1 */
        gsize topic = (gsize)body[0] << 8 | body[1];
        const guint8 answer[] = {0x40, 2, body[2 + topic], body[3 + topic]};
        fake_note(fake, "PUBLISH ", (const char *)body + 2, topic);
        fake_send(fd, answer, sizeof answer);
        return TRUE;
    }
    case 4:
        fake_note(fake, "PUBACK", "", 0);
        return TRUE;
    case 8: { /* SUBSCRIBE */
        guint8 answer[32] = {0x90, 2, body[0], body[1]};
        for (gsize i = 2; i < length; i += 2 + ((gsize)body[i] << 8 | body[i + 1]) + 1)
            answer[2 + answer[1]++] = fake->granted;
        fake_send(fd, answer, 2u + answer[1]);
        fake->clients[at] = fake->clients[0];
        fake->clients[0] = fd;
        if (fake->topic != NULL)
            fake_push(fake, fd);
        return TRUE;
    }
    case 12:
        fake_send(fd, "\xd0\x00", 2);
        return TRUE;
    default: /* DISCONNECT */
        return FALSE;
    }
}

static inline void
fake_accept(FakeBroker *fake)
{
    int fd = accept(fake->listener, NULL, NULL);
    for (guint i = 1; i < FAKE_CLIENTS; i++) {
        if (fake->clients[i] < 0) {
            fake->clients[i] = fd;
            return;
        }
    }
    close(fd);
}

static inline void *
fake_run(void *data)
{
    FakeBroker *fake = data;
    for (;;) {
        struct pollfd polled[FAKE_CLIENTS + 2];
        for (guint i = 0; i < FAKE_CLIENTS; i++)
            polled[i] = (struct pollfd){.fd = fake->clients[i], .events = POLLIN};
        polled[FAKE_CLIENTS] = (struct pollfd){.fd = fake->listener, .events = POLLIN};
        polled[FAKE_CLIENTS + 1] = (struct pollfd){.fd = fake->stop[0], .events = POLLIN};
        g_assert_cmpint(poll(polled, G_N_ELEMENTS(polled), -1), >, 0);
        if (polled[FAKE_CLIENTS + 1].revents != 0)
            return NULL;
        /* One at a time: who is first may change. */
        guint at = 0;
        while (at < FAKE_CLIENTS && polled[at].revents == 0)
            at++;
        if (at == FAKE_CLIENTS) {
            fake_accept(fake);
        } else if (!fake_answer(fake, at)) {
            close(fake->clients[at]);
            fake->clients[at] = -1;
        }
    }
}

static inline void
fake_start(FakeBroker *fake)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fake->listener, (struct sockaddr *)&in, sizeof in), ==, 0);
    g_assert_cmpint(listen(fake->listener, 8), ==, 0);
    g_assert_cmpint(getsockname(fake->listener, (struct sockaddr *)&in, &size), ==, 0);
    fake->port = ntohs(in.sin_port);
    g_assert_cmpint(pipe(fake->stop), ==, 0);
    memset(fake->clients, 0xff, sizeof fake->clients);
    fake->events = g_string_new(NULL);
    pthread_mutex_init(&fake->lock, NULL);
    pthread_cond_init(&fake->changed, NULL);
    g_assert_cmpint(pthread_create(&fake->thread, NULL, fake_run, fake), ==, 0);
}

static inline void
fake_stop(FakeBroker *fake)
{
    g_assert_cmpint(write(fake->stop[1], "", 1), ==, 1);
    pthread_join(fake->thread, NULL);
    for (guint i = 0; i < FAKE_CLIENTS; i++) {
        if (fake->clients[i] >= 0)
            close(fake->clients[i]);
    }
    close(fake->listener);
    close(fake->stop[0]);
    close(fake->stop[1]);
    g_string_free(fake->events, TRUE);
    pthread_mutex_destroy(&fake->lock);
    pthread_cond_destroy(&fake->changed);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FakeBroker, fake_stop)

/* Waits until text has come. */
static inline void
fake_wait(FakeBroker *fake, const char *text)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&fake->lock);
    int rc = 0;
    while (strstr(fake->events->str, text) == NULL && rc == 0)
        rc = pthread_cond_timedwait(&fake->changed, &fake->lock, &until);
    pthread_mutex_unlock(&fake->lock);
    g_assert_cmpint(rc, ==, 0);
}
