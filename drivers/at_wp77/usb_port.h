/* Ports of hubs, by name and in sysfs. */
#pragma once

#include "drivers/at_wp77/usb_place.h"

G_BEGIN_DECLS

typedef struct {
    char hub[KL_USB_PATH_SIZE]; /* "1-1.4", "usb1" */
    guint number;
} KlUsbPort;

/* The hub port that a path names: "1-1.4.2" is port 2 of "1-1.4", "1-1" port 1 of "usb1". CONFIG_INVALID. */
gboolean kl_usb_port_of(const char *path, KlUsbPort *port, GError **error);

/* The other half of a USB 3 hub's port, where sysfs links them. FALSE when there is none. */
gboolean kl_usb_port_peer(const char *sysfs, const KlUsbPort *port, KlUsbPort *peer);

G_END_DECLS
