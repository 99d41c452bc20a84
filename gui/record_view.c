#include "gui/record_view.h"

#include "gui/field_bar.h"
#include "gui/i18n.h"
#include "gui/record_model.h"
#include "gui/record_text.h"
#include "gui/timeline.h"
#include "gui/unit_life.h"
#include "gui/verdict.h"

struct _KlRecordView {
    GtkBox parent_instance;
    GtkStack *pages;
    GtkLabel *message, *word, *unit, *words;
    GtkWidget *banner, *copy;
    GtkImage *icon;
    GtkListStore *jobs;
    GtkTreeSelection *job_selection;
    KlTimeline *timeline;
    KlFieldBar *field_bar;
    GtkGrid *facts;
    GtkTextView *certificate, *transcript;

    KlSession *session;
    GCancellable *reading; /* of the request under way, or NULL */
    KlUnitLife *life;      /* what is shown, or NULL */
    const char *style;     /* class that the banner has for its verdict, or NULL */
    gboolean filling;      /* the list of jobs is being filled: its selection is nobody's choice */
};

G_DEFINE_FINAL_TYPE(KlRecordView, kl_record_view, GTK_TYPE_BOX)

enum { JOB_ID, JOB_STARTED, JOB_ICON, JOB_VERDICT, JOB_SLOT, JOB_OPERATOR, JOB_WORDS };

static void
stop_reading(KlRecordView *view)
{
    if (view->reading != NULL)
        g_cancellable_cancel(view->reading);
    g_clear_object(&view->reading);
}

static void
kl_record_view_dispose(GObject *object)
{
    KlRecordView *view = KL_RECORD_VIEW(object);
    stop_reading(view);
    g_clear_pointer(&view->life, kl_unit_life_free);
    g_clear_object(&view->session);
    G_OBJECT_CLASS(kl_record_view_parent_class)->dispose(object);
}

static void copy_record(KlRecordView *view);
static void job_selected(KlRecordView *view);
static void read_again(KlRecordView *view);

static void
kl_record_view_class_init(KlRecordViewClass *klass)
{
    GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
    G_OBJECT_CLASS(klass)->dispose = kl_record_view_dispose;
    g_type_ensure(KL_TYPE_TIMELINE);
    g_type_ensure(KL_TYPE_FIELD_BAR);
    gtk_widget_class_set_template_from_resource(widget, "/org/keyline/Station/record_view.ui");
    gtk_widget_class_bind_template_child(widget, KlRecordView, pages);
    gtk_widget_class_bind_template_child(widget, KlRecordView, message);
    gtk_widget_class_bind_template_child(widget, KlRecordView, word);
    gtk_widget_class_bind_template_child(widget, KlRecordView, unit);
    gtk_widget_class_bind_template_child(widget, KlRecordView, words);
    gtk_widget_class_bind_template_child(widget, KlRecordView, banner);
    gtk_widget_class_bind_template_child(widget, KlRecordView, copy);
    gtk_widget_class_bind_template_child(widget, KlRecordView, icon);
    gtk_widget_class_bind_template_child(widget, KlRecordView, jobs);
    gtk_widget_class_bind_template_child(widget, KlRecordView, job_selection);
    gtk_widget_class_bind_template_child(widget, KlRecordView, timeline);
    gtk_widget_class_bind_template_child(widget, KlRecordView, field_bar);
    gtk_widget_class_bind_template_child(widget, KlRecordView, facts);
    gtk_widget_class_bind_template_child(widget, KlRecordView, certificate);
    gtk_widget_class_bind_template_child(widget, KlRecordView, transcript);
}

static void
kl_record_view_init(KlRecordView *view)
{
    gtk_widget_init_template(GTK_WIDGET(view));
    g_signal_connect_swapped(view->copy, "clicked", G_CALLBACK(copy_record), view);
    g_signal_connect_swapped(view->job_selection, "changed", G_CALLBACK(job_selected), view);
    g_signal_connect_swapped(view->field_bar, "answered", G_CALLBACK(read_again), view);
}

static void
copy_record(KlRecordView *view)
{
    g_autofree char *text = kl_record_text(view->life->record, view->life->field, view->life->certificate);
    gtk_clipboard_set_text(gtk_widget_get_clipboard(GTK_WIDGET(view), GDK_SELECTION_CLIPBOARD), text, -1);
}

/* --- showing what was read --- */

static void
show_message(KlRecordView *view, const char *words)
{
    gtk_label_set_text(view->message, words);
    gtk_stack_set_visible_child_name(view->pages, "message");
}

