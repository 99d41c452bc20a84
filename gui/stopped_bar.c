#include "gui/stopped_bar.h"

#include "gui/i18n.h"

struct _KlStoppedBar {
    GtkInfoBar parent_instance;
    GtkLabel *words, *remedy;
};

G_DEFINE_FINAL_TYPE(KlStoppedBar, kl_stopped_bar, GTK_TYPE_INFO_BAR)

static guint resumed_signal;

static void
on_resume(KlStoppedBar *self)
{
    g_signal_emit(self, resumed_signal, 0);
}

static void
kl_stopped_bar_class_init(KlStoppedBarClass *klass)
{
    GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
    resumed_signal =
        g_signal_new("resumed", KL_TYPE_STOPPED_BAR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    gtk_widget_class_set_template_from_resource(widget, "/org/keyline/Station/stopped_bar.ui");
    gtk_widget_class_bind_template_child(widget, KlStoppedBar, words);
    gtk_widget_class_bind_template_child(widget, KlStoppedBar, remedy);
    gtk_widget_class_bind_template_callback(widget, on_resume);
}

static void
kl_stopped_bar_init(KlStoppedBar *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
}

void
kl_stopped_bar_show(KlStoppedBar *self, const char *error_name)
{
    int code = error_name != NULL ? kl_error_from_name(error_name) : -1;
    KlErrorCode known = code >= 0 ? (KlErrorCode)code : KL_ERROR_INTERNAL;
    gtk_widget_set_visible(GTK_WIDGET(self), error_name != NULL);
    gtk_info_bar_set_revealed(GTK_INFO_BAR(self), error_name != NULL);
    if (error_name == NULL)
        return;
    g_autofree char *words = g_strdup_printf(_("The line is stopped. %s"), _(kl_error_words(known)));
    gtk_label_set_text(self->words, words);
    gtk_label_set_text(self->remedy, _(kl_error_remedy(known)));
}
