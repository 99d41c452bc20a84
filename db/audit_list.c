#include "db/audit_list.h"

#include "db/audit_select.h"
#include "db/statement.h"
#include "station/canonical.h"
#include "station/error.h"

gboolean
kl_audit_list(const char *database, const KlAuditRequest *request, guint limit,
              gboolean (*each)(const char *body, gpointer data, GError **error), gpointer data, GError **error)
{
    g_autoptr(KlAuditReader) reader = kl_audit_reader_open_head(database, error);
    if (reader == NULL || !kl_audit_select_check(reader, request, error))
        return FALSE;
    g_autoptr(sqlite3_stmt) query = kl_audit_select_newest(reader, request, "e.body", limit, error);
    gboolean ok;
    while (kl_each(reader->db, query, &ok, error)) {
        if (!each((const char *)sqlite3_column_text(query, 0), data, error))
            return FALSE;
    }
    return ok;
}

char *
kl_audit_last_checkpoint(const char *database, GError **error)
{
    gboolean row = FALSE;
    g_autoptr(sqlite3) db = kl_database_open(database, TRUE, error);
    g_autoptr(sqlite3_stmt) query =
        db != NULL ? kl_query(db, error, "SELECT body, signature FROM audit_checkpoints ORDER BY n DESC LIMIT 1")
                   : NULL;
    if (query == NULL || !kl_next(db, query, &row, error) || !row)
        return NULL;
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_begin(writer, NULL);
    kl_canonical_text(writer, "body", (const char *)sqlite3_column_text(query, 0));
    kl_canonical_text(writer, "signature", (const char *)sqlite3_column_text(query, 1));
    return kl_canonical_finish(writer);
}
