/* The job's step that rehearses the first boot, with a rehearsal and a unit's first boot that do what a case says:
 * every way to go wrong has its own code, the unit is always taken out of it, and one that has begun in the field is
 * never touched. The rest is a whole station with a simulated unit. */
#include <string.h>

#include "tests/rig/line_rig.h"

/* --- a unit's first boot --- */

static struct {
    KlBootInfo info;      /* now */
    KlBootInfo after;     /* once it has begun */
    gboolean stuck;       /* a reset does nothing */
    gboolean scar;        /* what it stores is another thing after a rehearsal */
    const char *lost;     /* an item that is gone by the time of the rehearsal */
    gboolean rehearsed;   /* since the last reset */
    guint begun, resets;  /* how often */
    guint slow, asked;    /* so often it says that it is not done yet; how often it was asked since it began */
    const char *broker;   /* where it would look for its broker; NULL: what it says of itself */
    const char *trust;    /* hash of whom it would trust there; NULL: the same */
    GCancellable *cancel; /* once it has begun, the operator stops the job */
} unit;

static const KlDriver *real;

static gboolean
fake_rehearse(KlDevice *device, const char *address, const char *broker_sha256, KlOp *op, GError **error)
{
    g_assert_cmpstr(address, ==, "line:8883");
    g_assert_cmpstr(broker_sha256, ==, "abcd");
    unit.begun++;
    unit.rehearsed = TRUE;
    unit.info = unit.after;
    unit.info.detail = g_strdup(unit.after.detail);
    if (unit.cancel != NULL)
        g_cancellable_cancel(unit.cancel);
    return TRUE;
}

/* Empty: it says nothing. */
static char *
said(const char *text)
{
    return *text != '\0' ? g_strdup(text) : NULL;
}

static gboolean
fake_status(KlDevice *device, KlBootInfo *info, KlOp *op, GError **error)
{
    g_auto(KlBootInfo) own = {0};
    if (!real->boot_status(device, &own, op, error))
        return FALSE;
    *info = unit.info;
    info->detail = g_strdup(unit.info.detail);
    info->endpoint = unit.broker != NULL ? said(unit.broker) : g_steal_pointer(&own.endpoint);
    info->trust_sha256 = unit.trust != NULL ? said(unit.trust) : g_steal_pointer(&own.trust_sha256);
    if (unit.info.rehearsal && unit.asked++ < unit.slow)
        info->state = KL_BOOT_CONFIRMED;
    return TRUE;
}

static gboolean
fake_reset(KlDevice *device, KlOp *op, GError **error)
{
    unit.resets++;
    if (unit.stuck)
        return TRUE;
    g_clear_pointer(&unit.info.detail, g_free);
    unit.info = (KlBootInfo){.clock_s = unit.info.clock_s};
    return TRUE;
}

static GPtrArray *
fake_read_back(KlDevice *device, KlOp *op, GError **error)
{
    GPtrArray *items = real->read_back(device, op, error);
    for (guint i = 0; items != NULL && i < items->len; i++) {
        KlItemInfo *item = items->pdata[i];
        if (unit.scar && unit.rehearsed && g_str_equal(item->name, "endpoint"))
            item->length++;
    }
    return items;
}

/* --- who plays the other side --- */

static struct {
    const char *turns; /* h: something comes that has to; n: the last one; w: something wrong; q: nothing */
    KlErrorCode code;  /* of w, and of b */
    guint taken, open;
    char *endpoint, *device, *registered;
} other_side;

static gboolean
fake_prepare(KlRehearsal *rehearsal, const char *endpoint, GError **error)
{
    return TRUE;
}

static KlRehearsalRun *
fake_begin(KlRehearsal *rehearsal, const char *endpoint, const KlRegistration *row, GError **error)
{
    if (g_str_equal(other_side.turns, "b")) {
        kl_fail(error, other_side.code, "no broker");
        return NULL;
    }
    g_free(other_side.endpoint);
    g_free(other_side.device);
    g_free(other_side.registered);
    other_side.endpoint = g_strdup(endpoint);
    other_side.device = g_strdup(row->device);
    other_side.registered = g_strdup(row->registered);
    other_side.open++;
    other_side.taken = 0;
    KlRehearsalRun *run = g_new0(KlRehearsalRun, 1);
    run->address = g_strdup("line:8883");
    run->broker_sha256 = g_strdup("abcd");
    run->missing = "its request";
    return run;
}

static KlRehearsalTurn
fake_next(KlRehearsal *rehearsal, KlRehearsalRun *run, guint timeout_ms, GCancellable *cancel, char **note,
          GError **error)
{
    char turn = other_side.turns[other_side.taken];
    if (turn == '\0')
        return KL_REHEARSAL_QUIET;
    other_side.taken++;
    if (turn == 'q')
        return KL_REHEARSAL_QUIET;
    *note = g_strdup_printf("message %u", other_side.taken);
    if (turn == 'w') {
        kl_fail(error, other_side.code, "bent");
        return KL_REHEARSAL_WRONG;
    }
    run->missing = turn == 'n' ? NULL : "its telemetry";
    return KL_REHEARSAL_HEARD;
}

