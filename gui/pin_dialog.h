/* A supervisor's act: asks for the supervisor's PIN, and for the reason where one is needed, and keeps the act. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

/* Shows the dialog (modal to parent). act is what is about to be done, as it is kept: "reprovision", "revoke",
 * "profile", "pin", "auditor-end"; subject is what it is done to (shown and kept), or NULL. done is called once; finish
 * with kl_pin_ask_finish. The PIN is checked in a thread; wrong ones are told in the dialog and counted in the store:
 * after the fifth in a row no PIN is taken for a minute, and that is kept as the act "pin-paused". */
void kl_pin_ask(GtkWindow *parent, KlSession *session, const char *act, const char *subject, gboolean with_reason,
                GAsyncReadyCallback done, gpointer data);

/* TRUE when the PIN was right and the act is kept: do it now. *reason (may be NULL) is then the reason, without blanks
 * around it, or NULL when none was asked for; the caller frees it. FALSE with G_IO_ERROR_CANCELLED when the dialog was
 * closed: nothing to tell. */
gboolean kl_pin_ask_finish(GAsyncResult *result, char **reason, GError **error);

G_END_DECLS
