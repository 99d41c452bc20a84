#include "gui/cloud_chip.h"

#include "gui/cloud_health.h"
#include "gui/i18n.h"

struct _KlCloudChip {
    KlDetailsChip parent_instance;
    KlSession *session;
    guint timer;
};

G_DEFINE_FINAL_TYPE(KlCloudChip, kl_cloud_chip, KL_TYPE_DETAILS_CHIP)

#define EVERY_S 1

static void
kl_cloud_chip_dispose(GObject *object)
{
    KlCloudChip *self = KL_CLOUD_CHIP(object);
    g_clear_handle_id(&self->timer, g_source_remove);
    g_clear_object(&self->session);
    G_OBJECT_CLASS(kl_cloud_chip_parent_class)->dispose(object);
}

static void
kl_cloud_chip_class_init(KlCloudChipClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_cloud_chip_dispose;
}

static gboolean
refresh(gpointer data)
{
    KlCloudChip *self = data;
    gboolean unlocked = kl_session_unlocked(self->session);
    KlOutbox *outbox = unlocked ? kl_station_outbox(kl_session_station(self->session)) : NULL;
    KlOutboxStatus status = {0};
    if (outbox != NULL)
        status = kl_outbox_status(outbox);
    g_autoptr(KlCloudHealth) health = kl_cloud_health_new(outbox != NULL ? &status : NULL, g_get_real_time());
    kl_details_chip_show(KL_DETAILS_CHIP(self), health->level, health->words, health->details);
    return G_SOURCE_CONTINUE;
}

static void
kl_cloud_chip_init(KlCloudChip *self)
{
}

GtkWidget *
kl_cloud_chip_new(KlSession *session)
{
    KlCloudChip *self = g_object_new(KL_TYPE_CLOUD_CHIP, "visible", TRUE, "focus-on-click", FALSE, NULL);
    self->session = g_object_ref(session);
    self->timer = g_timeout_add_seconds(EVERY_S, refresh, self);
    refresh(self);
    return GTK_WIDGET(self);
}
