#include "gui/setup_parts.h"

#include <gio/gio.h>

#include "gui/i18n.h"
#include "station/error.h"

static GtkWidget *
title_label(const char *text, double scale)
{
    GtkWidget *label = gtk_label_new(text);
    g_autoptr(PangoAttrList) attributes = pango_attr_list_new();
    pango_attr_list_insert(attributes, pango_attr_weight_new(PANGO_WEIGHT_BOLD));
    pango_attr_list_insert(attributes, pango_attr_scale_new(scale));
    gtk_label_set_attributes(GTK_LABEL(label), attributes);
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    return label;
}

GtkWidget *
kl_setup_note(const char *text)
{
    GtkWidget *label = gtk_label_new(text);
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_label_set_line_wrap(GTK_LABEL(label), TRUE);
    gtk_label_set_line_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
    gtk_label_set_max_width_chars(GTK_LABEL(label), 60);
    gtk_style_context_add_class(gtk_widget_get_style_context(label), GTK_STYLE_CLASS_DIM_LABEL);
    return label;
}

GtkWidget *
kl_setup_section(const char *title, const char *intro)
{
    GtkWidget *section = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
    g_object_set(section, "margin", 24, "valign", GTK_ALIGN_START, NULL);
    gtk_container_add(GTK_CONTAINER(section), title_label(title, PANGO_SCALE_X_LARGE));
    if (intro != NULL)
        gtk_container_add(GTK_CONTAINER(section), kl_setup_note(intro));
    return section;
}

GtkWidget *
kl_setup_heading(const char *title)
{
    GtkWidget *label = title_label(title, PANGO_SCALE_MEDIUM);
    gtk_widget_set_margin_top(label, 12);
    return label;
}

static void
add_separator(GtkListBoxRow *row, GtkListBoxRow *before, gpointer data)
{
    gboolean has = gtk_list_box_row_get_header(row) != NULL;
    if (before != NULL && !has)
        gtk_list_box_row_set_header(row, gtk_separator_new(GTK_ORIENTATION_HORIZONTAL));
    else if (before == NULL && has)
        gtk_list_box_row_set_header(row, NULL);
}

GtkListBox *
kl_setup_list(GtkWidget *section)
{
    GtkWidget *list = gtk_list_box_new();
    gtk_list_box_set_selection_mode(GTK_LIST_BOX(list), GTK_SELECTION_NONE);
    gtk_list_box_set_header_func(GTK_LIST_BOX(list), add_separator, NULL, NULL);
    GtkWidget *frame = gtk_frame_new(NULL);
    gtk_container_add(GTK_CONTAINER(frame), list);
    gtk_container_add(GTK_CONTAINER(section), frame);
    return GTK_LIST_BOX(list);
}

static void
destroy_row(GtkWidget *row, gpointer unused)
{
    gtk_widget_destroy(row);
}

void
kl_setup_clear(GtkListBox *list)
{
    gtk_container_foreach(GTK_CONTAINER(list), destroy_row, NULL);
}

/* A grid, for a horizontal box lays out every wrapped text several times: with 64 slots the page would come late. */
static GtkWidget *
add_row(GtkListBox *list)
{
    GtkWidget *box = gtk_grid_new();
    g_object_set(box, "column-spacing", 12, "margin", 10, "margin-start", 14, "margin-end", 14, NULL);
    GtkWidget *row = gtk_list_box_row_new();
    gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), FALSE);
    gtk_widget_set_can_focus(row, FALSE);
    gtk_container_add(GTK_CONTAINER(row), box);
    gtk_container_add(GTK_CONTAINER(list), row);
    return box;
}

void
kl_setup_row_set(GtkLabel *value, const char *text)
{
    gtk_label_set_text(value, text != NULL && *text != '\0' ? text : "–");
}

GtkLabel *
kl_setup_row(GtkListBox *list, const char *name, const char *value)
{
    GtkWidget *box = add_row(list);
    GtkWidget *key = gtk_label_new(name);
    g_object_set(key, "xalign", 0.0, "valign", GTK_ALIGN_START, "width-chars", 20, NULL);
    gtk_style_context_add_class(gtk_widget_get_style_context(key), GTK_STYLE_CLASS_DIM_LABEL);
    GtkWidget *text = gtk_label_new(NULL);
    g_object_set(text, "xalign", 0.0, "hexpand", TRUE, "wrap", TRUE, "wrap-mode", PANGO_WRAP_WORD_CHAR, "selectable",
                 TRUE, "max-width-chars", 60, NULL);
    kl_setup_row_set(GTK_LABEL(text), value);
    atk_object_add_relationship(gtk_widget_get_accessible(text), ATK_RELATION_LABELLED_BY,
                                gtk_widget_get_accessible(key));
    gtk_container_add(GTK_CONTAINER(box), key);
    gtk_container_add(GTK_CONTAINER(box), text);
    return GTK_LABEL(text);
}

