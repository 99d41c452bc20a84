#include "gui/line_page.h"

#include <string.h>

#include "gui/arm_button.h"
#include "gui/armed_bar.h"
#include "gui/details_dialog.h"
#include "gui/i18n.h"
#include "gui/line_header.h"
#include "gui/scan_focus.h"
#include "gui/scan_words.h"
#include "gui/slot_grid.h"
#include "gui/sounds.h"
#include "gui/stopped_bar.h"

struct _KlLinePage {
    GtkBox parent_instance;
    KlSession *session;
    KlSlotGrid *grid; /* NULL until the settings are read */
    KlStoppedBar *stopped;
    GtkScrolledWindow *scroller;
    GtkEntry *entry;
    GtkLabel *prompt; /* a placeholder that stays while the entry has the focus, as it always does */
    GtkBox *below;    /* what is below the scan entry */
    KlScanWords *words;
    GtkWidget *stop, *details, *start;
    guint tick_timer; /* while a job runs and the page is shown */
    gboolean sounds;
};

G_DEFINE_FINAL_TYPE(KlLinePage, kl_line_page, GTK_TYPE_BOX)

#define TICK_MS 200

static void
kl_line_page_dispose(GObject *object)
{
    KlLinePage *self = KL_LINE_PAGE(object);
    g_clear_handle_id(&self->tick_timer, g_source_remove);
    if (self->session != NULL)
        g_signal_handlers_disconnect_by_data(self->session, self);
    g_clear_object(&self->session);
    G_OBJECT_CLASS(kl_line_page_parent_class)->dispose(object);
}

/* --- what is said below the scan entry --- */

/* What to do next, by the chosen slot's state, with one %s for the slot. */
static const char *
slot_hint(KlCardState state)
{
    switch (state) {
    case KL_CARD_READY:
        return _("Slot %s is chosen: the next label is for its unit.");
    case KL_CARD_RUNNING:
        return _("Slot %s is at work: a label scanned now is for its next unit.");
    case KL_CARD_EMPTY:
        return _("Slot %s is chosen: plug in a unit and scan its label.");
    case KL_CARD_PASS:
        return _("Slot %s is done: unplug its unit.");
    default:
        return _("Slot %s has its verdict: unplug its unit, or retry.");
    }
}

static void
show_hint(KlLinePage *self)
{
    int chosen = kl_session_chosen(self->session);
    const KlCard *card = chosen >= 0 ? kl_session_card(self->session, (guint)chosen) : NULL;
    const char *hint = card != NULL ? slot_hint(card->state) : NULL;
    if (kl_session_operator(self->session) == NULL)
        hint = _("Scan your badge to sign on.");
    else if (!kl_session_unlocked(self->session))
        hint = kl_session_locked_by(self->session) == KL_ERROR_PASSPHRASE_MISSING
                   ? _("The CA is locked: unlock it before the first unit.")
                   : _(kl_error_words(kl_session_locked_by(self->session)));
    else if (kl_session_batch(self->session) != NULL)
        hint = _("Armed: every unit that is plugged in starts by itself.");
    else if (hint == NULL)
        hint = _("Plug in a unit and scan its label.");
    g_autoptr(GString) text = g_string_new(hint);
    g_string_replace(text, "%s", card != NULL ? card->slot : "", 1);
    kl_scan_words_hint(self->words, text->str);
}

static void
say_error(KlLinePage *self, const GError *error)
{
    KlErrorCode code = kl_error_code(error);
    g_autofree char *text = g_strdup_printf("%s %s", _(kl_error_words(code)), _(kl_error_remedy(code)));
    kl_scan_words_say(self->words, FALSE, text);
}

/* --- the chosen slot --- */

static const KlCard *
chosen_card(KlLinePage *self)
{
    int chosen = kl_session_chosen(self->session);
    return chosen >= 0 ? kl_session_card(self->session, (guint)chosen) : NULL;
}

static void
set_button(GtkWidget *button, gboolean sensitive, const char *name_format, const KlCard *card)
{
    g_autoptr(GString) name = g_string_new(name_format);
    g_string_replace(name, "%s", card != NULL ? card->slot : "–", 1);
    gtk_widget_set_sensitive(button, sensitive);
    atk_object_set_name(gtk_widget_get_accessible(button), name->str);
}

static void
update_buttons(KlLinePage *self)
{
    const KlCard *card = chosen_card(self);
    KlCardState state = card != NULL ? card->state : KL_CARD_EMPTY;
    gboolean retry = state == KL_CARD_FAIL || state == KL_CARD_RETRY || state == KL_CARD_ERROR;
    const char *label = retry ? _("_Retry") : _("_Provision");
    if (!g_str_equal(gtk_button_get_label(GTK_BUTTON(self->start)), label))
        gtk_button_set_label(GTK_BUTTON(self->start), label);
    set_button(self->start, state == KL_CARD_READY || (retry && card->plug != 0),
               retry ? _("Retry slot %s") : _("Provision slot %s"), card);
    set_button(self->stop, state == KL_CARD_RUNNING, _("Stop slot %s"), card);
    set_button(self->details, card != NULL && card->record != NULL, _("Details of slot %s"), card);
}

