/* A whole hub of 64 units on the rigged USB bus, with a batch armed: how soon the station sees what is plugged in and
 * pulled out, whether 64 units are slower than one, what a hung one costs the others, and what waiting costs. The
 * simulator has its part in all times, and in the processor's share. */
#include <openssl/crypto.h>
#include <sys/resource.h>

#include "drivers/at_wp77/sim/sim_hub.h"
#include "station/batch.h"
#include "tests/bench/bench.h"
#include "tests/rig/line_rig.h"

#define ROWS 8
#define COLUMNS 8
#define SLOTS (ROWS * COLUMNS)
#define DEVICE_MS 5000 /* of their own, as in bench-scaling */
#define ROUNDS 5
#define HUNG_SLOT 1
#define IDLE_S 5
#define IDENTIFIED_MS_MAX 1000
#define REMOVED_MS_MAX 200
#define SCALING_MIN 95
#define DELAY_MS_MAX 100
#define HEAP_SIZE (1024 * 1024)
#define HEAP_SMALLEST 32
#define IDLE_SHARE_MAX 2

typedef struct {
    char **places;
    KlSimBus *bus;
    KlLineRig *rig;
    guint next_index;
    /* While it is armed. */
    KlQueue *events;
    KlLine *line;
    KlBatch *batch;
} Hub;

/* --- the hub --- */

/* Its ports are empty. key_ms: what units take for their keys; otherwise they are as fast as can be. */
static Hub
hub_new(guint key_ms)
{
    static const KlSimHub shape = {ROWS, COLUMNS};
    g_autoptr(GError) error = NULL;
    Hub hub = {.places = kl_sim_hub_places(&shape), .bus = kl_sim_bus_new(&error)};
    kl_bench_check(error);
    kl_sim_hub_add(&shape, hub.bus, KL_SIM_HUB_PER_PORT, TRUE, &error);
    kl_bench_check(error);
    const KlSimOptions options = {.units = SLOTS,
                                  .key_ms_min = key_ms,
                                  .key_ms_max = key_ms,
                                  .bus = hub.bus,
                                  .places = (const char *const *)hub.places};
    hub.rig = kl_line_rig_new(&options, NULL);
    g_clear_pointer(&hub.rig->line, kl_line_free);
    for (guint slot = 1; slot <= SLOTS; slot++)
        kl_sim_unplug(hub.rig->sim, slot);
    hub.next_index = SLOTS;
    return hub;
}

static void
hub_clear(Hub *hub)
{
    kl_line_rig_free(hub->rig);
    kl_sim_bus_free(hub->bus);
    g_strfreev(hub->places);
}

/* A unit that nobody has seen before. */
static void
plug_in(Hub *hub, guint slot, const char *const *faults)
{
    g_autoptr(GError) error = NULL;
    kl_sim_replace(hub->rig->sim, slot, hub->next_index++, faults, &error);
    kl_bench_check(error);
}

static void
keep(KlEvent *event, gpointer events)
{
    if (!kl_queue_push(events, event))
        kl_event_free(event);
}

static void
arm(Hub *hub)
{
    static const KlJobRequest request = {.operator_id = "bench"};
    g_autoptr(GError) error = NULL;
    const KlBench *bench = kl_station_bench(hub->rig->station);
    hub->events = kl_queue_new((GDestroyNotify)kl_event_free);
    hub->line = kl_line_new(kl_station_config(hub->rig->station), bench, keep, hub->events);
    hub->batch = kl_batch_new(hub->line, bench->profile, &request, G_MAXINT, &error);
    kl_bench_check(error);
}

static void
disarm(Hub *hub)
{
    g_clear_pointer(&hub->batch, kl_batch_free);
    g_clear_pointer(&hub->line, kl_line_free);
    g_clear_pointer(&hub->events, kl_queue_free);
}

static guint
slot_of(const KlEvent *event)
{
    return (guint)g_ascii_strtoull(event->slot, NULL, 10);
}

