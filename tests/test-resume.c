/* A job that breaks off at any moment of the talk with the unit, and the one after it: nothing is lost, nothing is done
 * twice, nothing is taken for what it is not. What breaks off at the journal is in test-crash.c. */
#include <string.h>

#include "tests/case_step.h"
#include "tests/rig/bent_driver.h"

#define UNITS 48 /* more than a job has calls to the unit */

static void
assert_code(const KlRecord *record, KlErrorCode code)
{
    if (g_strcmp0(record->code, kl_error_name(code)) != 0)
        g_error("%s, expected %s: %s", record->code, kl_error_name(code), record->detail);
}

static void
assert_pass(const KlRecord *record)
{
    if (record->outcome != KL_OUTCOME_PASS)
        g_error("%s: %s", record->code, record->detail);
}

static void
assert_sql(const KlLineRig *rig, const char *sql, const char *expected)
{
    g_autofree char *answer = kl_line_rig_sql(rig, sql);
    if (g_strcmp0(answer, expected) != 0)
        g_error("%s\nis %s, expected %s", sql, answer, expected);
}

static char *
key_of(const KlLineRig *rig, guint slot)
{
    g_autofree char *command = g_strdup_printf("sha256sum < '%s/key-keyline.pem'", kl_sim_unit_dir(rig->sim, slot));
    return kl_line_rig_shell(rig, command);
}

typedef struct {
    const char *name;
    gboolean lock;
    const char *reason;
} Drill;

static const Drill drills[] = {
    {"first", FALSE, NULL},
    {"first-locked", TRUE, NULL},
    {"reprovision", FALSE, "the drill"},
    {"reprovision-locked", TRUE, "the drill"},
};

