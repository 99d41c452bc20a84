/* The slots' cards as they stand on the line: each hub in its rows and columns, other slots in reading order. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_SLOT_GRID (kl_slot_grid_get_type())
G_DECLARE_FINAL_TYPE(KlSlotGrid, kl_slot_grid, KL, SLOT_GRID, GtkBox)

/* A card for each slot of the session, kept up to date from its "card-changed". columns: of slots without a hub; 0:
 * near-square. Signals: "chosen" a card was clicked, by mouse or keyboard (the session knows already); "opened" (guint
 * index) the details of a card are wanted. */
GtkWidget *kl_slot_grid_new(KlSession *session, guint columns);

/* Chooses the next card in the direction of that column or row (-1, 0, 1); without a chosen one, the first. Passes over
 * places that are left out, stays within the cards. */
void kl_slot_grid_move(KlSlotGrid *self, int columns, int rows);

/* Shows the elapsed time on every running card. FALSE when no job is running. */
gboolean kl_slot_grid_tick(KlSlotGrid *self);

G_END_DECLS
