/* Units whose lives are known, for the tests of tracing, recalling and reconciling. */
#pragma once

#include "db/database.h"
#include "tests/store-fixture.h"

/* A job that passes, with what the line knew of it. Returns its id. */
static inline char *
pass(KlStore *store, guint n, const char *batch, const char *work_order, const char *operator_id, const char *label)
{
    g_auto(JobRun) run = {0};
    g_autoptr(GError) error = NULL;
    job_run_renew(&run, store, n);
    run.record->batch = g_strdup(batch);
    run.record->work_order = g_strdup(work_order);
    run.record->operator_id = g_strdup(operator_id);
    run.record->label = g_strdup(label);
    job_run_calls(&run, N_JOB_CALLS, &error);
    g_assert_no_error(error);
    return g_strdup(run.record->id);
}

static inline sqlite3 *
reader(const char *path)
{
    g_autoptr(GError) error = NULL;
    sqlite3 *db = kl_database_open(path, TRUE, &error);
    g_assert_no_error(error);
    return db;
}

#define BATCH_A "aaaaaaaa-0000-4000-8000-000000000000"
#define BATCH_B "bbbbbbbb-0000-4000-8000-000000000000"

/* Seven units: 1 to 3 in batch A, 4 and 5 in B, 6 and 7 one by one in a work order; an eighth in nothing. */
static inline void
make_units(const char *path)
{
    g_autoptr(KlStore) store = open_store(path);
    for (guint n = 1; n <= 3; n++)
        g_free(pass(store, n, BATCH_A, "WO-1", "ann", NULL));
    for (guint n = 4; n <= 5; n++)
        g_free(pass(store, n, BATCH_B, "WO-1", "bob", NULL));
    for (guint n = 6; n <= 7; n++)
        g_free(pass(store, n, NULL, "WO-2", "bob", n == 7 ? "LABEL-7" : NULL));
    g_free(pass(store, 8, NULL, NULL, "ann", NULL));
}
