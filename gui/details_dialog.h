/* One record, whole: verdict, words and remedy, technical detail, steps, wire transcript. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

#define KL_TYPE_DETAILS_DIALOG (kl_details_dialog_get_type())
G_DECLARE_FINAL_TYPE(KlDetailsDialog, kl_details_dialog, KL, DETAILS_DIALOG, GtkDialog)

/* Shows the record with that id, modal to parent; it is read in a thread. The dialog frees itself when it is closed. */
void kl_details_dialog_show(GtkWindow *parent, KlSession *session, const char *record_id);

G_END_DECLS
