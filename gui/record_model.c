#include "gui/record_model.h"

#include <string.h>

#include "gui/i18n.h"
#include "gui/record_pages.h"
#include "gui/record_text.h"
#include "gui/verdict.h"

/* Row r shows number first + unannounced + r. Pages are counted from the oldest number on, so that they stay what they
 * are when newer ones come. */
struct _KlRecordModel {
    GObject parent_instance;
    KlStore *store;
    GObject *keeper;
    GArray *numbers;
    guint first, count;
    guint unannounced; /* new rows that the view was not told of yet */
    int stamp;
    KlRecordPages *pages;
    gboolean fetching;
    gboolean fetch_outdated; /* what is being fetched may be older than the last growth */
};

static void tree_model_init(GtkTreeModelIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(KlRecordModel, kl_record_model, G_TYPE_OBJECT,
                              G_IMPLEMENT_INTERFACE(GTK_TYPE_TREE_MODEL, tree_model_init))

static guint failed_signal;

static void
kl_record_model_finalize(GObject *object)
{
    KlRecordModel *model = KL_RECORD_MODEL(object);
    kl_record_pages_free(model->pages);
    g_array_unref(model->numbers);
    g_clear_object(&model->keeper);
    G_OBJECT_CLASS(kl_record_model_parent_class)->finalize(object);
}

static void
kl_record_model_class_init(KlRecordModelClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = kl_record_model_finalize;
    failed_signal = g_signal_new("failed", KL_TYPE_RECORD_MODEL, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                 G_TYPE_ERROR);
}

static void
kl_record_model_init(KlRecordModel *model)
{
    model->stamp = g_random_int();
    model->pages = kl_record_pages_new();
}

static guint
age_of_row(const KlRecordModel *model, guint row)
{
    return model->numbers->len - 1 - (model->first + model->unannounced + row);
}

/* --- cells --- */

char *
kl_record_cell(const KlRecord *record, KlRecordColumn column)
{
    const KlVerdictLook *look = kl_verdict_look(kl_verdict_state(record));
    switch (column) {
    case KL_RECORD_COLUMN_STARTED:
        return kl_record_time(record->started_us);
    case KL_RECORD_COLUMN_ICON:
        return g_strdup(look->icon);
    case KL_RECORD_COLUMN_VERDICT:
        return g_strdup(_(look->word));
    case KL_RECORD_COLUMN_UNIT:
        return kl_record_safe(kl_record_unit(record));
    case KL_RECORD_COLUMN_IMEI:
        return kl_record_safe(record->unit != NULL ? record->unit->imei : NULL);
    case KL_RECORD_COLUMN_OPERATOR:
        return kl_record_safe(record->operator_id);
    case KL_RECORD_COLUMN_SLOT:
        return kl_record_safe(record->slot);
    case KL_RECORD_COLUMN_TOOK:
        return kl_record_took(record);
    case KL_RECORD_COLUMN_WORDS:
        return record->code != NULL ? g_strdup(kl_verdict_words(record)) : NULL;
    case KL_RECORD_COLUMN_NUMBER:
    case KL_RECORD_N_COLUMNS:
        break;
    }
    g_return_val_if_reached(NULL);
}

/* --- fetching --- */

typedef struct {
    KlStore *store;
    guint page;
    gsize n_numbers;
    gint64 numbers[KL_RECORD_PAGE_SIZE];
} Fetch;

static void
fetch_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const Fetch *fetch = data;
    GError *error = NULL;
    GPtrArray *records = fetch->store->klass->records_numbered(fetch->store, fetch->numbers, fetch->n_numbers, &error);
    if (records != NULL)
        g_task_return_pointer(task, records, (GDestroyNotify)g_ptr_array_unref);
    else
        g_task_return_error(task, error);
}

