/* The folder of a simulated line: unit-NN/ (a unit's state), keys/ (shared keys), slot-NN-agent and slot-NN-modem
 * (links to the ports), seed (whose lock says that the line is running). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Makes the folder if need be, locks it for this line, checks that it was made with this seed, and removes links that
 * an earlier run has left. *path is its absolute path, for the caller to free. Returns the lock, which the caller
 * closes, or -1 with a G_IO_ERROR (BUSY when another line has it). */
int kl_sim_folder_open(const char *dir, guint64 seed, char **path, GError **error);

/* Removes a unit's state; a unit that is not there is no error. FALSE with a G_IO_ERROR. */
gboolean kl_sim_folder_wipe(const char *unit_dir, GError **error);

/* Makes a unit's folder a copy of another's: keys, locks and items, but nothing of its first boot. */
gboolean kl_sim_folder_copy(const char *from, const char *to, GError **error);

G_END_DECLS
