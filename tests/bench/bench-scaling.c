/* Slots side by side: units that take five seconds of their own should take no longer because others are there. */
#include "tests/bench/bench.h"
#include "tests/rig/line_rig.h"

#define DEVICE_MS 5000
#define SCALING_MIN 95

/* Seconds from the first unit's start to the last one's end. */
static double
side_by_side(guint units)
{
    const KlSimOptions options = {.units = units, .key_ms_min = DEVICE_MS, .key_ms_max = DEVICE_MS};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    double start = kl_bench_now();
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    double seconds = kl_bench_now() - start;
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = g_ptr_array_index(records, i);
        if (record->outcome != KL_OUTCOME_PASS)
            g_error("slot %s: %s: %s", record->slot, record->code, record->detail);
    }
    return seconds;
}

int
main(void)
{
    kl_bench_init();
    double alone = side_by_side(1);
    kl_bench_row("scaling-alone", alone, "s");
    kl_bench_row_at_least("scaling-16", 100 * alone / side_by_side(16), "%", SCALING_MIN);
    kl_bench_row_at_least("scaling-64", 100 * alone / side_by_side(64), "%", SCALING_MIN);
    return 0;
}
