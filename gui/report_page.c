#include "gui/report_page.h"

#include "gui/i18n.h"
#include "gui/report_export.h"
#include "gui/report_query.h"
#include "gui/report_view.h"

/* A line that is at work changes the report every second: it is asked for again after so long, and much later when the
 * answer takes long. */
#define REFRESH_US (5 * G_USEC_PER_SEC)
#define REST_FACTOR 10

struct _KlReportPage {
    GtkBox parent_instance;
    KlSession *session;
    GtkComboBoxText *periods, *orders;
    GtkMenuButton *export_button;
    GtkLabel *note, *words, *remedy;
    GtkStack *stack;
    KlReportView *view;
    KlReport *report; /* what is shown, or NULL */
    gboolean filling; /* the choices are being filled by us */
    gboolean asking;  /* a query is under way */
    gboolean stale;   /* something happened since the last query began */
    gint64 asked_us;  /* when it began, monotonic */
    gint64 rest_us;   /* not before this is asked again for records that came */
    guint timer;
};

G_DEFINE_FINAL_TYPE(KlReportPage, kl_report_page, GTK_TYPE_BOX)

static void refresh_when_rested(KlReportPage *page);

static void
show_words(KlReportPage *page, const char *words, const char *remedy)
{
    gtk_label_set_text(page->words, words);
    gtk_label_set_text(page->remedy, remedy);
    gtk_stack_set_visible_child_name(page->stack, "words");
}

/* The orders of the period, the one chosen among them even when it has no jobs there. */
static void
fill_orders(KlReportPage *page, const KlReport *report)
{
    const GPtrArray *orders = report->statistics->work_orders;
    gboolean listed = report->work_order == NULL;
    page->filling = TRUE;
    gtk_combo_box_text_remove_all(page->orders);
    gtk_combo_box_text_append(page->orders, "", _("All work orders"));
    for (guint i = 0; i < orders->len; i++) {
        g_autofree char *order = g_utf8_make_valid(orders->pdata[i], -1);
        listed |= g_strcmp0(order, report->work_order) == 0;
        gtk_combo_box_text_append(page->orders, order, order);
    }
    if (!listed)
        gtk_combo_box_text_append(page->orders, report->work_order, report->work_order);
    gtk_combo_box_set_active_id(GTK_COMBO_BOX(page->orders), report->work_order != NULL ? report->work_order : "");
    page->filling = FALSE;
}

static void
show_report(KlReportPage *page, KlReport *report)
{
    g_autofree char *period = kl_report_period_words(report);
    kl_report_view_show(page->view, report);
    kl_report_free(page->report);
    page->report = report;
    fill_orders(page, report);
    gtk_label_set_text(page->note, period);
    gtk_widget_set_sensitive(GTK_WIDGET(page->export_button), TRUE);
    if (kl_report_is_empty(report))
        show_words(page, _("No unit was worked on in this period."), _("Choose another period or work order."));
    else
        gtk_stack_set_visible_child(page->stack, GTK_WIDGET(page->view));
}

static const char *
chosen_order(KlReportPage *page)
{
    const char *id = gtk_combo_box_get_active_id(GTK_COMBO_BOX(page->orders));
    return id != NULL && *id != '\0' ? id : NULL;
}

static void ask(KlReportPage *page);

static void
answered(GObject *source, GAsyncResult *result, gpointer data)
{
    KlReportPage *page = KL_REPORT_PAGE(source);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlReport) report = kl_report_query_finish(result, &error);
    if (page->session == NULL)
        return;
    gint64 now = g_get_monotonic_time();
    page->asking = FALSE;
    page->rest_us = now + MAX(REFRESH_US, REST_FACTOR * (now - page->asked_us));
    gboolean wanted =
        report == NULL || ((int)report->period == gtk_combo_box_get_active(GTK_COMBO_BOX(page->periods)) &&
                           g_strcmp0(report->work_order, chosen_order(page)) == 0);
    if (!wanted) {
        ask(page);
        return;
    }
    if (report != NULL) {
        show_report(page, g_steal_pointer(&report));
    } else {
        KlErrorCode code = kl_error_code(error);
        g_warning("report: %s", error->message);
        show_words(page, _(kl_error_words(code)), _(kl_error_remedy(code)));
    }
    if (page->stale)
        refresh_when_rested(page);
}

