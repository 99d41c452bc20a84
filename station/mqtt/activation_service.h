/* The activation engine on a broker: receives, handles in several threads, publishes, acknowledges; reconnects for
 * ever. A message is acknowledged after what became of it is kept and the broker has its answers, so whoever dies in
 * between gets it again. */
#pragma once

#include "station/activation/engine.h"
#include "station/mqtt/broker.h"

G_BEGIN_DECLS

#define KL_ACTIVATION_WINDOW 1000 /* messages at a time */

/* One message on the broker, in either direction, as it happens. Borrows everything. */
typedef struct {
    gboolean out; /* published by the service; else received */
    const char *topic;
    GBytes *payload;
    const KlActivation *became; /* of one that was received; NULL when it failed, with error */
    const GError *error;
} KlServiceMessage;

/* Borrows everything, and it has to outlive the service. */
typedef struct {
    KlActivationEngine *engine;
    KlBrokerOptions broker; /* filters NULL: kl_topic_filters; others are for watch(). window 0: KL_ACTIVATION_WINDOW */
    guint workers;          /* threads that handle messages; 0: as many as are of use with a local table */
    void (*watch)(const KlServiceMessage *message,
                  gpointer data);                /* in the service's thread, each unit's in order; may be NULL */
    void (*ready)(guint version, gpointer data); /* connected and subscribed, with MQTT 5 or 3.1.1 (3); may be NULL */
    void (*trouble)(const GError *error, gpointer data); /* the connection is lost or not made, or a message could not
                                                            be handled; may be NULL */
    gpointer data;
} KlActivationServiceOptions;

typedef struct KlActivationService KlActivationService;

/* Starts its threads; it connects by itself. */
KlActivationService *kl_activation_service_start(const KlActivationServiceOptions *options, GError **error);

/* Waits until it is subscribed. The error of the last try to connect, when it is not in time. */
gboolean kl_activation_service_wait_ready(KlActivationService *service, int timeout_ms, GError **error);

/* Lets what was received be finished, says good-bye to the broker, and frees it. */
void kl_activation_service_stop(KlActivationService *service);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlActivationService, kl_activation_service_stop)

G_END_DECLS
