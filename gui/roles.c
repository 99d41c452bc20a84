#include "gui/roles.h"

#include "gui/i18n.h"
#include "gui/new_pin_dialog.h"
#include "gui/pin_dialog.h"
#include "gui/setup_parts.h"
#include "station/supervisor.h"

/* The section; belongs to its widget. */
typedef struct {
    KlSession *session;
    GCancellable *gone; /* cancelled when the widget is destroyed */
    GtkWidget *widget;
    GtkLabel *operator_words, *pin_words;
    GtkWidget *sign_off, *set_pin, *auditor;
    gboolean has_pin;
} Roles;

static void
roles_free(gpointer data)
{
    Roles *roles = data;
    g_object_unref(roles->gone);
    g_object_unref(roles->session);
    g_free(roles);
}

static Roles *
roles_of(gpointer widget)
{
    return g_object_get_data(G_OBJECT(widget), "kl-roles");
}

static gboolean
is_gone(GtkWidget *widget)
{
    return g_cancellable_is_cancelled(roles_of(widget)->gone);
}

static void
show_operator(Roles *roles)
{
    const char *operator_id = kl_session_operator(roles->session);
    kl_setup_row_set(roles->operator_words,
                     operator_id != NULL ? operator_id : _("Nobody is signed on: scan a badge."));
    gtk_widget_set_sensitive(roles->sign_off, operator_id != NULL);
}

static void
on_session_changed(KlSession *session, GtkWidget *widget)
{
    Roles *roles = roles_of(widget);
    show_operator(roles);
    if (gtk_switch_get_state(GTK_SWITCH(roles->auditor)) != kl_session_auditor(session)) {
        gtk_switch_set_state(GTK_SWITCH(roles->auditor), kl_session_auditor(session));
        gtk_switch_set_active(GTK_SWITCH(roles->auditor), kl_session_auditor(session));
    }
}

static void
show_pin(Roles *roles)
{
    kl_setup_row_set(roles->pin_words, roles->has_pin ? _("Set. Kept only as a scrypt hash.")
                                                      : _("Not set: supervisor acts can't be done until it is."));
    gtk_button_set_label(GTK_BUTTON(roles->set_pin), roles->has_pin ? _("Change _PIN…") : _("Set _PIN…"));
    gtk_widget_set_sensitive(roles->set_pin, TRUE);
}

static void
look_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    GError *error = NULL;
    gboolean has = FALSE;
    if (kl_supervisor_has_pin(kl_session_reader(roles_of(source)->session), &has, &error))
        g_task_return_boolean(task, has);
    else
        g_task_return_error(task, error);
}

static void
on_looked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean has = g_task_propagate_boolean(G_TASK(result), &error);
    if (is_gone(GTK_WIDGET(source)))
        return;
    Roles *roles = roles_of(source);
    if (error != NULL) {
        kl_setup_row_set(roles->pin_words, _(kl_error_words(kl_error_code(error))));
        return;
    }
    roles->has_pin = has;
    show_pin(roles);
}

static void
look(Roles *roles)
{
    g_autoptr(GTask) task = g_task_new(roles->widget, NULL, on_looked, NULL);
    g_task_run_in_thread(task, look_in_thread);
}

/* --- the PIN --- */

static void
on_pin_set(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GtkWidget) widget = data;
    g_autoptr(GError) error = NULL;
    if (!kl_new_pin_dialog_finish(result, &error) || is_gone(widget))
        return;
    Roles *roles = roles_of(widget);
    /* A change was kept as an act when the old PIN was asked for; the first PIN has nobody to ask. */
    if (!roles->has_pin && !kl_session_record_act(roles->session, "supervisor", "pin", "first", NULL, &error))
        kl_setup_tell(widget, error);
    roles->has_pin = TRUE;
    show_pin(roles);
}

static void
on_pin_allowed(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GtkWidget) widget = data;
    g_autoptr(GError) error = NULL;
    gboolean allowed = kl_pin_ask_finish(result, NULL, &error);
    if (is_gone(widget))
        return;
    if (allowed)
        kl_new_pin_dialog_run(kl_setup_window(widget), KL_SESSION(source), on_pin_set, g_object_ref(widget));
    else
        kl_setup_tell(widget, error);
}

