/* The driver of FX30S units with a WP77 module (README.md), by the commands of the agent on it (PROTOCOL.md). */
#pragma once

#include "station/driver.h"

G_BEGIN_DECLS

extern const KlDriver kl_wp77_driver;

G_END_DECLS
