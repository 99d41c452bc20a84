/* The list of units that a recall is about. On a connection of its own, for reading. */
#pragma once

#include <sqlite3.h>

#include "station/trace.h"

G_BEGIN_DECLS

/* SHA-256 of every certificate in a chain of PEMs, lower-case hex, g_strfreev: given from outside, because db/ can't
 * look into certificates. */
typedef char **(*KlChainHashes)(const char *chain_pem);

/* Calls each() for every certificate of every unit that the filter means, and for units that it means and that have
 * none (unless it asks for certificates), in the order of units. RECORD_UNKNOWN: what like names is not known, or was
 * made neither in a batch nor for a work order; CERTIFICATE_UNKNOWN: so is certificate or ca; STORE_*; each()'s errors.
 */
gboolean kl_recall(sqlite3 *db, const KlRecallFilter *filter, KlChainHashes hashes, KlRecallEach each, gpointer data,
                   GError **error);

G_END_DECLS