/* Each unit dies one call (CASE_STEP calls) later than the one before it, until one gets through. */
static void
test_dead(gconstpointer data)
{
    const Drill *drill = data;
    KlSimOptions options = {.units = UNITS, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    KlProfile profile = *kl_station_profile(rig->station);
    KlJobRequest request = {.reprovision_reason = drill->reason};
    profile.lock = drill->lock;
    guint n = 1;
    for (; n < UNITS; n += CASE_STEP) {
        KlBentDriver how = {.nth = n, .bend = KL_BEND_DIE};
        if (drill->reason != NULL) {
            g_autoptr(KlRecord) earlier = kl_bent_run(rig, n, NULL, &profile, NULL);
            assert_pass(earlier);
        }
        g_autoptr(KlRecord) broken = kl_bent_run(rig, n, &how, &profile, &request);
        g_assert_cmpint(broken->outcome == KL_OUTCOME_PASS, ==, !how.struck);
        g_autoptr(KlRecord) record = kl_bent_run(rig, n, NULL, &profile, NULL);
        assert_pass(record);
        kl_line_rig_assert_deserved(rig, n, record);
        if (!how.struck)
            break;
    }
    g_test_message("%u calls", n - 1);
    g_assert_cmpuint(n, >, 12);
    g_assert_cmpuint(n, <, UNITS);
    assert_sql(rig, "SELECT count(*) FROM intents WHERE closed_us IS NULL", "0");
    assert_sql(rig, "SELECT max(n) FROM (SELECT count(*) AS n FROM keys WHERE retired_us IS NULL GROUP BY imei)", "1");
    assert_sql(rig, "SELECT max(n) FROM (SELECT count(*) AS n FROM keys GROUP BY imei)",
               drill->reason != NULL && !drill->lock ? "2" : "1");
    assert_sql(rig, "SELECT max(n) FROM (SELECT count(*) AS n FROM certificates GROUP BY imei)",
               drill->reason != NULL ? "2" : "1");
}

/* An answer that was lost left a key behind. Re-provisioning is to give a new one, not to adopt it. */
static void
test_reprovision_takes_pending_key_away(void)
{
    KlSimOptions options = {.units = 1, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    KlBentDriver how = {.call = "generate_key", .nth = 1, .bend = KL_BEND_DIE};
    KlJobRequest request = {.reprovision_reason = "the officer wants another key"};
    g_autoptr(KlRecord) broken = kl_bent_run(rig, 1, &how, NULL, NULL);
    assert_code(broken, KL_ERROR_NO_ANSWER);
    assert_sql(rig, "SELECT count(*) FROM keys", "0");
    g_autofree char *before = key_of(rig, 1);
    g_autoptr(KlRecord) record = kl_bent_run(rig, 1, NULL, NULL, &request);
    assert_pass(record);
    g_autofree char *now = key_of(rig, 1);
    g_assert_cmpstr(now, !=, before);
    kl_line_rig_assert_deserved(rig, 1, record);
}

/* Revoked before the unit had passed: no later attempt undoes that in silence. */
static void
test_revoked_stays_revoked(void)
{
    KlSimOptions options = {.units = 1, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(GError) error = NULL;
    KlStore *store = kl_station_store(rig->station);
    KlBentDriver how = {.call = "install", .nth = 2, .bend = KL_BEND_DIE};
    KlJobRequest request = {.reprovision_reason = "after the revocation"};
    g_autoptr(KlRecord) broken = kl_bent_run(rig, 1, &how, NULL, NULL);
    g_assert_nonnull(broken->certificate_sha256);
    g_assert_true(store->klass->revoke(store, broken->certificate_sha256, "key suspected", &error));
    g_autofree char *before = key_of(rig, 1);
    g_autoptr(KlRecord) refused = kl_bent_run(rig, 1, NULL, NULL, NULL);
    assert_code(refused, KL_ERROR_PROVISIONED_BROKEN);
    assert_sql(rig, "SELECT status FROM certificates", "revoked");
    g_autoptr(KlRecord) record = kl_bent_run(rig, 1, NULL, NULL, &request);
    assert_pass(record);
    g_autofree char *now = key_of(rig, 1);
    g_assert_cmpstr(now, !=, before);
}

static void
test_lock_is_looked_at(void)
{
    KlSimOptions options = {.units = 1, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    KlProfile profile = *kl_station_profile(rig->station);
    KlBentDriver how = {.lock_is_a_lie = TRUE};
    profile.lock = TRUE;
    g_autoptr(KlRecord) record = kl_bent_run(rig, 1, &how, &profile, NULL);
    assert_code(record, KL_ERROR_READBACK_MISMATCH);
    assert_sql(rig, "SELECT count(*) FROM jobs WHERE outcome = 'PASS'", "0");
}

/* The row that an attempt has written, which no first boot has seen, is the product's as it is now. */
static void
test_row_follows_the_product(void)
{
    KlSimOptions options = {.units = 1, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    KlProfile profile = *kl_station_profile(rig->station);
    KlBentDriver how = {.call = "lock", .nth = 1, .bend = KL_BEND_DIE};
    static char wrong[] = "Wrong", right[] = "Right", later[] = "For later units";
    profile.lock = TRUE;
    profile.policy = wrong;
    g_autoptr(KlRecord) broken = kl_bent_run(rig, 1, &how, &profile, NULL);
    assert_code(broken, KL_ERROR_NO_ANSWER);
    assert_sql(rig, "SELECT policy FROM registration", "Wrong");
    profile.policy = right;
    g_autoptr(KlRecord) record = kl_bent_run(rig, 1, NULL, &profile, NULL);
    assert_pass(record);
    assert_sql(rig, "SELECT policy FROM registration", "Right");
    profile.policy = later;
    g_autoptr(KlRecord) checked = kl_bent_run(rig, 1, NULL, &profile, NULL);
    assert_pass(checked);
    assert_sql(rig, "SELECT policy FROM registration", "Right");
}

static void
test_starting(void)
{
    KlSimOptions options = {.units = 2, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    KlBentDriver slow = {.starting = 2};
    g_autoptr(KlRecord) record = kl_bent_run(rig, 1, &slow, NULL, NULL);
    assert_pass(record);
    g_assert_null(record->first_code); /* waited for, not failed and retried */

    g_autoptr(GCancellable) cancel = g_cancellable_new();
    KlBentDriver stopped = {.starting = G_MAXUINT, .cancel = cancel};
    g_autoptr(KlRecord) aborted = kl_bent_run(rig, 2, &stopped, NULL, NULL);
    assert_code(aborted, KL_ERROR_CANCELLED);
    g_assert_cmpuint(stopped.starting, ==, G_MAXUINT - 1);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(drills); i++) {
        g_autofree char *name = g_strdup_printf("/resume/dead/%s", drills[i].name);
        g_test_add_data_func(name, &drills[i], test_dead);
    }
    g_test_add_func("/resume/reprovision-takes-pending-key-away", test_reprovision_takes_pending_key_away);
    g_test_add_func("/resume/revoked-stays-revoked", test_revoked_stays_revoked);
    g_test_add_func("/resume/lock-is-looked-at", test_lock_is_looked_at);
    g_test_add_func("/resume/row-follows-the-product", test_row_follows_the_product);
    g_test_add_func("/resume/starting", test_starting);
    return g_test_run();
}
