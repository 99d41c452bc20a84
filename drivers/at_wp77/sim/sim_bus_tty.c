#include "drivers/at_wp77/sim/sim_bus_tty.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_bus_tree.h"
#include "drivers/at_wp77/sim/sim_preload.h"

#define SERIAL_DRIVERS "/sys/bus/usb-serial/drivers"

void
kl_sim_ttys_init(KlSimTtys *ttys)
{
    *ttys = (KlSimTtys){0};
    for (guint i = 0; i < KL_SIM_TTYS_RETIRED; i++)
        ttys->retired[i] = -1;
}

static void
retire(KlSimTtys *ttys, int fd)
{
    int *place = &ttys->retired[ttys->next++ % KL_SIM_TTYS_RETIRED];
    if (*place >= 0)
        close(*place);
    *place = fd;
}

void
kl_sim_ttys_clear(KlSimTtys *ttys)
{
    for (guint i = 0; i < KL_SIM_TTYS_RETIRED; i++)
        retire(ttys, -1);
}

static gboolean
failed(GError **error, const char *what)
{
    int code = errno;
    g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(code), "%s: %s", what, g_strerror(code));
    return FALSE;
}

static gboolean
open_silent(KlSimTty *tty, GError **error)
{
    char name[64];
    tty->silent_master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty->silent_master < 0 || unlockpt(tty->silent_master) != 0 ||
        ptsname_r(tty->silent_master, name, sizeof name) != 0)
        return failed(error, "no pty");
    tty->pts = g_strdup(name);
    return TRUE;
}

static gboolean
take_number(KlSimTty *tty, GError **error)
{
    KlSimTtys *ttys = tty->ttys;
    for (guint i = 0; i < KL_SIM_TTYS_MAX; i++)
        if (!ttys->used[i]) {
            ttys->used[i] = TRUE;
            tty->number = i;
            return TRUE;
        }
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES, "there are %d ttys", KL_SIM_TTYS_MAX);
    return FALSE;
}

/* The pty shows up under the tty's name too. */
static gboolean
make_node(const KlSimTty *tty, const char *node, mode_t mode, GError **error)
{
    if (mknod(node, S_IFREG, 0) != 0)
        return failed(error, node);
    if (chmod(tty->pts, mode) != 0 || mount(tty->pts, node, NULL, MS_BIND, NULL) != 0)
        return failed(error, tty->pts);
    return TRUE;
}

static char *
tty_node(const KlSimTty *tty)
{
    return g_strdup_printf("/dev/ttyUSB%u", tty->number);
}

static void
write_serial_port(KlSimTree *tree, const KlSimTty *tty, const char *port, const char *name, const char *driver)
{
    g_autofree char *driver_dir = g_build_filename(SERIAL_DRIVERS, driver, NULL);
    g_autofree char *tty_dir = g_build_filename(port, "tty", name, NULL);
    kl_sim_tree_folder(tree, tty_dir);
    kl_sim_tree_write(tree, port, "port_number", "0");
    kl_sim_tree_write(tree, port, "uevent", "DRIVER=%s", driver);
    kl_sim_tree_link(tree, port, "subsystem", "/sys/bus/usb-serial");
    kl_sim_tree_link(tree, port, "driver", driver_dir);
    kl_sim_tree_link(tree, "/sys/bus/usb-serial/devices", name, port);
}

static gboolean
write_sysfs(KlSimTty *tty, const KlSimDevice *device, dev_t rdev, GError **error)
{
    KlSimTree tree = {0};
    g_autofree char *name = g_strdup_printf("ttyUSB%u", tty->number);
    g_autofree char *interface = kl_sim_device_interface(device, tty->interface);
    g_autofree char *port = g_build_filename(interface, name, NULL);
    tty->sysfs = g_build_filename(port, "tty", name, NULL);
    tty->uevent = g_strdup_printf("MAJOR=%u\nMINOR=%u\nDEVNAME=%s", major(rdev), minor(rdev), name);
    write_serial_port(&tree, tty, port, name, device->model->driver);
    kl_sim_tree_write(&tree, tty->sysfs, "dev", "%u:%u", major(rdev), minor(rdev));
    kl_sim_tree_write(&tree, tty->sysfs, "uevent", "%s", tty->uevent);
    kl_sim_tree_link(&tree, tty->sysfs, "device", port);
    kl_sim_tree_link(&tree, tty->sysfs, "subsystem", "/sys/class/tty");
    kl_sim_tree_link(&tree, "/sys/class/tty", name, tty->sysfs);
    return kl_sim_tree_finish(&tree, error);
}

static mode_t
tty_mode(const KlSimDevice *device, guint interface)
{
    mode_t mode = device->plan.no_access ? 0 : 0660;
    return device->model->no_lines && interface == 0 ? mode | KL_SIM_PRELOAD_NO_LINES : mode;
}

KlSimTty *
kl_sim_tty_new(KlSimTtys *ttys, const KlSimDevice *device, guint interface, GError **error)
{
    g_autoptr(KlSimTty) tty = g_new0(KlSimTty, 1);
    struct stat info;
    tty->ttys = ttys;
    tty->interface = interface;
    tty->silent_master = -1;
    tty->number = KL_SIM_TTYS_MAX;
    if (interface == device->model->tty_interface && device->plan.pts != NULL)
        tty->pts = g_strdup(device->plan.pts);
    else if (!open_silent(tty, error))
        return NULL;
    if (stat(tty->pts, &info) != 0) {
        failed(error, tty->pts);
        return NULL;
    }
    if (!take_number(tty, error))
        return NULL;
    g_autofree char *node = tty_node(tty);
    /* As in the kernel: the node is the last to come, and the first to go. */
    if (!write_sysfs(tty, device, info.st_rdev, error) || !make_node(tty, node, tty_mode(device, interface), error))
        return NULL;
    return g_steal_pointer(&tty);
}

static void
remove_tty(const KlSimTty *tty)
{
    g_autofree char *node = tty_node(tty);
    const char *name = node + strlen("/dev/");
    g_autofree char *class_link = g_build_filename("/sys/class/tty", name, NULL);
    g_autofree char *serial_link = g_build_filename("/sys/bus/usb-serial/devices", name, NULL);
    umount2(node, MNT_DETACH);
    unlink(node);
    unlink(class_link);
    unlink(serial_link);
    tty->ttys->used[tty->number] = FALSE;
}

void
kl_sim_tty_free(KlSimTty *tty)
{
    if (tty->number < KL_SIM_TTYS_MAX)
        remove_tty(tty);
    if (tty->pts != NULL) {
        chmod(tty->pts, 0600);
        retire(tty->ttys, open(tty->pts, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    }
    if (tty->silent_master >= 0)
        close(tty->silent_master);
    g_free(tty->sysfs);
    g_free(tty->pts);
    g_free(tty->uevent);
    g_free(tty);
}

void
kl_sim_tty_tell(const KlSimTty *tty, const char *action, int event_fd, guint64 *seqnum)
{
    const KlSimEvent event = {action, "tty", NULL, tty->sysfs, tty->uevent, ++*seqnum};
    kl_sim_event_send(event_fd, &event);
}
