/* keyline registry list and show, and the doctor, on units in the field: the real program on a station whose units have
 * booted. */
#include "tests/field_station.h"

static void
set_up(Field *f, gconstpointer data)
{
    field_make(f);
}

static void
tear_down(Field *f, gconstpointer data)
{
    field_clear(f);
}

/* Unit 1 is activated and asks too often, unit 2 has asked, unit 3 was never heard of; so was a stranger. */
static void
boot(const Field *f)
{
    g_autoptr(KlActivationTable) table = open_table(f->path);
    g_autoptr(KlActivationEngine) engine =
        make_engine(&(KlActivationParts){.rules = {.connections_alarm = 1}, .table = table});
    assert_handled(engine, REQUEST, "", "answered: " ANSWER);
    assert_handled(engine, CONFIRM, "", "activated: ");
    assert_handled(engine, VERSION, "{\"version\":7}", "version: ");
    for (guint i = 0; i < 2; i++)
        assert_handled(engine, REQUEST, "", "counted: ");
    g_free(handle(engine, "bs/device/FX30-000002/register/request", ""));
    assert_handled(engine, "bs/device/nobody/register/ok", "", "unknown-device: ");
}

/* The devices of a list, "FX30-000001 FX30-000002 ". */
static void
assert_devices(const Field *f, const char *options, const char *expected)
{
    g_autofree char *words = g_strdup_printf("registry list %s --output json", options);
    g_auto(Run) run = keyline(&f->rig, words);
    g_assert_cmpint(run.code, ==, 0);
    g_autoptr(JsonNode) node = document(&run);
    JsonArray *rows = member_array(node, "registrations");
    g_autoptr(GString) devices = g_string_new(NULL);
    for (guint i = 0; i < json_array_get_length(rows); i++)
        g_string_append_printf(devices, "%s ", text(json_array_get_object_element(rows, i), "device"));
    g_assert_cmpstr(devices->str, ==, expected);
}

static void
test_list(Field *f, gconstpointer data)
{
    boot(f);
    assert_devices(f, "", "FX30-000001 FX30-000002 FX30-000003 ");
    assert_devices(f, "--state ok", "FX30-000001 ");
    assert_devices(f, "--state requested", "FX30-000002 ");
    assert_devices(f, "--state never-seen", "FX30-000003 ");
    assert_devices(f, "--state seen", "");
    assert_devices(f, "--alarms", "FX30-000001 ");
    assert_devices(f, "--alarms --state requested", "");
    assert_says(f, "registry list --state false", 2,
                "'false' is no state: never-seen, seen, requested, ok, not-asked or missing");
    assert_says(f, "registry list --csv --output json", 2, "two forms");
    assert_says(f, "registry list --state seen", 0, "No device.");
    assert_says(f, "registry list", 0, "1 message of a device that is not in this table was not answered.");

    g_auto(Run) table = keyline(&f->rig, "registry list");
    g_auto(GStrv) lines = g_strsplit(table.out, "\n", -1);
    g_assert_true(g_str_has_prefix(lines[1], "FX30-000001  ok"));
    g_assert_nonnull(strstr(lines[1], "  ALARM  "));
    g_assert_null(strstr(lines[2], "ALARM"));
    g_assert_true(g_str_has_prefix(lines[3], "FX30-000003  never-seen        0            0  -  "));
    g_assert_null(strstr(table.out, "topic")); /* parameters would make it too wide */
    for (guint i = 0; lines[i] != NULL; i++)
        g_assert_cmpuint(g_utf8_strlen(lines[i], -1), <=, 120);

    g_free(sqlite(f->path, "UPDATE activation_counts SET total = 2 WHERE device = ''"));
    assert_says(f, "registry list", 0, "2 messages of devices that are not in this table were not answered.");
}