static void
focus_entry(KlLinePage *self)
{
    gtk_entry_grab_focus_without_selecting(self->entry);
}

static void
show_details(KlLinePage *self, const KlCard *card)
{
    if (card != NULL && card->record != NULL)
        kl_details_dialog_show(GTK_WINDOW(gtk_widget_get_toplevel(GTK_WIDGET(self))), self->session, card->record->id);
}

static void
on_start(KlLinePage *self)
{
    g_autoptr(GError) error = NULL;
    int chosen = kl_session_chosen(self->session);
    focus_entry(self);
    if (chosen < 0)
        return;
    if (!kl_session_start(self->session, (guint)chosen, NULL, NULL, &error)) {
        say_error(self, error);
        return;
    }
    g_autofree char *text = g_strdup_printf(_("Slot %s started"), chosen_card(self)->slot);
    kl_scan_words_say(self->words, TRUE, text);
}

static void
on_stop(KlLinePage *self)
{
    int chosen = kl_session_chosen(self->session);
    focus_entry(self);
    if (chosen >= 0)
        kl_session_stop(self->session, (guint)chosen);
}

static void
on_details(KlLinePage *self)
{
    focus_entry(self);
    show_details(self, chosen_card(self));
}

static void
on_resumed(KlLinePage *self)
{
    focus_entry(self);
    kl_session_resume(self->session);
    kl_scan_words_say(self->words, TRUE, _("The line goes on."));
}

static void
on_opened(KlLinePage *self, guint index)
{
    show_details(self, kl_session_card(self->session, index));
}

/* --- the scan entry --- */

static void
on_scan(KlLinePage *self)
{
    g_autofree char *text = g_strstrip(g_strdup(gtk_entry_get_text(self->entry)));
    gtk_entry_set_text(self->entry, "");
    if (*text == '\0')
        return;
    g_auto(KlScanResult) result = kl_session_scan(self->session, text);
    g_autoptr(GString) words = g_string_new(_(result.words));
    g_string_replace(words, "%s", result.subject, 1);
    kl_scan_words_say(self->words, result.ok, words->str);
    update_buttons(self);
}

static void
on_text_length(KlLinePage *self)
{
    gtk_widget_set_visible(GTK_WIDGET(self->prompt), gtk_entry_get_text_length(self->entry) == 0);
}

/* Up and down choose among the slots, so do left and right as long as there is no text to move in. */
static gboolean
on_entry_key(KlLinePage *self, GdkEventKey *event)
{
    gboolean empty = gtk_entry_get_text_length(self->entry) == 0;
    int columns = 0, rows = 0;
    if (self->grid == NULL || (event->state & gtk_accelerator_get_default_mod_mask()) != 0)
        return GDK_EVENT_PROPAGATE;
    if (event->keyval == GDK_KEY_Escape) {
        gtk_entry_set_text(self->entry, "");
        return GDK_EVENT_STOP;
    }
    if (event->keyval == GDK_KEY_Up || event->keyval == GDK_KEY_Down)
        rows = event->keyval == GDK_KEY_Up ? -1 : 1;
    else if (empty && (event->keyval == GDK_KEY_Left || event->keyval == GDK_KEY_Right))
        columns = event->keyval == GDK_KEY_Left ? -1 : 1;
    else
        return GDK_EVENT_PROPAGATE;
    kl_slot_grid_move(self->grid, columns, rows);
    return GDK_EVENT_STOP;
}

/* --- news from the session --- */

static gboolean
tick(gpointer data)
{
    KlLinePage *self = data;
    if (gtk_widget_get_mapped(GTK_WIDGET(self)) && self->grid != NULL && kl_slot_grid_tick(self->grid))
        return G_SOURCE_CONTINUE;
    self->tick_timer = 0;
    return G_SOURCE_REMOVE;
}

static void
start_ticking(KlLinePage *self)
{
    if (self->tick_timer == 0)
        self->tick_timer = g_timeout_add(TICK_MS, tick, self);
}

static void
on_card_changed(KlSession *session, guint index, KlLinePage *self)
{
    if (kl_session_card(session, index)->state == KL_CARD_RUNNING)
        start_ticking(self);
    if (kl_session_chosen(session) == (int)index) {
        update_buttons(self);
        show_hint(self);
    }
}

static void
on_record(KlSession *session, const KlRecord *record, KlLinePage *self)
{
    kl_scan_words_settle(self->words);
    if (self->sounds)
        kl_sounds_verdict(GTK_WIDGET(self), record);
}

static void
on_changed(KlSession *session, KlLinePage *self)
{
    kl_stopped_bar_show(self->stopped, kl_session_line_error(session));
    update_buttons(self);
    show_hint(self);
}

/* --- making it --- */

