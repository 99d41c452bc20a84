#include "gui/details_dialog.h"

#include "gui/i18n.h"
#include "gui/record_text.h"
#include "gui/timeline.h"
#include "gui/verdict.h"

struct _KlDetailsDialog {
    GtkDialog parent_instance;
    GtkStack *stack;
    GtkWidget *banner;
    GtkImage *icon;
    GtkLabel *word, *words, *remedy;
    GtkGrid *facts;
    KlTimeline *timeline;
    GtkTextView *transcript;
    GtkWidget *copy;
    char *text; /* the record as text, for the clipboard */
};

G_DEFINE_FINAL_TYPE(KlDetailsDialog, kl_details_dialog, GTK_TYPE_DIALOG)

static void
kl_details_dialog_finalize(GObject *object)
{
    g_free(KL_DETAILS_DIALOG(object)->text);
    G_OBJECT_CLASS(kl_details_dialog_parent_class)->finalize(object);
}

static void
kl_details_dialog_class_init(KlDetailsDialogClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = kl_details_dialog_finalize;
    g_type_ensure(KL_TYPE_TIMELINE);
    GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
    gtk_widget_class_set_template_from_resource(widget, "/org/keyline/Station/details_dialog.ui");
    gtk_widget_class_bind_template_child(widget, KlDetailsDialog, stack);
    gtk_widget_class_bind_template_child(widget, KlDetailsDialog, banner);
    gtk_widget_class_bind_template_child(widget, KlDetailsDialog, icon);
    gtk_widget_class_bind_template_child(widget, KlDetailsDialog, word);
    gtk_widget_class_bind_template_child(widget, KlDetailsDialog, words);
    gtk_widget_class_bind_template_child(widget, KlDetailsDialog, remedy);
    gtk_widget_class_bind_template_child(widget, KlDetailsDialog, facts);
    gtk_widget_class_bind_template_child(widget, KlDetailsDialog, timeline);
    gtk_widget_class_bind_template_child(widget, KlDetailsDialog, transcript);
}

static void
on_copy(KlDetailsDialog *self)
{
    gtk_clipboard_set_text(gtk_widget_get_clipboard(GTK_WIDGET(self), GDK_SELECTION_CLIPBOARD), self->text, -1);
}

static void
kl_details_dialog_init(KlDetailsDialog *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
    GtkHeaderBar *header = GTK_HEADER_BAR(gtk_dialog_get_header_bar(GTK_DIALOG(self)));
    GtkWidget *switcher = gtk_stack_switcher_new();
    gtk_stack_switcher_set_stack(GTK_STACK_SWITCHER(switcher), self->stack);
    gtk_widget_show(switcher);
    gtk_header_bar_set_custom_title(header, switcher);
    self->copy = gtk_button_new_with_mnemonic(_("_Copy"));
    gtk_widget_set_tooltip_text(self->copy, _("Copy the whole record as text"));
    gtk_widget_set_sensitive(self->copy, FALSE);
    gtk_widget_show(self->copy);
    g_signal_connect_swapped(self->copy, "clicked", G_CALLBACK(on_copy), self);
    gtk_header_bar_pack_start(header, self->copy);
}

/* --- summary --- */

static void
show_text(GtkLabel *label, const char *text)
{
    gtk_label_set_text(label, text != NULL ? text : "");
    gtk_widget_set_visible(GTK_WIDGET(label), text != NULL);
}

static void
show_banner(KlDetailsDialog *self, const KlRecord *record)
{
    const KlVerdictLook *look = kl_verdict_look(kl_verdict_state(record));
    gtk_style_context_add_class(gtk_widget_get_style_context(self->banner), look->style);
    gtk_image_set_from_icon_name(self->icon, look->icon, GTK_ICON_SIZE_DIALOG);
    gtk_label_set_text(self->word, _(look->word));
    show_text(self->words, record->already_provisioned ? _("already done, verified") : kl_verdict_words(record));
    show_text(self->remedy, kl_verdict_remedy(record));
}

