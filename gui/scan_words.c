#include "gui/scan_words.h"

struct _KlScanWords {
    GtkLabel parent_instance;
    char *hint;
    guint timer;      /* while something said stands */
    gboolean refused; /* it was a refusal */
};

G_DEFINE_FINAL_TYPE(KlScanWords, kl_scan_words, GTK_TYPE_LABEL)

#define SAY_S 8

static void
kl_scan_words_dispose(GObject *object)
{
    KlScanWords *self = KL_SCAN_WORDS(object);
    g_clear_handle_id(&self->timer, g_source_remove);
    g_clear_pointer(&self->hint, g_free);
    G_OBJECT_CLASS(kl_scan_words_parent_class)->dispose(object);
}

static void
kl_scan_words_class_init(KlScanWordsClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_scan_words_dispose;
}

static void
kl_scan_words_init(KlScanWords *self)
{
    gtk_style_context_add_class(gtk_widget_get_style_context(GTK_WIDGET(self)), "scan-words");
}

GtkWidget *
kl_scan_words_new(void)
{
    return g_object_new(KL_TYPE_SCAN_WORDS, "visible", TRUE, "halign", GTK_ALIGN_START, "ellipsize",
                        PANGO_ELLIPSIZE_END, NULL);
}

static void
show(KlScanWords *self, const char *text, const char *style)
{
    GtkStyleContext *context = gtk_widget_get_style_context(GTK_WIDGET(self));
    gtk_style_context_remove_class(context, "good");
    gtk_style_context_remove_class(context, "refused");
    if (style != NULL)
        gtk_style_context_add_class(context, style);
    gtk_label_set_text(GTK_LABEL(self), text != NULL ? text : "");
}

void
kl_scan_words_hint(KlScanWords *self, const char *text)
{
    if (g_strcmp0(self->hint, text) == 0)
        return;
    g_free(self->hint);
    self->hint = g_strdup(text);
    if (self->timer == 0)
        show(self, self->hint, NULL);
}

static gboolean
over(gpointer data)
{
    KlScanWords *self = data;
    self->timer = 0;
    show(self, self->hint, NULL);
    return G_SOURCE_REMOVE;
}

void
kl_scan_words_say(KlScanWords *self, gboolean ok, const char *text)
{
    g_clear_handle_id(&self->timer, g_source_remove);
    show(self, text, ok ? "good" : "refused");
    self->refused = !ok;
    self->timer = g_timeout_add_seconds(SAY_S, over, self);
}

void
kl_scan_words_settle(KlScanWords *self)
{
    if (self->timer == 0 || self->refused)
        return;
    g_clear_handle_id(&self->timer, g_source_remove);
    show(self, self->hint, NULL);
}
