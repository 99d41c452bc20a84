/* A batch on a real line of simulated units, which the test swaps, pulls and puts back. */
#include <pthread.h>

#include "station/batch.h"
#include "tests/rig/line_rig.h"

#define SLOTS 4
#define WAIT_US (120 * G_USEC_PER_SEC)

/* The station's signer behind a door that the test opens and closes. */
typedef struct {
    KlSigner base;
    KlSigner *inner;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    gboolean closed; /* who wants a certificate waits */
    guint waiting;
    gboolean broken; /* who wants one gets an error of the station */
} Door;

static gboolean
door_self_test(KlSigner *signer, const KlProfile *profile, gint64 now, GError **error)
{
    Door *door = (Door *)signer;
    return door->inner->klass->self_test(door->inner, profile, now, error);
}

static KlCertificate *
door_issue(KlSigner *signer, const KlIssueRequest *request, KlOp *op, GError **error)
{
    Door *door = (Door *)signer;
    pthread_mutex_lock(&door->lock);
    door->waiting++;
    pthread_cond_broadcast(&door->changed);
    while (door->closed)
        pthread_cond_wait(&door->changed, &door->lock);
    door->waiting--;
    gboolean broken = door->broken;
    door->broken = FALSE;
    pthread_mutex_unlock(&door->lock);
    if (!broken)
        return door->inner->klass->issue(door->inner, request, op, error);
    kl_fail(error, KL_ERROR_TOKEN_FAILED, "made up");
    return NULL;
}

static gboolean
door_lookup(KlSigner *signer, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error)
{
    Door *door = (Door *)signer;
    return door->inner->klass->lookup(door->inner, request, found, op, error);
}

static const KlSignerClass door_class = {
    .id = "door", .self_test = door_self_test, .issue = door_issue, .lookup = door_lookup};

typedef struct {
    KlLineRig *rig;
    KlBench bench;
    Door door;
    KlQueue *events;
    KlLine *line;
    KlBatch *batch;
    gboolean foreign;        /* what ends is none of the batch's jobs */
    guint64 plug[SLOTS + 1]; /* as told; slots from 1 */
    gboolean running[SLOTS + 1];
} Armed;

static void
keep(KlEvent *event, gpointer queue)
{
    kl_queue_push(queue, event);
}

/* units of them stand in the first slots; others are there, but empty. */
static void
arm(Armed *armed, const KlSimOptions *options, guint units, guint count)
{
    static const char *const product[] = {"product.restart-seconds=1", NULL};
    static const KlJobRequest request = {.operator_id = "ann", .work_order = "W1"};
    g_autoptr(GError) error = NULL;
    *armed = (Armed){.rig = kl_line_rig_new(options, product)};
    g_clear_pointer(&armed->rig->line, kl_line_free);
    for (guint slot = units + 1; slot <= options->units; slot++)
        kl_sim_unplug(armed->rig->sim, slot);
    armed->bench = *kl_station_bench(armed->rig->station);
    armed->door.base.klass = &door_class;
    armed->door.inner = armed->bench.signer;
    pthread_mutex_init(&armed->door.lock, NULL);
    pthread_cond_init(&armed->door.changed, NULL);
    armed->bench.signer = &armed->door.base;
    armed->events = kl_queue_new((GDestroyNotify)kl_event_free);
    armed->line = kl_line_new(kl_station_config(armed->rig->station), &armed->bench, keep, armed->events);
    armed->batch = kl_batch_new(armed->line, armed->bench.profile, &request, count, &error);
    g_assert_no_error(error);
}

static void
disarm(Armed *armed)
{
    kl_batch_free(armed->batch);
    kl_line_free(armed->line);
    kl_queue_free(armed->events);
    pthread_mutex_destroy(&armed->door.lock);
    pthread_cond_destroy(&armed->door.changed);
    kl_line_rig_free(armed->rig);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Armed, disarm)

static void
set_door(Armed *armed, gboolean closed)
{
    pthread_mutex_lock(&armed->door.lock);
    armed->door.closed = closed;
    pthread_cond_broadcast(&armed->door.changed);
    pthread_mutex_unlock(&armed->door.lock);
}

static void
wait_at_door(Armed *armed, guint units)
{
    pthread_mutex_lock(&armed->door.lock);
    while (armed->door.waiting < units)
        pthread_cond_wait(&armed->door.changed, &armed->door.lock);
    pthread_mutex_unlock(&armed->door.lock);
}

