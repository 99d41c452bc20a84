#include "boot_mqtt.h"

#include "boot_tls.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define KEEPALIVE_S 60
#define QOS 1
#define REFUSED_FROM 0x80 /* reason codes and granted QoS from here on are refusals */

typedef enum {
    PHASE_NEW,
    PHASE_TCP,       /* connecting */
    PHASE_HANDSHAKE, /* TLS */
    PHASE_OPEN,      /* MQTT */
    PHASE_LOST,
} Phase;

struct KlBootMqtt {
    const KlBootMqttEvents *events;
    void *data;
    bool *old_protocol;
    struct mosquitto *client;
    KlBootTls tls;
    char host[KL_BOOT_HOST_MAX + 1]; /* where to connect */
    uint16_t port;
    Phase phase;
    int result;  /* of the beginning of connecting */
    int code;    /* errno, after that */
    bool taken;  /* CONNACK */
    int refused; /* its reason code, when not */
};

static void
start_library(void)
{
    mosquitto_lib_init();
}

/* --- what libmosquitto tells --- */

static void
on_connect(struct mosquitto *client, void *data, int reason, int flags, const mosquitto_property *properties)
{
    KlBootMqtt *mqtt = data;
    mqtt->taken = reason == 0;
    mqtt->refused = reason;
    if (mqtt->taken)
        mqtt->events->connected(mqtt->data);
}

static void
on_subscribe(struct mosquitto *client, void *data, int mid, int n, const int *granted,
             const mosquitto_property *properties)
{
    KlBootMqtt *mqtt = data;
    bool all = n == KL_BOOT_FILTERS;
    for (int i = 0; i < n; i++)
        all = all && granted[i] < REFUSED_FROM;
    mqtt->events->subscribed(mqtt->data, all);
}

static void
on_publish(struct mosquitto *client, void *data, int mid, int reason, const mosquitto_property *properties)
{
    KlBootMqtt *mqtt = data;
    mqtt->events->published(mqtt->data, mid, reason < REFUSED_FROM);
}

static void
on_message(struct mosquitto *client, void *data, const struct mosquitto_message *message,
           const mosquitto_property *properties)
{
    KlBootMqtt *mqtt = data;
    mqtt->events->message(mqtt->data, message->topic, message->payload, (size_t)message->payloadlen, message->retain);
}

/* --- making it --- */

static bool
set_target(KlBootMqtt *mqtt, const KlBootMqttPlan *plan)
{
    const KlBootTarget *target = plan->target;
    const char *address = plan->connect_to != NULL ? plan->connect_to : target->address;
    snprintf(mqtt->tls.host, sizeof mqtt->tls.host, "%s", target->self->host);
    mqtt->tls.clock_s = plan->clock_s;
    mqtt->tls.pinned = target->pin != NULL;
    if (target->pin != NULL)
        memcpy(mqtt->tls.pin, target->pin, sizeof mqtt->tls.pin);
    if (address != NULL)
        return kl_boot_address_read(address, mqtt->host, &mqtt->port);
    memcpy(mqtt->host, target->self->host, sizeof mqtt->host);
    mqtt->port = target->self->port;
    return true;
}

static SSL_CTX *
make_context(KlBootMqtt *mqtt, const KlBootMqttPlan *plan, int *error)
{
    KlBootCredential credential;
    SSL_CTX *context = NULL;
    *error = kl_boot_credential_load(plan->store, plan->store_data, &credential);
    if (*error == 0) {
        context = kl_boot_tls_new(&credential, &mqtt->tls);
        *error = context != NULL ? 0 : KL_AGENT_E_CRYPTO;
    }
    kl_boot_credential_clear(&credential);
    return context;
}

