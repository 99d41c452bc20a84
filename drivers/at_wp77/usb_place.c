#include "drivers/at_wp77/usb_place.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "station/error.h"
#include "station/port_path.h"

#define CLASS_HUB 9

/* Everything is opened relative to the folder of the device: when the device goes in the middle of it, its files fail
 * instead of showing the next one. */
typedef DIR Dir;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dir, closedir)

gboolean
kl_usb_address_parse(const char *text, KlUsbAddress *address, GError **error)
{
    const char *mark = strchr(text, '#');
    gsize length = mark != NULL ? (gsize)(mark - text) : strlen(text);
    guint64 interface = 0;
    gboolean good = length < sizeof address->path;
    g_strlcpy(address->path, text, MIN(length + 1, sizeof address->path));
    good = good && kl_port_path_is_port(address->path) &&
           (mark == NULL || g_ascii_string_to_unsigned(mark + 1, 10, 0, 255, &interface, NULL));
    address->interface = mark != NULL ? (int)interface : -1;
    return good || kl_fail(error, KL_ERROR_CONFIG_INVALID,
                           "usb:%s is not a hub port, such as usb:1-1.4.2 (or usb:1-1.4.2#3: interface 3)", text);
}

static Dir *
open_folder(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    Dir *dir = fdopendir(fd);
    if (dir == NULL)
        close(fd);
    return dir;
}

/* Reads a small file, without the spaces around. */
static gboolean
read_text(const Dir *dir, const char *name, char *text, gsize size)
{
    int fd = openat(dirfd((Dir *)dir), name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FALSE;
    ssize_t length = read(fd, text, size - 1);
    close(fd);
    if (length < 0)
        return FALSE;
    text[length] = '\0';
    g_strstrip(text);
    return TRUE;
}

static gboolean
read_number(const Dir *dir, const char *name, guint base, guint max, guint *value)
{
    char text[32];
    guint64 number = 0;
    if (!read_text(dir, name, text, sizeof text) || !g_ascii_string_to_unsigned(text, base, 0, max, &number, NULL))
        return FALSE;
    *value = (guint)number;
    return TRUE;
}

/* Entries of sysfs become paths below /dev. */
static gboolean
is_tty_name(const char *name)
{
    gsize length = strlen(name);
    return g_str_has_prefix(name, "tty") && length > 3 && length < sizeof((KlUsbPlace *)NULL)->tty &&
           strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_") == length;
}

/* ttyUSB9 before ttyUSB10 */
static gboolean
comes_before(const char *a, const char *b)
{
    gsize a_length = strlen(a);
    gsize b_length = strlen(b);
    return a_length != b_length ? a_length < b_length : strcmp(a, b) < 0;
}

/* Reads "MAJOR:MINOR". */
static gboolean
read_device(const Dir *dir, const char *file, dev_t *device)
{
    char text[32];
    guint64 numbers[2];
    if (!read_text(dir, file, text, sizeof text))
        return FALSE;
    char *colon = strchr(text, ':');
    if (colon == NULL)
        return FALSE;
    *colon = '\0';
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT, &numbers[0], NULL) ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT, &numbers[1], NULL))
        return FALSE;
    *device = makedev((guint)numbers[0], (guint)numbers[1]);
    return TRUE;
}

/* Takes the tty of a folder that lists ttys, unless place has one that comes before. */
static void
take_tty(Dir *dir, KlUsbPlace *place)
{
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (!is_tty_name(entry->d_name) || (place->tty[0] != '\0' && !comes_before(entry->d_name, place->tty)))
            continue;
        g_autofree char *file = g_build_filename(entry->d_name, "dev", NULL);
        if (read_device(dir, file, &place->tty_device))
            g_strlcpy(place->tty, entry->d_name, sizeof place->tty);
    }
}

