#include "drivers/at_wp77/sim/sim_bus.h"

#include <gio/gio.h>
#include <string.h>

#include "drivers/at_wp77/sim/sim_bus_private.h"

#define HOST "/sys/devices/pci0000:00/0000:00:14.0"
#define NUMBERS_MAX 127
#define LATE_STEP_US 1000 /* from one late tty to the next: those of several devices mix */

void
kl_sim_late_tty_free(KlSimLateTty *late)
{
    g_free(late->path);
    g_free(late);
}

KlSimDevice *
kl_sim_bus_find(const KlSimBus *bus, const char *path)
{
    return g_hash_table_lookup(bus->devices, path);
}

KlSimDevice *
kl_sim_bus_find_number(const KlSimBus *bus, guint bus_number, guint number)
{
    GHashTableIter iter;
    gpointer device = NULL;
    g_hash_table_iter_init(&iter, bus->devices);
    while (g_hash_table_iter_next(&iter, NULL, &device))
        if (((KlSimDevice *)device)->bus == bus_number && ((KlSimDevice *)device)->number == number)
            return device;
    return NULL;
}

/* As the kernel counts: the next free one after the last. 0: all are taken. */
static guint
take_number(KlSimBus *bus, guint bus_number)
{
    guint *last = &bus->last_number[bus_number - 1];
    for (guint i = 0; i < NUMBERS_MAX; i++) {
        *last = *last % NUMBERS_MAX + 1;
        if (kl_sim_bus_find_number(bus, bus_number, *last) == NULL)
            return *last;
    }
    return 0;
}

KlSimDevice *
kl_sim_bus_find_parent(const KlSimBus *bus, const char *path, guint *port)
{
    const char *end = strrchr(path, '.');
    const char *dash = strchr(path, '-');
    guint64 number = 0;
    if (dash == NULL)
        return NULL;
    g_autofree char *parent =
        end != NULL ? g_strndup(path, (gsize)(end - path)) : g_strdup_printf("usb%.*s", (int)(dash - path), path);
    KlSimDevice *hub = kl_sim_bus_find(bus, parent);
    const char *digits = (end != NULL ? end : dash) + 1;
    if (hub == NULL || !g_ascii_string_to_unsigned(digits, 10, 1, MAX(hub->n_ports, 1), &number, NULL) ||
        hub->n_ports == 0)
        return NULL;
    *port = (guint)number;
    return hub;
}

guint32
kl_sim_bus_live_ports(const KlSimDevice *hub)
{
    guint32 all = ((1u << hub->n_ports) - 1) << 1;
    guint32 on = (hub->ports_on | (hub->peer != NULL ? hub->peer->ports_on : 0)) & all;
    switch (hub->power) {
    case KL_SIM_HUB_PER_PORT:
        return on;
    case KL_SIM_HUB_GANGED:
        return on != 0 ? all : 0;
    case KL_SIM_HUB_NONE:
    case KL_SIM_HUB_PRETEND:
        break;
    }
    return all;
}

static gboolean
check_port(const KlSimBus *bus, const char *path, KlSimDevice **parent, guint *port, GError **error)
{
    *parent = path[0] == '1' ? kl_sim_bus_find_parent(bus, path, port) : NULL;
    int code = -1;
    if (*parent == NULL)
        code = G_IO_ERROR_NOT_FOUND;
    else if (kl_sim_bus_find(bus, path) != NULL)
        code = G_IO_ERROR_EXISTS;
    else if (((*parent)->ports_on & kl_sim_bus_live_ports(*parent) & (1u << *port)) == 0)
        code = G_IO_ERROR_NOT_CONNECTED;
    if (code >= 0)
        g_set_error(error, G_IO_ERROR, code, "USB port %s %s", path,
                    code == G_IO_ERROR_NOT_FOUND ? "is not there"
                    : code == G_IO_ERROR_EXISTS  ? "is taken"
                                                 : "has no power");
    return code < 0;
}

/* A device with its number and its names; it is not on the bus yet. */
static KlSimDevice *
make_device(KlSimBus *bus, const KlSimModel *model, const KlSimDevice *parent, const char *path)
{
    KlSimDevice *device = g_new0(KlSimDevice, 1);
    device->model = model;
    device->vendor = model->vendor;
    device->product = model->product;
    device->path = g_strdup(path);
    device->bus = kl_sim_device_is_super(device) ? 2 : 1;
    device->number = take_number(bus, device->bus);
    device->sysfs = g_build_filename(parent != NULL ? parent->sysfs : HOST, path, NULL);
    device->node = g_strdup_printf("/dev/bus/usb/%03u/%03u", device->bus, device->number);
    return device;
}

