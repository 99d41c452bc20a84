/* A rigged USB bus: an invented /sys, /dev and /run/udev in namespaces of this process, on which unmodified libusb 1.0
 * (udev back end) and libserialport find hubs, devices and ttys that come and go. Written from the public ABI of
 * sysfs, libudev's monitor and usbfs.
 *
 * Port paths are libusb's and sysfs's: "1-1" is port 1 of the USB 2 root hub, "1-1.4.2" port 2 of the hub on its
 * port 4. The root hubs usb1 (USB 2) and usb2 (SuperSpeed) have KL_SIM_BUS_ROOT_PORTS ports each. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KL_SIM_BUS_ROOT_PORTS 8
#define KL_SIM_BUS_PORTS_MAX 15
/* What FX30S units and cheap adapters all say, so that nothing can be told by it. */
#define KL_SIM_BUS_SERIAL "0123456789ABCDEF"

/* Moves this program into namespaces of its own (mount, network, and user when it is not root): call it first in main,
 * before there are threads and before g_test_init. It runs the program once more, with the preload library that answers
 * what ptys and plain files can't, and returns TRUE in that second run. Programs started from inside are inside too.
 * There is no network but the loopback interface, and not even root may open what its mode forbids (CAP_DAC_OVERRIDE is
 * given up, so that "permission denied" can be tested by anyone). FALSE with a G_IO_ERROR where namespaces can't be
 * had: a test then fails. */
gboolean kl_sim_bus_enter(char **argv, GError **error);

typedef struct KlSimBus KlSimBus;

/* Only inside (see kl_sim_bus_enter), one at a time. It has the two root hubs. Every function on it may be called from
 * any thread. A G_IO_ERROR. */
KlSimBus *kl_sim_bus_new(GError **error);

/* Takes everything off the bus, announced as ever, and frees it. Units must be gone. */
void kl_sim_bus_free(KlSimBus *bus);

typedef enum {
    KL_SIM_HUB_NONE,     /* its descriptor says that it has no power switching */
    KL_SIM_HUB_GANGED,   /* power goes when it is off on all ports */
    KL_SIM_HUB_PER_PORT, /* power goes when it is off on the port: on both halves of a USB 3 hub */
    KL_SIM_HUB_PRETEND,  /* says per port, but nothing is switched: a device leaves the bus and keeps its power */
} KlSimHubPower;

/* Puts a hub on a free port. usb3: also its SuperSpeed half ("2-1.4" for "1-1.4"); the hub above must have one too. A
 * G_IO_ERROR: NOT_FOUND (no such port), EXISTS (something is on it). */
gboolean kl_sim_bus_add_hub(KlSimBus *bus, const char *path, guint n_ports, KlSimHubPower power, gboolean usb3,
                            GError **error);

typedef enum {
    KL_SIM_MODULE,      /* 1199:68c0; ttys of qcserial on interfaces 0, 2 and 3, none on 8; 3 is the AT port */
    KL_SIM_MODULE_BOOT, /* 1199:68c0 with a single interface and no tty */
    KL_SIM_FTDI,        /* 0403:6001; a tty on interface 0 */
    KL_SIM_CP210X,      /* 10c4:ea60; a tty on interface 0 */
} KlSimBusKind;

/* What to plug in. Zero or NULL means what is said last. */
typedef struct {
    KlSimBusKind kind;
    guint16 vendor; /* with product: other ids; the kind's */
    guint16 product;
    const char *pts; /* "/dev/pts/7": the slave behind the tty that answers (interface 3 of a module); a silent pty */
    guint tty_delay_ms; /* the ttys come that late, one by one and in reverse order; at once */
    gboolean twice;     /* the arrival is announced twice */
    gboolean no_access; /* the ttys have mode 0000; 0660 */
} KlSimBusDevice;

/* Plugs a device into a free port of a hub. Its ttys get the lowest free ttyUSBn, not in the order of interfaces;
 * opening interface 0 of a module fails with EINVAL. Arrival is announced before the ttys are. The node of a tty,
 * /dev/ttyUSBn, is a new inode each time, and its sysfs `dev` is what fstat(2) of the open port says (st_rdev). A
 * G_IO_ERROR: NOT_FOUND (no such port), EXISTS (something is on it), NOT_CONNECTED (the port's power is off). */
gboolean kl_sim_bus_plug(KlSimBus *bus, const char *path, const KlSimBusDevice *device, GError **error);

/* Takes off what is on the port, with all below it; does nothing when the port is empty. Silent ptys hang up; a `pts`
 * that was given does when its owner closes the master, which is to be after this. A place where a simulated unit lives
 * (KlSimOptions.places) is for kl_sim_unplug; a hub above it may be taken off here: the unit loses power and comes back
 * when the hub does. */
void kl_sim_bus_unplug(KlSimBus *bus, const char *path);

/* The name ("ttyUSB3") of the tty on this interface of the device on this port, or NULL. Free it. */
char *kl_sim_bus_tty(KlSimBus *bus, const char *path, guint interface);

/* The number of the device on the port ("005" of /dev/bus/usb/001/005 as 5), a new one each time; 0: the port is empty.
 */
guint kl_sim_bus_number(KlSimBus *bus, const char *path);

/* Whether the port has power. */
gboolean kl_sim_bus_powered(KlSimBus *bus, const char *path);

/* What happened to whatever is plugged in at a place by somebody who watches it. */
typedef enum {
    KL_SIM_BUS_NOTHING,
    KL_SIM_BUS_TAKEN, /* it was taken off the bus */
    KL_SIM_BUS_CUT,   /* it was taken off the bus and lost its power */
} KlSimBusEvent;

/* Watches a place, for one who plugs in there: when a hub above is taken off or the port's power is switched off,
 * event_fd (an eventfd, borrowed until it is replaced) becomes readable. -1: no longer. */
void kl_sim_bus_watch(KlSimBus *bus, const char *path, int event_fd);

/* The worst that happened since the last call. */
KlSimBusEvent kl_sim_bus_happened(KlSimBus *bus, const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSimBus, kl_sim_bus_free)

G_END_DECLS
