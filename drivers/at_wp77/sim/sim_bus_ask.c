#include <string.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_bus_private.h"

char *
kl_sim_bus_tty(KlSimBus *bus, const char *path, guint interface)
{
    char *name = NULL;
    pthread_mutex_lock(&bus->lock);
    const KlSimDevice *device = kl_sim_bus_find(bus, path);
    for (guint i = 0; device != NULL && device->ttys != NULL && i < device->ttys->len; i++) {
        const KlSimTty *tty = device->ttys->pdata[i];
        if (tty->interface == interface)
            name = g_strdup_printf("ttyUSB%u", tty->number);
    }
    pthread_mutex_unlock(&bus->lock);
    return name;
}

guint
kl_sim_bus_number(KlSimBus *bus, const char *path)
{
    pthread_mutex_lock(&bus->lock);
    const KlSimDevice *device = kl_sim_bus_find(bus, path);
    guint number = device != NULL ? device->number : 0;
    pthread_mutex_unlock(&bus->lock);
    return number;
}

gboolean
kl_sim_bus_powered(KlSimBus *bus, const char *path)
{
    guint port = 0;
    pthread_mutex_lock(&bus->lock);
    const KlSimDevice *hub = kl_sim_bus_find_parent(bus, path, &port);
    gboolean powered = hub != NULL && (kl_sim_bus_live_ports(hub) & (1u << port)) != 0;
    pthread_mutex_unlock(&bus->lock);
    return powered;
}

void
kl_sim_bus_watch(KlSimBus *bus, const char *path, int event_fd)
{
    pthread_mutex_lock(&bus->lock);
    if (event_fd < 0) {
        g_hash_table_remove(bus->watches, path);
    } else {
        KlSimWatch *watch = g_new0(KlSimWatch, 1);
        watch->event_fd = event_fd;
        g_hash_table_replace(bus->watches, g_strdup(path), watch);
    }
    pthread_mutex_unlock(&bus->lock);
}

KlSimBusEvent
kl_sim_bus_happened(KlSimBus *bus, const char *path)
{
    KlSimBusEvent happened = KL_SIM_BUS_NOTHING;
    pthread_mutex_lock(&bus->lock);
    KlSimWatch *watch = g_hash_table_lookup(bus->watches, path);
    if (watch != NULL) {
        happened = watch->happened;
        watch->happened = KL_SIM_BUS_NOTHING;
    }
    pthread_mutex_unlock(&bus->lock);
    return happened;
}

static gboolean
is_below(const char *place, const char *path)
{
    gsize len = strlen(path);
    return strncmp(place, path, len) == 0 && (place[len] == '\0' || place[len] == '.');
}

void
kl_sim_bus_tell_watches(KlSimBus *bus, const char *path, KlSimBusEvent event)
{
    GHashTableIter iter;
    gpointer place = NULL;
    gpointer watch = NULL;
    const guint64 one = 1;
    g_hash_table_iter_init(&iter, bus->watches);
    while (g_hash_table_iter_next(&iter, &place, &watch)) {
        KlSimWatch *told = watch;
        if (!is_below(place, path))
            continue;
        told->happened = MAX(told->happened, event);
        /* An eventfd is full after 2^64 - 2 of them. */
        (void)!write(told->event_fd, &one, sizeof one);
    }
}
