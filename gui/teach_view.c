#include "gui/teach_view.h"

#include <string.h>

#include "gui/i18n.h"
#include "gui/setup_parts.h"
#include "station/teach.h"

#define NAME_CHARS 16 /* as kl_teach_new wants it */
#define SIDE_MOST 16

struct _KlTeachView {
    GtkBox parent_instance;
    KlSession *session;
    GCancellable *gone;
    KlTeach *teach; /* NULL until begun */
    guint rows, columns;
    gboolean looking, look_again;

    GtkWidget *form;
    GtkEntry *name;
    GtkSpinButton *rows_entry, *columns_entry;
    GtkWidget *begin;

    GtkWidget *work;
    GtkLabel *wanted, *said;
    GtkGrid *grid;
    GPtrArray *cells; /* GtkLabel, in reading order; borrowed */
    GtkWidget *skip, *back;
};

G_DEFINE_FINAL_TYPE(KlTeachView, kl_teach_view, GTK_TYPE_BOX)

static guint changed_signal;

static void
kl_teach_view_dispose(GObject *object)
{
    KlTeachView *self = KL_TEACH_VIEW(object);
    if (self->session != NULL)
        g_signal_handlers_disconnect_by_data(self->session, self);
    g_cancellable_cancel(self->gone);
    g_clear_object(&self->session);
    G_OBJECT_CLASS(kl_teach_view_parent_class)->dispose(object);
}

static void
kl_teach_view_finalize(GObject *object)
{
    KlTeachView *self = KL_TEACH_VIEW(object);
    g_clear_pointer(&self->teach, kl_teach_free);
    g_ptr_array_unref(self->cells);
    g_object_unref(self->gone);
    G_OBJECT_CLASS(kl_teach_view_parent_class)->finalize(object);
}

static void
kl_teach_view_class_init(KlTeachViewClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_teach_view_dispose;
    G_OBJECT_CLASS(klass)->finalize = kl_teach_view_finalize;
    changed_signal =
        g_signal_new("changed", KL_TYPE_TEACH_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

/* --- the grid --- */

static void
set_class(GtkWidget *widget, const char *name, gboolean has)
{
    GtkStyleContext *style = gtk_widget_get_style_context(widget);
    if (has)
        gtk_style_context_add_class(style, name);
    else
        gtk_style_context_remove_class(style, name);
}

static void
show_cell(KlTeachView *self, guint place)
{
    GtkWidget *cell = g_ptr_array_index(self->cells, place);
    const char *path = kl_teach_path(self->teach, place);
    guint wanted = kl_teach_wanted(self->teach);
    const char *text = path != NULL ? path : place == wanted ? _("plug in") : place < wanted ? _("left out") : "";
    g_autofree char *name =
        g_strdup_printf(_("Row %u, column %u"), place / self->columns + 1, place % self->columns + 1);
    gtk_label_set_text(GTK_LABEL(cell), text);
    atk_object_set_name(gtk_widget_get_accessible(cell), name);
    atk_object_set_description(gtk_widget_get_accessible(cell), text);
    set_class(cell, "teach-wanted", place == wanted);
    set_class(cell, "teach-known", path != NULL);
}

static void
show_teach(KlTeachView *self)
{
    guint wanted = kl_teach_wanted(self->teach), places = self->rows * self->columns;
    g_autofree char *text = wanted < places ? g_strdup_printf(_("Plug a unit into row %u, column %u."),
                                                              wanted / self->columns + 1, wanted % self->columns + 1)
                                            : g_strdup(_("All places are done: save the hub."));
    gtk_label_set_text(self->wanted, text);
    for (guint i = 0; i < places; i++)
        show_cell(self, i);
    gtk_widget_set_sensitive(self->skip, wanted < places);
    gtk_widget_set_sensitive(self->back, wanted > 0);
    g_signal_emit(self, changed_signal, 0);
}

static void
add_cells(KlTeachView *self)
{
    for (guint place = 0; place < self->rows * self->columns; place++) {
        GtkWidget *cell = gtk_label_new(NULL);
        gtk_style_context_add_class(gtk_widget_get_style_context(cell), "teach-cell");
        gtk_label_set_ellipsize(GTK_LABEL(cell), PANGO_ELLIPSIZE_START);
        g_ptr_array_add(self->cells, cell);
        gtk_grid_attach(self->grid, cell, (int)(place % self->columns), (int)(place / self->columns), 1, 1);
    }
    gtk_widget_show_all(GTK_WIDGET(self->grid));
}

/* --- what is plugged in --- */

static char *
event_words(KlTeachView *self, KlTeachEvent event)
{
    guint place = kl_teach_place(self->teach);
    guint row = place / self->columns + 1, column = place % self->columns + 1;
    switch (event) {
    case KL_TEACH_LEARNT:
    case KL_TEACH_DONE:
        return g_strdup_printf(_("Row %u, column %u is port %s."), row, column, kl_teach_path(self->teach, place));
    case KL_TEACH_KNOWN:
        return g_strdup_printf(_("That was row %u, column %u, which is known."), row, column);
    case KL_TEACH_SEVERAL:
        return g_strdup(_("Several were plugged in at once: plug in one at a time."));
    case KL_TEACH_ELSEWHERE:
        return g_strdup(_("That port is on another USB bus than the places before: no hub has both."));
    case KL_TEACH_NOTHING:
    default:
        return NULL;
    }
}

static void look(KlTeachView *self);

static void
say_error(KlTeachView *self, const GError *error)
{
    KlErrorCode code = kl_error_code(error);
    g_autofree char *text =
        g_strdup_printf("%s %s\n%s", _(kl_error_words(code)), _(kl_error_remedy(code)), error->message);
    gtk_label_set_text(self->said, text);
}

static void
on_looked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlTeachView) self = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) devices = kl_session_look_finish(result, &error);
    self->looking = FALSE;
    if (self->session == NULL)
        return;
    if (devices == NULL) {
        say_error(self, error);
        return;
    }
    g_autofree char *words = event_words(self, kl_teach_see(self->teach, devices));
    if (words != NULL)
        gtk_label_set_text(self->said, words);
    show_teach(self);
    if (self->look_again)
        look(self);
}

