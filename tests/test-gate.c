/* What many slots share does not make one of them wait for nothing, fail, or starve: the signer's gate, the store, a
 * unit that hangs. */
#include "station/gate.h"

#include <pthread.h>
#include <stdatomic.h>

#include "station/job_steps.h"
#include "tests/rig/job_trace.h"

#define SLOTS 16
#define SIGNER_MS 300

/* --- the gate --- */

typedef struct {
    KlGate *gate;
    KlQueue *entered; /* numbers of those who entered, in order */
    guint number;     /* 1.. */
    GCancellable *cancel;
    GError *error;
    pthread_t thread;
} Visitor;

static void *
visit(void *data)
{
    Visitor *visitor = data;
    if (!kl_gate_enter(visitor->gate, visitor->cancel, &visitor->error))
        return NULL;
    kl_queue_push(visitor->entered, GUINT_TO_POINTER(visitor->number));
    kl_gate_leave(visitor->gate);
    return NULL;
}

/* Starts one after the other, each when the one before it stands in the queue. */
static void
queue_up(Visitor *visitors, guint n, KlGate *gate, KlQueue *entered)
{
    for (guint i = 0; i < n; i++) {
        visitors[i] = (Visitor){gate, entered, i + 1, g_cancellable_new()};
        g_assert_cmpint(pthread_create(&visitors[i].thread, NULL, visit, &visitors[i]), ==, 0);
        while (kl_gate_waiting(gate) < i + 1)
            g_usleep(100);
    }
}

static void
see_off(Visitor *visitors, guint n)
{
    for (guint i = 0; i < n; i++) {
        pthread_join(visitors[i].thread, NULL);
        g_object_unref(visitors[i].cancel);
        g_clear_error(&visitors[i].error);
    }
}

static void
test_first_come(void)
{
    g_autoptr(KlGate) gate = kl_gate_new(1);
    g_autoptr(KlQueue) entered = kl_queue_new(NULL);
    Visitor visitors[SLOTS];
    g_assert_true(kl_gate_enter(gate, NULL, NULL));
    queue_up(visitors, SLOTS, gate, entered);
    g_assert_null(kl_queue_pop(entered, 0));
    kl_gate_leave(gate);
    for (guint i = 1; i <= SLOTS; i++)
        g_assert_cmpuint(GPOINTER_TO_UINT(kl_queue_pop(entered, G_MAXINT64)), ==, i);
    see_off(visitors, SLOTS);
}

/* Whoever is stopped leaves the queue, wherever it stands; the order of the others stays. */
static void
test_stopped(void)
{
    g_autoptr(KlGate) gate = kl_gate_new(1);
    g_autoptr(KlQueue) entered = kl_queue_new(NULL);
    Visitor visitors[4];
    g_assert_true(kl_gate_enter(gate, NULL, NULL));
    queue_up(visitors, 4, gate, entered);
    g_cancellable_cancel(visitors[0].cancel);
    g_cancellable_cancel(visitors[2].cancel);
    while (kl_gate_waiting(gate) > 2)
        g_usleep(100);
    kl_gate_leave(gate);
    g_assert_cmpuint(GPOINTER_TO_UINT(kl_queue_pop(entered, G_MAXINT64)), ==, 2);
    g_assert_cmpuint(GPOINTER_TO_UINT(kl_queue_pop(entered, G_MAXINT64)), ==, 4);
    for (guint i = 0; i < 4; i++)
        pthread_join(visitors[i].thread, NULL);
    g_assert_error(visitors[0].error, KL_ERROR, KL_ERROR_CANCELLED);
    g_assert_error(visitors[2].error, KL_ERROR, KL_ERROR_CANCELLED);
    g_assert_no_error(visitors[1].error);
    for (guint i = 0; i < 4; i++) {
        g_object_unref(visitors[i].cancel);
        g_clear_error(&visitors[i].error);
    }
    /* Nobody has taken a place along. */
    g_assert_true(kl_gate_enter(gate, NULL, NULL));
    kl_gate_leave(gate);
}

static void
test_places(void)
{
    g_autoptr(KlGate) two = kl_gate_new(2);
    g_autoptr(KlGate) any = kl_gate_new(0);
    g_autoptr(KlQueue) entered = kl_queue_new(NULL);
    Visitor third;
    for (guint i = 0; i < 100; i++)
        g_assert_true(kl_gate_enter(any, NULL, NULL));
    g_assert_true(kl_gate_enter(NULL, NULL, NULL));
    g_assert_true(kl_gate_enter(two, NULL, NULL));
    g_assert_true(kl_gate_enter(two, NULL, NULL));
    queue_up(&third, 1, two, entered);
    g_assert_null(kl_queue_pop(entered, 0));
    kl_gate_leave(two);
    g_assert_cmpuint(GPOINTER_TO_UINT(kl_queue_pop(entered, G_MAXINT64)), ==, 1);
    see_off(&third, 1);
}

