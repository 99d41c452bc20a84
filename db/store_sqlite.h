/* The station's memory (station/store.h) in an SQLite database. */
#pragma once

#include "station/store.h"

G_BEGIN_DECLS

/* Opens the database and starts the thread that owns it; the caller frees the store with kl_store_free().
 * Writing: makes the database when there is none, and brings an older one up to date: who must not end up with an empty
 * one looks for the file first. STATION_MISSING when there is no folder for it.
 * read_only: for queries, also while another program writes; calls that change something fail with STORE_READ_ONLY.
 * STATION_MISSING when there is no database or an empty one, STORE_READ_ONLY when it has to be brought up to date
 * first. Both: STORE_NEWER, STORE_CORRUPT, STORE_READ_ONLY, STORE_FULL, STORE_FAILED. */
KlStore *kl_store_sqlite_open(const char *path, gboolean read_only, GError **error);

G_END_DECLS
