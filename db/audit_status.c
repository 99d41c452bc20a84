#include "db/audit_status.h"

#include "db/audit_head.h"
#include "db/database.h"
#include "db/statement.h"

gboolean
kl_audit_status(const char *path, KlAuditStatus *status, GError **error)
{
    KlAuditHead head;
    gboolean row = FALSE;
    g_autoptr(sqlite3) db = kl_database_open(path, TRUE, error);
    if (db == NULL || !kl_database_exec(db, "BEGIN", error) || !kl_audit_head_read(db, &head, error))
        return FALSE;
    /* Whoever has changed the last checkpoint's text shows in a verification; here it is only not known then. */
    g_autoptr(sqlite3_stmt) query =
        kl_query_values(db, error,
                        "SELECT n, iif(json_valid(body), body ->> '$.time_us', NULL),"
                        " EXISTS (SELECT 1 FROM audit_events WHERE type = 'audit-key')"
                        " FROM (SELECT 1) LEFT JOIN audit_checkpoints ON n = (SELECT max(n) FROM audit_checkpoints)",
                        NULL, 0);
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    status->events = (gint64)head.frontier.n;
    status->checkpoint = sqlite3_column_int64(query, 0);
    status->checkpoint_us = sqlite3_column_int64(query, 1);
    status->sealed = sqlite3_column_int(query, 2) != 0;
    return TRUE;
}
