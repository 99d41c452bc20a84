/* Who is signed on, at the right of the header: signs on by typing where there is no badge, and off. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

GtkWidget *kl_operator_button_new(KlSession *session);

G_END_DECLS
