#include "gui/window.h"

#include "gui/history_page.h"
#include "gui/i18n.h"
#include "gui/line_page.h"
#include "gui/operator_button.h"
#include "gui/report_page.h"
#include "gui/setup_page.h"
#include "gui/window_state.h"

struct _KlWindow {
    GtkApplicationWindow parent_instance;
    KlSession *session;
    GtkStack *stack;
    gboolean closing;   /* the operator wants it closed as soon as nothing runs */
    gboolean reopening; /* the station's configuration was changed: the same */
};

G_DEFINE_FINAL_TYPE(KlWindow, kl_window, GTK_TYPE_APPLICATION_WINDOW)

static guint reopen_signal;

static void
kl_window_dispose(GObject *object)
{
    KlWindow *window = KL_WINDOW(object);
    if (window->session != NULL)
        g_signal_handlers_disconnect_by_data(window->session, window);
    g_clear_object(&window->session);
    G_OBJECT_CLASS(kl_window_parent_class)->dispose(object);
}

static void
close_when_idle(KlSession *session, guint index, KlWindow *window)
{
    if ((!window->closing && !window->reopening) || kl_session_running(session))
        return;
    g_signal_handlers_disconnect_by_func(session, close_when_idle, window);
    if (window->closing)
        gtk_widget_destroy(GTK_WIDGET(window));
    else
        g_signal_emit(window, reopen_signal, 0);
}

static void
on_reopen(KlWindow *window)
{
    window->reopening = TRUE;
    kl_session_disarm(window->session);
    close_when_idle(window->session, 0, window);
}

static void
stop_all(KlWindow *window)
{
    kl_session_disarm(window->session);
    for (guint i = 0; i < kl_session_n_cards(window->session); i++)
        kl_session_stop(window->session, i);
}

/* FALSE: keep working. */
static gboolean
ask_to_stop(KlWindow *window)
{
    GtkWidget *dialog =
        gtk_message_dialog_new(GTK_WINDOW(window), GTK_DIALOG_MODAL | GTK_DIALOG_DESTROY_WITH_PARENT,
                               GTK_MESSAGE_WARNING, GTK_BUTTONS_NONE, "%s", _("Units are being worked on"));
    gtk_message_dialog_format_secondary_text(
        GTK_MESSAGE_DIALOG(dialog), "%s",
        _("Stopping leaves them safe: each goes on where it was when it is started again. The window closes when "
          "their records are kept."));
    gtk_dialog_add_button(GTK_DIALOG(dialog), _("_Keep working"), GTK_RESPONSE_CANCEL);
    GtkWidget *stop = gtk_dialog_add_button(GTK_DIALOG(dialog), _("_Stop and close"), GTK_RESPONSE_ACCEPT);
    gtk_style_context_add_class(gtk_widget_get_style_context(stop), GTK_STYLE_CLASS_DESTRUCTIVE_ACTION);
    gtk_dialog_set_default_response(GTK_DIALOG(dialog), GTK_RESPONSE_CANCEL);
    int response = gtk_dialog_run(GTK_DIALOG(dialog));
    gtk_widget_destroy(dialog);
    return response == GTK_RESPONSE_ACCEPT;
}

static gboolean
kl_window_delete_event(GtkWidget *widget, GdkEventAny *event)
{
    KlWindow *window = KL_WINDOW(widget);
    kl_window_state_save(GTK_WINDOW(window));
    if (!kl_session_running(window->session))
        return GDK_EVENT_PROPAGATE;
    if (!window->closing && ask_to_stop(window)) {
        window->closing = TRUE;
        stop_all(window);
        close_when_idle(window->session, 0, window);
    }
    return GDK_EVENT_STOP;
}

static void
kl_window_class_init(KlWindowClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_window_dispose;
    GTK_WIDGET_CLASS(klass)->delete_event = kl_window_delete_event;
    reopen_signal = g_signal_new("reopen", KL_TYPE_WINDOW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
kl_window_init(KlWindow *window)
{
}

static GtkWidget *
make_header(KlWindow *window)
{
    GtkWidget *header = gtk_header_bar_new();
    GtkWidget *switcher = gtk_stack_switcher_new();
    const char *name = kl_station_config(kl_session_station(window->session))->name;
    GtkWidget *title = gtk_label_new(NULL);
    g_autofree char *markup = g_markup_printf_escaped("<b>%s</b>  %s", "Keyline", name);
    gtk_label_set_markup(GTK_LABEL(title), markup);
    gtk_stack_switcher_set_stack(GTK_STACK_SWITCHER(switcher), window->stack);
    gtk_header_bar_set_custom_title(GTK_HEADER_BAR(header), switcher);
    gtk_header_bar_set_show_close_button(GTK_HEADER_BAR(header), TRUE);
    gtk_header_bar_pack_start(GTK_HEADER_BAR(header), title);
    gtk_header_bar_pack_end(GTK_HEADER_BAR(header), kl_operator_button_new(window->session));
    return header;
}

GtkWidget *
kl_window_new(GtkApplication *application, KlSession *session)
{
    KlWindow *window = g_object_new(KL_TYPE_WINDOW, "application", application, "title", "Keyline", "icon-name",
                                    "org.keyline.Station", NULL);
    window->session = g_object_ref(session);
    window->stack = GTK_STACK(gtk_stack_new());
    gtk_stack_add_titled(window->stack, kl_line_page_new(session), "line", _("Line"));
    gtk_stack_add_titled(window->stack, kl_history_page_new(session), "history", _("History"));
    gtk_stack_add_titled(window->stack, kl_report_page_new(session), "report", _("Report"));
    GtkWidget *setup = kl_setup_page_new(session);
    gtk_stack_add_titled(window->stack, setup, "setup", _("Setup"));
    g_signal_connect_swapped(setup, "reopen", G_CALLBACK(on_reopen), window);
    gtk_window_set_titlebar(GTK_WINDOW(window), make_header(window));
    gtk_container_add(GTK_CONTAINER(window), GTK_WIDGET(window->stack));
    kl_window_state_restore(GTK_WINDOW(window));
    g_signal_connect(session, "card-changed", G_CALLBACK(close_when_idle), window);
    gtk_widget_show_all(GTK_WIDGET(window));
    return GTK_WIDGET(window);
}
