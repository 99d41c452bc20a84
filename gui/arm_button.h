/* The button that arms the line: asks for how many units. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_ARM_BUTTON (kl_arm_button_get_type())
G_DECLARE_FINAL_TYPE(KlArmButton, kl_arm_button, KL, ARM_BUTTON, GtkMenuButton)

/* Opens a popover with the number of units (default: what the work order still lacks) or the words why the line can't
 * be armed. Neither Enter, which belongs to the scanner, nor a space typed into the number arms the line. Hidden while
 * the line is armed. Signal "armed". */
GtkWidget *kl_arm_button_new(KlSession *session);

G_END_DECLS
