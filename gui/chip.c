#include "gui/chip.h"

void
kl_chip_set_level(GtkWidget *widget, KlChipLevel level)
{
    static const char *const classes[] = {
        [KL_CHIP_OK] = "chip-ok", [KL_CHIP_WARN] = "chip-warn", [KL_CHIP_BAD] = "chip-bad"};
    GtkStyleContext *style = gtk_widget_get_style_context(widget);
    for (guint i = 0; i < G_N_ELEMENTS(classes); i++)
        gtk_style_context_remove_class(style, classes[i]);
    gtk_style_context_add_class(style, "chip");
    gtk_style_context_add_class(style, classes[level]);
}
