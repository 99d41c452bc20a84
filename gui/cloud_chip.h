/* The chip of the cloud: whether the rows arrive there, and how many wait. */
#pragma once

#include "gui/details_chip.h"
#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_CLOUD_CHIP (kl_cloud_chip_get_type())
G_DECLARE_FINAL_TYPE(KlCloudChip, kl_cloud_chip, KL, CLOUD_CHIP, KlDetailsChip)

/* Asks the outbox every second, which answers from memory. A click tells the details. For stations with a cloud. */
GtkWidget *kl_cloud_chip_new(KlSession *session);

G_END_DECLS
