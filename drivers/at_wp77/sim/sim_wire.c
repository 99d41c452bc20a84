#include "drivers/at_wp77/sim/sim_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static gboolean
io_failed(GError **error, const char *what)
{
    int code = errno;
    g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(code), "%s: %s", what, g_strerror(code));
    return FALSE;
}

static gboolean
make_raw(int fd)
{
    struct termios settings;
    if (tcgetattr(fd, &settings) != 0)
        return FALSE;
    cfmakeraw(&settings);
    cfsetspeed(&settings, B115200);
    settings.c_cflag |= CLOCAL | CREAD;
    return tcsetattr(fd, TCSANOW, &settings) == 0;
}

static gboolean
open_pty(KlSimWire *wire, char *name, gsize size)
{
    wire->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (wire->master < 0 || grantpt(wire->master) != 0 || unlockpt(wire->master) != 0 ||
        ptsname_r(wire->master, name, size) != 0)
        return FALSE;
    wire->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    return wire->slave >= 0 && make_raw(wire->slave);
}

static gboolean
point_link(const char *link, const char *target)
{
    g_autofree char *fresh = g_strconcat(link, ".new", NULL);
    if (unlink(fresh) != 0 && errno != ENOENT)
        return FALSE;
    return symlink(target, fresh) == 0 && rename(fresh, link) == 0;
}

static void
close_both(KlSimWire *wire)
{
    if (wire->slave >= 0)
        close(wire->slave);
    if (wire->master >= 0)
        close(wire->master);
    *wire = KL_SIM_WIRE_NONE;
}

gboolean
kl_sim_wire_plug(KlSimWire *wire, const char *link, GError **error)
{
    char name[64];
    *wire = KL_SIM_WIRE_NONE;
    if (open_pty(wire, name, sizeof name) && (link == NULL || point_link(link, name)))
        return TRUE;
    io_failed(error, link != NULL ? link : "pty");
    close_both(wire);
    return FALSE;
}

void
kl_sim_wire_unplug(KlSimWire *wire, const char *link)
{
    if (wire->master < 0)
        return;
    if (link != NULL)
        unlink(link);
    close_both(wire);
}

char *
kl_sim_wire_name(const KlSimWire *wire)
{
    char name[64] = "";
    ptsname_r(wire->master, name, sizeof name);
    return g_strdup(name);
}

/* What the master has written reaches the slave in a kernel thread's own time, and until then FIONREAD does not count
 * it. poll() on the slave waits for that thread (n_tty_poll() flushes the work) before it says that nothing is there.
 */
gboolean
kl_sim_wire_unread(const KlSimWire *wire)
{
    struct pollfd slave = {.fd = wire->slave, .events = POLLIN};
    return poll(&slave, 1, 0) == 1 && (slave.revents & POLLIN) != 0;
}