static void
test_csv(Field *f, gconstpointer data)
{
    boot(f);
    g_auto(Run) run = keyline(&f->rig, "registry list --csv");
    g_assert_cmpint(run.code, ==, 0);
    g_auto(GStrv) lines = g_strsplit(run.out, "\r\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 5);
    g_assert_cmpstr(lines[0], ==,
                    "device,imei,state,version,connections,first_seen,last_seen,alarm_since,registered,policy,firmware,"
                    "parameters,asked");
    g_assert_true(g_str_has_prefix(lines[1], "FX30-000001,350000000000001,ok,7,2,20"));
    g_assert_true(g_str_has_prefix(lines[3], "FX30-000003,350000000000003,never-seen,0,0,,,,false,"));
    g_assert_nonnull(strstr(lines[3], "\"{\"\"topic\"\":"));
}

static void
test_show(Field *f, gconstpointer data)
{
    boot(f);
    g_auto(Run) run = keyline(&f->rig, "registry show FX30-000001 --output json");
    g_autoptr(JsonNode) node = document(&run);
    JsonObject *row = json_array_get_object_element(member_array(node, "registrations"), 0);
    JsonObject *counts = json_object_get_object_member(row, "counts");
    g_assert_cmpint(json_object_get_int_member(row, "connections"), ==, 2);
    g_assert_cmpint(json_object_get_int_member(counts, "counted"), ==, 2);
    g_assert_cmpint(json_object_get_int_member(counts, "activated"), ==, 1);
    g_assert_nonnull(text(row, "alarm_since"));
    assert_says(f, "registry show FX30-000001", 0, "Messages, counted");
    assert_says(f, "registry show FX30-000003", 0, "never-seen");
    assert_says(f, "registry show nobody", 2, "RECORD_UNKNOWN");
}

/* Where first boot works on the cloud's table, the list says that this was not asked. */
static void
test_cloud(Field *f, gconstpointer data)
{
    g_autofree char *conf = g_build_filename(f->rig.station, "station.conf", NULL), *content = NULL;
    g_assert_true(g_file_get_contents(conf, &content, NULL, NULL));
    g_autofree char *more = g_strconcat(content, "\n[aws]\nregion=eu-west-1\nregistration-table=Elsewhere\n", NULL);
    g_assert_true(g_file_set_contents(conf, more, -1, NULL));
    assert_says(f, "registry list", 0, "First boot changes the rows in the cloud, in Elsewhere: ");
    assert_devices(f, "--state not-asked", "FX30-000001 FX30-000002 FX30-000003 ");
    assert_devices(f, "--state never-seen", "");
    assert_says(f, "registry show FX30-000001 --output json", 0, "\"changed_in\" : \"Elsewhere\"");
}

static void
test_doctor(Field *f, gconstpointer data)
{
    g_auto(Run) before = keyline(&f->rig, "doctor");
    g_assert_null(strstr(before.out, "Units in the field"));
    boot(f);
    g_auto(Run) one = keyline(&f->rig, "doctor");
    g_assert_nonnull(strstr(one.out, "FX30-000001 has too many connections: 2"));
    g_assert_nonnull(strstr(one.out, "Somebody may have its credentials."));
    g_free(sqlite(f->path, "UPDATE activation_seen SET alarm_us = last_seen_us"));
    g_auto(Run) two = keyline(&f->rig, "doctor");
    g_assert_nonnull(strstr(two.out, "2 units have too many connections, FX30-000001 among them"));
    g_free(sqlite(f->path, "UPDATE activation_seen SET alarm_us = NULL"));
    g_auto(Run) none = keyline(&f->rig, "doctor");
    g_assert_nonnull(strstr(none.out, "none has too many connections"));
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(Field *f, gconstpointer data);
    } tests[] = {
        {"/cli-field/list", test_list},   {"/cli-field/csv", test_csv},       {"/cli-field/show", test_show},
        {"/cli-field/cloud", test_cloud}, {"/cli-field/doctor", test_doctor},
    };
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, Field, NULL, set_up, tests[i].test, tear_down);
    return g_test_run();
}
