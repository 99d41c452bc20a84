#include "gui/field_chip.h"

#include "gui/field_text.h"
#include "gui/i18n.h"

struct _KlFieldChip {
    KlDetailsChip parent_instance;
    KlSession *session;
    GCancellable *gone;
    guint timer;
    gboolean looking;
};

G_DEFINE_FINAL_TYPE(KlFieldChip, kl_field_chip, KL_TYPE_DETAILS_CHIP)

#define EVERY_S 30
#define UNITS_MAX 1000

static void
kl_field_chip_dispose(GObject *object)
{
    KlFieldChip *self = KL_FIELD_CHIP(object);
    if (self->session != NULL)
        g_signal_handlers_disconnect_by_data(self->session, self);
    g_clear_handle_id(&self->timer, g_source_remove);
    if (self->gone != NULL)
        g_cancellable_cancel(self->gone);
    g_clear_object(&self->gone);
    g_clear_object(&self->session);
    G_OBJECT_CLASS(kl_field_chip_parent_class)->dispose(object);
}

static void
kl_field_chip_class_init(KlFieldChipClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_field_chip_dispose;
}

static void
kl_field_chip_init(KlFieldChip *self)
{
    self->gone = g_cancellable_new();
}

static void
look(GTask *task, gpointer session, gpointer data, GCancellable *cancel)
{
    const KlFieldFilter filter = {.cloud = kl_config_field_table(kl_station_config(kl_session_station(session))),
                                  .state = -1,
                                  .alarms = TRUE,
                                  .limit = UNITS_MAX};
    GError *error = NULL;
    KlStore *store = kl_session_reader(session);
    GPtrArray *units = store->klass->field(store, &filter, &error);
    if (units != NULL)
        g_task_return_pointer(task, units, (GDestroyNotify)g_ptr_array_unref);
    else
        g_task_return_error(task, error);
}

/* A database that can't be read is told elsewhere: what was shown last stays. */
static void
looked(GObject *session, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlFieldChip) self = data;
    g_autoptr(GPtrArray) units = g_task_propagate_pointer(G_TASK(result), NULL);
    self->looking = FALSE;
    if (units == NULL || self->session == NULL)
        return;
    gtk_widget_set_visible(GTK_WIDGET(self), units->len > 0);
    if (units->len == 0)
        return;
    g_autofree char *details = kl_field_alarms_text(units);
    g_autofree char *words = g_strdup_printf(ngettext("Field · %u alarm", "Field · %u alarms", units->len), units->len);
    kl_details_chip_show(KL_DETAILS_CHIP(self), KL_CHIP_BAD, words, details);
}

/* One look at a time. */
static void
refresh(KlFieldChip *self)
{
    if (self->looking)
        return;
    self->looking = TRUE;
    g_autoptr(GTask) task = g_task_new(self->session, self->gone, looked, g_object_ref(self));
    g_task_run_in_thread(task, look);
}

static gboolean
on_timer(gpointer data)
{
    refresh(data);
    return G_SOURCE_CONTINUE;
}

GtkWidget *
kl_field_chip_new(KlSession *session)
{
    KlFieldChip *self =
        g_object_new(KL_TYPE_FIELD_CHIP, "visible", FALSE, "no-show-all", TRUE, "focus-on-click", FALSE, NULL);
    self->session = g_object_ref(session);
    self->timer = g_timeout_add_seconds(EVERY_S, on_timer, self);
    g_signal_connect_swapped(session, "record", G_CALLBACK(refresh), self);
    refresh(self);
    return GTK_WIDGET(self);
}
