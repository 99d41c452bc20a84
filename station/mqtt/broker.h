/* A service's way to an MQTT broker, by libmosquitto: mutual TLS, MQTT 5 where the broker has it and 3.1.1 where it has
 * not. There are two connections: one receives, the other publishes. A message is acknowledged only when the caller has
 * done with it and the broker has all that was published for it. Belongs to one thread. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Borrows everything. */
typedef struct {
    const char *host; /* also the name (or the address) that the broker's certificate has to have */
    guint16 port;
    const char *ca_file;          /* PEM: whom to trust for the broker; NULL: no TLS at all, and no files of ours */
    const char *certificate_file; /* PEM: ours, with its issuers */
    const char *key_file;         /* PEM */
    const char *client_id; /* of the receiving connection; the publishing one's has "/out" behind it. Nobody else's:
                              the broker breaks off who had it before */
    const char *const *filters; /* subscribed to with QoS 1; NULL-terminated */
    const char *share;          /* the shared subscription's name: several services get a message each. NULL: all
                                   messages come here */
    guint window;               /* about so many messages come at a time, before they are acknowledged: 1..65535 */
    guint32 session_s;          /* so long the broker keeps messages for us while we are away (3.1.1: 0, or for ever) */
    const char *denied;         /* a topic that the broker must not let us publish on: whoever lets us has no access
                                   rules. MQTT 5 can tell. NULL: not tried */
    const char *allowed;        /* one that it has to: else it takes us for somebody else. NULL: not tried */
} KlBrokerOptions;

/* A message that has come. */
typedef struct {
    char *topic;
    GBytes *payload;
    gboolean retained;
    gboolean again; /* DUP: the broker has sent it before */
} KlBrokerMessage;

typedef struct KlBroker KlBroker;

/* Connects and subscribes; returns once the broker has granted all that. stop_fd (or -1) readable: CANCELLED.
 * BROKER_DOWN (can't be reached, or broke off), BROKER_REFUSED (it does not take us, or does not grant a subscription),
 * BROKER_WRONG (it is not the one that we trust, or has no access rules), CONFIG_INVALID (files). */
KlBroker *kl_broker_connect(const KlBrokerOptions *options, int stop_fd, GError **error);
/* Breaks off: what was received and not acknowledged comes again, to the next who connects. */
void kl_broker_free(KlBroker *broker);

/* 5 or 3 (3.1.1). */
guint kl_broker_version(const KlBroker *broker);

/* Waits for messages, until there is at least one, stop_fd is readable or timeout_ms (-1: for ever) have passed (an
 * empty array then). An array of KlBrokerMessage; the caller frees it. What the receive before gave has to be done.
 * BROKER_DOWN, BROKER_REFUSED (somebody else came with our client id). */
GPtrArray *kl_broker_receive(KlBroker *broker, int stop_fd, int timeout_ms, GError **error);

/* What else has come by now, perhaps nothing; nothing is acknowledged meanwhile, neither these messages nor those
 * before. An array as of kl_broker_receive(). BROKER_DOWN. */
GPtrArray *kl_broker_receive_more(KlBroker *broker, GError **error);

/* Queues a publication, QoS 1, not retained. BROKER_DOWN; CONFIG_INVALID: it is larger than the broker ever takes, and
 * nothing else has changed. */
gboolean kl_broker_publish(KlBroker *broker, const char *topic, GBytes *payload, GError **error);

/* Sends what was published, as fast as the broker takes it, until the descriptor is readable; receives and acknowledges
 * nothing. BROKER_DOWN; BROKER_REFUSED, if it did not let us publish something before that. */
gboolean kl_broker_send(KlBroker *broker, int until_fd, GError **error);

/* Sends what was published, and waits until the broker has taken it all; acknowledges nothing. BROKER_DOWN,
 * BROKER_REFUSED (it does not let us publish something). */
gboolean kl_broker_settle(KlBroker *broker, GError **error);

/* Settles, and then acknowledges all that was received. BROKER_DOWN, BROKER_REFUSED (it does not let us
 * publish something): nothing is acknowledged. */
gboolean kl_broker_done(KlBroker *broker, GError **error);

/* Says good-bye and frees the connection. To be called with nothing undone: else kl_broker_free(). */
void kl_broker_close(KlBroker *broker);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlBroker, kl_broker_free)

G_END_DECLS
