/* The page that an operator works with: header strip, slot cards, scan entry, and buttons for the chosen slot. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_LINE_PAGE (kl_line_page_get_type())
G_DECLARE_FINAL_TYPE(KlLinePage, kl_line_page, KL, LINE_PAGE, GtkBox)

GtkWidget *kl_line_page_new(KlSession *session);

G_END_DECLS
