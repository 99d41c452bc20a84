#include "gui/scan_focus.h"

typedef struct {
    GtkWidget *page, *entry; /* not owned: this struct ends with the page */
    GtkWindow *window;       /* the page's toplevel, or NULL */
    guint idle;
} ScanFocus;

static void
leave_window(ScanFocus *self)
{
    if (self->window != NULL) {
        g_signal_handlers_disconnect_by_data(self->window, self);
        g_object_remove_weak_pointer(G_OBJECT(self->window), (gpointer *)&self->window);
    }
    self->window = NULL;
    g_clear_handle_id(&self->idle, g_source_remove);
}

static void
scan_focus_free(gpointer data)
{
    ScanFocus *self = data;
    leave_window(self);
    g_free(self);
}

static void
grab(ScanFocus *self)
{
    gtk_entry_grab_focus_without_selecting(GTK_ENTRY(self->entry));
}

/* TRUE when what has the focus takes text of its own. */
static gboolean
takes_text(GtkWidget *focus)
{
    return GTK_IS_EDITABLE(focus) || GTK_IS_TEXT_VIEW(focus) ||
           gtk_widget_get_ancestor(focus, GTK_TYPE_POPOVER) != NULL;
}

static gboolean
is_enter(guint keyval)
{
    return keyval == GDK_KEY_Return || keyval == GDK_KEY_KP_Enter || keyval == GDK_KEY_ISO_Enter;
}

/* Runs before the window passes the key on: moving the focus here is what sends the key to the entry. */
static gboolean
on_key_press(GtkWindow *window, GdkEventKey *event, ScanFocus *self)
{
    GtkWidget *focus = gtk_window_get_focus(window);
    if (!gtk_widget_get_mapped(self->page) || focus == self->entry || (focus != NULL && takes_text(focus)))
        return GDK_EVENT_PROPAGATE;
    if (is_enter(event->keyval)) {
        grab(self);
        return GDK_EVENT_PROPAGATE;
    }
    gboolean command = (event->state & (GDK_CONTROL_MASK | GDK_MOD1_MASK | GDK_SUPER_MASK)) != 0;
    gunichar character = gdk_keyval_to_unicode(event->keyval);
    if (command || !g_unichar_isprint(character) || (character == ' ' && focus != NULL))
        return GDK_EVENT_PROPAGATE;
    grab(self);
    return GDK_EVENT_PROPAGATE;
}

static gboolean
grab_unless_taken(gpointer data)
{
    ScanFocus *self = data;
    self->idle = 0;
    GtkWidget *focus = self->window != NULL ? gtk_window_get_focus(self->window) : NULL;
    if (gtk_widget_get_mapped(self->page) && (focus == NULL || !takes_text(focus)))
        grab(self);
    return G_SOURCE_REMOVE;
}

static gboolean
grab_if_lost(gpointer data)
{
    ScanFocus *self = data;
    self->idle = 0;
    if (gtk_widget_get_mapped(self->page) && self->window != NULL && gtk_window_get_focus(self->window) == NULL)
        grab(self);
    return G_SOURCE_REMOVE;
}

static void
grab_soon(ScanFocus *self)
{
    g_clear_handle_id(&self->idle, g_source_remove);
    self->idle = g_idle_add(grab_unless_taken, self);
}

/* Tab passes through "nothing" on its way from the last widget to the first: look again when it has arrived. */
static void
on_set_focus(GtkWindow *window, GtkWidget *focus, ScanFocus *self)
{
    if (focus == NULL && self->idle == 0)
        self->idle = g_idle_add(grab_if_lost, self);
}

static void
on_active(GtkWindow *window, GParamSpec *property, ScanFocus *self)
{
    if (gtk_window_is_active(window) && gtk_widget_get_mapped(self->page))
        grab_soon(self);
}

static void
enter_window(GtkWidget *page, GtkWidget *previous, ScanFocus *self)
{
    GtkWidget *toplevel = gtk_widget_get_toplevel(page);
    leave_window(self);
    if (!GTK_IS_WINDOW(toplevel))
        return;
    self->window = GTK_WINDOW(toplevel);
    g_object_add_weak_pointer(G_OBJECT(toplevel), (gpointer *)&self->window);
    g_signal_connect(toplevel, "key-press-event", G_CALLBACK(on_key_press), self);
    g_signal_connect(toplevel, "set-focus", G_CALLBACK(on_set_focus), self);
    g_signal_connect(toplevel, "notify::is-active", G_CALLBACK(on_active), self);
}

void
kl_scan_focus_attach(GtkWidget *page, GtkWidget *entry)
{
    ScanFocus *self = g_new0(ScanFocus, 1);
    self->page = page;
    self->entry = entry;
    g_object_set_data_full(G_OBJECT(page), "kl-scan-focus", self, scan_focus_free);
    g_signal_connect(page, "hierarchy-changed", G_CALLBACK(enter_window), self);
    g_signal_connect_swapped(page, "map", G_CALLBACK(grab_soon), self);
}