static void
fake_end(KlRehearsal *rehearsal, KlRehearsalRun *run)
{
    other_side.open--;
    g_assert_true(unit.stuck || !unit.info.rehearsal); /* it is out of it by then */
    g_free(run->address);
    g_free(run->broker_sha256);
    g_free(run);
}

static const KlRehearsalClass fake_class = {fake_prepare, fake_begin, fake_next, fake_end, NULL};
static KlRehearsal fake_rehearsal = {&fake_class};

/* --- the jobs --- */

static void
drop(KlEvent *event, gpointer data)
{
    kl_event_free(event);
}

static KlRecord *
run(const KlLineRig *rig, guint slot, guint seconds)
{
    const KlSlotConfig *config = g_ptr_array_index(kl_station_config(rig->station)->slots, slot - 1);
    const KlJobRequest request = {.operator_id = "rig"};
    const KlPorts ports = {config->agent, config->modem};
    KlBench bench = *kl_station_bench(rig->station);
    KlProfile profile = *bench.profile;
    KlDriver driver = *bench.driver;
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    real = bench.driver;
    driver.rehearse = fake_rehearse;
    driver.boot_status = fake_status;
    driver.boot_reset = fake_reset;
    driver.read_back = fake_read_back;
    profile.rehearse = TRUE;
    profile.rehearsal_seconds = seconds;
    bench.driver = &driver;
    bench.profile = &profile;
    bench.rehearsal = &fake_rehearsal;
    if (unit.cancel != NULL)
        unit.cancel = cancel;
    return kl_job_run(&bench, config->name, &ports, &request, cancel, drop, NULL);
}

static void
set(const char *turns, const KlBootInfo *after)
{
    g_clear_pointer(&unit.info.detail, g_free);
    memset(&unit, 0, sizeof(unit));
    if (after != NULL)
        unit.after = *after;
    unit.info.clock_s = unit.after.clock_s = g_get_real_time() / G_USEC_PER_SEC;
    unit.after.rehearsal = TRUE;
    other_side.turns = turns;
    other_side.code = KL_ERROR_REHEARSAL_MISMATCH;
}

static const KlBootInfo active = {.state = KL_BOOT_ACTIVE};
static const KlBootInfo confirmed = {.state = KL_BOOT_CONFIRMED};

static const KlStepResult *
rehearsal_of(const KlRecord *record)
{
    const KlStepResult *found = NULL;
    for (guint i = 0; i < record->steps->len; i++) {
        const KlStepResult *step = record->steps->pdata[i];
        if (g_str_equal(step->step, "rehearse"))
            found = step;
    }
    return found;
}

/* Whatever came of it, nobody is left in a rehearsal. */
static void
assert_ended(const KlRecord *record, const char *code)
{
    if (g_strcmp0(record->code, code) != 0)
        g_error("%s, not %s: %s", record->code, code, record->detail);
    g_assert_cmpint(record->outcome == KL_OUTCOME_PASS, ==, code == NULL);
    g_assert_cmpuint(other_side.open, ==, 0);
    g_assert_true(unit.stuck || !unit.info.rehearsal);
}

static KlLineRig *
new_rig(guint units)
{
    static const char *const product[] = {"key.lock=false", NULL};
    const KlSimOptions options = {.units = units, .one_port = TRUE};
    return kl_line_rig_new(&options, product);
}

static void
test_pass(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1);
    for (guint job = 0; job < 2; job++) { /* as a new unit, and as one that only has to be verified */
        set("hqhn", &active);
        g_autoptr(KlRecord) record = run(rig, 1, 60);
        assert_ended(record, NULL);
        g_assert_cmpint(record->already_provisioned, ==, job == 1);
        g_assert_cmpuint(unit.begun, ==, 1);
        g_assert_cmpuint(unit.resets, ==, 1);
        g_assert_cmpstr(other_side.endpoint, ==, "mqtt.example.com");
        g_assert_cmpstr(other_side.device, ==, record->unit->device_id);
        g_assert_cmpstr(other_side.registered, ==, "false");
        g_assert_nonnull(strstr(record->transcript, "first boot: message 4"));
        const KlStepResult *step = rehearsal_of(record);
        g_assert_nonnull(strstr(step->detail, "3 messages"));
        g_assert_null(step->code);
        /* and it is kept so */
        g_autofree char *sql =
            g_strdup_printf("SELECT detail FROM steps WHERE step = 'rehearse' AND job = '%s'", record->id);
        g_autofree char *kept = kl_line_rig_sql(rig, sql);
        g_assert_cmpstr(kept, ==, step->detail);
    }
    g_autofree char *row = kl_line_rig_sql(rig, "SELECT registered, version, connections FROM registration");
    g_assert_cmpstr(row, ==, "false|0|0");
}

