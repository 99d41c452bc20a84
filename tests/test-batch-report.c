/* What the records of a batch come to: sqlite3 adds up the same records. */
#include <string.h>

#include "station/batch_report.h"

static const char *const slots[] = {"01", "02", "03", "A10", "A09"};
static const char *const steps[] = {"identify", "key", "csr", "install", "prove"};
static const struct {
    KlOutcome outcome;
    const char *code;
} ends[] = {
    {KL_OUTCOME_PASS, NULL},
    {KL_OUTCOME_PASS, NULL},
    {KL_OUTCOME_PASS, NULL},
    {KL_OUTCOME_FAIL, "CSR_SIGNATURE"},
    {KL_OUTCOME_FAIL, "PROOF_FAILED"},
    {KL_OUTCOME_TIMEOUT, "NO_ANSWER"},
    {KL_OUTCOME_ABORTED, "UNIT_REMOVED"},
    {KL_OUTCOME_ERROR, "STORE_FULL"},
};

/* Runs SQL in the sqlite3 program on an empty database. */
static char *
sqlite(const char *sql)
{
    const char *argv[] = {"sqlite3", "-batch", "-bail", ":memory:", sql, NULL};
    g_autofree char *out = NULL;
    g_autoptr(GError) error = NULL;
    int status = -1;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_true(g_spawn_check_wait_status(status, NULL));
    return g_strchomp(g_steal_pointer(&out));
}

/* Nobody passes without having said who it is. */
static KlRecord *
random_record(GRand *rand, guint units)
{
    KlRecord *record = kl_record_new();
    guint at = (guint)g_rand_int_range(rand, 0, G_N_ELEMENTS(ends));
    record->slot = g_strdup(slots[g_rand_int_range(rand, 0, G_N_ELEMENTS(slots))]);
    record->outcome = ends[at].outcome;
    record->code = g_strdup(ends[at].code);
    record->started_us = g_rand_int_range(rand, 1, 100000);
    record->ended_us = record->started_us + g_rand_int_range(rand, 1, 100000);
    if (record->outcome == KL_OUTCOME_PASS || g_rand_int_range(rand, 0, 4) > 0) {
        record->unit = g_new0(KlUnit, 1);
        record->unit->imei = g_strdup_printf("35%013d", g_rand_int_range(rand, 0, (int)units));
    }
    return record;
}

/* All durations differ, so that one of them is the longest. */
static void
add_steps(KlRecord *record, GRand *rand, guint place)
{
    guint n = (guint)g_rand_int_range(rand, 0, 6);
    for (guint i = 0; i < n; i++) {
        KlStepResult *step = g_new0(KlStepResult, 1);
        step->step = g_strdup(steps[g_rand_int_range(rand, 0, G_N_ELEMENTS(steps))]);
        step->duration_us = g_rand_int_range(rand, 0, 1000) * 1000 + (gint64)(place * 6 + i);
        g_ptr_array_add(record->steps, step);
    }
}

static void
add_sql(GString *sql, const KlRecord *record, guint place)
{
    g_autofree char *code = record->code != NULL ? g_strdup_printf("'%s'", record->code) : g_strdup("NULL");
    g_autofree char *imei = record->unit != NULL ? g_strdup_printf("'%s'", record->unit->imei) : g_strdup("NULL");
    g_string_append_printf(
        sql, "INSERT INTO r VALUES (%u, '%s', %s, '%s', %s, %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ");", place,
        record->slot, imei, kl_outcome_name(record->outcome), code, record->started_us, record->ended_us);
    for (guint i = 0; i < record->steps->len; i++) {
        const KlStepResult *step = record->steps->pdata[i];
        g_string_append_printf(sql, "INSERT INTO s VALUES (%u, '%s', %" G_GINT64_FORMAT ");", place, step->step,
                               step->duration_us);
    }
}

