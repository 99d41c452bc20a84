#include "drivers/at_wp77/sim/sim_bus_device.h"

#include <string.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_bus_tree.h"

#define DEVICES "/sys/bus/usb/devices"
#define DRIVERS "/sys/bus/usb/drivers"
#define USB_MAJOR 189
#define USB_MINORS 128 /* of a bus */

void
kl_sim_device_free(KlSimDevice *device)
{
    g_free(device->path);
    g_free(device->sysfs);
    g_free(device->node);
    g_free((char *)device->plan.pts);
    g_clear_pointer(&device->ttys, g_ptr_array_unref);
    g_free(device);
}

gboolean
kl_sim_device_is_root(const KlSimDevice *device)
{
    return device->path[0] == 'u';
}

gboolean
kl_sim_device_is_super(const KlSimDevice *device)
{
    return device->model->speed == KL_SIM_SPEED_SUPER;
}

char *
kl_sim_device_child(const KlSimDevice *hub, guint port)
{
    return kl_sim_device_is_root(hub) ? g_strdup_printf("%u-%u", hub->bus, port)
                                      : g_strdup_printf("%s.%u", hub->path, port);
}

static char *
interface_name(const KlSimDevice *device, guint number)
{
    return kl_sim_device_is_root(device) ? g_strdup_printf("%u-0:1.%u", device->bus, number)
                                         : g_strdup_printf("%s:1.%u", device->path, number);
}

char *
kl_sim_device_interface(const KlSimDevice *device, guint number)
{
    g_autofree char *name = interface_name(device, number);
    return g_build_filename(device->sysfs, name, NULL);
}

static char *
port_folder(const KlSimDevice *hub, guint port)
{
    g_autofree char *interface = kl_sim_device_interface(hub, 0);
    return g_strdup_printf("%s/%s-port%u", interface, hub->path, port);
}

static guint
minor_number(const KlSimDevice *device)
{
    return (device->bus - 1) * USB_MINORS + device->number - 1;
}

static char *
device_uevent(const KlSimDevice *device)
{
    return g_strdup_printf("MAJOR=%d\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=usb_device\nDRIVER=usb\nPRODUCT=%x/%x/%x\n"
                           "TYPE=%u/0/%u\nBUSNUM=%03u\nDEVNUM=%03u",
                           USB_MAJOR, minor_number(device), device->node + strlen("/dev/"), device->vendor,
                           device->product, device->model->release, device->model->class_code, device->model->protocol,
                           device->bus, device->number);
}

static char *
interface_modalias(const KlSimDevice *device, const KlSimInterface *interface)
{
    const KlSimModel *model = device->model;
    return g_strdup_printf("usb:v%04Xp%04Xd%04Xdc%02Xdsc00dp%02Xic%02Xisc00ip00in%02X", device->vendor, device->product,
                           model->release, model->class_code, model->protocol, interface->class_code,
                           interface->number);
}

static char *
interface_uevent(const KlSimDevice *device, const KlSimInterface *interface)
{
    const KlSimModel *model = device->model;
    g_autofree char *modalias = interface_modalias(device, interface);
    g_autofree char *driver = model->driver != NULL ? g_strdup_printf("DRIVER=%s\n", model->driver) : g_strdup("");
    return g_strdup_printf("DEVTYPE=usb_interface\n%sPRODUCT=%x/%x/%x\nTYPE=%u/0/%u\nINTERFACE=%u/0/0\nMODALIAS=%s",
                           driver, device->vendor, device->product, model->release, model->class_code, model->protocol,
                           interface->class_code, modalias);
}

static void
write_interface(KlSimTree *tree, const KlSimDevice *device, const KlSimInterface *interface)
{
    g_autofree char *dir = kl_sim_device_interface(device, interface->number);
    g_autofree char *uevent = interface_uevent(device, interface);
    g_autofree char *modalias = interface_modalias(device, interface);
    kl_sim_tree_folder(tree, dir);
    kl_sim_tree_write(tree, dir, "bInterfaceNumber", "%02x", interface->number);
    kl_sim_tree_write(tree, dir, "bAlternateSetting", " 0");
    kl_sim_tree_write(tree, dir, "bNumEndpoints", "%02x", interface->endpoints);
    kl_sim_tree_write(tree, dir, "bInterfaceClass", "%02x", interface->class_code);
    kl_sim_tree_write(tree, dir, "bInterfaceSubClass", "00");
    kl_sim_tree_write(tree, dir, "bInterfaceProtocol", "00");
    kl_sim_tree_write(tree, dir, "modalias", "%s", modalias);
    kl_sim_tree_write(tree, dir, "uevent", "%s", uevent);
    kl_sim_tree_link(tree, dir, "subsystem", "/sys/bus/usb");
    if (device->model->driver != NULL) {
        g_autofree char *driver = g_build_filename(DRIVERS, device->model->driver, NULL);
        kl_sim_tree_link(tree, dir, "driver", driver);
    }
}

