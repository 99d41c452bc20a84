/* Units that vanish while they are worked on: they come back in time, or not at all, or something else comes in their
 * place; and ports that are there before they may be used. */
#include <string.h>

#include "tests/rig/bent_driver.h"
#include "tests/rig/job_trace.h"

static void
assert_end(const KlRecord *record, KlOutcome outcome, KlErrorCode code)
{
    if (record->outcome != outcome || g_strcmp0(record->code, kl_error_name(code)) != 0)
        g_error("%s %s: %s, expected %s", kl_outcome_name(record->outcome), record->code, record->detail,
                kl_error_name(code));
}

static void
assert_pass(const KlRecord *record)
{
    if (record->outcome != KL_OUTCOME_PASS)
        g_error("%s %s: %s", kl_outcome_name(record->outcome), record->code, record->detail);
}

static KlRecord *
run(const KlLineRig *rig, KlJobTrace *trace)
{
    KlPorts ports = kl_bent_ports(rig, 1);
    return kl_job_trace_run(trace, kl_station_bench(rig->station), "01", &ports);
}

static const char *const one_second[] = {"product.restart-seconds=1", NULL};

static void
unplug(KlJobTrace *trace)
{
    const KlLineRig *rig = trace->data;
    kl_sim_unplug(rig->sim, 1);
}

static void
put_another_in(KlJobTrace *trace)
{
    const KlLineRig *rig = trace->data;
    g_assert_true(kl_sim_replace(rig->sim, 1, 1, NULL, NULL));
}

typedef struct {
    const char *name;
    const char *step; /* at whose beginning the unit is pulled */
    gboolean known;   /* the record says who it was */
} Pull;

static const Pull pulls[] = {
    {"identify", "identify", FALSE},
    {"precheck", "precheck", TRUE},
    {"key", "key", TRUE},
    {"verify", "verify", TRUE},
};

static void
test_pulled(gconstpointer data)
{
    const Pull *pull = data;
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, one_second);
    g_auto(KlJobTrace) trace = {KL_EVENT_STEP_BEGIN, pull->step, unplug, rig};
    g_autoptr(KlRecord) pulled = run(rig, &trace);
    assert_end(pulled, KL_OUTCOME_ABORTED, KL_ERROR_UNIT_REMOVED);
    g_assert_cmpint(pulled->unit != NULL, ==, pull->known);
    g_assert_cmpuint(kl_job_trace_last(&trace, KL_EVENT_JOB_END)->plug, ==, 0);
    /* Waited for once, not once for each attempt that the step has. */
    g_assert_cmpuint(kl_job_trace_last(&trace, KL_EVENT_STEP_END)->attempt, ==, 1);
    g_autofree char *kept = kl_line_rig_sql(rig, "SELECT outcome, code FROM jobs");
    g_assert_cmpstr(kept, ==, "ABORTED|UNIT_REMOVED");
}

/* Nothing was ever there: that is no unit that was removed. */
static void
test_never_there(void)
{
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, one_second);
    kl_sim_unplug(rig->sim, 1);
    g_autoptr(KlRecord) record = run(rig, NULL);
    assert_end(record, KL_OUTCOME_FAIL, KL_ERROR_PORT_MISSING);
}

typedef struct {
    const char *name;
    guint away_ms, restart_s;
    gboolean in_time;
} Blink;

/* The second one is away for longer than a station without the product's word waits for a port. */
static const Blink blinks[] = {
    {"soon", 300, 60, TRUE},
    {"later", 5500, 60, TRUE},
    {"too-late", 60000, 1, FALSE},
};

static void
test_comes_back(gconstpointer data)
{
    const Blink *blink = data;
    static const char *const faults[] = {"1:disconnect@install*1", NULL};
    g_autofree char *restart = g_strdup_printf("product.restart-seconds=%u", blink->restart_s);
    const char *const product[] = {restart, NULL};
    KlSimOptions options = {.units = 1, .faults = faults, .reconnect_ms = blink->away_ms};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    g_auto(KlJobTrace) trace = {0};
    g_autoptr(KlRecord) record = run(rig, &trace);
    g_assert_cmpuint(kl_sim_strikes(rig->sim, 1), ==, 1);
    if (!blink->in_time) {
        assert_end(record, KL_OUTCOME_ABORTED, KL_ERROR_UNIT_REMOVED);
        return;
    }
    assert_pass(record);
    kl_line_rig_assert_deserved(rig, 1, record);
    /* The verdict is about what is plugged in now, which has another number than what was at the start. */
    const char *agent = kl_bent_ports(rig, 1).agent;
    g_assert_cmpuint(kl_job_trace_last(&trace, KL_EVENT_JOB_END)->plug, ==,
                     kl_station_bench(rig->station)->plug(agent));
}

