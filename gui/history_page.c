#include "gui/history_page.h"

#include "gui/export_bar.h"
#include "gui/filter_bar.h"
#include "gui/i18n.h"
#include "gui/record_list.h"
#include "gui/record_view.h"

#define KL_TYPE_HISTORY_PAGE (kl_history_page_get_type())
G_DECLARE_FINAL_TYPE(KlHistoryPage, kl_history_page, KL, HISTORY_PAGE, GtkBox)

/* However many records come, no more than one search a second. */
#define REFRESH_EVERY_MS 1000

struct _KlHistoryPage {
    GtkBox parent_instance;
    KlSession *session;
    KlFilterBar *filter;
    KlRecordList *list;
    KlRecordView *view;
    KlExportBar *export;
    GtkStack *results; /* "list", or "nothing" */
    GtkLabel *count, *nothing;
    GtkWidget *widen;
    GCancellable *searching; /* of the search under way, or NULL */
    gboolean searched;       /* there was a first search */
    gboolean open_end;       /* the last search has no end: new records belong to it */
    gboolean outdated;       /* records came since */
    guint timer;
};

G_DEFINE_FINAL_TYPE(KlHistoryPage, kl_history_page, GTK_TYPE_BOX)

static void
kl_history_page_dispose(GObject *object)
{
    KlHistoryPage *page = KL_HISTORY_PAGE(object);
    if (page->session != NULL)
        g_signal_handlers_disconnect_by_data(page->session, page);
    if (page->searching != NULL)
        g_cancellable_cancel(page->searching);
    g_clear_object(&page->searching);
    g_clear_handle_id(&page->timer, g_source_remove);
    g_clear_object(&page->session);
    G_OBJECT_CLASS(kl_history_page_parent_class)->dispose(object);
}

static void
kl_history_page_class_init(KlHistoryPageClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_history_page_dispose;
}

/* --- searching --- */

typedef struct {
    KlHistoryPage *page; /* borrowed: it has cancelled when it is gone */
    KlStore *store;
    KlSearch *search;
    gboolean again;
} Request;

static void
request_free(gpointer data)
{
    Request *request = data;
    kl_search_free(request->search);
    g_free(request);
}

static void
search_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const Request *request = data;
    GError *error = NULL;
    const KlRecordFilter filter = kl_search_filter(request->search);
    GArray *numbers = request->store->klass->record_numbers(request->store, &filter, &error);
    if (numbers != NULL)
        g_task_return_pointer(task, numbers, (GDestroyNotify)g_array_unref);
    else
        g_task_return_error(task, error);
}

static void
show_nothing(KlHistoryPage *page, const char *words, gboolean widen)
{
    gtk_label_set_text(page->nothing, words);
    gtk_widget_set_visible(page->widen, widen);
    gtk_stack_set_visible_child_name(page->results, "nothing");
}

static void
show_found(KlHistoryPage *page, const Request *request, GArray *numbers)
{
    g_autofree char *count = g_strdup_printf(ngettext("%'u record", "%'u records", numbers->len), numbers->len);
    gtk_label_set_text(page->count, count);
    kl_export_bar_set_numbers(page->export, numbers);
    kl_record_list_set_numbers(page->list, numbers, request->again, request->search->identifier != NULL);
    if (numbers->len > 0)
        gtk_stack_set_visible_child_name(page->results, "list");
    else
        show_nothing(page, _("No record fits."), kl_filter_bar_has_period(page->filter));
}

static void
show_failure(KlHistoryPage *page, const GError *error)
{
    KlErrorCode code = kl_error_code(error);
    g_autofree char *words = g_strdup_printf("%s\n%s", _(kl_error_words(code)), _(kl_error_remedy(code)));
    g_warning("history: %s: %s", kl_error_name(code), error->message);
    gtk_label_set_text(page->count, "");
    show_nothing(page, words, FALSE);
}

static void refresh_later(KlHistoryPage *page);

static void
search_done(GObject *source, GAsyncResult *result, gpointer data)
{
    const Request *request = g_task_get_task_data(G_TASK(result));
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) numbers = g_task_propagate_pointer(G_TASK(result), &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    KlHistoryPage *page = request->page;
    g_clear_object(&page->searching);
    if (numbers != NULL)
        show_found(page, request, numbers);
    else
        show_failure(page, error);
    if (page->outdated)
        refresh_later(page);
}

static void
start_search(KlHistoryPage *page, gboolean again)
{
    g_autoptr(KlSearch) search = kl_filter_bar_search(page->filter);
    if (search == NULL)
        return;
    if (page->searching != NULL)
        g_cancellable_cancel(page->searching);
    g_clear_object(&page->searching);
    page->searched = TRUE;
    page->outdated = FALSE;
    page->open_end = search->to_us == 0;
    page->searching = g_cancellable_new();
    Request *request = g_new0(Request, 1);
    request->page = page;
    request->store = kl_session_reader(page->session);
    request->search = g_steal_pointer(&search);
    request->again = again;
    g_autoptr(GTask) task = g_task_new(page->session, page->searching, search_done, NULL);
    g_task_set_task_data(task, request, request_free);
    g_task_run_in_thread(task, search_in_thread);
}

