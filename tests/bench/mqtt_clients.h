/* Many MQTT 3.1.1 clients over TLS in one thread, in as few lines as it takes: they subscribe, and say and hear things
 * at QoS 1. What goes wrong ends the program. */
#pragma once

#include <glib.h>
#include <openssl/ssl.h>

typedef struct {
    char id[16];
    int fd; /* -1: none */
    SSL *ssl;
    gboolean greeted; /* TLS is done */
    gboolean watched_out;
    GByteArray *in, *out;
    guint16 packet; /* of what was said last */
} MqttClient;

/* What is told of clients. */
typedef struct {
    void (*connected)(MqttClient *client, gpointer data);
    void (*subscribed)(MqttClient *client, gpointer data);
    void (*taken)(MqttClient *client, gpointer data); /* what it has said last */
    void (*heard)(MqttClient *client, const char *topic, gpointer data);
} MqttEvents;

typedef struct {
    const MqttEvents *events;
    gpointer data;
    SSL_CTX *context;
    int epoll;
    guint greeting; /* how many are not done with TLS */
    double last;    /* when something happened; 0: not yet */
} MqttLoop;

void mqtt_loop_init(MqttLoop *loop, const MqttEvents *events, gpointer data);
void mqtt_loop_clear(MqttLoop *loop);

/* Does what is due, and waits for it for so long. FALSE: nothing has happened for long. */
gboolean mqtt_loop_turn(MqttLoop *loop, int timeout_ms);

void mqtt_client_init(MqttClient *client, const char *id);
void mqtt_client_clear(MqttClient *client);

/* Begins to connect to the port of this machine. */
void mqtt_client_begin(MqttLoop *loop, MqttClient *client, guint16 port, X509 *certificate, EVP_PKEY *key);
void mqtt_client_close(MqttClient *client);

/* These are sent with the client's next turn; see mqtt_client_wake(). */
void mqtt_client_subscribe(MqttClient *client, const char *const *filters, guint n);
void mqtt_client_publish(MqttClient *client, const char *topic, const char *payload);

/* What was said outside of the events goes out, too. */
void mqtt_client_wake(MqttLoop *loop, MqttClient *client);