/* The report, a line a fact, as the oracle prints it. */
static char *
told(const KlBatchReport *report)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text,
                           "%u|%u|%u|%u|%u|%" G_GINT64_FORMAT "|%" G_GINT64_FORMAT "\n%s|%s|%" G_GINT64_FORMAT "\n",
                           report->jobs, report->units, report->passed, report->failed, report->first_pass,
                           report->from_us, report->to_us, report->slowest_step != NULL ? report->slowest_step : "",
                           report->slowest_slot != NULL ? report->slowest_slot : "", report->slowest_us);
    g_string_append_printf(text, "%.6f\n", report->yield_percent);
    for (guint i = 0; i < report->causes->len; i++) {
        const KlBatchCause *cause = report->causes->pdata[i];
        g_string_append_printf(text, "%s|%u|%s\n", cause->code, cause->jobs, cause->slots);
    }
    return g_strchomp(g_string_free(g_steal_pointer(&text), FALSE));
}

static const char schema[] = "CREATE TABLE r (n, slot, imei, outcome, code, started, ended);"
                             "CREATE TABLE s (n, step, us);";

static const char questions[] =
    "CREATE VIEW last AS SELECT * FROM r a WHERE imei IS NULL OR NOT EXISTS"
    " (SELECT 1 FROM r b WHERE b.imei = a.imei AND b.n > a.n);"
    "SELECT (SELECT count(*) FROM r), (SELECT count(*) FROM last),"
    " (SELECT count(*) FROM last WHERE outcome = 'PASS'), (SELECT count(*) FROM last WHERE outcome <> 'PASS'),"
    " (SELECT count(*) FROM r a WHERE outcome = 'PASS' AND NOT EXISTS (SELECT 1 FROM r b WHERE b.imei = a.imei AND"
    " b.n < a.n)), coalesce((SELECT min(started) FROM r), 0), coalesce((SELECT max(ended) FROM r), 0);"
    "SELECT coalesce(max(step), ''), coalesce(max(slot), ''), coalesce(max(us), 0) FROM"
    " (SELECT step, slot, us FROM s JOIN r USING (n) ORDER BY us DESC LIMIT 1);"
    "SELECT printf('%.6f', coalesce(100.0 * (SELECT count(*) FROM last WHERE outcome = 'PASS') /"
    " nullif((SELECT count(*) FROM last), 0), 0));"
    "SELECT code, count(*), (SELECT group_concat(slot, ', ') FROM (SELECT DISTINCT slot FROM r b WHERE b.code = a.code"
    " ORDER BY slot)) FROM r a WHERE outcome <> 'PASS' GROUP BY code ORDER BY 2 DESC, 1;";

static void
test_oracle(void)
{
    for (guint32 seed = 1; seed <= 60; seed++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)kl_record_free);
        g_autoptr(GString) sql = g_string_new(schema);
        guint count = seed == 1 ? 0 : (guint)g_rand_int_range(rand, 1, 80);
        for (guint i = 0; i < count; i++) {
            KlRecord *record = random_record(rand, 1 + count / 2);
            add_steps(record, rand, i);
            add_sql(sql, record, i);
            g_ptr_array_add(records, record);
        }
        g_string_append(sql, questions);
        g_autoptr(KlBatchReport) report = kl_batch_report_new(records);
        g_autofree char *ours = told(report);
        g_autofree char *theirs = sqlite(sql->str);
        g_assert_cmpstr(ours, ==, theirs);
    }
}

/* The last attempt at each unit, in the order in which these ended. */
static void
test_last(void)
{
    static const struct {
        const char *imei;
        KlOutcome outcome;
    } rows[] = {{"a", KL_OUTCOME_FAIL},
                {NULL, KL_OUTCOME_TIMEOUT},
                {"b", KL_OUTCOME_PASS},
                {"a", KL_OUTCOME_PASS},
                {NULL, KL_OUTCOME_TIMEOUT}};
    g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)kl_record_free);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        KlRecord *record = kl_record_new();
        record->slot = g_strdup("01");
        record->outcome = rows[i].outcome;
        if (rows[i].imei != NULL) {
            record->unit = g_new0(KlUnit, 1);
            record->unit->imei = g_strdup(rows[i].imei);
        }
        g_ptr_array_add(records, record);
    }
    g_autoptr(GPtrArray) last = kl_batch_report_last(records);
    g_assert_cmpuint(last->len, ==, 4);
    for (guint i = 0; i < 4; i++)
        g_assert_true(last->pdata[i] == records->pdata[i + 1]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/batch-report/oracle", test_oracle);
    g_test_add_func("/batch-report/last", test_last);
    return g_test_run();
}
