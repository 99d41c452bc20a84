#include "gui/slot_places.h"

#include <math.h>

/* Side by side, fixtures may have so many columns together that cards are still broad enough. */
#define COLUMNS_MOST 8

static guint
count_without_hub(const KlConfig *config)
{
    guint count = 0;
    for (guint i = 0; i < config->slots->len; i++)
        count += ((const KlSlotConfig *)config->slots->pdata[i])->hub < 0;
    return count;
}

static void
add_fixtures(KlSlotPlaces *places, const KlConfig *config, guint others, guint columns)
{
    guint near_square = (guint)ceil(sqrt(others));
    places->fixtures = g_new0(KlSlotFixture, config->hubs->len + 1);
    for (guint i = 0; i < config->hubs->len; i++) {
        const KlHubConfig *hub = g_ptr_array_index(config->hubs, i);
        places->fixtures[i] = (KlSlotFixture){.name = hub->name, .rows = hub->rows, .columns = hub->columns};
    }
    places->n_fixtures = config->hubs->len;
    if (others == 0)
        return;
    KlSlotFixture *rest = &places->fixtures[places->n_fixtures++];
    rest->columns = columns > 0 ? columns : MAX(near_square, 1);
    rest->rows = (others + rest->columns - 1) / rest->columns;
}

static void
arrange_fixtures(KlSlotPlaces *places)
{
    guint columns = 0, x = 0, y = 0;
    for (guint i = 0; i < places->n_fixtures; i++)
        columns += places->fixtures[i].columns;
    places->side_by_side = columns <= COLUMNS_MOST;
    for (guint i = 0; i < places->n_fixtures; i++) {
        KlSlotFixture *fixture = &places->fixtures[i];
        fixture->x = x;
        fixture->y = y;
        x += places->side_by_side ? fixture->columns : 0;
        y += places->side_by_side ? 0 : fixture->rows;
    }
}

KlSlotPlaces *
kl_slot_places_new(const KlConfig *config, guint columns)
{
    KlSlotPlaces *places = g_new0(KlSlotPlaces, 1);
    guint others = 0;
    add_fixtures(places, config, count_without_hub(config), columns);
    arrange_fixtures(places);
    places->n_slots = config->slots->len;
    places->slots = g_new0(KlSlotPlace, MAX(places->n_slots, 1));
    for (guint i = 0; i < places->n_slots; i++) {
        const KlSlotConfig *slot = g_ptr_array_index(config->slots, i);
        KlSlotPlace *place = &places->slots[i];
        if (slot->hub >= 0) {
            *place = (KlSlotPlace){.fixture = (guint)slot->hub, .row = slot->row, .column = slot->column};
        } else {
            guint width = places->fixtures[config->hubs->len].columns;
            *place = (KlSlotPlace){.fixture = config->hubs->len, .row = others / width, .column = others % width};
            others++;
        }
    }
    return places;
}

void
kl_slot_places_free(KlSlotPlaces *places)
{
    g_free(places->fixtures);
    g_free(places->slots);
    g_free(places);
}

int
kl_slot_places_at(const KlSlotPlaces *places, const KlSlotFixture *fixture, guint column, guint row)
{
    for (guint i = 0; i < places->n_slots; i++) {
        const KlSlotPlace *place = &places->slots[i];
        if (&places->fixtures[place->fixture] == fixture && place->column == column && place->row == row)
            return (int)i;
    }
    return -1;
}

int
kl_slot_places_step(const KlSlotPlaces *places, guint slot, int columns, int rows)
{
    const KlSlotFixture *from = &places->fixtures[places->slots[slot].fixture];
    int x = (int)(from->x + places->slots[slot].column), y = (int)(from->y + places->slots[slot].row);
    int best = -1, nearest = G_MAXINT;
    for (guint i = 0; i < places->n_slots; i++) {
        const KlSlotFixture *fixture = &places->fixtures[places->slots[i].fixture];
        int dx = (int)(fixture->x + places->slots[i].column) - x;
        int dy = (int)(fixture->y + places->slots[i].row) - y;
        int along = dx * columns + dy * rows;
        gboolean aside = columns != 0 ? dy != 0 : dx != 0;
        if (aside || along <= 0 || along >= nearest)
            continue;
        nearest = along;
        best = (int)i;
    }
    return best;
}