/* Tells the view to look again at the rows of a page. */
static void
page_changed(KlRecordModel *model, guint page)
{
    guint oldest = page * KL_RECORD_PAGE_SIZE;
    for (guint age = oldest; age < oldest + KL_RECORD_PAGE_SIZE && age < model->numbers->len; age++) {
        guint index = model->numbers->len - 1 - age;
        if (index < model->first || index - model->first >= model->count)
            continue;
        GtkTreeIter iter = {.stamp = model->stamp, .user_data = GUINT_TO_POINTER(index - model->first)};
        g_autoptr(GtkTreePath) path = gtk_tree_path_new_from_indices((int)(index - model->first), -1);
        gtk_tree_model_row_changed(GTK_TREE_MODEL(model), path, &iter);
    }
}

static void fetch_next(KlRecordModel *model);

static void
fetched(GObject *source, GAsyncResult *result, gpointer data)
{
    KlRecordModel *model = KL_RECORD_MODEL(source);
    guint page = ((Fetch *)g_task_get_task_data(G_TASK(result)))->page;
    g_autoptr(GError) error = NULL;
    GPtrArray *records = g_task_propagate_pointer(G_TASK(result), &error);
    model->fetching = FALSE;
    if (records != NULL) {
        kl_record_pages_put(model->pages, page, records);
        if (model->fetch_outdated)
            g_array_unref(kl_record_pages_outdate(model->pages));
        page_changed(model, page);
    } else {
        g_signal_emit(model, failed_signal, 0, error);
    }
    fetch_next(model);
}

/* One at a time, and what was asked for last comes first: that is what the view shows now. */
static void
fetch_next(KlRecordModel *model)
{
    guint page;
    if (model->fetching || !kl_record_pages_wanted(model->pages, &page))
        return;
    Fetch *fetch = g_new0(Fetch, 1);
    fetch->store = model->store;
    fetch->page = page;
    guint oldest = page * KL_RECORD_PAGE_SIZE;
    for (guint age = oldest; age < oldest + KL_RECORD_PAGE_SIZE && age < model->numbers->len; age++)
        fetch->numbers[fetch->n_numbers++] = g_array_index(model->numbers, gint64, model->numbers->len - 1 - age);
    model->fetching = TRUE;
    model->fetch_outdated = FALSE;
    g_autoptr(GTask) task = g_task_new(model, NULL, fetched, NULL);
    g_task_set_task_data(task, fetch, g_free);
    g_task_run_in_thread(task, fetch_in_thread);
}

/* --- GtkTreeModel --- */

static GtkTreeModelFlags
get_flags(GtkTreeModel *tree_model)
{
    return GTK_TREE_MODEL_LIST_ONLY;
}

static int
get_n_columns(GtkTreeModel *tree_model)
{
    return KL_RECORD_N_COLUMNS;
}

static GType
get_column_type(GtkTreeModel *tree_model, int column)
{
    return column == KL_RECORD_COLUMN_NUMBER ? G_TYPE_INT64 : G_TYPE_STRING;
}

static gboolean
set_iter(KlRecordModel *model, GtkTreeIter *iter, int row)
{
    gboolean there = row >= 0 && (guint)row < model->count;
    *iter = (GtkTreeIter){.stamp = there ? model->stamp : 0, .user_data = GINT_TO_POINTER(row)};
    return there;
}

static gboolean
get_iter(GtkTreeModel *tree_model, GtkTreeIter *iter, GtkTreePath *path)
{
    gboolean top = gtk_tree_path_get_depth(path) == 1;
    return set_iter(KL_RECORD_MODEL(tree_model), iter, top ? gtk_tree_path_get_indices(path)[0] : -1);
}

static GtkTreePath *
get_path(GtkTreeModel *tree_model, GtkTreeIter *iter)
{
    return gtk_tree_path_new_from_indices(GPOINTER_TO_INT(iter->user_data), -1);
}

static void
get_value(GtkTreeModel *tree_model, GtkTreeIter *iter, int column, GValue *value)
{
    KlRecordModel *model = KL_RECORD_MODEL(tree_model);
    g_return_if_fail(iter->stamp == model->stamp);
    guint age = age_of_row(model, GPOINTER_TO_UINT(iter->user_data));
    g_value_init(value, get_column_type(tree_model, column));
    if (column == KL_RECORD_COLUMN_NUMBER) {
        g_value_set_int64(value, g_array_index(model->numbers, gint64, model->numbers->len - 1 - age));
        return;
    }
    const KlRecord *record = kl_record_pages_get(model->pages, age);
    fetch_next(model);
    if (record != NULL)
        g_value_take_string(value, kl_record_cell(record, (KlRecordColumn)column));
    else if (column != KL_RECORD_COLUMN_ICON)
        g_value_set_static_string(value, KL_RECORD_PLACEHOLDER);
}

