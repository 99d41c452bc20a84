/* Many units with faults drawn at random, through a few slots: no PASS that was not deserved, no record lost. The
 * number of units is KEYLINE_RANDOM_UNITS (default 48), the seed is GLib's (--seed). */
#include "drivers/at_wp77/sim/sim_fault.h"
#include "tests/rig/line_rig.h"

#define SLOTS 12
#define DEFAULT_UNITS 48

/* Faults that no station may let pass, however often it tries: they are how the unit is made, or they strike every
 * time. */
static gboolean
fatal(KlSimFaultId fault, gboolean always)
{
    switch (fault) {
    case KL_SIM_FAULT_SLOT_USED:
    case KL_SIM_FAULT_LOCKED:
    case KL_SIM_FAULT_DUPLICATE_KEY:
    case KL_SIM_FAULT_UNKNOWN_MODEL:
    case KL_SIM_FAULT_OLD_FIRMWARE:
    case KL_SIM_FAULT_NO_AGENT:
    case KL_SIM_FAULT_SOFTWARE_KEYSTORE:
        return TRUE;
    case KL_SIM_FAULT_CSR_BAD_SIGNATURE:
    case KL_SIM_FAULT_CSR_OTHER_KEY:
    case KL_SIM_FAULT_CSR_OTHER_CN:
    case KL_SIM_FAULT_CSR_RSA512:
    case KL_SIM_FAULT_BIT_FLIP:
    case KL_SIM_FAULT_COMMIT_ERROR:
    case KL_SIM_FAULT_WRONG_PROOF:
        return always;
    default:
        return FALSE;
    }
}

typedef struct {
    char *fault; /* NULL: a healthy unit */
    gboolean fatal;
    guint runs;
} Unit;

/* Half of the units are healthy. Silence that lasts is left to test-faults: it only takes time. */
static Unit
draw(void)
{
    Unit unit = {0};
    if (g_test_rand_int() % 2 == 0)
        return unit;
    for (;;) {
        KlSimFaultId fault = (KlSimFaultId)g_test_rand_int_range(0, KL_SIM_FAULTS);
        KlSimStep step = (KlSimStep)g_test_rand_int_range(0, KL_SIM_STEPS);
        const KlSimFaultKind *kind = kl_sim_fault_kind(fault);
        gboolean slow = fault == KL_SIM_FAULT_NO_ANSWER || fault == KL_SIM_FAULT_LATE || fault == KL_SIM_FAULT_GARBAGE;
        if (!(kind->steps & (1u << step)) || fault == KL_SIM_FAULT_DUPLICATE_IMEI ||
            (slow && step > KL_SIM_STEP_PRECHECK))
            continue;
        gboolean always = kind->trait || (!slow && g_test_rand_int() % 2 == 0);
        unit.fault = g_strdup_printf("%s@%s%s", kind->name, kl_sim_step_name(step), always ? "" : "*1");
        unit.fatal = fatal(fault, always);
        return unit;
    }
}

static void
put_in(const KlLineRig *rig, guint slot, guint index, Unit *unit)
{
    g_autoptr(GError) error = NULL;
    *unit = draw();
    const char *faults[] = {unit->fault, NULL};
    g_assert_true(kl_sim_replace(rig->sim, slot, index, faults, &error));
    g_assert_no_error(error);
}

static void
judge(const KlLineRig *rig, const KlRecord *record, guint slot, const Unit *unit)
{
    if (record->outcome == KL_OUTCOME_PASS) {
        if (unit->fatal)
            g_error("false PASS of a unit with %s", unit->fault);
        kl_line_rig_assert_deserved(rig, slot, record);
        return;
    }
    g_assert_cmpint(kl_error_from_name(record->code), >=, 0);
    if (unit->fault == NULL)
        g_error("a healthy unit failed: %s: %s", record->code, record->detail);
}

static guint
number_of_units(void)
{
    const char *wanted = g_getenv("KEYLINE_RANDOM_UNITS");
    return wanted != NULL ? (guint)g_ascii_strtoull(wanted, NULL, 10) : DEFAULT_UNITS;
}

/* Each unit gets up to three attempts, as an operator would give it, then the next one comes into the slot. */
static void
test_random(void)
{
    static const char *const product[] = {"key.backends=iks", NULL};
    guint wanted = number_of_units();
    KlSimOptions options = {.units = SLOTS, .seed = (guint64)g_test_rand_int(), .reconnect_ms = 30, .late_ms = 2500};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    Unit units[SLOTS + 1] = {0};
    guint next = SLOTS, running = 0, runs = 0, passed = 0;

    /* The first unit is done first, so that there is a key to duplicate. */
    g_autoptr(KlRecord) first = kl_line_rig_provision(rig, 1, NULL);
    judge(rig, first, 1, &units[1]);
    runs++;
    for (guint slot = 1; slot <= SLOTS; slot++, running++, runs++) {
        put_in(rig, slot, next++, &units[slot]);
        kl_line_rig_start(rig, slot, NULL);
    }
    while (running > 0) {
        g_autoptr(KlRecord) record = kl_line_rig_wait(rig);
        guint slot = (guint)g_ascii_strtoull(record->slot, NULL, 10);
        Unit *unit = &units[slot];
        judge(rig, record, slot, unit);
        gboolean pass = record->outcome == KL_OUTCOME_PASS;
        passed += pass ? 1 : 0;
        if (pass || ++unit->runs == 3) {
            g_clear_pointer(&unit->fault, g_free);
            if (next - SLOTS >= wanted) {
                running--;
                continue;
            }
            put_in(rig, slot, next++, unit);
        }
        kl_line_rig_start(rig, slot, NULL);
        runs++;
    }

    g_test_message("%u units, %u attempts, %u passed", next - SLOTS, runs, passed);
    g_autofree char *kept = kl_line_rig_sql(rig, "SELECT count(*) FROM jobs WHERE outcome <> 'RUNNING'");
    g_assert_cmpuint((guint)g_ascii_strtoull(kept, NULL, 10), ==, runs);
    g_autofree char *twice = kl_line_rig_sql(rig, "SELECT count(*) FROM (SELECT imei FROM certificates WHERE status = "
                                                  "'live' GROUP BY imei HAVING count(*) > 1)");
    g_assert_cmpstr(twice, ==, "0");
    g_autofree char *sound = kl_line_rig_sql(rig, "PRAGMA integrity_check; PRAGMA foreign_key_check");
    g_assert_cmpstr(sound, ==, "ok");
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/random/units", test_random);
    return g_test_run();
}
