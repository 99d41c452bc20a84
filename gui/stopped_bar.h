/* Across the page while a station error has stopped the line: what happened, what to do, and the way on. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_STOPPED_BAR (kl_stopped_bar_get_type())
G_DECLARE_FINAL_TYPE(KlStoppedBar, kl_stopped_bar, KL, STOPPED_BAR, GtkInfoBar)

/* Made by a template; hidden until it is told of the session's line error. Signal "resumed": its button was pressed.
 * error_name: as kl_session_line_error() says it; NULL hides the bar. */
void kl_stopped_bar_show(KlStoppedBar *self, const char *error_name);

G_END_DECLS
