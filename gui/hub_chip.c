#include "gui/hub_chip.h"

#include "gui/hub_health.h"
#include "gui/i18n.h"

struct _KlHubChip {
    KlDetailsChip parent_instance;
    KlSession *session;
    GCancellable *gone;
    gboolean looking, look_again;
};

G_DEFINE_FINAL_TYPE(KlHubChip, kl_hub_chip, KL_TYPE_DETAILS_CHIP)

static void refresh(KlHubChip *self);

static void
kl_hub_chip_dispose(GObject *object)
{
    KlHubChip *self = KL_HUB_CHIP(object);
    if (self->session != NULL)
        g_signal_handlers_disconnect_by_data(self->session, self);
    if (self->gone != NULL)
        g_cancellable_cancel(self->gone);
    g_clear_object(&self->gone);
    g_clear_object(&self->session);
    G_OBJECT_CLASS(kl_hub_chip_parent_class)->dispose(object);
}

static void
kl_hub_chip_class_init(KlHubChipClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_hub_chip_dispose;
}

static void
on_looked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlHubChip) self = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) devices = kl_session_look_finish(result, &error);
    self->looking = FALSE;
    if (self->session == NULL)
        return;
    const KlConfig *config = kl_station_config(kl_session_station(self->session));
    g_autoptr(KlHubHealth) health =
        devices != NULL ? kl_hub_health_new(config, devices) : kl_hub_health_new_failed(error);
    kl_details_chip_show(KL_DETAILS_CHIP(self), health->ok ? KL_CHIP_OK : KL_CHIP_BAD, health->words,
                         health->details != NULL ? health->details : _("Every hub is there."));
    if (self->look_again)
        refresh(self);
}

/* One look at a time: what changes meanwhile is seen by the next. */
static void
refresh(KlHubChip *self)
{
    self->look_again = self->looking;
    if (self->looking)
        return;
    self->looking = TRUE;
    kl_session_look(self->session, self->gone, on_looked, g_object_ref(self));
}

static void
kl_hub_chip_init(KlHubChip *self)
{
    self->gone = g_cancellable_new();
}

GtkWidget *
kl_hub_chip_new(KlSession *session)
{
    KlHubChip *self = g_object_new(KL_TYPE_HUB_CHIP, "visible", TRUE, "focus-on-click", FALSE, NULL);
    self->session = g_object_ref(session);
    kl_details_chip_show(KL_DETAILS_CHIP(self), KL_CHIP_WARN, _("Hub"), NULL);
    g_signal_connect_swapped(session, "bus-changed", G_CALLBACK(refresh), self);
    refresh(self);
    return GTK_WIDGET(self);
}
