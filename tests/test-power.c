/* Switching a unit's port off and on as a last resort, on a bus of the test's own whose one port is a simulated unit's.
 */
#include <string.h>

#include "tests/rig/bent_driver.h"
#include "tests/rig/job_trace.h"

#define PLACE "1-1.4"

typedef struct {
    KlBus base;
    const KlLineRig *rig;
    gboolean heals;     /* the same unit comes back, new from the factory and without its faults */
    gboolean swaps;     /* another unit comes back */
    KlErrorCode fails;  /* it fails with this; KL_ERROR_LAST: not */
    KlErrorCode then;   /* opening the port fails with this afterwards; KL_ERROR_LAST: not */
    gboolean rival;     /* the unit's IMEI is found in another slot meanwhile */
    gboolean moves;     /* as soon as it is gone, the unit answers in another slot */
    gboolean cancelled; /* the job is stopped meanwhile */
    GCancellable *cancel;
    guint calls;
} FakeBus;

/* Slot 02 takes up the IMEI of the unit in 01; a unit stands in 02. */
static guint64
always_there(const char *address)
{
    return 1;
}

static void
take_as_rival(const KlLineRig *rig)
{
    const KlClaimUnit unit = {always_there, NULL, 1};
    kl_claims_take(kl_station_bench(rig->station)->claims, kl_sim_imei(rig->sim, 1), "02", &unit);
}

static gboolean
fake_power_cycle(KlBus *base, const char *path, guint off_ms, KlOp *op, GError **error)
{
    FakeBus *bus = (FakeBus *)base;
    bus->calls++;
    g_assert_cmpstr(path, ==, PLACE);
    g_assert_cmpuint(off_ms, ==, 2000);
    if (bus->fails != KL_ERROR_LAST)
        return kl_fail(error, bus->fails, "fake");
    if (bus->heals || bus->swaps)
        g_assert_true(kl_sim_replace(bus->rig->sim, 1, bus->swaps ? 1 : 0, NULL, NULL));
    if (bus->rival)
        take_as_rival(bus->rig);
    if (bus->cancelled)
        g_cancellable_cancel(op->cancel);
    return kl_op_check(op, error);
}

static const KlBusClass fake_class = {.power_cycle = fake_power_cycle};

/* The unit's pty, in place of what a port path leads to. */
static char *real_agent;
static KlTransportOpen real_open;
static KlTransportPlug real_plug;
static FakeBus *on_bus;

static const char *
translated(const char *address)
{
    return g_str_has_prefix(address, "usb:") ? real_agent : address;
}

static KlTransport *
open_by_place(const char *address, const KlOp *op, GError **error)
{
    if (on_bus->calls > 0 && on_bus->then != KL_ERROR_LAST) {
        kl_fail(error, on_bus->then, "fake");
        return NULL;
    }
    if (on_bus->moves && real_plug(translated(address)) == 0) {
        on_bus->moves = FALSE;
        take_as_rival(on_bus->rig);
    }
    return real_open(translated(address), op, error);
}

static guint64
plug_by_place(const char *address)
{
    return real_plug(translated(address));
}

static KlRecord *
run(const KlLineRig *rig, FakeBus *bus, guint power_cycles, const char *address, KlJobTrace *trace)
{
    KlBench bench = *kl_station_bench(rig->station);
    KlPorts ports = kl_bent_ports(rig, 1);
    g_autofree char *agent = g_strdup(ports.agent);
    bus->base.klass = &fake_class;
    bus->rig = rig;
    on_bus = bus;
    real_agent = agent;
    real_open = bench.open_transport;
    real_plug = bench.plug;
    bench.open_transport = open_by_place;
    bench.plug = plug_by_place;
    bench.bus = &bus->base;
    bench.power_cycles = power_cycles;
    ports = (KlPorts){address != NULL ? address : agent, NULL};
    return kl_job_trace_run(trace, &bench, "01", &ports);
}

/* "connect:FAIL connect:FAIL power-cycle:PASS connect:PASS" of what was done up to and with the last power cycle and
 * the attempt after it. */
