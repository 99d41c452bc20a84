/* Kernel device events as udev passes them on to libudev's monitors: netlink multicast, group 2. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A socket for kl_sim_event_send, to be closed by the caller; -1 with a G_IO_ERROR. */
int kl_sim_event_open(GError **error);

typedef struct {
    const char *action;    /* "add" or "remove" */
    const char *subsystem; /* "usb", "tty" */
    const char *devtype;   /* "usb_device", "usb_interface" or NULL */
    const char *sysfs;     /* "/sys/devices/..." */
    const char *uevent;    /* the device's uevent attribute, "KEY=VALUE" lines */
    guint64 seqnum;
} KlSimEvent;

/* Sends it to whoever listens. What a listener has no room for it loses, as with udev. */
void kl_sim_event_send(int fd, const KlSimEvent *event);

G_END_DECLS
