/* The real keyline on a line of simulated units: what it prints, what it exits with, what it keeps. */
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/cli_rig.h"

/* Listings and their filters, after three units of operator ann and a fourth job of nobody. */
static void
check_listings(const Rig *rig)
{
    static const struct {
        const char *words;
        const char *list;
        guint count;
    } lists[] = {
        {"records list", "records", 4},
        {"records list --limit 2", "records", 2},
        {"records list --operator ann", "records", 3},
        {"records list --work-order W1 --outcome pass", "records", 3},
        {"records list --outcome fail", "records", 0},
        {"records list --to 2020-01-01", "records", 0},
        {"records list --from 2020-01-01", "records", 4},
        {"registry list", "registrations", 3},
        {"slots", "slots", 3},
        {"slots --look", "slots", 3},
    };
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autofree char *words = g_strconcat(lists[i].words, " --output json", NULL);
        g_auto(Run) run = keyline(rig, words);
        g_assert_cmpint(run.code, ==, 0);
        g_autoptr(JsonNode) listing = document(&run);
        g_assert_cmpuint(json_array_get_length(member_array(listing, lists[i].list)), ==, lists[i].count);
    }
}

/* The records and the registration row of one unit, which has two records. */
static void
check_lookups(const Rig *rig, JsonObject *first)
{
    g_autofree char *find = g_strdup_printf("records find %s --output json", text(first, "imei"));
    g_auto(Run) found = keyline(rig, find);
    g_autoptr(JsonNode) found_node = document(&found);
    g_assert_cmpuint(json_array_get_length(member_array(found_node, "records")), ==, 2);
    g_autofree char *row = g_strdup_printf("registry show %s", text(first, "device"));
    g_auto(Run) registered = keyline(rig, row);
    g_assert_cmpint(registered.code, ==, 0);
    g_assert_nonnull(strstr(registered.out, text(first, "device")));
    g_autofree char *show = g_strdup_printf("records show %.8s --transcript", text(first, "record_id"));
    g_auto(Run) shown = keyline(rig, show);
    g_assert_cmpint(shown.code, ==, 0);
    g_assert_nonnull(strstr(shown.out, text(first, "record_id")));
    g_assert_nonnull(strstr(shown.out, "AT+KL"));
    g_auto(Run) unknown = keyline(rig, "records find 123456789012345");
    g_assert_cmpint(unknown.code, ==, 2);
    g_auto(Run) doctor = keyline_unlocked(rig, "doctor --output json");
    g_assert_cmpint(doctor.code, ==, 0);
}

/* A revoked certificate stands in the CRL. */
static void
check_revocation(const Rig *rig, JsonObject *first)
{
    /* A fingerprint as openssl prints it: upper case, with colons. */
    const char *sha256 = text(first, "certificate_sha256");
    g_autoptr(GString) colons = g_string_new(NULL);
    for (guint i = 0; i < 64; i += 2)
        g_string_append_printf(colons, "%s%c%c", i > 0 ? ":" : "", g_ascii_toupper(sha256[i]),
                               g_ascii_toupper(sha256[i + 1]));
    g_autofree char *revoke = g_strdup_printf("ca revoke %s --reason 'lost'", colons->str);
    g_auto(Run) revoked = keyline(rig, revoke);
    g_assert_cmpint(revoked.code, ==, 0);
    g_auto(Run) crl = keyline_unlocked(rig, "ca crl");
    g_assert_cmpint(crl.code, ==, 0);
    g_autofree char *crl_path = g_build_filename(rig->station, "ca", "ca.crl", NULL);
    const char *const print[] = {"openssl", "crl", "-in", crl_path, "-noout", "-text", NULL};
    g_auto(Run) printed = run_argv(print);
    g_assert_nonnull(strstr(printed.out, "Serial Number:"));
}

static JsonObject *
result_in_slot(JsonArray *results, const char *slot)
{
    for (guint i = 0; i < json_array_get_length(results); i++) {
        JsonObject *result = json_array_get_object_element(results, i);
        if (g_str_equal(text(result, "slot"), slot))
            return result;
    }
    g_error("no result in slot %s", slot);
}

/* The head of a batch's document: three units, all passed at once. */
static void
check_batch_keys(JsonObject *batch)
{
    static const struct {
        const char *key;
        gint64 value;
    } numbers[] = {{"count", 3},  {"left", 0},   {"running", 0}, {"units", 3},
                   {"passed", 3}, {"failed", 0}, {"jobs", 3},    {"first_pass", 3}};
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        g_assert_cmpint(json_object_get_int_member(batch, numbers[i].key), ==, numbers[i].value);
    g_assert_cmpfloat(json_object_get_double_member(batch, "yield_percent"), ==, 100);
    g_assert_cmpfloat(json_object_get_double_member(batch, "slowest_ms"), >, 0);
    g_assert_nonnull(text(batch, "slowest_step"));
    g_assert_nonnull(text(batch, "slowest_slot"));
    g_assert_nonnull(text(batch, "started"));
    g_assert_null(text(batch, "stopped"));
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(batch, "causes")), ==, 0);
}

