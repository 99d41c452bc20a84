/* What a slot tells of what is plugged into it: when, in which order with the end of a job, and of which plug a verdict
 * is. */
#include <pthread.h>
#include <stdatomic.h>

#include "station/lookout.h"
#include "tests/rig/bent_driver.h"
#include "tests/rig/job_trace.h"

static void
push(KlEvent *event, gpointer queue)
{
    g_assert_true(kl_queue_push(queue, event));
}

static KlEvent *
pop(KlQueue *events)
{
    KlEvent *event = kl_queue_pop(events, g_get_monotonic_time() + 120 * G_USEC_PER_SEC);
    g_assert_nonnull(event);
    return event;
}

/* The next event of one of two kinds; the others are dropped. */
static KlEvent *
pop_kind(KlQueue *events, KlEventType one, KlEventType other)
{
    for (;;) {
        g_autoptr(KlEvent) event = pop(events);
        if (event->type == one || event->type == other)
            return g_steal_pointer(&event);
    }
}

/* --- a plug of the test's own --- */

static atomic_uint_fast64_t plug_now;

static guint64
fake_plug(const char *address)
{
    return atomic_load(&plug_now);
}

static void
assert_plugs(KlQueue *events, const char *expected)
{
    g_autoptr(GString) told = g_string_new(NULL);
    for (KlEvent *event = kl_queue_pop(events, 0); event != NULL; event = kl_queue_pop(events, 0)) {
        g_assert_cmpint(event->type, ==, KL_EVENT_PRESENCE);
        g_string_append_printf(told, "%s%" G_GUINT64_FORMAT, told->len > 0 ? " " : "", event->plug);
        kl_event_free(event);
    }
    g_assert_cmpstr(told->str, ==, expected);
}

static void
test_told_once(void)
{
    static const struct {
        guint64 plug;
        const char *told;
    } looks[] = {{0, "0"}, {0, ""}, {5, "5"}, {5, ""}, {6, "0 6"}, {0, "0"}, {7, "7"}, {7, ""}};
    KlSlotConfig config = {.name = (char *)"01", .agent = (char *)"pty:/nowhere"};
    KlBench bench = {.plug = fake_plug};
    g_autoptr(KlQueue) events = kl_queue_new((GDestroyNotify)kl_event_free);
    g_autoptr(KlSlot) slot = kl_slot_new(&config, &bench, push, events);
    for (guint i = 0; i < G_N_ELEMENTS(looks); i++) {
        atomic_store(&plug_now, looks[i].plug);
        kl_slot_look(slot);
        assert_plugs(events, looks[i].told);
    }
}

/* --- a real line --- */

/* From the beginning, before the CA is open; but nothing may be started. */
static void
test_locked_station(void)
{
    KlSimOptions options = {.units = 3};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlQueue) events = kl_queue_new((GDestroyNotify)kl_event_free);
    KlJobRequest request = {0};
    kl_line_rig_close(rig);
    kl_sim_unplug(rig->sim, 2);
    rig->station = kl_station_open(rig->station_dir, KL_STATION_RUN, NULL, &error);
    g_assert_no_error(error);
    g_assert_false(kl_station_unlocked(rig->station));
    g_autoptr(KlLine) line = kl_line_new(kl_station_config(rig->station), kl_station_bench(rig->station), push, events);
    for (guint i = 0; i < 3; i++) {
        g_autoptr(KlEvent) event = pop(events);
        g_assert_cmpint(event->type, ==, KL_EVENT_PRESENCE);
        g_assert_cmpint(event->plug != 0, ==, !g_str_equal(event->slot, "02"));
    }
    g_assert_false(kl_line_start(line, "01", &request, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_PASSPHRASE_MISSING);
    g_clear_pointer(&line, kl_line_free);
}