/* devpath: the port numbers from the root hub on; "0" for a root hub itself. */
static const char *
devpath(const KlSimDevice *device)
{
    return kl_sim_device_is_root(device) ? "0" : strchr(device->path, '-') + 1;
}

static void
write_numbers(KlSimTree *tree, const KlSimDevice *device)
{
    const char *dir = device->sysfs;
    const KlSimModel *model = device->model;
    guint16 usb = kl_sim_model_usb(model);
    kl_sim_tree_write(tree, dir, "idVendor", "%04x", device->vendor);
    kl_sim_tree_write(tree, dir, "idProduct", "%04x", device->product);
    kl_sim_tree_write(tree, dir, "bcdDevice", "%04x", model->release);
    kl_sim_tree_write(tree, dir, "version", "%2x.%02x", usb >> 8, usb & 0xff);
    kl_sim_tree_write(tree, dir, "busnum", "%u", device->bus);
    kl_sim_tree_write(tree, dir, "devnum", "%u", device->number);
    kl_sim_tree_write(tree, dir, "devpath", "%s", devpath(device));
    kl_sim_tree_write(tree, dir, "dev", "%d:%u", USB_MAJOR, minor_number(device));
    kl_sim_tree_write(tree, dir, "speed", "%s", kl_sim_model_speed(model));
    kl_sim_tree_write(tree, dir, "maxchild", "%u", device->n_ports);
    kl_sim_tree_write(tree, dir, "bDeviceClass", "%02x", model->class_code);
    kl_sim_tree_write(tree, dir, "bDeviceSubClass", "00");
    kl_sim_tree_write(tree, dir, "bDeviceProtocol", "%02x", model->protocol);
    kl_sim_tree_write(tree, dir, "bMaxPacketSize0", "%d", kl_sim_device_is_super(device) ? 9 : 64);
    kl_sim_tree_write(tree, dir, "bNumConfigurations", "1");
    kl_sim_tree_write(tree, dir, "bConfigurationValue", "1");
    kl_sim_tree_write(tree, dir, "bNumInterfaces", "%2u", model->n_interfaces);
    kl_sim_tree_write(tree, dir, "bmAttributes", "e0");
    kl_sim_tree_write(tree, dir, "bMaxPower", "%dmA", kl_sim_device_is_super(device) ? 496 : 500);
    kl_sim_tree_write(tree, dir, "authorized", "1");
}

static void
write_device(KlSimTree *tree, const KlSimDevice *device)
{
    const char *dir = device->sysfs;
    g_autofree char *uevent = device_uevent(device);
    g_autofree char *path = g_build_filename(dir, "descriptors", NULL);
    g_autoptr(GByteArray) descriptors = kl_sim_model_descriptors(device->model, device->vendor, device->product);
    kl_sim_tree_folder(tree, dir);
    write_numbers(tree, device);
    kl_sim_tree_write(tree, dir, "manufacturer", "%s", device->model->manufacturer);
    kl_sim_tree_write(tree, dir, "product", "%s", device->model->name);
    kl_sim_tree_write(tree, dir, "serial", "%s", KL_SIM_BUS_SERIAL);
    kl_sim_tree_write(tree, dir, "uevent", "%s", uevent);
    kl_sim_tree_write_bytes(tree, path, descriptors->data, descriptors->len);
    kl_sim_tree_link(tree, dir, "subsystem", "/sys/bus/usb");
    kl_sim_tree_link(tree, dir, "driver", DRIVERS "/usb");
    for (guint i = 0; i < device->model->n_interfaces; i++)
        write_interface(tree, device, &device->model->interfaces[i]);
    for (guint port = 1; port <= device->n_ports; port++) {
        g_autofree char *folder = port_folder(device, port);
        kl_sim_tree_folder(tree, folder);
        kl_sim_tree_write(tree, folder, "connect_type", "hotplug");
    }
}

