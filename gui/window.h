/* The station's window: four pages, who is signed on, and a safe way to close. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_WINDOW (kl_window_get_type())
G_DECLARE_FINAL_TYPE(KlWindow, kl_window, KL, WINDOW, GtkApplicationWindow)

/* A window on the session, which it holds a reference of. Closing it during a run asks, stops the units and waits for
 * their records before it goes. Signal "reopen": the station's configuration was changed and nothing runs: the session
 * is to be opened again, with a window of its own. */
GtkWidget *kl_window_new(GtkApplication *application, KlSession *session);

G_END_DECLS
