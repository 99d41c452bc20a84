#include "gui/arm_button.h"

#include "gui/i18n.h"
#include "gui/setup_parts.h"

#define UNITS_MOST 100000

struct _KlArmButton {
    GtkMenuButton parent_instance;
    KlSession *session;
    GtkWidget *popover;
    GtkWidget *form; /* number and button */
    GtkSpinButton *count;
    GtkWidget *arm;
    GtkLabel *refusal; /* in place of the form */
};

G_DEFINE_FINAL_TYPE(KlArmButton, kl_arm_button, GTK_TYPE_MENU_BUTTON)

static guint armed_signal;

static void
kl_arm_button_dispose(GObject *object)
{
    KlArmButton *self = KL_ARM_BUTTON(object);
    if (self->session != NULL)
        g_signal_handlers_disconnect_by_data(self->session, self);
    g_clear_object(&self->session);
    G_OBJECT_CLASS(kl_arm_button_parent_class)->dispose(object);
}

static void
kl_arm_button_class_init(KlArmButtonClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_arm_button_dispose;
    armed_signal = g_signal_new("armed", KL_TYPE_ARM_BUTTON, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
show_refusal(KlArmButton *self, const GError *error)
{
    gtk_widget_set_visible(self->form, error == NULL);
    gtk_widget_set_visible(GTK_WIDGET(self->refusal), error != NULL);
    if (error == NULL)
        return;
    KlErrorCode code = kl_error_code(error);
    g_autofree char *text =
        code == KL_ERROR_LABEL_MISSING
            ? g_strdup(_("This product wants every unit's label scanned: its units can't start by themselves."))
            : g_strdup_printf("%s %s", _(kl_error_words(code)), _(kl_error_remedy(code)));
    gtk_label_set_text(self->refusal, text);
}

/* What the work order still lacks; without one, a unit for every slot. */
static guint
suggestion(KlSession *session)
{
    KlCounters counters = kl_session_counters(session);
    if (counters.target > counters.passed)
        return counters.target - counters.passed;
    return kl_session_n_cards(session);
}

static void
on_open(GtkWidget *popover, KlArmButton *self)
{
    g_autoptr(GError) error = NULL;
    kl_session_can_arm(self->session, &error);
    show_refusal(self, error);
    gtk_spin_button_set_value(self->count, suggestion(self->session));
    gtk_widget_grab_focus(error == NULL ? GTK_WIDGET(self->count) : GTK_WIDGET(self->refusal));
    gtk_label_select_region(self->refusal, 0, 0);
}

static void
on_arm(KlArmButton *self)
{
    g_autoptr(GError) error = NULL;
    gtk_spin_button_update(self->count);
    if (!kl_session_arm(self->session, (guint)gtk_spin_button_get_value_as_int(self->count), &error)) {
        show_refusal(self, error);
        return;
    }
    gtk_popover_popdown(GTK_POPOVER(self->popover));
    g_signal_emit(self, armed_signal, 0);
}

/* Enter belongs to the scanner. */
static gboolean
on_key(GtkWidget *widget, GdkEventKey *event, gpointer data)
{
    return event->keyval == GDK_KEY_Return || event->keyval == GDK_KEY_KP_Enter || event->keyval == GDK_KEY_ISO_Enter;
}

static void
on_changed(KlSession *session, KlArmButton *self)
{
    gtk_widget_set_visible(GTK_WIDGET(self), kl_session_batch(session) == NULL);
}

static void
kl_arm_button_init(KlArmButton *self)
{
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 8);
    GtkWidget *grid = g_object_new(GTK_TYPE_GRID, "column-spacing", 12, NULL);
    self->popover = gtk_popover_new(GTK_WIDGET(self));
    self->form = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
    self->count = GTK_SPIN_BUTTON(gtk_spin_button_new_with_range(1, UNITS_MOST, 1));
    self->arm = gtk_button_new_with_mnemonic(_("_Arm the line"));
    self->refusal = GTK_LABEL(kl_setup_note(NULL));
    gtk_label_set_max_width_chars(self->refusal, 36);
    /* It takes the focus: a popover without one would lose it to the scan entry, and close. */
    gtk_label_set_selectable(self->refusal, TRUE);
    gtk_style_context_add_class(gtk_widget_get_style_context(self->arm), "suggested-action");
    gtk_style_context_add_class(gtk_widget_get_style_context(box), "arm-box");
    gtk_entry_set_width_chars(GTK_ENTRY(self->count), 6);
    gtk_container_add(GTK_CONTAINER(self->form),
                      kl_setup_note(_("Every unit that is plugged in starts by itself, until so many are done.")));
    kl_setup_field(GTK_GRID(grid), 0, _("Units"), GTK_WIDGET(self->count));
    gtk_container_add(GTK_CONTAINER(self->form), grid);
    gtk_container_add(GTK_CONTAINER(self->form), self->arm);
    gtk_container_add(GTK_CONTAINER(box), self->form);
    gtk_container_add(GTK_CONTAINER(box), GTK_WIDGET(self->refusal));
    gtk_widget_show_all(box);
    gtk_container_add(GTK_CONTAINER(self->popover), box);
    gtk_menu_button_set_popover(GTK_MENU_BUTTON(self), self->popover);
    gtk_menu_button_set_direction(GTK_MENU_BUTTON(self), GTK_ARROW_UP);
    gtk_style_context_add_class(gtk_widget_get_style_context(GTK_WIDGET(self)), "arm-button");
    g_signal_connect(self->popover, "show", G_CALLBACK(on_open), self);
    g_signal_connect(self->count, "key-press-event", G_CALLBACK(on_key), NULL);
    g_signal_connect(self->arm, "key-press-event", G_CALLBACK(on_key), NULL);
    g_signal_connect_swapped(self->arm, "clicked", G_CALLBACK(on_arm), self);
}

GtkWidget *
kl_arm_button_new(KlSession *session)
{
    KlArmButton *self = g_object_new(KL_TYPE_ARM_BUTTON, "label", _("_Arm…"), "use-underline", TRUE, "focus-on-click",
                                     FALSE, "visible", TRUE, "no-show-all", TRUE, "valign", GTK_ALIGN_CENTER, NULL);
    self->session = g_object_ref(session);
    g_signal_connect(session, "changed", G_CALLBACK(on_changed), self);
    return GTK_WIDGET(self);
}
