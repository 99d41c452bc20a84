/* The first boot on the module: its machine of states on Legato's event loop. Everything runs in the app's one thread.
 */
#pragma once

#include "drivers/at_wp77/agent/commands.h"

/* After power-on: goes on with a first boot that has begun, or waits whether it is to begin by itself. */
void kl_boot_start(const KlAgentOps *store);

/* A station is talking to the unit: it is not in the field yet. */
void kl_boot_hold(void);

/* The commands. */
extern const KlAgentBootControl kl_boot_control;
