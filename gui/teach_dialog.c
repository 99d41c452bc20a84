#include "gui/teach_dialog.h"

#include "gui/form_dialog.h"
#include "gui/i18n.h"
#include "gui/teach_view.h"

void
kl_teach_keep_in_thread(GTask *task, gpointer session, gpointer text, GCancellable *cancel)
{
    GError *error = NULL;
    if (kl_station_set_fixture(kl_station_config(kl_session_station(session))->dir, text, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void
on_kept(GObject *session, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlFormDialog) dialog = data;
    g_autoptr(GError) error = NULL;
    if (g_task_propagate_boolean(G_TASK(result), &error))
        kl_session_record_act(KL_SESSION(session), "engineer", "hub", NULL, NULL, &error);
    kl_form_dialog_settle(dialog, error, NULL);
}

static KlTeachView *
view_of(KlFormDialog *dialog)
{
    return g_object_get_data(G_OBJECT(dialog), "kl-teach");
}

static void
send(KlFormDialog *dialog, GTask *question)
{
    char *text = kl_teach_view_text(view_of(dialog));
    if (text != NULL)
        kl_form_dialog_work(dialog, kl_teach_keep_in_thread, text, g_free, on_kept);
}

static void
on_changed(KlTeachView *view, KlFormDialog *dialog)
{
    g_autofree char *text = kl_teach_view_text(view);
    kl_form_dialog_set_ready(dialog, text != NULL);
}

void
kl_teach_dialog_run(GtkWindow *parent, KlSession *session, GAsyncReadyCallback done, gpointer data)
{
    KlFormDialog *dialog = KL_FORM_DIALOG(kl_form_dialog_new(parent, _("Teach a hub"), _("_Save")));
    GtkWidget *view = kl_teach_view_new(session);
    g_object_set_data(G_OBJECT(dialog), "kl-teach", view);
    kl_form_dialog_add(dialog, view);
    kl_form_dialog_set_ready(dialog, FALSE);
    g_signal_connect(view, "changed", G_CALLBACK(on_changed), dialog);
    kl_form_dialog_ask(dialog, g_task_new(session, NULL, done, data), send, TRUE);
}

gboolean
kl_teach_dialog_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
