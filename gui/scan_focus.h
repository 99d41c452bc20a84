/* The rules that keep a scanner typing into the scan entry, and nowhere else. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* While page is shown:
 * - printable keys go into entry, wherever the focus is, except into another text field or a popover;
 * - Enter goes to entry too: it never presses a button. Space presses only a button that was reached by Tab, as usual;
 * - when nothing has the focus any more, or the window comes back to the front, entry gets it.
 * Nothing has to be undone; it ends with the page. */
void kl_scan_focus_attach(GtkWidget *page, GtkWidget *entry);

G_END_DECLS