/* libmosquitto adds nothing of its own to the context: no default trust, no other check. */
static bool
set_up_client(KlBootMqtt *mqtt, const char *device, SSL_CTX *context)
{
    int version = *mqtt->old_protocol ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5;
    mqtt->client = mosquitto_new(device, true, mqtt);
    if (mqtt->client == NULL || mosquitto_int_option(mqtt->client, MOSQ_OPT_PROTOCOL_VERSION, version) != 0 ||
        mosquitto_int_option(mqtt->client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) != 0 ||
        mosquitto_void_option(mqtt->client, MOSQ_OPT_SSL_CTX, context) != 0)
        return false;
    mosquitto_connect_v5_callback_set(mqtt->client, on_connect);
    mosquitto_subscribe_v5_callback_set(mqtt->client, on_subscribe);
    mosquitto_publish_v5_callback_set(mqtt->client, on_publish);
    mosquitto_message_v5_callback_set(mqtt->client, on_message);
    return true;
}

KlBootMqtt *
kl_boot_mqtt_new(const KlBootMqttPlan *plan, int *error)
{
    static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
    KlBootMqtt *mqtt = calloc(1, sizeof *mqtt);
    *error = KL_AGENT_E_CRYPTO;
    if (mqtt == NULL || CRYPTO_THREAD_run_once(&once, start_library) != 1) {
        free(mqtt);
        return NULL;
    }
    mqtt->events = plan->events;
    mqtt->data = plan->data;
    mqtt->old_protocol = plan->old_protocol;
    if (!set_target(mqtt, plan)) {
        *error = KL_AGENT_E_PARAMETER;
        kl_boot_mqtt_free(mqtt);
        return NULL;
    }
    SSL_CTX *context = make_context(mqtt, plan, error);
    if (context != NULL && !set_up_client(mqtt, plan->target->self->device, context))
        *error = KL_AGENT_E_CRYPTO;
    SSL_CTX_free(context);
    if (*error == 0)
        return mqtt;
    kl_boot_mqtt_free(mqtt);
    return NULL;
}

void
kl_boot_mqtt_free(KlBootMqtt *mqtt)
{
    if (mqtt == NULL)
        return;
    if (mqtt->client != NULL)
        mosquitto_destroy(mqtt->client);
    free(mqtt);
}

/* --- its loop --- */

static void
lose(KlBootMqtt *mqtt, KlAgentBootTrouble trouble, const char *words)
{
    mqtt->phase = PHASE_LOST;
    mqtt->events->lost(mqtt->data, trouble, words);
}

/* Why the connection was not made, or is gone: what TLS said of it goes before what the socket says. */
static void
lose_for_reason(KlBootMqtt *mqtt, int result)
{
    char words[KL_BOOT_DETAIL_MAX + 1];
    int code = mqtt->phase == PHASE_NEW ? mqtt->code : errno;
    const char *text = result == MOSQ_ERR_ERRNO ? strerror(code) : mosquitto_strerror(result);
    ERR_clear_error();
    if (mqtt->tls.trouble != KL_AGENT_TROUBLE_FINE) {
        lose(mqtt, mqtt->tls.trouble, mqtt->tls.words);
    } else if (mqtt->refused != 0) {
        if (mqtt->refused == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION)
            *mqtt->old_protocol = true;
        snprintf(words, sizeof words, "CONNACK %d: %s", mqtt->refused, mosquitto_reason_string(mqtt->refused));
        lose(mqtt, KL_AGENT_TROUBLE_REFUSED, words);
    } else if (mqtt->tls.verified && !mqtt->taken) {
        lose(mqtt, KL_AGENT_TROUBLE_REFUSED, "the broker closed the connection in place of taking the unit");
    } else {
        lose(mqtt, KL_AGENT_TROUBLE_UNREACHABLE, result != MOSQ_ERR_SUCCESS ? text : "the connection was closed");
    }
}

void
kl_boot_mqtt_connect(KlBootMqtt *mqtt)
{
    mqtt->result = mosquitto_connect_async(mqtt->client, mqtt->host, mqtt->port, KEEPALIVE_S);
    mqtt->phase = mqtt->result == MOSQ_ERR_SUCCESS ? PHASE_TCP : PHASE_NEW;
    mqtt->code = errno;
    ERR_clear_error();
}