/* The job that finds the unit again goes on where the one that lost it had stopped. */
static void
test_goes_on(void)
{
    static const char *const faults[] = {"1:disconnect@install*1", NULL};
    KlSimOptions options = {.units = 1, .faults = faults, .reconnect_ms = 3000};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, one_second);
    g_autoptr(KlRecord) pulled = run(rig, NULL);
    assert_end(pulled, KL_OUTCOME_ABORTED, KL_ERROR_UNIT_REMOVED);
    g_autoptr(KlRecord) again = run(rig, NULL);
    assert_pass(again);
    g_assert_true(again->resumed);
    g_autofree char *keys = kl_line_rig_sql(rig, "SELECT count(*) FROM keys; SELECT count(*) FROM certificates");
    g_assert_cmpstr(keys, ==, "1\n1");
}

static void
test_another_in_its_place(void)
{
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_auto(KlJobTrace) trace = {KL_EVENT_STEP_BEGIN, "install", put_another_in, rig};
    g_autofree char *imei = g_strdup(kl_sim_imei(rig->sim, 1));
    g_autoptr(KlRecord) record = run(rig, &trace);
    assert_end(record, KL_OUTCOME_ABORTED, KL_ERROR_UNIT_REMOVED);
    g_assert_cmpstr(record->unit->imei, ==, imei);
    g_assert_nonnull(strstr(record->detail, kl_sim_imei(rig->sim, 1))); /* who stands there now */
    g_assert_cmpuint(kl_job_trace_last(&trace, KL_EVENT_JOB_END)->plug, ==, 0);
    g_autofree char *command = g_strdup_printf("ls '%s' | grep -c '^item-' || true", kl_sim_unit_dir(rig->sim, 1));
    g_autofree char *items = kl_line_rig_shell(rig, command);
    g_assert_cmpstr(g_strchomp(items), ==, "0");

    g_autoptr(KlRecord) other = run(rig, NULL);
    assert_pass(other);
    kl_line_rig_assert_deserved(rig, 1, other);
}

/* --- the unit goes to another slot --- */

static void
move_to_two(KlJobTrace *trace)
{
    KlLineRig *rig = trace->data;
    kl_sim_unplug(rig->sim, 1);
    g_assert_true(kl_sim_replace(rig->sim, 2, 0, NULL, NULL));
    kl_line_rig_start(rig, 2, NULL);
}

/* The job there goes on with it; the one that has lost it ends, and does not wait for it. */
static void
test_moved(void)
{
    KlSimOptions options = {.units = 2};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_auto(KlJobTrace) trace = {KL_EVENT_STEP_BEGIN, "key", move_to_two, rig};
    g_autoptr(KlRecord) lost = run(rig, &trace);
    assert_end(lost, KL_OUTCOME_ABORTED, KL_ERROR_UNIT_REMOVED);
    g_assert_nonnull(strstr(lost->detail, "in slot 02"));
    g_assert_cmpuint(kl_job_trace_last(&trace, KL_EVENT_JOB_END)->plug, ==, 0);
    g_autoptr(KlRecord) found = kl_line_rig_wait(rig);
    assert_pass(found);
    g_assert_cmpstr(found->unit->imei, ==, lost->unit->imei);
    g_assert_cmpstr(found->unit->device_id, ==, lost->unit->device_id);
    kl_line_rig_assert_deserved(rig, 2, found);
    g_autofree char *keys = kl_line_rig_sql(rig, "SELECT count(*) FROM keys; SELECT count(*) FROM certificates");
    g_assert_cmpstr(keys, ==, "1\n1");
}

static guint64
nothing_there(const char *address)
{
    return 0;
}

/* The one that has lost it may be in the middle of something: until it has let go, nothing is written about the unit.
 */
static void
test_waits_for_the_other(void)
{
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    KlClaims *claims = kl_station_bench(rig->station)->claims;
    const char *imei = kl_sim_imei(rig->sim, 1);
    const KlClaimUnit gone = {nothing_there, NULL, 1};
    kl_claims_take(claims, imei, "09", &gone);
    kl_line_rig_start(rig, 1, NULL);
    while (kl_claims_check(claims, imei, "09", NULL))
        g_usleep(1000);
    g_usleep(200 * 1000); /* for what should not happen */
    g_autofree char *before = kl_line_rig_sql(rig, "SELECT count(*) FROM units");
    g_assert_cmpstr(before, ==, "0");
    kl_claims_drop(claims, imei, "09");
    g_autoptr(KlRecord) record = kl_line_rig_wait(rig);
    assert_pass(record);
}

