/* Units in the field as the store tells of them: states, times, alarms, counts. */
#include "tests/activation_rig.h"

#define SECOND "FX30-000002"

/* "FX30-000001 ok 7 2 seen alarm; ..." */
static char *
describe(KlStore *store, const KlFieldFilter *filter)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) units = CALL(store, field, filter, &error);
    g_assert_no_error(error);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < units->len; i++) {
        const KlFieldUnit *unit = units->pdata[i];
        g_assert_true((unit->first_seen_us > 0) == (unit->last_seen_us > 0));
        g_assert_cmpint(unit->first_seen_us, <=, unit->last_seen_us);
        g_assert_true((unit->counts != NULL) == filter->counts);
        g_string_append_printf(text, "%s %s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "%s%s;", unit->row->device,
                               unit->imei + 14, kl_field_state_name(kl_field_state(unit)), unit->row->version,
                               unit->row->connections, unit->last_seen_us > 0 ? " seen" : "",
                               unit->alarm_us > 0 ? " alarm" : "");
        for (guint j = 0; unit->counts != NULL && j < unit->counts->len; j++) {
            const KlFieldCount *count = unit->counts->pdata[j];
            g_string_append_printf(text, " %s=%" G_GINT64_FORMAT, count->verdict, count->total);
        }
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

#define ANY (-1)
#define assert_field(store, expected, wanted, ...)                                                                     \
    do {                                                                                                               \
        const KlFieldFilter field_filter = {.state = (wanted), __VA_ARGS__};                                           \
        g_autofree char *described = describe(store, &field_filter);                                                   \
        g_assert_cmpstr(described, ==, expected);                                                                      \
    } while (0)

/* Unit 1 is activated and asks again and again, 2 has asked, 3 confirmed too early, 4 was never heard of. */
static void
boot(const char *path)
{
    pass_units(path, 4);
    g_autoptr(KlActivationTable) table = open_table(path);
    g_autoptr(KlActivationEngine) engine =
        make_engine(&(KlActivationParts){.rules = {.connections_alarm = 1}, .table = table});
    assert_handled(engine, REQUEST, "", "answered: " ANSWER);
    assert_handled(engine, CONFIRM, "", "activated: ");
    assert_handled(engine, VERSION, "{\"version\":7}", "version: ");
    for (guint i = 0; i < 2; i++)
        assert_handled(engine, REQUEST, "", "counted: ");
    g_free(handle(engine, "bs/device/" SECOND "/register/request", ""));
    assert_handled(engine, "bs/device/FX30-000003/register/ok", "", "early-confirm: ");
    assert_handled(engine, "bs/device/nobody/register/ok", "", "unknown-device: ");
    assert_handled(engine, "elsewhere", "", "malformed: ");
    assert_handled(engine, "bs/device/nobody/register/ok", "", "unknown-device: ");
}

#define ONE DEVICE " 1 ok 7 2 seen alarm;"
#define TWO SECOND " 2 requested 0 0 seen;"
#define THREE "FX30-000003 3 seen 0 1 seen;"
#define FOUR "FX30-000004 4 never-seen 0 0;"

static void
test_filters(Folder *folder, gconstpointer data)
{
    boot(folder->path);
    g_autoptr(KlStore) store = open_store(folder->path);
    assert_field(store, ONE TWO THREE FOUR, ANY, .limit = 0);
    assert_field(store, ONE TWO, ANY, .limit = 2);
    assert_field(store, TWO, ANY, .device = SECOND);
    assert_field(store, TWO, ANY, .imei = "350000000000002");
    assert_field(store, "", ANY, .imei = "350000000000002", .device = DEVICE);
    assert_field(store, "", ANY, .device = "nobody");
    assert_field(store, FOUR, KL_FIELD_NEVER_SEEN, .limit = 0);
    assert_field(store, THREE, KL_FIELD_SEEN, .limit = 0);
    assert_field(store, TWO, KL_FIELD_REQUESTED, .limit = 0);
    assert_field(store, ONE, KL_FIELD_OK, .limit = 0);
    assert_field(store, ONE, ANY, .alarms = TRUE);
    assert_field(store, "", ANY, .alarms = TRUE, .device = SECOND);
    assert_field(store, ONE " activated=1 answered=1 counted=2 version=1", ANY, .device = DEVICE, .counts = TRUE);
    assert_field(store, FOUR, ANY, .device = "FX30-000004", .counts = TRUE);
}

static void
test_strangers(Folder *folder, gconstpointer data)
{
    boot(folder->path);
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GPtrArray) counts = CALL(store, field_strangers, NULL);
    g_assert_cmpuint(counts->len, ==, 2);
    const KlFieldCount *first = counts->pdata[0], *second = counts->pdata[1];
    g_assert_cmpstr(first->verdict, ==, "malformed");
    g_assert_cmpint(first->total, ==, 1);
    g_assert_cmpstr(second->verdict, ==, "unknown-device");
    g_assert_cmpint(second->total, ==, 2);
}

/* What ends an alarm: there is nothing left that could be misused, or the unit has begun anew. data: which. */
static void
test_alarm_ends(Folder *folder, gconstpointer data)
{
    boot(folder->path);
    g_autoptr(KlStore) store = open_store(folder->path);
    assert_field(store, ONE, ANY, .alarms = TRUE);
    if (data != NULL) {
        g_autofree char *live = sqlite(folder->path, "SELECT sha256 FROM certificates WHERE imei LIKE '%1'");
        g_assert_true(CALL(store, revoke, live, "cloned", NULL));
        assert_field(store, DEVICE " 1 ok 7 2 seen;", ANY, .device = DEVICE);
    } else {
        g_auto(JobRun) run = {0};
        job_run_renew(&run, store, 1);
        run.reprovision = "cloned";
        g_assert_true(job_run_calls(&run, N_JOB_CALLS, NULL));
        assert_field(store, DEVICE " 1 never-seen 0 0;", ANY, .device = DEVICE);
    }
    assert_field(store, "", ANY, .alarms = TRUE);
}

static void
test_names(void)
{
    for (int i = 0; i < KL_FIELD_N_STATES; i++)
        g_assert_cmpint(kl_field_state_from_name(kl_field_state_name((KlFieldState)i)), ==, i);
    g_assert_cmpint(kl_field_state_from_name("false"), ==, -1);
}

static const FolderTest tests[] = {
    {"/store-field/filters", test_filters},
    {"/store-field/strangers", test_strangers},
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    add_test("/store-field/alarm-ends/revoked", "r", test_alarm_ends);
    add_test("/store-field/alarm-ends/anew", NULL, test_alarm_ends);
    g_test_add_func("/store-field/names", test_names);
    return g_test_run();
}