static gboolean
iter_next(GtkTreeModel *tree_model, GtkTreeIter *iter)
{
    return set_iter(KL_RECORD_MODEL(tree_model), iter, GPOINTER_TO_INT(iter->user_data) + 1);
}

static gboolean
iter_nth_child(GtkTreeModel *tree_model, GtkTreeIter *iter, GtkTreeIter *parent, int n)
{
    return set_iter(KL_RECORD_MODEL(tree_model), iter, parent == NULL ? n : -1);
}

static gboolean
iter_children(GtkTreeModel *tree_model, GtkTreeIter *iter, GtkTreeIter *parent)
{
    return iter_nth_child(tree_model, iter, parent, 0);
}

static gboolean
iter_has_child(GtkTreeModel *tree_model, GtkTreeIter *iter)
{
    return FALSE;
}

static int
iter_n_children(GtkTreeModel *tree_model, GtkTreeIter *iter)
{
    return iter == NULL ? (int)KL_RECORD_MODEL(tree_model)->count : 0;
}

static gboolean
iter_parent(GtkTreeModel *tree_model, GtkTreeIter *iter, GtkTreeIter *child)
{
    return set_iter(KL_RECORD_MODEL(tree_model), iter, -1);
}

static void
tree_model_init(GtkTreeModelIface *iface)
{
    iface->get_flags = get_flags;
    iface->get_n_columns = get_n_columns;
    iface->get_column_type = get_column_type;
    iface->get_iter = get_iter;
    iface->get_path = get_path;
    iface->get_value = get_value;
    iface->iter_next = iter_next;
    iface->iter_children = iter_children;
    iface->iter_has_child = iter_has_child;
    iface->iter_n_children = iter_n_children;
    iface->iter_nth_child = iter_nth_child;
    iface->iter_parent = iter_parent;
}

/* --- */

KlRecordModel *
kl_record_model_new(KlStore *store, GObject *keeper, GArray *numbers, guint first, guint count)
{
    g_return_val_if_fail(first <= numbers->len && count <= numbers->len - first, NULL);
    KlRecordModel *model = g_object_new(KL_TYPE_RECORD_MODEL, NULL);
    model->store = store;
    model->keeper = keeper != NULL ? g_object_ref(keeper) : NULL;
    model->numbers = g_array_ref(numbers);
    model->first = first;
    model->count = count;
    return model;
}

/* Each row is told of with the model as if no more than it had come. */
static void
announce(KlRecordModel *model)
{
    g_autoptr(GtkTreePath) top = gtk_tree_path_new_first();
    while (model->unannounced > 0) {
        GtkTreeIter iter;
        model->unannounced--;
        model->count++;
        set_iter(model, &iter, 0);
        gtk_tree_model_row_inserted(GTK_TREE_MODEL(model), top, &iter);
    }
}

gboolean
kl_record_model_grow(KlRecordModel *model, GArray *numbers)
{
    g_return_val_if_fail(model->first == 0, FALSE);
    const GArray *old = model->numbers;
    if (numbers->len < old->len)
        return FALSE;
    guint more = numbers->len - old->len;
    if (old->len > 0 && memcmp(&g_array_index(numbers, gint64, more), old->data, old->len * sizeof(gint64)) != 0)
        return FALSE;
    g_array_unref(model->numbers);
    model->numbers = g_array_ref(numbers);
    model->unannounced = more;
    model->fetch_outdated = model->fetching;
    announce(model);
    g_autoptr(GArray) changed = kl_record_pages_outdate(model->pages);
    for (guint i = 0; i < changed->len; i++)
        page_changed(model, g_array_index(changed, guint, i));
    return TRUE;
}