/* --- ports that are there before they may be used --- */

static struct {
    KlTransportOpen open;
    KlErrorCode code;
    guint times; /* so often it fails */
    guint opens;
} gate;

static KlTransport *
guarded_open(const char *address, const KlOp *op, GError **error)
{
    gate.opens++;
    if (gate.times == 0)
        return gate.open(address, op, error);
    gate.times--;
    kl_fail(error, gate.code, "guarded");
    return NULL;
}

static KlRecord *
run_guarded(const KlLineRig *rig, KlErrorCode code, guint times)
{
    KlBench bench = *kl_station_bench(rig->station);
    KlPorts ports = kl_bent_ports(rig, 1);
    gate.open = bench.open_transport;
    gate.code = code;
    gate.times = times;
    gate.opens = 0;
    bench.open_transport = guarded_open;
    return kl_job_trace_run(NULL, &bench, "01", &ports);
}

static void
test_fresh_port(void)
{
    static const KlErrorCode codes[] = {KL_ERROR_PORT_DENIED, KL_ERROR_PORT_BUSY};
    KlSimOptions options = {.units = 1, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(codes); i++) {
        g_autoptr(KlRecord) fresh = run_guarded(rig, codes[i], 20); /* a second, or as long as udev may well take */
        assert_pass(fresh);
        g_assert_null(fresh->first_code);
    }
    g_autoptr(KlRecord) denied = run_guarded(rig, KL_ERROR_PORT_DENIED, G_MAXUINT);
    assert_end(denied, KL_OUTCOME_ERROR, KL_ERROR_PORT_DENIED);
    g_assert_cmpuint(gate.opens, <, 200); /* given up after some seconds, not only when the step's time was up */
}

/* Nothing becomes of waiting for these. */
static void
test_final(void)
{
    static const KlErrorCode codes[] = {KL_ERROR_UNIT_BOOT_MODE, KL_ERROR_PORT_MODEM_MANAGER};
    KlSimOptions options = {.units = 1, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(codes); i++) {
        g_autoptr(KlRecord) record = run_guarded(rig, codes[i], G_MAXUINT);
        assert_end(record, kl_outcome_of(codes[i]), codes[i]);
        g_assert_cmpuint(gate.opens, ==, 1);
    }
}

static void
push(KlEvent *event, gpointer queue)
{
    g_assert_true(kl_queue_push(queue, event));
}

/* One slot's port is no reason to stop the others. */
static void
test_one_slots_trouble(void)
{
    KlSimOptions options = {.units = 1, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(KlQueue) events = kl_queue_new((GDestroyNotify)kl_event_free);
    KlBench bench = *kl_station_bench(rig->station);
    KlJobRequest request = {0};
    gate.open = bench.open_transport;
    gate.code = KL_ERROR_PORT_MODEM_MANAGER;
    gate.times = G_MAXUINT;
    bench.open_transport = guarded_open;
    g_autoptr(KlLine) line = kl_line_new(kl_station_config(rig->station), &bench, push, events);
    g_assert_true(kl_line_start(line, "01", &request, NULL));
    for (gboolean ended = FALSE; !ended;) {
        g_autoptr(KlEvent) event = kl_queue_pop(events, G_MAXINT64);
        ended = event->type == KL_EVENT_JOB_END;
        if (ended)
            g_assert_cmpstr(event->code, ==, "PORT_MODEM_MANAGER");
    }
    g_assert_cmpstr(kl_line_stopped(line), ==, NULL);
    g_clear_pointer(&line, kl_line_free);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(pulls); i++) {
        g_autofree char *name = g_strdup_printf("/removed/pulled/%s", pulls[i].name);
        g_test_add_data_func(name, &pulls[i], test_pulled);
    }
    for (guint i = 0; i < G_N_ELEMENTS(blinks); i++) {
        g_autofree char *name = g_strdup_printf("/removed/comes-back/%s", blinks[i].name);
        g_test_add_data_func(name, &blinks[i], test_comes_back);
    }
    g_test_add_func("/removed/never-there", test_never_there);
    g_test_add_func("/removed/goes-on", test_goes_on);
    g_test_add_func("/removed/another-in-its-place", test_another_in_its_place);
    g_test_add_func("/removed/moved", test_moved);
    g_test_add_func("/removed/waits-for-the-other", test_waits_for_the_other);
    g_test_add_func("/removed/fresh-port", test_fresh_port);
    g_test_add_func("/removed/final", test_final);
    g_test_add_func("/removed/one-slots-trouble", test_one_slots_trouble);
    return g_test_run();
}
