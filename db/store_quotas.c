/* How many units of a work order may get a certificate, and how many did. The schema's triggers count. */
#include "db/audit_events.h"
#include "db/statement.h"
#include "db/store_parts.h"
#include "station/error.h"

typedef struct {
    const char *work_order;
    gint64 units;
    gint64 used;
} QuotaCall;

static gboolean
read_quota(sqlite3 *db, QuotaCall *call, GError **error)
{
    return kl_get_int(db, &call->units, error, "SELECT units FROM quotas WHERE work_order = ?1",
                      kl_text(call->work_order)) &&
           kl_get_int(db, &call->used, error, "SELECT units FROM work_order_totals WHERE work_order = ?1",
                      kl_text(call->work_order));
}

gboolean
kl_store_check_quota(sqlite3 *db, const char *job, const char *imei, GError **error)
{
    g_autofree char *work_order = NULL;
    g_autofree char *counted = NULL;
    if (!kl_get_text(db, &work_order, error, "SELECT work_order FROM jobs WHERE id = ?1", kl_text(job)))
        return FALSE;
    if (work_order == NULL)
        return TRUE;
    QuotaCall quota = {.work_order = work_order};
    if (!read_quota(db, &quota, error) ||
        !kl_get_text(db, &counted, error, "SELECT imei FROM work_order_units WHERE work_order = ?1 AND imei = ?2",
                     kl_text(work_order), kl_text(imei)))
        return FALSE;
    if (quota.units == 0 || counted != NULL || quota.used < quota.units)
        return TRUE;
    return kl_fail(error, KL_ERROR_QUOTA_REACHED,
                   "work order %s may have %" G_GINT64_FORMAT " units, and %" G_GINT64_FORMAT " got or may have got a"
                   " certificate",
                   work_order, quota.units, quota.used);
}

static gboolean
do_set_quota(sqlite3 *db, gpointer data, GError **error)
{
    const QuotaCall *call = data;
    gboolean set = call->units > 0
                       ? kl_run(db, error,
                                "INSERT INTO quotas (work_order, units) VALUES (?1, ?2)"
                                " ON CONFLICT (work_order) DO UPDATE SET units = ?2",
                                kl_text(call->work_order), kl_int(call->units))
                       : kl_run(db, error, "DELETE FROM quotas WHERE work_order = ?1", kl_text(call->work_order));
    return set && kl_audit_quota(db, call->work_order, (guint64)call->units, error);
}

/* The journal's numbers end at 2^53; no work order is nearly that large. */
gboolean
kl_store_set_quota(KlStore *store, const char *work_order, guint64 units, GError **error)
{
    QuotaCall call = {.work_order = work_order, .units = (gint64)units};
    if (work_order[0] == '\0' || units > G_MAXUINT32)
        return kl_fail(error, KL_ERROR_USAGE, "no quota: work order '%s', %" G_GUINT64_FORMAT " units", work_order,
                       units);
    return kl_store_write(store, do_set_quota, &call, error);
}

static gboolean
do_quota(sqlite3 *db, gpointer data, GError **error)
{
    return read_quota(db, data, error);
}

gboolean
kl_store_quota(KlStore *store, const char *work_order, guint64 *units, guint64 *used, GError **error)
{
    QuotaCall call = {.work_order = work_order};
    if (!kl_store_read(store, do_quota, &call, error))
        return FALSE;
    *units = (guint64)call.units;
    *used = (guint64)call.used;
    return TRUE;
}
