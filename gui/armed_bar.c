#include "gui/armed_bar.h"

#include "gui/batch_text.h"
#include "gui/i18n.h"

struct _KlArmedBar {
    GtkBox parent_instance;
    KlSession *session;
    GtkLabel *words, *more;
    GtkGrid *causes; /* a label for each, in two columns: the cards need the height */
    GtkWidget *progress;
    GtkWidget *stop, *close;
};

G_DEFINE_FINAL_TYPE(KlArmedBar, kl_armed_bar, GTK_TYPE_BOX)

#define CAUSE_COLUMNS 2

static guint acted_signal;

static void
kl_armed_bar_dispose(GObject *object)
{
    KlArmedBar *self = KL_ARMED_BAR(object);
    if (self->session != NULL)
        g_signal_handlers_disconnect_by_data(self->session, self);
    g_clear_object(&self->session);
    G_OBJECT_CLASS(kl_armed_bar_parent_class)->dispose(object);
}

static void
kl_armed_bar_class_init(KlArmedBarClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_armed_bar_dispose;
    acted_signal = g_signal_new("acted", KL_TYPE_ARMED_BAR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
on_stop(KlArmedBar *self)
{
    kl_session_disarm(self->session);
    g_signal_emit(self, acted_signal, 0);
}

static void
on_close(KlArmedBar *self)
{
    gtk_widget_hide(GTK_WIDGET(self));
    g_signal_emit(self, acted_signal, 0);
}

static void
set_style(KlArmedBar *self, gboolean armed)
{
    GtkStyleContext *style = gtk_widget_get_style_context(GTK_WIDGET(self));
    if (armed)
        gtk_style_context_add_class(style, "armed");
    else
        gtk_style_context_remove_class(style, "armed");
    gtk_widget_set_visible(GTK_WIDGET(self->causes), !armed);
    gtk_widget_set_visible(GTK_WIDGET(self->more), !armed);
    gtk_widget_set_visible(self->progress, armed);
    gtk_widget_set_visible(self->close, !armed);
    gtk_widget_show(GTK_WIDGET(self));
}

static void
show_batch(KlSession *session, KlArmedBar *self)
{
    const KlBatch *batch = kl_session_batch(session);
    if (batch == NULL)
        return;
    g_autofree char *words = kl_batch_text_state(batch);
    guint count = kl_batch_count(batch);
    gtk_label_set_text(self->words, words);
    gtk_progress_bar_set_fraction(GTK_PROGRESS_BAR(self->progress), (double)(count - kl_batch_left(batch)) / count);
    set_style(self, TRUE);
    gtk_widget_set_visible(self->stop, kl_batch_state(batch) != KL_BATCH_STOPPING);
}

static void
destroy_child(GtkWidget *child, gpointer unused)
{
    gtk_widget_destroy(child);
}

static void
show_causes(KlArmedBar *self, const GPtrArray *causes)
{
    gtk_container_foreach(GTK_CONTAINER(self->causes), destroy_child, NULL);
    for (guint i = 0; i < causes->len; i++) {
        g_autofree char *text = kl_batch_text_cause(g_ptr_array_index(causes, i));
        GtkWidget *label = gtk_label_new(text);
        g_object_set(label, "xalign", 0.0, "wrap", TRUE, "hexpand", TRUE, "visible", TRUE, NULL);
        gtk_grid_attach(self->causes, label, (int)(i % CAUSE_COLUMNS), (int)(i / CAUSE_COLUMNS), 1, 1);
    }
}

static void
show_report(KlSession *session, const KlBatch *batch, KlArmedBar *self)
{
    g_autoptr(KlBatchReport) report = kl_batch_report_new(kl_batch_records(batch));
    g_autofree char *words = kl_batch_text_result(batch, report);
    g_autofree char *more = kl_batch_text_more(batch, report);
    gtk_label_set_text(self->words, words);
    gtk_label_set_text(self->more, more);
    show_causes(self, report->causes);
    set_style(self, FALSE);
    gtk_widget_hide(self->stop);
}

static GtkWidget *
new_button(const char *mnemonic)
{
    GtkWidget *button = gtk_button_new_with_mnemonic(mnemonic);
    g_object_set(button, "focus-on-click", FALSE, "valign", GTK_ALIGN_CENTER, NULL);
    return button;
}

static void
kl_armed_bar_init(KlArmedBar *self)
{
    GtkWidget *texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
    GtkWidget *head = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 20);
    self->words = GTK_LABEL(gtk_label_new(NULL));
    self->more = GTK_LABEL(gtk_label_new(NULL));
    self->causes = g_object_new(GTK_TYPE_GRID, "column-spacing", 20, "column-homogeneous", TRUE, NULL);
    self->progress = gtk_progress_bar_new();
    gtk_widget_set_valign(self->progress, GTK_ALIGN_CENTER);
    self->stop = new_button(_("Stop _after current"));
    self->close = new_button(_("_Dismiss"));
    g_object_set(self->words, "xalign", 0.0, "wrap", TRUE, NULL);
    g_object_set(self->more, "xalign", 0.0, "wrap", TRUE, "selectable", TRUE, "can-focus", FALSE, NULL);
    atk_object_set_name(gtk_widget_get_accessible(self->progress), _("Batch progress"));
    gtk_style_context_add_class(gtk_widget_get_style_context(GTK_WIDGET(self->words)), "armed-words");
    gtk_style_context_add_class(gtk_widget_get_style_context(GTK_WIDGET(self)), "armed-bar");
    gtk_box_pack_start(GTK_BOX(head), GTK_WIDGET(self->words), FALSE, FALSE, 0);
    gtk_box_pack_start(GTK_BOX(head), self->progress, TRUE, TRUE, 0);
    gtk_box_pack_start(GTK_BOX(texts), head, TRUE, TRUE, 0);
    gtk_container_add(GTK_CONTAINER(texts), GTK_WIDGET(self->causes));
    gtk_container_add(GTK_CONTAINER(texts), GTK_WIDGET(self->more));
    gtk_box_set_spacing(GTK_BOX(self), 20);
    gtk_box_pack_start(GTK_BOX(self), texts, TRUE, TRUE, 0);
    gtk_box_pack_start(GTK_BOX(self), self->stop, FALSE, FALSE, 0);
    gtk_box_pack_start(GTK_BOX(self), self->close, FALSE, FALSE, 0);
    gtk_widget_show_all(GTK_WIDGET(self));
    gtk_widget_hide(GTK_WIDGET(self));
    gtk_widget_set_no_show_all(GTK_WIDGET(self), TRUE);
    g_signal_connect_swapped(self->stop, "clicked", G_CALLBACK(on_stop), self);
    g_signal_connect_swapped(self->close, "clicked", G_CALLBACK(on_close), self);
}

GtkWidget *
kl_armed_bar_new(KlSession *session)
{
    KlArmedBar *self = g_object_new(KL_TYPE_ARMED_BAR, NULL);
    self->session = g_object_ref(session);
    g_signal_connect(session, "changed", G_CALLBACK(show_batch), self);
    g_signal_connect(session, "batch-ended", G_CALLBACK(show_report), self);
    return GTK_WIDGET(self);
}
