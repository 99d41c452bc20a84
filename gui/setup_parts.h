/* What the Setup page, its dialogs and the assistant are made of: sections, rows, fields, one way to tell an error. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

/* A section: a vertical box with a title and a sentence (NULL: none). */
GtkWidget *kl_setup_section(const char *title, const char *intro);

/* A smaller title inside a section. */
GtkWidget *kl_setup_heading(const char *title);

/* A framed list, added to the section. */
GtkListBox *kl_setup_list(GtkWidget *section);

/* Takes all rows out of a list. */
void kl_setup_clear(GtkListBox *list);

/* A row "name: value". Returns the value's label, to be changed by kl_setup_row_set. value may be NULL. */
GtkLabel *kl_setup_row(GtkListBox *list, const char *name, const char *value);
void kl_setup_row_set(GtkLabel *value, const char *text);

/* A row with a name, a sentence below it (NULL: none) and a control at its end. Returns the sentence's label. The
 * control's accessible name is set to name unless it has a label of its own. */
GtkLabel *kl_setup_control(GtkListBox *list, const char *name, const char *note, GtkWidget *control);

/* A combo box of texts with an accessible name, which its button, that takes the focus, has too. */
GtkComboBoxText *kl_setup_combo(const char *name);

/* A wrapped, dim sentence. */
GtkWidget *kl_setup_note(const char *text);

/* A labelled field of a form; label may hold no mnemonic. It becomes the widget's accessible name. */
void kl_setup_field(GtkGrid *grid, int row, const char *label, GtkWidget *widget);

/* Makes the widget insensitive while the session is in the auditor's view. */
void kl_setup_guard(GtkWidget *widget, KlSession *session);

/* The window that the widget stands in. */
GtkWindow *kl_setup_window(GtkWidget *widget);

/* Tells an error in words, with its remedy; its technical message can be unfolded. Says nothing when it was cancelled.
 */
void kl_setup_tell(GtkWidget *near, const GError *error);

/* "3 May 2026" in the local time zone; seconds since 1970. The caller frees. */
char *kl_setup_date(gint64 seconds);

G_END_DECLS