/* Pulled while the unit makes its key: told before the job, which still waits for it, has ended. */
static void
test_told_during_a_job(void)
{
    static const char *const product[] = {"product.restart-seconds=1", NULL};
    KlSimOptions options = {.units = 1, .key_ms_min = 20000, .key_ms_max = 20000};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    g_autoptr(KlQueue) events = kl_queue_new((GDestroyNotify)kl_event_free);
    KlJobRequest request = {0};
    g_autoptr(KlLine) line = kl_line_new(kl_station_config(rig->station), kl_station_bench(rig->station), push, events);
    g_autoptr(KlEvent) first = pop(events);
    g_assert_cmpuint(first->plug, !=, 0);
    g_assert_true(kl_line_start(line, "01", &request, NULL));
    for (gboolean key = FALSE; !key;) {
        g_autoptr(KlEvent) event = pop_kind(events, KL_EVENT_STEP_BEGIN, KL_EVENT_JOB_END);
        g_assert_cmpint(event->type, ==, KL_EVENT_STEP_BEGIN);
        key = g_str_equal(event->step, "key");
    }
    kl_sim_unplug(rig->sim, 1);
    g_autoptr(KlEvent) gone = pop_kind(events, KL_EVENT_PRESENCE, KL_EVENT_JOB_END);
    g_assert_cmpint(gone->type, ==, KL_EVENT_PRESENCE);
    g_assert_cmpuint(gone->plug, ==, 0);
    g_autoptr(KlEvent) end = pop_kind(events, KL_EVENT_PRESENCE, KL_EVENT_JOB_END);
    g_assert_cmpint(end->type, ==, KL_EVENT_JOB_END);
    g_assert_cmpstr(end->code, ==, kl_error_name(KL_ERROR_UNIT_REMOVED));
    g_assert_cmpuint(end->plug, ==, 0);
    g_clear_pointer(&line, kl_line_free);
}

/* --- the end of a job --- */

typedef struct {
    const char *name;
    const char *step;      /* at whose beginning something else is plugged in */
    guint64 verdict;       /* the plug that the verdict is about; the job began with 7 */
    const char *told_last; /* presences before JOB_END; the first is told at the start */
} Swap;

static const Swap swaps[] = {
    {"none", NULL, 7, "7"},
    {"before-the-last-word", "disconnect", 0, "7 0 8"},
    {"while-the-record-is-kept", "record", 7, "7 0 8"},
};

typedef struct {
    const Swap *swap;
    KlQueue *events;
} Swapper;

static void
swap_and_push(KlEvent *event, gpointer data)
{
    const Swapper *swapper = data;
    if (event->type == KL_EVENT_STEP_BEGIN && g_strcmp0(event->step, swapper->swap->step) == 0)
        atomic_store(&plug_now, 8);
    push(event, swapper->events);
}

/* Nobody but the slot itself looks here. */
static void
test_end(gconstpointer data)
{
    const Swap *swap = data;
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(KlQueue) events = kl_queue_new((GDestroyNotify)kl_event_free);
    Swapper swapper = {swap, events};
    KlJobRequest request = {0};
    KlBench bench = *kl_station_bench(rig->station);
    bench.plug = fake_plug;
    atomic_store(&plug_now, 7);
    g_autoptr(KlSlot) slot =
        kl_slot_new(kl_station_config(rig->station)->slots->pdata[0], &bench, swap_and_push, &swapper);
    g_autoptr(GString) told = g_string_new(NULL);
    kl_slot_look(slot);
    g_assert_true(kl_slot_start(slot, &request, NULL));
    for (gboolean ended = FALSE; !ended;) {
        g_autoptr(KlEvent) event = pop_kind(events, KL_EVENT_PRESENCE, KL_EVENT_JOB_END);
        ended = event->type == KL_EVENT_JOB_END;
        if (!ended)
            g_string_append_printf(told, "%s%" G_GUINT64_FORMAT, told->len > 0 ? " " : "", event->plug);
        else
            g_assert_cmpuint(event->plug, ==, swap->verdict);
    }
    g_assert_cmpstr(told->str, ==, swap->told_last);
}

/* A unit that fails without having said who it is: the verdict is about what is plugged in. */
static void
test_silent_unit(void)
{
    static const char *const faults[] = {"1:no-agent", NULL};
    KlSimOptions options = {.units = 1, .faults = faults};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    KlBench bench = *kl_station_bench(rig->station);
    KlPorts ports = kl_bent_ports(rig, 1);
    g_auto(KlJobTrace) trace = {0};
    bench.plug = fake_plug;
    atomic_store(&plug_now, 7);
    g_autoptr(KlRecord) record = kl_job_trace_run(&trace, &bench, "01", &ports);
    g_assert_cmpstr(record->code, ==, kl_error_name(KL_ERROR_NO_AGENT));
    g_assert_cmpuint(kl_job_trace_last(&trace, KL_EVENT_JOB_END)->plug, ==, 7);
}

/* --- the look-out and the bus --- */

