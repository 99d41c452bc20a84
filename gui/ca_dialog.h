/* Makes or takes over the station's certificate authority, and unlocks the session with it. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

/* Shows the dialog (modal to parent). What is wrong is told in it. done is called once; finish with
 * kl_ca_dialog_finish. */
void kl_ca_dialog_run(GtkWindow *parent, KlSession *session, GAsyncReadyCallback done, gpointer data);

/* TRUE when there is a CA now and the session is unlocked with it; the act is kept. FALSE with G_IO_ERROR_CANCELLED
 * when the dialog was closed; another error when the CA was made, but not opened or its act not kept. */
gboolean kl_ca_dialog_finish(GAsyncResult *result, GError **error);

G_END_DECLS
