/* Sets the supervisor's PIN; whoever may do that was asked before. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

/* Shows the dialog (modal to parent): the new PIN, twice; kept in a thread. done is called once; finish with
 * kl_new_pin_dialog_finish. */
void kl_new_pin_dialog_run(GtkWindow *parent, KlSession *session, GAsyncReadyCallback done, gpointer data);

/* TRUE when the new PIN is kept. FALSE with G_IO_ERROR_CANCELLED when the dialog was closed. */
gboolean kl_new_pin_dialog_finish(GAsyncResult *result, GError **error);

G_END_DECLS
