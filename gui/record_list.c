#include "gui/record_list.h"

#include "gui/i18n.h"
#include "gui/record_model.h"

#define ICON_WIDTH 18

struct _KlRecordList {
    GtkBox parent_instance;
    GtkTreeView *view;
    GtkTreeSelection *selection;
    GtkLabel *where, *failure;
    GtkWidget *foot, *newer, *older;
    KlSession *session;
    GArray *numbers; /* or NULL */
    guint first;     /* of the part that is shown */
    KlRecordModel *model;
    gint64 chosen;     /* number, or 0 */
    gboolean changing; /* the model is being changed: the selection is nobody's choice */
};

G_DEFINE_FINAL_TYPE(KlRecordList, kl_record_list, GTK_TYPE_BOX)

static guint chosen_signal;

static void
kl_record_list_dispose(GObject *object)
{
    KlRecordList *list = KL_RECORD_LIST(object);
    list->changing = TRUE;
    g_clear_object(&list->model);
    g_clear_object(&list->session);
    g_clear_pointer(&list->numbers, g_array_unref);
    G_OBJECT_CLASS(kl_record_list_parent_class)->dispose(object);
}

static void
kl_record_list_class_init(KlRecordListClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_record_list_dispose;
    chosen_signal = g_signal_new("chosen", KL_TYPE_RECORD_LIST, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                 G_TYPE_INT64);
}

static void
choose(KlRecordList *list, gint64 number)
{
    if (list->chosen == number)
        return;
    list->chosen = number;
    g_signal_emit(list, chosen_signal, 0, number);
}

static void
selection_changed(KlRecordList *list)
{
    GtkTreeIter iter;
    gint64 number = 0;
    if (list->changing)
        return;
    if (gtk_tree_selection_get_selected(list->selection, NULL, &iter))
        gtk_tree_model_get(GTK_TREE_MODEL(list->model), &iter, KL_RECORD_COLUMN_NUMBER, &number, -1);
    choose(list, number);
}

static void
fetch_failed(KlRecordList *list, const GError *error)
{
    gtk_label_set_text(list->failure, _(kl_error_words(kl_error_code(error))));
    gtk_widget_show(GTK_WIDGET(list->failure));
}

static guint
part_length(const KlRecordList *list)
{
    return MIN(KL_RECORD_LIST_PART, list->numbers->len - list->first);
}

static void
show_where(KlRecordList *list)
{
    guint rows = (guint)gtk_tree_model_iter_n_children(GTK_TREE_MODEL(list->model), NULL);
    gboolean parts = list->numbers->len > rows;
    g_autofree char *text =
        parts ? g_strdup_printf(_("%'u to %'u of %'u"), list->first + 1, list->first + rows, list->numbers->len) : NULL;
    gtk_label_set_text(list->where, text != NULL ? text : "");
    gtk_widget_set_visible(list->foot, parts);
    gtk_widget_set_sensitive(list->newer, list->first > 0);
    gtk_widget_set_sensitive(list->older, list->first + rows < list->numbers->len);
}

/* The chosen record stays chosen when it is in the part. */
static void
restore_choice(KlRecordList *list)
{
    for (guint row = 0; row < part_length(list); row++) {
        if (g_array_index(list->numbers, gint64, list->first + row) != list->chosen)
            continue;
        g_autoptr(GtkTreePath) path = gtk_tree_path_new_from_indices((int)row, -1);
        gtk_tree_view_set_cursor(list->view, path, NULL, FALSE);
        return;
    }
    choose(list, 0);
}

static void
show_part(KlRecordList *list)
{
    list->changing = TRUE;
    g_clear_object(&list->model);
    list->model = kl_record_model_new(kl_session_reader(list->session), G_OBJECT(list->session), list->numbers,
                                      list->first, part_length(list));
    g_signal_connect_object(list->model, "failed", G_CALLBACK(fetch_failed), list, G_CONNECT_SWAPPED);
    gtk_tree_view_set_model(list->view, GTK_TREE_MODEL(list->model));
    gtk_widget_hide(GTK_WIDGET(list->failure));
    restore_choice(list);
    list->changing = FALSE;
    show_where(list);
}

static void
go_newer(KlRecordList *list)
{
    list->first -= MIN(list->first, KL_RECORD_LIST_PART);
    show_part(list);
}

static void
go_older(KlRecordList *list)
{
    list->first += (guint)gtk_tree_model_iter_n_children(GTK_TREE_MODEL(list->model), NULL);
    show_part(list);
}

/* --- */

/* icon < 0: text only. Fixed sizes, so that the view need not look at every row, and what comes later has its place. */
static void
add_column(KlRecordList *list, const char *title, int icon, int text, int width, gboolean expand)
{
    GtkTreeViewColumn *column = gtk_tree_view_column_new();
    gtk_tree_view_column_set_title(column, title);
    gtk_tree_view_column_set_spacing(column, 6);
    if (icon >= 0) {
        GtkCellRenderer *image = gtk_cell_renderer_pixbuf_new();
        gtk_cell_renderer_set_fixed_size(image, ICON_WIDTH, -1);
        gtk_tree_view_column_pack_start(column, image, FALSE);
        gtk_tree_view_column_add_attribute(column, image, "icon-name", icon);
    }
    GtkCellRenderer *words = gtk_cell_renderer_text_new();
    g_object_set(words, "ellipsize", PANGO_ELLIPSIZE_END, "single-paragraph-mode", TRUE, NULL);
    gtk_tree_view_column_pack_start(column, words, TRUE);
    gtk_tree_view_column_add_attribute(column, words, "text", text);
    gtk_tree_view_column_set_sizing(column, GTK_TREE_VIEW_COLUMN_FIXED);
    gtk_tree_view_column_set_fixed_width(column, width);
    gtk_tree_view_column_set_resizable(column, TRUE);
    gtk_tree_view_column_set_expand(column, expand);
    gtk_tree_view_append_column(list->view, column);
}

