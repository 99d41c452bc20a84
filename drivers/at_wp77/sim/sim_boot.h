/* A simulated unit's first boot: the host agent's, with something wrong about it. */
#pragma once

#include "drivers/at_wp77/agent/host/host_boot.h"
#include "drivers/at_wp77/sim/sim.h"

G_BEGIN_DECLS

typedef struct {
    const KlSimOptions *options; /* borrowed, as is the store */
    KlHostStore *store;
    gboolean in_field; /* it begins at once, if the unit has been provisioned */
    gboolean other_endpoint;
    gboolean other_trust;
    gboolean old_clock;
    gboolean deaf;
    gboolean store_full;
} KlSimBootPlan;

typedef struct KlSimBoot KlSimBoot;

/* The unit gets power. A G_IO_ERROR. */
KlSimBoot *kl_sim_boot_start(const KlSimBootPlan *plan, GError **error);
void kl_sim_boot_stop(KlSimBoot *boot);

/* The agent's commands are about this first boot. */
void kl_sim_boot_join(KlSimBoot *boot, KlAgent *agent);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSimBoot, kl_sim_boot_stop)

G_END_DECLS
