/* Inside the rigged bus. All of it is under the bus's lock. */
#pragma once

#include <pthread.h>

#include "drivers/at_wp77/sim/sim_bus_tty.h"
#include "drivers/at_wp77/sim/sim_preload.h"

G_BEGIN_DECLS

#define KL_SIM_BUSES 2 /* USB 2 and SuperSpeed */

/* A tty that is to come. */
typedef struct {
    gint64 due_us;
    char *path;
    guint number; /* of its device: another one may be on the port by then */
    guint interface;
} KlSimLateTty;

void kl_sim_late_tty_free(KlSimLateTty *late);

typedef struct {
    int event_fd;
    KlSimBusEvent happened;
} KlSimWatch;

struct KlSimBus {
    pthread_mutex_t lock;
    GHashTable *devices; /* path -> KlSimDevice */
    GHashTable *watches; /* path -> KlSimWatch */
    GQueue late;         /* of KlSimLateTty, by due time */
    KlSimTtys ttys;
    guint last_number[KL_SIM_BUSES];
    guint64 seqnum;
    int event_fd; /* netlink */

    pthread_t thread; /* answers control transfers, makes late ttys */
    gboolean started;
    int listener;
    int wake_fd; /* an eventfd: there is something new for the thread */
    gboolean stopping;
};

/* The device at a path; SuperSpeed halves and root hubs too. NULL: none. */
KlSimDevice *kl_sim_bus_find(const KlSimBus *bus, const char *path);

/* The hub that a path hangs on, and its port there; NULL when there is none. */
KlSimDevice *kl_sim_bus_find_parent(const KlSimBus *bus, const char *path, guint *port);

/* The device with this number, or NULL. */
KlSimDevice *kl_sim_bus_find_number(const KlSimBus *bus, guint bus_number, guint number);

/* The root hubs. A G_IO_ERROR. */
gboolean kl_sim_bus_add_roots(KlSimBus *bus, GError **error);

/* Takes a device off with all below it and with its other half. */
void kl_sim_bus_take_off(KlSimBus *bus, KlSimDevice *device);

/* Tells those who watch this place or one below it. */
void kl_sim_bus_tell_watches(KlSimBus *bus, const char *path, KlSimBusEvent event);

/* The ports of a hub (bit n: port n) that carry power; either half of a USB 3 hub will do. */
guint32 kl_sim_bus_live_ports(const KlSimDevice *hub);

/* Makes the ttys that are due; returns when the next one is, or -1, as g_get_monotonic_time(). */
gint64 kl_sim_bus_make_late(KlSimBus *bus);

/* Carries out a control transfer: standard ones of any device and those of hubs. */
void kl_sim_bus_control(KlSimBus *bus, const KlSimPreloadRequest *request, KlSimPreloadReply *reply);

/* Opens the socket for the preload library. A G_IO_ERROR (ADDRESS_IN_USE: there is another bus in this namespace). */
gboolean kl_sim_bus_listen(KlSimBus *bus, GError **error);

/* The thread. A G_IO_ERROR. */
gboolean kl_sim_bus_serve(KlSimBus *bus, GError **error);

/* There is something new for the thread to look at. */
void kl_sim_bus_wake(const KlSimBus *bus);

/* Ends the thread, if there is one, and closes what it listens to. */
void kl_sim_bus_stop_serving(KlSimBus *bus);

G_END_DECLS
