/* Hands for a simulated line: units are plugged in and pulled out by lines of text. */
#pragma once

#include "drivers/at_wp77/sim/sim.h"

G_BEGIN_DECLS

/* Carries out one line: "unplug SLOT", or "plug SLOT [NAME[@STEP][*TIMES] ...]", which puts a unit into the slot that
 * the line has not had before, with these faults. Returns the answer, "ok ..." or "error ...", without a line end. The
 * caller frees it. */
char *kl_sim_control(KlSim *sim, guint n_slots, guint *next_index, const char *line);

G_END_DECLS
