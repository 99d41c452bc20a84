#include "gui/field_bar.h"

#include "gui/i18n.h"

/* What is older is asked for anew when it is shown; so long after an attempt, nobody but a person asks again. */
#define OLD_US (60 * (gint64)G_USEC_PER_SEC)

struct _KlFieldBar {
    GtkBox parent_instance;
    GtkWidget *ask;
    GtkLabel *words;

    KlSession *session;
    char *device;         /* NULL: none */
    GCancellable *asking; /* NULL: nobody is asked now */
    gint64 tried_us;      /* monotonic: when it was asked of this device last; 0: not yet */
};

G_DEFINE_FINAL_TYPE(KlFieldBar, kl_field_bar, GTK_TYPE_BOX)

static guint answered;

static void
stop_asking(KlFieldBar *bar)
{
    if (bar->asking != NULL)
        g_cancellable_cancel(bar->asking);
    g_clear_object(&bar->asking);
}

static void
kl_field_bar_dispose(GObject *object)
{
    KlFieldBar *bar = KL_FIELD_BAR(object);
    stop_asking(bar);
    g_clear_object(&bar->session);
    g_clear_pointer(&bar->device, g_free);
    G_OBJECT_CLASS(kl_field_bar_parent_class)->dispose(object);
}

static void
kl_field_bar_class_init(KlFieldBarClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_field_bar_dispose;
    answered = g_signal_new("answered", KL_TYPE_FIELD_BAR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

/* words: what to say beside the button, or "". */
static void
show_state(KlFieldBar *bar, const char *words)
{
    gtk_label_set_text(bar->words, words);
    gtk_widget_set_sensitive(bar->ask, bar->asking == NULL);
}

/* The bar may be gone, or be about another unit: then it has cancelled. */
static void
asked(GObject *session, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean done = kl_session_ask_field_finish(result, &error);
    if (g_cancellable_is_cancelled(g_task_get_cancellable(G_TASK(result))))
        return;
    KlFieldBar *bar = data;
    g_clear_object(&bar->asking);
    if (done) {
        show_state(bar, "");
        g_signal_emit(bar, answered, 0);
        return;
    }
    KlErrorCode code = kl_error_code(error);
    g_autofree char *words = g_strdup_printf("%s %s", _(kl_error_words(code)), _(kl_error_remedy(code)));
    g_message("history: asking AWS: %s: %s", kl_error_name(code), error->message);
    show_state(bar, words);
}

static void
start_asking(KlFieldBar *bar)
{
    if (bar->asking != NULL)
        return;
    bar->asking = g_cancellable_new();
    bar->tried_us = g_get_monotonic_time();
    show_state(bar, _("Asking AWS…"));
    kl_session_ask_field(bar->session, bar->device, bar->asking, asked, bar);
}

static void
kl_field_bar_init(KlFieldBar *bar)
{
    gtk_box_set_spacing(GTK_BOX(bar), 12);
    bar->ask = gtk_button_new_with_mnemonic(_("_Ask AWS"));
    gtk_widget_set_tooltip_text(bar->ask, _("Ask AWS how this unit got on in the field"));
    gtk_widget_set_valign(bar->ask, GTK_ALIGN_START);
    bar->words = GTK_LABEL(gtk_label_new(NULL));
    gtk_label_set_line_wrap(bar->words, TRUE);
    gtk_label_set_xalign(bar->words, 0);
    g_signal_connect_swapped(bar->ask, "clicked", G_CALLBACK(start_asking), bar);
    gtk_box_pack_start(GTK_BOX(bar), bar->ask, FALSE, FALSE, 0);
    gtk_box_pack_start(GTK_BOX(bar), GTK_WIDGET(bar->words), TRUE, TRUE, 0);
    gtk_widget_show_all(bar->ask);
    gtk_widget_show(GTK_WIDGET(bar->words));
}

static gboolean
is_old(const KlFieldBar *bar, const KlFieldUnit *unit)
{
    gboolean tried = bar->tried_us != 0 && g_get_monotonic_time() - bar->tried_us < OLD_US;
    return !tried && ABS(g_get_real_time() - unit->asked_us) > OLD_US;
}

void
kl_field_bar_show(KlFieldBar *bar, KlSession *session, const KlFieldUnit *unit)
{
    const char *cloud = kl_config_field_table(kl_station_config(kl_session_station(session)));
    const char *device = cloud != NULL && unit != NULL ? unit->row->device : NULL;
    g_set_object(&bar->session, session);
    if (g_strcmp0(device, bar->device) != 0) {
        stop_asking(bar);
        g_free(bar->device);
        bar->device = g_strdup(device);
        bar->tried_us = 0;
        show_state(bar, "");
    }
    gtk_widget_set_visible(GTK_WIDGET(bar), device != NULL);
    if (device != NULL && is_old(bar, unit))
        start_asking(bar);
}
