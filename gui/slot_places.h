/* Where each slot stands: pure geometry, from the configuration. */
#pragma once

#include "station/config.h"

G_BEGIN_DECLS

/* A hub, or all the slots without one. */
typedef struct {
    const char *name; /* of the hub; borrowed from the configuration; NULL: slots without a hub */
    guint rows, columns;
    guint x, y; /* of its first place, among those of all fixtures */
} KlSlotFixture;

typedef struct {
    guint fixture; /* index */
    guint row, column;
} KlSlotPlace;

typedef struct {
    KlSlotFixture *fixtures;
    guint n_fixtures;
    KlSlotPlace *slots; /* by the index of the slot */
    guint n_slots;
    gboolean side_by_side; /* the fixtures; else one below the other */
} KlSlotPlaces;

/* Hubs in the order of the file, then the slots without one, in `columns` (0: near-square). */
KlSlotPlaces *kl_slot_places_new(const KlConfig *config, guint columns);
void kl_slot_places_free(KlSlotPlaces *places);

/* The slot at a place of a fixture, or -1. */
int kl_slot_places_at(const KlSlotPlaces *places, const KlSlotFixture *fixture, guint column, guint row);

/* The next slot from that one in the direction of columns and rows (-1, 0 or 1), over what is left out; -1: there is
 * none. */
int kl_slot_places_step(const KlSlotPlaces *places, guint slot, int columns, int rows);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSlotPlaces, kl_slot_places_free)

G_END_DECLS
