/* Teaches a hub and keeps it in station.conf. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

/* Shows the dialog (modal to parent). done is called once; finish with kl_teach_dialog_finish. */
void kl_teach_dialog_run(GtkWindow *parent, KlSession *session, GAsyncReadyCallback done, gpointer data);

/* TRUE when the hub is kept and the act recorded: it counts once the station is opened again. FALSE with
 * G_IO_ERROR_CANCELLED when the dialog was closed. */
gboolean kl_teach_dialog_finish(GAsyncResult *result, GError **error);

/* A GTaskThreadFunc: source is the session, data the text of kl_teach_view_text, which it keeps. Returns a boolean.
 * Errors of kl_station_set_fixture. */
void kl_teach_keep_in_thread(GTask *task, gpointer session, gpointer text, GCancellable *cancel);

G_END_DECLS