static void
ask(KlReportPage *page)
{
    const char *order = chosen_order(page);
    gboolean current = order != NULL && g_strcmp0(order, kl_session_work_order(page->session)) == 0;
    guint target = current ? kl_session_counters(page->session).target : 0;
    page->asking = TRUE;
    page->stale = FALSE;
    page->asked_us = g_get_monotonic_time();
    kl_report_query(page->session, (KlPeriod)gtk_combo_box_get_active(GTK_COMBO_BOX(page->periods)), order, target,
                    G_OBJECT(page), answered, NULL);
}

static gboolean
on_rested(gpointer data)
{
    KlReportPage *page = data;
    page->timer = 0;
    refresh_when_rested(page);
    return G_SOURCE_REMOVE;
}

/* Asks now if it may, later if not: when the answer under way has come, the rest is over, the page is seen again. */
static void
refresh_when_rested(KlReportPage *page)
{
    gint64 wait_us = page->rest_us - g_get_monotonic_time();
    page->stale = TRUE;
    if (page->asking || page->timer != 0 || !gtk_widget_get_mapped(GTK_WIDGET(page)))
        return;
    if (wait_us > 0)
        page->timer = g_timeout_add((guint)(wait_us / 1000) + 1, on_rested, page);
    else
        ask(page);
}

static void
on_record(KlSession *session, KlRecord *record, KlReportPage *page)
{
    refresh_when_rested(page);
}

static void
on_choice_changed(KlReportPage *page)
{
    if (!page->filling && !page->asking && page->session != NULL)
        ask(page);
}

static void
kl_report_page_map(GtkWidget *widget)
{
    KlReportPage *page = KL_REPORT_PAGE(widget);
    GTK_WIDGET_CLASS(kl_report_page_parent_class)->map(widget);
    if (!page->asking)
        ask(page);
}

/* --- export --- */

static void
show_failure(KlReportPage *page, const GError *error)
{
    KlErrorCode code = kl_error_code(error);
    GtkWindow *window = GTK_WINDOW(gtk_widget_get_toplevel(GTK_WIDGET(page)));
    GtkWidget *dialog = gtk_message_dialog_new(window, GTK_DIALOG_MODAL | GTK_DIALOG_DESTROY_WITH_PARENT,
                                               GTK_MESSAGE_ERROR, GTK_BUTTONS_CLOSE, "%s", _(kl_error_words(code)));
    gtk_message_dialog_format_secondary_text(GTK_MESSAGE_DIALOG(dialog), "%s\n\n%s", _(kl_error_remedy(code)),
                                             error->message);
    g_signal_connect(dialog, "response", G_CALLBACK(gtk_widget_destroy), NULL);
    gtk_widget_show(dialog);
}

static void
on_file_chosen(GtkNativeDialog *dialog, int response, KlReportPage *page)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = gtk_file_chooser_get_filename(GTK_FILE_CHOOSER(dialog));
    KlReportFormat format = (KlReportFormat)GPOINTER_TO_INT(g_object_get_data(G_OBJECT(dialog), "format"));
    if (response == GTK_RESPONSE_ACCEPT && path != NULL && page->report != NULL) {
        g_autofree char *shown = g_filename_display_basename(path);
        g_autofree char *saved = g_strdup_printf(_("Saved as %s"), shown);
        if (kl_report_save(page->report, format, path, &error))
            gtk_label_set_text(page->note, saved);
        else
            show_failure(page, error);
    }
    gtk_native_dialog_destroy(dialog);
    g_object_unref(dialog);
}

static KlReportFormat
format_named(const char *ending)
{
    KlReportFormat format = KL_REPORT_PDF;
    while (format + 1 < KL_REPORT_FORMAT_N && !g_str_equal(kl_report_format_ending(format), ending))
        format++;
    return format;
}

