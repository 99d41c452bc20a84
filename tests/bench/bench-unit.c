/* What the station costs per unit when units take no time of their own, and where that goes: the module (here the
 * simulator, which makes and uses real keys on the same processor), the disk, the station itself. */
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/rig/line_rig.h"

#define UNITS 200
#define OVERHEAD_MS_MAX 150

/* One unit's time in milliseconds. */
typedef struct {
    double wall, device, disk;
} Cost;

static void
pass_on(KlEvent *event, gpointer events)
{
    if (!kl_queue_push(events, event))
        kl_event_free(event);
}

static void
add_steps(Cost *cost, const KlRecord *record)
{
    if (record->outcome != KL_OUTCOME_PASS)
        g_error("unit %s: %s: %s", record->unit != NULL ? record->unit->imei : "?", record->code, record->detail);
    for (guint i = 0; i < record->steps->len; i++) {
        const KlStepResult *step = g_ptr_array_index(record->steps, i);
        cost->device += step->device_us / 1e3;
        cost->disk += step->store_us / 1e3;
    }
}

/* Two commits are in no step's account: that of the job's beginning, before the first step, and that of its record, a
 * step that can't be part of the record. The events tell how long they took. */
static Cost
provision(KlLine *line, const char *slot, KlQueue *events)
{
    static const KlJobRequest request = {.operator_id = "bench"};
    g_autoptr(GError) error = NULL;
    Cost cost = {0};
    gint64 commit_us = 0;
    double start = kl_bench_now();
    kl_line_start(line, slot, &request, &error);
    kl_bench_check(error);
    for (;;) {
        g_autoptr(KlEvent) event = kl_queue_pop(events, G_MAXINT64);
        gboolean is_record = g_strcmp0(event->step, "record") == 0;
        if (event->type == KL_EVENT_JOB_BEGIN || (event->type == KL_EVENT_STEP_BEGIN && is_record)) {
            commit_us = event->time_us;
        } else if (commit_us != 0 && (event->type == KL_EVENT_STEP_BEGIN || event->type == KL_EVENT_STEP_END)) {
            cost.disk += (event->time_us - commit_us) / 1e3;
            commit_us = 0;
        } else if (event->type == KL_EVENT_JOB_END) {
            cost.wall = (kl_bench_now() - start) * 1e3;
            add_steps(&cost, event->record);
            return cost;
        }
    }
}

static void
report(GArray *wall, const Cost *total)
{
    double host = total->wall - total->device - total->disk;
    kl_bench_row("unit-p50", kl_bench_percentile(wall, 50), "ms");
    kl_bench_row_at_most("unit-p95", kl_bench_percentile(wall, 95), "ms", OVERHEAD_MS_MAX);
    kl_bench_row("unit-device", total->device / UNITS, "ms");
    kl_bench_row("unit-disk", total->disk / UNITS, "ms");
    kl_bench_row("unit-host", host / UNITS, "ms");
    kl_bench_row("unit-device-share", 100 * total->device / total->wall, "%");
    kl_bench_row("unit-disk-share", 100 * total->disk / total->wall, "%");
    kl_bench_row("unit-host-share", 100 * host / total->wall, "%");
}

int
main(void)
{
    kl_bench_init();
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) wall = kl_bench_samples_new();
    const KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    const KlConfig *config = kl_station_config(rig->station);
    const KlSlotConfig *slot = g_ptr_array_index(config->slots, 0);
    g_autoptr(KlQueue) events = kl_queue_new((GDestroyNotify)kl_event_free);
    KlLine *line = kl_line_new(config, kl_station_bench(rig->station), pass_on, events);

    Cost total = {0};
    for (guint i = 0; i < UNITS; i++) {
        if (i > 0)
            kl_sim_replace(rig->sim, 1, i, NULL, &error);
        kl_bench_check(error);
        Cost cost = provision(line, slot->name, events);
        kl_bench_sample(wall, cost.wall);
        total.wall += cost.wall;
        total.device += cost.device;
        total.disk += cost.disk;
    }
    kl_line_free(line);
    report(wall, &total);
    return 0;
}
