#include "gui/slot_grid.h"

#include <math.h>

#include "gui/i18n.h"
#include "gui/slot_card.h"

struct _KlSlotGrid {
    GtkGrid parent_instance;
    KlSession *session;
    GPtrArray *cards; /* KlSlotCard, by index */
    guint columns;
};

G_DEFINE_FINAL_TYPE(KlSlotGrid, kl_slot_grid, GTK_TYPE_GRID)

enum { CHOSEN, OPENED, N_SIGNALS };

static guint signals[N_SIGNALS];

static void
kl_slot_grid_dispose(GObject *object)
{
    KlSlotGrid *self = KL_SLOT_GRID(object);
    if (self->session != NULL)
        g_signal_handlers_disconnect_by_data(self->session, self);
    g_clear_object(&self->session);
    g_clear_pointer(&self->cards, g_ptr_array_unref);
    G_OBJECT_CLASS(kl_slot_grid_parent_class)->dispose(object);
}

static void
kl_slot_grid_class_init(KlSlotGridClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_slot_grid_dispose;
    signals[CHOSEN] = g_signal_new("chosen", KL_TYPE_SLOT_GRID, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[OPENED] =
        g_signal_new("opened", KL_TYPE_SLOT_GRID, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_UINT);
}

static void
kl_slot_grid_init(KlSlotGrid *self)
{
    self->cards = g_ptr_array_new();
}

static void
show_card(KlSession *session, guint index, KlSlotGrid *self)
{
    gboolean chosen = kl_session_n_cards(session) > 1 && kl_session_chosen(session) == (int)index;
    kl_slot_card_show(g_ptr_array_index(self->cards, index), kl_session_card(session, index), chosen);
}

static void
on_clicked(GtkWidget *card, KlSlotGrid *self)
{
    guint index = 0;
    if (g_ptr_array_find(self->cards, card, &index))
        kl_session_choose(self->session, (int)index);
    g_signal_emit(self, signals[CHOSEN], 0);
}

static void
on_opened(GtkWidget *card, KlSlotGrid *self)
{
    guint index = 0;
    if (g_ptr_array_find(self->cards, card, &index))
        g_signal_emit(self, signals[OPENED], 0, index);
}

static KlDensity
density_of(guint count)
{
    static const guint most[] = {
        [KL_DENSITY_GIANT] = 1, [KL_DENSITY_LARGE] = 4, [KL_DENSITY_MEDIUM] = 16, [KL_DENSITY_SMALL] = 36};
    guint density = 0;
    while (density < G_N_ELEMENTS(most) && count > most[density])
        density++;
    return (KlDensity)density;
}

static void
add_cards(KlSlotGrid *self)
{
    static const char *const styles[] = {"density-giant", "density-large", "density-medium", "density-small",
                                         "density-tiny"};
    guint count = kl_session_n_cards(self->session);
    KlDensity density = density_of(count);
    guint spacing = density <= KL_DENSITY_MEDIUM ? 14 : 8;
    gtk_style_context_add_class(gtk_widget_get_style_context(GTK_WIDGET(self)), styles[density]);
    gtk_grid_set_row_spacing(GTK_GRID(self), spacing);
    gtk_grid_set_column_spacing(GTK_GRID(self), spacing);
    for (guint i = 0; i < count; i++) {
        GtkWidget *card = kl_slot_card_new(kl_session_card(self->session, i)->slot, density);
        gtk_widget_set_hexpand(card, TRUE);
        gtk_widget_set_vexpand(card, TRUE);
        g_signal_connect(card, "clicked", G_CALLBACK(on_clicked), self);
        g_signal_connect(card, "opened", G_CALLBACK(on_opened), self);
        g_ptr_array_add(self->cards, card);
        gtk_grid_attach(GTK_GRID(self), card, (int)(i % self->columns), (int)(i / self->columns), 1, 1);
        show_card(self->session, i, self);
    }
}

GtkWidget *
kl_slot_grid_new(KlSession *session, guint columns)
{
    KlSlotGrid *self = g_object_new(KL_TYPE_SLOT_GRID, "row-homogeneous", TRUE, "column-homogeneous", TRUE, NULL);
    guint near_square = (guint)ceil(sqrt(kl_session_n_cards(session)));
    self->session = g_object_ref(session);
    self->columns = columns > 0 ? columns : MAX(near_square, 1);
    atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(self)), _("Slots"));
    add_cards(self);
    g_signal_connect(session, "card-changed", G_CALLBACK(show_card), self);
    return GTK_WIDGET(self);
}

void
kl_slot_grid_move(KlSlotGrid *self, int columns, int rows)
{
    int chosen = kl_session_chosen(self->session);
    int width = (int)self->columns;
    int count = (int)self->cards->len;
    if (chosen < 0) {
        kl_session_choose(self->session, 0);
        return;
    }
    int column = chosen % width + columns;
    int next = chosen + columns + rows * width;
    if (column >= 0 && column < width && next >= 0 && next < count)
        kl_session_choose(self->session, next);
}

gboolean
kl_slot_grid_tick(KlSlotGrid *self)
{
    gboolean running = FALSE;
    for (guint i = 0; i < self->cards->len; i++) {
        const KlCard *card = kl_session_card(self->session, i);
        if (card->state != KL_CARD_RUNNING)
            continue;
        running = TRUE;
        kl_slot_card_tick(g_ptr_array_index(self->cards, i), card);
    }
    return running;
}
