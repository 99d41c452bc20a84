#include "gui/slot_grid.h"

#include "gui/i18n.h"
#include "gui/slot_card.h"
#include "gui/slot_places.h"

struct _KlSlotGrid {
    GtkBox parent_instance;
    KlSession *session;
    KlSlotPlaces *places;
    GPtrArray *cards; /* KlSlotCard, by index */
};

G_DEFINE_FINAL_TYPE(KlSlotGrid, kl_slot_grid, GTK_TYPE_BOX)

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
    g_clear_pointer(&self->places, kl_slot_places_free);
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
add_card(KlSlotGrid *self, GtkGrid *grid, guint index, KlDensity density)
{
    const KlSlotPlace *place = &self->places->slots[index];
    GtkWidget *card = kl_slot_card_new(kl_session_card(self->session, index)->slot, density);
    gtk_widget_set_hexpand(card, TRUE);
    gtk_widget_set_vexpand(card, TRUE);
    g_signal_connect(card, "clicked", G_CALLBACK(on_clicked), self);
    g_signal_connect(card, "opened", G_CALLBACK(on_opened), self);
    g_ptr_array_add(self->cards, card);
    gtk_grid_attach(grid, card, (int)place->column, (int)place->row, 1, 1);
    show_card(self->session, index, self);
}

/* A grid of one fixture, which keeps its shape where places are left out: nothing is shown there. */
static GtkGrid *
add_fixture(KlSlotGrid *self, const KlSlotFixture *fixture, guint spacing)
{
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
    GtkWidget *grid = g_object_new(GTK_TYPE_GRID, "row-homogeneous", TRUE, "column-homogeneous", TRUE, "row-spacing",
                                   (int)spacing, "column-spacing", (int)spacing, NULL);
    if (self->places->n_fixtures > 1) {
        g_autofree char *text = fixture->name != NULL ? g_strdup_printf(_("Hub %s"), fixture->name) : NULL;
        GtkWidget *heading = gtk_label_new(text != NULL ? text : _("Other slots"));
        gtk_label_set_xalign(GTK_LABEL(heading), 0);
        gtk_style_context_add_class(gtk_widget_get_style_context(heading), "fixture-heading");
        gtk_container_add(GTK_CONTAINER(box), heading);
    }
    for (guint row = 0; row < fixture->rows; row++) {
        for (guint column = 0; column < fixture->columns; column++) {
            if (kl_slot_places_at(self->places, fixture, column, row) < 0)
                gtk_grid_attach(GTK_GRID(grid), gtk_drawing_area_new(), (int)column, (int)row, 1, 1);
        }
    }
    gtk_box_pack_start(GTK_BOX(box), grid, TRUE, TRUE, 0);
    gtk_box_pack_start(GTK_BOX(self), box, TRUE, TRUE, 0);
    return GTK_GRID(grid);
}

static void
add_cards(KlSlotGrid *self)
{
    static const char *const styles[] = {"density-giant", "density-large", "density-medium", "density-small",
                                         "density-tiny"};
    guint count = kl_session_n_cards(self->session);
    KlDensity density = density_of(count);
    guint spacing = density <= KL_DENSITY_MEDIUM ? 14 : 8;
    g_autofree GtkGrid **grids = g_new(GtkGrid *, self->places->n_fixtures);
    gtk_style_context_add_class(gtk_widget_get_style_context(GTK_WIDGET(self)), styles[density]);
    gtk_box_set_spacing(GTK_BOX(self), 2 * (int)spacing);
    for (guint i = 0; i < self->places->n_fixtures; i++)
        grids[i] = add_fixture(self, &self->places->fixtures[i], spacing);
    for (guint i = 0; i < count; i++)
        add_card(self, grids[self->places->slots[i].fixture], i, density);
    gtk_widget_show_all(GTK_WIDGET(self));
}

GtkWidget *
kl_slot_grid_new(KlSession *session, guint columns)
{
    KlSlotPlaces *places = kl_slot_places_new(kl_station_config(kl_session_station(session)), columns);
    GtkOrientation orientation = places->side_by_side ? GTK_ORIENTATION_HORIZONTAL : GTK_ORIENTATION_VERTICAL;
    KlSlotGrid *self = g_object_new(KL_TYPE_SLOT_GRID, "orientation", orientation, NULL);
    self->session = g_object_ref(session);
    self->places = places;
    atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(self)), _("Slots"));
    add_cards(self);
    g_signal_connect(session, "card-changed", G_CALLBACK(show_card), self);
    return GTK_WIDGET(self);
}

void
kl_slot_grid_move(KlSlotGrid *self, int columns, int rows)
{
    int chosen = kl_session_chosen(self->session);
    int next = chosen < 0 ? 0 : kl_slot_places_step(self->places, (guint)chosen, columns, rows);
    if (next >= 0)
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
