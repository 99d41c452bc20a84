/* The bar of the armed line: how many units are done and left; at its end, the report of the batch. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_ARMED_BAR (kl_armed_bar_get_type())
G_DECLARE_FINAL_TYPE(KlArmedBar, kl_armed_bar, KL, ARMED_BAR, GtkBox)

/* Hidden as long as there is nothing to say. The report stays until it is put away or the line is armed again. Takes no
 * focus by itself. Signal "acted": one of its buttons was pressed. */
GtkWidget *kl_armed_bar_new(KlSession *session);

G_END_DECLS
