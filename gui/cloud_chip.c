#include "gui/cloud_chip.h"

#include "gui/cloud_health.h"
#include "gui/i18n.h"

struct _KlCloudChip {
    GtkMenuButton parent_instance;
    KlSession *session;
    GtkLabel *details;
    guint timer;
    KlChipLevel level;
};

G_DEFINE_FINAL_TYPE(KlCloudChip, kl_cloud_chip, GTK_TYPE_MENU_BUTTON)

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

/* What is shown already is not set again: that would lay out the whole page. */
static void
show(KlCloudChip *self, const KlCloudHealth *health)
{
    if (g_strcmp0(gtk_button_get_label(GTK_BUTTON(self)), health->words) != 0) {
        gtk_button_set_label(GTK_BUTTON(self), health->words);
        atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(self)), health->words);
    }
    if (g_strcmp0(gtk_label_get_text(self->details), health->details) != 0)
        gtk_label_set_text(self->details, health->details);
    if (self->level != health->level) {
        self->level = health->level;
        kl_chip_set_level(GTK_WIDGET(self), health->level);
    }
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
    show(self, health);
    return G_SOURCE_CONTINUE;
}

static void
on_open(KlCloudChip *self)
{
    gtk_widget_grab_focus(GTK_WIDGET(self->details));
    gtk_label_select_region(self->details, 0, 0);
}

static void
kl_cloud_chip_init(KlCloudChip *self)
{
    GtkWidget *popover = gtk_popover_new(GTK_WIDGET(self));
    GtkWidget *details = gtk_label_new(NULL);
    self->details = GTK_LABEL(details);
    g_object_set(details, "xalign", 0.0, "wrap", TRUE, "max-width-chars", 48, "selectable", TRUE, "margin", 14, NULL);
    gtk_widget_show(details);
    gtk_container_add(GTK_CONTAINER(popover), details);
    g_signal_connect_swapped(popover, "show", G_CALLBACK(on_open), self);
    gtk_menu_button_set_popover(GTK_MENU_BUTTON(self), popover);
}

GtkWidget *
kl_cloud_chip_new(KlSession *session)
{
    KlCloudChip *self = g_object_new(KL_TYPE_CLOUD_CHIP, "visible", TRUE, "focus-on-click", FALSE, NULL);
    self->session = g_object_ref(session);
    self->level = KL_CHIP_WARN;
    kl_chip_set_level(GTK_WIDGET(self), self->level);
    self->timer = g_timeout_add_seconds(EVERY_S, refresh, self);
    refresh(self);
    return GTK_WIDGET(self);
}
