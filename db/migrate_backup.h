/* The copy that is made of a database before its schema changes: the way back, when the new program turns out wrong. */
#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

/* When the database is older than newest: copies it, as it is committed, to PATH.backup-vVERSION beside it (mode 0600,
 * in the place of an earlier copy of that version), and checks the copy. A database that is new or up to date gets
 * none. Who may migrate calls this first, and does not migrate when it fails. STORE_*. */
gboolean kl_migrate_backup(sqlite3 *db, guint newest, GError **error);

G_END_DECLS
