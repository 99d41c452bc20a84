/* A chip that tells the details when it is clicked. */
#pragma once

#include "gui/chip.h"

G_BEGIN_DECLS

#define KL_TYPE_DETAILS_CHIP (kl_details_chip_get_type())
G_DECLARE_DERIVABLE_TYPE(KlDetailsChip, kl_details_chip, KL, DETAILS_CHIP, GtkMenuButton)

struct _KlDetailsChipClass {
    GtkMenuButtonClass parent_class;
};

/* What is shown already is not set again: that would lay out the whole page. */
void kl_details_chip_show(KlDetailsChip *chip, KlChipLevel level, const char *words, const char *details);

G_END_DECLS