/* Enumeration and hotplug go by the links below /sys/bus. */
static void
publish(KlSimTree *tree, const KlSimDevice *device, const KlSimDevice *parent, guint port)
{
    g_autofree char *number = g_strdup_printf("%d:%u", USB_MAJOR, minor_number(device));
    g_autofree char *node_dir = g_path_get_dirname(device->node);
    kl_sim_tree_folder(tree, node_dir);
    kl_sim_tree_fifo(tree, device->node, 0664);
    kl_sim_tree_link(tree, "/sys/dev/char", number, device->sysfs);
    if (parent != NULL) {
        g_autofree char *folder = port_folder(parent, port);
        kl_sim_tree_link(tree, folder, "device", device->sysfs);
        kl_sim_tree_link(tree, device->sysfs, "port", folder);
    }
    for (guint i = 0; i < device->model->n_interfaces; i++) {
        g_autofree char *name = interface_name(device, device->model->interfaces[i].number);
        g_autofree char *dir = g_build_filename(device->sysfs, name, NULL);
        kl_sim_tree_link(tree, DEVICES, name, dir);
    }
    kl_sim_tree_link(tree, DEVICES, device->path, device->sysfs);
}

gboolean
kl_sim_device_write(const KlSimDevice *device, const KlSimDevice *parent, guint port, GError **error)
{
    KlSimTree tree = {0};
    write_device(&tree, device);
    publish(&tree, device, parent, port);
    return kl_sim_tree_finish(&tree, error);
}

gboolean
kl_sim_device_link_peers(const KlSimDevice *hub, GError **error)
{
    KlSimTree tree = {0};
    for (guint port = 1; port <= hub->n_ports; port++) {
        g_autofree char *one = port_folder(hub, port);
        g_autofree char *other = port_folder(hub->peer, port);
        kl_sim_tree_link(&tree, one, "peer", other);
        kl_sim_tree_link(&tree, other, "peer", one);
    }
    return kl_sim_tree_finish(&tree, error);
}

static void
unlink_in(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    unlink(path);
}

void
kl_sim_device_erase(const KlSimDevice *device, const KlSimDevice *parent, guint port)
{
    g_autofree char *number = g_strdup_printf("%d:%u", USB_MAJOR, minor_number(device));
    unlink_in(DEVICES, device->path);
    for (guint i = 0; i < device->model->n_interfaces; i++) {
        g_autofree char *name = interface_name(device, device->model->interfaces[i].number);
        unlink_in(DEVICES, name);
    }
    if (parent != NULL) {
        g_autofree char *folder = port_folder(parent, port);
        unlink_in(folder, "device");
    }
    unlink_in("/sys/dev/char", number);
    unlink(device->node);
    kl_sim_tree_remove(device->sysfs);
}

static void
tell_device(const KlSimDevice *device, const char *action, int event_fd, guint64 *seqnum)
{
    g_autofree char *uevent = device_uevent(device);
    const KlSimEvent event = {action, "usb", "usb_device", device->sysfs, uevent, ++*seqnum};
    kl_sim_event_send(event_fd, &event);
}

static void
tell_interface(const KlSimDevice *device, guint index, const char *action, int event_fd, guint64 *seqnum)
{
    const KlSimInterface *interface = &device->model->interfaces[index];
    g_autofree char *uevent = interface_uevent(device, interface);
    g_autofree char *sysfs = kl_sim_device_interface(device, interface->number);
    const KlSimEvent event = {action, "usb", "usb_interface", sysfs, uevent, ++*seqnum};
    kl_sim_event_send(event_fd, &event);
}

void
kl_sim_device_announce(const KlSimDevice *device, int event_fd, guint64 *seqnum)
{
    tell_device(device, "add", event_fd, seqnum);
    for (guint i = 0; i < device->model->n_interfaces; i++)
        tell_interface(device, i, "add", event_fd, seqnum);
}

void
kl_sim_device_lament(const KlSimDevice *device, int event_fd, guint64 *seqnum)
{
    for (guint i = device->model->n_interfaces; i > 0; i--)
        tell_interface(device, i - 1, "remove", event_fd, seqnum);
    tell_device(device, "remove", event_fd, seqnum);
}