static guint
slot_of(const KlEvent *event)
{
    guint slot = (guint)g_ascii_strtoull(event->slot, NULL, 10);
    g_assert_cmpuint(slot, >=, 1);
    g_assert_cmpuint(slot, <=, SLOTS);
    return slot;
}

/* The next event, which the batch has dealt with; what must hold at every one of them is looked at. */
static KlEvent *
next(Armed *armed)
{
    KlEvent *event = kl_queue_pop(armed->events, g_get_monotonic_time() + WAIT_US);
    g_assert_nonnull(event);
    guint slot = slot_of(event);
    if (event->type == KL_EVENT_PRESENCE) {
        g_assert_true(armed->plug[slot] == 0 || event->plug == 0);
        armed->plug[slot] = event->plug;
    } else if (event->type == KL_EVENT_JOB_BEGIN) {
        g_assert_false(armed->running[slot]);
        armed->running[slot] = TRUE;
    } else if (event->type == KL_EVENT_JOB_END) {
        g_assert_true(armed->running[slot]);
        armed->running[slot] = FALSE;
        g_assert_cmpstr(event->record->batch, ==, armed->foreign ? NULL : kl_batch_id(armed->batch));
        g_assert_cmpstr(event->record->work_order, ==, armed->foreign ? NULL : "W1");
    }
    kl_batch_event(armed->batch, event);
    g_assert_cmpuint(kl_batch_running(armed->batch), <=, kl_batch_count(armed->batch));
    return event;
}

/* The next end of a job. */
static KlEvent *
next_end(Armed *armed)
{
    for (;;) {
        g_autoptr(KlEvent) event = next(armed);
        if (event->type == KL_EVENT_JOB_END)
            return g_steal_pointer(&event);
    }
}

/* Until the slot is told to hold something, or nothing. */
static void
wait_plug(Armed *armed, guint slot, gboolean plugged)
{
    while ((armed->plug[slot] != 0) != plugged)
        kl_event_free(next(armed));
}

static void
replace(Armed *armed, guint slot, guint index)
{
    g_autoptr(GError) error = NULL;
    kl_sim_replace(armed->rig->sim, slot, index, NULL, &error);
    g_assert_no_error(error);
}

static void
assert_sql(const Armed *armed, const char *sql, const char *expected)
{
    g_autofree char *answer = kl_line_rig_sql(armed->rig, sql);
    g_assert_cmpstr(answer, ==, expected);
}

/* Eight units in four slots: each is swapped for another one when it is done. */
static void
test_swap(void)
{
    const KlSimOptions options = {.units = 4, .one_port = TRUE};
    g_auto(Armed) armed = {0};
    arm(&armed, &options, 4, 8);
    guint index = 4;
    while (kl_batch_state(armed.batch) != KL_BATCH_DONE) {
        g_autoptr(KlEvent) event = next_end(&armed);
        guint slot = slot_of(event);
        g_assert_cmpstr(event->record->code, ==, NULL);
        g_assert_cmpstr(event->record->unit->imei, ==, kl_sim_imei(armed.rig->sim, slot));
        g_assert_cmpuint(event->plug, !=, 0);
        g_assert_cmpuint(event->plug, ==, armed.plug[slot]);
        if (index < 8)
            replace(&armed, slot, index++);
    }
    g_assert_cmpuint(kl_batch_left(armed.batch), ==, 0);
    g_assert_cmpuint(kl_batch_records(armed.batch)->len, ==, 8);
    g_autofree char *sql = g_strdup_printf("SELECT count(*), count(DISTINCT imei), min(outcome), max(outcome) "
                                           "FROM jobs WHERE batch = '%s'",
                                           kl_batch_id(armed.batch));
    assert_sql(&armed, sql, "8|8|PASS|PASS");
    /* Done is done: what is plugged in now stays as it is. */
    replace(&armed, 1, 8);
    wait_plug(&armed, 1, FALSE);
    wait_plug(&armed, 1, TRUE);
    g_assert_cmpuint(kl_batch_running(armed.batch), ==, 0);
}

