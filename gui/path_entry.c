#include "gui/path_entry.h"

#include "gui/i18n.h"
#include "gui/setup_parts.h"

struct _KlPathEntry {
    GtkBox parent_instance;

    GtkEntry *entry;
    char *name;
};

G_DEFINE_FINAL_TYPE(KlPathEntry, kl_path_entry, GTK_TYPE_BOX)

static guint changed_signal;

static void
kl_path_entry_finalize(GObject *object)
{
    g_free(KL_PATH_ENTRY(object)->name);
    G_OBJECT_CLASS(kl_path_entry_parent_class)->finalize(object);
}

static void
kl_path_entry_class_init(KlPathEntryClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = kl_path_entry_finalize;
    changed_signal =
        g_signal_new("changed", KL_TYPE_PATH_ENTRY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
kl_path_entry_init(KlPathEntry *path)
{
}

static void
tell_changed(KlPathEntry *path)
{
    g_signal_emit(path, changed_signal, 0);
}

static void
on_chosen(GtkDialog *dialog, int response, KlPathEntry *path)
{
    g_autofree char *file =
        response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_filename(GTK_FILE_CHOOSER(dialog)) : NULL;
    if (file != NULL)
        gtk_entry_set_text(path->entry, file);
    gtk_widget_destroy(GTK_WIDGET(dialog));
}

static void
on_browse(KlPathEntry *path)
{
    GtkWidget *dialog =
        gtk_file_chooser_dialog_new(path->name, kl_setup_window(GTK_WIDGET(path)), GTK_FILE_CHOOSER_ACTION_OPEN,
                                    _("_Cancel"), GTK_RESPONSE_CANCEL, _("_Open"), GTK_RESPONSE_ACCEPT, NULL);
    gtk_window_set_modal(GTK_WINDOW(dialog), TRUE);
    gtk_window_set_destroy_with_parent(GTK_WINDOW(dialog), TRUE);
    g_signal_connect_object(dialog, "response", G_CALLBACK(on_chosen), path, 0);
    gtk_widget_show_all(dialog);
}

GtkWidget *
kl_path_entry_new(const char *name)
{
    KlPathEntry *path = g_object_new(KL_TYPE_PATH_ENTRY, "spacing", 6, NULL);
    path->name = g_strdup(name);
    path->entry = GTK_ENTRY(gtk_entry_new());
    gtk_entry_set_activates_default(path->entry, TRUE);
    gtk_widget_set_hexpand(GTK_WIDGET(path->entry), TRUE);
    atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(path->entry)), name);
    GtkWidget *browse = gtk_button_new_from_icon_name("document-open-symbolic", GTK_ICON_SIZE_BUTTON);
    g_autofree char *browse_name = g_strdup_printf(_("Choose: %s"), name);
    atk_object_set_name(gtk_widget_get_accessible(browse), browse_name);
    gtk_widget_set_tooltip_text(browse, _("Choose a file"));
    gtk_container_add(GTK_CONTAINER(path), GTK_WIDGET(path->entry));
    gtk_container_add(GTK_CONTAINER(path), browse);
    g_signal_connect_swapped(path->entry, "changed", G_CALLBACK(tell_changed), path);
    g_signal_connect_swapped(browse, "clicked", G_CALLBACK(on_browse), path);
    return GTK_WIDGET(path);
}

GtkEntry *
kl_path_entry_get_entry(KlPathEntry *path)
{
    return path->entry;
}

char *
kl_path_entry_get(KlPathEntry *path)
{
    char *text = g_strstrip(g_strdup(gtk_entry_get_text(path->entry)));
    if (*text == '\0')
        g_clear_pointer(&text, g_free);
    return text;
}

gboolean
kl_path_entry_is_file(KlPathEntry *path)
{
    g_autofree char *file = kl_path_entry_get(path);
    return file != NULL && g_file_test(file, G_FILE_TEST_IS_REGULAR);
}