/* The report again, from the records: the same but for what the line alone knew. */
static void
check_report(const Rig *rig, const Run *batch, const char *id)
{
    g_autofree char *words = g_strdup_printf("batch --report %.8s --output json", id);
    g_auto(Run) report = keyline(rig, words);
    g_assert_cmpint(report.code, ==, 0);
    g_autoptr(JsonNode) then = document(batch), now = document(&report);
    JsonObject *object = json_node_get_object(then);
    json_object_set_null_member(object, "count");
    json_object_set_null_member(object, "left");
    g_assert_true(json_node_equal(then, now));
    g_autofree char *list = g_strdup_printf("records list --batch %.8s --output json", id);
    g_auto(Run) listed = keyline(rig, list);
    g_autoptr(JsonNode) records = document(&listed);
    g_assert_cmpuint(json_array_get_length(member_array(records, "records")), ==, 3);
}

/* The whole way: batch, records, registry, a second batch that redoes nothing. */
static void
test_batch(void)
{
    static const char *const keys[] = {"slot",  "device",     "imei",      "fsn",     "outcome", "code",
                                       "words", "remedy",     "steps",     "resumed", "started", "ended",
                                       "batch", "work_order", "record_id", "operator"};
    g_auto(Rig) rig = {0};
    rig_start(&rig, 3, NULL);
    g_auto(Run) batch = keyline_unlocked(&rig, "batch --count 3 --operator ann --work-order W1 --output json");
    g_assert_cmpint(batch.code, ==, 0);
    g_autoptr(JsonNode) node = document(&batch);
    g_assert_cmpint(json_object_get_int_member(json_node_get_object(node), "passed"), ==, 3);
    check_batch_keys(json_node_get_object(node));
    JsonArray *units = member_array(node, "results");
    g_assert_cmpuint(json_array_get_length(units), ==, 3);
    for (guint i = 0; i < 3; i++) {
        g_autofree char *slot = g_strdup_printf("%02u", i + 1);
        JsonObject *unit = result_in_slot(units, slot);
        for (guint k = 0; k < G_N_ELEMENTS(keys); k++)
            g_assert_true(json_object_has_member(unit, keys[k]));
        g_assert_cmpstr(text(unit, "outcome"), ==, "PASS");
        g_assert_cmpstr(text(unit, "operator"), ==, "ann");
        g_assert_cmpint(strlen(text(unit, "certificate_sha256")), ==, 64);
        g_assert_false(json_object_get_boolean_member(unit, "already_provisioned"));
        g_assert_cmpuint(json_array_get_length(json_object_get_array_member(unit, "steps")), >, 5);
    }
    JsonObject *first = result_in_slot(units, "01");
    check_report(&rig, &batch, text(json_node_get_object(node), "batch"));

    g_auto(Run) again = keyline_unlocked(&rig, "provision --slot 01 --output json");
    g_assert_cmpint(again.code, ==, 0);
    g_autoptr(JsonNode) again_node = document(&again);
    JsonObject *unit = json_node_get_object(again_node);
    g_assert_true(json_object_get_boolean_member(unit, "already_provisioned"));
    g_assert_cmpstr(text(unit, "certificate_sha256"), ==, text(first, "certificate_sha256"));
    check_listings(&rig);
    check_lookups(&rig, first);
    check_revocation(&rig, first);
}

/* --reprovision replaces what the unit has, and says why in its record. */
static void
test_reprovision(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 1, NULL);
    g_auto(Run) first = keyline_unlocked(&rig, "provision --slot 01 --output json");
    g_assert_cmpint(first.code, ==, 0);
    g_autoptr(JsonNode) first_node = document(&first);
    g_auto(Run) second = keyline_unlocked(&rig, "provision --slot 01 --reprovision 'wrong CA' --output json");
    g_assert_cmpint(second.code, ==, 0);
    g_autoptr(JsonNode) second_node = document(&second);
    JsonObject *before = json_node_get_object(first_node);
    JsonObject *after = json_node_get_object(second_node);
    g_assert_false(json_object_get_boolean_member(after, "already_provisioned"));
    g_assert_cmpstr(text(after, "reprovision_reason"), ==, "wrong CA");
    g_assert_cmpstr(text(after, "device"), ==, text(before, "device"));
    g_assert_cmpstr(text(after, "certificate_sha256"), !=, text(before, "certificate_sha256"));
}