static void
on_export(GSimpleAction *action, GVariant *parameter, gpointer data)
{
    KlReportPage *page = data;
    if (page->report == NULL)
        return;
    KlReportFormat format = format_named(g_variant_get_string(parameter, NULL));
    g_autofree char *name = kl_report_file_name(page->report, format);
    GtkFileChooserNative *dialog =
        gtk_file_chooser_native_new(_("Export the report"), GTK_WINDOW(gtk_widget_get_toplevel(GTK_WIDGET(page))),
                                    GTK_FILE_CHOOSER_ACTION_SAVE, _("_Save"), _("_Cancel"));
    gtk_file_chooser_set_do_overwrite_confirmation(GTK_FILE_CHOOSER(dialog), TRUE);
    gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(dialog), name);
    gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(dialog), TRUE);
    g_object_set_data(G_OBJECT(dialog), "format", GINT_TO_POINTER(format));
    g_signal_connect_object(dialog, "response", G_CALLBACK(on_file_chosen), page, 0);
    gtk_native_dialog_show(GTK_NATIVE_DIALOG(dialog));
}

/* --- the widget --- */

static void
kl_report_page_dispose(GObject *object)
{
    KlReportPage *page = KL_REPORT_PAGE(object);
    g_clear_handle_id(&page->timer, g_source_remove);
    if (page->session != NULL)
        g_signal_handlers_disconnect_by_data(page->session, page);
    g_clear_object(&page->session);
    G_OBJECT_CLASS(kl_report_page_parent_class)->dispose(object);
}

static void
kl_report_page_finalize(GObject *object)
{
    kl_report_free(KL_REPORT_PAGE(object)->report);
    G_OBJECT_CLASS(kl_report_page_parent_class)->finalize(object);
}

static void
kl_report_page_class_init(KlReportPageClass *klass)
{
    GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
    G_OBJECT_CLASS(klass)->dispose = kl_report_page_dispose;
    G_OBJECT_CLASS(klass)->finalize = kl_report_page_finalize;
    widget->map = kl_report_page_map;
    gtk_widget_class_set_template_from_resource(widget, "/org/keyline/Station/report_page.ui");
    gtk_widget_class_bind_template_child(widget, KlReportPage, periods);
    gtk_widget_class_bind_template_child(widget, KlReportPage, orders);
    gtk_widget_class_bind_template_child(widget, KlReportPage, export_button);
    gtk_widget_class_bind_template_child(widget, KlReportPage, note);
    gtk_widget_class_bind_template_child(widget, KlReportPage, words);
    gtk_widget_class_bind_template_child(widget, KlReportPage, remedy);
    gtk_widget_class_bind_template_child(widget, KlReportPage, stack);
    gtk_widget_class_bind_template_callback(widget, on_choice_changed);
}

static void
add_actions(KlReportPage *page)
{
    static const GActionEntry actions[] = {{.name = "export", .activate = on_export, .parameter_type = "s"}};
    g_autoptr(GSimpleActionGroup) group = g_simple_action_group_new();
    g_action_map_add_action_entries(G_ACTION_MAP(group), actions, G_N_ELEMENTS(actions), page);
    gtk_widget_insert_action_group(GTK_WIDGET(page), "report", G_ACTION_GROUP(group));
}

static void
kl_report_page_init(KlReportPage *page)
{
    gtk_widget_init_template(GTK_WIDGET(page));
    add_actions(page);
    page->view = KL_REPORT_VIEW(kl_report_view_new());
    gtk_container_add(GTK_CONTAINER(page->stack), GTK_WIDGET(page->view));
    gtk_widget_show(GTK_WIDGET(page->view));
    for (int i = 0; i < KL_PERIOD_N; i++)
        gtk_combo_box_text_append_text(page->periods, kl_period_title(i));
    gtk_combo_box_text_append(page->orders, "", _("All work orders"));
    gtk_combo_box_set_active(GTK_COMBO_BOX(page->orders), 0);
    gtk_combo_box_set_active(GTK_COMBO_BOX(page->periods), KL_PERIOD_SHIFT);
}

GtkWidget *
kl_report_page_new(KlSession *session)
{
    KlReportPage *page = g_object_new(KL_TYPE_REPORT_PAGE, NULL);
    page->session = g_object_ref(session);
    g_signal_connect(session, "record", G_CALLBACK(on_record), page);
    return GTK_WIDGET(page);
}
