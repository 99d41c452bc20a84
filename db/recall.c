#include "db/recall.h"

#include <string.h>

#include "db/statement.h"
#include "db/trace.h"
#include "station/error.h"

/* What certificates_chain (db/schema/009.sql) indexes of a chain. */
#define CHAIN_MARK "(length(chain) || substr(chain, instr(chain, '-----END') - 25, 24) || substr(chain, -51, 24))"

/* SQL under way: conditions with their values, which live as long as texts does. */
typedef struct {
    GString *jobs;         /* conditions on a job j */
    GString *certificates; /* conditions on a certificate c */
    GArray *job_values, *certificate_values;
    GPtrArray *texts; /* char * */
} Conditions;

static void
conditions_init(Conditions *c)
{
    c->jobs = g_string_new(NULL);
    c->certificates = g_string_new(NULL);
    c->job_values = g_array_new(FALSE, FALSE, sizeof(KlValue));
    c->certificate_values = g_array_new(FALSE, FALSE, sizeof(KlValue));
    c->texts = g_ptr_array_new_with_free_func(g_free);
}

static void
conditions_clear(Conditions *c)
{
    g_string_free(c->jobs, TRUE);
    g_string_free(c->certificates, TRUE);
    g_array_unref(c->job_values);
    g_array_unref(c->certificate_values);
    g_ptr_array_unref(c->texts);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Conditions, conditions_clear)

static void
add_job(Conditions *c, const char *condition, const char *text)
{
    if (text == NULL)
        return;
    char *copy = g_strdup(text);
    g_ptr_array_add(c->texts, copy);
    const KlValue value = kl_text(copy);
    g_string_append(c->jobs, condition);
    g_array_append_val(c->job_values, value);
}

static void
add_job_time(Conditions *c, const char *condition, gint64 time_us)
{
    if (time_us == 0)
        return;
    const KlValue value = kl_int(time_us);
    g_string_append(c->jobs, condition);
    g_array_append_val(c->job_values, value);
}

/* Also what was under way then. */
static void
add_since(Conditions *c, gint64 time_us)
{
    add_job_time(c, " AND (j.ended_us IS NULL OR j.started_us >= ?", time_us);
    add_job_time(c, " OR j.ended_us >= ?)", time_us);
}

static void
add_certificate(Conditions *c, const char *condition, const char *text)
{
    char *copy = g_strdup(text);
    g_ptr_array_add(c->texts, copy);
    const KlValue value = kl_text(copy);
    g_string_append(c->certificates, condition);
    g_array_append_val(c->certificate_values, value);
}

static void
add_batch(Conditions *c, const char *batch)
{
    g_auto(KlIdentifier) id = {0};
    if (batch == NULL)
        return;
    kl_identifier_init(&id, batch);
    add_job(c, " AND j.batch >= ?", id.lower);
    add_job(c, " AND j.batch <= ?", id.last);
}

/* --- one suspect: what was made together with it --- */

/* Certificates and jobs that are meant by themselves: the jobs in which they were issued. */
#define JOBS_MEANT                                                                                                     \
    "SELECT job FROM certificates WHERE sha256 BETWEEN ?1 AND ?3"                                                      \
    " UNION SELECT job FROM certificates WHERE serial = ?1"                                                            \
    " UNION SELECT id FROM jobs WHERE id BETWEEN ?1 AND ?2"

/* Of a unit that of its newest certificate, or its last. */
#define JOB_OF_UNIT                                                                                                    \
    "SELECT coalesce((SELECT job FROM certificates WHERE imei = ?1 ORDER BY number DESC LIMIT 1),"                     \
    " (SELECT id FROM jobs WHERE imei = ?1 ORDER BY number DESC LIMIT 1))"

/* A serial number is its issuer's own, and the beginning of a record that of many: a recall must not take the wrong
 * one. */
static gboolean
find_meant(sqlite3 *db, const char *like, char **job, GError **error)
{
    g_auto(KlIdentifier) id = {0};
    gint64 count = 0;
    kl_identifier_init(&id, like);
    const KlValue lower = kl_text(id.lower), last = kl_text(id.last), last_hash = kl_text(id.last_hash);
    if (!kl_get_int(db, &count, error, "SELECT count(*) FROM (" JOBS_MEANT ")", lower, last, last_hash))
        return FALSE;
    if (count > 1)
        return kl_fail(error, KL_ERROR_RECORD_UNKNOWN,
                       "'%s' leads to %" G_GINT64_FORMAT " jobs: name a certificate by its fingerprint", like, count);
    return count == 0 || kl_get_text(db, job, error, JOBS_MEANT, lower, last, last_hash);
}

/* A certificate or a job by itself, else the one unit that the identifier leads to. */
static gboolean
find_job(sqlite3 *db, const char *like, char **job, GError **error)
{
    if (!find_meant(db, like, job, error) || *job != NULL)
        return *job != NULL;
    g_autoptr(GPtrArray) units = kl_trace_find(db, like, error);
    if (units == NULL)
        return FALSE;
    if (units->len > 1)
        return kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "'%s' leads to %u units: name one of them", like, units->len);
    const KlTraceUnit *unit = units->pdata[0];
    if (unit->imei == NULL)
        *job = g_strdup(unit->job);
    else if (!kl_get_text(db, job, error, JOB_OF_UNIT, kl_text(unit->imei)))
        return FALSE;
    return *job != NULL || kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no job is known of '%s'", like);
}

