/* What the doctor finds: a list with icon, word and remedy. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

/* The section of the Setup page. It looks (in a thread) when it is first shown, and again on its button. */
GtkWidget *kl_doctor_view_new(KlSession *session);

G_END_DECLS
