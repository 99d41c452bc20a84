/* Every fault that the simulated line knows, at every step where it makes sense, side by side on one line: each ends in
 * its own code, never in a PASS that it does not deserve, and a healthy unit beside them passes. */
#include <string.h>

#include "drivers/at_wp77/sim/sim_fault.h"
#include "tests/rig/line_rig.h"

/* Fits the driver's limit for quick commands (2 s, with 1 s of grace): late, but not lost. What is left of it is
 * for a busy machine. */
#define LATE_MS 2100

typedef struct {
    KlSimFaultId fault;
    int step;          /* -1: any that has no row of its own */
    const char *codes; /* expected, one of these separated by spaces; "PASS": the station copes with it */
} Expectation;

static const Expectation expectations[] = {
    {KL_SIM_FAULT_NO_ANSWER, -1, "NO_ANSWER"},
    {KL_SIM_FAULT_GARBAGE, -1, "ANSWER_GARBLED"},
    {KL_SIM_FAULT_GARBAGE, KL_SIM_STEP_KEY, "PASS"}, /* the key was made: it is taken over */
    {KL_SIM_FAULT_ECHO, -1, "PASS"},
    {KL_SIM_FAULT_LATE, -1, "ANSWER_LATE"},
    {KL_SIM_FAULT_LATE, KL_SIM_STEP_KEY, "PASS"}, /* these may take longer than LATE_MS */
    {KL_SIM_FAULT_LATE, KL_SIM_STEP_CSR, "PASS"},
    {KL_SIM_FAULT_LATE, KL_SIM_STEP_VERIFY, "PASS"},
    {KL_SIM_FAULT_LATE, KL_SIM_STEP_LOCK, "PASS"},
    {KL_SIM_FAULT_CME, -1, "COMMAND_REFUSED"},
    {KL_SIM_FAULT_CME, KL_SIM_STEP_INSTALL, "INSTALL_REFUSED"},
    {KL_SIM_FAULT_DISCONNECT, -1, "PORT_GONE"},
    {KL_SIM_FAULT_DISCONNECT, KL_SIM_STEP_KEY, "PASS PORT_GONE"}, /* before, or after the key was made */
    {KL_SIM_FAULT_DISCONNECT, KL_SIM_STEP_ISSUE, "PASS"},         /* nobody talks to the unit meanwhile */
    {KL_SIM_FAULT_POWER_CUT, -1, "UNIT_RESTARTED"},
    {KL_SIM_FAULT_POWER_CUT, KL_SIM_STEP_CONNECT, "PORT_GONE"}, /* not known yet what it was before */
    {KL_SIM_FAULT_POWER_CUT, KL_SIM_STEP_IDENTIFY, "PORT_GONE"},
    {KL_SIM_FAULT_POWER_CUT, KL_SIM_STEP_KEY, "PASS UNIT_RESTARTED"},
    {KL_SIM_FAULT_POWER_CUT, KL_SIM_STEP_ISSUE, "PASS"},
    {KL_SIM_FAULT_POWER_CUT_BEFORE, -1, "UNIT_RESTARTED"},
    {KL_SIM_FAULT_POWER_CUT_AFTER, -1, "UNIT_RESTARTED"},
    {KL_SIM_FAULT_POWER_CUT_AFTER, KL_SIM_STEP_KEY, "PASS"},
    {KL_SIM_FAULT_TORN, -1, "INSTALL_REFUSED"},
    {KL_SIM_FAULT_BIT_FLIP, -1, "READBACK_MISMATCH"},
    {KL_SIM_FAULT_CSR_BAD_SIGNATURE, -1, "CSR_SIGNATURE"},
    {KL_SIM_FAULT_CSR_OTHER_KEY, -1, "CSR_KEY_MISMATCH"},
    {KL_SIM_FAULT_CSR_OTHER_CN, -1, "CSR_SUBJECT"},
    {KL_SIM_FAULT_CSR_RSA512, -1, "CSR_KEY_TYPE"},
    {KL_SIM_FAULT_COMMIT_ERROR, -1, "INSTALL_REFUSED"},
    {KL_SIM_FAULT_WRONG_PROOF, -1, "PROOF_FAILED"},
    {KL_SIM_FAULT_SLOT_USED, -1, "KEY_SLOT_USED"},
    {KL_SIM_FAULT_LOCKED, -1, "UNIT_LOCKED"},
    {KL_SIM_FAULT_DUPLICATE_IMEI, -1, "DUPLICATE_IMEI"},
    {KL_SIM_FAULT_DUPLICATE_KEY, -1, "DUPLICATE_KEY"},
    {KL_SIM_FAULT_UNKNOWN_MODEL, -1, "MODEL_UNKNOWN"},
    {KL_SIM_FAULT_OLD_FIRMWARE, -1, "FIRMWARE_REFUSED"},
    {KL_SIM_FAULT_NO_AGENT, -1, "NO_AGENT"},
    {KL_SIM_FAULT_SOFTWARE_KEYSTORE, -1, "KEYSTORE_REFUSED"},
};