static void
add_view(KlRecordList *list)
{
    GtkWidget *scrolled = gtk_scrolled_window_new(NULL, NULL);
    list->view = GTK_TREE_VIEW(gtk_tree_view_new());
    list->selection = gtk_tree_view_get_selection(list->view);
    gtk_tree_view_set_enable_search(list->view, FALSE);
    add_column(list, _("Started"), -1, KL_RECORD_COLUMN_STARTED, 150, FALSE);
    add_column(list, _("Verdict"), KL_RECORD_COLUMN_ICON, KL_RECORD_COLUMN_VERDICT, 130, FALSE);
    add_column(list, _("Unit"), -1, KL_RECORD_COLUMN_UNIT, 130, FALSE);
    add_column(list, _("Slot"), -1, KL_RECORD_COLUMN_SLOT, 56, FALSE);
    add_column(list, _("Operator"), -1, KL_RECORD_COLUMN_OPERATOR, 80, FALSE);
    add_column(list, _("Took"), -1, KL_RECORD_COLUMN_TOOK, 72, FALSE);
    add_column(list, _("Why"), -1, KL_RECORD_COLUMN_WORDS, 100, TRUE);
    gtk_tree_view_set_fixed_height_mode(list->view, TRUE);
    atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(list->view)), _("Found records"));
    g_signal_connect_swapped(list->selection, "changed", G_CALLBACK(selection_changed), list);
    gtk_container_add(GTK_CONTAINER(scrolled), GTK_WIDGET(list->view));
    gtk_box_pack_start(GTK_BOX(list), scrolled, TRUE, TRUE, 0);
}

static GtkWidget *
add_button(KlRecordList *list, GtkWidget *box, const char *label, void (*clicked)(KlRecordList *list))
{
    GtkWidget *button = gtk_button_new_with_mnemonic(label);
    g_signal_connect_swapped(button, "clicked", G_CALLBACK(clicked), list);
    gtk_box_pack_start(GTK_BOX(box), button, FALSE, FALSE, 0);
    return button;
}

static void
kl_record_list_init(KlRecordList *list)
{
    gtk_orientable_set_orientation(GTK_ORIENTABLE(list), GTK_ORIENTATION_VERTICAL);
    add_view(list);
    list->failure = GTK_LABEL(gtk_label_new(NULL));
    gtk_widget_set_no_show_all(GTK_WIDGET(list->failure), TRUE);
    gtk_box_pack_start(GTK_BOX(list), GTK_WIDGET(list->failure), FALSE, FALSE, 0);
    list->foot = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8);
    list->newer = add_button(list, list->foot, _("_Newer"), go_newer);
    list->where = GTK_LABEL(gtk_label_new(NULL));
    gtk_box_pack_start(GTK_BOX(list->foot), GTK_WIDGET(list->where), FALSE, FALSE, 0);
    list->older = add_button(list, list->foot, _("_Older"), go_older);
    g_object_set(list->foot, "margin", 6, NULL);
    gtk_widget_show_all(list->foot);
    gtk_widget_set_no_show_all(list->foot, TRUE);
    gtk_box_pack_start(GTK_BOX(list), list->foot, FALSE, FALSE, 0);
}

GtkWidget *
kl_record_list_new(KlSession *session)
{
    KlRecordList *list = g_object_new(KL_TYPE_RECORD_LIST, NULL);
    list->session = g_object_ref(session);
    return GTK_WIDGET(list);
}

/* Who looks at the newest records goes on doing so; whoever has scrolled to older ones keeps these before their eyes.
 */
static gboolean
grow(KlRecordList *list)
{
    gboolean at_top = gtk_adjustment_get_value(gtk_scrollable_get_vadjustment(GTK_SCROLLABLE(list->view))) <= 0;
    list->changing = TRUE;
    gboolean grown = kl_record_model_grow(list->model, list->numbers);
    list->changing = FALSE;
    if (grown && at_top)
        gtk_tree_view_scroll_to_point(list->view, -1, 0);
    if (grown)
        show_where(list);
    return grown;
}

void
kl_record_list_set_numbers(KlRecordList *list, GArray *numbers, gboolean again, gboolean choose_newest)
{
    GArray *before = list->numbers;
    list->numbers = g_array_ref(numbers);
    g_clear_pointer(&before, g_array_unref);
    if (again && list->model != NULL && list->first == 0 && grow(list))
        return;
    list->first = 0;
    if (!again)
        choose(list, choose_newest && numbers->len > 0 ? g_array_index(numbers, gint64, 0) : 0);
    show_part(list);
}

gboolean
kl_record_list_is_newest(KlRecordList *list)
{
    return list->first == 0;
}
