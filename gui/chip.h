/* A chip: a word or two about the station's health, coloured by how it is. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

typedef enum { KL_CHIP_OK, KL_CHIP_WARN, KL_CHIP_BAD } KlChipLevel;

/* Makes a widget look like a chip of that level. */
void kl_chip_set_level(GtkWidget *widget, KlChipLevel level);

G_END_DECLS
