/* The registration table of first boot (station/activation/table.h) in the station's SQLite database. */
#pragma once

#include "station/activation/table.h"
#include "station/seal.h"

G_BEGIN_DECLS

/* Opens the database for writing and starts a thread that owns it; several programs may have it open. Messages that
 * several threads have kept at the same time share a commit. The database has to be there.
 *
 * What a message comes to goes into the station's journal in the same transaction (db/AUDIT-FORMAT.md: "activation").
 * seal, which outlives the table, and the station's name sign its checkpoints when they are due, as the station's own
 * store does; seal NULL: the station does when it runs next. Once the station has another seal, this one signs no
 * more: the table's events are signed by the station's store, or once the table is opened with the new one.
 * STATION_MISSING, STORE_NEWER, STORE_CORRUPT, STORE_READ_ONLY, STORE_FULL, STORE_FAILED, AUDIT_BROKEN, SEAL_*. */
KlActivationTable *kl_activation_sqlite_open(const char *path, KlSeal *seal, const char *station, GError **error);

G_END_DECLS