typedef struct {
    KlSimFaultId fault;
    KlSimStep step;
} Case;

static const char *
expected_codes(const Case *c)
{
    const char *general = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(expectations); i++) {
        if (expectations[i].fault != c->fault)
            continue;
        if (expectations[i].step == (int)c->step)
            return expectations[i].codes;
        if (expectations[i].step < 0)
            general = expectations[i].codes;
    }
    if (general == NULL)
        g_error("fault %s has no expectation", kl_sim_fault_kind(c->fault)->name);
    return general;
}

/* Slot 1 stays healthy: it is the one whose IMEI and key others take. This product rehearses no first boot. */
static GArray *
all_cases(void)
{
    GArray *cases = g_array_new(FALSE, FALSE, sizeof(Case));
    for (guint fault = 0; fault < KL_SIM_FAULTS; fault++) {
        for (guint step = 0; step < KL_SIM_STEP_REHEARSE; step++) {
            Case c = {(KlSimFaultId)fault, (KlSimStep)step};
            if (kl_sim_fault_kind(c.fault)->steps & (1u << step))
                g_array_append_val(cases, c);
        }
    }
    return cases;
}

static GStrv
fault_options(GArray *cases)
{
    g_autoptr(GStrvBuilder) faults = g_strv_builder_new();
    for (guint i = 0; i < cases->len; i++) {
        const Case *c = &g_array_index(cases, Case, i);
        g_autofree char *fault =
            g_strdup_printf("%u:%s@%s", i + 2, kl_sim_fault_kind(c->fault)->name, kl_sim_step_name(c->step));
        g_strv_builder_add(faults, fault);
    }
    return g_strv_builder_end(faults);
}

static gboolean
matches(const KlRecord *record, const char *codes)
{
    const char *got = record->outcome == KL_OUTCOME_PASS ? "PASS" : record->code;
    g_auto(GStrv) allowed = g_strsplit(codes, " ", -1);
    return g_strv_contains((const char *const *)allowed, got);
}

/* What is said of a failure: all of it, and all of it kept. */
static void
assert_told(const KlLineRig *rig, const KlRecord *record)
{
    int code = kl_error_from_name(record->code);
    g_assert_cmpint(code, >=, 0);
    g_assert_cmpint(strlen(kl_error_words((KlErrorCode)code)), >, 0);
    g_assert_cmpint(strlen(kl_error_remedy((KlErrorCode)code)), >, 0);
    g_assert_nonnull(record->detail);
    g_autoptr(GError) error = NULL;
    KlStore *store = kl_station_store(rig->station);
    g_autoptr(KlRecord) kept = store->klass->record(store, record->id, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(kept->code, ==, record->code);
    g_assert_cmpint(kept->outcome, ==, record->outcome);
    g_assert_cmpuint(kept->steps->len, ==, record->steps->len);
    g_assert_nonnull(kept->transcript);
}

static guint
check_cases(const KlLineRig *rig, GArray *cases, GPtrArray *records)
{
    guint wrong = 0;
    for (guint i = 0; i < cases->len; i++) {
        const Case *c = &g_array_index(cases, Case, i);
        const KlRecord *record = records->pdata[i + 1];
        const char *codes = expected_codes(c);
        if (!matches(record, codes)) {
            wrong++;
            g_printerr("# %s@%s: %s %s, expected %s: %s (%u strikes)\n", kl_sim_fault_kind(c->fault)->name,
                       kl_sim_step_name(c->step), kl_outcome_name(record->outcome), record->code, codes, record->detail,
                       kl_sim_strikes(rig->sim, i + 2));
        }
        g_test_message("%s@%s: %s, %.1f s", kl_sim_fault_kind(c->fault)->name, kl_sim_step_name(c->step),
                       record->code != NULL ? record->code : "PASS",
                       (double)(record->ended_us - record->started_us) / G_USEC_PER_SEC);
        if (record->outcome == KL_OUTCOME_PASS)
            kl_line_rig_assert_deserved(rig, i + 2, record);
        else
            assert_told(rig, record);
    }
    return wrong;
}

static void
test_matrix(void)
{
    static const char *const product[] = {"key.backends=iks", "key.lock=true", NULL};
    g_autoptr(GArray) cases = all_cases();
    g_auto(GStrv) faults = fault_options(cases);
    KlSimOptions options = {
        .units = cases->len + 1, .faults = (const char *const *)faults, .late_ms = LATE_MS, .reconnect_ms = 50};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    g_autoptr(KlRecord) healthy = kl_line_rig_provision(rig, 1, NULL);
    g_assert_cmpint(healthy->outcome, ==, KL_OUTCOME_PASS);
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    g_assert_cmpuint(check_cases(rig, cases, records), ==, 0);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/faults/matrix", test_matrix);
    return g_test_run();
}
