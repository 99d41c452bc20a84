/* Opens a database that is checked, as often as there are threads to read it, all at the same moment of its life. */
#pragma once

#include <sqlite3.h>

#include "db/database.h"

G_BEGIN_DECLS

/* Fills in count connections, each within a read transaction; they see the same journal. The file is never written to:
 * without a -wal file beside it, it is read as one that nobody changes; kl_audit_open_still() tells afterwards, by
 * stamp, whether that was so. AUDIT_UNREADABLE, STORE_*. The caller closes the connections (NULL or not) in any case.
 */
gboolean kl_audit_open(const char *path, sqlite3 **connections, guint count, gint64 *stamp, GError **error);

/* FALSE with STORE_FAILED when the file changed under the reader. */
gboolean kl_audit_open_still(const char *path, gint64 stamp, GError **error);

G_END_DECLS
