/* Contract: the USB bus of the station: what is plugged in where, told when it changes, and the power of hub ports.
 * A place on the bus is a hub port path as the kernel writes it: "1-1.4.2" (bus 1, root port 1, port 4 of the hub
 * there, port 2 of the hub there). Safe from several threads. Implemented in drivers/. */
#pragma once

#include "station/op.h"

G_BEGIN_DECLS

typedef enum {
    KL_USB_OTHER,   /* nothing of ours */
    KL_USB_HUB,     /* ports is set */
    KL_USB_MODULE,  /* a module by its own USB */
    KL_USB_ADAPTER, /* a USB-serial adapter, behind which a unit may answer */
    KL_USB_BOOT,    /* a module with a single interface: it is in its boot loader */
} KlUsbKind;

/* What stands at one place. Self-contained. */
typedef struct {
    char *path; /* "1-1.4.2"; a root hub is "usb1" */
    guint16 vendor, product;
    guint bus, address; /* as libusb numbers them: another address after every plugging in */
    KlUsbKind kind;
    char *title;         /* for people: "WP77 module", "FTDI adapter", "hub" */
    guint ports;         /* of a hub */
    char *tty;           /* "/dev/ttyUSB2": where the unit's AT commands are answered; NULL: none (yet) */
    const char *trouble; /* name of the error that opening it would meet (PORT_DENIED, PORT_MODEM_MANAGER,
                      UNIT_BOOT_MODE), or NULL. Static */
    char *detail;        /* technical words on the trouble, or NULL */
} KlUsbDevice;

void kl_usb_device_free(KlUsbDevice *device);

/* How a hub switches the power of its ports. */
typedef enum {
    KL_PORT_POWER_NONE,   /* it does not */
    KL_PORT_POWER_GANGED, /* all ports at once: no way to restart one unit */
    KL_PORT_POWER_EACH,
} KlPortPower;

/* Something changed on the bus. Called on the bus's own thread: hand it on and return. */
typedef void (*KlBusWatch)(gpointer data);

typedef struct KlBus KlBus;

typedef struct {
    /* Everything on the bus: KlUsbDevice array, hubs before what hangs on them, in the order of ports. BUS_FAILED. */
    GPtrArray *(*devices)(KlBus *bus, GError **error);

    /* Calls watch after every arrival and departure from now on, as long as the bus lives or until another one is set;
     * NULL: nobody. Once it has returned, the watch before is not called any more. */
    void (*watch)(KlBus *bus, KlBusWatch watch, gpointer data);

    /* How the hub above that place switches its ports' power. BUS_FAILED; PORT_MISSING when there is no such hub. */
    gboolean (*port_power)(KlBus *bus, const char *path, KlPortPower *power, GError **error);

    /* Takes the power off that place for off_ms and gives it back, by the hub's own control requests, both halves of a
     * USB 3 hub. POWER_FIXED when the hub can't do that for one port alone; BUS_FAILED; CANCELLED (the power is back);
     * POWER_STUCK whatever else went wrong, when the power could not be given back. */
    gboolean (*power_cycle)(KlBus *bus, const char *path, guint off_ms, KlOp *op, GError **error);

    /* Gives that place its power, which a power cycle may not have got to do: its program was killed. Harmless to what
     * has power; nothing is done where the hub does not switch each port. BUS_FAILED; PORT_MISSING; POWER_STUCK. */
    gboolean (*power_on)(KlBus *bus, const char *path, GError **error);

    void (*free)(KlBus *bus);
} KlBusClass;

struct KlBus {
    const KlBusClass *klass;
};

/* The place that an address names ("usb:1-1.4.2", "usb:1-1.4.2#3"), or NULL. The caller frees. */
char *kl_bus_place(const char *address);

static inline void
kl_bus_free(KlBus *bus)
{
    bus->klass->free(bus);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlUsbDevice, kl_usb_device_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlBus, kl_bus_free)

G_END_DECLS