/* --- time that is not the unit's --- */

#define SLOW_US (20 * G_TIME_SPAN_MILLISECOND)

static gboolean
slow_begin(KlStore *store, const KlRecord *record, GError **error)
{
    g_usleep(SLOW_US);
    return TRUE;
}

static gboolean
slow_self_test(KlSigner *signer, const KlProfile *profile, gint64 now, GError **error)
{
    g_usleep(SLOW_US);
    return TRUE;
}

static gint64 seen_us; /* until when the signer was told that there is time */

/* What asks the operation when its time is up, as everything does that calls AWS or a token. */
static KlCertificate *
careful_issue(KlSigner *signer, const KlIssueRequest *request, KlOp *op, GError **error)
{
    seen_us = op->deadline_us;
    return g_new0(KlCertificate, 1);
}

static gboolean
slow_activate(KlSigner *signer, const KlCertificate *certificate, KlOp *op, GError **error)
{
    g_usleep(SLOW_US);
    return TRUE;
}

/* Leaves when somebody has waited for it that long. */
static void *
hold(void *gate)
{
    while (kl_gate_waiting(gate) == 0)
        g_usleep(100);
    g_usleep(SLOW_US);
    kl_gate_leave(gate);
    return NULL;
}

/* The attempt has so much more time now, and what it was at before. */
static gint64
given_us(const KlOp *op, gint64 *due_us)
{
    gint64 given = op->deadline_us - *due_us;
    *due_us = op->deadline_us;
    return given;
}

/* What each of them takes, the attempt is given back; and nothing that it did not take. */
static void
test_not_held_against_the_unit(void)
{
    static const KlStoreClass store_class = {.job_begin = slow_begin};
    static const KlSignerClass signer_class = {
        .self_test = slow_self_test, .issue = careful_issue, .activate = slow_activate};
    KlStore store = {&store_class};
    KlSigner signer = {&signer_class};
    g_autoptr(KlGate) gate = kl_gate_new(1);
    KlBench bench = {.store = &store, .signer = &signer, .signing = gate};
    const gint64 from_us = g_get_monotonic_time();
    KlOp op = {.deadline_us = from_us + G_TIME_SPAN_HOUR};
    gint64 due_us = op.deadline_us;
    KlJob job = {.bench = &bench, .op = &op};
    g_autoptr(GError) error = NULL;
    pthread_t holder;

    g_assert_true(KL_JOB_STORE(&job, job_begin, NULL, &error));
    g_assert_cmpint(job.store_us, >=, SLOW_US);
    g_assert_cmpint(given_us(&op, &due_us), ==, job.store_us);
    g_assert_true(kl_gate_enter(gate, NULL, NULL));
    g_assert_cmpint(pthread_create(&holder, NULL, hold, gate), ==, 0);
    g_assert_true(kl_job_self_test(&job, &op, &error));
    g_assert_cmpint(given_us(&op, &due_us), >=, 2 * SLOW_US); /* waiting, and the test */
    g_assert_no_error(error);
    pthread_join(holder, NULL);
    /* The waiting is over, and given back, before the signer looks at the time. */
    g_assert_true(kl_gate_enter(gate, NULL, NULL));
    g_assert_cmpint(pthread_create(&holder, NULL, hold, gate), ==, 0);
    g_autoptr(KlCertificate) certificate = kl_job_issue(&job, NULL, &op, &error);
    g_assert_no_error(error);
    g_assert_nonnull(certificate);
    g_assert_cmpint(seen_us - due_us, >=, SLOW_US);
    g_assert_cmpint(given_us(&op, &due_us), >=, SLOW_US);
    pthread_join(holder, NULL);
    /* What the cloud is asked needs no turn: who holds the gate meanwhile holds up nobody. */
    g_assert_true(kl_gate_enter(gate, NULL, NULL));
    g_assert_true(kl_job_activate(&job, certificate, &op, &error));
    kl_gate_leave(gate);
    g_assert_cmpint(given_us(&op, &due_us), >=, SLOW_US);
    /* What the unit needs is held against it. */
    g_assert_cmpint(due_us - from_us - G_TIME_SPAN_HOUR, <=, g_get_monotonic_time() - from_us);
}

/* --- whole lines --- */

