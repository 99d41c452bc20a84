/* The chip of the disk: how much room is left for records. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define KL_TYPE_DISK_CHIP (kl_disk_chip_get_type())
G_DECLARE_FINAL_TYPE(KlDiskChip, kl_disk_chip, KL, DISK_CHIP, GtkLabel)

/* Looks at the file system of dir every 30 seconds, in a thread. */
GtkWidget *kl_disk_chip_new(const char *dir);

G_END_DECLS
