/* One command line as the simulator looks at it: its name, its parameters, and the station's step that it belongs to.
 */
#pragma once

#include <glib.h>

#include "drivers/at_wp77/agent/lex.h"
#include "drivers/at_wp77/sim/sim_fault.h"

G_BEGIN_DECLS

typedef struct {
    const char *line; /* borrowed, not NUL-terminated */
    gsize len;
    char name[KL_AGENT_NAME_MAX + 1]; /* "KLKEY"; "" when it is no extended (+) command */
    gboolean parsed;                  /* whether details could be read */
    KlAgentLine details;
    KlSimStep step;
} KlSimCommand;

/* Reads a line. *checked remembers, from one command to the next, that the station has seen the unit's items or has
 * sent some: KLITEM? belongs to the precheck before, to verify after; the set-up of a newly opened port (ATE) resets
 * it. */
void kl_sim_command_read(KlSimCommand *command, const char *line, gsize len, gboolean *checked);

G_END_DECLS
