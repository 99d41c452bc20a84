/* The folder of a private broker, which goes with it. Who is killed can't take his with him: each is held by a lock for
 * as long as its process lives, and whoever makes one removes those that nobody holds. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Makes one for this user only, in the folder for what is temporary. The caller frees its name; *fd holds it.
 * FILE_FAILED. */
char *kl_private_folder_make(int *fd, GError **error);

/* Removes it with all its files, and lets go of it. */
void kl_private_folder_remove(const char *folder, int fd);

G_END_DECLS
