/* Statistics: random jobs, written by the sqlite3 program, counted by the store and again here, naively. */
#include <stdlib.h>

#include "station/statistics.h"
#include "station/step.h"
#include "store-fixture.h"

#define N_JOBS 400
#define N_UNITS 90
#define MAX_STEPS 12
#define HOUR_US (3600 * G_GINT64_CONSTANT(1000000))
#define SPAN_US (30 * HOUR_US)
#define FIRST_US (470000 * HOUR_US + 17)

static const char *const outcomes[] = {"PASS", "PASS", "FAIL", "ERROR", "TIMEOUT", "ABORTED", "RUNNING"};
static const char *const codes[] = {"NO_ANSWER", "PORT_GONE", "CSR_SUBJECT", "STORE_FULL"};
static const char *const step_ids[] = {"verify", "connect", "identify", "zz-of-another-program", "key"};
static const char *const products[] = {"fx30s", "other"};
static const char *const orders[] = {NULL, "WO-1", "WO-2"};

typedef struct {
    const char *step;
    gboolean passed;
    gint64 duration_us;
} Step;

typedef struct {
    guint unit; /* 0: none was bound */
    const char *outcome, *code, *product, *work_order;
    gint64 started_us;
    guint n_steps;
    Step steps[MAX_STEPS];
} Job;

#define PICK(array) ((array)[g_test_rand_int_range(0, G_N_ELEMENTS(array))])

static void
make_up_job(Job *job, guint n)
{
    job->outcome = PICK(outcomes);
    gboolean passed = g_str_equal(job->outcome, "PASS");
    job->unit = (guint)g_test_rand_int_range(passed ? 1 : 0, N_UNITS);
    job->code = passed || g_str_equal(job->outcome, "RUNNING") ? NULL : PICK(codes);
    job->product = PICK(products);
    job->work_order = PICK(orders);
    /* Each starts at a moment of its own, as jobs on one unit do; not in the order of their numbers. */
    job->started_us = FIRST_US + (gint64)(g_test_rand_double() * (double)SPAN_US) / N_JOBS * N_JOBS + n;
    job->n_steps = (guint)g_test_rand_int_range(0, MAX_STEPS);
    for (guint i = 0; i < job->n_steps; i++)
        job->steps[i] = (Step){PICK(step_ids), g_test_rand_int_range(0, 4) > 0, g_test_rand_int_range(0, 500)};
}

static void
append_text(GString *sql, const char *text)
{
    g_string_append_printf(sql, text != NULL ? ", '%s'" : ", NULL%s", text != NULL ? text : "");
}

static void
append_job(GString *sql, const Job *job, guint n)
{
    gboolean running = g_str_equal(job->outcome, "RUNNING"), passed = g_str_equal(job->outcome, "PASS");
    g_autofree char *unit = job->unit > 0 ? g_strdup_printf("%015u", job->unit) : NULL;
    g_string_append_printf(sql,
                           "INSERT INTO jobs (id, station, slot, program, started_us, ended_us, outcome, product,"
                           " work_order, code, unit, certificate) VALUES ('job-%08u', 's', '1', '1', %" G_GINT64_FORMAT
                           ", %s",
                           n, job->started_us, running ? "NULL" : "1");
    append_text(sql, job->outcome);
    append_text(sql, job->product);
    append_text(sql, job->work_order);
    append_text(sql, job->code);
    append_text(sql, unit);
    append_text(sql, passed ? "certificate" : NULL);
    g_string_append(sql, ");\n");
    for (guint i = 0; i < job->n_steps; i++)
        g_string_append_printf(sql,
                               "INSERT INTO steps (job, position, step, attempt, outcome, code, start_us, duration_us,"
                               " device_us, store_us) VALUES ('job-%08u', %u, '%s', 1, %s, 0, %" G_GINT64_FORMAT
                               ", 0, 0);\n",
                               n, i, job->steps[i].step, job->steps[i].passed ? "'PASS', NULL" : "'FAIL', 'PORT_GONE'",
                               job->steps[i].duration_us);
}