static void
count_look(gpointer queue)
{
    g_assert_true(kl_queue_push(queue, GINT_TO_POINTER(1)));
}

#define POKES 200
#define QUICK_US (KL_LOOKOUT_EVERY_MS * G_TIME_SPAN_MILLISECOND / 3)

/* Most pokes are answered in a fraction of the interval; on a busy machine, some of a few hundred. Without being poked
 * it looks one interval after the last time, which is when each of these begins to wait. */
static void
test_poke(void)
{
    g_autoptr(KlQueue) looks = kl_queue_new(NULL);
    g_autoptr(KlLookout) lookout = kl_lookout_new(count_look, looks);
    guint quick = 0;
    g_assert_nonnull(kl_queue_pop(looks, G_MAXINT64));
    for (guint i = 0; i < POKES && quick < 10; i++) {
        while (kl_queue_pop(looks, 0) != NULL)
            continue;
        gint64 from_us = g_get_monotonic_time();
        kl_lookout_poke(lookout);
        g_assert_nonnull(kl_queue_pop(looks, G_MAXINT64));
        quick += g_get_monotonic_time() - from_us < QUICK_US;
    }
    g_assert_cmpuint(quick, ==, 10);
    /* It looks without being poked, too. */
    while (kl_queue_pop(looks, 0) != NULL)
        continue;
    g_assert_nonnull(kl_queue_pop(looks, G_MAXINT64));
}

typedef struct {
    KlBus base;
    pthread_mutex_t lock;
    KlBusWatch watch;
    gpointer data;
    atomic_bool ending;
} FakeBus;

static void
fake_watch(KlBus *base, KlBusWatch watch, gpointer data)
{
    FakeBus *bus = (FakeBus *)base;
    pthread_mutex_lock(&bus->lock);
    bus->watch = watch;
    bus->data = data;
    pthread_mutex_unlock(&bus->lock);
}

/* The bus's thread: a storm of arrivals and departures. */
static void *
storm(void *data)
{
    FakeBus *bus = data;
    while (!atomic_load(&bus->ending)) {
        atomic_fetch_add(&plug_now, 1);
        pthread_mutex_lock(&bus->lock);
        if (bus->watch != NULL)
            bus->watch(bus->data);
        pthread_mutex_unlock(&bus->lock);
        g_usleep(100);
    }
    return NULL;
}

/* The line takes the watch over and gives it back; each plug is told after the one before it was told as gone. */
static void
test_bus(void)
{
    static const KlBusClass klass = {.watch = fake_watch};
    FakeBus bus = {.base = {&klass}, .lock = PTHREAD_MUTEX_INITIALIZER};
    KlSlotConfig slot = {.name = (char *)"01", .agent = (char *)"usb:1-1"};
    KlConfig config = {.slots = g_ptr_array_new()};
    KlBench bench = {.plug = fake_plug, .bus = &bus.base};
    g_autoptr(KlQueue) events = kl_queue_new((GDestroyNotify)kl_event_free);
    pthread_t thread;
    g_ptr_array_add(config.slots, &slot);
    atomic_store(&plug_now, 1);
    g_assert_cmpint(pthread_create(&thread, NULL, storm, &bus), ==, 0);
    KlLine *line = kl_line_new(&config, &bench, push, events);
    guint64 before = 0;
    for (guint n = 0; n < 200; n++) {
        g_autoptr(KlEvent) event = pop(events);
        g_assert_cmpint(event->plug == 0, ==, before != 0);
        before = event->plug;
    }
    kl_line_free(line);
    pthread_mutex_lock(&bus.lock);
    g_assert_null(bus.watch);
    pthread_mutex_unlock(&bus.lock);
    atomic_store(&bus.ending, TRUE);
    pthread_join(thread, NULL);
    g_ptr_array_unref(config.slots);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/presence/told-once", test_told_once);
    g_test_add_func("/presence/locked-station", test_locked_station);
    g_test_add_func("/presence/told-during-a-job", test_told_during_a_job);
    for (guint i = 0; i < G_N_ELEMENTS(swaps); i++) {
        g_autofree char *name = g_strdup_printf("/presence/end/%s", swaps[i].name);
        g_test_add_data_func(name, &swaps[i], test_end);
    }
    g_test_add_func("/presence/silent-unit", test_silent_unit);
    g_test_add_func("/presence/poke", test_poke);
    g_test_add_func("/presence/bus", test_bus);
    return g_test_run();
}
