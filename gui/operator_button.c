#include "gui/operator_button.h"

#include "gui/i18n.h"

typedef struct {
    KlSession *session; /* borrowed; the button holds a reference */
    GtkWidget *button;
    GtkWidget *popover;
    GtkWidget *entry;
    GtkWidget *sign_off;
} OperatorButton;

static void
set_name(GtkWidget *widget, const char *name)
{
    atk_object_set_name(gtk_widget_get_accessible(widget), name);
}

static void
show_operator(KlSession *session, OperatorButton *self)
{
    const char *operator_id = kl_session_operator(session);
    g_autofree char *text = operator_id != NULL ? g_strdup_printf(_("Operator %s"), operator_id) : NULL;
    const char *shown = text != NULL ? text : _("Sign on");
    gtk_button_set_label(GTK_BUTTON(self->button), shown);
    set_name(self->button, shown);
    gtk_widget_set_visible(self->sign_off, operator_id != NULL);
}

static void
on_sign_on(GtkEntry *entry, OperatorButton *self)
{
    g_autofree char *id = kl_label_clean(gtk_entry_get_text(entry));
    if (id == NULL)
        return;
    kl_session_sign_on(self->session, id);
    gtk_entry_set_text(entry, "");
    gtk_popover_popdown(GTK_POPOVER(self->popover));
}

static void
on_sign_off(GtkButton *button, OperatorButton *self)
{
    kl_session_sign_off(self->session);
    gtk_popover_popdown(GTK_POPOVER(self->popover));
}

static void
on_destroy(GtkWidget *button, OperatorButton *self)
{
    g_signal_handlers_disconnect_by_data(self->session, self);
    g_object_unref(self->session);
    g_free(self);
}

GtkWidget *
kl_operator_button_new(KlSession *session)
{
    OperatorButton *self = g_new0(OperatorButton, 1);
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 8);
    self->session = g_object_ref(session);
    self->button = gtk_menu_button_new();
    self->popover = gtk_popover_new(self->button);
    self->entry = gtk_entry_new();
    self->sign_off = gtk_button_new_with_label(_("Sign off"));

    gtk_entry_set_placeholder_text(GTK_ENTRY(self->entry), _("Badge or operator id"));
    gtk_entry_set_max_length(GTK_ENTRY(self->entry), 64);
    set_name(self->entry, _("Operator id"));
    gtk_container_set_border_width(GTK_CONTAINER(box), 12);
    gtk_container_add(GTK_CONTAINER(box), self->entry);
    gtk_container_add(GTK_CONTAINER(box), self->sign_off);
    gtk_container_add(GTK_CONTAINER(self->popover), box);
    gtk_widget_show_all(box);
    gtk_menu_button_set_popover(GTK_MENU_BUTTON(self->button), self->popover);

    g_signal_connect(self->entry, "activate", G_CALLBACK(on_sign_on), self);
    g_signal_connect(self->sign_off, "clicked", G_CALLBACK(on_sign_off), self);
    g_signal_connect(session, "changed", G_CALLBACK(show_operator), self);
    g_signal_connect(self->button, "destroy", G_CALLBACK(on_destroy), self);
    show_operator(session, self);
    return self->button;
}
