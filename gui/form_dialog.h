/* A small form in a dialog: what it asks, one button that does it, a line that says what is wrong, and a spinner
 * meanwhile. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define KL_TYPE_FORM_DIALOG (kl_form_dialog_get_type())
G_DECLARE_FINAL_TYPE(KlFormDialog, kl_form_dialog, KL, FORM_DIALOG, GtkDialog)

/* A modal dialog with Cancel and a button (mnemonic in accept) that answers GTK_RESPONSE_ACCEPT; Enter in an entry
 * presses it. */
GtkWidget *kl_form_dialog_new(GtkWindow *parent, const char *title, const char *accept);

/* Adds a widget below the others. */
void kl_form_dialog_add(KlFormDialog *dialog, GtkWidget *widget);

/* Whether the form can be sent. */
void kl_form_dialog_set_ready(KlFormDialog *dialog, gboolean ready);

/* While busy the form can't be changed or sent, only closed. Afterwards focus (may be NULL) gets the focus. */
void kl_form_dialog_set_busy(KlFormDialog *dialog, gboolean busy, GtkWidget *focus);

gboolean kl_form_dialog_busy(KlFormDialog *dialog);

/* Calls response with the task, which is taken over: it lives as long as the dialog listens. */
void kl_form_dialog_on_response(KlFormDialog *dialog, void (*response)(GtkDialog *dialog, int response, gpointer task),
                                GTask *task);

/* Says what is wrong; NULL: nothing. */
void kl_form_dialog_tell(KlFormDialog *dialog, const char *words);
/* Says an error's words and remedy. */
void kl_form_dialog_tell_error(KlFormDialog *dialog, const GError *error);

G_END_DECLS
