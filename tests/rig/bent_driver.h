/* The real driver with a hook behind its calls: cables that come off, units that are swapped, agents that lie. One at a
 * time in a test program, for one job at a time. */
#pragma once

#include "tests/rig/line_rig.h"

G_BEGIN_DECLS

typedef enum {
    KL_BEND_DIE,         /* from then on nothing answers any more: as if the station had been killed there */
    KL_BEND_SWAP_LOUD,   /* the cable comes off; when the station connects for the second time, another unit is there */
    KL_BEND_SWAP_SILENT, /* another unit is there at once, and the port never went away (a serial adapter's) */
} KlBend;

typedef struct {
    const char *call;           /* "prove", "lock", ...: NULL: any call to an open unit */
    guint nth;                  /* strikes when that call has had its effect for the nth time; 0: never */
    KlBend bend;                /* what then happens; the call's own answer is lost, but not by SWAP_SILENT */
    const KlPorts *other;       /* of the unit that is swapped in */
    guint starting;             /* so many opens end with UNIT_STARTING at first */
    GCancellable *cancel;       /* cancelled at the first of them, or NULL */
    gboolean lock_is_a_lie;     /* the unit says OK to a lock and does nothing */
    gboolean keystore_is_a_lie; /* the unit says that its keystore is "iks" */

    guint calls; /* of that kind so far */
    gboolean struck;
} KlBentDriver;

/* The driver, bent as *how says, which the caller keeps alive and may look into between two jobs. */
const KlDriver *kl_bent_driver(const KlDriver *real, KlBentDriver *how);

/* Runs a job on the unit in a slot (1..units), on this thread. NULL: the rig's driver, the rig's profile, no wishes. */
KlRecord *kl_bent_run(const KlLineRig *rig, guint slot, KlBentDriver *how, const KlProfile *profile,
                      const KlJobRequest *request);

/* The ports of a slot; borrowed from the station's configuration. */
KlPorts kl_bent_ports(const KlLineRig *rig, guint slot);

G_END_DECLS
