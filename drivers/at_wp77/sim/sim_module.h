/* The inside of a simulated unit: agent, modem and stored state, made as its faults want it. What goes wrong with
 * single commands is in sim_strike. */
#pragma once

#include "drivers/at_wp77/agent/host/host_line.h"
#include "drivers/at_wp77/sim/sim.h"
#include "drivers/at_wp77/sim/sim_boot.h"
#include "drivers/at_wp77/sim/sim_fault.h"
#include "drivers/at_wp77/sim/sim_modem.h"
#include "drivers/at_wp77/sim/sim_ops.h"

G_BEGIN_DECLS

/* Which unit it is. Everything but the faults is borrowed and outlives the module. */
typedef struct {
    const KlSimOptions *options; /* with nothing left to fill in */
    guint index;
    const char *folder;   /* of its state */
    const char *pool;     /* of shared keys */
    const GArray *faults; /* of KlSimFault; copied */
    gboolean in_field;    /* its first boot begins with its power, if it has been provisioned */
} KlSimModulePlan;

/* Who answers on a port. */
typedef struct {
    gboolean agent;
    gboolean modem;
} KlSimPersonality;

typedef struct {
    KlSimModulePlan plan;
    KlSimFaults *faults;
    KlSimModem modem;
    KlHostStore *store;
    KlSimOps ops;
    KlAgent *agent;
    KlSimBoot *boot; /* NULL: the agent knows no first boot */
    guint64 random;
    gboolean checked; /* see kl_sim_command_read */
} KlSimModule;

/* Opens the unit's state. A G_IO_ERROR when it can't be used. */
KlSimModule *kl_sim_module_new(const KlSimModulePlan *plan, GError **error);
void kl_sim_module_free(KlSimModule *module);

/* Power goes and comes back: a new boot id; what was in memory is gone. A G_IO_ERROR as for kl_sim_module_new; the
 * module then only answers as a modem, and this may be called again. */
gboolean kl_sim_module_restart(KlSimModule *module, GError **error);

KlSimPersonality kl_sim_module_personality(const KlSimModule *module, KlSimPortKind kind);

/* Runs one command line, of which nothing is wrong but what module->ops says. */
void kl_sim_module_run(KlSimModule *module, KlHostLine *discipline, KlSimPersonality who, const char *line, gsize len,
                       KlAgentOut out, gpointer out_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSimModule, kl_sim_module_free)

G_END_DECLS
