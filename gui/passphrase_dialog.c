#include "gui/passphrase_dialog.h"

#include "gui/form_dialog.h"
#include "gui/i18n.h"
#include "gui/secret_entry.h"
#include "gui/setup_parts.h"

static GtkEntry *
entry_of(KlFormDialog *dialog)
{
    return g_object_get_data(G_OBJECT(dialog), "kl-passphrase");
}

static void
on_unlocked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlFormDialog) dialog = data;
    g_autoptr(GError) error = NULL;
    kl_session_unlock_finish(KL_SESSION(source), result, &error);
    kl_form_dialog_settle(dialog, error, GTK_WIDGET(entry_of(dialog)));
}

static void
on_typed(GtkEntry *entry, KlFormDialog *dialog)
{
    kl_form_dialog_set_ready(dialog, gtk_entry_get_text_length(entry) > 0);
}

static void
send(KlFormDialog *dialog, GTask *question)
{
    KlSecret *passphrase = kl_secret_entry_take(entry_of(dialog));
    if (passphrase == NULL)
        return;
    kl_form_dialog_set_busy(dialog, TRUE, NULL);
    kl_session_unlock(g_task_get_source_object(question), passphrase, on_unlocked, g_object_ref(dialog));
}

void
kl_passphrase_dialog_run(GtkWindow *parent, KlSession *session, GAsyncReadyCallback done, gpointer data)
{
    KlFormDialog *dialog = KL_FORM_DIALOG(kl_form_dialog_new(parent, _("Unlock the CA"), _("_Unlock")));
    kl_form_dialog_add(dialog, kl_setup_note(_("Units can be provisioned once the certificate authority is "
                                               "unlocked. It stays so until the program ends.")));
    GtkWidget *grid = g_object_new(GTK_TYPE_GRID, "column-spacing", 12, NULL);
    GtkWidget *entry = kl_secret_entry_new(_("CA passphrase"), GTK_INPUT_PURPOSE_PASSWORD);
    g_object_set_data(G_OBJECT(dialog), "kl-passphrase", entry);
    kl_setup_field(GTK_GRID(grid), 0, _("CA passphrase"), entry);
    kl_form_dialog_add(dialog, grid);
    kl_form_dialog_set_ready(dialog, FALSE);
    g_signal_connect(entry, "changed", G_CALLBACK(on_typed), dialog);
    kl_form_dialog_ask(dialog, g_task_new(session, NULL, done, data), send, FALSE);
}

gboolean
kl_passphrase_dialog_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
