#include "db/reconcile.h"

#include "db/statement.h"

/* What ended until then is in no journal (there was none), or in an archive. */
#define COVERED_UNTIL                                                                                                  \
    "max(coalesce((SELECT time_us FROM audit_events WHERE n = 1), 0),"                                                 \
    " coalesce((SELECT max(closed_us) FROM audit_periods), 0))"

/* Each query gives imei, device id, certificate, job. */
static const struct {
    KlReconcileKind kind;
    const char *sql;
} searches[] = {
    {KL_RECONCILE_NO_UNIT, "SELECT imei, NULL, sha256, job FROM certificates c"
                           " WHERE NOT EXISTS (SELECT 1 FROM units u WHERE u.imei = c.imei) ORDER BY number"},
    /* A job whose steps went into an archive says nothing; one that is running may be about to. */
    {KL_RECONCILE_NOT_INSTALLED,
     "SELECT c.imei, u.device_id, c.sha256, c.job FROM certificates c LEFT JOIN units u ON u.imei = c.imei"
     " WHERE c.superseded_us IS NULL AND c.revoked_us IS NULL AND NOT coalesce(u.provisioned, 0)"
     " AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.certificate = c.sha256"
     " AND (j.outcome IN ('RUNNING', 'PASS')"
     " OR (j.code IS NOT 'INTERRUPTED' AND NOT EXISTS (SELECT 1 FROM steps s WHERE s.job = j.id))"
     " OR EXISTS (SELECT 1 FROM steps s WHERE s.job = j.id AND s.step = 'install' AND s.outcome = 'PASS')))"
     " ORDER BY c.number"},
    {KL_RECONCILE_NOT_IN_JOURNAL,
     "WITH covered (until) AS MATERIALIZED (SELECT " COVERED_UNTIL ")"
     " SELECT u.imei, u.device_id, NULL, NULL FROM units u WHERE u.provisioned AND NOT EXISTS"
     " (SELECT 1 FROM jobs j WHERE j.unit = u.imei AND j.outcome = 'PASS'"
     " AND (j.ended_us <= (SELECT until FROM covered) OR EXISTS (SELECT 1 FROM audit_events e"
     " WHERE e.job = j.id AND e.type = 'job-end' AND json_valid(e.body)"
     " AND json_extract(e.body, '$.data.record.outcome') = 'PASS'))) ORDER BY u.number"},
    {KL_RECONCILE_NO_LEDGER_ROW,
     "SELECT imei, device, sha256, job FROM (SELECT imei, job, n, json_extract(body, '$.data.record.outcome') AS "
     "outcome,"
     " json_extract(body, '$.data.record.device_id') AS device,"
     " json_extract(body, '$.data.record.certificate') AS sha256"
     " FROM (SELECT imei, job, n, iif(json_valid(body), body, '{}') AS body FROM audit_events WHERE type = 'job-end')) "
     "e"
     " WHERE outcome = 'PASS' AND NOT EXISTS (SELECT 1 FROM certificates c WHERE c.sha256 = e.sha256) ORDER BY n"},
};

static gboolean
search(sqlite3 *db, KlReconcileKind kind, const char *sql, void (*each)(const KlReconcileFinding *, gpointer),
       gpointer data, GError **error)
{
    g_autoptr(sqlite3_stmt) query = kl_query_values(db, error, sql, NULL, 0);
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        const KlReconcileFinding finding = {
            .kind = kind,
            .imei = (const char *)sqlite3_column_text(query, 0),
            .device_id = (const char *)sqlite3_column_text(query, 1),
            .certificate = (const char *)sqlite3_column_text(query, 2),
            .job = (const char *)sqlite3_column_text(query, 3),
        };
        each(&finding, data);
    }
    return ok;
}

gboolean
kl_reconcile(sqlite3 *db, void (*each)(const KlReconcileFinding *finding, gpointer data), gpointer data, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(searches); i++) {
        if (!search(db, searches[i].kind, searches[i].sql, each, data, error))
            return FALSE;
    }
    return TRUE;
}
