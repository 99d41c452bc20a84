#include "gui/filter_bar.h"

#include "gui/i18n.h"
#include "station/outcome.h"

struct _KlFilterBar {
    GtkBox parent_instance;
    GtkEntry *identifier, *operator_id, *from, *to;
    GtkComboBox *outcome, *period;
    GtkWidget *days; /* holds from and to */
};

G_DEFINE_FINAL_TYPE(KlFilterBar, kl_filter_bar, GTK_TYPE_BOX)

static guint changed_signal;

static void
kl_filter_bar_class_init(KlFilterBarClass *klass)
{
    changed_signal =
        g_signal_new("changed", KL_TYPE_FILTER_BAR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
tell(KlFilterBar *bar)
{
    g_signal_emit(bar, changed_signal, 0);
}

static KlPeriod
period_of(KlFilterBar *bar)
{
    return (KlPeriod)gtk_combo_box_get_active(bar->period);
}

static void
period_changed(KlFilterBar *bar)
{
    gtk_widget_set_visible(bar->days, period_of(bar) == KL_PERIOD_CHOSEN);
    tell(bar);
}

/* A search entry: its "search-changed" comes when typing has paused. */
static GtkEntry *
add_entry(KlFilterBar *bar, GtkWidget *box, const char *name, const char *placeholder, int width)
{
    GtkWidget *entry = gtk_search_entry_new();
    gtk_entry_set_placeholder_text(GTK_ENTRY(entry), placeholder);
    gtk_entry_set_width_chars(GTK_ENTRY(entry), width);
    gtk_widget_set_tooltip_text(entry, placeholder);
    atk_object_set_name(gtk_widget_get_accessible(entry), name);
    g_signal_connect_swapped(entry, "search-changed", G_CALLBACK(tell), bar);
    g_signal_connect_swapped(entry, "activate", G_CALLBACK(tell), bar);
    gtk_box_pack_start(GTK_BOX(box), entry, FALSE, TRUE, 0);
    return GTK_ENTRY(entry);
}

static GtkEntry *
add_day(KlFilterBar *bar, const char *name)
{
    GtkEntry *entry = add_entry(bar, bar->days, name, _("2025-01-31"), 10);
    gtk_entry_set_icon_from_icon_name(entry, GTK_ENTRY_ICON_PRIMARY, "x-office-calendar-symbolic");
    gtk_widget_set_tooltip_text(GTK_WIDGET(entry), name);
    return entry;
}

static GtkComboBox *
add_combo(KlFilterBar *bar, const char *name, const char *const *rows, gsize n_rows, void (*changed)(KlFilterBar *bar))
{
    GtkWidget *combo = gtk_combo_box_text_new();
    for (gsize i = 0; i < n_rows; i++)
        gtk_combo_box_text_append_text(GTK_COMBO_BOX_TEXT(combo), _(rows[i]));
    atk_object_set_name(gtk_widget_get_accessible(combo), name);
    gtk_widget_set_tooltip_text(combo, name);
    g_signal_connect_swapped(combo, "changed", G_CALLBACK(changed), bar);
    gtk_box_pack_start(GTK_BOX(bar), combo, FALSE, FALSE, 0);
    return GTK_COMBO_BOX(combo);
}

/* In the order of KlOutcome, but "any" is first. */
static const char *const outcome_rows[] = {
    N_("Any outcome"), N_("Passed"), N_("Failed"), N_("Station error"), N_("Timed out"), N_("Stopped"), N_("Running"),
};
static const KlOutcome outcomes[] = {
    KL_OUTCOME_RUNNING, /* not used: any */
    KL_OUTCOME_PASS,    KL_OUTCOME_FAIL, KL_OUTCOME_ERROR, KL_OUTCOME_TIMEOUT, KL_OUTCOME_ABORTED, KL_OUTCOME_RUNNING,
};
G_STATIC_ASSERT(G_N_ELEMENTS(outcomes) == G_N_ELEMENTS(outcome_rows));

/* In the order of KlPeriod. */
static const char *const period_rows[] = {
    N_("Today"), N_("Last 7 days"), N_("Last 30 days"), N_("All time"), N_("From … to …"),
};

static void
kl_filter_bar_init(KlFilterBar *bar)
{
    gtk_box_set_spacing(GTK_BOX(bar), 8);
    bar->identifier =
        add_entry(bar, GTK_WIDGET(bar), _("Find"), _("Device id, IMEI, FSN, serial, fingerprint, record, batch:…"), 40);
    bar->operator_id = add_entry(bar, GTK_WIDGET(bar), _("Operator"), _("Operator"), 12);
    gtk_entry_set_icon_from_icon_name(bar->operator_id, GTK_ENTRY_ICON_PRIMARY, "avatar-default-symbolic");
    bar->outcome = add_combo(bar, _("Outcome"), outcome_rows, G_N_ELEMENTS(outcome_rows), tell);
    bar->period = add_combo(bar, _("Period"), period_rows, G_N_ELEMENTS(period_rows), period_changed);
    bar->days = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8);
    gtk_box_pack_start(GTK_BOX(bar), bar->days, FALSE, FALSE, 0);
    bar->from = add_day(bar, _("First day"));
    bar->to = add_day(bar, _("Last day"));
    gtk_widget_show_all(bar->days);
    gtk_widget_set_no_show_all(bar->days, TRUE);
    gtk_combo_box_set_active(bar->outcome, 0);
    gtk_combo_box_set_active(bar->period, KL_PERIOD_7_DAYS);
}

GtkWidget *
kl_filter_bar_new(void)
{
    return g_object_new(KL_TYPE_FILTER_BAR, NULL);
}

/* Marks a day that is none: by an icon with words, for colours alone tell nobody. */
static gboolean
read_day(GtkEntry *entry, gboolean end, gint64 *time_us)
{
    gboolean ok = kl_search_day(gtk_entry_get_text(entry), end, time_us);
    gtk_entry_set_icon_from_icon_name(entry, GTK_ENTRY_ICON_PRIMARY,
                                      ok ? "x-office-calendar-symbolic" : "dialog-error-symbolic");
    gtk_entry_set_icon_tooltip_text(entry, GTK_ENTRY_ICON_PRIMARY, ok ? NULL : _("Write a day as 2025-01-31"));
    atk_object_set_description(gtk_widget_get_accessible(GTK_WIDGET(entry)), ok ? "" : _("Write a day as 2025-01-31"));
    return ok;
}

KlSearch *
kl_filter_bar_search(KlFilterBar *bar)
{
    g_autoptr(KlSearch) search = g_new0(KlSearch, 1);
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    int outcome = gtk_combo_box_get_active(bar->outcome);
    kl_search_take_typed(search, gtk_entry_get_text(bar->identifier));
    search->operator_id = kl_search_identifier(gtk_entry_get_text(bar->operator_id));
    if (outcome > 0)
        search->outcome = g_strdup(kl_outcome_name(outcomes[outcome]));
    if (period_of(bar) != KL_PERIOD_CHOSEN) {
        search->from_us = kl_search_period_start(period_of(bar), now);
        return g_steal_pointer(&search);
    }
    gboolean from = read_day(bar->from, FALSE, &search->from_us), to = read_day(bar->to, TRUE, &search->to_us);
    return from && to ? g_steal_pointer(&search) : NULL;
}

gboolean
kl_filter_bar_has_period(KlFilterBar *bar)
{
    return period_of(bar) != KL_PERIOD_ALL;
}

void
kl_filter_bar_clear_period(KlFilterBar *bar)
{
    gtk_combo_box_set_active(bar->period, KL_PERIOD_ALL);
}
