/* SIGKILL at every call of the journal and the signer, with AWS on, before and after it; then another run: one ACTIVE
 * certificate, no other that hangs on the unit's thing, one row. */
#include "tests/crash_run.h"
#include "tests/rig/cloud_rig.h"

static AwsPeer *peer;
static guint64 seed = 5000;

static void
assert_consistent(const KlLineRig *rig, const KlRecord *record)
{
    if (record->outcome != KL_OUTCOME_PASS)
        g_error("%s: %s", record->code, record->detail);
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    const char *device = record->unit->device_id;
    g_assert_cmpuint(kl_cloud_rig_certificates(rig, 1, state, "ACTIVE"), ==, 1);
    g_assert_cmpuint(kl_cloud_rig_certificates(rig, 1, state, NULL), ==, 1);
    g_assert_cmpuint(kl_cloud_rig_items(state, "Bootstrapping_table_registration", "device", device), ==, 1);
    g_assert_cmpuint(kl_cloud_rig_items(state, "Keyline_records", "imei", record->unit->imei), >=, 1);
    JsonObject *things = json_object_get_object_member(json_object_get_object_member(state, "iot"), "things");
    JsonObject *thing = json_object_get_object_member(things, device);
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(thing, "principals")), ==, 1);
    g_autofree char *live = kl_line_rig_sql(rig, "SELECT count(*) FROM certificates WHERE status = 'live'");
    g_assert_cmpstr(live, ==, "1");
}

static void
drill(const char *when, const char *reason)
{
    gboolean killed = TRUE;
    guint nth = 1;
    for (; killed; nth += CASE_STEP) {
        KlLineRig *rig = kl_cloud_rig_station("crash", "iot", 1, seed++, NULL, NULL);
        if (reason != NULL) {
            g_autoptr(KlRecord) first = kl_line_rig_provision(rig, 1, NULL);
            g_assert_cmpint(first->outcome, ==, KL_OUTCOME_PASS);
            kl_cloud_rig_drain(rig);
        }
        kl_line_rig_close(rig);
        killed = run_and_kill(rig, nth, when, reason);
        kl_line_rig_reopen(rig);
        g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
        kl_cloud_rig_drain(rig);
        assert_consistent(rig, record);
        kl_line_rig_free(rig);
    }
    nth -= CASE_STEP;
    g_test_message("%u calls at most", nth - 1);
    g_assert_cmpuint(nth, >, 12);
    aws_peer_assert_clean(peer);
}

static void
test_before(void)
{
    drill("before", NULL);
}

static void
test_after(void)
{
    drill("after", NULL);
}

static void
test_reprovision_after(void)
{
    drill("after", "the drill");
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = kl_cloud_rig_start();
    g_test_add_func("/cloud-crash/first/before", test_before);
    g_test_add_func("/cloud-crash/first/after", test_after);
    g_test_add_func("/cloud-crash/reprovision/after", test_reprovision_after);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