static gboolean
add_like(sqlite3 *db, Conditions *c, const char *like, GError **error)
{
    g_autofree char *job = NULL;
    gboolean row = FALSE;
    if (like == NULL)
        return TRUE;
    if (!find_job(db, like, &job, error))
        return FALSE;
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT batch, work_order, product FROM jobs WHERE id = ?1", kl_text(job));
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    const char *batch = row ? (const char *)sqlite3_column_text(query, 0) : NULL;
    const char *work_order = row ? (const char *)sqlite3_column_text(query, 1) : NULL;
    if (batch != NULL) {
        add_job(c, " AND j.batch = ?", batch);
        return TRUE;
    }
    if (work_order == NULL)
        return kl_fail(error, KL_ERROR_RECORD_UNKNOWN,
                       "job %s of '%s' belongs to no batch and no work order: say which time is meant", job, like);
    add_job(c, " AND j.work_order = ?", work_order);
    add_job(c, " AND j.product = ?", (const char *)sqlite3_column_text(query, 2));
    return TRUE;
}

/* --- a CA --- */

/* Whether what a person wrote is that issuer: all of its name, or its CN. */
static gboolean
is_issuer(const char *issuer, const char *name)
{
    g_autofree char *cn = g_strconcat("CN=", name, NULL);
    if (g_ascii_strcasecmp(issuer, name) == 0)
        return TRUE;
    g_auto(GStrv) parts = g_strsplit(issuer, ",", -1);
    for (char **part = parts; *part != NULL; part++) {
        if (g_ascii_strcasecmp(g_strstrip(*part), cn) == 0)
            return TRUE;
    }
    return FALSE;
}

static void
add_alternative(Conditions *c, GString *sql, const char *condition, const char *text)
{
    g_string_append(sql, sql->len > 0 ? " OR " : "");
    char *copy = g_strdup(text);
    g_ptr_array_add(c->texts, copy);
    const KlValue value = kl_text(copy);
    g_string_append(sql, condition);
    g_array_append_val(c->certificate_values, value);
}

/* Reads the different values of an indexed expression by jumping from one to the next. */
#define EACH_ISSUER                                                                                                    \
    "WITH RECURSIVE i (v) AS (SELECT min(issuer) FROM certificates UNION ALL"                                          \
    " SELECT (SELECT min(issuer) FROM certificates WHERE issuer > v) FROM i WHERE v NOT NULL)"                         \
    " SELECT v FROM i WHERE v NOT NULL"
#define EACH_CHAIN                                                                                                     \
    "WITH RECURSIVE i (v) AS (SELECT min(" CHAIN_MARK ") FROM certificates UNION ALL"                                  \
    " SELECT (SELECT min(" CHAIN_MARK ") FROM certificates WHERE " CHAIN_MARK " > v) FROM i WHERE v NOT NULL)"         \
    " SELECT v, (SELECT chain FROM certificates WHERE " CHAIN_MARK " = v LIMIT 1) FROM i WHERE v NOT NULL"

static gboolean
chain_has(const char *chain, KlChainHashes hashes, const char *sha256)
{
    g_auto(GStrv) list = hashes != NULL && chain != NULL ? hashes(chain) : NULL;
    return list != NULL && g_strv_contains((const char *const *)list, sha256);
}

static gboolean
is_fingerprint(const char *text)
{
    return strlen(text) == 64 && text[strspn(text, "0123456789abcdef")] == '\0';
}

static gboolean
add_ca(sqlite3 *db, Conditions *c, const char *ca, KlChainHashes hashes, GError **error)
{
    g_auto(KlIdentifier) id = {0};
    g_autoptr(GString) sql = g_string_new(NULL);
    if (ca == NULL)
        return TRUE;
    kl_identifier_init(&id, ca);
    gboolean by_hash = is_fingerprint(id.lower), ok;
    g_autoptr(sqlite3_stmt) query = kl_query_values(db, error, by_hash ? EACH_CHAIN : EACH_ISSUER, NULL, 0);
    while (kl_each(db, query, &ok, error)) {
        const char *value = (const char *)sqlite3_column_text(query, 0);
        if (by_hash && chain_has((const char *)sqlite3_column_text(query, 1), hashes, id.lower))
            add_alternative(c, sql, CHAIN_MARK " = ?", value);
        else if (!by_hash && is_issuer(value, ca))
            add_alternative(c, sql, "c.issuer = ?", value);
    }
    if (!ok)
        return FALSE;
    if (sql->len == 0)
        return kl_fail(error, KL_ERROR_CERTIFICATE_UNKNOWN, "no certificate in the ledger is of CA '%s'", ca);
    g_string_append_printf(c->certificates, " AND (%s)", sql->str);
    return TRUE;
}

