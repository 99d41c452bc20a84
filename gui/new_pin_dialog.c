#include "gui/new_pin_dialog.h"

#include "gui/form_dialog.h"
#include "gui/i18n.h"
#include "gui/secret_pair.h"
#include "gui/setup_parts.h"
#include "station/supervisor.h"

#define LEAST_CHARS 4 /* as kl_pin_hash wants it */

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
on_changed(KlSecretPair *pair, KlFormDialog *dialog)
{
    kl_form_dialog_set_ready(dialog, kl_secret_pair_complete(pair));
}

static void
send(KlFormDialog *dialog, GTask *question)
{
    KlSecret *pin = kl_secret_pair_take(g_object_get_data(G_OBJECT(dialog), "kl-pair"));
    if (pin != NULL)
        kl_form_dialog_work(dialog, keep_in_thread, pin, (GDestroyNotify)kl_secret_free, NULL);
}

void
kl_new_pin_dialog_run(GtkWindow *parent, KlSession *session, GAsyncReadyCallback done, gpointer data)
{
    KlFormDialog *dialog = KL_FORM_DIALOG(kl_form_dialog_new(parent, _("Supervisor's PIN"), _("_Set PIN")));
    kl_form_dialog_add(dialog, kl_setup_note(_("It is asked for before a unit is provisioned again, a certificate "
                                               "is revoked or the product is changed.")));
    GtkWidget *pair = kl_secret_pair_new(_("New PIN"), _("The same again"), LEAST_CHARS, GTK_INPUT_PURPOSE_PIN);
    g_object_set_data(G_OBJECT(dialog), "kl-pair", pair);
    kl_form_dialog_add(dialog, pair);
    kl_form_dialog_set_ready(dialog, FALSE);
    g_signal_connect(pair, "changed", G_CALLBACK(on_changed), dialog);
    kl_form_dialog_ask(dialog, g_task_new(session, NULL, done, data), send, FALSE);
}

gboolean
kl_new_pin_dialog_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
