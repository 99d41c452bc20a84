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
                               unit->imei + 14, kl_field_state_name(unit->state), unit->row->version,
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

/* --- by a cloud's table --- */

#define ELSEWHERE "Elsewhere"

static KlCloudRow *
said(const char *device, const char *registered, gint64 connections, gint64 asked_us)
{
    KlCloudRow *row = g_new0(KlCloudRow, 1);
    row->device = g_strdup(device);
    row->asked_us = asked_us;
    if (registered == NULL)
        return row;
    row->row = make_row(device);
    g_free(row->row->registered);
    row->row->registered = g_strdup(registered);
    row->row->version = 5;
    row->row->connections = connections;
    row->counts = kl_field_counts_new();
    KlFieldCount *count = g_new0(KlFieldCount, 1);
    *count = (KlFieldCount){g_strdup("answered"), 3};
    g_ptr_array_add(row->counts, count);
    return row;
}

static void
keep_said(KlStore *store, const char *table, KlCloudRow *row)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)kl_cloud_row_free);
    g_autoptr(GError) error = NULL;
    g_ptr_array_add(rows, row);
    CALL(store, cloud_said, table, rows, 3, &error);
    g_assert_no_error(error);
}

/* First boot has been at the rows here, too: what the cloud says is never mixed up with that. */
static void
test_cloud(Folder *folder, gconstpointer data)
{
    boot(folder->path);
    g_autoptr(KlStore) store = open_store(folder->path);
    const gint64 now = g_get_real_time();
    g_autofree char *rows = sqlite(folder->path, "SELECT * FROM registration; SELECT * FROM activation_seen;"
                                                 "SELECT * FROM activation_counts; SELECT count(*) FROM audit_events");
    keep_said(store, ELSEWHERE, said(DEVICE, "requested", 1, now));
    KlCloudRow *seen = said(SECOND, "false", 0, now);
    seen->first_seen_us = 5;
    seen->last_seen_us = 9;
    keep_said(store, ELSEWHERE, seen);
    keep_said(store, ELSEWHERE, said("FX30-000003", NULL, 0, now));
    keep_said(store, ELSEWHERE, said("nobody", "ok", 0, now));
    assert_sql(folder->path,
               "SELECT * FROM registration; SELECT * FROM activation_seen; SELECT * FROM activation_counts;"
               "SELECT count(*) FROM audit_events",
               rows);
    assert_field(store, ONE TWO THREE FOUR, ANY, .limit = 0);
    assert_field(store, ONE, ANY, .alarms = TRUE);

#define ONE_THERE DEVICE " 1 requested 5 1;"
#define TWO_THERE SECOND " 2 seen 5 0 seen;"
#define THREE_THERE "FX30-000003 3 missing 0 1;"
#define FOUR_THERE "FX30-000004 4 not-asked 0 0;"
    assert_field(store, ONE_THERE TWO_THERE THREE_THERE FOUR_THERE, ANY, .cloud = ELSEWHERE);
    assert_field(store, THREE_THERE, ANY, .cloud = ELSEWHERE, .after = SECOND, .limit = 1);
    assert_field(store, THREE_THERE, ANY, .cloud = ELSEWHERE, .imei = "350000000000003");
    assert_field(store, ONE_THERE, KL_FIELD_REQUESTED, .cloud = ELSEWHERE);
    assert_field(store, TWO_THERE, KL_FIELD_SEEN, .cloud = ELSEWHERE);
    assert_field(store, THREE_THERE, KL_FIELD_MISSING, .cloud = ELSEWHERE);
    assert_field(store, FOUR_THERE, KL_FIELD_NOT_ASKED, .cloud = ELSEWHERE);
    assert_field(store, "", KL_FIELD_OK, .cloud = ELSEWHERE);
    assert_field(store, "", ANY, .cloud = ELSEWHERE, .alarms = TRUE);
    assert_field(store, ONE_THERE " answered=3", ANY, .cloud = ELSEWHERE, .device = DEVICE, .counts = TRUE);
    assert_field(store, FOUR_THERE, ANY, .cloud = ELSEWHERE, .device = "FX30-000004", .counts = TRUE);
    assert_field(store, DEVICE " 1 not-asked 7 2;", ANY, .cloud = "Another", .device = DEVICE);
}

