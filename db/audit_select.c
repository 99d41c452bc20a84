#include "db/audit_select.h"

#include <string.h>

#include "db/statement.h"
#include "station/error.h"

/* An id is found by its beginning when that has at least so many characters. */
#define PREFIX_MIN 8
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf" /* U+10FFFF: sorts behind whatever may follow a prefix */

/* What is asked for, as the values ?1 to ?14. The request is borrowed. */
typedef struct {
    const KlAuditReader *reader;
    const KlAuditRequest *request;
    char *lower; /* the identifier, as ids and fingerprints are kept: "AB:CD" is abcd */
    char *last;
    char *batch, *batch_last;
} Asked;

/* Comparing with all of them keeps their numbers bound, whichever matter. */
#define ASKED "WITH asked AS (SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"

static char *
prefix_end(const char *prefix)
{
    return prefix != NULL && strlen(prefix) >= PREFIX_MIN ? g_strconcat(prefix, LAST_CHARACTER, NULL)
                                                          : g_strdup(prefix);
}

static char *
lower_of(const char *text)
{
    if (text == NULL)
        return NULL;
    GString *lower = g_string_new(text);
    g_string_ascii_down(lower);
    g_string_replace(lower, ":", "", 0);
    return g_string_free(lower, FALSE);
}

static void
asked_init(Asked *asked, const KlAuditReader *reader, const KlAuditRequest *request)
{
    asked->reader = reader;
    asked->request = request;
    asked->lower = lower_of(request->identifier);
    asked->last = prefix_end(asked->lower);
    asked->batch = lower_of(request->batch);
    asked->batch_last = prefix_end(asked->batch);
}

static void
asked_clear(Asked *asked)
{
    g_free(asked->lower);
    g_free(asked->last);
    g_free(asked->batch);
    g_free(asked->batch_last);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Asked, asked_clear)

static sqlite3_stmt *
query_asked(const Asked *asked, const char *sql, guint limit, GError **error)
{
    const KlAuditRequest *request = asked->request;
    gint64 first = (gint64)asked->reader->first, last = (gint64)asked->reader->checkpoint.n;
    g_autofree char *whole = g_strconcat(ASKED, sql, NULL);
    return kl_query(asked->reader->db, error, whole, kl_int(request->from_us), kl_int(request->to_us),
                    kl_text(request->identifier), kl_text(asked->lower), kl_text(asked->last), kl_text(asked->batch),
                    kl_text(asked->batch_last), kl_text(request->work_order), kl_text(request->product),
                    kl_text(request->operator_id), kl_text(request->outcome), kl_int(first), kl_int(last),
                    kl_int(limit > 0 ? (gint64)limit : -1));
}

/* The units that the identifier names. */
#define UNITS_NAMED                                                                                                    \
    "(SELECT imei FROM units WHERE imei = ?3 UNION SELECT imei FROM units WHERE fsn = ?3"                              \
    " UNION SELECT imei FROM units WHERE device_id = ?3 UNION SELECT imei FROM certificates WHERE sha256 = ?4"         \
    " UNION SELECT imei FROM certificates WHERE serial = ?4)"

/* The jobs that it names, or that were about such a unit; also what a refused unit said of itself. Each way has an
 * index of its own; a prefix that is too short ends where it begins. */
#define JOBS_NAMED                                                                                                     \
    "(SELECT number FROM jobs WHERE id >= ?4 AND id < ?5 UNION SELECT number FROM jobs WHERE id = ?4"                  \
    " UNION SELECT number FROM jobs WHERE batch >= ?4 AND batch < ?5 UNION SELECT number FROM jobs WHERE batch = ?4"   \
    " UNION SELECT number FROM jobs WHERE imei = ?3 UNION SELECT number FROM jobs WHERE fsn = ?3"                      \
    " UNION SELECT number FROM jobs WHERE device_id = ?3"                                                              \
    " UNION SELECT number FROM jobs WHERE unit IN " UNITS_NAMED ")"

/* Whether the request is about more than time. */
static gboolean
is_about_jobs(const KlAuditRequest *request)
{
    return request->identifier != NULL || request->batch != NULL || request->work_order != NULL ||
           request->product != NULL || request->operator_id != NULL || request->outcome != NULL;
}

/* The conditions on a job of alias j. */
static char *
job_conditions(const KlAuditRequest *request)
{
    return g_strconcat("TRUE", request->identifier != NULL ? " AND j.number IN " JOBS_NAMED : "",
                       request->batch != NULL ? " AND (j.batch = ?6 OR (j.batch >= ?6 AND j.batch < ?7))" : "",
                       request->work_order != NULL ? " AND j.work_order = ?8" : "",
                       request->product != NULL ? " AND j.product = ?9" : "",
                       request->operator_id != NULL ? " AND j.operator = ?10" : "",
                       request->outcome != NULL ? " AND j.outcome = ?11" : "",
                       request->from_us != 0 ? " AND j.started_us >= ?1" : "",
                       request->to_us != 0 ? " AND j.started_us < ?2" : "", NULL);
}

