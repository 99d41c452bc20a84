/* A unit's connection to its broker: MQTT over mutual TLS, by libmosquitto and OpenSSL, with a loop of one's own. What
 * comes of it is told by calls from within kl_boot_mqtt_step(). Plain C; belongs to one thread at a time. */
#pragma once

#include "activation.h"

#include <poll.h>

/* All take the plan's data. After lost, nothing more comes, and there is nothing to do but to free the connection. */
typedef struct {
    void (*connected)(void *data);
    void (*subscribed)(void *data, bool granted);
    void (*published)(void *data, int ticket, bool taken);
    void (*message)(void *data, const char *topic, const uint8_t *payload, size_t len, bool retained);
    void (*lost)(void *data, KlAgentBootTrouble trouble, const char *words);
} KlBootMqttEvents;

typedef struct {
    const KlAgentOps
        *store; /* of certificate, key and trust; borrowed, as is its data, as long as the connection lives */
    void *store_data;
    const KlBootTarget *target; /* not needed any more after kl_boot_mqtt_new */
    const char *connect_to;     /* "HOST:PORT" in place of the target's address, or NULL: names are not resolved then */
    int64_t clock_s;            /* the unit's clock */
    bool *old_protocol; /* MQTT 3.1.1 in place of 5; set when the broker knows no 5, for the next try. Borrowed */
    const KlBootMqttEvents *events;
    void *data;
} KlBootMqttPlan;

typedef struct KlBootMqtt KlBootMqtt;

#define KL_BOOT_MQTT_STEP_MS 5000 /* a step is due after this time at the latest */

/* Makes everything ready, with the unit's store. NULL with *error: KL_AGENT_E_BOOT_INCOMPLETE, _CRYPTO, or one of the
 * store. */
KlBootMqtt *kl_boot_mqtt_new(const KlBootMqttPlan *plan, int *error);
void kl_boot_mqtt_free(KlBootMqtt *mqtt);

/* Begins to connect; does not wait for it, but for the resolution of the name. Of the unit, it may use the key; it
 * tells nothing yet. */
void kl_boot_mqtt_connect(KlBootMqtt *mqtt);

/* What to wait for; the descriptor is -1 when a step is due at once. */
struct pollfd kl_boot_mqtt_poll(const KlBootMqtt *mqtt);

/* Does what can be done without waiting. revents as poll() has given them. */
void kl_boot_mqtt_step(KlBootMqtt *mqtt, short revents);

void kl_boot_mqtt_subscribe(KlBootMqtt *mqtt, char filters[KL_BOOT_FILTERS][KL_BOOT_SAY_TOPIC_MAX + 1]);

/* QoS 1, not retained: its ticket, from 1 up; 0 when it can't be. */
int kl_boot_mqtt_publish(KlBootMqtt *mqtt, const char *topic, const char *payload);
