#include "gui/new_pin_dialog.h"

#include "gui/form_dialog.h"
#include "gui/i18n.h"
#include "gui/secret_pair.h"
#include "gui/setup_parts.h"
#include "station/supervisor.h"

#define LEAST_CHARS 4 /* as kl_pin_hash wants it */

/* A question under way: the data of the GTask that it ends. */
typedef struct {
    KlFormDialog *dialog; /* NULL when it was closed */
    KlSecretPair *pair;
} Ask;

static void
close_dialog(Ask *ask)
{
    GtkWidget *dialog = GTK_WIDGET(ask->dialog);
    ask->dialog = NULL;
    gtk_widget_destroy(dialog);
}

static void
keep_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    GError *error = NULL;
    if (kl_supervisor_set_pin(kl_station_store(kl_session_station(source)), data, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void
on_kept(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GTask) task = data;
    g_autoptr(GError) error = NULL;
    Ask *ask = g_task_get_task_data(task);
    gboolean kept = g_task_propagate_boolean(G_TASK(result), &error);
    if (ask->dialog == NULL)
        return;
    if (!kept) {
        kl_form_dialog_set_busy(ask->dialog, FALSE, NULL);
        kl_form_dialog_tell_error(ask->dialog, error);
        return;
    }
    close_dialog(ask);
    g_task_return_boolean(task, TRUE);
}

static void
on_changed(KlSecretPair *pair, KlFormDialog *dialog)
{
    kl_form_dialog_set_ready(dialog, kl_secret_pair_complete(pair));
}

static void
on_response(GtkDialog *dialog, int response, gpointer data)
{
    GTask *task = data;
    Ask *ask = g_task_get_task_data(task);
    if (response == GTK_RESPONSE_ACCEPT) {
        KlSecret *pin = kl_secret_pair_take(ask->pair);
        if (pin == NULL)
            return;
        kl_form_dialog_set_busy(ask->dialog, TRUE, NULL);
        g_autoptr(GTask) work = g_task_new(g_task_get_source_object(task), NULL, on_kept, g_object_ref(task));
        g_task_set_task_data(work, pin, (GDestroyNotify)kl_secret_free);
        g_task_run_in_thread(work, keep_in_thread);
        return;
    }
    close_dialog(ask);
    g_task_return_new_error(task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the dialog was closed");
}

/* The window that the dialog belongs to went away, and the dialog with it. */
static void
on_destroy(GtkWidget *dialog, gpointer data)
{
    Ask *ask = g_task_get_task_data(data);
    if (ask->dialog == NULL)
        return;
    ask->dialog = NULL;
    g_task_return_new_error(data, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the dialog was closed");
}

void
kl_new_pin_dialog_run(GtkWindow *parent, KlSession *session, GAsyncReadyCallback done, gpointer data)
{
    GTask *task = g_task_new(session, NULL, done, data);
    Ask *ask = g_new0(Ask, 1);
    g_task_set_task_data(task, ask, g_free);
    ask->dialog = KL_FORM_DIALOG(kl_form_dialog_new(parent, _("Supervisor's PIN"), _("_Set PIN")));
    kl_form_dialog_add(ask->dialog, kl_setup_note(_("It is asked for before a unit is provisioned again, a certificate "
                                                    "is revoked or the product is changed.")));
    ask->pair =
        KL_SECRET_PAIR(kl_secret_pair_new(_("New PIN"), _("The same again"), LEAST_CHARS, GTK_INPUT_PURPOSE_PIN));
    kl_form_dialog_add(ask->dialog, GTK_WIDGET(ask->pair));
    kl_form_dialog_set_ready(ask->dialog, FALSE);
    g_signal_connect(ask->pair, "changed", G_CALLBACK(on_changed), ask->dialog);
    g_signal_connect(ask->dialog, "destroy", G_CALLBACK(on_destroy), task);
    kl_form_dialog_on_response(ask->dialog, on_response, task);
    gtk_widget_show_all(GTK_WIDGET(ask->dialog));
}

gboolean
kl_new_pin_dialog_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
