/* What a batch decides: its rules one by one. */
#include "station/batch_plan.h"

/* The batch starts what is plugged in there now, and its job ends. */
static void
work(KlBatchPlan *plan, const char *slot, guint64 plug, KlBatchEnd meaning, const char *imei)
{
    kl_batch_plan_plug(plan, slot, plug);
    g_assert_cmpstr(kl_batch_plan_next(plan), ==, slot);
    kl_batch_plan_begin(plan, slot);
    g_assert_true(kl_batch_plan_runs(plan, slot));
    kl_batch_plan_end(plan, slot, plug, meaning, imei);
    g_assert_false(kl_batch_plan_runs(plan, slot));
}

/* The rules one by one. */
static void
test_rules(void)
{
    g_autoptr(KlBatchPlan) plan = kl_batch_plan_new(2);
    g_assert_null(kl_batch_plan_next(plan));
    kl_batch_plan_plug(plan, "02", 7);
    kl_batch_plan_plug(plan, "01", 8);
    kl_batch_plan_plug(plan, "03", 9);
    g_assert_cmpstr(kl_batch_plan_next(plan), ==, "01");
    kl_batch_plan_begin(plan, "01");
    g_assert_cmpstr(kl_batch_plan_next(plan), ==, "02");
    kl_batch_plan_begin(plan, "02");
    g_assert_null(kl_batch_plan_next(plan)); /* two are enough, as long as both run */
    kl_batch_plan_end(plan, "01", 8, KL_BATCH_END_NONE, "350000000000001");
    g_assert_cmpuint(kl_batch_plan_left(plan), ==, 2);
    g_assert_cmpstr(kl_batch_plan_next(plan), ==, "03"); /* 01 still has what was stopped there */
    kl_batch_plan_leave(plan, "03");
    g_assert_null(kl_batch_plan_next(plan));
    kl_batch_plan_plug(plan, "01", 0);
    kl_batch_plan_plug(plan, "01", 10);
    g_assert_cmpstr(kl_batch_plan_next(plan), ==, "01");
    kl_batch_plan_begin(plan, "01");
    kl_batch_plan_end(plan, "01", 10, KL_BATCH_END_WORKED, "350000000000001");
    kl_batch_plan_end(plan, "02", 7, KL_BATCH_END_WORKED, "350000000000001"); /* moved: counted already */
    g_assert_cmpuint(kl_batch_plan_left(plan), ==, 1);
    g_assert_null(kl_batch_plan_next(plan));
    kl_batch_plan_plug(plan, "03", 11);
    g_assert_cmpstr(kl_batch_plan_next(plan), ==, "03");
    kl_batch_plan_begin(plan, "03");
    kl_batch_plan_end(plan, "03", 11, KL_BATCH_END_WORKED, NULL);
    g_assert_cmpuint(kl_batch_plan_left(plan), ==, 0);
    kl_batch_plan_begin(plan, "03"); /* tried again by hand: the same unit, which says who it is now */
    kl_batch_plan_end(plan, "03", 11, KL_BATCH_END_WORKED, "350000000000003");
    g_assert_cmpuint(kl_batch_plan_left(plan), ==, 0);
}

/* A unit that restarts for ever and never says who it is counts once, and the next ones of the kind in its slot with
 * it; after one that says who it is, the next one counts again. */
static void
test_nameless(void)
{
    g_autoptr(KlBatchPlan) plan = kl_batch_plan_new(64);
    for (guint64 plug = 1; plug <= 20; plug++)
        work(plan, "01", plug, KL_BATCH_END_WORKED, NULL);
    g_assert_cmpuint(kl_batch_plan_left(plan), ==, 63);
    work(plan, "02", 21, KL_BATCH_END_WORKED, NULL);
    g_assert_cmpuint(kl_batch_plan_left(plan), ==, 62);
    work(plan, "01", 22, KL_BATCH_END_WORKED, "350000000000001");
    g_assert_cmpuint(kl_batch_plan_left(plan), ==, 61);
    work(plan, "01", 23, KL_BATCH_END_WORKED, NULL);
    work(plan, "01", 24, KL_BATCH_END_WORKED, NULL);
    g_assert_cmpuint(kl_batch_plan_left(plan), ==, 60);
    /* The last of them tried again by hand says it at last. */
    kl_batch_plan_begin(plan, "01");
    kl_batch_plan_end(plan, "01", 24, KL_BATCH_END_WORKED, "350000000000002");
    g_assert_cmpuint(kl_batch_plan_left(plan), ==, 60);
}

/* What met the station's fault does not count. It is started again when the line goes on, not before, and only if it
 * was the line that stopped. */
static void
test_station_errors(void)
{
    g_autoptr(KlBatchPlan) plan = kl_batch_plan_new(3);
    work(plan, "01", 1, KL_BATCH_END_AGAIN, "350000000000001");
    work(plan, "02", 2, KL_BATCH_END_NONE, NULL); /* its port is not for us */
    work(plan, "03", 3, KL_BATCH_END_AGAIN, NULL);
    g_assert_cmpuint(kl_batch_plan_left(plan), ==, 3);
    g_assert_null(kl_batch_plan_next(plan));
    kl_batch_plan_plug(plan, "03", 0);
    kl_batch_plan_resume(plan);
    g_assert_cmpstr(kl_batch_plan_next(plan), ==, "01");
    kl_batch_plan_begin(plan, "01");
    g_assert_null(kl_batch_plan_next(plan));
    kl_batch_plan_end(plan, "01", 1, KL_BATCH_END_WORKED, "350000000000001");
    g_assert_cmpuint(kl_batch_plan_left(plan), ==, 2);
    kl_batch_plan_resume(plan);
    g_assert_null(kl_batch_plan_next(plan));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/batch-rules/rules", test_rules);
    g_test_add_func("/batch-rules/nameless", test_nameless);
    g_test_add_func("/batch-rules/station-errors", test_station_errors);
    return g_test_run();
}