/* One look at a time: what changes meanwhile is seen by the next. */
static void
look(KlTeachView *self)
{
    self->look_again = self->looking;
    if (self->looking || self->teach == NULL)
        return;
    self->looking = TRUE;
    kl_session_look(self->session, self->gone, on_looked, g_object_ref(self));
}

/* --- the buttons --- */

/* A letter or digit at least, of [A-Za-z0-9_-]. */
static void
on_name(KlTeachView *self)
{
    const char *name = gtk_entry_get_text(self->name);
    gsize good = strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-");
    gtk_widget_set_sensitive(self->begin, good > 0 && name[good] == '\0');
}

static void
on_begin(KlTeachView *self)
{
    gtk_spin_button_update(self->rows_entry);
    gtk_spin_button_update(self->columns_entry);
    self->rows = (guint)gtk_spin_button_get_value_as_int(self->rows_entry);
    self->columns = (guint)gtk_spin_button_get_value_as_int(self->columns_entry);
    self->teach = kl_teach_new(gtk_entry_get_text(self->name), self->rows, self->columns);
    gtk_widget_hide(self->form);
    add_cells(self);
    gtk_widget_show(self->work);
    /* What is plugged in now is not new: units are asked for once that is known. */
    gtk_label_set_text(self->wanted, _("Looking…"));
    gtk_widget_set_sensitive(self->skip, FALSE);
    gtk_widget_set_sensitive(self->back, FALSE);
    look(self);
}

static void
on_skip(KlTeachView *self)
{
    kl_teach_skip(self->teach);
    gtk_label_set_text(self->said, "");
    show_teach(self);
}

static void
on_back(KlTeachView *self)
{
    kl_teach_back(self->teach);
    gtk_label_set_text(self->said, "");
    show_teach(self);
}

/* --- making it --- */

static GtkWidget *
new_side(void)
{
    GtkWidget *side = gtk_spin_button_new_with_range(1, SIDE_MOST, 1);
    gtk_spin_button_set_value(GTK_SPIN_BUTTON(side), 4);
    return side;
}

