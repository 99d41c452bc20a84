/* The list of found records: a tree view over a part of them, for the view's own bookkeeping grows with its rows (55 MB
 * and 0.2 s for a million); newer and older parts are a button away.
 *
 * Signal: "chosen" (gint64 number) a record was chosen; 0: none is. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_RECORD_LIST (kl_record_list_get_type())
G_DECLARE_FINAL_TYPE(KlRecordList, kl_record_list, KL, RECORD_LIST, GtkBox)

#define KL_RECORD_LIST_PART 10000

GtkWidget *kl_record_list_new(KlSession *session);

/* Shows what was found (gint64, newest first; a reference is taken). again: it is the same search once more; what the
 * user sees and chose stays, newer records come in front. choose: the newest one is chosen. */
void kl_record_list_set_numbers(KlRecordList *list, GArray *numbers, gboolean again, gboolean choose);

/* Whether the newest part is shown, the one that newer records come to. */
gboolean kl_record_list_is_newest(KlRecordList *list);

G_END_DECLS
