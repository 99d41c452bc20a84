/* One device on the rigged bus, hubs included, and its folder in the invented sysfs. */
#pragma once

#include "drivers/at_wp77/sim/sim_bus_event.h"
#include "drivers/at_wp77/sim/sim_bus_model.h"

G_BEGIN_DECLS

typedef struct KlSimDevice KlSimDevice;

struct KlSimDevice {
    const KlSimModel *model;
    char *path;  /* "1-1.4"; of a root hub "usb1" */
    char *sysfs; /* "/sys/devices/.../1-1.4" */
    char *node;  /* "/dev/bus/usb/001/005" */
    guint bus;
    guint number; /* on the bus: BBB and DDD of the node */
    guint16 vendor;
    guint16 product;

    guint n_ports; /* of a hub, 0 otherwise */
    KlSimHubPower power;
    guint32 ports_on;  /* bit n: port n has not been switched off on this half */
    KlSimDevice *peer; /* the other half of a USB 3 hub, or NULL */

    KlSimBusDevice plan; /* of what is no hub; pts is owned */
    GPtrArray *ttys;     /* of KlSimTty */
};

void kl_sim_device_free(KlSimDevice *device);

gboolean kl_sim_device_is_root(const KlSimDevice *device);
gboolean kl_sim_device_is_super(const KlSimDevice *device);

/* "1-1.4" of port 4 of 1-1, "1-3" of port 3 of usb1. The caller frees it. */
char *kl_sim_device_child(const KlSimDevice *hub, guint port);

/* The folder of an interface: ".../1-1.4:1.0", ".../1-0:1.0" of usb1. The caller frees it. */
char *kl_sim_device_interface(const KlSimDevice *device, guint number);

/* Writes the device's folder, interfaces and node; what enumeration goes by comes last. The parent is NULL for a root
 * hub; port is the parent's. A G_IO_ERROR. */
gboolean kl_sim_device_write(const KlSimDevice *device, const KlSimDevice *parent, guint port, GError **error);

/* Links the ports of both halves of a USB 3 hub with each other. A G_IO_ERROR. */
gboolean kl_sim_device_link_peers(const KlSimDevice *hub, GError **error);

/* Removes what kl_sim_device_write has made. */
void kl_sim_device_erase(const KlSimDevice *device, const KlSimDevice *parent, guint port);

/* Tells of the device and its interfaces, or of its interfaces and it. */
void kl_sim_device_announce(const KlSimDevice *device, int event_fd, guint64 *seqnum);
void kl_sim_device_lament(const KlSimDevice *device, int event_fd, guint64 *seqnum);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSimDevice, kl_sim_device_free)

G_END_DECLS