/* What was asked for later counts, unless that was under a clock that was wrong; another table's word goes. */
static void
test_cloud_order(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, 1);
    g_autoptr(KlStore) store = open_store(folder->path);
    const gint64 now = g_get_real_time(), to_come = now + 3600 * (gint64)G_USEC_PER_SEC;
    keep_said(store, ELSEWHERE, said(DEVICE, "requested", 0, now - 5));
    keep_said(store, ELSEWHERE, said(DEVICE, "false", 0, now - 6));
    assert_field(store, DEVICE " 1 requested 5 0;", ANY, .cloud = ELSEWHERE);
    keep_said(store, ELSEWHERE, said(DEVICE, "ok", 0, to_come));
    keep_said(store, ELSEWHERE, said(DEVICE, "false", 0, now));
    assert_field(store, DEVICE " 1 never-seen 5 0;", ANY, .cloud = ELSEWHERE);
    keep_said(store, "Another", said(DEVICE, NULL, 0, now - 10));
    assert_field(store, DEVICE " 1 missing 0 0;", ANY, .cloud = "Another");
    assert_field(store, DEVICE " 1 not-asked 0 0;", ANY, .cloud = ELSEWHERE);
    KlCloudRow *odd = said(DEVICE, NULL, 0, now);
    kl_fail(&odd->problem, KL_ERROR_ROW_UNREADABLE, "it can't be read");
    keep_said(store, ELSEWHERE, odd);
    assert_field(store, DEVICE " 1 missing 0 0;", ANY, .cloud = "Another");
}

#define ALARM "SELECT alarm_us FROM registration_in_cloud"

/* An alarm is as old as the first answer that had it, and ends with the certificate that the unit had by then. */
static void
test_cloud_alarm(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, 1);
    g_autoptr(KlStore) store = open_store(folder->path);
    const gint64 now = g_get_real_time();
    g_autofree char *first = g_strdup_printf("%" G_GINT64_FORMAT, now),
                    *third = g_strdup_printf("%" G_GINT64_FORMAT, now + 3);
    keep_said(store, ELSEWHERE, said(DEVICE, "ok", 4, now));
    keep_said(store, ELSEWHERE, said(DEVICE, "ok", 5, now + 1));
    assert_sql(folder->path, ALARM, first);
    assert_field(store, DEVICE " 1 ok 5 5 alarm;", ANY, .cloud = ELSEWHERE, .alarms = TRUE);
    assert_field(store, "", ANY, .alarms = TRUE);
    keep_said(store, ELSEWHERE, said(DEVICE, "ok", 3, now + 2));
    assert_field(store, "", ANY, .cloud = ELSEWHERE, .alarms = TRUE);
    keep_said(store, ELSEWHERE, said(DEVICE, "ok", 6, now + 3));
    assert_sql(folder->path, ALARM, third);
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 1);
    run.reprovision = "cloned";
    run.generation = 2; /* another key, another certificate */
    g_assert_true(job_run_calls(&run, N_JOB_CALLS, NULL));
    assert_field(store, "", ANY, .cloud = ELSEWHERE, .alarms = TRUE);
    assert_field(store, DEVICE " 1 ok 5 6;", ANY, .cloud = ELSEWHERE);
}

/* What the table says of a unit that is provisioned anew is of its last life, until its new row is there. */
static void
test_cloud_anew(Folder *folder, gconstpointer data)
{
    g_autoptr(KlStore) store = open_store(folder->path);
    g_autoptr(GError) error = NULL;
    CALL(store, use_outbox, TRUE);
    g_free(pass_unit(store, 1));
    const gint64 now = g_get_real_time();
    keep_said(store, ELSEWHERE, said(DEVICE, "ok", 4, now));
    assert_field(store, DEVICE " 1 ok 5 4 alarm;", ANY, .cloud = ELSEWHERE);
    g_auto(JobRun) run = {0};
    job_run_renew(&run, store, 1);
    run.reprovision = "cloned";
    run.generation = 2;
    g_assert_true(job_run_calls(&run, N_JOB_CALLS, &error));
#define NOBODY_KNOWS DEVICE " 1 not-asked 0 0;"
    assert_field(store, NOBODY_KNOWS, ANY, .cloud = ELSEWHERE, .counts = TRUE);
    const gint64 waits = g_get_real_time();
    keep_said(store, ELSEWHERE, said(DEVICE, "ok", 4, waits));
    assert_field(store, NOBODY_KNOWS, ANY, .cloud = ELSEWHERE);
    g_autoptr(KlOutboxRow) row = CALL(store, outbox_row, KL_OUTBOX_REGISTRATION, DEVICE, &error);
    g_assert_true(CALL(store, outbox_sent, row->number, &error));
    keep_said(store, ELSEWHERE, said(DEVICE, "ok", 4, waits)); /* asked before the row was there, told after it */
    assert_field(store, NOBODY_KNOWS, ANY, .cloud = ELSEWHERE);
    keep_said(store, ELSEWHERE, said(DEVICE, "false", 0, g_get_real_time() + 1));
    assert_field(store, DEVICE " 1 never-seen 5 0;", ANY, .cloud = ELSEWHERE);
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
    {"/store-field/cloud", test_cloud},
    {"/store-field/cloud-order", test_cloud_order},
    {"/store-field/cloud-alarm", test_cloud_alarm},
    {"/store-field/cloud-anew", test_cloud_anew},
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
