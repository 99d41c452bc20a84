/* What the tests with a real mosquitto share: certificates of units, made by the openssl command line, and units that
 * speak by libmosquitto itself. */
#pragma once

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "station/mqtt/private_broker.h"
#include "tests/certs_oracle.h"

#define BROKER_NAME "broker.example"
#define RIG_PATIENCE_US (120 * G_USEC_PER_SEC) /* then something is wrong */

/* A CA of devices, DIR/NAME.pem and .key. */
static inline void
rig_ca(const char *dir, const char *name)
{
    ORACLE(
        dir,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout %s.key -out %s.pem -days 2"
        " -subj '/CN=%s' -addext 'keyUsage=critical,keyCertSign,cRLSign'",
        name, name, name);
}

/* A unit's certificate by that CA, DIR/NAME.pem and .key. */
static inline void
rig_unit(const char *dir, const char *ca, const char *name, const char *device)
{
    ORACLE(dir,
           "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout %s.key -subj '/CN=%s' -out "
           "%s.csr &&"
           "openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -CAcreateserial -days 2 -out %s.pem",
           name, device, name, name, ca, ca, name);
}

/* Has what comes to pass: calls step until done. */
#define RIG_UNTIL(done, step)                                                                                          \
    for (gint64 rig_since = g_get_monotonic_time(); !(done); (step))                                                   \
    g_assert_cmpint(g_get_monotonic_time() - rig_since, <, RIG_PATIENCE_US)

/* A unit on the broker. */
typedef struct {
    struct mosquitto *client;
    GString *got;   /* "TOPIC=PAYLOAD;" for each message */
    GPtrArray *all; /* char *: the same, each by itself */
    int connack;    /* -1: none yet */
    guint acked, subscribed;
    int reason; /* of the last PUBACK */
    gboolean lost;
} RigUnit;

static inline void
rig_on_connect(struct mosquitto *client, void *data, int reason, int flags, const mosquitto_property *properties)
{
    ((RigUnit *)data)->connack = reason;
}

static inline void
rig_on_disconnect(struct mosquitto *client, void *data, int reason, const mosquitto_property *properties)
{
    ((RigUnit *)data)->lost = TRUE;
}

static inline void
rig_on_publish(struct mosquitto *client, void *data, int id, int reason, const mosquitto_property *properties)
{
    RigUnit *unit = data;
    unit->acked++;
    unit->reason = reason;
}

static inline void
rig_on_subscribe(struct mosquitto *client, void *data, int id, int n, const int *granted,
                 const mosquitto_property *props)
{
    ((RigUnit *)data)->subscribed++;
}

static inline void
rig_on_message(struct mosquitto *client, void *data, const struct mosquitto_message *message,
               const mosquitto_property *properties)
{
    RigUnit *unit = data;
    char *one = g_strdup_printf("%s=%.*s;", message->topic, message->payloadlen, (const char *)message->payload);
    g_string_append(unit->got, one);
    g_ptr_array_add(unit->all, one);
}

/* A client with DIR/NAME's certificate; not connected. */
static inline RigUnit *
rig_unit_new(const char *dir, const char *name, const char *ca_file, gboolean persistent, int protocol)
{
    RigUnit *unit = g_new0(RigUnit, 1);
    g_autofree char *certificate = g_strdup_printf("%s/%s.pem", dir, name);
    g_autofree char *key = g_strdup_printf("%s/%s.key", dir, name);
    mosquitto_lib_init();
    unit->got = g_string_new(NULL);
    unit->all = g_ptr_array_new_with_free_func(g_free);
    unit->connack = -1;
    unit->client = mosquitto_new(name, !persistent, unit);
    mosquitto_int_option(unit->client, MOSQ_OPT_PROTOCOL_VERSION, protocol);
    mosquitto_tls_set(unit->client, ca_file, NULL, certificate, key, NULL);
    mosquitto_connect_v5_callback_set(unit->client, rig_on_connect);
    mosquitto_disconnect_v5_callback_set(unit->client, rig_on_disconnect);
    mosquitto_publish_v5_callback_set(unit->client, rig_on_publish);
    mosquitto_subscribe_v5_callback_set(unit->client, rig_on_subscribe);
    mosquitto_message_v5_callback_set(unit->client, rig_on_message);
    return unit;
}

static inline void
rig_unit_free(RigUnit *unit)
{
    mosquitto_destroy(unit->client);
    g_string_free(unit->got, TRUE);
    g_ptr_array_unref(unit->all);
    g_free(unit);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RigUnit, rig_unit_free)

/* One turn of the unit's loop. */
static inline void
rig_turn(RigUnit *unit)
{
    if (mosquitto_loop(unit->client, 20, 1) != MOSQ_ERR_SUCCESS)
        unit->lost = TRUE;
}

/* Whether the broker takes it. */
static inline gboolean
rig_unit_connect(RigUnit *unit, guint16 port)
{
    if (mosquitto_connect(unit->client, "127.0.0.1", port, 60) != MOSQ_ERR_SUCCESS)
        return FALSE;
    /* With TLS 1.3, a certificate that is not taken is told after the handshake. */
    RIG_UNTIL(unit->connack >= 0 || unit->lost, rig_turn(unit));
    return unit->connack == 0 && !unit->lost;
}

static inline void
rig_subscribe(RigUnit *unit, const char *filter)
{
    guint before = unit->subscribed;
    g_assert_cmpint(mosquitto_subscribe(unit->client, NULL, filter, 1), ==, MOSQ_ERR_SUCCESS);
    RIG_UNTIL(unit->subscribed > before, rig_turn(unit));
}

/* Publishes; the reason of the broker's answer (0, 16: nobody listens, 135: not authorised). */
static inline int
rig_publish(RigUnit *unit, const char *topic, const void *payload, gsize length, gboolean retain)
{
    guint before = unit->acked;
    g_assert_cmpint(mosquitto_publish_v5(unit->client, NULL, topic, (int)length, payload, 1, retain, NULL), ==,
                    MOSQ_ERR_SUCCESS);
    RIG_UNTIL(unit->acked > before, rig_turn(unit));
    return unit->reason;
}

static inline int
rig_say(RigUnit *unit, const char *topic, const char *text)
{
    return rig_publish(unit, topic, text, strlen(text), FALSE);
}

/* Waits until so many messages have come. */
static inline void
rig_hear(RigUnit *unit, guint n)
{
    RIG_UNTIL(unit->all->len >= n, rig_turn(unit));
}

static inline KlPrivateBroker *
rig_broker(const char *dir, const char *ca, const char *crl)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *ca_file = g_strdup_printf("%s/%s.pem", dir, ca);
    g_autofree char *crl_file = crl != NULL ? g_strdup_printf("%s/%s", dir, crl) : NULL;
    const KlPrivateBrokerOptions options = {
        .listen = "127.0.0.1", .name = BROKER_NAME, .devices_ca = ca_file, .crl = crl_file};
    KlPrivateBroker *broker = kl_private_broker_start(&options, &error);
    g_assert_no_error(error);
    return broker;
}