static void
test_troubles(void)
{
    static const struct {
        KlBootTrouble trouble;
        const char *code;
    } troubles[] = {
        {KL_BOOT_FINE, "REHEARSAL_SILENT"},           {KL_BOOT_UNREACHABLE, "REHEARSAL_UNREACHABLE"},
        {KL_BOOT_WRONG_NAME, "REHEARSAL_ENDPOINT"},   {KL_BOOT_UNTRUSTED, "REHEARSAL_TRUST"},
        {KL_BOOT_CLOCK, "REHEARSAL_CLOCK"},           {KL_BOOT_REFUSED, "REHEARSAL_CERTIFICATE"},
        {KL_BOOT_NO_ANSWER, "REHEARSAL_SILENT"},      {KL_BOOT_BAD_PARAMETERS, "REHEARSAL_PARAMETERS"},
        {KL_BOOT_BAD_SOFTWARE, "REHEARSAL_SOFTWARE"}, {KL_BOOT_NOT_APPLIED, "REHEARSAL_SOFTWARE"},
        {KL_BOOT_INCOMPLETE, "READBACK_MISMATCH"},    {KL_BOOT_OTHER, "REHEARSAL_SILENT"},
    };
    g_autoptr(KlLineRig) rig = new_rig(1);
    for (guint i = 0; i < G_N_ELEMENTS(troubles); i++) {
        const KlBootInfo failed = {.state = KL_BOOT_FAILED, .trouble = troubles[i].trouble, .detail = (char *)"oh"};
        set("h", &failed);
        g_autoptr(KlRecord) record = run(rig, 1, 60);
        assert_ended(record, troubles[i].code);
        g_assert_nonnull(strstr(record->detail, ": oh; what did not come: its telemetry"));
        g_assert_cmpuint(unit.resets, ==, unit.begun);
        g_assert_cmpuint(unit.begun, >, 0);
    }
}

/* A unit that says that it is done, and was not heard; and one that was heard, and does not say so. */
static void
test_half(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1);
    set("h", &active);
    g_autoptr(KlRecord) unheard = run(rig, 1, 0);
    assert_ended(unheard, "REHEARSAL_SILENT");
    g_assert_nonnull(strstr(unheard->detail, "its telemetry"));
    set("hn", &confirmed);
    g_autoptr(KlRecord) unsaid = run(rig, 1, 0);
    assert_ended(unsaid, "REHEARSAL_SILENT");
    g_assert_nonnull(strstr(unsaid->detail, "its own word"));
    set("", &confirmed);
    g_autoptr(KlRecord) nothing = run(rig, 1, 0);
    assert_ended(nothing, "REHEARSAL_SILENT");
    g_assert_nonnull(strstr(nothing->detail, "its request"));
    set("hn", &active);
    unit.slow = 3;
    g_autoptr(KlRecord) slow = run(rig, 1, 60);
    assert_ended(slow, NULL);
    g_assert_cmpuint(unit.asked, >, 3);
    set("h", &active);
    unit.after.rehearsal = FALSE;
    g_autoptr(KlRecord) in_earnest = run(rig, 1, 60);
    assert_ended(in_earnest, "REHEARSAL_MISMATCH");
    g_assert_cmpuint(unit.resets, ==, 0); /* it says that it is active, and no rehearsal */
}

static void
test_wrong_message(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1);
    set("hw", &active);
    other_side.code = KL_ERROR_REHEARSAL_SOFTWARE;
    g_autoptr(KlRecord) wrong = run(rig, 1, 60);
    assert_ended(wrong, "REHEARSAL_SOFTWARE");
    g_assert_cmpuint(unit.resets, ==, 1);
    g_assert_nonnull(strstr(wrong->transcript, "first boot: message 2"));
    set("b", &active);
    other_side.code = KL_ERROR_BROKER_MISSING;
    g_autoptr(KlRecord) missing = run(rig, 1, 60);
    assert_ended(missing, "BROKER_MISSING");
    g_assert_cmpint(missing->outcome, ==, KL_OUTCOME_ERROR);
    g_assert_cmpuint(unit.begun, ==, 0);
}

static void
test_clock(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1);
    static const struct {
        gint64 off_hours;
        gboolean fine;
    } clocks[] = {{-25, FALSE}, {25, FALSE}, {-23, TRUE}, {23, TRUE}};
    for (guint i = 0; i < G_N_ELEMENTS(clocks); i++) {
        set("hn", &active);
        unit.info.clock_s += clocks[i].off_hours * 3600;
        g_autoptr(KlRecord) record = run(rig, 1, 60);
        assert_ended(record, clocks[i].fine ? NULL : "REHEARSAL_CLOCK");
        g_assert_cmpuint(unit.begun, ==, clocks[i].fine);
    }
}