/* Takes the device. */
static gboolean
put_on(KlSimBus *bus, KlSimDevice *device, const KlSimDevice *parent, guint port, GError **error)
{
    g_autoptr(KlSimDevice) owned = device;
    if (device->number == 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "there are %d devices on the bus", NUMBERS_MAX);
        return FALSE;
    }
    if (!kl_sim_device_write(device, parent, port, error)) {
        kl_sim_device_erase(device, parent, port);
        return FALSE;
    }
    g_hash_table_insert(bus->devices, device->path, g_steal_pointer(&owned));
    kl_sim_device_announce(device, bus->event_fd, &bus->seqnum);
    return TRUE;
}

static KlSimDevice *
put_hub(KlSimBus *bus, const char *path, KlSimDevice *parent, guint port, gboolean super, guint n_ports,
        KlSimHubPower power, GError **error)
{
    const KlSimModel *model = kl_sim_model_of_hub(parent == NULL, super);
    KlSimDevice *hub = make_device(bus, model, parent, path);
    hub->n_ports = n_ports;
    hub->power = power;
    hub->ports_on = G_MAXUINT32;
    return put_on(bus, hub, parent, port, error) ? hub : NULL;
}

static gboolean
join_halves(KlSimDevice *one, KlSimDevice *other, GError **error)
{
    if (other == NULL)
        return FALSE;
    one->peer = other;
    other->peer = one;
    return kl_sim_device_link_peers(one, error);
}

gboolean
kl_sim_bus_add_roots(KlSimBus *bus, GError **error)
{
    KlSimDevice *high = put_hub(bus, "usb1", NULL, 0, FALSE, KL_SIM_BUS_ROOT_PORTS, KL_SIM_HUB_NONE, error);
    return high != NULL &&
           join_halves(high, put_hub(bus, "usb2", NULL, 0, TRUE, KL_SIM_BUS_ROOT_PORTS, KL_SIM_HUB_NONE, error), error);
}

static gboolean
put_both_halves(KlSimBus *bus, const char *path, KlSimDevice *parent, guint port, guint n_ports, KlSimHubPower power,
                gboolean usb3, GError **error)
{
    if (usb3 && parent->peer == NULL) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "the hub above %s has no SuperSpeed half", path);
        return FALSE;
    }
    KlSimDevice *hub = put_hub(bus, path, parent, port, FALSE, n_ports, power, error);
    if (hub == NULL || !usb3)
        return hub != NULL;
    g_autofree char *super_path = g_strconcat("2", path + 1, NULL);
    return join_halves(hub, put_hub(bus, super_path, parent->peer, port, TRUE, n_ports, power, error), error);
}

gboolean
kl_sim_bus_add_hub(KlSimBus *bus, const char *path, guint n_ports, KlSimHubPower power, gboolean usb3, GError **error)
{
    g_return_val_if_fail(n_ports >= 1 && n_ports <= KL_SIM_BUS_PORTS_MAX, FALSE);
    KlSimDevice *parent = NULL;
    guint port = 0;
    pthread_mutex_lock(&bus->lock);
    gboolean added = check_port(bus, path, &parent, &port, error) &&
                     put_both_halves(bus, path, parent, port, n_ports, power, usb3, error);
    pthread_mutex_unlock(&bus->lock);
    return added;
}

static gboolean
add_tty(KlSimBus *bus, KlSimDevice *device, guint interface, GError **error)
{
    KlSimTty *tty = kl_sim_tty_new(&bus->ttys, device, interface, error);
    if (tty == NULL)
        return FALSE;
    g_ptr_array_add(device->ttys, tty);
    kl_sim_tty_tell(tty, "add", bus->event_fd, &bus->seqnum);
    return TRUE;
}

static gint
compare_due(gconstpointer queued, gconstpointer added, gpointer unused)
{
    return ((const KlSimLateTty *)queued)->due_us <= ((const KlSimLateTty *)added)->due_us ? -1 : 1;
}

static void
add_late(KlSimBus *bus, const KlSimDevice *device, guint interface, gint64 due_us)
{
    KlSimLateTty *late = g_new0(KlSimLateTty, 1);
    late->due_us = due_us;
    late->path = g_strdup(device->path);
    late->number = device->number;
    late->interface = interface;
    g_queue_insert_sorted(&bus->late, late, compare_due, NULL);
    kl_sim_bus_wake(bus);
}

