#include "gui/setup_page.h"

#include "gui/doctor_view.h"
#include "gui/i18n.h"
#include "gui/roles.h"
#include "gui/setup_parts.h"
#include "gui/setup_sections.h"

#define COLUMN_WIDTH 760

struct _KlSetupPage {
    GtkBox parent_instance;

    GtkStack *stack;
};

G_DEFINE_FINAL_TYPE(KlSetupPage, kl_setup_page, GTK_TYPE_BOX)

static guint reopen_signal;

static void
kl_setup_page_class_init(KlSetupPageClass *klass)
{
    reopen_signal = g_signal_new("reopen", KL_TYPE_SETUP_PAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
kl_setup_page_init(KlSetupPage *page)
{
}

static void
on_station_changed(gpointer page, gpointer unused)
{
    g_signal_emit(page, reopen_signal, 0);
}

/* One section in a column that stays readable however wide the window is. */
static void
add_section(KlSetupPage *page, const char *name, const char *title, GtkWidget *section)
{
    gtk_widget_set_size_request(section, COLUMN_WIDTH, -1);
    gtk_widget_set_halign(section, GTK_ALIGN_CENTER);
    GtkWidget *scrolled = gtk_scrolled_window_new(NULL, NULL);
    gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scrolled), GTK_POLICY_AUTOMATIC, GTK_POLICY_AUTOMATIC);
    gtk_container_add(GTK_CONTAINER(scrolled), section);
    gtk_stack_add_titled(page->stack, scrolled, name, title);
}

/* GtkStackSidebar gives its rows no accessible name of their own: they take that of their label. */
static void
name_rows(GtkWidget *widget, gpointer row)
{
    if (GTK_IS_LABEL(widget) && row != NULL)
        atk_object_set_name(gtk_widget_get_accessible(row), gtk_label_get_text(GTK_LABEL(widget)));
    else if (GTK_IS_CONTAINER(widget))
        gtk_container_forall(GTK_CONTAINER(widget), name_rows, GTK_IS_LIST_BOX_ROW(widget) ? widget : row);
}

GtkWidget *
kl_setup_page_new(KlSession *session)
{
    KlSetupPage *page = g_object_new(KL_TYPE_SETUP_PAGE, NULL);
    /* Not homogeneous: or the window's start would wait for the layout of every section. */
    page->stack = g_object_new(GTK_TYPE_STACK, "homogeneous", FALSE, "transition-type",
                               GTK_STACK_TRANSITION_TYPE_CROSSFADE, "hexpand", TRUE, "vexpand", TRUE, NULL);
    GtkWidget *sidebar = gtk_stack_sidebar_new();
    gtk_stack_sidebar_set_stack(GTK_STACK_SIDEBAR(sidebar), page->stack);
    gtk_widget_set_size_request(sidebar, 220, -1);
    atk_object_set_name(gtk_widget_get_accessible(sidebar), _("Sections"));
    add_section(page, "station", _("Station"), kl_setup_station_new(session, on_station_changed, page));
    add_section(page, "product", _("Product"), kl_setup_product_new(session, on_station_changed, page));
    add_section(page, "ca", _("Certificate authority"), kl_setup_ca_new(session));
    add_section(page, "audit", _("Journal"), kl_setup_audit_new(session));
    add_section(page, "acts", _("Supervisor"), kl_setup_acts_new(session));
    add_section(page, "roles", _("Roles"), kl_roles_section_new(session));
    add_section(page, "doctor", _("Doctor"), kl_doctor_view_new(session));
    gtk_container_add(GTK_CONTAINER(page), sidebar);
    gtk_container_add(GTK_CONTAINER(page), gtk_separator_new(GTK_ORIENTATION_VERTICAL));
    gtk_container_add(GTK_CONTAINER(page), GTK_WIDGET(page->stack));
    gtk_widget_show_all(GTK_WIDGET(page));
    name_rows(sidebar, NULL);
    return GTK_WIDGET(page);
}

void
kl_setup_page_show(KlSetupPage *page, const char *section)
{
    gtk_stack_set_visible_child_name(page->stack, section);
}
