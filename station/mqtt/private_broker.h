/* A broker of our own for a short while: mosquitto as a child, with everything in a folder that goes with it. For the
 * rehearsal, the demo and tests. It takes only clients with a certificate, and a client's user name is the common name
 * of that. It listens twice, with the access rules that packaging/mosquitto ships: for devices, whose client id is the
 * user name too and who speak on their own topics only, and for the service, whose certificates no device's CA can
 * make. */
#pragma once

#include <gio/gio.h>

#include "station/mqtt/broker.h"

G_BEGIN_DECLS

/* Borrows everything. */
typedef struct {
    const char *listen;         /* IP address, "127.0.0.1": of the devices' listener; the service's is on 127.0.0.1 */
    guint16 port;               /* of the devices' listener; 0: a free one */
    const char *name;           /* the host name that its certificate is for, besides that address */
    const char *devices_ca;     /* PEM file: who signs the certificates of devices */
    const char *devices_ca_pem; /* the same as text, in place of a file */
    const char *crl;            /* PEM file: which of them are revoked; NULL: none */
    const char *program;        /* NULL: mosquitto, wherever it is */
    const char *telemetry; /* a topic that devices may publish on besides, and the service reads, with %u in place of
                              the device id, which is a level of its own; NULL: none */
} KlPrivateBrokerOptions;

typedef struct KlPrivateBroker KlPrivateBroker;

/* The program that is started, where one is named or not; it need not be there. The caller frees. */
char *kl_private_broker_program(const char *named);

/* Makes a key and a certificate for the broker, and one for the service, which live as long as it does; starts it and
 * waits until it takes connections. It dies with this process; its folder, if this process is killed, goes when the
 * next broker is started, by whichever process of this user. BROKER_MISSING: there is no mosquitto; BROKER_DOWN: it
 * does not start (the reason is its own). */
KlPrivateBroker *kl_private_broker_start(const KlPrivateBrokerOptions *options, GError **error);
/* Stops it; its folder is gone. From any thread. */
void kl_private_broker_free(KlPrivateBroker *broker);

/* Stops it and starts it again on the same ports, with all that it knew. BROKER_DOWN. */
gboolean kl_private_broker_restart(KlPrivateBroker *broker, GError **error);

/* Borrowed, as long as it lives. */
guint16 kl_private_broker_port(const KlPrivateBroker *broker);                 /* for devices */
guint16 kl_private_broker_service_port(const KlPrivateBroker *broker);         /* for the service, on 127.0.0.1 */
const char *kl_private_broker_ca_file(const KlPrivateBroker *broker);          /* trust for the broker's certificate */
const char *kl_private_broker_sha256(const KlPrivateBroker *broker);           /* of its certificate's DER, hex */
const char *kl_private_broker_certificate_file(const KlPrivateBroker *broker); /* the service's */
const char *kl_private_broker_key_file(const KlPrivateBroker *broker);
int kl_private_broker_pid(const KlPrivateBroker *broker);

/* How the service connects to it: all of KlBrokerOptions but client id, filters and share. */
KlBrokerOptions kl_private_broker_options(const KlPrivateBroker *broker);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlPrivateBroker, kl_private_broker_free)

G_END_DECLS
