/* The ttys of the rigged bus: a pty, its node /dev/ttyUSBn, and what usb-serial and the tty core show of it in sysfs.
 */
#pragma once

#include "drivers/at_wp77/sim/sim_bus_device.h"

G_BEGIN_DECLS

#define KL_SIM_TTYS_MAX 1024
#define KL_SIM_TTYS_RETIRED 32

/* Which numbers are taken, and the ptys of late. */
typedef struct {
    gboolean used[KL_SIM_TTYS_MAX];
    /* A pty's inode has the pty's number, and the lowest free one is the next. Held open for a while after they are
     * gone, they keep a tty that is plugged in again from having the inode of the one before it. */
    int retired[KL_SIM_TTYS_RETIRED];
    guint next;
} KlSimTtys;

void kl_sim_ttys_init(KlSimTtys *ttys);
void kl_sim_ttys_clear(KlSimTtys *ttys);

typedef struct {
    guint interface;
    guint number; /* of ttyUSBn */
    char *sysfs;  /* ".../1-1.4:1.3/ttyUSB5/tty/ttyUSB5" */
    char *pts;    /* "/dev/pts/7" */
    char *uevent;
    int silent_master; /* of a pty that nobody answers on, or -1 */
    KlSimTtys *ttys;
} KlSimTty;

/* Makes the tty of an interface. NULL with a G_IO_ERROR. */
KlSimTty *kl_sim_tty_new(KlSimTtys *ttys, const KlSimDevice *device, guint interface, GError **error);

/* Takes the node and what is outside the device's folder away, hangs up a silent pty, and frees the tty. */
void kl_sim_tty_free(KlSimTty *tty);

/* "add" or "remove". */
void kl_sim_tty_tell(const KlSimTty *tty, const char *action, int event_fd, guint64 *seqnum);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSimTty, kl_sim_tty_free)

G_END_DECLS
