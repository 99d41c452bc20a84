#include "gui/i18n.h"
#include "gui/setup_parts.h"
#include "gui/setup_sections.h"
#include "gui/sounds.h"
#include "gui/teach_dialog.h"
#include "station/error.h"

/* The section; belongs to its widget. */
typedef struct {
    KlSession *session;
    GCancellable *gone; /* cancelled when the widget is destroyed; ends looks that are under way */
    GtkWidget *widget;
    GtkWidget *look, *sound;
    GPtrArray *answers; /* GtkLabel, one a slot, borrowed */
    guint looking;      /* slots that are being looked at */
    gulong sound_handler;
    GFunc changed;
    gpointer changed_data;
} Station;

static void
station_free(gpointer data)
{
    Station *station = data;
    g_ptr_array_unref(station->answers);
    g_object_unref(station->gone);
    g_object_unref(station->session);
    g_free(station);
}

static Station *
station_of(gpointer widget)
{
    return g_object_get_data(G_OBJECT(widget), "kl-station");
}

static gboolean
is_gone(gpointer widget)
{
    return g_cancellable_is_cancelled(station_of(widget)->gone);
}

/* --- who answers --- */

static void
look_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const KlStation *station = kl_session_station(station_of(source)->session);
    const KlSlotConfig *slot = kl_station_config(station)->slots->pdata[GPOINTER_TO_UINT(data)];
    GError *error = NULL;
    KlUnit *unit = kl_station_look(station, slot, cancel, &error);
    if (unit != NULL)
        g_task_return_pointer(task, unit, (GDestroyNotify)kl_unit_free);
    else
        g_task_return_error(task, error);
}

static void
on_looked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlUnit) unit = g_task_propagate_pointer(G_TASK(result), &error);
    if (is_gone(source))
        return;
    Station *station = station_of(source);
    guint index = GPOINTER_TO_UINT(g_task_get_task_data(G_TASK(result)));
    g_autofree char *text = NULL;
    if (unit != NULL)
        text = g_strdup_printf(_("%s, agent %s\n%s\nFSN %s\nIMEI %s"), unit->model, unit->agent_version, unit->firmware,
                               unit->fsn, unit->imei);
    gtk_label_set_text(station->answers->pdata[index], text != NULL ? text : _(kl_error_words(kl_error_code(error))));
    station->looking--;
    gtk_widget_set_sensitive(station->look, station->looking == 0);
}

/* A slot at work is left alone: its ports are taken. */
static void
on_look(GtkButton *button, GtkWidget *widget)
{
    Station *station = station_of(widget);
    for (guint i = 0; i < station->answers->len; i++) {
        GtkLabel *answer = station->answers->pdata[i];
        if (kl_session_card(station->session, i)->state == KL_CARD_RUNNING) {
            gtk_label_set_text(answer, _("At work"));
            continue;
        }
        gtk_label_set_text(answer, _("Looking…"));
        station->looking++;
        g_autoptr(GTask) task = g_task_new(widget, station->gone, on_looked, NULL);
        g_task_set_task_data(task, GUINT_TO_POINTER(i), NULL);
        g_task_run_in_thread(task, look_in_thread);
    }
    gtk_widget_set_sensitive(station->look, station->looking == 0);
}

static void
add_slots(Station *station, const KlConfig *config)
{
    GtkWidget *head = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
    GtkWidget *title = kl_setup_heading(_("Slots"));
    gtk_widget_set_hexpand(title, TRUE);
    station->look = gtk_button_new_with_mnemonic(_("_Who answers?"));
    g_signal_connect(station->look, "clicked", G_CALLBACK(on_look), station->widget);
    gtk_container_add(GTK_CONTAINER(head), title);
    gtk_container_add(GTK_CONTAINER(head), station->look);
    gtk_container_add(GTK_CONTAINER(station->widget), head);
    if (config->slots->len == 0) {
        gtk_widget_set_sensitive(station->look, FALSE);
        gtk_container_add(
            GTK_CONTAINER(station->widget),
            kl_setup_note(
                _("There are none yet: teach a hub, or add a group [slot 01] to station.conf, which says how.")));
        return;
    }
    GtkListBox *list = kl_setup_list(station->widget);
    for (guint i = 0; i < config->slots->len; i++) {
        const KlSlotConfig *slot = config->slots->pdata[i];
        gboolean two = slot->modem != NULL && g_strcmp0(slot->modem, slot->agent) != 0;
        g_autofree char *ports = two ? g_strdup_printf("%s\n%s", slot->agent, slot->modem) : g_strdup(slot->agent);
        GtkWidget *answer = gtk_label_new("");
        g_object_set(answer, "xalign", 0.0, "wrap", TRUE, "width-chars", 26, "max-width-chars", 34, "selectable", TRUE,
                     NULL);
        g_autofree char *name = g_strdup_printf(_("Slot %s"), slot->name);
        kl_setup_control(list, name, ports, answer);
        g_ptr_array_add(station->answers, answer);
    }
}