static char *
steps_of(const KlRecord *record, const char *step)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < record->steps->len; i++) {
        const KlStepResult *result = record->steps->pdata[i];
        if (g_str_equal(result->step, step) || g_str_equal(result->step, "power-cycle"))
            g_string_append_printf(text, "%s%s:%s", text->len > 0 ? " " : "", result->step,
                                   result->code != NULL ? result->code : "PASS");
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

typedef struct {
    const char *name;
    const char *fault;
    guint reconnect_ms;
    const char *address; /* NULL: the unit's pty */
    guint power_cycles;
    FakeBus bus;
    const char *step;
    const char *steps; /* see steps_of */
    guint calls;
    const char *code; /* NULL: it passes */
} Case;

#define USB "usb:" PLACE
#define AS_IT_IS .fails = KL_ERROR_LAST, .then = KL_ERROR_LAST

static const Case cases[] = {
    {"silent-at-connect",
     "1:no-answer@connect",
     0,
     USB "#3",
     1,
     {.heals = TRUE, AS_IT_IS},
     "connect",
     "connect:NO_ANSWER connect:NO_ANSWER power-cycle:PASS connect:PASS",
     1,
     NULL},
    {"off-by-default",
     "1:no-answer@connect",
     0,
     USB,
     0,
     {.heals = TRUE, AS_IT_IS},
     "connect",
     "connect:NO_ANSWER connect:NO_ANSWER",
     0,
     "NO_ANSWER"},
    {"not-on-the-bus",
     "1:no-answer@connect",
     0,
     NULL,
     1,
     {.heals = TRUE, AS_IT_IS},
     "connect",
     "connect:NO_ANSWER connect:NO_ANSWER",
     0,
     "NO_ANSWER"},
    {"limit",
     "1:garbage@connect",
     0,
     USB,
     2,
     {AS_IT_IS},
     "connect",
     "connect:ANSWER_GARBLED connect:ANSWER_GARBLED power-cycle:ANSWER_GARBLED power-cycle:ANSWER_GARBLED",
     2,
     "ANSWER_GARBLED"},
    {"fixed-power",
     "1:no-answer@connect",
     0,
     USB,
     3,
     {.fails = KL_ERROR_POWER_FIXED},
     "connect",
     "connect:NO_ANSWER connect:NO_ANSWER power-cycle:POWER_FIXED",
     1,
     "NO_ANSWER"},
    {"no-bus",
     "1:no-answer@connect",
     0,
     USB,
     3,
     {.fails = KL_ERROR_BUS_FAILED},
     "connect",
     "connect:NO_ANSWER connect:NO_ANSWER power-cycle:BUS_FAILED",
     1,
     "NO_ANSWER"},
    {"stuck",
     "1:no-answer@connect",
     0,
     USB,
     3,
     {.fails = KL_ERROR_POWER_STUCK},
     "connect",
     "connect:NO_ANSWER connect:NO_ANSWER power-cycle:POWER_STUCK",
     1,
     "POWER_STUCK"},
    {"found-for-good",
     "1:no-answer@connect",
     0,
     USB,
     3,
     {.fails = KL_ERROR_LAST, .then = KL_ERROR_IDENTITY_MISMATCH},
     "connect",
     "connect:NO_ANSWER connect:NO_ANSWER power-cycle:IDENTITY_MISMATCH",
     1,
     "IDENTITY_MISMATCH"},
    {"rival",
     "1:no-answer@install*3",
     0,
     USB,
     3,
     {.rival = TRUE, AS_IT_IS},
     "install",
     "install:NO_ANSWER install:NO_ANSWER install:NO_ANSWER power-cycle:DUPLICATE_IMEI",
     1,
     "DUPLICATE_IMEI"},
    {"moved",
     "1:disconnect@install*1",
     60000,
     USB,
     3,
     {.moves = TRUE, AS_IT_IS},
     "install",
     "install:UNIT_REMOVED",
     0,
     "UNIT_REMOVED"},
    {"silent-in-mid-job",
     "1:no-answer@install*3",
     0,
     USB,
     1,
     {AS_IT_IS},
     "install",
     "install:NO_ANSWER install:NO_ANSWER install:NO_ANSWER power-cycle:PASS install:PASS",
     1,
     NULL},
    {"gone-in-mid-job",
     "1:disconnect@precheck*1",
     60000,
     USB,
     1,
     {.heals = TRUE, AS_IT_IS},
     "precheck",
     "precheck:UNIT_REMOVED power-cycle:PASS precheck:PASS",
     1,
     NULL},
    {"gone-for-good",
     "1:disconnect@precheck*1",
     60000,
     USB,
     1,
     {AS_IT_IS},
     "precheck",
     "precheck:UNIT_REMOVED power-cycle:PORT_MISSING",
     1,
     "UNIT_REMOVED"},
    {"another-unit",
     "1:no-answer@precheck",
     0,
     USB,
     1,
     {.swaps = TRUE, AS_IT_IS},
     "precheck",
     "precheck:NO_ANSWER precheck:NO_ANSWER power-cycle:UNIT_REMOVED",
     1,
     "UNIT_REMOVED"},
    {"stopped",
     "1:no-answer@connect",
     0,
     USB,
     3,
     {.cancelled = TRUE, AS_IT_IS},
     "connect",
     "connect:NO_ANSWER connect:NO_ANSWER power-cycle:CANCELLED",
     1,
     "CANCELLED"},
    {"no-return", "1:no-answer@lock", 0, USB, 3, {AS_IT_IS}, "lock", "lock:NO_ANSWER lock:NO_ANSWER", 0, "NO_ANSWER"},
    {"not-silent", "1:unknown-model", 0, USB, 3, {AS_IT_IS}, "precheck", "precheck:MODEL_UNKNOWN", 0, "MODEL_UNKNOWN"},
};

/* Each event of the step has its result, and the operator is told its name. */
static void
assert_told(const KlJobTrace *trace, guint calls)
{
    guint begun = 0;
    for (guint i = 0; i < trace->events->len; i++) {
        const KlEvent *event = trace->events->pdata[i];
        if (event->type == KL_EVENT_STEP_BEGIN && g_str_equal(event->step, "power-cycle")) {
            g_assert_cmpstr(event->step_title, ==, kl_step_title("power-cycle"));
            g_assert_cmpuint(event->attempt, ==, ++begun);
            g_assert_cmpuint(event->n, <=, event->m);
        }
    }
    g_assert_cmpuint(begun, ==, calls);
    g_assert_cmpstr(kl_step_title("power-cycle"), ==, "Switching the unit off and on");
}

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    const char *const faults[] = {c->fault, NULL};
    static const char *const product[] = {"product.restart-seconds=1", "key.lock=true", NULL};
    KlSimOptions options = {.units = 1, .faults = faults, .reconnect_ms = c->reconnect_ms, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    g_auto(KlJobTrace) trace = {0};
    FakeBus bus = c->bus;
    g_autoptr(KlRecord) record = run(rig, &bus, c->power_cycles, c->address, &trace);
    if (g_strcmp0(record->code, c->code) != 0)
        g_error("%s: %s", record->code, record->detail);
    g_autofree char *steps = steps_of(record, c->step);
    g_assert_cmpstr(steps, ==, c->steps);
    g_assert_cmpuint(bus.calls, ==, c->calls);
    assert_told(&trace, c->calls);
    if (c->code == NULL)
        kl_line_rig_assert_deserved(rig, 1, record);
    g_autofree char *kept = kl_line_rig_sql(rig, "SELECT count(*) FROM steps WHERE step = 'power-cycle'");
    g_assert_cmpuint((guint)g_ascii_strtoull(kept, NULL, 10), ==, c->calls);
}

/* Silence takes its time: tests/meson.build runs the steps' cases side by side. */
static const char *const parts[] = {"connect", "install", "precheck", "lock", NULL};

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_true(g_strv_contains(parts, cases[i].step));
        g_autofree char *name = g_strdup_printf("/power/%s/%s", cases[i].step, cases[i].name);
        g_test_add_data_func(name, &cases[i], test_case);
    }
    return g_test_run();
}
