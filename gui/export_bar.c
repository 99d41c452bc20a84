#include "gui/export_bar.h"

#include "gui/export.h"
#include "gui/i18n.h"

#define LOOK_EVERY_MS 200

/* What the thread works on; progress is the only thing that both sides touch meanwhile. */
typedef struct {
    KlSession *session;
    GArray *numbers;
    KlExportFormat format;
    GFile *file;
    int percent; /* atomic */
} Export;

struct _KlExportBar {
    GtkBox parent_instance;
    GtkWidget *menu_button, *progress, *cancel;
    GtkLabel *words;
    KlSession *session;
    GArray *numbers;               /* or NULL */
    GtkFileChooserNative *chooser; /* while it is open */
    KlExportFormat format;
    GCancellable *exporting; /* NULL: no export under way */
    guint timer;
};

G_DEFINE_FINAL_TYPE(KlExportBar, kl_export_bar, GTK_TYPE_BOX)

static void
export_free(gpointer data)
{
    Export *export = data;
    g_object_unref(export->session);
    g_array_unref(export->numbers);
    g_object_unref(export->file);
    g_free(export);
}

static void
kl_export_bar_dispose(GObject *object)
{
    KlExportBar *bar = KL_EXPORT_BAR(object);
    if (bar->exporting != NULL)
        g_cancellable_cancel(bar->exporting);
    g_clear_object(&bar->exporting);
    g_clear_handle_id(&bar->timer, g_source_remove);
    g_clear_object(&bar->chooser);
    g_clear_object(&bar->session);
    g_clear_pointer(&bar->numbers, g_array_unref);
    G_OBJECT_CLASS(kl_export_bar_parent_class)->dispose(object);
}

static void
kl_export_bar_class_init(KlExportBarClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_export_bar_dispose;
}

/* --- writing --- */

static void
show_state(KlExportBar *bar, const char *words)
{
    gboolean busy = bar->exporting != NULL;
    gboolean something = bar->numbers != NULL && bar->numbers->len > 0;
    gtk_widget_set_visible(bar->progress, busy);
    gtk_widget_set_visible(bar->cancel, busy);
    gtk_widget_set_sensitive(bar->menu_button, !busy && something);
    if (words != NULL)
        gtk_label_set_text(bar->words, words);
}

static void
note_progress(double fraction, gpointer data)
{
    g_atomic_int_set(&((Export *)data)->percent, (int)(fraction * 100));
}

static void
export_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    Export *export = data;
    GError *error = NULL;
    const gint64 *numbers = (const gint64 *)(gpointer) export->numbers->data;
    if (kl_export_file(kl_session_reader(export->session), numbers, export->numbers->len, export->format, export->file,
                       note_progress, export, cancel, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void
export_done(GObject *source, GAsyncResult *result, gpointer data)
{
    KlExportBar *bar = KL_EXPORT_BAR(source);
    Export *export = g_task_get_task_data(G_TASK(result));
    g_autoptr(GError) error = NULL;
    gboolean ok = g_task_propagate_boolean(G_TASK(result), &error);
    if (bar->exporting == NULL) /* disposed of meanwhile */
        return;
    g_clear_object(&bar->exporting);
    g_clear_handle_id(&bar->timer, g_source_remove);
    g_autofree char *name = g_file_get_parse_name(export->file);
    g_autofree char *words = NULL;
    if (ok)
        words = g_strdup_printf(_("Exported to %s"), name);
    else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        words = g_strdup(_("Export stopped; no file was written"));
    else
        words = g_strdup_printf(_("Not exported: %s"), error->message);
    show_state(bar, words);
}

static gboolean
look_at_progress(gpointer data)
{
    GTask *task = data;
    KlExportBar *bar = KL_EXPORT_BAR(g_task_get_source_object(task));
    Export *export = g_task_get_task_data(task);
    gtk_progress_bar_set_fraction(GTK_PROGRESS_BAR(bar->progress), g_atomic_int_get(&export->percent) / 100.0);
    return G_SOURCE_CONTINUE;
}

static void
start_export(KlExportBar *bar, GFile *file)
{
    Export *export = g_new0(Export, 1);
    export->session = g_object_ref(bar->session);
    export->numbers = g_array_ref(bar->numbers);
    export->format = bar->format;
    export->file = g_object_ref(file);
    bar->exporting = g_cancellable_new();
    g_autoptr(GTask) task = g_task_new(bar, bar->exporting, export_done, NULL);
    g_task_set_task_data(task, export, export_free);
    gtk_progress_bar_set_fraction(GTK_PROGRESS_BAR(bar->progress), 0);
    bar->timer =
        g_timeout_add_full(G_PRIORITY_DEFAULT, LOOK_EVERY_MS, look_at_progress, g_object_ref(task), g_object_unref);
    show_state(bar, "");
    g_task_run_in_thread(task, export_in_thread);
}

/* --- asking where to --- */

static void
chosen(GtkNativeDialog *dialog, int response, KlExportBar *bar)
{
    if (response == GTK_RESPONSE_ACCEPT && bar->exporting == NULL && bar->numbers != NULL) {
        g_autoptr(GFile) file = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog));
        start_export(bar, file);
    }
    g_clear_object(&bar->chooser);
}

