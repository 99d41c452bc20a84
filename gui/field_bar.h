/* Where first boot works on a cloud's table: asks that how a unit is, in a thread, and says so. It asks by itself when
 * what is known is old, and whenever somebody wants it to.
 *
 * Signal:
 *   "answered"   something new is known of the unit */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_FIELD_BAR (kl_field_bar_get_type())
G_DECLARE_FINAL_TYPE(KlFieldBar, kl_field_bar, KL, FIELD_BAR, GtkBox)

/* Which unit it is about, as it is known here; NULL for none. It is not to be seen without one, nor without a cloud. */
void kl_field_bar_show(KlFieldBar *bar, KlSession *session, const KlFieldUnit *unit);

G_END_DECLS
