/* One slot of the Line page: number, unit, what is going on; a verdict fills it. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_SLOT_CARD (kl_slot_card_get_type())
G_DECLARE_FINAL_TYPE(KlSlotCard, kl_slot_card, KL, SLOT_CARD, GtkButton)

/* How much room a card has, by how many share the page. */
typedef enum {
    KL_DENSITY_GIANT,  /* 1 */
    KL_DENSITY_LARGE,  /* up to 4 */
    KL_DENSITY_MEDIUM, /* up to 16 */
    KL_DENSITY_SMALL,  /* up to 36 */
    KL_DENSITY_TINY,   /* more */
} KlDensity;

/* A card as a button: "clicked" chooses it, by mouse or keyboard.
 * Signal "opened": a double click asks for the details. */
GtkWidget *kl_slot_card_new(const char *slot, KlDensity density);

/* Shows what stands in the slot. Nothing of card is kept. */
void kl_slot_card_show(KlSlotCard *self, const KlCard *card, gboolean chosen);

/* Shows the elapsed time of a running job. */
void kl_slot_card_tick(KlSlotCard *self, const KlCard *card);

G_END_DECLS