static gboolean
is_removal(const KlEvent *event)
{
    return event->type == KL_EVENT_PRESENCE && event->plug == 0;
}

/* The next event of that type, which the batch has dealt with; of PRESENCE only removals. */
static KlEvent *
next_event(Hub *hub, KlEventType type)
{
    for (;;) {
        g_autoptr(KlEvent) event = kl_queue_pop(hub->events, G_MAXINT64);
        kl_batch_event(hub->batch, event);
        if (event->type == type && (type != KL_EVENT_PRESENCE || is_removal(event)))
            return g_steal_pointer(&event);
    }
}

static void
check_passed(const KlRecord *record)
{
    if (record->outcome != KL_OUTCOME_PASS)
        g_error("slot %s: %s: %s", record->slot, record->code, record->detail);
}

/* Waits for that many removals or ends of jobs, which all have to be PASS. */
static void
skip_events(Hub *hub, KlEventType type, guint count)
{
    for (guint i = 0; i < count; i++) {
        g_autoptr(KlEvent) event = next_event(hub, type);
        if (type == KL_EVENT_JOB_END)
            check_passed(event->record);
    }
}

/* --- arrival and removal --- */

static void
sample_ms(GArray *samples, const KlEvent *event, gint64 from_us)
{
    kl_bench_sample(samples, (double)(event->time_us - from_us) / 1e3);
}

/* Unit after unit into the empty line, and out again after its verdict. */
static void
bench_one_by_one(Hub *hub)
{
    g_autoptr(GArray) identified = kl_bench_samples_new();
    g_autoptr(GArray) removed = kl_bench_samples_new();
    for (guint slot = 1; slot <= SLOTS; slot++) {
        gint64 from_us = g_get_monotonic_time();
        plug_in(hub, slot, NULL);
        g_autoptr(KlEvent) unit = next_event(hub, KL_EVENT_UNIT);
        sample_ms(identified, unit, from_us);
        skip_events(hub, KL_EVENT_JOB_END, 1);
        from_us = g_get_monotonic_time();
        kl_sim_unplug(hub->rig->sim, slot);
        g_autoptr(KlEvent) gone = next_event(hub, KL_EVENT_PRESENCE);
        sample_ms(removed, gone, from_us);
    }
    kl_bench_row("hub-identified-p50", kl_bench_percentile(identified, 50), "ms");
    kl_bench_row_at_most("hub-identified-p95", kl_bench_percentile(identified, 95), "ms", IDENTIFIED_MS_MAX);
    kl_bench_row("hub-removed-p50", kl_bench_percentile(removed, 50), "ms");
    kl_bench_row_at_most("hub-removed-p95", kl_bench_percentile(removed, 95), "ms", REMOVED_MS_MAX);
}

/* All at once, while the first ones are worked on already. */
static void
bench_burst_in(Hub *hub)
{
    g_autoptr(GArray) samples = kl_bench_samples_new();
    gint64 from_us[SLOTS + 1];
    for (guint slot = 1; slot <= SLOTS; slot++) {
        from_us[slot] = g_get_monotonic_time();
        plug_in(hub, slot, NULL);
    }
    guint ends = 0;
    while (samples->len < SLOTS || ends < SLOTS) {
        g_autoptr(KlEvent) event = kl_queue_pop(hub->events, G_MAXINT64);
        kl_batch_event(hub->batch, event);
        if (event->type == KL_EVENT_UNIT)
            sample_ms(samples, event, from_us[slot_of(event)]);
        if (event->type == KL_EVENT_JOB_END) {
            check_passed(event->record);
            ends++;
        }
    }
    kl_bench_row_at_most("hub-burst-identified-p95", kl_bench_percentile(samples, 95), "ms", IDENTIFIED_MS_MAX);
}

