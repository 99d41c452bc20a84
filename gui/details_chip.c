#include "gui/details_chip.h"

typedef struct {
    GtkLabel *details;
    int level; /* KlChipLevel; -1: none yet */
} KlDetailsChipPrivate;

G_DEFINE_TYPE_WITH_PRIVATE(KlDetailsChip, kl_details_chip, GTK_TYPE_MENU_BUTTON)

static void
kl_details_chip_class_init(KlDetailsChipClass *klass)
{
}

static void
on_open(KlDetailsChip *chip)
{
    KlDetailsChipPrivate *private = kl_details_chip_get_instance_private(chip);
    gtk_widget_grab_focus(GTK_WIDGET(private->details));
    gtk_label_select_region(private->details, 0, 0);
}

static void
kl_details_chip_init(KlDetailsChip *chip)
{
    KlDetailsChipPrivate *private = kl_details_chip_get_instance_private(chip);
    GtkWidget *popover = gtk_popover_new(GTK_WIDGET(chip));
    GtkWidget *details = gtk_label_new(NULL);
    private->details = GTK_LABEL(details);
    private->level = -1;
    g_object_set(details, "xalign", 0.0, "wrap", TRUE, "max-width-chars", 48, "selectable", TRUE, "margin", 14, NULL);
    gtk_widget_show(details);
    gtk_container_add(GTK_CONTAINER(popover), details);
    g_signal_connect_swapped(popover, "show", G_CALLBACK(on_open), chip);
    gtk_menu_button_set_popover(GTK_MENU_BUTTON(chip), popover);
}

void
kl_details_chip_show(KlDetailsChip *chip, KlChipLevel level, const char *words, const char *details)
{
    KlDetailsChipPrivate *private = kl_details_chip_get_instance_private(chip);
    if (g_strcmp0(gtk_button_get_label(GTK_BUTTON(chip)), words) != 0) {
        gtk_button_set_label(GTK_BUTTON(chip), words);
        atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(chip)), words);
    }
    if (g_strcmp0(gtk_label_get_text(private->details), details) != 0)
        gtk_label_set_text(private->details, details);
    if (private->level != (int)level) {
        private->level = (int)level;
        kl_chip_set_level(GTK_WIDGET(chip), level);
    }
}
