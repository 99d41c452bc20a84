/* One connection to the station's database: opened with the settings that durability needs; SQLite's errors in our
 * terms. A connection belongs to one thread at a time. */
#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

/* Closes the connection and finalizes the statements that kl_run has kept for it. */
void kl_database_close(sqlite3 *db);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3, kl_database_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3_stmt, sqlite3_finalize)

/* Opens the database and brings its schema up to date. The caller closes it.
 * Writing: an older database is copied first (db/migrate_backup.h); makes the file (mode 0600) when there is none;
 * STATION_MISSING when there is no folder for it. WAL, synchronous=FULL, foreign keys enforced. read_only: for queries,
 * also while another program is writing. STATION_MISSING when there is no file or nothing in it; STORE_READ_ONLY when
 * its schema is older than this program's. Both: STORE_NEWER, STORE_CORRUPT (damaged, or not a Keyline database),
 * STORE_READ_ONLY, STORE_FULL, STORE_FAILED. */
sqlite3 *kl_database_open(const char *path, gboolean read_only, GError **error);

/* Sets *error from the connection's last failure: SQLITE_FULL and "no space" by any name are STORE_FULL, a file or disk
 * that can't be written STORE_READ_ONLY, damage STORE_CORRUPT, the rest STORE_FAILED. The message tells what was being
 * done, SQLite's extended code and its message. Call it at once, with errno as the failed call left it (and set to 0
 * before that call). Returns FALSE. */
gboolean kl_database_fail(sqlite3 *db, const char *doing, GError **error);

/* Runs one or more statements that take no values and whose rows nobody wants. */
gboolean kl_database_exec(sqlite3 *db, const char *sql, GError **error);

/* FALSE with STORE_FAILED when the file was deleted or moved away since it was opened: what is committed now would be
 * in no file. */
gboolean kl_database_in_place(sqlite3 *db, GError **error);

G_END_DECLS
