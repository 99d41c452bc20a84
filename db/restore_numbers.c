#include "db/restore_numbers.h"

#include "db/statement.h"

/* No unit or list may get a number that one had before. Gaps do no harm. */
static gboolean
move_on(sqlite3 *db, gint64 by, gint64 *moved, GError **error)
{
    gint64 count = 0;
    if (by <= 0)
        return TRUE;
    if (!kl_get_int_values(db, &count, error, "SELECT count(*) FROM counters WHERE purpose <> 'test'", NULL, 0) ||
        !kl_run(db, error, "UPDATE counters SET value = value + ?1 WHERE purpose <> 'test'", kl_int(by)))
        return FALSE;
    *moved = count;
    return TRUE;
}

/* What the present database has counted up to. */
static gboolean
take_over(sqlite3 *db, sqlite3 *present, GError **error)
{
    g_autoptr(sqlite3_stmt) query =
        kl_query_values(present, error, "SELECT purpose, name, value FROM counters", NULL, 0);
    gboolean ok;
    while (kl_each(present, query, &ok, error)) {
        if (!kl_run(db, error,
                    "INSERT INTO counters (purpose, name, value) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT (purpose, name) DO UPDATE SET value = excluded.value"
                    " WHERE excluded.value > value",
                    kl_text((const char *)sqlite3_column_text(query, 0)),
                    kl_text((const char *)sqlite3_column_text(query, 1)), kl_int(sqlite3_column_int64(query, 2))))
            return FALSE;
    }
    return ok;
}

static gboolean
burn_leases(sqlite3 *db, gint64 *burned, GError **error)
{
    return kl_get_int_values(db, burned, error, "SELECT sum(size - used) FROM leases WHERE used < size", NULL, 0) &&
           kl_run_values(db, error, "UPDATE leases SET used = size WHERE used < size", NULL, 0);
}

gboolean
kl_restore_numbers(sqlite3 *db, sqlite3 *present, KlRestored *restored, GError **error)
{
    guint64 n = restored->backup.n, known = MAX(restored->present_n, restored->exported_n);
    gboolean readable = present != NULL && restored->present_n > 0;
    restored->numbers_known = readable && restored->present_n >= restored->exported_n;
    if (readable && known <= n && !restored->diverged)
        return TRUE;
    /* A present database that an exported checkpoint lies behind does not know all that was handed out. */
    gint64 unseen = known > n ? (gint64)(known - n) : 0;
    return burn_leases(db, &restored->burned, error) &&
           (restored->numbers_known || move_on(db, unseen, &restored->moved, error)) &&
           (!readable || take_over(db, present, error));
}
