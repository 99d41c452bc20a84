/* One end of a cable: a pseudo-terminal, behind a link with a stable name unless it is found in another way. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    int master;
    int slave; /* held open, so that the master sees no hang-up when the station closes its end */
} KlSimWire;

#define KL_SIM_WIRE_NONE ((KlSimWire){.master = -1, .slave = -1})

/* Opens a new pty (raw, non-blocking) and points the link, if any, at it, atomically. FALSE with a G_IO_ERROR. */
gboolean kl_sim_wire_plug(KlSimWire *wire, const char *link, GError **error);

/* Removes the link, then closes both ends: whoever has the port open sees a hang-up. The link goes first because the
 * kernel gives the pty's number to the next one that is opened. Does nothing when nothing is plugged in. */
void kl_sim_wire_unplug(KlSimWire *wire, const char *link);

/* "/dev/pts/7" of what is plugged in. The caller frees it. */
char *kl_sim_wire_name(const KlSimWire *wire);

/* Whether there are bytes that were sent and that the station has not read yet. */
gboolean kl_sim_wire_unread(const KlSimWire *wire);

G_END_DECLS