static void
add_fact(KlDetailsDialog *self, const char *name, const char *value)
{
    GtkWidget *left = gtk_label_new(name);
    GtkWidget *right = gtk_label_new(value);
    gtk_label_set_xalign(GTK_LABEL(left), 1);
    gtk_widget_set_valign(left, GTK_ALIGN_START);
    gtk_label_set_xalign(GTK_LABEL(right), 0);
    gtk_label_set_line_wrap(GTK_LABEL(right), TRUE);
    gtk_label_set_line_wrap_mode(GTK_LABEL(right), PANGO_WRAP_WORD_CHAR);
    gtk_label_set_selectable(GTK_LABEL(right), TRUE);
    atk_object_add_relationship(gtk_widget_get_accessible(right), ATK_RELATION_LABELLED_BY,
                                gtk_widget_get_accessible(left));
    gtk_style_context_add_class(gtk_widget_get_style_context(left), "details-caption");
    gtk_grid_attach_next_to(self->facts, left, NULL, GTK_POS_BOTTOM, 1, 1);
    gtk_grid_attach_next_to(self->facts, right, left, GTK_POS_RIGHT, 1, 1);
    gtk_widget_show(left);
    gtk_widget_show(right);
}

static void
show_record(KlDetailsDialog *self, const KlRecord *record)
{
    g_autofree char *transcript = record->transcript != NULL ? g_utf8_make_valid(record->transcript, -1) : NULL;
    g_autoptr(GPtrArray) facts = kl_record_facts(record, NULL);
    show_banner(self, record);
    for (guint i = 0; i < facts->len; i++) {
        const KlFact *fact = g_ptr_array_index(facts, i);
        add_fact(self, fact->name, fact->value);
    }
    kl_timeline_set_record(self->timeline, record);
    gtk_text_buffer_set_text(gtk_text_view_get_buffer(self->transcript),
                             transcript != NULL ? transcript : _("Nothing was said over the wire."), -1);
    self->text = kl_record_text(record, NULL, NULL);
    gtk_widget_set_sensitive(self->copy, TRUE);
}

/* --- reading it --- */

typedef struct {
    KlStore *store; /* borrowed from the session, which the task holds */
    char *id;
} Query;

static void
query_free(gpointer data)
{
    Query *query = data;
    g_free(query->id);
    g_free(query);
}

static void
read_record(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    Query *query = data;
    GError *error = NULL;
    KlRecord *record = query->store->klass->record(query->store, query->id, &error);
    if (record != NULL)
        g_task_return_pointer(task, record, (GDestroyNotify)kl_record_free);
    else
        g_task_return_error(task, error);
}

static void
record_read(GObject *session, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlDetailsDialog) self = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(KlRecord) record = g_task_propagate_pointer(G_TASK(result), &error);
    if (gtk_widget_in_destruction(GTK_WIDGET(self)) || self->word == NULL)
        return;
    if (record != NULL) {
        show_record(self, record);
        return;
    }
    KlErrorCode code = kl_error_code(error);
    gtk_label_set_text(self->word, _("The record can't be read"));
    show_text(self->words, _(kl_error_words(code)));
    show_text(self->remedy, _(kl_error_remedy(code)));
    g_autofree char *detail = kl_record_safe(error->message);
    add_fact(self, _("Technical detail"), detail);
}

void
kl_details_dialog_show(GtkWindow *parent, KlSession *session, const char *record_id)
{
    KlDetailsDialog *self = g_object_new(KL_TYPE_DETAILS_DIALOG, "use-header-bar", TRUE, "title", _("Details"),
                                         "transient-for", parent, "destroy-with-parent", TRUE, NULL);
    g_autoptr(GTask) task = g_task_new(session, NULL, record_read, g_object_ref(self));
    Query *query = g_new(Query, 1);
    query->store = kl_session_reader(session);
    query->id = g_strdup(record_id);
    g_task_set_task_data(task, query, query_free);
    g_task_run_in_thread(task, read_record);
    g_signal_connect(self, "response", G_CALLBACK(gtk_widget_destroy), NULL);
    gtk_window_present(GTK_WINDOW(self));
}