static void
filter_changed(KlHistoryPage *page)
{
    if (page->searched)
        start_search(page, FALSE);
}

/* --- new records --- */

static gboolean
refresh(gpointer data)
{
    KlHistoryPage *page = data;
    page->timer = 0;
    if (page->outdated && page->searching == NULL && gtk_widget_get_mapped(GTK_WIDGET(page)))
        start_search(page, TRUE);
    return G_SOURCE_REMOVE;
}

static void
refresh_later(KlHistoryPage *page)
{
    if (page->timer == 0 && page->open_end && kl_record_list_is_newest(page->list))
        page->timer = g_timeout_add(REFRESH_EVERY_MS, refresh, page);
}

static void
record_came(KlHistoryPage *page, KlRecord *record)
{
    page->outdated = TRUE;
    if (!gtk_widget_get_mapped(GTK_WIDGET(page)))
        return;
    refresh_later(page);
    kl_record_view_job_ended(page->view, record);
}

/* The first look at the page is the first search: the start of the window does not wait for it. */
static void
mapped(KlHistoryPage *page)
{
    if (!page->searched)
        start_search(page, FALSE);
    else if (page->outdated && page->searching == NULL && page->open_end && kl_record_list_is_newest(page->list))
        start_search(page, TRUE);
}

static void
record_chosen(KlHistoryPage *page, gint64 number)
{
    kl_record_view_show_number(page->view, number);
}

/* --- */

static GtkWidget *
make_nothing(KlHistoryPage *page)
{
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
    gtk_widget_set_valign(box, GTK_ALIGN_CENTER);
    page->nothing = GTK_LABEL(gtk_label_new(NULL));
    gtk_label_set_line_wrap(page->nothing, TRUE);
    gtk_label_set_justify(page->nothing, GTK_JUSTIFY_CENTER);
    page->widen = gtk_button_new_with_mnemonic(_("_Search all time"));
    gtk_widget_set_halign(page->widen, GTK_ALIGN_CENTER);
    gtk_widget_set_no_show_all(page->widen, TRUE);
    g_signal_connect_swapped(page->widen, "clicked", G_CALLBACK(kl_filter_bar_clear_period), page->filter);
    gtk_box_pack_start(GTK_BOX(box), GTK_WIDGET(page->nothing), FALSE, FALSE, 0);
    gtk_box_pack_start(GTK_BOX(box), page->widen, FALSE, FALSE, 0);
    return box;
}

static GtkWidget *
make_results(KlHistoryPage *page)
{
    page->results = GTK_STACK(gtk_stack_new());
    page->list = KL_RECORD_LIST(kl_record_list_new(page->session));
    g_signal_connect_swapped(page->list, "chosen", G_CALLBACK(record_chosen), page);
    gtk_stack_add_named(page->results, GTK_WIDGET(page->list), "list");
    gtk_stack_add_named(page->results, make_nothing(page), "nothing");
    return GTK_WIDGET(page->results);
}

static void
fill(KlHistoryPage *page)
{
    GtkWidget *bottom = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
    GtkWidget *paned = gtk_paned_new(GTK_ORIENTATION_HORIZONTAL);
    page->filter = KL_FILTER_BAR(kl_filter_bar_new());
    page->view = KL_RECORD_VIEW(kl_record_view_new(page->session));
    page->export = KL_EXPORT_BAR(kl_export_bar_new(page->session));
    page->count = GTK_LABEL(gtk_label_new(NULL));
    g_signal_connect_swapped(page->filter, "changed", G_CALLBACK(filter_changed), page);
    g_object_set(page->filter, "margin", 10, NULL);
    g_object_set(bottom, "margin", 6, "margin-start", 10, "margin-end", 10, NULL);
    gtk_paned_pack1(GTK_PANED(paned), make_results(page), TRUE, FALSE);
    gtk_paned_pack2(GTK_PANED(paned), GTK_WIDGET(page->view), TRUE, FALSE);
    gtk_paned_set_position(GTK_PANED(paned), 720);
    gtk_box_pack_start(GTK_BOX(bottom), GTK_WIDGET(page->count), FALSE, FALSE, 0);
    gtk_box_pack_end(GTK_BOX(bottom), GTK_WIDGET(page->export), TRUE, TRUE, 0);
    gtk_box_pack_start(GTK_BOX(page), GTK_WIDGET(page->filter), FALSE, FALSE, 0);
    gtk_box_pack_start(GTK_BOX(page), paned, TRUE, TRUE, 0);
    gtk_box_pack_start(GTK_BOX(page), bottom, FALSE, FALSE, 0);
}

static void
kl_history_page_init(KlHistoryPage *page)
{
    gtk_orientable_set_orientation(GTK_ORIENTABLE(page), GTK_ORIENTATION_VERTICAL);
    g_signal_connect(page, "map", G_CALLBACK(mapped), NULL);
}

GtkWidget *
kl_history_page_new(KlSession *session)
{
    KlHistoryPage *page = g_object_new(KL_TYPE_HISTORY_PAGE, NULL);
    page->session = g_object_ref(session);
    fill(page);
    g_signal_connect_swapped(session, "record", G_CALLBACK(record_came), page);
    return GTK_WIDGET(page);
}
