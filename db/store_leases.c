/* Numbers leased in blocks from a sequence that several stations share: two stations never hand out the same one, also
 * while they are offline. */
#include "db/statement.h"
#include "db/store_parts.h"
#include "station/error.h"

typedef struct {
    const char *sequence;
    guint64 first;
    guint count;
} LeaseCall;

static gboolean
check_overlap(sqlite3 *db, const LeaseCall *call, GError **error)
{
    gboolean overlaps = FALSE;
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error,
                 "SELECT first, size FROM leases WHERE sequence = ?1 AND first < ?2 + ?3 AND first + size > ?2"
                 " ORDER BY first DESC LIMIT 1",
                 kl_text(call->sequence), kl_int((gint64)call->first), kl_int(call->count));
    if (query == NULL || !kl_next(db, query, &overlaps, error))
        return FALSE;
    if (overlaps)
        return kl_fail(error, KL_ERROR_STORE_CORRUPT,
                       "%u numbers of '%s' from %" G_GUINT64_FORMAT
                       " were leased, but this station already has %" G_GINT64_FORMAT " from %" G_GINT64_FORMAT,
                       call->count, call->sequence, call->first, (gint64)sqlite3_column_int64(query, 1),
                       (gint64)sqlite3_column_int64(query, 0));
    return TRUE;
}

static gboolean
do_lease_add(sqlite3 *db, gpointer data, GError **error)
{
    const LeaseCall *call = data;
    return check_overlap(db, call, error) &&
           kl_run(db, error, "INSERT INTO leases (sequence, first, size, added_us) VALUES (?1, ?2, ?3, ?4)",
                  kl_text(call->sequence), kl_int((gint64)call->first), kl_int(call->count), kl_int(g_get_real_time()));
}

gboolean
kl_store_lease_add(KlStore *store, const char *sequence, guint64 first, guint count, GError **error)
{
    LeaseCall call = {sequence, first, count};
    if (first == 0 || count == 0 || first > (guint64)G_MAXINT64 - count)
        return kl_fail(error, KL_ERROR_INTERNAL, "no block: %u numbers of '%s' from %" G_GUINT64_FORMAT, count,
                       sequence, first);
    return kl_store_write(store, do_lease_add, &call, error);
}

gboolean
kl_store_next_leased(sqlite3 *db, const char *sequence, gint64 *number, GError **error)
{
    return kl_get_int(db, number, error,
                      "UPDATE leases SET used = used + 1 WHERE number = (SELECT number FROM leases"
                      " WHERE sequence = ?1 AND used < size ORDER BY number LIMIT 1) RETURNING first + used - 1",
                      kl_text(sequence));
}

typedef struct {
    const char *sequence;
    gint64 left;
} LeftCall;

static gboolean
do_lease_left(sqlite3 *db, gpointer data, GError **error)
{
    LeftCall *call = data;
    return kl_get_int(db, &call->left, error, "SELECT sum(size - used) FROM leases WHERE sequence = ?1 AND used < size",
                      kl_text(call->sequence));
}

gboolean
kl_store_lease_left(KlStore *store, const char *sequence, guint64 *left, GError **error)
{
    LeftCall call = {sequence, 0};
    if (!kl_store_read(store, do_lease_left, &call, error))
        return FALSE;
    *left = (guint64)call.left;
    return TRUE;
}