/* Only what is added up matters here: the schema's guards on how a job comes about are taken off. */
static void
write_jobs(Folder *folder, const Job *jobs)
{
    g_autoptr(GString) sql = g_string_new("PRAGMA foreign_keys = OFF;\nBEGIN;\nDROP TRIGGER jobs_begin_running;\n");
    for (guint i = 0; i < N_JOBS; i++)
        append_job(sql, &jobs[i], i);
    g_string_append(sql, "COMMIT;\n");
    g_autofree char *path = g_build_filename(folder->dir, "jobs.sql", NULL);
    g_autofree char *read = g_strdup_printf(".read '%s'", path);
    g_assert_true(g_file_set_contents(path, sql->str, -1, NULL));
    g_free(sqlite(folder->path, read));
}

/* --- counted naively --- */

static gboolean
is_picked(const Job *job, const KlStatisticsRequest *request)
{
    return !g_str_equal(job->outcome, "RUNNING") && (request->from_us == 0 || job->started_us >= request->from_us) &&
           (request->to_us == 0 || job->started_us < request->to_us) &&
           (request->product == NULL || g_strcmp0(request->product, job->product) == 0) &&
           (request->work_order == NULL || g_strcmp0(request->work_order, job->work_order) == 0);
}

/* The unit's first job of those picked, or the first that passed. */
static const Job *
first_job(const Job *jobs, const KlStatisticsRequest *request, guint unit, gboolean passed)
{
    const Job *first = NULL;
    for (const Job *job = jobs; job < jobs + N_JOBS; job++) {
        if (job->unit == unit && is_picked(job, request) && (!passed || g_str_equal(job->outcome, "PASS")) &&
            (first == NULL || job->started_us < first->started_us))
            first = job;
    }
    return first;
}

static void
check_hour(const Job *jobs, const KlStatisticsRequest *request, gint64 start_us, const KlHourCount *found)
{
    guint passed = 0, failed = 0, any = 0;
    for (guint unit = 1; unit < N_UNITS; unit++) {
        const Job *pass = first_job(jobs, request, unit, TRUE);
        passed += pass != NULL && pass->started_us / HOUR_US * HOUR_US == start_us;
    }
    for (const Job *job = jobs; job < jobs + N_JOBS; job++) {
        if (!is_picked(job, request) || job->started_us / HOUR_US * HOUR_US != start_us)
            continue;
        any++;
        failed += !g_str_equal(job->outcome, "PASS");
    }
    g_assert_cmpint(found != NULL, ==, any > 0);
    if (found != NULL) {
        g_assert_cmpuint(found->passed, ==, passed);
        g_assert_cmpuint(found->failed, ==, failed);
    }
}

static void
check_hours(const Job *jobs, const KlStatisticsRequest *request, GArray *hours)
{
    gint64 hour_us = FIRST_US / HOUR_US * HOUR_US;
    guint next = 0;
    for (guint i = 0; i <= 31; i++, hour_us += HOUR_US) {
        const KlHourCount *hour = next < hours->len ? &g_array_index(hours, KlHourCount, next) : NULL;
        gboolean told = hour != NULL && hour->start_us == hour_us;
        check_hour(jobs, request, hour_us, told ? hour : NULL);
        next += told;
    }
    g_assert_cmpuint(next, ==, hours->len);
}

static void
check_codes(const Job *jobs, const KlStatisticsRequest *request, GPtrArray *found)
{
    guint told = 0;
    for (guint i = 0; i < G_N_ELEMENTS(codes); i++) {
        guint count = 0, in_list = 0;
        for (const Job *job = jobs; job < jobs + N_JOBS; job++)
            count += is_picked(job, request) && g_strcmp0(job->code, codes[i]) == 0;
        for (guint j = 0; j < found->len; j++) {
            const KlCodeCount *code = found->pdata[j];
            in_list += g_str_equal(code->code, codes[i]) ? code->jobs : 0;
        }
        g_assert_cmpuint(in_list, ==, count);
        told += count > 0;
    }
    g_assert_cmpuint(found->len, ==, told);
    for (guint j = 1; j < found->len; j++)
        g_assert_cmpuint(((KlCodeCount *)found->pdata[j - 1])->jobs, >=, ((KlCodeCount *)found->pdata[j])->jobs);
}

