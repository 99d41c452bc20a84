/* Where the window was: kept between runs in the user's configuration folder. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Gives the window the size that it had last time, or a first one. */
void kl_window_state_restore(GtkWindow *window);

/* Keeps the window's size; not being able to is logged and does not matter. */
void kl_window_state_save(GtkWindow *window);

G_END_DECLS