/* A failed unit that stays is not tried again; put back it is, and counts once. */
static void
test_failed(void)
{
    const char *const faults[] = {"1:csr-bad-signature", NULL};
    const KlSimOptions options = {.units = 2, .one_port = TRUE, .faults = faults};
    g_auto(Armed) armed = {0};
    arm(&armed, &options, 1, 2);
    g_autoptr(KlEvent) failed = next_end(&armed);
    g_assert_cmpstr(failed->record->code, ==, kl_error_name(KL_ERROR_CSR_SIGNATURE));
    g_assert_cmpuint(kl_batch_left(armed.batch), ==, 1);
    g_assert_cmpuint(kl_batch_running(armed.batch), ==, 0);

    kl_sim_unplug(armed.rig->sim, 1);
    wait_plug(&armed, 1, FALSE);
    replace(&armed, 1, 0); /* the same unit, well again */
    g_autoptr(KlEvent) passed = next_end(&armed);
    g_assert_cmpstr(passed->record->unit->imei, ==, failed->record->unit->imei);
    g_assert_cmpuint(kl_batch_left(armed.batch), ==, 1);
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_ARMED);

    replace(&armed, 2, 1);
    g_autoptr(KlEvent) other = next_end(&armed);
    g_assert_cmpstr(other->record->code, ==, NULL);
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_DONE);
}

/* A unit that is pulled in mid-job does not count; put back it is done to the end. */
static void
test_pulled(void)
{
    const char *const faults[] = {"1:disconnect@install*1", NULL};
    const KlSimOptions options = {.units = 1, .one_port = TRUE, .faults = faults, .reconnect_ms = 4000};
    g_auto(Armed) armed = {0};
    arm(&armed, &options, 1, 1);
    g_autoptr(KlEvent) pulled = next_end(&armed);
    g_assert_cmpint(pulled->record->outcome, ==, KL_OUTCOME_ABORTED);
    g_assert_cmpstr(pulled->record->code, ==, kl_error_name(KL_ERROR_UNIT_REMOVED));
    g_assert_cmpuint(kl_batch_left(armed.batch), ==, 1);
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_ARMED);
    g_assert_cmpuint(armed.plug[1], ==, 0);

    g_autoptr(KlEvent) done = next_end(&armed);
    g_assert_cmpstr(done->record->code, ==, NULL);
    g_assert_true(done->record->resumed);
    g_assert_cmpstr(done->record->unit->imei, ==, pulled->record->unit->imei);
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_DONE);
    kl_line_rig_assert_deserved(armed.rig, 1, done->record);
}

/* Stop after current: what runs goes on, what comes in is left alone. */
static void
test_stop(void)
{
    const KlSimOptions options = {.units = 3, .one_port = TRUE};
    g_auto(Armed) armed = {0};
    arm(&armed, &options, 2, 8);
    set_door(&armed, TRUE);
    wait_plug(&armed, 1, TRUE);
    wait_plug(&armed, 2, TRUE);
    wait_at_door(&armed, 2);
    kl_batch_stop(armed.batch);
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_STOPPING);
    g_assert_cmpuint(kl_batch_running(armed.batch), ==, 2);
    replace(&armed, 3, 2);
    wait_plug(&armed, 3, TRUE);
    g_assert_cmpuint(kl_batch_running(armed.batch), ==, 2);
    set_door(&armed, FALSE);
    for (guint i = 0; i < 2; i++) {
        g_autoptr(KlEvent) event = next_end(&armed);
        g_assert_cmpstr(event->record->code, ==, NULL);
    }
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_DONE);
    g_assert_cmpuint(kl_batch_left(armed.batch), ==, 6);
    g_assert_cmpuint(kl_batch_records(armed.batch)->len, ==, 2);
}

/* A station error: nothing more is started until the line may go on, then also the unit that met it. */
static void
test_station_error(void)
{
    const KlSimOptions options = {.units = 2, .one_port = TRUE};
    g_auto(Armed) armed = {0};
    arm(&armed, &options, 1, 2);
    armed.door.broken = TRUE; /* nothing runs yet */
    g_autoptr(KlEvent) broken = next_end(&armed);
    g_assert_cmpstr(broken->record->code, ==, kl_error_name(KL_ERROR_TOKEN_FAILED));
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_STOPPED);
    replace(&armed, 2, 1);
    wait_plug(&armed, 2, TRUE);
    g_assert_cmpuint(kl_batch_running(armed.batch), ==, 0);
    kl_batch_resume(armed.batch); /* the line is stopped still */
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_STOPPED);

    kl_line_resume(armed.line);
    kl_batch_resume(armed.batch);
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_ARMED);
    g_assert_cmpuint(kl_batch_left(armed.batch), ==, 2);
    g_assert_cmpuint(kl_batch_running(armed.batch), ==, 2);
    for (guint i = 0; i < 2; i++) {
        g_autoptr(KlEvent) event = next_end(&armed);
        g_assert_cmpstr(event->record->code, ==, NULL);
    }
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_DONE);
    assert_sql(&armed, "SELECT count(*), count(DISTINCT imei) FROM jobs WHERE outcome = 'PASS'", "2|2");
}

