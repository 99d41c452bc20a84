#include "gui/ca_dialog.h"

#include "gui/ca_form.h"
#include "gui/form_dialog.h"
#include "gui/i18n.h"

/* A question under way: the data of the GTask that it ends. */
typedef struct {
    KlFormDialog *dialog; /* NULL when it was closed */
    KlCaForm *form;
} Ask;

static void
close_dialog(Ask *ask)
{
    GtkWidget *dialog = GTK_WIDGET(ask->dialog);
    ask->dialog = NULL;
    gtk_widget_destroy(dialog);
}

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
    g_autoptr(GTask) task = data;
    g_autoptr(GError) error = NULL;
    Ask *ask = g_task_get_task_data(task);
    if (g_task_propagate_boolean(G_TASK(result), &error)) {
        if (ask->dialog != NULL)
            close_dialog(ask);
        keep_act(task, g_task_get_task_data(G_TASK(result)));
    } else if (ask->dialog != NULL) {
        kl_form_dialog_set_busy(ask->dialog, FALSE, NULL);
        kl_form_dialog_tell_error(ask->dialog, error);
    } else {
        g_task_return_error(task, g_steal_pointer(&error));
    }
}

static void
on_changed(KlCaForm *form, KlFormDialog *dialog)
{
    kl_form_dialog_set_ready(dialog, kl_ca_form_complete(form));
}

static void
make(GTask *task, Ask *ask)
{
    KlCaRequest *request = kl_ca_form_take(ask->form);
    if (request == NULL)
        return;
    kl_form_dialog_set_busy(ask->dialog, TRUE, NULL);
    g_autoptr(GTask) work = g_task_new(g_task_get_source_object(task), NULL, on_made, g_object_ref(task));
    g_task_set_task_data(work, request, (GDestroyNotify)kl_ca_request_free);
    g_task_run_in_thread(work, make_in_thread);
}

/* Once it is being made, the result comes from there, even if the dialog is closed meanwhile. */
static void
on_response(GtkDialog *dialog, int response, gpointer data)
{
    GTask *task = data;
    Ask *ask = g_task_get_task_data(task);
    if (response == GTK_RESPONSE_ACCEPT) {
        make(task, ask);
        return;
    }
    gboolean busy = kl_form_dialog_busy(ask->dialog);
    close_dialog(ask);
    if (!busy)
        g_task_return_new_error(task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the dialog was closed");
}

/* The window that the dialog belongs to went away, and the dialog with it. */
static void
on_destroy(GtkWidget *dialog, gpointer data)
{
    Ask *ask = g_task_get_task_data(data);
    if (ask->dialog == NULL)
        return;
    gboolean busy = kl_form_dialog_busy(ask->dialog);
    ask->dialog = NULL;
    if (!busy)
        g_task_return_new_error(data, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the dialog was closed");
}

void
kl_ca_dialog_run(GtkWindow *parent, KlSession *session, GAsyncReadyCallback done, gpointer data)
{
    GTask *task = g_task_new(session, NULL, done, data);
    Ask *ask = g_new0(Ask, 1);
    g_task_set_task_data(task, ask, g_free);
    ask->dialog = KL_FORM_DIALOG(kl_form_dialog_new(parent, _("Certificate authority"), _("C_reate")));
    ask->form = KL_CA_FORM(kl_ca_form_new());
    kl_ca_form_suggest(ask->form, kl_station_config(kl_session_station(session))->name);
    kl_form_dialog_add(ask->dialog, GTK_WIDGET(ask->form));
    kl_form_dialog_set_ready(ask->dialog, FALSE);
    g_signal_connect(ask->form, "changed", G_CALLBACK(on_changed), ask->dialog);
    g_signal_connect(ask->dialog, "destroy", G_CALLBACK(on_destroy), task);
    kl_form_dialog_on_response(ask->dialog, on_response, task);
    gtk_widget_show_all(GTK_WIDGET(ask->dialog));
    gtk_widget_grab_focus(GTK_WIDGET(ask->form));
}

gboolean
kl_ca_dialog_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
