#include "gui/form_dialog.h"

#include "gui/i18n.h"
#include "station/error.h"

struct _KlFormDialog {
    GtkDialog parent_instance;

    GtkWidget *form;
    GtkWidget *trouble; /* icon and words */
    GtkLabel *words;
    GtkSpinner *spinner;
    gboolean ready, busy;

    GTask *question; /* NULL when there is none, or it has ended */
    KlFormSend send;
    gboolean binding, open;
};

G_DEFINE_FINAL_TYPE(KlFormDialog, kl_form_dialog, GTK_TYPE_DIALOG)

/* Closed by a button, or together with its parent. */
static void
kl_form_dialog_destroy(GtkWidget *widget)
{
    KlFormDialog *dialog = KL_FORM_DIALOG(widget);
    dialog->open = FALSE;
    if (dialog->question != NULL && !(dialog->busy && dialog->binding)) {
        g_autoptr(GTask) question = g_steal_pointer(&dialog->question);
        g_task_return_new_error(question, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the dialog was closed");
    }
    GTK_WIDGET_CLASS(kl_form_dialog_parent_class)->destroy(widget);
}

static void
kl_form_dialog_response(GtkDialog *gtk_dialog, int response)
{
    KlFormDialog *dialog = KL_FORM_DIALOG(gtk_dialog);
    if (response != GTK_RESPONSE_ACCEPT)
        gtk_widget_destroy(GTK_WIDGET(dialog));
    else if (dialog->question != NULL && !dialog->busy)
        dialog->send(dialog, dialog->question);
}

static void
kl_form_dialog_class_init(KlFormDialogClass *klass)
{
    GTK_WIDGET_CLASS(klass)->destroy = kl_form_dialog_destroy;
    GTK_DIALOG_CLASS(klass)->response = kl_form_dialog_response;
}

static void
kl_form_dialog_init(KlFormDialog *dialog)
{
    dialog->ready = TRUE;
}

static GtkWidget *
new_trouble(KlFormDialog *dialog)
{
    dialog->trouble = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8);
    dialog->words = GTK_LABEL(gtk_label_new(NULL));
    g_object_set(dialog->words, "xalign", 0.0, "wrap", TRUE, "max-width-chars", 44, "width-chars", 36, NULL);
    atk_object_set_role(gtk_widget_get_accessible(GTK_WIDGET(dialog->words)), ATK_ROLE_ALERT);
    gtk_container_add(GTK_CONTAINER(dialog->trouble),
                      gtk_image_new_from_icon_name("dialog-warning-symbolic", GTK_ICON_SIZE_BUTTON));
    gtk_container_add(GTK_CONTAINER(dialog->trouble), GTK_WIDGET(dialog->words));
    gtk_widget_show_all(dialog->trouble);
    gtk_widget_set_no_show_all(dialog->trouble, TRUE);
    gtk_widget_hide(dialog->trouble);
    return dialog->trouble;
}

GtkWidget *
kl_form_dialog_new(GtkWindow *parent, const char *title, const char *accept)
{
    KlFormDialog *dialog = g_object_new(KL_TYPE_FORM_DIALOG, "title", title, "modal", TRUE, "transient-for", parent,
                                        "resizable", FALSE, "destroy-with-parent", TRUE, "use-header-bar", TRUE, NULL);
    gtk_dialog_add_buttons(GTK_DIALOG(dialog), _("_Cancel"), GTK_RESPONSE_CANCEL, accept, GTK_RESPONSE_ACCEPT, NULL);
    gtk_dialog_set_default_response(GTK_DIALOG(dialog), GTK_RESPONSE_ACCEPT);
    GtkWidget *button = gtk_dialog_get_widget_for_response(GTK_DIALOG(dialog), GTK_RESPONSE_ACCEPT);
    gtk_style_context_add_class(gtk_widget_get_style_context(button), "suggested-action");

    dialog->spinner = GTK_SPINNER(gtk_spinner_new());
    gtk_header_bar_pack_end(GTK_HEADER_BAR(gtk_dialog_get_header_bar(GTK_DIALOG(dialog))), GTK_WIDGET(dialog->spinner));
    GtkWidget *area = gtk_dialog_get_content_area(GTK_DIALOG(dialog));
    g_object_set(area, "margin", 18, "spacing", 12, NULL);
    dialog->form = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
    gtk_container_add(GTK_CONTAINER(area), dialog->form);
    gtk_container_add(GTK_CONTAINER(area), new_trouble(dialog));
    return GTK_WIDGET(dialog);
}

