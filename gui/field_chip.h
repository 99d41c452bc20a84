/* The chip that tells of units in the field that somebody else may speak for. It is not there as long as there are
 * none. */
#pragma once

#include "gui/details_chip.h"
#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_FIELD_CHIP (kl_field_chip_get_type())
G_DECLARE_FINAL_TYPE(KlFieldChip, kl_field_chip, KL, FIELD_CHIP, KlDetailsChip)

GtkWidget *kl_field_chip_new(KlSession *session);

G_END_DECLS
