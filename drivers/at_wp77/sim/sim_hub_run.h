/* keyline-sim --hub: a program that runs on the rigged bus, with a line of units on a fixture of hubs. */
#pragma once

#include "drivers/at_wp77/sim/sim.h"
#include "drivers/at_wp77/sim/sim_hub.h"

G_BEGIN_DECLS

typedef struct {
    KlSimOptions options; /* without a bus and places */
    KlSimHub hub;
    KlSimHubPower power;
    const char *line; /* write [hub A] here, or NULL */
    gboolean control; /* take orders (see kl_sim_control) from stdin, which the program then does not have */
    char **command;   /* the program and its arguments, ended by NULL */
} KlSimHubRun;

/* Only inside (see kl_sim_bus_enter). Runs the program to its end, passing on SIGINT and SIGTERM. Returns its exit
 * status, 128 + N for signal N; -1 with an error as of kl_sim_start. */
int kl_sim_hub_run(const KlSimHubRun *run, GError **error);

G_END_DECLS