/* --- teaching a hub --- */

static void
on_taught(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GtkWidget) widget = data;
    g_autoptr(GError) error = NULL;
    gboolean taught = kl_teach_dialog_finish(result, &error);
    if (is_gone(widget))
        return;
    const Station *station = station_of(widget);
    if (taught)
        station->changed(station->changed_data, NULL);
    else
        kl_setup_tell(widget, error);
}

static void
on_teach(GtkButton *button, GtkWidget *widget)
{
    KlSession *session = station_of(widget)->session;
    if (kl_session_running(session) || kl_session_batch(session) != NULL) {
        g_autoptr(GError) error = NULL;
        kl_fail(&error, KL_ERROR_STATION_BUSY, "units are being worked on: wait for their verdicts");
        kl_setup_tell(widget, error);
        return;
    }
    kl_teach_dialog_run(kl_setup_window(widget), session, on_taught, g_object_ref(widget));
}

static void
add_teach(Station *station, GtkListBox *list)
{
    GtkWidget *teach = gtk_button_new_with_mnemonic(_("_Teach a hub…"));
    g_signal_connect(teach, "clicked", G_CALLBACK(on_teach), station->widget);
    kl_setup_guard(teach, station->session);
    kl_setup_control(list, _("Hubs"), _("Which slot is which port: learnt by plugging a unit into each place."), teach);
}

/* --- sounds --- */

static void
read_sound_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    KlStore *reader = kl_session_reader(station_of(source)->session);
    g_autofree char *value = reader->klass->setting(reader, KL_SETTING_SOUNDS, NULL);
    g_task_return_boolean(task, g_strcmp0(value, "off") != 0);
}

static void
on_sound_read(GObject *source, GAsyncResult *result, gpointer data)
{
    gboolean on = g_task_propagate_boolean(G_TASK(result), NULL);
    if (is_gone(source))
        return;
    Station *station = station_of(source);
    g_signal_handler_block(station->sound, station->sound_handler);
    gtk_switch_set_active(GTK_SWITCH(station->sound), on);
    g_signal_handler_unblock(station->sound, station->sound_handler);
    gtk_widget_set_sensitive(station->sound, TRUE);
}

static void
write_sound_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    KlStore *store = kl_station_store(kl_session_station(station_of(source)->session));
    GError *error = NULL;
    if (store->klass->set_setting(store, KL_SETTING_SOUNDS, data, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

static void
on_sound_written(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    if (!g_task_propagate_boolean(G_TASK(result), &error) && !is_gone(source))
        kl_setup_tell(GTK_WIDGET(source), error);
    else if (!is_gone(source))
        g_signal_emit_by_name(station_of(source)->session, "changed");
}

static void
on_sound(GtkSwitch *control, GParamSpec *property, GtkWidget *widget)
{
    g_autoptr(GTask) task = g_task_new(widget, NULL, on_sound_written, NULL);
    g_task_set_task_data(task, (gpointer)(gtk_switch_get_active(control) ? "on" : "off"), NULL);
    g_task_run_in_thread(task, write_sound_in_thread);
}

static void
add_sound(Station *station, GtkListBox *list)
{
    station->sound = gtk_switch_new();
    gtk_widget_set_sensitive(station->sound, FALSE);
    station->sound_handler = g_signal_connect(station->sound, "notify::active", G_CALLBACK(on_sound), station->widget);
    kl_setup_control(list, _("Sounds"), _("One for pass, another one for fail."), station->sound);
    g_autoptr(GTask) task = g_task_new(station->widget, NULL, on_sound_read, NULL);
    g_task_run_in_thread(task, read_sound_in_thread);
}

GtkWidget *
kl_setup_station_new(KlSession *session, GFunc changed, gpointer data)
{
    Station *station = g_new0(Station, 1);
    station->session = g_object_ref(session);
    station->gone = g_cancellable_new();
    station->answers = g_ptr_array_new();
    station->changed = changed;
    station->changed_data = data;
    station->widget = kl_setup_section(_("Station"), NULL);
    g_object_set_data_full(G_OBJECT(station->widget), "kl-station", station, station_free);
    g_signal_connect_swapped(station->widget, "destroy", G_CALLBACK(g_cancellable_cancel), station->gone);

    const KlConfig *config = kl_station_config(kl_session_station(session));
    GtkListBox *list = kl_setup_list(station->widget);
    kl_setup_row(list, _("Name"), config->name);
    kl_setup_row(list, _("Folder"), config->dir);
    if (config->line_file != NULL)
        kl_setup_row(list, _("Line file"), config->line_file);
    kl_setup_row(list, _("Program"), "Keyline " KL_PROGRAM_VERSION);
    add_sound(station, list);
    add_teach(station, list);
    add_slots(station, config);
    return station->widget;
}
