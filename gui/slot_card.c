#include "gui/slot_card.h"

#include <string.h>

#include "gui/i18n.h"
#include "gui/verdict.h"

struct _KlSlotCard {
    GtkButton parent_instance;
    GtkLabel *number, *unit;
    GtkStack *body;
    GtkLabel *idle, *waiting;
    GtkLabel *title, *elapsed, *steps;
    GtkProgressBar *progress;
    GtkBox *banner;
    GtkImage *icon;
    GtkLabel *word, *text;
    KlDensity density;
    KlCardState state;
    gboolean shown; /* anything yet: state is valid */
};

G_DEFINE_FINAL_TYPE(KlSlotCard, kl_slot_card, GTK_TYPE_BUTTON)

static guint opened_signal;

/* What a density has room for: pixels of the icon and beside it, lines of text below a verdict, the note of a step. */
static const struct {
    int icon, spacing, lines;
    gboolean notes;
} rooms[] = {
    [KL_DENSITY_GIANT] = {112, 28, 4, TRUE}, [KL_DENSITY_LARGE] = {64, 16, 4, TRUE},
    [KL_DENSITY_MEDIUM] = {28, 10, 3, TRUE}, [KL_DENSITY_SMALL] = {20, 7, 1, FALSE},
    [KL_DENSITY_TINY] = {16, 5, 0, FALSE},
};

static gboolean
kl_slot_card_button_press(GtkWidget *widget, GdkEventButton *event)
{
    if (event->type == GDK_2BUTTON_PRESS && event->button == GDK_BUTTON_PRIMARY) {
        g_signal_emit(widget, opened_signal, 0);
        return GDK_EVENT_STOP;
    }
    return GTK_WIDGET_CLASS(kl_slot_card_parent_class)->button_press_event(widget, event);
}

static void
kl_slot_card_class_init(KlSlotCardClass *klass)
{
    GtkWidgetClass *widget = GTK_WIDGET_CLASS(klass);
    widget->button_press_event = kl_slot_card_button_press;
    opened_signal = g_signal_new("opened", KL_TYPE_SLOT_CARD, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    gtk_widget_class_set_template_from_resource(widget, "/org/keyline/Station/slot_card.ui");
    gtk_widget_class_bind_template_child(widget, KlSlotCard, number);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, unit);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, body);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, idle);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, waiting);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, title);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, elapsed);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, steps);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, progress);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, banner);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, icon);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, word);
    gtk_widget_class_bind_template_child(widget, KlSlotCard, text);
}

static void
kl_slot_card_init(KlSlotCard *self)
{
    gtk_widget_init_template(GTK_WIDGET(self));
}

GtkWidget *
kl_slot_card_new(const char *slot, KlDensity density)
{
    KlSlotCard *self = g_object_new(KL_TYPE_SLOT_CARD, NULL);
    g_autofree char *name = g_strdup_printf(_("Slot %s"), slot);
    self->density = density;
    atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(self)), name);
    gtk_label_set_text(self->number, slot);
    gtk_image_set_pixel_size(self->icon, rooms[density].icon);
    gtk_box_set_spacing(self->banner, rooms[density].spacing);
    gtk_label_set_lines(self->text, MAX(rooms[density].lines, 1));
    gtk_widget_set_visible(GTK_WIDGET(self->text), rooms[density].lines > 0);
    gtk_widget_set_visible(GTK_WIDGET(self->steps), rooms[density].notes);
    return GTK_WIDGET(self);
}

/* A label that is set to what it shows already would lay out the whole page again. */
static void
set_text(GtkLabel *label, const char *text)
{
    text = text != NULL ? text : "";
    if (!g_str_equal(gtk_label_get_text(label), text))
        gtk_label_set_text(label, text);
}

static void
show_idle(KlSlotCard *self, const KlCard *card)
{
    g_autofree char *waiting = card->label != NULL ? g_strdup_printf(_("label %s"), card->label) : NULL;
    set_text(self->idle, _(kl_verdict_look(card->state)->word));
    set_text(self->waiting, waiting);
    gtk_widget_set_visible(GTK_WIDGET(self->waiting), waiting != NULL && rooms[self->density].notes);
    gtk_stack_set_visible_child_name(self->body, "idle");
}

/* What a running job does, in words. */
static const char *
running_words(const KlCard *card)
{
    if (card->plug == 0)
        return _("Unplugged: waiting for it to come back");
    return card->step_title != NULL ? _(card->step_title) : _("Starting");
}

static void
show_running(KlSlotCard *self, const KlCard *card)
{
    g_autofree char *steps = card->n > 0 ? g_strdup_printf(_("step %u of %u"), card->n, card->m) : NULL;
    set_text(self->title, running_words(card));
    set_text(self->steps, steps);
    gtk_progress_bar_set_fraction(self->progress, CLAMP(card->fraction, 0, 1));
    kl_slot_card_tick(self, card);
    gtk_stack_set_visible_child_name(self->body, "running");
}

