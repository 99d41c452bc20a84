/* Teaching a hub: its name and shape, then a grid that lights up the place where a unit is wanted and fills in as units
 * are plugged in. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_TEACH_VIEW (kl_teach_view_get_type())
G_DECLARE_FINAL_TYPE(KlTeachView, kl_teach_view, KL, TEACH_VIEW, GtkBox)

/* Signal "changed": kl_teach_view_text may say something else. */
GtkWidget *kl_teach_view_new(KlSession *session);

/* The fixture as it would stand in station.conf; NULL as long as no place is known. The caller frees. */
char *kl_teach_view_text(KlTeachView *self);

G_END_DECLS
