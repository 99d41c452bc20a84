/* Checks a station's database. */
#include "db/audit_verify_database.h"

#include <pthread.h>
#include <string.h>

#include "db/audit_verify_open.h"
#include "db/audit_verify_rows.h"
#include "db/statement.h"
#include "station/error.h"

/* --- the other tables, on threads of their own --- */

typedef gboolean (*ReadRows)(sqlite3 *db, KlAuditClaims *kept, GError **error);

static const ReadRows readings[] = {kl_audit_rows_jobs_even, kl_audit_rows_jobs_odd, kl_audit_rows_others};

typedef struct {
    ReadRows read;
    sqlite3 *db;
    KlAuditClaims *kept; /* shared by all */
    pthread_t thread;
    gboolean ok;
    GError *error;
} RowsThread;

static void *
run_rows(void *data)
{
    RowsThread *t = data;
    t->ok = t->read(t->db, t->kept, &t->error);
    return NULL;
}

static void
rows_begin(RowsThread *threads, sqlite3 **connections, KlAuditClaims *kept)
{
    for (guint i = 0; i < G_N_ELEMENTS(readings); i++) {
        threads[i] = (RowsThread){.read = readings[i], .db = connections[i], .kept = kept};
        int failed = pthread_create(&threads[i].thread, NULL, run_rows, &threads[i]);
        g_assert(failed == 0);
    }
}

/* The first failure is the one that is told. */
static gboolean
rows_end(RowsThread *threads, GError **error)
{
    gboolean ok = TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(readings); i++) {
        pthread_join(threads[i].thread, NULL);
        if (threads[i].error != NULL)
            g_propagate_error(ok ? error : NULL, threads[i].error);
        ok = ok && threads[i].ok;
    }
    return ok;
}

/* --- what may be untold --- */

/* How many rows the event says there were before it. */
static void
read_counts(KlAuditSpan data, KlAuditClaimsExcused *excused)
{
    static const struct {
        KlAuditClaimKind kind;
        const char *name;
    } counts[] = {
        {KL_AUDIT_CLAIM_JOB, "jobs"},
        {KL_AUDIT_CLAIM_CERTIFICATE, "certificates"},
        {KL_AUDIT_CLAIM_REGISTRATION, "registrations"},
        {KL_AUDIT_CLAIM_ACT, "acts"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(counts); i++)
        kl_audit_scan_number(kl_audit_scan_find(data, counts[i].name), &excused->counts[counts[i].kind]);
}

static gboolean
closes(KlAuditSpan data, gint64 through)
{
    gint64 number = 0;
    return kl_audit_scan_number(kl_audit_scan_find(data, "through"), &number) && number == through;
}

/* From the event that closed the last period, or else from the first of all. */
static gboolean
find_counts(const KlAuditCheck *check, sqlite3 *db, KlAuditClaimsExcused *excused, GError **error)
{
    gboolean ok;
    KlAuditEvent event;
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT body FROM audit_events WHERE n > ?1 AND type = ?2 ORDER BY n LIMIT ?3",
                 kl_int(check->closed), kl_text(check->closed > 0 ? "period-closed" : "journal-begin"),
                 kl_int(check->closed > 0 ? -1 : 1));
    while (kl_each(db, query, &ok, error)) {
        const char *body = (const char *)sqlite3_column_text(query, 0);
        if (body == NULL || !kl_audit_scan_event(body, (gsize)sqlite3_column_bytes(query, 0), &event))
            continue;
        if (check->closed == 0 || closes(event.data, check->closed)) {
            read_counts(event.data, excused);
            excused->counted = event.n;
            return TRUE;
        }
    }
    return ok;
}

static gboolean
find_excused(const KlAuditCheck *check, sqlite3 *db, KlAuditClaimsExcused *excused, GError **error)
{
    *excused = (KlAuditClaimsExcused){0};
    if (!find_counts(check, db, excused, error))
        return FALSE;
    gint64 number = G_MININT64, certificates = excused->counts[KL_AUDIT_CLAIM_CERTIFICATE];
    if (certificates > 0 &&
        !kl_get_int(db, &number, error,
                    "SELECT coalesce((SELECT number FROM certificates ORDER BY number LIMIT 1 OFFSET ?1),"
                    " (SELECT max(number) FROM certificates))",
                    kl_int(certificates - 1)))
        return FALSE;
    excused->numbers[KL_AUDIT_CLAIM_SUPERSEDED] = excused->numbers[KL_AUDIT_CLAIM_REVOKED] = number;
    excused->numbers[KL_AUDIT_CLAIM_CHECKPOINT] = excused->numbers[KL_AUDIT_CLAIM_PERIOD] = check->first - 2;
    return TRUE;
}

/* Behind the last checkpoint anybody could have closed a period, over rows of his own. */
static void
check_closing(const KlAuditCheck *check, const KlAuditClaimsExcused *excused)
{
    if (check->closed > 0 && excused->counted > check->report->through)
        kl_audit_report_take(
            check->report, KL_AUDIT_SIGNATURE, g_strdup_printf("period %" G_GINT64_FORMAT, check->closed),
            g_strdup_printf("no checkpoint is over event %" G_GINT64_FORMAT ", which closed it", excused->counted));
}

/* --- all of it --- */

enum { EVENTS, SEALS, ROWS, N_CONNECTIONS = ROWS + G_N_ELEMENTS(readings) };

static gboolean
compare_rows(KlAuditCheck *check, sqlite3 *db, KlAuditClaims *kept, GError **error)
{
    KlAuditClaimsExcused excused;
    KlAuditReport *report = check->report;
    if (!find_excused(check, db, &excused, error))
        return FALSE;
    check_closing(check, &excused);
    return kl_audit_claims_compare(check->told, check->sealed, KL_AUDIT_CLAIM_CHECKPOINT, KL_AUDIT_CLAIM_PERIOD,
                                   &excused, report, error) &&
           kl_audit_claims_compare(check->told, kept, KL_AUDIT_CLAIM_JOB, KL_AUDIT_CLAIM_ACT, &excused, report, error);
}

static gboolean
check_all(KlAuditCheck *check, sqlite3 **connections, GError **error)
{
    RowsThread threads[G_N_ELEMENTS(readings)];
    g_autoptr(KlAuditClaims) kept = kl_audit_claims_new(error);
    if (kept == NULL)
        return FALSE;
    rows_begin(threads, connections + ROWS, kept);
    gboolean ok =
        kl_audit_check_begin(check, connections[SEALS], error) &&
        kl_audit_events_read(connections[EVENTS], check->first, check->hash, kl_audit_check_row, check, error) &&
        kl_audit_check_end(check, error);
    gboolean rows_ok = rows_end(threads, ok ? error : NULL);
    return ok && rows_ok && compare_rows(check, connections[SEALS], kept, error);
}

KlAuditReport *
kl_audit_verify_database(const char *path, const KlAuditVerify *options, GError **error)
{
    sqlite3 *connections[N_CONNECTIONS] = {0};
    gint64 stamp = -1;
    g_autoptr(KlAuditReport) report = kl_audit_report_new("database");
    KlAuditCheck *check = kl_audit_check_new(options, report, error);
    gboolean ok = check != NULL && kl_audit_open(path, connections, N_CONNECTIONS, &stamp, error) &&
                  check_all(check, connections, error) && kl_audit_open_still(path, stamp, error);
    kl_audit_check_free(check);
    for (guint i = 0; i < N_CONNECTIONS; i++)
        kl_database_close(connections[i]);
    return ok ? g_steal_pointer(&report) : NULL;
}