static int
compare_durations(const void *a, const void *b)
{
    return (*(const gint64 *)a > *(const gint64 *)b) - (*(const gint64 *)a < *(const gint64 *)b);
}

static gint64
nearest_rank(const gint64 *sorted, guint count, guint percent)
{
    guint rank = (percent * count + 99) / 100;
    return sorted[rank - 1];
}

static void
check_step(const Job *jobs, const KlStatisticsRequest *request, const KlStepTimes *times)
{
    gint64 durations[N_JOBS * MAX_STEPS];
    guint count = 0;
    for (const Job *job = jobs; job < jobs + N_JOBS; job++) {
        for (guint i = 0; is_picked(job, request) && i < job->n_steps; i++) {
            if (job->steps[i].passed && g_str_equal(job->steps[i].step, times->step))
                durations[count++] = job->steps[i].duration_us;
        }
    }
    qsort(durations, count, sizeof(gint64), compare_durations);
    g_assert_cmpuint(count, >, 0);
    g_assert_cmpuint(times->attempts, ==, count);
    g_assert_cmpint(times->p5_us, ==, nearest_rank(durations, count, 5));
    g_assert_cmpint(times->p25_us, ==, nearest_rank(durations, count, 25));
    g_assert_cmpint(times->p50_us, ==, nearest_rank(durations, count, 50));
    g_assert_cmpint(times->p75_us, ==, nearest_rank(durations, count, 75));
    g_assert_cmpint(times->p95_us, ==, nearest_rank(durations, count, 95));
}

/* All that have a job in the period, whichever was asked for, by their newest. */
static void
check_work_orders(const Job *jobs, const KlStatisticsRequest *request, const GPtrArray *found)
{
    KlStatisticsRequest any_order = *request;
    any_order.work_order = NULL;
    gint64 last_us = G_MAXINT64;
    guint expected = 0;
    for (guint i = 0; i < G_N_ELEMENTS(orders); i++) {
        gboolean there = FALSE;
        for (const Job *job = jobs; job < jobs + N_JOBS; job++)
            there |= is_picked(job, &any_order) && job->work_order != NULL && job->work_order == orders[i];
        expected += there;
    }
    g_assert_cmpuint(found->len, ==, expected);
    for (guint i = 0; i < found->len; i++) {
        gint64 newest_us = 0;
        for (const Job *job = jobs; job < jobs + N_JOBS; job++) {
            if (is_picked(job, &any_order) && g_strcmp0(job->work_order, found->pdata[i]) == 0)
                newest_us = MAX(newest_us, job->started_us);
        }
        g_assert_cmpint(newest_us, >, 0);
        g_assert_cmpint(newest_us, <, last_us);
        last_us = newest_us;
    }
}

static void
check_statistics(const Job *jobs, const KlStatisticsRequest *request, const KlStatistics *found)
{
    guint units = 0, passed = 0, first_pass = 0, picked = 0, failed = 0;
    for (guint unit = 1; unit < N_UNITS; unit++) {
        const Job *first = first_job(jobs, request, unit, FALSE);
        units += first != NULL;
        passed += first_job(jobs, request, unit, TRUE) != NULL;
        first_pass += first != NULL && g_str_equal(first->outcome, "PASS");
    }
    for (const Job *job = jobs; job < jobs + N_JOBS; job++) {
        picked += is_picked(job, request);
        failed += is_picked(job, request) && !g_str_equal(job->outcome, "PASS");
    }
    g_assert_cmpuint(found->units, ==, units);
    g_assert_cmpuint(found->passed_units, ==, passed);
    g_assert_cmpuint(found->first_pass_units, ==, first_pass);
    g_assert_cmpuint(found->jobs, ==, picked);
    g_assert_cmpuint(found->failed_jobs, ==, failed);
    check_hours(jobs, request, found->hours);
    check_codes(jobs, request, found->codes);
    check_work_orders(jobs, request, found->work_orders);
    for (guint i = 0; i < found->steps->len; i++)
        check_step(jobs, request, found->steps->pdata[i]);
}

