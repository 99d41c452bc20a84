/* What jobs have to do with the outbox: a record's row is sent at once, and what other stations did is asked whenever
 * asking can work. */
#include "station/job_steps.h"
#include "station/outbox_rules.h"
#include "tests/outbox_rig.h"

/* A job at the rig's station, as far as these steps need it. */
typedef struct {
    JobRun run;
    KlBench bench;
    KlProfile profile;
    KlJobRequest request;
    KlJob job;
} Work;

static void
work_begin(Work *work, Rig *rig, guint n)
{
    g_autoptr(GError) error = NULL;
    job_run_renew(&work->run, rig->store, n);
    g_assert_true(job_run_calls(&work->run, 2, &error));
    g_clear_pointer(&work->run.record->unit, kl_unit_free);
    work->run.record->unit = make_unit(n);
    work->bench = (KlBench){
        .station = "test",
        .profile = &work->profile,
        .store = rig->store,
        .sink = &rig->fake->base,
        .outbox = rig->outbox,
    };
    work->job = (KlJob){
        .bench = &work->bench,
        .request = &work->request,
        .record = work->run.record,
        .transcript = kl_transcript_new(10000),
        .state = work->run.state,
    };
}

static void
work_clear(Work *work)
{
    g_clear_error(&work->job.failure);
    g_clear_pointer(&work->job.transcript, kl_transcript_free);
    job_run_clear(&work->run);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

/* --- a record --- */

/* An outbox with nothing to do looks once a minute by itself: what is sent earlier was told to it. */
#define POKED_US (50 * G_USEC_PER_SEC)

static void
assert_called(FakeSink *fake, guint calls)
{
    gint64 until_us = g_get_real_time() + POKED_US;
    const struct timespec until = {until_us / G_USEC_PER_SEC, 0};
    int status = 0;
    pthread_mutex_lock(&fake->lock);
    while (fake->calls < calls && status == 0)
        status = pthread_cond_timedwait(&fake->called, &fake->lock, &until);
    guint found = fake->calls;
    pthread_mutex_unlock(&fake->lock);
    g_assert_cmpuint(found, ==, calls);
}

static void
test_poked(Rig *rig, gconstpointer data)
{
    g_auto(Work) work = {0};
    g_autoptr(GError) error = NULL;
    KlOp op = {0};
    CALL(rig->store, use_outbox, TRUE);
    work_begin(&work, rig, 2);
    assert_sql(rig->folder.path, "SELECT count(*) FROM outbox", "0");
    start(rig, NULL);
    work.bench.outbox = rig->outbox;
    while (__atomic_load_n(&rig->changes, __ATOMIC_SEQ_CST) == 0) /* it has looked, and counted */
        g_usleep(1000);
    kl_fail(&work.job.failure, KL_ERROR_NO_AGENT, "nobody answers");
    g_assert_true(kl_step_record(&work.job, &op, &error));
    g_assert_no_error(error);
    assert_called(rig->fake, 1);
    g_autofree char *keys = done_keys(rig);
    g_assert_cmpstr(keys, ==, work.run.record->id);
}

/* --- what other stations did --- */

static gboolean
check(Rig *rig, GError **error)
{
    g_auto(Work) work = {0};
    KlOp op = {0};
    work_begin(&work, rig, 2);
    return kl_job_check_elsewhere(&work.job, &op, error);
}

/* Rows that wait are no reason not to ask, unless it is known that nobody answers. */
static void
test_asked(Rig *rig, gconstpointer data)
{
    static const struct {
        int code;
        gboolean asked;
    } table[] = {
        {-1, TRUE},
        {KL_ERROR_CLOUD_UNAVAILABLE, TRUE},
        {KL_ERROR_CLOUD_THROTTLED, TRUE},
        {KL_ERROR_CLOUD_GARBLED, TRUE},
        {KL_ERROR_CLOUD_DENIED, TRUE},
        {KL_ERROR_CLOUD_MISSING, TRUE},
        {KL_ERROR_CLOUD_LIMIT, TRUE},
        {KL_ERROR_CLOUD_TIMEOUT, FALSE},
        {KL_ERROR_CLOUD_CREDENTIALS, FALSE},
        {KL_ERROR_CLOUD_CLOCK, FALSE},
        {KL_ERROR_CLOUD_UNTRUSTED, FALSE},
        {KL_ERROR_NET_DOWN, FALSE},
    };
    rig->fake->passed = TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;
        guint before = rig->fake->asked;
        queue(rig->folder.path, "registration", KL_OUTBOX_RUN);
        set_outage(rig->fake, table[i].code);
        start(rig, NULL);
        if (table[i].code >= 0)
            g_assert_cmpstr(await_trouble(rig, KL_OUTBOX_REGISTRATION), ==, kl_error_name(table[i].code));
        g_assert_cmpint(check(rig, &error), ==, !table[i].asked);
        if (table[i].asked)
            g_assert_error(error, KL_ERROR, KL_ERROR_PASSED_ELSEWHERE);
        g_assert_cmpuint(rig->fake->asked - before, ==, table[i].asked);
        g_clear_pointer(&rig->outbox, kl_outbox_free);
    }
}

/* An answer that does not come is no reason to refuse a unit. */
static void
test_no_answer(Rig *rig, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    queue(rig->folder.path, "record", KL_OUTBOX_RUN);
    rig->fake->outage = rig->fake->question = KL_ERROR_CLOUD_UNAVAILABLE;
    start(rig, NULL);
    await_trouble(rig, KL_OUTBOX_RECORD);
    g_assert_true(check(rig, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(rig->fake->asked, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/outbox-job/" name, Rig, NULL, rig_set_up, function, rig_tear_down)
    ADD("poked", test_poked);
    ADD("asked", test_asked);
    ADD("no-answer", test_no_answer);
    return g_test_run();
}
