/* Asks for the CA's passphrase and unlocks the session with it. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

/* Shows the dialog (modal to parent). A wrong passphrase is told in it and asked for again. done is called once, when
 * the CA is unlocked or the dialog was closed; finish there with kl_passphrase_dialog_finish. */
void kl_passphrase_dialog_run(GtkWindow *parent, KlSession *session, GAsyncReadyCallback done, gpointer data);

/* TRUE when the CA is unlocked now. FALSE with G_IO_ERROR_CANCELLED when the dialog was closed: nothing to tell. Every
 * other error was told in the dialog already. */
gboolean kl_passphrase_dialog_finish(GAsyncResult *result, GError **error);

G_END_DECLS