#define IN_PLACE "e.n BETWEEN ?12 AND ?13"

/* Nothing or time alone: one pass over the events. An event of a job goes by that job's start. */
static char *
wide_condition(const KlAuditRequest *request)
{
    if (kl_audit_request_is_empty(request))
        return g_strdup(IN_PLACE);
    return g_strconcat(
        IN_PLACE, " AND coalesce((SELECT started_us FROM jobs WHERE id = e.job), e.time_us) >= ?1",
        request->to_us != 0 ? " AND coalesce((SELECT started_us FROM jobs WHERE id = e.job), e.time_us) < ?2" : "",
        NULL);
}

/* By the jobs' indexes: their events, and those of none about their units. */
static char *
narrow_condition(const KlAuditRequest *request)
{
    g_autofree char *conditions = job_conditions(request);
    g_autofree char *time = g_strconcat(request->from_us != 0 ? " AND time_us >= ?1" : "",
                                        request->to_us != 0 ? " AND time_us < ?2" : "", NULL);
    return g_strdup_printf(
        IN_PLACE " AND e.n IN (SELECT n FROM audit_events WHERE job IN (SELECT id FROM jobs j WHERE %s)"
                 " UNION SELECT n FROM audit_events WHERE imei IN (SELECT unit FROM jobs j WHERE %s AND unit NOT NULL"
                 "%s%s) AND job IS NULL%s)",
        conditions, conditions, request->identifier != NULL ? " UNION SELECT imei FROM " UNITS_NAMED : "", "", time);
}

static char *
event_condition(const KlAuditRequest *request)
{
    return is_about_jobs(request) ? narrow_condition(request) : wide_condition(request);
}

sqlite3_stmt *
kl_audit_select_events(const KlAuditReader *reader, const KlAuditRequest *request, GError **error)
{
    g_auto(Asked) asked = {0};
    asked_init(&asked, reader, request);
    g_autofree char *condition = event_condition(request);
    g_autofree char *sql = g_strconcat(" SELECT e.n FROM audit_events e WHERE ", condition, " ORDER BY e.n", NULL);
    return query_asked(&asked, sql, 0, error);
}

sqlite3_stmt *
kl_audit_select_transcripts(const KlAuditReader *reader, const KlAuditRequest *request, GError **error)
{
    g_auto(Asked) asked = {0};
    asked_init(&asked, reader, request);
    g_autofree char *condition = event_condition(request);
    g_autofree char *sql = g_strconcat(" SELECT t.job, t.text FROM audit_events e CROSS JOIN transcripts t"
                                       " ON t.job = e.job WHERE e.type = 'job-end' AND ",
                                       condition, " ORDER BY e.n", NULL);
    return query_asked(&asked, sql, 0, error);
}

sqlite3_stmt *
kl_audit_select_newest(const KlAuditReader *reader, const KlAuditRequest *request, const char *columns, guint limit,
                       GError **error)
{
    g_auto(Asked) asked = {0};
    asked_init(&asked, reader, request);
    g_autofree char *condition = event_condition(request);
    g_autofree char *sql = g_strconcat(" SELECT ", columns, " FROM audit_events e WHERE ", condition,
                                       " ORDER BY e.n DESC LIMIT ?14", NULL);
    return query_asked(&asked, sql, limit, error);
}

sqlite3_stmt *
kl_audit_select_jobs(const KlAuditReader *reader, const KlAuditRequest *request, const char *columns, const char *rest,
                     GError **error)
{
    g_auto(Asked) asked = {0};
    asked_init(&asked, reader, request);
    g_autofree char *conditions = job_conditions(request);
    g_autofree char *sql = g_strconcat(", picked AS (SELECT ", columns, " FROM jobs j WHERE ", reader->later, " AND ",
                                       conditions, ") ", rest, NULL);
    return query_asked(&asked, sql, 0, error);
}

gboolean
kl_audit_select_check(const KlAuditReader *reader, const KlAuditRequest *request, GError **error)
{
    if (!is_about_jobs(request))
        return TRUE;
    g_auto(Asked) asked = {0};
    asked_init(&asked, reader, request);
    g_autofree char *conditions = job_conditions(request);
    g_autofree char *condition = event_condition(request);
    g_autofree char *sql = g_strdup_printf(" SELECT EXISTS (SELECT 1 FROM jobs j WHERE %s) OR EXISTS"
                                           " (SELECT 1 FROM audit_events e WHERE %s)",
                                           conditions, condition);
    g_autoptr(sqlite3_stmt) query = query_asked(&asked, sql, 0, error);
    gboolean row = FALSE;
    if (query == NULL || !kl_next(reader->db, query, &row, error))
        return FALSE;
    if (sqlite3_column_int(query, 0) != 0)
        return TRUE;
    g_autofree char *selection = kl_audit_request_canonical(request);
    return kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "nothing was recorded that fits %s", selection);
}