/* One bad unit among good ones: exit code 1, its code, words and remedy, and the others pass. */
static void
test_failed_unit(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 2, "2:csr-bad-signature");
    g_auto(Run) json = keyline_unlocked(&rig, "batch --count 2 --output json");
    g_assert_cmpint(json.code, ==, 1);
    g_autoptr(JsonNode) node = document(&json);
    JsonArray *units = member_array(node, "results");
    g_assert_cmpstr(text(result_in_slot(units, "01"), "outcome"), ==, "PASS");
    JsonObject *bad = result_in_slot(units, "02");
    g_assert_cmpstr(text(bad, "outcome"), ==, "FAIL");
    g_assert_cmpstr(text(bad, "code"), ==, "CSR_SIGNATURE");
    g_assert_nonnull(text(bad, "words"));
    g_assert_nonnull(text(bad, "remedy"));
    JsonObject *cause = json_array_get_object_element(member_array(node, "causes"), 0);
    g_assert_cmpstr(text(cause, "code"), ==, "CSR_SIGNATURE");
    g_assert_cmpstr(text(cause, "slots"), ==, "02");
    g_assert_cmpstr(text(cause, "remedy"), ==, text(bad, "remedy"));
    g_assert_cmpint(json_object_get_int_member(cause, "jobs"), ==, 1);

    g_auto(Run) table = keyline_unlocked(&rig, "batch --count 2");
    g_assert_cmpint(table.code, ==, 1);
    g_assert_nonnull(strstr(table.out, "2 units: 1 passed, 1 failed"));
    g_assert_nonnull(strstr(table.out, "slot 02"));
    g_assert_nonnull(strstr(table.out, text(bad, "remedy")));
    g_assert_nonnull(strstr(table.out, "1 x CSR_SIGNATURE (slot 02)"));
    g_assert_nonnull(strstr(table.err, "01  ")); /* progress, a line an event */
    g_assert_nonnull(strstr(table.err, "2 of 2 done, 0 left, 0 running, 1 failed"));
    g_assert_null(strchr(table.err, '\r'));
}

/* A label that tries to steer the terminal is shown, not obeyed. */
static void
test_hostile_label(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 1, NULL);
    const char *words = "provision --slot 01 --label '\033]0;pwned\007\033[2J' --operator '\302\233"
                        "31m'";
    g_auto(Run) run = keyline_unlocked(&rig, words);
    g_assert_cmpint(run.code, ==, 1);
    g_assert_null(strchr(run.out, '\033'));
    g_assert_null(strchr(run.err, '\033'));
    g_assert_null(strstr(run.out, "\302\233"));
    g_assert_nonnull(strstr(run.out, "\\u{1B}[2J"));
    g_auto(Run) list = keyline(&rig, "records list");
    g_assert_null(strstr(list.out, "\302\233"));
    g_auto(Run) json = keyline(&rig, "records list --output json");
    g_autoptr(JsonNode) node = document(&json);
    g_assert_nonnull(node);
}

/* Two programs on one station: the second one that wants to work is refused, one that reads is not. */
static void
test_busy(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 1, NULL);
    g_autofree char *path = g_build_filename(rig.station, "station.lock", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(flock(fd, LOCK_EX), ==, 0);
    g_auto(Run) provision = keyline_unlocked(&rig, "provision --slot 01");
    g_assert_cmpint(provision.code, ==, 3);
    g_assert_nonnull(strstr(provision.err, "STATION_BUSY"));
    g_auto(Run) list = keyline(&rig, "records list");
    g_assert_cmpint(list.code, ==, 0);
    g_auto(Run) doctor = keyline_unlocked(&rig, "doctor");
    g_assert_cmpint(doctor.code, ==, 0);
    g_assert_nonnull(strstr(doctor.out, "another program"));
    close(fd);
}

static void
test_no_passphrase(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 1, NULL);
    /* setsid: no terminal to ask on, wherever the test itself runs. */
    g_autofree char *path = keyline_path();
    const char *const argv[] = {"setsid", "-w", path, "--station", rig.station, "provision", "--slot", "01", NULL};
    g_auto(Run) run = run_argv(argv);
    g_assert_cmpint(run.code, ==, 3);
    g_assert_nonnull(strstr(run.err, "PASSPHRASE_MISSING"));
    g_auto(Run) slot = keyline_unlocked(&rig, "provision --slot 99");
    g_assert_cmpint(slot.code, ==, 2);
    g_assert_nonnull(strstr(slot.err, "SLOT_UNKNOWN"));
}

int
main(int argc, char **argv)
{
    g_unsetenv("KEYLINE_STATION");
    g_setenv("LC_ALL", "C.UTF-8", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli-units/batch", test_batch);
    g_test_add_func("/cli-units/reprovision", test_reprovision);
    g_test_add_func("/cli-units/failed-unit", test_failed_unit);
    g_test_add_func("/cli-units/hostile-label", test_hostile_label);
    g_test_add_func("/cli-units/busy", test_busy);
    g_test_add_func("/cli-units/no-passphrase", test_no_passphrase);
    return g_test_run();
}