static void
bench_burst_out(Hub *hub)
{
    g_autoptr(GArray) samples = kl_bench_samples_new();
    gint64 from_us[SLOTS + 1];
    for (guint slot = 1; slot <= SLOTS; slot++) {
        from_us[slot] = g_get_monotonic_time();
        kl_sim_unplug(hub->rig->sim, slot);
    }
    while (samples->len < SLOTS) {
        g_autoptr(KlEvent) event = next_event(hub, KL_EVENT_PRESENCE);
        sample_ms(samples, event, from_us[slot_of(event)]);
    }
    kl_bench_row_at_most("hub-burst-removed-p95", kl_bench_percentile(samples, 95), "ms", REMOVED_MS_MAX);
}

/* --- waiting --- */

static double
cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
bench_idle(const char *name)
{
    double from = kl_bench_now();
    double used = cpu_seconds();
    g_usleep(IDLE_S * G_USEC_PER_SEC);
    kl_bench_row_at_most(name, 100 * (cpu_seconds() - used) / (kl_bench_now() - from), "%", IDLE_SHARE_MAX);
}

static void
bench_presence(void)
{
    Hub hub = hub_new(0);
    arm(&hub);
    skip_events(&hub, KL_EVENT_PRESENCE, SLOTS); /* as told at the start */
    bench_one_by_one(&hub);
    bench_idle("hub-idle-empty");
    bench_burst_in(&hub);
    bench_idle("hub-idle-full");
    bench_burst_out(&hub);
    disarm(&hub);
    hub_clear(&hub);
}

/* --- side by side --- */

/* Seconds from the arming of the line, whose first slots have a unit, to the end of the last one; the hung one's end
 * is nobody's concern. */
static double
work(Hub *hub, guint units, const char *const *faults_of_hung)
{
    for (guint slot = 1; slot <= units; slot++)
        plug_in(hub, slot, slot == HUNG_SLOT ? faults_of_hung : NULL);
    double from = kl_bench_now();
    double last = from;
    arm(hub);
    for (guint left = faults_of_hung != NULL ? units - 1 : units; left > 0;) {
        g_autoptr(KlEvent) end = next_event(hub, KL_EVENT_JOB_END);
        if (faults_of_hung != NULL && slot_of(end) == HUNG_SLOT)
            continue;
        check_passed(end->record);
        last = (double)end->time_us / G_USEC_PER_SEC;
        left--;
    }
    disarm(hub);
    for (guint slot = 1; slot <= units; slot++)
        kl_sim_unplug(hub->rig->sim, slot);
    return last - from;
}

/* Rounds of all cases, so that what else the machine does hits all of them. */
static void
bench_side_by_side(void)
{
    static const char *const silent[] = {"no-answer", NULL};
    static const char *const silent_later[] = {"no-answer@key", NULL};
    g_autoptr(GArray) scaling = kl_bench_samples_new();
    g_autoptr(GArray) delay = kl_bench_samples_new();
    g_autoptr(GArray) delay_later = kl_bench_samples_new();
    Hub hub = hub_new(DEVICE_MS);
    for (guint round = 0; round < ROUNDS; round++) {
        double alone = work(&hub, 1, NULL);
        double all = work(&hub, SLOTS, NULL);
        kl_bench_sample(scaling, 100 * alone / all);
        kl_bench_sample(delay, 1e3 * (work(&hub, SLOTS, silent) - all));
        kl_bench_sample(delay_later, 1e3 * (work(&hub, SLOTS, silent_later) - all));
    }
    hub_clear(&hub);
    kl_bench_row_at_least("hub-scaling-64", kl_bench_percentile(scaling, 50), "%", SCALING_MIN);
    kl_bench_row_at_most("hub-hung-at-once", kl_bench_percentile(delay, 50), "ms", DELAY_MS_MAX);
    kl_bench_row_at_most("hub-hung-in-work", kl_bench_percentile(delay_later, 50), "ms", DELAY_MS_MAX);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    kl_sim_bus_enter(argv, &error);
    kl_bench_check(error);
    /* The units make their keys in this process: the heap that is enough for a station's own is not for theirs. */
    CRYPTO_secure_malloc_init(HEAP_SIZE, HEAP_SMALLEST);
    kl_bench_init();
    bench_presence();
    bench_side_by_side();
    return 0;
}
