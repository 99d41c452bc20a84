/* A fixture of hubs: rows of places, two levels deep, as one [hub A] of a line file. */
#pragma once

#include "drivers/at_wp77/sim/sim_bus.h"

G_BEGIN_DECLS

#define KL_SIM_HUB_PATH "1-1"

/* Hub 1-1 with a hub on each of its `rows` ports, which have `columns` ports each. */
typedef struct {
    guint rows;
    guint columns;
} KlSimHub;

/* Reads "4x4" (rows x columns, each 1..KL_SIM_BUS_PORTS_MAX). G_OPTION_ERROR. */
gboolean kl_sim_hub_parse(const char *text, KlSimHub *hub, GError **error);

/* Puts the hubs on the bus. A G_IO_ERROR. */
gboolean kl_sim_hub_add(const KlSimHub *hub, KlSimBus *bus, KlSimHubPower power, gboolean usb3, GError **error);

/* The port paths of the places in reading order ("1-1.1.1", "1-1.1.2", ...), ended by NULL. Free with g_strfreev. */
char **kl_sim_hub_places(const KlSimHub *hub);

/* Writes the layout as a key file for the station to include: [hub A] with path, rows, columns and ports. Atomic. */
gboolean kl_sim_hub_write_line(const KlSimHub *hub, const char *path, GError **error);

G_END_DECLS