static void
show_banner(KlRecordView *view, const KlRecord *record)
{
    const KlVerdictLook *look = kl_verdict_look(kl_verdict_state(record));
    GtkStyleContext *style = gtk_widget_get_style_context(view->banner);
    g_autofree char *unit = kl_record_safe(kl_record_unit(record));
    g_autoptr(GString) text = g_string_new(record->already_provisioned ? _("already done, verified") : NULL);
    if (record->code != NULL)
        g_string_printf(text, "%s %s", kl_verdict_words(record), kl_verdict_remedy(record));
    if (view->style != NULL)
        gtk_style_context_remove_class(style, view->style);
    view->style = look->style;
    gtk_style_context_add_class(style, look->style);
    gtk_image_set_from_icon_name(view->icon, look->icon, GTK_ICON_SIZE_DND);
    gtk_label_set_text(view->word, _(look->word));
    gtk_label_set_text(view->unit, unit != NULL ? unit : _("Unknown unit"));
    gtk_label_set_text(view->words, text->str);
    gtk_widget_set_visible(GTK_WIDGET(view->words), text->len > 0);
}

static void
add_fact(GtkGrid *grid, const KlFact *fact, int row)
{
    GtkWidget *name = gtk_label_new(fact->name);
    GtkWidget *value = gtk_label_new(fact->value);
    gtk_style_context_add_class(gtk_widget_get_style_context(name), "details-caption");
    gtk_label_set_xalign(GTK_LABEL(name), 0);
    gtk_label_set_yalign(GTK_LABEL(name), 0);
    gtk_label_set_xalign(GTK_LABEL(value), 0);
    gtk_label_set_selectable(GTK_LABEL(value), TRUE);
    gtk_label_set_line_wrap(GTK_LABEL(value), TRUE);
    gtk_label_set_line_wrap_mode(GTK_LABEL(value), PANGO_WRAP_WORD_CHAR);
    atk_object_add_relationship(gtk_widget_get_accessible(value), ATK_RELATION_LABELLED_BY,
                                gtk_widget_get_accessible(name));
    gtk_grid_attach(grid, name, 0, row, 1, 1);
    gtk_grid_attach(grid, value, 1, row, 1, 1);
}

static void
show_facts(KlRecordView *view, const KlRecord *record)
{
    gtk_container_foreach(GTK_CONTAINER(view->facts), (GtkCallback)(void (*)(void))gtk_widget_destroy, NULL);
    g_autoptr(GPtrArray) facts = kl_record_facts(record, view->life->field);
    for (guint i = 0; i < facts->len; i++)
        add_fact(view->facts, facts->pdata[i], (int)i);
    gtk_widget_show_all(GTK_WIDGET(view->facts));
}

static void
add_job(KlRecordView *view, const KlRecord *job, gboolean shown)
{
    g_autofree char *started = kl_record_cell(job, KL_RECORD_COLUMN_STARTED);
    g_autofree char *icon = kl_record_cell(job, KL_RECORD_COLUMN_ICON);
    g_autofree char *verdict = kl_record_cell(job, KL_RECORD_COLUMN_VERDICT);
    g_autofree char *slot = kl_record_cell(job, KL_RECORD_COLUMN_SLOT);
    g_autofree char *operator_id = kl_record_cell(job, KL_RECORD_COLUMN_OPERATOR);
    g_autofree char *words = kl_record_cell(job, KL_RECORD_COLUMN_WORDS);
    GtkTreeIter iter;
    gtk_list_store_insert_with_values(view->jobs, &iter, -1, JOB_ID, job->id, JOB_STARTED, started, JOB_ICON, icon,
                                      JOB_VERDICT, verdict, JOB_SLOT, slot, JOB_OPERATOR, operator_id, JOB_WORDS, words,
                                      -1);
    if (shown)
        gtk_tree_selection_select_iter(view->job_selection, &iter);
}

static void
show_jobs(KlRecordView *view, const KlUnitLife *life)
{
    view->filling = TRUE;
    gtk_list_store_clear(view->jobs);
    for (guint i = 0; i < life->jobs->len; i++) {
        const KlRecord *job = life->jobs->pdata[i];
        add_job(view, job, g_str_equal(job->id, life->record->id));
    }
    view->filling = FALSE;
}