static void
add_form(KlTeachView *self)
{
    GtkWidget *grid = g_object_new(GTK_TYPE_GRID, "column-spacing", 12, "row-spacing", 6, NULL);
    self->form = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
    self->name = GTK_ENTRY(gtk_entry_new());
    self->rows_entry = GTK_SPIN_BUTTON(new_side());
    self->columns_entry = GTK_SPIN_BUTTON(new_side());
    self->begin = gtk_button_new_with_mnemonic(_("_Begin"));
    gtk_entry_set_max_length(self->name, NAME_CHARS);
    gtk_entry_set_text(self->name, "A");
    kl_setup_field(GTK_GRID(grid), 0, _("Hub"), GTK_WIDGET(self->name));
    kl_setup_field(GTK_GRID(grid), 1, _("Rows"), GTK_WIDGET(self->rows_entry));
    kl_setup_field(GTK_GRID(grid), 2, _("Columns"), GTK_WIDGET(self->columns_entry));
    gtk_widget_set_halign(self->begin, GTK_ALIGN_END);
    gtk_container_add(GTK_CONTAINER(self->form),
                      kl_setup_note(_("A unit is plugged into each place in turn, in reading order; the same one will "
                                      "do. A hub of that name is taught anew.")));
    gtk_container_add(GTK_CONTAINER(self->form), grid);
    gtk_container_add(GTK_CONTAINER(self->form), self->begin);
    gtk_widget_show_all(self->form);
    gtk_container_add(GTK_CONTAINER(self), self->form);
    g_signal_connect_swapped(self->name, "changed", G_CALLBACK(on_name), self);
    g_signal_connect_swapped(self->begin, "clicked", G_CALLBACK(on_begin), self);
}

static void
add_work(KlTeachView *self)
{
    GtkWidget *buttons = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
    GtkWidget *grid = g_object_new(GTK_TYPE_GRID, "column-spacing", 6, "row-spacing", 6, "row-homogeneous", TRUE,
                                   "column-homogeneous", TRUE, NULL);
    self->work = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
    self->wanted = GTK_LABEL(kl_setup_heading(""));
    self->said = GTK_LABEL(kl_setup_note(NULL));
    self->grid = GTK_GRID(grid);
    self->skip = gtk_button_new_with_mnemonic(_("_Skip this place"));
    self->back = gtk_button_new_with_mnemonic(_("_Back one place"));
    gtk_container_add(GTK_CONTAINER(buttons), self->back);
    gtk_container_add(GTK_CONTAINER(buttons), self->skip);
    gtk_container_add(GTK_CONTAINER(self->work), GTK_WIDGET(self->wanted));
    gtk_container_add(GTK_CONTAINER(self->work), grid);
    gtk_container_add(GTK_CONTAINER(self->work), GTK_WIDGET(self->said));
    gtk_container_add(GTK_CONTAINER(self->work), buttons);
    gtk_widget_show_all(self->work);
    gtk_widget_hide(self->work);
    gtk_widget_set_no_show_all(self->work, TRUE);
    gtk_container_add(GTK_CONTAINER(self), self->work);
    g_signal_connect_swapped(self->skip, "clicked", G_CALLBACK(on_skip), self);
    g_signal_connect_swapped(self->back, "clicked", G_CALLBACK(on_back), self);
}

static void
kl_teach_view_init(KlTeachView *self)
{
    self->gone = g_cancellable_new();
    self->cells = g_ptr_array_new();
    gtk_orientable_set_orientation(GTK_ORIENTABLE(self), GTK_ORIENTATION_VERTICAL);
    add_form(self);
    add_work(self);
}

GtkWidget *
kl_teach_view_new(KlSession *session)
{
    KlTeachView *self = g_object_new(KL_TYPE_TEACH_VIEW, "visible", TRUE, NULL);
    self->session = g_object_ref(session);
    g_signal_connect_swapped(session, "bus-changed", G_CALLBACK(look), self);
    return GTK_WIDGET(self);
}

char *
kl_teach_view_text(KlTeachView *self)
{
    return self->teach != NULL ? kl_teach_text(self->teach) : NULL;
}
