#include "gui/ca_dialog.h"

#include "gui/ca_form.h"
#include "gui/form_dialog.h"
#include "gui/i18n.h"

static void
make_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const char *dir = kl_station_config(kl_session_station(source))->dir;
    GError *error = NULL;
    if (kl_ca_request_run(data, dir, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void
on_unlocked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GTask) task = data;
    GError *error = NULL;
    if (kl_session_unlock_finish(KL_SESSION(source), result, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

/* There is a CA now, whether the dialog is still open or not. What was just typed opens it, too. */
static void
keep_act(GTask *task, KlCaRequest *request)
{
    KlSession *session = g_task_get_source_object(task);
    GError *error = NULL;
    const char *what = request->name != NULL ? "ca-create" : "ca-import";
    if (kl_session_record_act(session, "engineer", what, NULL, NULL, &error))
        kl_session_unlock(session, g_steal_pointer(&request->passphrase), on_unlocked, g_object_ref(task));
    else
        g_task_return_error(task, error);
}

static void
on_made(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlFormDialog) dialog = data;
    g_autoptr(GError) error = NULL;
    if (!g_task_propagate_boolean(G_TASK(result), &error)) {
        kl_form_dialog_settle(dialog, error, NULL);
        return;
    }
    g_autoptr(GTask) question = kl_form_dialog_take(dialog);
    keep_act(question, g_task_get_task_data(G_TASK(result)));
}

static void
on_changed(KlCaForm *form, KlFormDialog *dialog)
{
    kl_form_dialog_set_ready(dialog, kl_ca_form_complete(form));
}

static void
send(KlFormDialog *dialog, GTask *question)
{
    KlCaRequest *request = kl_ca_form_take(g_object_get_data(G_OBJECT(dialog), "kl-form"));
    if (request != NULL)
        kl_form_dialog_work(dialog, make_in_thread, request, (GDestroyNotify)kl_ca_request_free, on_made);
}

void
kl_ca_dialog_run(GtkWindow *parent, KlSession *session, GAsyncReadyCallback done, gpointer data)
{
    KlFormDialog *dialog = KL_FORM_DIALOG(kl_form_dialog_new(parent, _("Certificate authority"), _("C_reate")));
    GtkWidget *form = kl_ca_form_new();
    g_object_set_data(G_OBJECT(dialog), "kl-form", form);
    kl_ca_form_suggest(KL_CA_FORM(form), kl_station_config(kl_session_station(session))->name);
    kl_form_dialog_add(dialog, form);
    kl_form_dialog_set_ready(dialog, FALSE);
    g_signal_connect(form, "changed", G_CALLBACK(on_changed), dialog);
    kl_form_dialog_ask(dialog, g_task_new(session, NULL, done, data), send, TRUE);
    gtk_widget_grab_focus(form);
}

gboolean
kl_ca_dialog_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