/* The same text stays where somebody has scrolled to: a record is read again while it is looked at. */
static void
show_text(GtkTextView *text_view, const char *text, const char *otherwise)
{
    GtkTextBuffer *buffer = gtk_text_view_get_buffer(text_view);
    GtkTextIter start, end;
    gtk_text_buffer_get_bounds(buffer, &start, &end);
    g_autofree char *shown = gtk_text_buffer_get_text(buffer, &start, &end, TRUE);
    g_autofree char *valid = g_utf8_make_valid(text != NULL ? text : otherwise, -1);
    if (!g_str_equal(shown, valid))
        gtk_text_buffer_set_text(buffer, valid, -1);
}

static void
show_life(KlRecordView *view, KlUnitLife *life)
{
    kl_unit_life_free(view->life);
    view->life = life;
    show_banner(view, life->record);
    show_jobs(view, life);
    show_facts(view, life->record);
    kl_field_bar_show(view->field_bar, view->session, life->field);
    kl_timeline_set_record(view->timeline, life->record);
    show_text(view->certificate, life->certificate, _("No certificate was issued in this job."));
    show_text(view->transcript, life->record->transcript, _("Nothing was said over the wire."));
    gtk_stack_set_visible_child_name(view->pages, "record");
}

/* --- reading --- */

typedef struct {
    KlStore *store;
    const char *cloud; /* see KlFieldFilter */
    gint64 number;
    char *id;
} Request;

static void
request_free(gpointer data)
{
    Request *request = data;
    g_free(request->id);
    g_free(request);
}

static void
read_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const Request *request = data;
    GError *error = NULL;
    KlUnitLife *life = kl_unit_life_read(request->store, request->cloud, request->id, request->number, &error);
    if (life != NULL)
        g_task_return_pointer(task, life, (GDestroyNotify)kl_unit_life_free);
    else
        g_task_return_error(task, error);
}

/* The source is the session, which lives as long as its reader is used; the view may be gone: then it has cancelled. */
static void
read_done(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    KlUnitLife *life = g_task_propagate_pointer(G_TASK(result), &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    KlRecordView *view = data;
    g_clear_object(&view->reading);
    if (life != NULL)
        show_life(view, life);
    else
        show_message(view, _(kl_error_words(kl_error_code(error))));
}

static void
start_reading(KlRecordView *view, const char *id, gint64 number)
{
    stop_reading(view);
    view->reading = g_cancellable_new();
    Request *request = g_new0(Request, 1);
    request->store = kl_session_reader(view->session);
    request->cloud = kl_config_field_table(kl_station_config(kl_session_station(view->session)));
    request->number = number;
    request->id = g_strdup(id);
    g_autoptr(GTask) task = g_task_new(view->session, view->reading, read_done, view);
    g_task_set_task_data(task, request, request_free);
    g_task_run_in_thread(task, read_in_thread);
}

/* Something that is being read already shows it, or another unit. */
static void
read_again(KlRecordView *view)
{
    gboolean shown = g_strcmp0(gtk_stack_get_visible_child_name(view->pages), "record") == 0;
    if (shown && view->reading == NULL)
        start_reading(view, view->life->record->id, 0);
}

static void
job_selected(KlRecordView *view)
{
    GtkTreeIter iter;
    g_autofree char *id = NULL;
    if (view->filling || !gtk_tree_selection_get_selected(view->job_selection, NULL, &iter))
        return;
    gtk_tree_model_get(GTK_TREE_MODEL(view->jobs), &iter, JOB_ID, &id, -1);
    if (!g_str_equal(id, view->life->record->id))
        start_reading(view, id, 0);
}

/* --- */

GtkWidget *
kl_record_view_new(KlSession *session)
{
    KlRecordView *view = g_object_new(KL_TYPE_RECORD_VIEW, NULL);
    view->session = g_object_ref(session);
    kl_record_view_show_number(view, 0);
    return GTK_WIDGET(view);
}

void
kl_record_view_show_number(KlRecordView *view, gint64 number)
{
    if (number != 0) {
        start_reading(view, NULL, number);
        return;
    }
    stop_reading(view);
    show_message(view, _("Choose a record to see what its unit lived through."));
}

void
kl_record_view_job_ended(KlRecordView *view, const KlRecord *record)
{
    gboolean shown = g_strcmp0(gtk_stack_get_visible_child_name(view->pages), "record") == 0;
    if (!shown || record->unit == NULL || view->life->record->unit == NULL)
        return;
    if (g_strcmp0(record->unit->imei, view->life->record->unit->imei) == 0)
        start_reading(view, view->life->record->id, 0);
}
