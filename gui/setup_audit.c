#include "gui/i18n.h"
#include "gui/setup_parts.h"
#include "gui/setup_sections.h"
#include "station/error.h"
#include "station/station_audit.h"

#define LOOK_EVERY_MS 200

/* The section; belongs to its widget. */
typedef struct {
    KlSession *session;
    GCancellable *gone; /* cancelled when the widget is destroyed: an export then ends, too */
    GtkWidget *widget;
    GtkWidget *checkpoint, *export;
    GtkLabel *seal, *last, *checkpoint_words, *export_words;
    GtkFileChooserNative *chooser; /* while it is open */
    int percent;                   /* of the export under way; atomic */
    guint timer;
} Audit;

static void
audit_free(gpointer data)
{
    Audit *audit = data;
    g_clear_handle_id(&audit->timer, g_source_remove);
    g_clear_object(&audit->chooser);
    g_object_unref(audit->gone);
    g_object_unref(audit->session);
    g_free(audit);
}

static Audit *
audit_of(gpointer widget)
{
    return g_object_get_data(G_OBJECT(widget), "kl-audit");
}

static gboolean
is_gone(gpointer widget)
{
    return g_cancellable_is_cancelled(audit_of(widget)->gone);
}

static const char *
folder_of(const Audit *audit)
{
    return kl_station_config(kl_session_station(audit->session))->dir;
}

/* --- what is there --- */

typedef struct {
    char *fingerprint;
    KlStationCheckpoint last;
} Shown;

static void
shown_free(gpointer data)
{
    Shown *shown = data;
    g_free(shown->fingerprint);
    kl_station_checkpoint_clear(&shown->last);
    g_free(shown);
}

static void
read_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const char *dir = folder_of(audit_of(source));
    Shown *shown = g_new0(Shown, 1);
    GError *error = NULL;
    shown->fingerprint = kl_station_audit_fingerprint(dir, &error);
    if (shown->fingerprint != NULL && kl_station_audit_last(dir, &shown->last, &error)) {
        g_task_return_pointer(task, shown, shown_free);
        return;
    }
    shown_free(shown);
    g_task_return_error(task, error);
}

/* Event, time and hash: what stands on a slip of paper, too. */
static void
show_last(const Audit *audit, const KlStationCheckpoint *last)
{
    if (last->line == NULL) {
        kl_setup_row_set(audit->last, _("None yet"));
        return;
    }
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, last->n);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(last->time_us / G_USEC_PER_SEC);
    g_autofree char *when = time != NULL ? g_date_time_format(time, "%x %X") : g_strdup("-");
    g_autofree char *words = g_strdup_printf(_("Event %s, %s\n%s"), number, when, last->hash);
    kl_setup_row_set(audit->last, words);
}

static void
on_read(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    Shown *shown = g_task_propagate_pointer(G_TASK(result), &error);
    if (!is_gone(source)) {
        Audit *audit = audit_of(source);
        gtk_widget_set_sensitive(audit->checkpoint, shown != NULL);
        gtk_widget_set_sensitive(audit->export, shown != NULL);
        kl_setup_row_set(audit->seal, shown != NULL ? shown->fingerprint : _(kl_error_words(kl_error_code(error))));
        if (shown != NULL)
            show_last(audit, &shown->last);
    }
    g_clear_pointer(&shown, shown_free);
}

static void
read_again(Audit *audit)
{
    g_autoptr(GTask) task = g_task_new(audit->widget, NULL, on_read, NULL);
    g_task_run_in_thread(task, read_in_thread);
}

/* --- asking where to --- */

static void
ask(Audit *audit, const char *title, const char *name, GCallback chosen)
{
    g_clear_object(&audit->chooser);
    audit->chooser =
        gtk_file_chooser_native_new(title, kl_setup_window(audit->widget), GTK_FILE_CHOOSER_ACTION_SAVE, NULL, NULL);
    gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(audit->chooser), TRUE);
    gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(audit->chooser), name);
    g_signal_connect(audit->chooser, "response", chosen, audit->widget);
    gtk_native_dialog_show(GTK_NATIVE_DIALOG(audit->chooser));
}

/* The path that was chosen, or NULL. Ends the dialog. The caller frees. */
static char *
take_path(Audit *audit, int response)
{
    g_autoptr(GFile) file =
        response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(audit->chooser)) : NULL;
    g_clear_object(&audit->chooser);
    return file != NULL ? g_file_get_path(file) : NULL;
}

static void
tell_written(Audit *audit, GtkLabel *label, const char *path)
{
    g_autofree char *words = g_strdup_printf(_("Written to %s"), path);
    kl_setup_row_set(label, words);
    read_again(audit);
}

/* --- a checkpoint --- */