/* The line below PASS. */
static char *
pass_note(const KlRecord *record)
{
    g_autofree char *took = kl_verdict_duration(record->ended_us - record->started_us);
    g_autofree char *note = record->already_provisioned ? g_strdup(_("already done, verified"))
                                                        : g_strdup_printf(_("%s · unplug when ready"), took);
    /* Translators: the cloud does not have the unit's row yet; %s is what is said of any unit that passed. */
    return record->row_queued ? g_strdup_printf(_("row queued · %s"), note) : g_steal_pointer(&note);
}

/* Words in bold, then the remedy. They share the lines that there is room for: U+2028 breaks the line, not the
 * paragraph, to which the label's limit of lines applies. */
static void
show_failure(KlSlotCard *self, const KlRecord *record)
{
    const char *words = kl_verdict_words(record);
    g_autofree char *text = g_strdup_printf("%s\u2028%s", words, kl_verdict_remedy(record));
    g_autoptr(PangoAttrList) attributes = pango_attr_list_new();
    PangoAttribute *bold = pango_attr_weight_new(PANGO_WEIGHT_BOLD);
    bold->end_index = (guint)strlen(words);
    pango_attr_list_insert(attributes, bold);
    gtk_label_set_attributes(self->text, attributes);
    set_text(self->text, text);
}

static void
show_verdict(KlSlotCard *self, const KlCard *card)
{
    const KlVerdictLook *look = kl_verdict_look(card->state);
    gboolean pass = card->state == KL_CARD_PASS;
    gtk_image_set_from_icon_name(self->icon, look->icon, GTK_ICON_SIZE_DIALOG);
    set_text(self->word, _(look->word));
    if (pass) {
        g_autofree char *note = card->record != NULL ? pass_note(card->record) : NULL;
        gtk_label_set_attributes(self->text, NULL);
        set_text(self->text, note);
    } else if (card->record != NULL) {
        show_failure(self, card->record);
    }
    gtk_label_set_xalign(self->text, pass ? 0.5F : 0);
    gtk_label_set_justify(self->text, pass ? GTK_JUSTIFY_CENTER : GTK_JUSTIFY_LEFT);
    gtk_widget_set_halign(GTK_WIDGET(self->banner), pass ? GTK_ALIGN_CENTER : GTK_ALIGN_START);
    gtk_stack_set_visible_child_name(self->body, "verdict");
}

/* All that the card says, for those who hear it and for cards too small to show it. */
static void
describe(KlSlotCard *self, const KlCard *card)
{
    g_autoptr(GString) text = g_string_new(_(kl_verdict_look(card->state)->word));
    if (card->state == KL_CARD_RUNNING)
        g_string_append_printf(text, ", %s", running_words(card));
    if (card->unit != NULL)
        g_string_append_printf(text, ", %s", card->unit);
    if (card->label != NULL) {
        g_autofree char *label = g_strdup_printf(_("label %s"), card->label);
        g_string_append_printf(text, ", %s", label);
    }
    if (card->record != NULL && card->state == KL_CARD_PASS) {
        g_autofree char *note = pass_note(card->record);
        g_string_append_printf(text, ", %s", note);
    } else if (card->record != NULL) {
        g_string_append_printf(text, ". %s %s", kl_verdict_words(card->record), kl_verdict_remedy(card->record));
    }
    AtkObject *accessible = gtk_widget_get_accessible(GTK_WIDGET(self));
    if (g_strcmp0(atk_object_get_description(accessible), text->str) == 0)
        return;
    atk_object_set_description(accessible, text->str);
    gboolean cut_short = self->density >= KL_DENSITY_MEDIUM && card->record != NULL && card->state != KL_CARD_PASS;
    gtk_widget_set_tooltip_text(GTK_WIDGET(self), cut_short ? text->str : NULL);
}

static void
set_style(KlSlotCard *self, KlCardState state, gboolean chosen)
{
    GtkStyleContext *style = gtk_widget_get_style_context(GTK_WIDGET(self));
    if (self->shown && self->state != state)
        gtk_style_context_remove_class(style, kl_verdict_look(self->state)->style);
    if (!self->shown || self->state != state)
        gtk_style_context_add_class(style, kl_verdict_look(state)->style);
    if (chosen)
        gtk_style_context_add_class(style, "card-chosen");
    else
        gtk_style_context_remove_class(style, "card-chosen");
    self->state = state;
    self->shown = TRUE;
}

void
kl_slot_card_show(KlSlotCard *self, const KlCard *card, gboolean chosen)
{
    set_style(self, card->state, chosen);
    set_text(self->unit, card->unit);
    switch (card->state) {
    case KL_CARD_EMPTY:
    case KL_CARD_READY:
        show_idle(self, card);
        break;
    case KL_CARD_RUNNING:
        show_running(self, card);
        break;
    case KL_CARD_PASS:
    case KL_CARD_FAIL:
    case KL_CARD_RETRY:
    case KL_CARD_ERROR:
        show_verdict(self, card);
        break;
    }
    describe(self, card);
}

void
kl_slot_card_tick(KlSlotCard *self, const KlCard *card)
{
    gint64 elapsed_us = card->started_us > 0 ? g_get_monotonic_time() - card->started_us : 0;
    g_autofree char *text = kl_verdict_duration(elapsed_us);
    set_text(self->elapsed, text);
}
