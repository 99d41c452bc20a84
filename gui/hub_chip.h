/* The chip of the hubs: all there, or what is wrong with them. */
#pragma once

#include "gui/details_chip.h"
#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_HUB_CHIP (kl_hub_chip_get_type())
G_DECLARE_FINAL_TYPE(KlHubChip, kl_hub_chip, KL, HUB_CHIP, KlDetailsChip)

/* Looks at the bus in a thread when something on it changes. A click tells the details. For stations with slots that
 * are known by their hub port. */
GtkWidget *kl_hub_chip_new(KlSession *session);

G_END_DECLS
