/* The schema's versions: numbered migrations from db/schema, built into the program. The version of a database is its
 * PRAGMA user_version; its application_id marks it as ours. */
#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

#define KL_APPLICATION_ID 0x4b4c494e /* "KLIN" */

typedef struct {
    guint version; /* 1, 2, 3 ... without gaps */
    const char *sql;
} KlMigration;

/* All of db/schema, in order; made by db/embed.awk. */
extern const KlMigration kl_migrations[];
extern const guint kl_migration_count;

/* Whether a program that knows the versions up to newest may touch this database: it is new (empty) or ours, and not
 * from a newer program. STORE_NEWER; STORE_CORRUPT for a file that is no database or another program's. */
gboolean kl_migrate_check(sqlite3 *db, guint newest, GError **error);

/* The same, and the schema is exactly that version. STATION_MISSING for an empty database, STORE_READ_ONLY for an older
 * one: it can't be used without writing. */
gboolean kl_migrate_check_current(sqlite3 *db, guint newest, GError **error);

/* Runs the migrations that the database has not seen, each in a transaction of its own, with foreign keys checked at
 * its end: after a failure the database is at the last version that worked. Safe when two programs start at once. */
gboolean kl_migrate(sqlite3 *db, const KlMigration *migrations, guint count, GError **error);

G_END_DECLS
