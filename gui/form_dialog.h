/* A small form in a dialog: what it asks, one button that does it, a line that says what is wrong, and a spinner
 * meanwhile. What comes of it ends a GTask. */
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

/* --- a question: a GTask that the dialog ends once --- */

/* The form was sent: check it, or begin what takes time (kl_form_dialog_set_busy, kl_form_dialog_work). */
typedef void (*KlFormSend)(KlFormDialog *dialog, GTask *question);

/* Shows the dialog. It ends the question (taken over) with G_IO_ERROR_CANCELLED when it, or its parent, is closed;
 * else with what is said by kl_form_dialog_settle, or by who took it with kl_form_dialog_take. binding: what was sent
 * can't be called back: closing a busy dialog leaves the question open. Whoever goes on later keeps a reference to the
 * dialog meanwhile. */
void kl_form_dialog_ask(KlFormDialog *dialog, GTask *question, KlFormSend send, gboolean binding);

/* FALSE once it was closed. */
gboolean kl_form_dialog_is_open(KlFormDialog *dialog);

/* Runs work (a GTask with the question's source object and data) in a thread while the dialog is busy. done (NULL:
 * kl_form_dialog_settle with its boolean) gets the dialog as its data, which it has to unref. */
void kl_form_dialog_work(KlFormDialog *dialog, GTaskThreadFunc work, gpointer data, GDestroyNotify free_data,
                         GAsyncReadyCallback done);

/* What came of it. error NULL: the dialog closes and the question ends with TRUE. Otherwise the dialog tells the error
 * and can be sent again, focus (may be NULL) having the focus; one that was closed meanwhile ends the question with
 * it. */
void kl_form_dialog_settle(KlFormDialog *dialog, const GError *error, GtkWidget *focus);

/* Closes the dialog and hands the question over, to be ended by the caller; NULL when it has ended. */
GTask *kl_form_dialog_take(KlFormDialog *dialog);

/* Says what is wrong; NULL: nothing. */
void kl_form_dialog_tell(KlFormDialog *dialog, const char *words);
/* Says an error's words and remedy. */
void kl_form_dialog_tell_error(KlFormDialog *dialog, const GError *error);

G_END_DECLS
