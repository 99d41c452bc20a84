#include "gui/passphrase_dialog.h"

#include "gui/form_dialog.h"
#include "gui/i18n.h"
#include "gui/secret_entry.h"
#include "gui/setup_parts.h"

/* A question under way: the data of the GTask that it ends. */
typedef struct {
    KlFormDialog *dialog; /* NULL when it was closed */
    GtkEntry *entry;
} Ask;

static void
close_dialog(Ask *ask)
{
    GtkWidget *dialog = GTK_WIDGET(ask->dialog);
    ask->dialog = NULL;
    gtk_widget_destroy(dialog);
}

static void
on_unlocked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GTask) task = data;
    g_autoptr(GError) error = NULL;
    Ask *ask = g_task_get_task_data(task);
    gboolean unlocked = kl_session_unlock_finish(KL_SESSION(source), result, &error);
    if (ask->dialog == NULL)
        return;
    if (unlocked) {
        close_dialog(ask);
        g_task_return_boolean(task, TRUE);
        return;
    }
    kl_form_dialog_set_busy(ask->dialog, FALSE, GTK_WIDGET(ask->entry));
    kl_form_dialog_tell_error(ask->dialog, error);
}

static void
on_typed(GtkEntry *entry, KlFormDialog *dialog)
{
    kl_form_dialog_set_ready(dialog, gtk_entry_get_text_length(entry) > 0);
}

static void
on_response(GtkDialog *dialog, int response, gpointer data)
{
    GTask *task = data;
    Ask *ask = g_task_get_task_data(task);
    if (response == GTK_RESPONSE_ACCEPT) {
        KlSecret *passphrase = kl_secret_entry_take(ask->entry);
        if (passphrase == NULL)
            return;
        kl_form_dialog_set_busy(ask->dialog, TRUE, NULL);
        kl_session_unlock(g_task_get_source_object(task), passphrase, on_unlocked, g_object_ref(task));
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
kl_passphrase_dialog_run(GtkWindow *parent, KlSession *session, GAsyncReadyCallback done, gpointer data)
{
    GTask *task = g_task_new(session, NULL, done, data);
    Ask *ask = g_new0(Ask, 1);
    g_task_set_task_data(task, ask, g_free);
    ask->dialog = KL_FORM_DIALOG(kl_form_dialog_new(parent, _("Unlock the CA"), _("_Unlock")));
    kl_form_dialog_add(ask->dialog, kl_setup_note(_("Units can be provisioned once the certificate authority is "
                                                    "unlocked. It stays so until the program ends.")));
    GtkWidget *grid = g_object_new(GTK_TYPE_GRID, "column-spacing", 12, NULL);
    ask->entry = GTK_ENTRY(kl_secret_entry_new(_("CA passphrase"), GTK_INPUT_PURPOSE_PASSWORD));
    kl_setup_field(GTK_GRID(grid), 0, _("CA passphrase"), GTK_WIDGET(ask->entry));
    kl_form_dialog_add(ask->dialog, grid);
    kl_form_dialog_set_ready(ask->dialog, FALSE);
    g_signal_connect(ask->entry, "changed", G_CALLBACK(on_typed), ask->dialog);
    g_signal_connect(ask->dialog, "destroy", G_CALLBACK(on_destroy), task);
    kl_form_dialog_on_response(ask->dialog, on_response, task);
    gtk_widget_show_all(GTK_WIDGET(ask->dialog));
}

gboolean
kl_passphrase_dialog_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
