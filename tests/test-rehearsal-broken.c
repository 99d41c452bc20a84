/* First boots that are rehearsed, and what breaks in the middle of it: nothing of it is left behind, and what is real
 * is never touched. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/rehearsal_rig.h"

static void
pull_out(gpointer rig)
{
    kl_sim_unplug(((KlLineRig *)rig)->sim, 1);
}

/* Another unit in that slot is not held up by the one that is gone. */
static void
test_pulled_out(void)
{
    static const char *const product[] = {PRODUCT, "product.restart-seconds=1", NULL};
    const KlSimOptions options = {.units = 2, .one_port = TRUE, .answer_ms = ANSWER_MS};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    hooks.after = pull_out;
    hooks.data = rig;
    g_autoptr(KlRecord) record = run(rig->station, 1, NULL);
    assert_ended(rig, record, "UNIT_REMOVED");
    g_assert_cmpint(record->outcome, ==, KL_OUTCOME_ABORTED);
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_sim_replace(rig->sim, 1, 2, NULL, &error));
    g_assert_no_error(error);
    assert_fresh_again(rig, 1);
    assert_row_untouched(rig);
}

/* It comes back, and is rehearsed once more: with power gone, nothing of the first time is left. */
static void
test_power_cut(void)
{
    static const char *const faults[] = {"1:power-cut@rehearse*1", "2:disconnect@rehearse*1", NULL};
    g_autoptr(KlLineRig) rig = new_rig(2, faults);
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    for (guint i = 0; i < 2; i++) {
        assert_ended(rig, records->pdata[i], "PASS");
        g_assert_cmpuint(kl_sim_strikes(rig->sim, i + 1), ==, 1);
        assert_fresh_again(rig, i + 1);
    }
    assert_row_untouched(rig);
}

static void
die(gpointer data)
{
    kill(getpid(), SIGKILL);
}

/* In a process of its own. */
static int
work_and_die(const char *dir)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) passphrase = kl_secret_new(KL_RIG_PASSPHRASE, strlen(KL_RIG_PASSPHRASE));
    g_autoptr(KlStation) station = kl_station_open(dir, KL_STATION_RUN, NULL, &error);
    if (station == NULL || !kl_station_unlock(station, passphrase, &error))
        g_error("%s", error->message);
    hooks.after = die;
    kl_record_free(run(station, 1, NULL));
    return 0;
}

static void
test_station_killed(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1, NULL);
    const char *argv[] = {"/proc/self/exe", "--die", rig->station_dir, NULL};
    g_autoptr(GError) error = NULL;
    /* What it leaves behind goes with the rig. */
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "TMPDIR", rig->dir, TRUE);
    int status = 0;
    kl_line_rig_close(rig);
    g_assert_true(
        g_spawn_sync(NULL, (char **)argv, environment, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error));
    g_assert_no_error(error);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    kl_line_rig_reopen(rig);
    g_autoptr(KlRecord) next = run(rig->station, 1, NULL);
    assert_ended(rig, next, "PASS");
    g_autofree char *kept = evidence(rig, next);
    g_assert_nonnull(strstr(kept, "a rehearsal of its first boot was left behind"));
    assert_fresh_again(rig, 1);
    assert_row_untouched(rig);
}

static void
kill_broker(gpointer rig)
{
    const KlRehearsal *rehearsal = kl_station_bench(((KlLineRig *)rig)->station)->rehearsal;
    g_assert_cmpint(kill(kl_mqtt_rehearsal_pid(rehearsal), SIGKILL), ==, 0);
}

/* The next attempt finds a new one. */
static void
test_broker_killed(void)
{
    for (guint i = 0; i < 2; i++) {
        g_autoptr(KlLineRig) rig = new_rig(1, NULL);
        hooks.data = rig;
        hooks.before = i == 0 ? kill_broker : NULL;
        hooks.after = i == 1 ? kill_broker : NULL;
        g_autoptr(KlRecord) record = run(rig->station, 1, NULL);
        assert_ended(rig, record, "PASS");
        g_assert_cmpuint(rehearsal_of(record)->attempt, ==, 2);
        g_assert_true(g_str_equal(record->first_code, "BROKER_DOWN") ||
                      g_str_equal(record->first_code, "REHEARSAL_UNREACHABLE"));
        assert_fresh_again(rig, 1);
        assert_row_untouched(rig);
    }
}

static void
stop(gpointer cancel)
{
    g_cancellable_cancel(cancel);
}

static void
test_stopped(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1, NULL);
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    hooks.after = stop;
    hooks.data = cancel;
    g_autoptr(KlRecord) record = run(rig->station, 1, &(Wish){.cancel = cancel});
    assert_ended(rig, record, "CANCELLED");
    g_assert_cmpint(record->outcome, ==, KL_OUTCOME_ABORTED);
    assert_fresh_again(rig, 1);
    assert_row_untouched(rig);
}

/* A unit that is on its way in the field is not rehearsed, and not held up either. */
static void
test_in_the_field(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1, NULL);
    g_autoptr(KlRecord) first = run(rig->station, 1, NULL);
    assert_ended(rig, first, "PASS");
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_sim_power_on_in_field(rig->sim, 1, &error));
    g_assert_no_error(error);
    g_autofree char *before = stored(rig, 1);
    g_autoptr(KlRecord) verified = run(rig->station, 1, NULL);
    assert_ended(rig, verified, "PASS");
    g_assert_nonnull(strstr(rehearsal_of(verified)->detail, "not rehearsed: its first boot has begun in the field"));
    g_autofree char *after = stored(rig, 1);
    g_assert_cmpstr(before, ==, after);
}

/* The product has changed since the unit passed: other values are the unit's own still, and another topic is one that
 * the station's broker knows nothing of. */
static void
test_other_parameters(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1, NULL);
    g_autoptr(KlRecord) first = run(rig->station, 1, NULL);
    assert_ended(rig, first, "PASS");
    const Wish other_value = {.parameters = "{\"topic\":\"$aws/things/DEVICE_ID/shadow/update\",\"interval\":5}"};
    g_autoptr(KlRecord) rehearsed = run(rig->station, 1, &other_value);
    assert_ended(rig, rehearsed, "PASS");
    g_assert_nonnull(strstr(rehearsal_of(rehearsed)->detail, ": 5 messages"));
    g_autoptr(KlRecord) passed_over = run(rig->station, 1, &(Wish){.parameters = "{\"topic\":\"other/DEVICE_ID\"}"});
    assert_ended(rig, passed_over, "PASS");
    g_assert_nonnull(strstr(rehearsal_of(passed_over)->detail, "not rehearsed: since it passed"));
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    if (argc == 3 && g_str_equal(argv[1], "--die"))
        return work_and_die(argv[2]);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rehearsal-broken/pulled-out", test_pulled_out);
    g_test_add_func("/rehearsal-broken/power-cut", test_power_cut);
    g_test_add_func("/rehearsal-broken/station-killed", test_station_killed);
    g_test_add_func("/rehearsal-broken/broker-killed", test_broker_killed);
    g_test_add_func("/rehearsal-broken/stopped", test_stopped);
    g_test_add_func("/rehearsal-broken/in-the-field", test_in_the_field);
    g_test_add_func("/rehearsal-broken/other-parameters", test_other_parameters);
    return g_test_run();
}
