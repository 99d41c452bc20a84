/* What rehearsing the first boot costs a unit: one at a time, and 64 side by side, beside units that are not rehearsed.
 */
#include "tests/bench/bench.h"
#include "tests/rig/line_rig.h"

#define ALONE 50
#define SIDE_BY_SIDE 64
#define ALONE_MS_MAX 150

/* The rehearsal alone, in milliseconds; 0 for a unit that had none. */
static double
rehearsal_ms(const KlRecord *record)
{
    double ms = 0;
    if (record->outcome != KL_OUTCOME_PASS)
        g_error("unit %s: %s: %s", record->unit != NULL ? record->unit->imei : "?", record->code, record->detail);
    for (guint i = 0; i < record->steps->len; i++) {
        const KlStepResult *step = g_ptr_array_index(record->steps, i);
        if (g_str_equal(step->step, "rehearse"))
            ms += step->duration_us / 1e3;
    }
    return ms;
}

static KlLineRig *
make_rig(guint units, gboolean rehearse)
{
    const char *const product[] = {rehearse ? "rehearsal.first-boot=true" : NULL, NULL};
    const KlSimOptions options = {.units = units};
    KlLineRig *rig = kl_line_rig_new(&options, product);
    g_autoptr(GError) error = NULL;
    kl_station_ready(rig->station, &error);
    kl_bench_check(error);
    return rig;
}

static void
alone(void)
{
    g_autoptr(GArray) samples = kl_bench_samples_new();
    g_autoptr(KlLineRig) rig = make_rig(1, TRUE);
    for (guint i = 0; i < ALONE; i++) {
        g_autoptr(GError) error = NULL;
        if (i > 0)
            kl_sim_replace(rig->sim, 1, i, NULL, &error);
        kl_bench_check(error);
        g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
        kl_bench_sample(samples, rehearsal_ms(record));
    }
    kl_bench_row("rehearsal-p50", kl_bench_percentile(samples, 50), "ms");
    kl_bench_row_at_most("rehearsal-p95", kl_bench_percentile(samples, 95), "ms", ALONE_MS_MAX);
}

/* Milliseconds of the line for each unit. */
static double
side_by_side(gboolean rehearse)
{
    g_autoptr(KlLineRig) rig = make_rig(SIDE_BY_SIDE, rehearse);
    double start = kl_bench_now();
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    double ms = (kl_bench_now() - start) * 1e3 / SIDE_BY_SIDE;
    for (guint i = 0; i < records->len; i++)
        g_assert_true((rehearsal_ms(records->pdata[i]) > 0) == rehearse);
    return ms;
}

int
main(void)
{
    kl_bench_init();
    alone();
    double without = side_by_side(FALSE), with = side_by_side(TRUE);
    kl_bench_row("line-64-unit", without, "ms");
    kl_bench_row("line-64-rehearsed-unit", with, "ms");
    return 0;
}