static void
ask_for_file(KlExportBar *bar, KlExportFormat format)
{
    GtkWindow *window = GTK_WINDOW(gtk_widget_get_toplevel(GTK_WIDGET(bar)));
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *day = g_date_time_format(now, "%Y-%m-%d");
    g_autofree char *name = g_strdup_printf("keyline-records-%s.%s", day, format == KL_EXPORT_CSV ? "csv" : "json");
    bar->format = format;
    g_clear_object(&bar->chooser);
    bar->chooser = gtk_file_chooser_native_new(_("Export the found records"), window, GTK_FILE_CHOOSER_ACTION_SAVE,
                                               _("_Export"), NULL);
    gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(bar->chooser), TRUE);
    gtk_file_chooser_set_do_overwrite_confirmation(GTK_FILE_CHOOSER(bar->chooser), TRUE);
    gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(bar->chooser), name);
    g_signal_connect(bar->chooser, "response", G_CALLBACK(chosen), bar);
    gtk_native_dialog_show(GTK_NATIVE_DIALOG(bar->chooser));
}

static void
ask_for_csv(KlExportBar *bar)
{
    ask_for_file(bar, KL_EXPORT_CSV);
}

static void
ask_for_json(KlExportBar *bar)
{
    ask_for_file(bar, KL_EXPORT_JSON);
}

static void
cancel_export(KlExportBar *bar)
{
    if (bar->exporting != NULL)
        g_cancellable_cancel(bar->exporting);
}

/* --- */

static void
add_item(KlExportBar *bar, GtkWidget *menu, const char *label, void (*activate)(KlExportBar *bar))
{
    GtkWidget *item = gtk_menu_item_new_with_mnemonic(label);
    g_signal_connect_swapped(item, "activate", G_CALLBACK(activate), bar);
    gtk_menu_shell_append(GTK_MENU_SHELL(menu), item);
}

static void
kl_export_bar_init(KlExportBar *bar)
{
    gtk_box_set_spacing(GTK_BOX(bar), 8);
    GtkWidget *menu = gtk_menu_new();
    add_item(bar, menu, _("As _CSV, for spreadsheets…"), ask_for_csv);
    add_item(bar, menu, _("As _JSON, for programs…"), ask_for_json);
    gtk_widget_show_all(menu);
    bar->menu_button = gtk_menu_button_new();
    gtk_button_set_label(GTK_BUTTON(bar->menu_button), _("E_xport"));
    gtk_button_set_use_underline(GTK_BUTTON(bar->menu_button), TRUE);
    gtk_button_set_image(GTK_BUTTON(bar->menu_button),
                         gtk_image_new_from_icon_name("pan-down-symbolic", GTK_ICON_SIZE_BUTTON));
    gtk_button_set_image_position(GTK_BUTTON(bar->menu_button), GTK_POS_RIGHT);
    gtk_button_set_always_show_image(GTK_BUTTON(bar->menu_button), TRUE);
    gtk_menu_button_set_popup(GTK_MENU_BUTTON(bar->menu_button), menu);
    bar->words = GTK_LABEL(gtk_label_new(NULL));
    gtk_label_set_ellipsize(bar->words, PANGO_ELLIPSIZE_MIDDLE);
    bar->progress = gtk_progress_bar_new();
    gtk_widget_set_valign(bar->progress, GTK_ALIGN_CENTER);
    atk_object_set_name(gtk_widget_get_accessible(bar->progress), _("Export"));
    bar->cancel = gtk_button_new_with_mnemonic(_("_Stop export"));
    g_signal_connect_swapped(bar->cancel, "clicked", G_CALLBACK(cancel_export), bar);
    gtk_widget_set_no_show_all(bar->progress, TRUE);
    gtk_widget_set_no_show_all(bar->cancel, TRUE);
    gtk_box_pack_end(GTK_BOX(bar), bar->menu_button, FALSE, FALSE, 0);
    gtk_box_pack_end(GTK_BOX(bar), bar->cancel, FALSE, FALSE, 0);
    gtk_box_pack_end(GTK_BOX(bar), bar->progress, FALSE, FALSE, 0);
    gtk_box_pack_end(GTK_BOX(bar), GTK_WIDGET(bar->words), FALSE, TRUE, 0);
    show_state(bar, NULL);
}

GtkWidget *
kl_export_bar_new(KlSession *session)
{
    KlExportBar *bar = g_object_new(KL_TYPE_EXPORT_BAR, NULL);
    bar->session = g_object_ref(session);
    return GTK_WIDGET(bar);
}

void
kl_export_bar_set_numbers(KlExportBar *bar, GArray *numbers)
{
    GArray *before = bar->numbers;
    bar->numbers = numbers != NULL ? g_array_ref(numbers) : NULL;
    g_clear_pointer(&before, g_array_unref);
    show_state(bar, NULL);
}
