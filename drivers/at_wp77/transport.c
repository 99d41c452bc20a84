#include "drivers/at_wp77/transport.h"

#include <string.h>
#include <sys/stat.h>

#include "drivers/at_wp77/transport_fd.h"
#include "drivers/at_wp77/transport_serial.h"
#include "drivers/at_wp77/transport_usb.h"
#include "drivers/at_wp77/usb_place.h"
#include "station/error.h"

static const struct {
    const char *scheme;
    KlTransport *(*open)(const char *address, const char *where, const KlOp *op, GError **error);
} schemes[] = {
    {"serial:", kl_transport_open_serial},
    {"pty:", kl_transport_open_pty},
    {"tcp:", kl_transport_open_tcp},
    {"usb:", kl_transport_open_usb},
};

KlTransport *
kl_transport_open(const char *address, const KlOp *op, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++) {
        gsize length = strlen(schemes[i].scheme);
        if (strncmp(address, schemes[i].scheme, length) == 0 && address[length] != '\0')
            return schemes[i].open(address, address + length, op, error);
    }
    kl_fail(error, KL_ERROR_CONFIG_INVALID, "'%s' is not serial:DEVICE, pty:PATH, tcp:HOST:PORT or usb:PORTPATH",
            address);
    return NULL;
}

/* Two numbers into one, so that a change of either changes it. */
static guint64
mix(guint64 sum, guint64 value)
{
    sum ^= value + 0x9e3779b97f4a7c15u + (sum << 6) + (sum >> 2);
    return sum * 0xff51afd7ed558ccdu;
}

/* A link is a new one after every plugging in; a device node's own times change with every byte written to it. */
static guint64
path_plug(const char *path)
{
    struct stat own, target;
    if (lstat(path, &own) != 0 || stat(path, &target) != 0)
        return 0;
    guint64 plug = mix(mix(1, own.st_ino), target.st_rdev);
    if (S_ISLNK(own.st_mode))
        plug = mix(mix(plug, (guint64)own.st_mtim.tv_sec), (guint64)own.st_mtim.tv_nsec);
    return MAX(plug, 1);
}

/* A hub port counts as taken once the unit can be opened there. A unit in its boot loader never can: it counts at once.
 * The device's number comes round again after 127 devices, the tty's name at the next plugging in; the node is new. */
static guint64
usb_plug(const char *where)
{
    KlUsbAddress at;
    KlUsbPlace place;
    struct stat node;
    if (!kl_usb_address_parse(where, &at, NULL) || !kl_usb_place_look(KL_SYSFS, at.path, at.interface, &place))
        return 0;
    guint64 plug = mix(mix(1, place.bus), place.address);
    if (kl_usb_place_in_boot(&place))
        return MAX(plug, 1);
    g_autofree char *device = g_build_filename("/dev", place.tty, NULL);
    if (place.tty[0] == '\0' || lstat(device, &node) != 0 || !S_ISCHR(node.st_mode))
        return 0;
    plug = mix(mix(plug, g_str_hash(place.tty)), place.tty_device);
    plug = mix(mix(plug, node.st_dev), node.st_ino);
    return MAX(plug, 1);
}

guint64
kl_transport_plug(const char *address)
{
    const char *where = strchr(address, ':');
    if (where == NULL)
        return 0;
    where++;
    if (g_str_has_prefix(address, "tcp:"))
        return 1;
    return g_str_has_prefix(address, "usb:") ? usb_plug(where) : path_plug(where);
}
