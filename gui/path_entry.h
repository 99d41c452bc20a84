/* A file's path: typed, or chosen from a dialog. An entry rather than a GtkFileChooserButton, so that it can be filled
 * in from the keyboard and by assistive technology. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define KL_TYPE_PATH_ENTRY (kl_path_entry_get_type())
G_DECLARE_FINAL_TYPE(KlPathEntry, kl_path_entry, KL, PATH_ENTRY, GtkBox)

/* name is the field's accessible name and the title of its dialog. Signal "changed". */
GtkWidget *kl_path_entry_new(const char *name);

/* The entry itself, for a label's mnemonic and placeholder. Borrowed. */
GtkEntry *kl_path_entry_get_entry(KlPathEntry *path);

/* The path without blanks around it, or NULL when there is none. The caller frees it. */
char *kl_path_entry_get(KlPathEntry *path);

/* Whether the path is that of a file. */
gboolean kl_path_entry_is_file(KlPathEntry *path);

G_END_DECLS