static const KlSignerClass *quick;
static atomic_uint at_work, at_most;
static KlQueue *turns; /* IMEIs in the order of their turns */

static KlCertificate *
slow_issue(KlSigner *signer, const KlIssueRequest *request, KlOp *op, GError **error)
{
    guint now = atomic_fetch_add(&at_work, 1) + 1;
    if (now > atomic_load(&at_most))
        atomic_store(&at_most, now);
    kl_queue_push(turns, g_strdup(request->unit->imei));
    g_usleep(SIGNER_MS * 1000);
    KlCertificate *certificate = quick->issue(signer, request, op, error);
    atomic_fetch_sub(&at_work, 1);
    return certificate;
}

static void
push(KlEvent *event, gpointer queue)
{
    if (event->type != KL_EVENT_JOB_END || !kl_queue_push(queue, event))
        kl_event_free(event);
}

/* A signer that does one thing at a time, and slowly: every unit passes, and nobody is served twice. */
static void
test_slow_signer(void)
{
    KlSimOptions options = {.units = SLOTS, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(KlQueue) ends = kl_queue_new((GDestroyNotify)kl_event_free);
    g_autoptr(KlGate) gate = kl_gate_new(1);
    KlBench bench = *kl_station_bench(rig->station);
    KlSignerClass slow = *bench.signer->klass;
    KlJobRequest request = {0};
    quick = bench.signer->klass;
    slow.issue = slow_issue;
    bench.signer->klass = &slow;
    bench.signing = gate;
    turns = kl_queue_new(g_free);
    KlLine *line = kl_line_new(kl_station_config(rig->station), &bench, push, ends);
    for (guint i = 0; i < SLOTS; i++)
        g_assert_true(kl_line_start(line, ((KlSlotConfig *)kl_station_config(rig->station)->slots->pdata[i])->name,
                                    &request, NULL));
    g_autoptr(GHashTable) served = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < SLOTS; i++) {
        g_autoptr(KlEvent) end = kl_queue_pop(ends, G_MAXINT64);
        if (end->outcome != KL_OUTCOME_PASS || end->record->first_code != NULL)
            g_error("%s: %s %s", end->slot, end->record->first_code, end->record->detail);
        g_assert_true(g_hash_table_add(served, kl_queue_pop(turns, 0)));
    }
    g_assert_cmpuint(atomic_load(&at_most), ==, 1);
    kl_line_free(line);
    kl_queue_free(turns);
    bench.signer->klass = quick;
}

static const KlDriver *sound;
static atomic_bool hung;
static KlQueue *release;

/* The first unit that comes here hangs until it is let go. */
static gboolean
hang_install(KlDevice *device, const char *item, GBytes *data, KlOp *op, GError **error)
{
    if (!atomic_exchange(&hung, TRUE))
        kl_queue_pop(release, G_MAXINT64);
    return sound->install(device, item, data, op, error);
}

/* A unit that hangs in mid-command holds nothing that others need: they all end before it is let go. */
static void
test_hung_unit(void)
{
    KlSimOptions options = {.units = 8, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(KlQueue) ends = kl_queue_new((GDestroyNotify)kl_event_free);
    KlBench bench = *kl_station_bench(rig->station);
    KlDriver driver = *bench.driver;
    KlJobRequest request = {0};
    sound = bench.driver;
    driver.install = hang_install;
    bench.driver = &driver;
    release = kl_queue_new(NULL);
    KlLine *line = kl_line_new(kl_station_config(rig->station), &bench, push, ends);
    for (guint i = 0; i < rig->units; i++)
        g_assert_true(kl_line_start(line, ((KlSlotConfig *)kl_station_config(rig->station)->slots->pdata[i])->name,
                                    &request, NULL));
    for (guint n = 1; n <= rig->units; n++) {
        g_autoptr(KlEvent) end = kl_queue_pop(ends, g_get_monotonic_time() + 120 * G_USEC_PER_SEC);
        g_assert_nonnull(end);
        g_assert_cmpstr(end->code, ==, NULL);
        if (n == rig->units - 1)
            kl_queue_close(release);
    }
    kl_line_free(line);
    kl_queue_free(release);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gate/first-come", test_first_come);
    g_test_add_func("/gate/stopped", test_stopped);
    g_test_add_func("/gate/places", test_places);
    g_test_add_func("/gate/not-held-against-the-unit", test_not_held_against_the_unit);
    g_test_add_func("/gate/slow-signer", test_slow_signer);
    g_test_add_func("/gate/hung-unit", test_hung_unit);
    return g_test_run();
}