GtkLabel *
kl_setup_control(GtkListBox *list, const char *name, const char *note, GtkWidget *control)
{
    GtkWidget *box = add_row(list);
    GtkWidget *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
    GtkWidget *title = gtk_label_new(name);
    gtk_label_set_xalign(GTK_LABEL(title), 0);
    GtkWidget *sentence = kl_setup_note(note);
    gtk_container_add(GTK_CONTAINER(words), title);
    gtk_container_add(GTK_CONTAINER(words), sentence);
    gtk_widget_set_hexpand(words, TRUE);
    gtk_widget_set_valign(control, GTK_ALIGN_CENTER);
    gtk_container_add(GTK_CONTAINER(box), words);
    gtk_container_add(GTK_CONTAINER(box), control);
    if (!GTK_IS_BUTTON(control) && !GTK_IS_BOX(control))
        atk_object_set_name(gtk_widget_get_accessible(control), name);
    return GTK_LABEL(sentence);
}

static void
name_button(GtkWidget *widget, gpointer name)
{
    if (GTK_IS_BUTTON(widget))
        atk_object_set_name(gtk_widget_get_accessible(widget), name);
    else if (GTK_IS_CONTAINER(widget))
        gtk_container_forall(GTK_CONTAINER(widget), name_button, name);
}

GtkComboBoxText *
kl_setup_combo(const char *name)
{
    GtkWidget *combo = gtk_combo_box_text_new();
    atk_object_set_name(gtk_widget_get_accessible(combo), name);
    gtk_container_forall(GTK_CONTAINER(combo), name_button, (gpointer)name);
    return GTK_COMBO_BOX_TEXT(combo);
}

void
kl_setup_field(GtkGrid *grid, int row, const char *label, GtkWidget *widget)
{
    GtkWidget *name = gtk_label_new(label);
    gtk_label_set_xalign(GTK_LABEL(name), 1);
    gtk_style_context_add_class(gtk_widget_get_style_context(name), GTK_STYLE_CLASS_DIM_LABEL);
    gtk_label_set_mnemonic_widget(GTK_LABEL(name), widget);
    gtk_widget_set_hexpand(widget, TRUE);
    gtk_grid_attach(grid, name, 0, row, 1, 1);
    gtk_grid_attach(grid, widget, 1, row, 1, 1);
    atk_object_set_name(gtk_widget_get_accessible(widget), label);
}

static void
guard(KlSession *session, GtkWidget *widget)
{
    gtk_widget_set_sensitive(widget, !kl_session_auditor(session));
}

void
kl_setup_guard(GtkWidget *widget, KlSession *session)
{
    g_signal_connect_object(session, "changed", G_CALLBACK(guard), widget, 0);
    guard(session, widget);
}

GtkWindow *
kl_setup_window(GtkWidget *widget)
{
    GtkWidget *top = gtk_widget_get_toplevel(widget);
    return GTK_IS_WINDOW(top) ? GTK_WINDOW(top) : NULL;
}

void
kl_setup_tell(GtkWidget *near, const GError *error)
{
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    KlErrorCode code = kl_error_code(error);
    GtkWidget *dialog = gtk_message_dialog_new(kl_setup_window(near), GTK_DIALOG_MODAL | GTK_DIALOG_DESTROY_WITH_PARENT,
                                               GTK_MESSAGE_ERROR, GTK_BUTTONS_CLOSE, "%s", _(kl_error_words(code)));
    gtk_message_dialog_format_secondary_text(GTK_MESSAGE_DIALOG(dialog), "%s", _(kl_error_remedy(code)));
    GtkWidget *details = gtk_expander_new_with_mnemonic(_("_Details"));
    GtkWidget *message = kl_setup_note(error->message);
    gtk_label_set_selectable(GTK_LABEL(message), TRUE);
    gtk_container_add(GTK_CONTAINER(details), message);
    gtk_container_add(GTK_CONTAINER(gtk_message_dialog_get_message_area(GTK_MESSAGE_DIALOG(dialog))), details);
    g_signal_connect(dialog, "response", G_CALLBACK(gtk_widget_destroy), NULL);
    gtk_widget_show_all(dialog);
}

char *
kl_setup_date(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(seconds);
    return time != NULL ? g_date_time_format(time, "%-d %B %Y") : g_strdup("–");
}