/* --- a certificate --- */

static gboolean
add_suspect(sqlite3 *db, Conditions *c, const char *certificate, GError **error)
{
    g_auto(KlIdentifier) id = {0};
    g_autofree char *sha256 = NULL;
    if (certificate == NULL)
        return TRUE;
    kl_identifier_init(&id, certificate);
    /* A serial number is its issuer's own: several may have it. */
    if (!kl_get_text(db, &sha256, error, "SELECT sha256 FROM certificates WHERE sha256 BETWEEN ?1 AND ?2 LIMIT 1",
                     kl_text(id.lower), kl_text(id.last_hash)))
        return FALSE;
    if (sha256 != NULL) {
        add_certificate(c, " AND c.sha256 >= ?", id.lower);
        add_certificate(c, " AND c.sha256 <= ?", id.last_hash);
        return TRUE;
    }
    if (!kl_get_text(db, &sha256, error, "SELECT sha256 FROM certificates WHERE serial = ?1", kl_text(id.lower)))
        return FALSE;
    add_certificate(c, " AND c.serial = ?", id.lower);
    return sha256 != NULL ||
           kl_fail(error, KL_ERROR_CERTIFICATE_UNKNOWN, "no certificate '%s' in the ledger", certificate);
}

/* --- the list --- */

#define COLUMNS                                                                                                        \
    "SELECT u.imei, u.fsn, u.device_id, c.sha256, c.serial, c.issuer, c.status, l.outcome, l.started_us, l.station,"   \
    " l.slot, l.operator, l.work_order, l.batch, coalesce(l.firmware, u.firmware) "
#define LAST_JOB " LEFT JOIN jobs l ON l.number = (SELECT max(number) FROM jobs WHERE unit = u.imei)"
#define OF_JOBS "u.imei IN (SELECT j.unit FROM jobs j WHERE j.unit NOT NULL"

static sqlite3_stmt *
query_rows(sqlite3 *db, const Conditions *c, GError **error)
{
    g_autoptr(GString) sql = g_string_new(COLUMNS);
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(KlValue));
    gboolean of_certificates = c->certificates->len > 0, of_jobs = c->jobs->len > 0;
    /* CROSS JOIN: in this order. What is said of jobs means fewer units than a CA has certificates. */
    if (of_certificates && !of_jobs)
        g_string_append_printf(sql,
                               "FROM certificates c CROSS JOIN units u ON u.imei = c.imei" LAST_JOB " WHERE TRUE%s",
                               c->certificates->str);
    else
        g_string_append_printf(
            sql,
            "FROM units u %s JOIN certificates c INDEXED BY certificates_of_unit ON c.imei = u.imei" LAST_JOB
            " WHERE TRUE%s",
            of_certificates ? "CROSS" : "LEFT", c->certificates->str);
    g_array_append_vals(values, c->certificate_values->data, c->certificate_values->len);
    if (of_jobs) {
        g_string_append_printf(sql, " AND " OF_JOBS "%s)", c->jobs->str);
        g_array_append_vals(values, c->job_values->data, c->job_values->len);
    }
    return kl_query_values(db, error, sql->str, (gconstpointer)values->data, values->len);
}

static const char *
column(sqlite3_stmt *query, int index)
{
    return (const char *)sqlite3_column_text(query, index);
}

static gboolean
give_rows(sqlite3 *db, sqlite3_stmt *query, KlRecallEach each, gpointer data, GError **error)
{
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        const KlRecallRow found = {
            .imei = column(query, 0),
            .fsn = column(query, 1),
            .device_id = column(query, 2),
            .certificate = column(query, 3),
            .serial = column(query, 4),
            .issuer = column(query, 5),
            .status = column(query, 6),
            .outcome = column(query, 7),
            .when_us = sqlite3_column_int64(query, 8),
            .station = column(query, 9),
            .slot = column(query, 10),
            .operator_id = column(query, 11),
            .work_order = column(query, 12),
            .batch = column(query, 13),
            .firmware = column(query, 14),
        };
        if (!each(&found, data, error))
            return FALSE;
    }
    return ok;
}

gboolean
kl_recall(sqlite3 *db, const KlRecallFilter *filter, KlChainHashes hashes, KlRecallEach each, gpointer data,
          GError **error)
{
    g_auto(Conditions) c = {0};
    conditions_init(&c);
    if (!add_suspect(db, &c, filter->certificate, error) || !add_like(db, &c, filter->like, error) ||
        !add_ca(db, &c, filter->ca, hashes, error))
        return FALSE;
    add_batch(&c, filter->batch);
    add_job(&c, " AND j.work_order = ?", filter->work_order);
    add_job(&c, " AND j.operator = ?", filter->operator_id);
    add_job(&c, " AND j.program = ?", filter->program);
    add_job(&c, " AND j.firmware GLOB ?", filter->firmware);
    add_since(&c, filter->from_us);
    add_job_time(&c, " AND j.started_us < ?", filter->to_us);
    g_autoptr(sqlite3_stmt) query = query_rows(db, &c, error);
    return query != NULL && give_rows(db, query, each, data, error);
}
