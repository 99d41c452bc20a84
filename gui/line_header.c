#include "gui/line_header.h"

#include "gui/ca_chip.h"
#include "gui/cloud_chip.h"
#include "gui/disk_chip.h"
#include "gui/field_chip.h"
#include "gui/hub_chip.h"
#include "gui/i18n.h"

struct _KlLineHeader {
    GtkBox parent_instance;
    KlSession *session;
    GtkLabel *product, *work_order;
    GtkWidget *target;
    GtkProgressBar *progress;
    GtkLabel *count, *estimate;
    GtkLabel *passed, *failed, *first_pass, *per_hour;
    GtkBox *chips;
};

G_DEFINE_FINAL_TYPE(KlLineHeader, kl_line_header, GTK_TYPE_BOX)

static void
kl_line_header_dispose(GObject *object)
{
    KlLineHeader *self = KL_LINE_HEADER(object);
    if (self->session != NULL)
        g_signal_handlers_disconnect_by_data(self->session, self);
    g_clear_object(&self->session);
    G_OBJECT_CLASS(kl_line_header_parent_class)->dispose(object);
}

static void
kl_line_header_class_init(KlLineHeaderClass *klass)
{
    GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
    G_OBJECT_CLASS(klass)->dispose = kl_line_header_dispose;
    gtk_widget_class_set_template_from_resource(widget, "/org/keyline/Station/line_header.ui");
    gtk_widget_class_bind_template_child(widget, KlLineHeader, product);
    gtk_widget_class_bind_template_child(widget, KlLineHeader, work_order);
    gtk_widget_class_bind_template_child(widget, KlLineHeader, target);
    gtk_widget_class_bind_template_child(widget, KlLineHeader, progress);
    gtk_widget_class_bind_template_child(widget, KlLineHeader, count);
    gtk_widget_class_bind_template_child(widget, KlLineHeader, estimate);
    gtk_widget_class_bind_template_child(widget, KlLineHeader, passed);
    gtk_widget_class_bind_template_child(widget, KlLineHeader, failed);
    gtk_widget_class_bind_template_child(widget, KlLineHeader, first_pass);
    gtk_widget_class_bind_template_child(widget, KlLineHeader, per_hour);
    gtk_widget_class_bind_template_child(widget, KlLineHeader, chips);
}

static void
kl_line_header_init(KlLineHeader *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
}

/* A pace that needs longer than this is that of a line that has just begun or stands still. */
#define LONGEST_HOURS 12

/* When the rest of the work order will be done at the pace of the last hour; NULL when there is no telling. */
static char *
estimate_text(const KlCounters *counters)
{
    if (counters->passed >= counters->target)
        return g_strdup(_("done"));
    if (counters->per_hour <= 0)
        return NULL;
    double hours = (counters->target - counters->passed) / counters->per_hour;
    if (hours > LONGEST_HOURS)
        return NULL;
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autoptr(GDateTime) end = g_date_time_add_seconds(now, hours * 3600);
    g_autofree char *clock = g_date_time_format(end, "%H:%M");
    return g_strdup_printf(_("done about %s"), clock);
}

static void
show_target(KlLineHeader *self, const KlCounters *counters)
{
    gtk_widget_set_visible(self->target, counters->target > 0);
    if (counters->target == 0)
        return;
    g_autofree char *count = g_strdup_printf(_("%u of %u"), counters->passed, counters->target);
    g_autofree char *estimate = estimate_text(counters);
    gtk_progress_bar_set_fraction(self->progress, MIN((double)counters->passed / counters->target, 1));
    gtk_label_set_text(self->count, count);
    gtk_label_set_text(self->estimate, estimate != NULL ? estimate : "");
}

/* A counter is read with its caption, as one. */
static void
show_counter(GtkLabel *label, const char *caption, const char *value)
{
    g_autofree char *name = g_strdup_printf("%s: %s", caption, value);
    gtk_label_set_text(label, value);
    atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(label)), name);
}

static void
show(KlSession *session, KlLineHeader *self)
{
    KlCounters counters = kl_session_counters(session);
    const char *order = kl_session_work_order(session);
    g_autofree char *order_text = order != NULL ? g_strdup_printf(_("Work order %s"), order) : NULL;
    g_autofree char *passed = g_strdup_printf("%u", counters.passed);
    g_autofree char *failed = g_strdup_printf("%u", counters.failed);
    g_autofree char *first =
        counters.units > 0 ? g_strdup_printf(_("%.1f%%"), 100.0 * counters.first_pass / counters.units) : g_strdup("–");
    g_autofree char *per_hour = g_strdup_printf("%.0f", counters.per_hour);
    gtk_label_set_text(self->work_order, order_text != NULL ? order_text : _("No work order"));
    show_target(self, &counters);
    show_counter(self->passed, _("passed"), passed);
    show_counter(self->failed, _("failed"), failed);
    show_counter(self->first_pass, _("first pass"), first);
    show_counter(self->per_hour, _("per hour"), per_hour);
}

GtkWidget *
kl_line_header_new(KlSession *session)
{
    KlLineHeader *self = g_object_new(KL_TYPE_LINE_HEADER, NULL);
    KlStation *station = kl_session_station(session);
    self->session = g_object_ref(session);
    gtk_label_set_text(self->product, kl_station_profile(station)->title);
    gtk_container_add(GTK_CONTAINER(self->chips), kl_ca_chip_new(session));
    if (kl_session_uses_bus(session))
        gtk_container_add(GTK_CONTAINER(self->chips), kl_hub_chip_new(session));
    if (kl_station_config(station)->aws.on)
        gtk_container_add(GTK_CONTAINER(self->chips), kl_cloud_chip_new(session));
    else
        gtk_container_add(GTK_CONTAINER(self->chips), kl_field_chip_new(session));
    gtk_container_add(GTK_CONTAINER(self->chips), kl_disk_chip_new(kl_station_config(station)->dir));
    g_signal_connect(session, "changed", G_CALLBACK(show), self);
    show(session, self);
    return GTK_WIDGET(self);
}
