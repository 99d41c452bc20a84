/* A unit's life, from all tables. */
#pragma once

#include <sqlite3.h>

#include "station/trace.h"

G_BEGIN_DECLS

/* Fills in registration, outbox, archives and life of a unit that was found. STORE_*. */
gboolean kl_trace_life(sqlite3 *db, KlTraceUnit *unit, GError **error);

G_END_DECLS
