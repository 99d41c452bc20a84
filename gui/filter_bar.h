/* Where the History page is told what to look for: identifier, operator, outcome, period.
 *
 * Signal: "changed"  look again; typing is let settle first. */
#pragma once

#include <gtk/gtk.h>

#include "gui/search.h"

G_BEGIN_DECLS

#define KL_TYPE_FILTER_BAR (kl_filter_bar_get_type())
G_DECLARE_FINAL_TYPE(KlFilterBar, kl_filter_bar, KL, FILTER_BAR, GtkBox)

GtkWidget *kl_filter_bar_new(void);

/* What to look for now; the caller frees. NULL when a day was typed that is none (it is marked). */
KlSearch *kl_filter_bar_search(KlFilterBar *bar);

/* Whether there is a period other than "all". */
gboolean kl_filter_bar_has_period(KlFilterBar *bar);

/* Makes the period "all". */
void kl_filter_bar_clear_period(KlFilterBar *bar);

G_END_DECLS
