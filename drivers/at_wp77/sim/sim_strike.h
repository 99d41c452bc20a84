/* Faults that strike on single commands: at the wire, or in the module's operations while the command runs. */
#pragma once

#include "drivers/at_wp77/sim/sim_module.h"
#include "drivers/at_wp77/sim/sim_port.h"

G_BEGIN_DECLS

/* What happens to the unit's plug after a command. */
typedef enum {
    KL_SIM_STAY,
    KL_SIM_UNPLUG,
    KL_SIM_UNPLUG_WHEN_READ, /* once the station has read the answer */
} KlSimUnplug;

typedef struct {
    KlSimUnplug unplug;
    gboolean restart; /* power goes too */
} KlSimConsequence;

/* Runs one command line that came in on a port with that personality, with whatever goes wrong. Both *reply and
 * *consequence are all zero before. */
void kl_sim_strike_command(KlSimModule *module, KlHostLine *discipline, KlSimPersonality who, const char *line,
                           gsize len, KlAgentOut out, gpointer out_data, KlSimReply *reply,
                           KlSimConsequence *consequence);

G_END_DECLS