/* In a rehearsal it is told which broker to take: which one it would look for otherwise, and whom it would trust there,
 * it has to say, and rightly. */
static void
test_self(void)
{
    static const struct {
        const char *broker, *trust, *code;
    } rows[] = {
        {"", NULL, "READBACK_MISMATCH"},
        {NULL, "", "READBACK_MISMATCH"},
        {"elsewhere.example.com:8883", NULL, "REHEARSAL_ENDPOINT"},
        {"mqtt.example.com.evil:8883", NULL, "REHEARSAL_ENDPOINT"},
        {NULL, "b93f51c3ac1bdd90edcce2019d2452a328cbf97443f3744cc7ec63033a5b2c16", "REHEARSAL_TRUST"},
    };
    g_autoptr(KlLineRig) rig = new_rig(1);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        set("hn", &active);
        unit.broker = rows[i].broker;
        unit.trust = rows[i].trust;
        g_autoptr(KlRecord) record = run(rig, 1, 60);
        assert_ended(record, rows[i].code);
        g_assert_cmpuint(unit.begun, ==, 0);
    }
}

/* In whatever state: its first boot is its own, and nobody undoes it. */
static void
test_begun_in_the_field(void)
{
    g_autoptr(KlLineRig) rig = new_rig(2);
    set("hn", &active);
    g_autoptr(KlRecord) first = run(rig, 1, 60);
    assert_ended(first, NULL);
    for (KlBootState state = KL_BOOT_CONNECTING; state <= KL_BOOT_FAILED; state++) {
        set("hn", &active);
        unit.info.state = state;
        g_autoptr(KlRecord) verified = run(rig, 1, 60);
        assert_ended(verified, NULL);
        g_assert_nonnull(strstr(rehearsal_of(verified)->detail, "not rehearsed"));
        g_assert_cmpuint(unit.begun + unit.resets, ==, 0);
        g_autoptr(KlRecord) provisioned = run(rig, 2, 60);
        assert_ended(provisioned, "REHEARSAL_BEGUN");
        g_assert_cmpuint(unit.begun + unit.resets, ==, 0);
    }
}

/* The station was killed in the middle of it: the next job resets it before it does anything else. */
static void
test_left_behind(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1);
    set("hn", &active);
    unit.info.state = KL_BOOT_REQUESTED;
    unit.info.rehearsal = TRUE;
    g_autoptr(KlRecord) record = run(rig, 1, 60);
    assert_ended(record, NULL);
    g_assert_cmpuint(unit.resets, ==, 2);
    const char *reset = strstr(record->transcript, "was left behind (requested)");
    g_assert_nonnull(reset);
    g_assert_true(reset < strstr(record->transcript, "step key"));
}

static void
test_scars(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1);
    set("hn", &active);
    unit.scar = TRUE;
    g_autoptr(KlRecord) scarred = run(rig, 1, 60);
    assert_ended(scarred, "REHEARSAL_STUCK");
    set("hn", &active);
    unit.stuck = TRUE;
    g_autoptr(KlRecord) stuck = run(rig, 1, 60);
    assert_ended(stuck, "REHEARSAL_STUCK");
}

static void
test_stopped(void)
{
    g_autoptr(KlLineRig) rig = new_rig(1);
    set("hq", &confirmed);
    unit.cancel = (GCancellable *)&unit; /* set by run() */
    g_autoptr(KlRecord) record = run(rig, 1, 60);
    assert_ended(record, "CANCELLED");
    g_assert_cmpint(record->outcome, ==, KL_OUTCOME_ABORTED);
    g_assert_cmpuint(unit.resets, ==, 1);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rehearse-step/pass", test_pass);
    g_test_add_func("/rehearse-step/troubles", test_troubles);
    g_test_add_func("/rehearse-step/half", test_half);
    g_test_add_func("/rehearse-step/wrong-message", test_wrong_message);
    g_test_add_func("/rehearse-step/clock", test_clock);
    g_test_add_func("/rehearse-step/self", test_self);
    g_test_add_func("/rehearse-step/begun-in-the-field", test_begun_in_the_field);
    g_test_add_func("/rehearse-step/left-behind", test_left_behind);
    g_test_add_func("/rehearse-step/scars", test_scars);
    g_test_add_func("/rehearse-step/stopped", test_stopped);
    int status = g_test_run();
    g_free(other_side.endpoint);
    g_free(other_side.device);
    g_free(other_side.registered);
    g_free(unit.info.detail);
    return status;
}
