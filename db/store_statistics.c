/* What happened on the line in a period, added up. Jobs that are still running are left out. */
#include "db/statement.h"
#include "db/store_parts.h"
#include "station/step.h"

#define HOUR_US (3600 * G_GINT64_CONSTANT(1000000))

/* How long steps take shows in the newest jobs as well as in all, and the newest of a million are soon looked at. */
#define STEP_JOBS 5000

/* The jobs that were asked for; ?1 to ?4 are the request. A condition that is not wanted is left out, so that SQLite
 * can take the index of one that is. */
typedef struct {
    const KlStatisticsRequest *request;
    char *picked;
    KlStatistics *statistics;
} StatisticsCall;

#define REQUEST_VALUES(request)                                                                                        \
    kl_int((request)->from_us), kl_int((request)->to_us), kl_text((request)->product), kl_text((request)->work_order)

static char *
picked_jobs(const KlStatisticsRequest *request)
{
    /* Comparing with all four parameters keeps their numbers bound, whichever of them matter. */
    return g_strconcat("WITH asked (from_us, to_us, product, work_order) AS (SELECT ?1, ?2, ?3, ?4),"
                       " picked AS MATERIALIZED (SELECT id, unit, outcome, code, started_us, work_order FROM jobs "
                       "WHERE outcome <> 'RUNNING'",
                       request->from_us != 0 ? " AND started_us >= ?1" : "",
                       request->to_us != 0 ? " AND started_us < ?2" : "",
                       request->product != NULL ? " AND product = ?3" : "",
                       request->work_order != NULL ? " AND work_order = ?4" : "", ") ", NULL);
}

/* When each unit was first worked on and when it first passed: the same moment for those that passed at once. */
#define UNITS                                                                                                          \
    ", units_met AS (SELECT min(started_us) AS first_us,"                                                              \
    " min(started_us) FILTER (WHERE outcome = 'PASS') AS passed_us FROM picked WHERE unit NOT NULL GROUP BY unit) "

static sqlite3_stmt *
query_picked(sqlite3 *db, const StatisticsCall *call, const char *rest, GError **error)
{
    g_autofree char *sql = g_strconcat(call->picked, rest, NULL);
    return kl_query(db, error, sql, REQUEST_VALUES(call->request));
}

static gboolean
count_units(sqlite3 *db, StatisticsCall *call, GError **error)
{
    KlStatistics *statistics = call->statistics;
    gboolean row = FALSE;
    g_autoptr(sqlite3_stmt) query =
        query_picked(db, call,
                     UNITS "SELECT count(*), count(passed_us), count(*) FILTER (WHERE passed_us = first_us),"
                           " (SELECT count(*) FROM picked), (SELECT count(*) FROM picked WHERE outcome <> 'PASS')"
                           " FROM units_met",
                     error);
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    statistics->units = (guint)sqlite3_column_int64(query, 0);
    statistics->passed_units = (guint)sqlite3_column_int64(query, 1);
    statistics->first_pass_units = (guint)sqlite3_column_int64(query, 2);
    statistics->jobs = (guint)sqlite3_column_int64(query, 3);
    statistics->failed_jobs = (guint)sqlite3_column_int64(query, 4);
    return TRUE;
}

static gboolean
count_hours(sqlite3 *db, StatisticsCall *call, GError **error)
{
    g_autofree char *rest =
        g_strdup_printf(UNITS "SELECT hour, sum(passed), sum(failed) FROM ("
                              "SELECT started_us / %1$" G_GINT64_FORMAT
                              " AS hour, 0 AS passed, outcome <> 'PASS' AS failed FROM picked UNION ALL"
                              " SELECT passed_us / %1$" G_GINT64_FORMAT
                              ", 1, 0 FROM units_met WHERE passed_us NOT NULL) GROUP BY hour ORDER BY hour",
                        HOUR_US);
    g_autoptr(sqlite3_stmt) query = query_picked(db, call, rest, error);
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        KlHourCount hour = {.start_us = sqlite3_column_int64(query, 0) * HOUR_US,
                            .passed = (guint)sqlite3_column_int64(query, 1),
                            .failed = (guint)sqlite3_column_int64(query, 2)};
        g_array_append_val(call->statistics->hours, hour);
    }
    return ok;
}