gint64
kl_sim_bus_make_late(KlSimBus *bus)
{
    for (;;) {
        KlSimLateTty *late = g_queue_peek_head(&bus->late);
        if (late == NULL)
            return -1;
        if (late->due_us > g_get_monotonic_time())
            return late->due_us;
        KlSimDevice *device = kl_sim_bus_find(bus, late->path);
        /* A pty that is gone by then makes no tty, like a device that does not answer its driver. */
        if (device != NULL && device->number == late->number)
            add_tty(bus, device, late->interface, NULL);
        kl_sim_late_tty_free(g_queue_pop_head(&bus->late));
    }
}

/* Which interface gets its tty as the i-th: it differs from one device to the next, so that numbers tell nothing. */
static const KlSimInterface *
pick_interface(const KlSimDevice *device, guint i)
{
    guint n = device->model->n_interfaces;
    guint at = device->plan.tty_delay_ms > 0 ? n - 1 - i : (i + device->number) % n;
    return &device->model->interfaces[at];
}

static gboolean
add_ttys(KlSimBus *bus, KlSimDevice *device, GError **error)
{
    gint64 due_us = g_get_monotonic_time() + (gint64)device->plan.tty_delay_ms * 1000;
    for (guint i = 0; i < device->model->n_interfaces; i++) {
        const KlSimInterface *interface = pick_interface(device, i);
        if (!interface->tty)
            continue;
        if (device->plan.tty_delay_ms > 0)
            add_late(bus, device, interface->number, due_us + i * LATE_STEP_US);
        else if (!add_tty(bus, device, interface->number, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
plug(KlSimBus *bus, const char *path, const KlSimBusDevice *plan, GError **error)
{
    KlSimDevice *parent = NULL;
    guint port = 0;
    if (!check_port(bus, path, &parent, &port, error))
        return FALSE;
    KlSimDevice *device = make_device(bus, kl_sim_model_of_kind(plan->kind), parent, path);
    device->plan = *plan;
    device->plan.pts = g_strdup(plan->pts);
    device->ttys = g_ptr_array_new_with_free_func((GDestroyNotify)kl_sim_tty_free);
    if (plan->vendor != 0) {
        device->vendor = plan->vendor;
        device->product = plan->product;
    }
    if (!put_on(bus, device, parent, port, error))
        return FALSE;
    if (plan->twice)
        kl_sim_device_announce(device, bus->event_fd, &bus->seqnum);
    if (add_ttys(bus, device, error))
        return TRUE;
    kl_sim_bus_take_off(bus, device);
    return FALSE;
}

gboolean
kl_sim_bus_plug(KlSimBus *bus, const char *path, const KlSimBusDevice *device, GError **error)
{
    pthread_mutex_lock(&bus->lock);
    gboolean plugged = plug(bus, path, device, error);
    pthread_mutex_unlock(&bus->lock);
    return plugged;
}

static void
take_ttys(KlSimBus *bus, KlSimDevice *device)
{
    for (guint i = 0; device->ttys != NULL && i < device->ttys->len; i++)
        kl_sim_tty_tell(device->ttys->pdata[i], "remove", bus->event_fd, &bus->seqnum);
    g_clear_pointer(&device->ttys, g_ptr_array_unref);
}

void
kl_sim_bus_take_off(KlSimBus *bus, KlSimDevice *device)
{
    guint number = 0;
    const KlSimDevice *parent = kl_sim_bus_find_parent(bus, device->path, &number);
    for (guint port = 1; port <= device->n_ports; port++) {
        g_autofree char *path = kl_sim_device_child(device, port);
        KlSimDevice *child = kl_sim_bus_find(bus, path);
        if (child != NULL)
            kl_sim_bus_take_off(bus, child);
    }
    if (device->peer != NULL) {
        KlSimDevice *peer = g_steal_pointer(&device->peer);
        peer->peer = NULL;
        kl_sim_bus_take_off(bus, peer);
    }
    take_ttys(bus, device);
    kl_sim_device_erase(device, parent, number);
    kl_sim_device_lament(device, bus->event_fd, &bus->seqnum);
    g_hash_table_remove(bus->devices, device->path);
}

void
kl_sim_bus_unplug(KlSimBus *bus, const char *path)
{
    pthread_mutex_lock(&bus->lock);
    KlSimDevice *device = path[0] == '1' ? kl_sim_bus_find(bus, path) : NULL;
    if (device != NULL) {
        gboolean is_hub = device->n_ports > 0;
        kl_sim_bus_take_off(bus, device);
        if (is_hub)
            kl_sim_bus_tell_watches(bus, path, KL_SIM_BUS_CUT);
    }
    pthread_mutex_unlock(&bus->lock);
}
