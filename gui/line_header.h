/* The strip above the cards: product, work order and its progress, counters, chips. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_LINE_HEADER (kl_line_header_get_type())
G_DECLARE_FINAL_TYPE(KlLineHeader, kl_line_header, KL, LINE_HEADER, GtkBox)

/* Keeps itself up to date from the session's "changed". */
GtkWidget *kl_line_header_new(KlSession *session);

G_END_DECLS
