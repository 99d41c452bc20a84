/* One unit in its slot: a thread that serves the unit's ports. */
#pragma once

#include "drivers/at_wp77/sim/sim_module.h"

G_BEGIN_DECLS

typedef struct KlSimUnit KlSimUnit;

typedef struct {
    KlSimModulePlan module;
    const char *agent_link; /* copied; NULL on a bus */
    const char *modem_link; /* copied; NULL when there is one port only */
    const char *place;      /* on the bus of the module's options, or NULL. Borrowed, outlives the unit */
} KlSimUnitPlan;

/* Opens the unit's ports and starts its thread. A G_IO_ERROR. */
KlSimUnit *kl_sim_unit_start(const KlSimUnitPlan *plan, GError **error);

/* Stops the thread, unplugs and frees the unit. */
void kl_sim_unit_stop(KlSimUnit *unit);

/* Borrowed; it never changes. */
const KlSimIdentity *kl_sim_unit_identity(const KlSimUnit *unit);

/* See kl_sim_strikes. Safe from any thread. */
guint kl_sim_unit_strikes(const KlSimUnit *unit);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSimUnit, kl_sim_unit_stop)

G_END_DECLS