static gboolean
count_codes(sqlite3 *db, StatisticsCall *call, GError **error)
{
    g_autoptr(sqlite3_stmt) query = query_picked(
        db, call, "SELECT code, count(*) FROM picked WHERE code NOT NULL GROUP BY code ORDER BY 2 DESC, 1", error);
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        KlCodeCount *count = g_new0(KlCodeCount, 1);
        count->code = kl_column_text(query, 0);
        count->jobs = (guint)sqlite3_column_int64(query, 1);
        g_ptr_array_add(call->statistics->codes, count);
    }
    return ok;
}

/* The nearest-rank percentile: the least value that at least so many percent do not exceed. */
#define PERCENTILE(percent) ", min(duration_us) FILTER (WHERE rank * 100 >= " #percent " * attempts)"

static KlStepTimes *
read_step_times(sqlite3_stmt *query)
{
    KlStepTimes *times = g_new0(KlStepTimes, 1);
    times->step = kl_column_text(query, 0);
    times->attempts = (guint)sqlite3_column_int64(query, 1);
    times->p5_us = sqlite3_column_int64(query, 2);
    times->p25_us = sqlite3_column_int64(query, 3);
    times->p50_us = sqlite3_column_int64(query, 4);
    times->p75_us = sqlite3_column_int64(query, 5);
    times->p95_us = sqlite3_column_int64(query, 6);
    return times;
}

/* In the order of a job; steps that this program does not know come last, by name. */
static int
compare_steps(gconstpointer a, gconstpointer b)
{
    const KlStepTimes *first = *(KlStepTimes *const *)a, *second = *(KlStepTimes *const *)b;
    guint first_place = kl_step_place(first->step), second_place = kl_step_place(second->step);
    if (first_place != second_place)
        return first_place < second_place ? -1 : 1;
    return g_strcmp0(first->step, second->step);
}

static gboolean
measure_steps(sqlite3 *db, StatisticsCall *call, GError **error)
{
    g_autoptr(sqlite3_stmt) query =
        query_picked(db, call,
                     ", newest AS (SELECT id FROM picked ORDER BY started_us DESC LIMIT " G_STRINGIFY(
                         STEP_JOBS) "), ranked AS (SELECT step, duration_us,"
                                    " row_number() OVER (PARTITION BY step ORDER BY duration_us) AS rank,"
                                    " count(*) OVER (PARTITION BY step) AS attempts"
                                    " FROM newest JOIN steps ON job = newest.id WHERE outcome = 'PASS')"
                                    " SELECT step, attempts" PERCENTILE(5) PERCENTILE(25) PERCENTILE(50) PERCENTILE(75)
                                        PERCENTILE(95) " FROM ranked GROUP BY step",
                     error);
    gboolean ok;
    while (kl_each(db, query, &ok, error))
        g_ptr_array_add(call->statistics->steps, read_step_times(query));
    g_ptr_array_sort(call->statistics->steps, compare_steps);
    return ok;
}

static gboolean
list_work_orders(sqlite3 *db, StatisticsCall *call, GError **error)
{
    KlStatisticsRequest any_order = *call->request;
    any_order.work_order = NULL;
    g_autofree char *picked = picked_jobs(&any_order);
    StatisticsCall any = {&any_order, picked, call->statistics};
    g_autoptr(sqlite3_stmt) query = query_picked(db, &any,
                                                 "SELECT work_order FROM picked WHERE work_order NOT NULL"
                                                 " GROUP BY work_order ORDER BY max(started_us) DESC LIMIT 100",
                                                 error);
    gboolean ok;
    while (kl_each(db, query, &ok, error))
        g_ptr_array_add(call->statistics->work_orders, kl_column_text(query, 0));
    return ok;
}

static gboolean
do_statistics(sqlite3 *db, gpointer data, GError **error)
{
    return count_units(db, data, error) && count_hours(db, data, error) && count_codes(db, data, error) &&
           measure_steps(db, data, error) && list_work_orders(db, data, error);
}

KlStatistics *
kl_store_statistics(KlStore *store, const KlStatisticsRequest *request, GError **error)
{
    g_autoptr(KlStatistics) statistics = kl_statistics_new();
    g_autofree char *picked = picked_jobs(request);
    StatisticsCall call = {request, picked, statistics};
    return kl_store_read(store, do_statistics, &call, error) ? g_steal_pointer(&statistics) : NULL;
}