static KlStatistics *
ask(KlStore *store, const KlStatisticsRequest *request)
{
    g_autoptr(GError) error = NULL;
    KlStatistics *statistics = CALL(store, statistics, request, &error);
    g_assert_no_error(error);
    return statistics;
}

static void
test_random(Folder *folder, gconstpointer data)
{
    g_autofree Job *jobs = g_new0(Job, N_JOBS);
    for (guint i = 0; i < N_JOBS; i++)
        make_up_job(&jobs[i], i);
    kl_store_free(open_store(folder->path));
    write_jobs(folder, jobs);
    gint64 edge = jobs[N_JOBS / 2].started_us;
    const KlStatisticsRequest requests[] = {
        {0},
        {.from_us = edge},
        {.to_us = edge},
        {.from_us = edge - 5 * HOUR_US, .to_us = edge + 5 * HOUR_US},
        {.product = "other"},
        {.work_order = "WO-1"},
        {.from_us = edge, .product = "fx30s", .work_order = "WO-2"},
        {.work_order = "none's"},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStore) store = kl_store_sqlite_open(folder->path, TRUE, &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(requests); i++) {
        g_autoptr(KlStatistics) found = ask(store, &requests[i]);
        check_statistics(jobs, &requests[i], found);
    }
}

/* Every step that has a passed attempt is told, in the order of a job. */
static void
test_steps_in_order(Folder *folder, gconstpointer data)
{
    g_autofree Job *jobs = g_new0(Job, N_JOBS);
    for (guint i = 0; i < N_JOBS; i++)
        make_up_job(&jobs[i], i);
    kl_store_free(open_store(folder->path));
    write_jobs(folder, jobs);
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(KlStatistics) found = ask(store, &(KlStatisticsRequest){0});
    const char *const expected[] = {"connect", "identify", "key", "verify", "zz-of-another-program"};
    g_assert_cmpuint(found->steps->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
        g_assert_cmpstr(((KlStepTimes *)found->steps->pdata[i])->step, ==, expected[i]);
}

static void
test_nothing(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(KlStatistics) found = ask(store, &(KlStatisticsRequest){0});
    g_assert_cmpuint(found->jobs + found->units + found->failed_jobs, ==, 0);
    g_assert_cmpuint(found->hours->len + found->codes->len + found->steps->len, ==, 0);
}

/* The same through the store's own calls: a retry that passes is no first pass, a running job is not counted. */
static void
test_real_jobs(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    g_free(pass_unit(store, 1));
    g_free(pass_unit(store, 1));
    g_auto(JobRun) failing = {0};
    job_run_renew(&failing, store, 2);
    g_assert_true(job_run_calls(&failing, 2, &error));
    failing.record->unit = kl_unit_copy(failing.unit);
    settle(failing.record, KL_OUTCOME_TIMEOUT, "NO_ANSWER");
    g_assert_true(CALL(store, job_end, failing.record, &error));
    g_free(pass_unit(store, 2));
    kl_unit_state_free(claim_again(store, 3));
    g_autoptr(KlStatistics) found = ask(store, &(KlStatisticsRequest){.product = "fx30s"});
    g_assert_cmpuint(found->jobs, ==, 4);
    g_assert_cmpuint(found->failed_jobs, ==, 1);
    g_assert_cmpuint(found->units, ==, 2);
    g_assert_cmpuint(found->passed_units, ==, 2);
    g_assert_cmpuint(found->first_pass_units, ==, 1);
}

static void
test_step_titles(void)
{
    g_assert_cmpstr(kl_step_title("install"), ==, "Installing the certificate");
    g_assert_cmpstr(kl_step_title("unheard-of"), ==, "unheard-of");
    g_assert_cmpuint(kl_step_place("connect"), ==, 0);
    g_assert_cmpuint(kl_step_place("unheard-of"), ==, G_MAXUINT);
}

int
main(int argc, char **argv)
{
    static const FolderTest tests[] = {
        {"/statistics/random", test_random},
        {"/statistics/steps-in-order", test_steps_in_order},
        {"/statistics/nothing", test_nothing},
        {"/statistics/real-jobs", test_real_jobs},
    };
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    g_test_add_func("/statistics/step-titles", test_step_titles);
    return g_test_run();
}
