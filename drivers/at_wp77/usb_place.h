/* What stands at a hub port, and which tty its AT commands are answered on, as sysfs shows it. Nothing is kept: every
 * look reads again. A hub port path is written as the kernel does: "1-1.4.2"; a root hub is "usb1". */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

#define KL_SYSFS "/sys"

#define KL_USB_PATH_SIZE 40 /* "255-" and KL_PORT_PATH_LEVELS numbers up to 255 */

#define KL_USB_SIERRA 0x1199
/* The AT port of a Sierra module: 0 is DM, 2 NMEA, 8 QMI (Linux: drivers/usb/serial/qcserial.c). */
#define KL_USB_SIERRA_AT 3

/* "1-1.4.2", or with the interface named: "1-1.4.2#3". */
typedef struct {
    char path[KL_USB_PATH_SIZE];
    int interface; /* -1: the one where AT commands are answered */
} KlUsbAddress;

/* Reads an address without its "usb:". CONFIG_INVALID. */
gboolean kl_usb_address_parse(const char *text, KlUsbAddress *address, GError **error);

typedef struct {
    guint16 vendor, product;
    guint bus, address; /* address: another one after every plugging in */
    guint8 device_class;
    guint interfaces; /* that show now; 0: none, or one of an unknown number */
    guint ports;      /* of a hub */
    char tty[32];     /* "ttyUSB2": the tty of the interface asked for; "" when there is none (yet) */
    guint interface;  /* with a tty: whose it is */
    dev_t tty_device; /* with a tty: its number */
} KlUsbPlace;

/* Looks at a place. interface: as in KlUsbAddress; -1 means interface 3 of a Sierra module, and of everything else the
 * lowest interface with a tty. sysfs: where it is mounted. FALSE when nothing is plugged in. */
gboolean kl_usb_place_look(const char *sysfs, const char *path, int interface, KlUsbPlace *place);

/* Whether it is a Sierra module with a single interface: in its boot loader, no tty for AT commands will come. */
gboolean kl_usb_place_in_boot(const KlUsbPlace *place);

G_END_DECLS