/* What stood there before the batch was armed, and a job that somebody else has started. */
static void
test_present(void)
{
    const KlSimOptions options = {.units = 2, .one_port = TRUE};
    g_auto(Armed) armed = {0};
    g_autoptr(GError) error = NULL;
    arm(&armed, &options, 2, 2);
    set_door(&armed, TRUE);
    KlJobRequest request = {.batch = kl_batch_id(armed.batch), .work_order = "W1"};
    kl_line_start(armed.line, "01", &request, &error);
    g_assert_no_error(error);
    kl_batch_present(armed.batch, "01", 1234);
    g_assert_cmpuint(kl_batch_running(armed.batch), ==, 1);
    kl_batch_present(armed.batch, "02", 5678);
    g_assert_cmpuint(kl_batch_running(armed.batch), ==, 2);
    wait_at_door(&armed, 2);
    set_door(&armed, FALSE);
    while (kl_batch_state(armed.batch) != KL_BATCH_DONE)
        kl_event_free(next(&armed));
    g_assert_cmpuint(kl_batch_records(armed.batch)->len, ==, 2);
    assert_sql(&armed, "SELECT count(*) FROM jobs", "2");
}

/* A job that is nobody's, or of another batch, is none of this one's. */
static void
test_foreign(void)
{
    const KlSimOptions options = {.units = 1, .one_port = TRUE};
    g_auto(Armed) armed = {0};
    g_autoptr(GError) error = NULL;
    arm(&armed, &options, 1, 1);
    const KlJobRequest request = {0};
    kl_line_start(armed.line, "01", &request, &error);
    g_assert_no_error(error);
    armed.foreign = TRUE;
    kl_event_free(next_end(&armed));
    g_assert_cmpuint(kl_batch_left(armed.batch), ==, 1);
    g_assert_cmpuint(kl_batch_records(armed.batch)->len, ==, 0);
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_ARMED);
}

/* While it stops, jobs that others begin are none of it; its own end it. */
static void
test_stopping(void)
{
    const KlSimOptions options = {.units = 2, .one_port = TRUE};
    g_auto(Armed) armed = {0};
    g_autoptr(GError) error = NULL;
    arm(&armed, &options, 1, 8);
    set_door(&armed, TRUE);
    wait_plug(&armed, 1, TRUE);
    wait_at_door(&armed, 1);
    kl_batch_stop(armed.batch);
    replace(&armed, 2, 1);
    wait_plug(&armed, 2, TRUE);
    const KlJobRequest request = {.operator_id = "bob"};
    kl_line_start(armed.line, "02", &request, &error);
    g_assert_no_error(error);
    while (!armed.running[2])
        kl_event_free(next(&armed));
    g_assert_cmpuint(kl_batch_running(armed.batch), ==, 1);
    wait_at_door(&armed, 2);
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_STOPPING);
    set_door(&armed, FALSE);
    while (armed.running[1]) {
        g_autoptr(KlEvent) event = kl_queue_pop(armed.events, g_get_monotonic_time() + WAIT_US);
        g_assert_nonnull(event);
        armed.running[1] = !(event->type == KL_EVENT_JOB_END && slot_of(event) == 1);
        kl_batch_event(armed.batch, event);
    }
    g_assert_cmpint(kl_batch_state(armed.batch), ==, KL_BATCH_DONE);
    g_assert_cmpuint(kl_batch_records(armed.batch)->len, ==, 1);
}

/* A product that wants labels is not for batches. */
static void
test_labels(void)
{
    const KlSimOptions options = {.units = 1};
    const char *const product[] = {"id.label-required=true", NULL};
    const KlJobRequest request = {0};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_batch_new(rig->line, kl_station_profile(rig->station), &request, 1, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_LABEL_MISSING);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/batch-line/swap", test_swap);
    g_test_add_func("/batch-line/failed", test_failed);
    g_test_add_func("/batch-line/pulled", test_pulled);
    g_test_add_func("/batch-line/stop", test_stop);
    g_test_add_func("/batch-line/station-error", test_station_error);
    g_test_add_func("/batch-line/present", test_present);
    g_test_add_func("/batch-line/foreign", test_foreign);
    g_test_add_func("/batch-line/stopping", test_stopping);
    g_test_add_func("/batch-line/labels", test_labels);
    return g_test_run();
}
