/* Numbers that are never handed out twice, after the database went back. */
#pragma once

#include "db/restore.h"

G_BEGIN_DECLS

/* In the restored database, within a transaction: burns what is left of every leased block, and moves each counter
 * behind whatever is known to have been handed out since: what the present database (NULL: it can't be asked) says, and
 * at most one number an event that is known to have been written since. Nothing, when nothing was written since. Fills
 * in burned, moved and numbers_known. */
gboolean kl_restore_numbers(sqlite3 *db, sqlite3 *present, KlRestored *restored, GError **error);

G_END_DECLS
