/* A simulated line: units in one process, each on ports of its own, each with its own faults.
 * A line belongs to one thread at a time; kl_sim_replace and the questions about a slot may also run in different
 * threads for different slots. */
#pragma once

#include "drivers/at_wp77/sim/sim_bus.h"

G_BEGIN_DECLS

#define KL_SIM_SLOTS_MAX 500
/* Longer than the station waits for what needs no work (2 s), and within its grace for late answers. */
#define KL_SIM_LATE_MS 2500
#define KL_SIM_RECONNECT_MS 300
#define KL_SIM_KEY_SLOT "keyline"
#define KL_SIM_MODEL "WP7702"
#define KL_SIM_FIRMWARE "SWI9X06Y_02.32.02.00"

/* Zero or NULL means what is said last. All is copied. */
typedef struct {
    guint units;               /* 1..KL_SIM_SLOTS_MAX */
    const char *dir;           /* where units and links live; made if need be. Required */
    gboolean one_port;         /* agent and modem answer on one port; otherwise each has its own */
    gboolean real_speed;       /* 115200 baud and a module's pace; otherwise as fast as can be */
    guint64 seed;              /* of identities and chance; a folder belongs to the seed that it was first used with */
    guint key_ms_min;          /* how long making a key takes, from ... */
    guint key_ms_max;          /* ... to; 0: 200..1500 at real speed, nothing otherwise */
    guint late_ms;             /* delay of a late answer; KL_SIM_LATE_MS */
    guint reconnect_ms;        /* how long an unplugged or restarting unit is away; KL_SIM_RECONNECT_MS */
    const char *const *faults; /* "SLOTS:NAME[@STEP][*TIMES]", ended by NULL; none */
    const char *model;         /* KL_SIM_MODEL */
    const char *firmware;      /* KL_SIM_FIRMWARE */
    const char *keystore;      /* "iks" or "software"; "iks" */
    const char *key_slot;      /* the slot of a key that is there already; KL_SIM_KEY_SLOT */
    KlSimBus *bus;             /* units are devices on this bus, which outlives the line; none: bare ptys */
    const char *const *places; /* with a bus: the port path of each slot. Required */
    KlSimBusKind kind;         /* with a bus: what they show as, all on one port; KL_SIM_MODULE */
    gboolean in_field;         /* units that have been provisioned begin their first boot when they get power */
    const char *const *connect_to; /* "HOST:PORT=ADDRESS:PORT", ended by NULL: where an endpoint is in truth; nowhere */
    guint answer_ms;               /* how long a first boot waits for an answer; 10 s */
    guint retry_ms;                /* ... and at most before its first new try; 1 s */
    guint telemetry_ms;            /* ... and between two messages of its telemetry; 60 s */
} KlSimOptions;

typedef struct KlSim KlSim;

typedef enum { KL_SIM_AGENT, KL_SIM_MODEM } KlSimPortKind;

/* Starts all units; their ports are open when it returns. Unit state survives in the folder: DIR/unit-01 is the first
 * unit. G_OPTION_ERROR for wrong options and faults, G_IO_ERROR (BUSY when another line has the folder). */
KlSim *kl_sim_start(const KlSimOptions *options, GError **error);

/* Stops all units, removes their links, frees the line. */
void kl_sim_stop(KlSim *sim);

/* "pty:/abs/path" or, on a bus, "usb:1-1.4.2" of a slot (1..units) for the station; the same for both kinds when there
 * is one port. It stays the same whatever happens to the unit. Free it. */
char *kl_sim_address(const KlSim *sim, guint slot, KlSimPortKind kind);

/* The folder with the state of the unit that is in the slot now. Borrowed until the unit is replaced. */
const char *kl_sim_unit_dir(const KlSim *sim, guint slot);

/* What the unit in the slot says of itself; NULL for an empty slot. Borrowed until the unit is replaced. */
const char *kl_sim_imei(const KlSim *sim, guint slot);
const char *kl_sim_fsn(const KlSim *sim, guint slot);

/* How often one of its faults has struck since it was put in; what a unit is made like (locked, no-agent) never counts.
 */
guint kl_sim_strikes(const KlSim *sim, guint slot);

/* Takes the unit out of the slot and puts another one in: number `index` (units 0..n-1 were there at the start), new
 * from the factory, with these faults ("NAME[@STEP][*TIMES]", ended by NULL, or NULL). The same index may be used again
 * once its unit is out of its slot: it gives the same identity with nothing stored. A wrong fault (G_OPTION_ERROR)
 * leaves the old unit where it is; any other error (G_IO_ERROR) leaves the slot empty. */
gboolean kl_sim_replace(KlSim *sim, guint slot, guint index, const char *const *faults, GError **error);

/* Takes the unit out of the slot. The questions about the slot may be asked again when another one is in. */
void kl_sim_unplug(KlSim *sim, guint slot);

/* Takes the slot's unit off its power and gives it power again in the field: its first boot begins, if it has been
 * provisioned. A G_IO_ERROR leaves the slot empty. */
gboolean kl_sim_power_on_in_field(KlSim *sim, guint slot, GError **error);

/* Puts a copy of another slot's unit into the slot, in the field: its key, its items and its identity, but not how far
 * its first boot has come. */
gboolean kl_sim_clone(KlSim *sim, guint slot, guint original, GError **error);

/* Writes the slots as a key file for the station to include: [slot 01] with agent= and modem=. Atomic. */
gboolean kl_sim_write_line(const KlSim *sim, const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSim, kl_sim_stop)

G_END_DECLS
