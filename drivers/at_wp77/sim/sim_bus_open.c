#include <gio/gio.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_bus_private.h"
#include "drivers/at_wp77/sim/sim_bus_tree.h"

static const char *const folders[] = {
    "/sys/bus/usb/devices",
    "/sys/bus/usb/drivers/usb",
    "/sys/bus/usb/drivers/hub",
    "/sys/bus/usb/drivers/qcserial",
    "/sys/bus/usb/drivers/ftdi_sio",
    "/sys/bus/usb/drivers/cp210x",
    "/sys/bus/usb-serial/devices",
    "/sys/bus/usb-serial/drivers/qcserial",
    "/sys/bus/usb-serial/drivers/ftdi_sio",
    "/sys/bus/usb-serial/drivers/cp210x",
    "/sys/class/tty",
    "/sys/dev/char",
    "/sys/devices",
};

static gboolean
make_folders(GError **error)
{
    KlSimTree tree = {0};
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++)
        kl_sim_tree_folder(&tree, folders[i]);
    return kl_sim_tree_finish(&tree, error);
}

KlSimBus *
kl_sim_bus_new(GError **error)
{
    g_autoptr(KlSimBus) bus = g_new0(KlSimBus, 1);
    pthread_mutex_init(&bus->lock, NULL);
    bus->devices = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)kl_sim_device_free);
    bus->watches = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_queue_init(&bus->late);
    kl_sim_ttys_init(&bus->ttys);
    bus->listener = -1;
    bus->wake_fd = -1;
    bus->event_fd = kl_sim_event_open(error);
    if (bus->event_fd < 0 || !kl_sim_bus_listen(bus, error) || !make_folders(error) ||
        !kl_sim_bus_add_roots(bus, error) || !kl_sim_bus_serve(bus, error))
        return NULL;
    return g_steal_pointer(&bus);
}

void
kl_sim_bus_free(KlSimBus *bus)
{
    kl_sim_bus_stop_serving(bus);
    for (guint i = 1; i <= KL_SIM_BUSES; i++) {
        g_autofree char *root = g_strdup_printf("usb%u", i);
        KlSimDevice *device = kl_sim_bus_find(bus, root);
        if (device != NULL)
            kl_sim_bus_take_off(bus, device);
    }
    g_hash_table_unref(bus->devices);
    g_hash_table_unref(bus->watches);
    g_queue_clear_full(&bus->late, (GDestroyNotify)kl_sim_late_tty_free);
    kl_sim_ttys_clear(&bus->ttys);
    if (bus->event_fd >= 0)
        close(bus->event_fd);
    pthread_mutex_destroy(&bus->lock);
    g_free(bus);
}