/* The ttys of an interface: .../ttyUSB2/tty/ttyUSB2 as usb-serial makes them, .../tty/ttyACM0 as cdc-acm does. */
static void
find_tty(Dir *interface, KlUsbPlace *place)
{
    for (const struct dirent *entry = readdir(interface); entry != NULL; entry = readdir(interface)) {
        if (strcmp(entry->d_name, "tty") != 0 && !is_tty_name(entry->d_name))
            continue;
        g_autofree char *folder =
            g_build_filename(entry->d_name, strcmp(entry->d_name, "tty") == 0 ? NULL : "tty", NULL);
        g_autoptr(Dir) ttys = open_folder(dirfd(interface), folder);
        if (ttys != NULL)
            take_tty(ttys, place);
    }
}

/* Goes through the interfaces (folders PATH:CONFIGURATION.NUMBER) for the tty, and counts them. */
static void
look_at_interfaces(Dir *device, const char *path, int interface, KlUsbPlace *place)
{
    g_autofree char *prefix = g_strconcat(path, ":", NULL);
    guint best = G_MAXUINT;
    for (const struct dirent *entry = readdir(device); entry != NULL; entry = readdir(device)) {
        KlUsbPlace found = {0};
        guint number = 0;
        if (!g_str_has_prefix(entry->d_name, prefix))
            continue;
        place->interfaces++;
        if (interface >= 0 && place->tty[0] != '\0')
            continue;
        g_autofree char *file = g_build_filename(entry->d_name, "bInterfaceNumber", NULL);
        if (!read_number(device, file, 16, 255, &number) || number >= best ||
            (interface >= 0 && number != (guint)interface))
            continue;
        g_autoptr(Dir) folder = open_folder(dirfd(device), entry->d_name);
        if (folder != NULL)
            find_tty(folder, &found);
        if (found.tty[0] == '\0')
            continue;
        best = place->interface = number;
        memcpy(place->tty, found.tty, sizeof place->tty);
        place->tty_device = found.tty_device;
    }
}

gboolean
kl_usb_place_look(const char *sysfs, const char *path, int interface, KlUsbPlace *place)
{
    g_autofree char *folder = g_build_filename(sysfs, "bus", "usb", "devices", path, NULL);
    g_autoptr(Dir) device = open_folder(AT_FDCWD, folder);
    guint vendor = 0;
    guint product = 0;
    guint device_class = 0;
    *place = (KlUsbPlace){0};
    if (device == NULL || !read_number(device, "idVendor", 16, G_MAXUINT16, &vendor) ||
        !read_number(device, "idProduct", 16, G_MAXUINT16, &product) ||
        !read_number(device, "busnum", 10, G_MAXINT, &place->bus) ||
        !read_number(device, "devnum", 10, G_MAXINT, &place->address) ||
        !read_number(device, "bDeviceClass", 16, G_MAXUINT8, &device_class))
        return FALSE;
    place->vendor = (guint16)vendor;
    place->product = (guint16)product;
    place->device_class = (guint8)device_class;
    if (device_class == CLASS_HUB)
        read_number(device, "maxchild", 10, 255, &place->ports);
    if (interface < 0 && vendor == KL_USB_SIERRA)
        interface = KL_USB_SIERRA_AT;
    look_at_interfaces(device, path, interface, place);
    /* One without a tty: all there is, or the first that comes, or the last that goes. The kernel knows, but it lets
     * nobody read that while it waits for an answer of the device, and says nothing of a device that is going (Linux:
     * drivers/usb/core/sysfs.c, usb_actconfig_show). Who looks at many places must not have to wait for one that hangs,
     * so what has a tty is not asked. */
    if (place->interfaces == 1 && place->tty[0] == '\0' &&
        !read_number(device, "bNumInterfaces", 10, 255, &place->interfaces))
        place->interfaces = 0;
    return TRUE;
}

gboolean
kl_usb_place_in_boot(const KlUsbPlace *place)
{
    return place->vendor == KL_USB_SIERRA && place->interfaces == 1 && place->tty[0] == '\0';
}