static void
read_sounds(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    KlStore *store = kl_session_reader(data);
    g_autofree char *sounds = store->klass->setting(store, KL_SETTING_SOUNDS, NULL);
    g_task_return_boolean(task, g_strcmp0(sounds, "off") != 0);
}

static void
add_grid(KlLinePage *self)
{
    const KlConfig *config = kl_station_config(kl_session_station(self->session));
    GtkWidget *grid = kl_slot_grid_new(self->session, config->columns);
    self->grid = KL_SLOT_GRID(grid);
    gtk_widget_set_margin_start(grid, 20);
    gtk_widget_set_margin_end(grid, 20);
    gtk_widget_set_margin_top(grid, 14);
    gtk_widget_set_margin_bottom(grid, 14);
    g_signal_connect_swapped(grid, "chosen", G_CALLBACK(focus_entry), self);
    g_signal_connect_swapped(grid, "opened", G_CALLBACK(on_opened), self);
    gtk_container_add(GTK_CONTAINER(self->scroller), grid);
    gtk_widget_show(grid);
    start_ticking(self);
}

static void
sounds_read(GObject *source, GAsyncResult *result, gpointer data)
{
    KL_LINE_PAGE(source)->sounds = g_task_propagate_boolean(G_TASK(result), NULL);
}

/* When the page is shown: sounds may have been switched on the Setup page meanwhile. */
static void
load_sounds(KlLinePage *self)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, sounds_read, NULL);
    g_task_set_task_data(task, g_object_ref(self->session), g_object_unref);
    g_task_run_in_thread(task, read_sounds);
}

static void
kl_line_page_class_init(KlLinePageClass *klass)
{
    GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
    G_OBJECT_CLASS(klass)->dispose = kl_line_page_dispose;
    g_type_ensure(KL_TYPE_STOPPED_BAR);
    gtk_widget_class_set_template_from_resource(widget, "/org/keyline/Station/line_page.ui");
    gtk_widget_class_bind_template_child(widget, KlLinePage, stopped);
    gtk_widget_class_bind_template_child(widget, KlLinePage, scroller);
    gtk_widget_class_bind_template_child(widget, KlLinePage, entry);
    gtk_widget_class_bind_template_child(widget, KlLinePage, prompt);
    gtk_widget_class_bind_template_child(widget, KlLinePage, below);
    gtk_widget_class_bind_template_child(widget, KlLinePage, stop);
    gtk_widget_class_bind_template_child(widget, KlLinePage, details);
    gtk_widget_class_bind_template_child(widget, KlLinePage, start);
    gtk_widget_class_bind_template_callback(widget, on_text_length);
    gtk_widget_class_bind_template_callback(widget, on_scan);
    gtk_widget_class_bind_template_callback(widget, on_entry_key);
    gtk_widget_class_bind_template_callback(widget, on_stop);
    gtk_widget_class_bind_template_callback(widget, on_details);
    gtk_widget_class_bind_template_callback(widget, on_start);
    gtk_widget_class_bind_template_callback(widget, on_resumed);
}

static void
kl_line_page_init(KlLinePage *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
    self->words = KL_SCAN_WORDS(kl_scan_words_new());
    gtk_box_pack_start(self->below, GTK_WIDGET(self->words), TRUE, TRUE, 0);
    kl_scan_focus_attach(GTK_WIDGET(self), GTK_WIDGET(self->entry));
}

GtkWidget *
kl_line_page_new(KlSession *session)
{
    KlLinePage *self = g_object_new(KL_TYPE_LINE_PAGE, NULL);
    GtkWidget *header = kl_line_header_new(session), *armed = kl_armed_bar_new(session);
    GtkWidget *arm = kl_arm_button_new(session);
    self->session = g_object_ref(session);
    gtk_box_pack_start(GTK_BOX(self), header, FALSE, FALSE, 0);
    gtk_box_reorder_child(GTK_BOX(self), header, 0);
    gtk_box_pack_start(GTK_BOX(self), armed, FALSE, FALSE, 0);
    gtk_box_reorder_child(GTK_BOX(self), armed, 1);
    gtk_box_pack_end(self->below, arm, FALSE, FALSE, 0);
    g_signal_connect_swapped(arm, "armed", G_CALLBACK(focus_entry), self);
    g_signal_connect_swapped(armed, "acted", G_CALLBACK(focus_entry), self);
    if (kl_session_n_cards(session) == 1)
        kl_session_choose(session, 0);
    add_grid(self);
    g_signal_connect(session, "card-changed", G_CALLBACK(on_card_changed), self);
    g_signal_connect(session, "record", G_CALLBACK(on_record), self);
    g_signal_connect(session, "changed", G_CALLBACK(on_changed), self);
    g_signal_connect_swapped(self, "map", G_CALLBACK(start_ticking), self);
    g_signal_connect_swapped(self, "map", G_CALLBACK(load_sounds), self);
    on_changed(session, self);
    return GTK_WIDGET(self);
}