void
kl_form_dialog_add(KlFormDialog *dialog, GtkWidget *widget)
{
    gtk_container_add(GTK_CONTAINER(dialog->form), widget);
}

static void
update(KlFormDialog *dialog)
{
    gtk_widget_set_sensitive(dialog->form, !dialog->busy);
    gtk_dialog_set_response_sensitive(GTK_DIALOG(dialog), GTK_RESPONSE_ACCEPT, dialog->ready && !dialog->busy);
}

void
kl_form_dialog_set_ready(KlFormDialog *dialog, gboolean ready)
{
    dialog->ready = ready;
    update(dialog);
}

void
kl_form_dialog_set_busy(KlFormDialog *dialog, gboolean busy, GtkWidget *focus)
{
    dialog->busy = busy;
    update(dialog);
    g_object_set(dialog->spinner, "active", busy, NULL);
    if (busy)
        kl_form_dialog_tell(dialog, NULL);
    else if (focus != NULL)
        gtk_widget_grab_focus(focus);
}

void
kl_form_dialog_tell(KlFormDialog *dialog, const char *words)
{
    gtk_label_set_text(dialog->words, words != NULL ? words : "");
    gtk_widget_set_visible(dialog->trouble, words != NULL);
}

void
kl_form_dialog_tell_error(KlFormDialog *dialog, const GError *error)
{
    KlErrorCode code = kl_error_code(error);
    g_message("%s: %s", kl_error_name(code), error->message);
    g_autofree char *words = g_strdup_printf("%s\n%s", _(kl_error_words(code)), _(kl_error_remedy(code)));
    kl_form_dialog_tell(dialog, words);
}

/* --- a question --- */

void
kl_form_dialog_ask(KlFormDialog *dialog, GTask *question, KlFormSend send, gboolean binding)
{
    dialog->question = question;
    dialog->send = send;
    dialog->binding = binding;
    dialog->open = TRUE;
    gtk_widget_show_all(GTK_WIDGET(dialog));
}

gboolean
kl_form_dialog_is_open(KlFormDialog *dialog)
{
    return dialog->open;
}

static void
on_worked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlFormDialog) dialog = data;
    g_autoptr(GError) error = NULL;
    g_task_propagate_boolean(G_TASK(result), &error);
    kl_form_dialog_settle(dialog, error, NULL);
}

void
kl_form_dialog_work(KlFormDialog *dialog, GTaskThreadFunc work, gpointer data, GDestroyNotify free_data,
                    GAsyncReadyCallback done)
{
    kl_form_dialog_set_busy(dialog, TRUE, NULL);
    g_autoptr(GTask) task = g_task_new(g_task_get_source_object(dialog->question), NULL,
                                       done != NULL ? done : on_worked, g_object_ref(dialog));
    g_task_set_task_data(task, data, free_data);
    g_task_run_in_thread(task, work);
}

GTask *
kl_form_dialog_take(KlFormDialog *dialog)
{
    GTask *question = g_steal_pointer(&dialog->question);
    if (dialog->open)
        gtk_widget_destroy(GTK_WIDGET(dialog));
    return question;
}

void
kl_form_dialog_settle(KlFormDialog *dialog, const GError *error, GtkWidget *focus)
{
    if (dialog->question == NULL)
        return;
    if (error != NULL && dialog->open) {
        kl_form_dialog_set_busy(dialog, FALSE, focus);
        kl_form_dialog_tell_error(dialog, error);
        return;
    }
    g_autoptr(GTask) question = kl_form_dialog_take(dialog);
    if (error == NULL)
        g_task_return_boolean(question, TRUE);
    else
        g_task_return_error(question, g_error_copy(error));
}