struct pollfd
kl_boot_mqtt_poll(const KlBootMqtt *mqtt)
{
    struct pollfd ready = {.fd = mosquitto_socket(mqtt->client), .events = POLLIN};
    if (mqtt->phase == PHASE_TCP)
        ready.events = POLLOUT;
    else if (mqtt->phase == PHASE_OPEN && mosquitto_want_write(mqtt->client))
        ready.events |= POLLOUT;
    return ready;
}

/* Whether the TCP connection was made. Not by SO_ERROR: a first try to write has taken that away already. And when the
 * broker was quick, the handshake is further than this: it may have ended, and the broker have hung up. */
static bool
was_connected(const KlBootMqtt *mqtt)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    return mqtt->tls.verified || mqtt->tls.trouble != KL_AGENT_TROUBLE_FINE ||
           getpeername(mosquitto_socket(mqtt->client), (struct sockaddr *)&peer, &size) == 0;
}

static bool
finish_tcp(KlBootMqtt *mqtt)
{
    if (!was_connected(mqtt)) {
        lose(mqtt, KL_AGENT_TROUBLE_UNREACHABLE, "nobody takes connections there");
        return false;
    }
    mqtt->phase = PHASE_HANDSHAKE;
    return true;
}

/* With OpenSSL 1.1.1, libmosquitto goes on for ever with a handshake whose other side has gone. */
static bool
has_hung_up(const KlBootMqtt *mqtt, short revents)
{
    char byte;
    return (revents & (POLLERR | POLLHUP)) != 0 ||
           ((revents & POLLIN) != 0 &&
            recv(mosquitto_socket(mqtt->client), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) == 0);
}

void
kl_boot_mqtt_step(KlBootMqtt *mqtt, short revents)
{
    int result = MOSQ_ERR_SUCCESS;
    if (mqtt->phase == PHASE_LOST)
        return;
    if (mqtt->phase == PHASE_NEW) {
        lose_for_reason(mqtt, mqtt->result);
        return;
    }
    if (mqtt->phase == PHASE_TCP && (revents == 0 || !finish_tcp(mqtt)))
        return;
    /* During the handshake, "read" is what carries it on; it never has so much to write that it would have to wait. */
    if (mqtt->phase == PHASE_HANDSHAKE || (revents & (POLLIN | POLLERR | POLLHUP)) != 0)
        result = mosquitto_loop_read(mqtt->client, 1);
    if (result == MOSQ_ERR_SUCCESS && mqtt->phase == PHASE_HANDSHAKE && !mqtt->tls.done && has_hung_up(mqtt, revents))
        result = MOSQ_ERR_CONN_LOST;
    if (result == MOSQ_ERR_SUCCESS && mqtt->tls.done) {
        mqtt->phase = PHASE_OPEN;
        if (mosquitto_want_write(mqtt->client))
            result = mosquitto_loop_write(mqtt->client, 1);
    }
    if (result == MOSQ_ERR_SUCCESS && mosquitto_socket(mqtt->client) >= 0)
        result = mosquitto_loop_misc(mqtt->client);
    if (result != MOSQ_ERR_SUCCESS || mosquitto_socket(mqtt->client) < 0 || mqtt->refused != 0)
        lose_for_reason(mqtt, result);
}

void
kl_boot_mqtt_subscribe(KlBootMqtt *mqtt, char filters[KL_BOOT_FILTERS][KL_BOOT_SAY_TOPIC_MAX + 1])
{
    char *list[KL_BOOT_FILTERS];
    int options = *mqtt->old_protocol ? 0 : MQTT_SUB_OPT_NO_LOCAL;
    for (int i = 0; i < KL_BOOT_FILTERS; i++)
        list[i] = filters[i];
    /* What can't be sent is not granted either: the boot gives up waiting for it. */
    mosquitto_subscribe_multiple(mqtt->client, NULL, KL_BOOT_FILTERS, list, QOS, options, NULL);
}

int
kl_boot_mqtt_publish(KlBootMqtt *mqtt, const char *topic, const char *payload)
{
    int mid = 0;
    int result = mosquitto_publish(mqtt->client, &mid, topic, (int)strlen(payload), payload, QOS, false);
    return result == MOSQ_ERR_SUCCESS ? mid : 0;
}