static void
on_set_pin(GtkButton *button, GtkWidget *widget)
{
    Roles *roles = roles_of(widget);
    if (roles->has_pin)
        kl_pin_ask(kl_setup_window(widget), roles->session, "pin", NULL, FALSE, on_pin_allowed, g_object_ref(widget));
    else
        kl_new_pin_dialog_run(kl_setup_window(widget), roles->session, on_pin_set, g_object_ref(widget));
}

/* --- the auditor's view --- */

static void
on_auditor_ended(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GtkWidget) widget = data;
    g_autoptr(GError) error = NULL;
    gboolean ended = kl_pin_ask_finish(result, NULL, &error);
    if (ended)
        kl_session_set_auditor(KL_SESSION(source), FALSE);
    if (is_gone(widget) || ended)
        return;
    gtk_switch_set_active(GTK_SWITCH(roles_of(widget)->auditor), TRUE);
    kl_setup_tell(widget, error);
}

static gboolean
on_auditor(GtkSwitch *control, gboolean wanted, GtkWidget *widget)
{
    Roles *roles = roles_of(widget);
    if (wanted == kl_session_auditor(roles->session))
        return FALSE;
    if (!wanted && roles->has_pin) {
        kl_pin_ask(kl_setup_window(widget), roles->session, "auditor-end", NULL, FALSE, on_auditor_ended,
                   g_object_ref(widget));
        return TRUE; /* the switch's state follows when the PIN was right */
    }
    g_autoptr(GError) error = NULL;
    if (!kl_session_record_act(roles->session, "auditor", wanted ? "auditor-begin" : "auditor-end", NULL, NULL, &error))
        kl_setup_tell(widget, error);
    kl_session_set_auditor(roles->session, wanted);
    return FALSE;
}

static void
add_controls(Roles *roles)
{
    GtkListBox *list = kl_setup_list(roles->widget);
    roles->sign_off = gtk_button_new_with_mnemonic(_("Sign _off"));
    roles->operator_words = kl_setup_control(list, _("Operator"), NULL, roles->sign_off);
    g_signal_connect_swapped(roles->sign_off, "clicked", G_CALLBACK(kl_session_sign_off), roles->session);

    roles->set_pin = gtk_button_new_with_mnemonic(_("Set _PIN…"));
    gtk_widget_set_sensitive(roles->set_pin, FALSE);
    GtkWidget *guarded = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0);
    gtk_container_add(GTK_CONTAINER(guarded), roles->set_pin);
    kl_setup_guard(guarded, roles->session);
    roles->pin_words = kl_setup_control(list, _("Supervisor's PIN"), _("Looking…"), guarded);
    g_signal_connect(roles->set_pin, "clicked", G_CALLBACK(on_set_pin), roles->widget);

    roles->auditor = gtk_switch_new();
    kl_setup_control(list, _("Auditor's view"),
                     _("Everything can be read, nothing can be started or changed. Only the supervisor ends it."),
                     roles->auditor);
    g_signal_connect(roles->auditor, "state-set", G_CALLBACK(on_auditor), roles->widget);
}

GtkWidget *
kl_roles_section_new(KlSession *session)
{
    Roles *roles = g_new0(Roles, 1);
    roles->session = g_object_ref(session);
    roles->gone = g_cancellable_new();
    roles->widget = kl_setup_section(_("Roles"), NULL);
    g_object_set_data_full(G_OBJECT(roles->widget), "kl-roles", roles, roles_free);
    g_signal_connect_swapped(roles->widget, "destroy", G_CALLBACK(g_cancellable_cancel), roles->gone);
    add_controls(roles);
    g_signal_connect_object(session, "changed", G_CALLBACK(on_session_changed), roles->widget, 0);
    on_session_changed(session, roles->widget);
    look(roles);
    return roles->widget;
}
