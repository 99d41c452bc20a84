/* Exports the found records: asks for a file, writes it in a thread, shows how far it is, can be stopped. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_EXPORT_BAR (kl_export_bar_get_type())
G_DECLARE_FINAL_TYPE(KlExportBar, kl_export_bar, KL, EXPORT_BAR, GtkBox)

GtkWidget *kl_export_bar_new(KlSession *session);

/* What there is to export: numbers of records (gint64; a reference is taken, never changed again), or NULL. An export
 * under way goes on with what it began with. */
void kl_export_bar_set_numbers(KlExportBar *bar, GArray *numbers);

G_END_DECLS