static void
checkpoint_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    g_auto(KlStationCheckpoint) checkpoint = {0};
    GError *error = NULL;
    if (kl_station_audit_checkpoint(folder_of(audit_of(source)), "request", &checkpoint, &error) &&
        kl_station_audit_append(data, checkpoint.line, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void
on_checkpoint_written(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = g_task_propagate_boolean(G_TASK(result), &error);
    if (is_gone(source))
        return;
    Audit *audit = audit_of(source);
    gtk_widget_set_sensitive(audit->checkpoint, TRUE);
    if (ok)
        tell_written(audit, audit->checkpoint_words, g_task_get_task_data(G_TASK(result)));
    else
        kl_setup_tell(audit->widget, error);
}

static void
on_checkpoint_chosen(GtkNativeDialog *dialog, int response, GtkWidget *widget)
{
    Audit *audit = audit_of(widget);
    char *path = take_path(audit, response);
    if (path == NULL)
        return;
    gtk_widget_set_sensitive(audit->checkpoint, FALSE);
    g_autoptr(GTask) task = g_task_new(widget, NULL, on_checkpoint_written, NULL);
    g_task_set_task_data(task, path, g_free);
    g_task_run_in_thread(task, checkpoint_in_thread);
}

/* A file that is there gets one line more. */
static void
on_checkpoint(GtkButton *button, GtkWidget *widget)
{
    ask(audit_of(widget), _("Keep a checkpoint"), "keyline-checkpoints.jsonl", G_CALLBACK(on_checkpoint_chosen));
}

/* --- an export --- */

static void
note_progress(double fraction, gpointer data)
{
    g_atomic_int_set(&((Audit *)data)->percent, (int)(fraction * 100));
}

static void
export_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    Audit *audit = audit_of(source);
    const KlAuditRequest everything = {0};
    const KlAuditProgress progress = {note_progress, audit, cancel};
    g_auto(KlStationExported) exported = {0};
    GError *error = NULL;
    if (kl_station_audit_export(folder_of(audit), &everything, "export", data, &progress, &exported, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void
on_exported(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = g_task_propagate_boolean(G_TASK(result), &error);
    if (is_gone(source))
        return;
    Audit *audit = audit_of(source);
    g_clear_handle_id(&audit->timer, g_source_remove);
    gtk_widget_set_sensitive(audit->export, TRUE);
    kl_setup_row_set(audit->export_words, "");
    if (ok)
        tell_written(audit, audit->export_words, g_task_get_task_data(G_TASK(result)));
    else
        kl_setup_tell(audit->widget, error);
}

static gboolean
look_at_progress(gpointer data)
{
    Audit *audit = data;
    if (g_cancellable_is_cancelled(audit->gone)) {
        audit->timer = 0;
        return G_SOURCE_REMOVE;
    }
    g_autofree char *words = g_strdup_printf(_("Exporting: %u %%"), (guint)g_atomic_int_get(&audit->percent));
    kl_setup_row_set(audit->export_words, words);
    return G_SOURCE_CONTINUE;
}

static void
on_export_chosen(GtkNativeDialog *dialog, int response, GtkWidget *widget)
{
    Audit *audit = audit_of(widget);
    char *path = take_path(audit, response);
    if (path == NULL)
        return;
    gtk_widget_set_sensitive(audit->export, FALSE);
    g_atomic_int_set(&audit->percent, 0);
    g_clear_handle_id(&audit->timer, g_source_remove);
    audit->timer = g_timeout_add(LOOK_EVERY_MS, look_at_progress, audit);
    g_autoptr(GTask) task = g_task_new(widget, audit->gone, on_exported, NULL);
    g_task_set_task_data(task, path, g_free);
    g_task_run_in_thread(task, export_in_thread);
}

static void
on_export(GtkButton *button, GtkWidget *widget)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *name = g_date_time_format(now, "keyline-journal-%Y-%m-%d.tar");
    ask(audit_of(widget), _("Export the journal"), name, G_CALLBACK(on_export_chosen));
}

/* --- the section --- */

/* Who audits may do both: they change nothing of what is audited. */
GtkWidget *
kl_setup_audit_new(KlSession *session)
{
    Audit *audit = g_new0(Audit, 1);
    audit->session = g_object_ref(session);
    audit->gone = g_cancellable_new();
    audit->widget = kl_setup_section(_("Journal"), _("What happened at the station, for others to check."));
    g_object_set_data_full(G_OBJECT(audit->widget), "kl-audit", audit, audit_free);
    g_signal_connect_swapped(audit->widget, "destroy", G_CALLBACK(g_cancellable_cancel), audit->gone);

    GtkListBox *list = kl_setup_list(audit->widget);
    audit->seal = kl_setup_row(list, _("Seal"), NULL);
    audit->last = kl_setup_row(list, _("Last checkpoint"), NULL);
    audit->checkpoint = gtk_button_new_with_mnemonic(_("_Checkpoint…"));
    audit->export = gtk_button_new_with_mnemonic(_("_Export…"));
    audit->checkpoint_words =
        kl_setup_control(list, _("Keep a checkpoint"),
                         _("Signs the journal as it stands, to be kept away from the station."), audit->checkpoint);
    audit->export_words =
        kl_setup_control(list, _("Export the journal"),
                         _("The whole journal with records and certificates, signed, in a new file."), audit->export);
    gtk_widget_set_sensitive(audit->checkpoint, FALSE);
    gtk_widget_set_sensitive(audit->export, FALSE);
    g_signal_connect(audit->checkpoint, "clicked", G_CALLBACK(on_checkpoint), audit->widget);
    g_signal_connect(audit->export, "clicked", G_CALLBACK(on_export), audit->widget);
    g_signal_connect_swapped(audit->widget, "map", G_CALLBACK(read_again), audit);
    return audit->widget;
}
