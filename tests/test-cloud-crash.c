/* SIGKILL at every call of the journal and the signer, with AWS on, before and after it; then another run: one ACTIVE
 * certificate, no other that hangs on the unit's thing, one row. */
#include <signal.h>
#include <sys/wait.h>

#include "tests/rig/cloud_rig.h"

#define CRASH_STATION_ENV "KEYLINE_CRASH_STATION"

static AwsPeer *peer;
static guint64 seed = 5000;

/* Runs crash-station on slot 01. TRUE: it was killed; FALSE: the job had ended before that call. */
static gboolean
run_and_kill(const KlLineRig *rig, guint nth, const char *when, const char *reason)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *number = g_strdup_printf("%u", nth);
    g_autofree char *output = NULL;
    const char *argv[] = {g_getenv(CRASH_STATION_ENV), rig->station_dir, number, when, reason, NULL};
    int status = 0;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, &status, &error);
    g_assert_no_error(error);
    if (WIFSIGNALED(status)) {
        g_assert_cmpint(WTERMSIG(status), ==, SIGKILL);
        return TRUE;
    }
    g_assert_cmpint(status, ==, 0);
    if (!g_str_has_prefix(output, "PASS"))
        g_error("%s", output);
    return FALSE;
}

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
    guint nth = 0;
    while (killed) {
        KlLineRig *rig = kl_cloud_rig_station("crash", "iot", 1, seed++, NULL, NULL);
        if (reason != NULL) {
            g_autoptr(KlRecord) first = kl_line_rig_provision(rig, 1, NULL);
            g_assert_cmpint(first->outcome, ==, KL_OUTCOME_PASS);
            kl_cloud_rig_drain(rig);
        }
        kl_line_rig_close(rig);
        killed = run_and_kill(rig, ++nth, when, reason);
        kl_line_rig_reopen(rig);
        g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
        kl_cloud_rig_drain(rig);
        assert_consistent(rig, record);
        kl_line_rig_free(rig);
    }
    g_test_message("%u calls", nth - 1);
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
