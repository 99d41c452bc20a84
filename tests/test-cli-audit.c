/* keyline audit export, prove, checkpoint, show on a simulated line, checked by others: openssl, sha256sum, Python. */
#include "cli_rig.h"

/* Four units: two of a work order, one of another, and one that fails. */
static void
start_line(Rig *rig)
{
    static const char *const jobs[] = {
        "provision --slot 01 --work-order WO1 --operator 217",
        "provision --slot 02 --work-order WO1 --operator =1+1",
        "provision --slot 03 --work-order WO2 --operator 217",
        "provision --slot 04 --work-order WO2",
    };
    rig_start(rig, 4, "4:old-firmware");
    for (gsize i = 0; i < G_N_ELEMENTS(jobs); i++) {
        g_auto(Run) run = keyline_unlocked(rig, jobs[i]);
        g_assert_cmpint(run.code, ==, i == 3 ? 1 : 0);
    }
}

static char *
in_rig(const Rig *rig, const char *name)
{
    return g_build_filename(rig->dir, name, NULL);
}

/* Exports with these options to this name; returns how many events the export says it has. */
static gint64 export(const Rig *rig, const char *options, const char *name)
{
    g_autofree char *path = in_rig(rig, name);
    g_autofree char *words = g_strdup_printf("audit export %s '%s' --output json", options, path);
    g_auto(Run) run = keyline(rig, words);
    g_assert_cmpint(run.code, ==, 0);
    g_autoptr(JsonNode) node = document(&run);
    return json_object_get_int_member(json_node_get_object(node), "events");
}

/* The independent check: its word on how many events there are. */
static gint64
check(const Rig *rig, const char *name, const char *rule, const char *value, const char *second)
{
    g_autofree char *script = g_test_build_filename(G_TEST_DIST, "audit_export_check.py", NULL);
    g_autofree char *database = g_build_filename(rig->station, "keyline.db", NULL);
    g_autofree char *path = in_rig(rig, name);
    const char *const argv[] = {"python3", script, database, path, rule, value, second, NULL};
    g_auto(Run) run = run_argv(argv);
    g_test_message("%s %s: %s%s", name, rule, run.out, run.err);
    g_assert_cmpint(run.code, ==, 0);
    return g_ascii_strtoll(run.out, NULL, 10);
}

static void
expect_code(const Run *run, const char *code)
{
    g_autofree char *line = g_strdup_printf("code:    %s\n", code);
    g_assert_cmpint(run->code, !=, 0);
    g_assert_nonnull(strstr(run->err, line));
}

static void
check_lines_grew(const Rig *rig, guint lines)
{
    g_autofree char *path = g_build_filename(rig->station, "audit", "exported.jsonl", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) all = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(all), ==, lines + 1);
    for (guint i = 0; i < lines; i++) {
        g_autoptr(JsonNode) node = json_from_string(all[i], NULL);
        g_assert_true(node != NULL && json_object_has_member(json_node_get_object(node), "signature"));
    }
}

static void
test_selections(const Rig *rig)
{
    g_autofree char *fsn = query_station(rig, "SELECT fsn FROM jobs WHERE slot = '02'");
    g_autofree char *imei = query_station(rig, "SELECT imei FROM jobs WHERE slot = '02'");
    g_autofree char *serial =
        query_station(rig, "SELECT upper(serial) FROM certificates WHERE imei = (SELECT imei FROM jobs"
                           " WHERE slot = '02')");
    g_autofree char *job = query_station(rig, "SELECT substr(id, 1, 8) FROM jobs WHERE slot = '02'");
    g_autofree char *by_fsn = g_strdup_printf("--serial %s", fsn);
    g_autofree char *by_serial = g_strdup_printf("--serial %s", serial);
    g_autofree char *by_job = g_strdup_printf("--serial %s", job);
    gint64 unit = export(rig, by_fsn, "unit");
    g_assert_cmpint(unit, >, 5);
    g_assert_cmpint(check(rig, "unit", "unit", imei, NULL), ==, unit);
    g_assert_cmpint(export(rig, by_serial, "serial.tar"), ==, unit);
    g_assert_cmpint(check(rig, "serial.tar", "unit", imei, NULL), ==, unit);
    g_assert_cmpint(export(rig, by_job, "job"), ==, unit);

    gint64 order = export(rig, "--work-order WO1", "order");
    g_assert_cmpint(check(rig, "order", "work-order", "WO1", NULL), ==, order);
    g_assert_cmpint(order, >, unit);
    g_assert_cmpint(export(rig, "--operator =1+1 --outcome pass", "person"), ==, unit);
}

/* From the second job's start into the middle of the third: that one is there as a whole. */
static void
test_time(const Rig *rig)
{
    g_autofree char *from =
        query_station(rig, "SELECT strftime('%Y-%m-%dT%H:%M:%S', started_us / 1000000, 'unixepoch') ||"
                           " printf('.%06dZ', started_us % 1000000) FROM jobs WHERE slot = '02'");
    g_autofree char *to =
        query_station(rig, "SELECT strftime('%Y-%m-%dT%H:%M:%S', (started_us + 1) / 1000000, 'unixepoch') ||"
                           " printf('.%06dZ', (started_us + 1) % 1000000) FROM jobs WHERE slot = '03'");
    g_autofree char *from_us = query_station(rig, "SELECT started_us FROM jobs WHERE slot = '02'");
    g_autofree char *to_us = query_station(rig, "SELECT started_us + 1 FROM jobs WHERE slot = '03'");
    g_autofree char *options = g_strdup_printf("--from %s --to %s", from, to);
    gint64 events = export(rig, options, "time");
    g_assert_cmpint(check(rig, "time", "time", from_us, to_us), ==, events);
    gint64 none = export(rig, "--from 1999-01-01 --to 1999-12-31", "long-ago");
    g_assert_cmpint(none, ==, 0);
    g_assert_cmpint(check(rig, "long-ago", "time", "0", "1"), ==, 0);
}

static void
test_export(void)
{
    g_auto(Rig) rig = {0};
    start_line(&rig);
    gint64 all = export(&rig, "", "all");
    g_assert_cmpint(check(&rig, "all", "all", NULL, NULL), ==, all);
    gint64 again = export(&rig, "", "all.tar");
    g_assert_cmpint(check(&rig, "all.tar", "all", NULL, NULL), ==, again);
    g_assert_cmpint(again, >, all); /* the first export is an event of its own */

    g_autofree char *records = g_build_filename(rig.dir, "all", "records.csv", NULL);
    g_autofree char *pdf = g_build_filename(rig.dir, "all", "summary.pdf", NULL);
    g_autofree char *csv = NULL;
    g_assert_true(g_file_get_contents(records, &csv, NULL, NULL));
    g_assert_nonnull(strstr(csv, ",\"'=1+1\",WO1,")); /* no spreadsheet calculates it */
    const char *const argv[] = {"pdftotext", "-layout", pdf, "-", NULL};
    g_auto(Run) text = run_argv(argv);
    g_assert_nonnull(strstr(text.out, "everything"));
    g_assert_nonnull(strstr(text.out, "WO1"));
    test_selections(&rig);
    test_time(&rig);
    check_lines_grew(&rig, 9);
}

/* A proof is a small export in one file; nothing of another unit is in it. */
static void
test_prove(void)
{
    g_auto(Rig) rig = {0};
    start_line(&rig);
    g_autofree char *path = in_rig(&rig, "proof.json");
    g_autofree char *device = query_station(&rig, "SELECT device_id FROM jobs WHERE slot = '01'");
    g_autofree char *other = query_station(&rig, "SELECT imei FROM jobs WHERE slot = '02'");
    g_autofree char *words = g_strdup_printf("audit prove --serial %s '%s'", device, path);
    g_auto(Run) run = keyline(&rig, words);
    g_assert_cmpint(run.code, ==, 0);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_null(strstr(text, other));
    g_autoptr(JsonNode) node = json_from_string(text, NULL);
    JsonObject *proof = json_node_get_object(node);
    g_assert_cmpstr(json_object_get_string_member(proof, "format"), ==, "keyline-audit-proof-1");
    g_assert_cmpstr(json_object_get_string_member(proof, "identifier"), ==, device);

    g_autofree char *options = g_strdup_printf("--serial %s", device);
    g_assert_cmpint(export(&rig, options, "unit"), ==,
                    json_array_get_length(json_object_get_array_member(proof, "events")));
    g_auto(Run) again = keyline(&rig, words);
    expect_code(&again, "EXPORT_EXISTS");
    g_auto(Run) nobody = keyline(&rig, "audit prove --serial 0000 /nowhere/at/all");
    expect_code(&nobody, "RECORD_UNKNOWN");
    check_lines_grew(&rig, 2);
}

static void
test_refusals(void)
{
    static const struct {
        const char *words, *code;
    } table[] = {
        {"audit export --serial nobody /tmp/keyline-nowhere", "RECORD_UNKNOWN"},
        {"audit export --work-order none /tmp/keyline-nowhere", "RECORD_UNKNOWN"},
        {"audit export --batch 1 /tmp/keyline-nowhere", "RECORD_UNKNOWN"},
        {"audit export --from yesterday /tmp/keyline-nowhere", "USAGE"},
        {"audit export --from 2026-11-22 --to 2026-11-21 /tmp/keyline-nowhere", "USAGE"},
        {"audit export --to 9999-01-01 /tmp/keyline-nowhere", "USAGE"},
        {"audit export --outcome good /tmp/keyline-nowhere", "USAGE"},
        {"audit export", "USAGE"},
        {"audit export /", "EXPORT_EXISTS"},
        {"audit export /nowhere/at/all", "FILE_FAILED"},
        {"audit export /nowhere/at/all.tar", "FILE_FAILED"},
        {"audit export /proc/x", "FILE_FAILED"},
        {"audit prove /tmp/keyline-nowhere", "USAGE"},
        {"audit checkpoint --reason fun", "USAGE"},
        {"audit checkpoint --append /nowhere/at/all", "FILE_FAILED"},
        {"audit show --limit -1", "USAGE"},
    };
    g_auto(Rig) rig = {0};
    rig_start(&rig, 1, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_auto(Run) run = keyline(&rig, table[i].words);
        expect_code(&run, table[i].code);
    }
    g_assert_false(g_file_test("/tmp/keyline-nowhere", G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test("/tmp/keyline-nowhere.partial", G_FILE_TEST_EXISTS));
    g_autofree char *key = g_build_filename(rig.station, "audit", "seal.key", NULL);
    g_assert_cmpint(g_remove(key), ==, 0);
    g_auto(Run) unsealed = keyline(&rig, "audit export /tmp/keyline-nowhere");
    expect_code(&unsealed, "SEAL_MISSING");
}

/* A line of the journal that was changed behind the station's back does not leave it under its seal. */
static void
test_altered(void)
{
    static const char *const changes[] = {
        "UPDATE audit_events SET body = replace(body, '\"WO1\"', '\"WO9\"') WHERE type = 'job-begin' AND n < 40",
        "DELETE FROM audit_events WHERE n = 7",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_auto(Rig) rig = {0};
        start_line(&rig);
        g_autofree char *database = g_build_filename(rig.station, "keyline.db", NULL);
        g_autofree char *path = in_rig(&rig, "x");
        g_autofree char *words = g_strdup_printf("audit export '%s'", path);
        const char *const argv[] = {"sqlite3", database,
                                    "DROP TRIGGER audit_events_never_change;"
                                    " DROP TRIGGER audit_events_stay;",
                                    changes[i], NULL};
        g_auto(Run) changed = run_argv(argv);
        g_assert_cmpint(changed.code, ==, 0);
        g_auto(Run) run = keyline(&rig, words);
        expect_code(&run, "AUDIT_BROKEN");
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    }
}

static void
test_checkpoint(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 1, NULL);
    g_autofree char *kept = in_rig(&rig, "stick.jsonl");
    g_autofree char *words = g_strdup_printf("audit checkpoint --reason shift --append '%s'", kept);
    g_assert_true(g_file_set_contents(kept, "torn", -1, NULL));
    g_auto(Run) paper = keyline(&rig, words);
    g_assert_cmpint(paper.code, ==, 0);
    g_assert_true(g_str_has_prefix(paper.out, "Checkpoint "));
    g_auto(Run) run = keyline(&rig, "audit checkpoint --output json");
    g_autoptr(JsonNode) node = document(&run);
    JsonObject *object = json_node_get_object(node);
    g_assert_cmpstr(text(object, "reason"), ==, "shift"); /* nothing came since: it is the same one */
    g_autofree char *lines = NULL;
    g_autofree char *expected = g_strdup_printf("torn\n%s\n", text(object, "line"));
    g_assert_true(g_file_get_contents(kept, &lines, NULL, NULL));
    g_assert_cmpstr(lines, ==, expected);
    check_lines_grew(&rig, 2);
}

static void
test_show(void)
{
    g_auto(Rig) rig = {0};
    start_line(&rig);
    g_auto(Run) run = keyline(&rig, "audit show --limit 0 --output json");
    g_autoptr(JsonNode) node = document(&run);
    JsonArray *events = member_array(node, "events");
    guint count = json_array_get_length(events);
    for (guint i = 0; i < count; i++)
        g_assert_cmpint(json_object_get_int_member(json_array_get_object_element(events, i), "n"), ==, count - i);
    g_auto(Run) lines = keyline(&rig, "audit show --work-order WO2 --limit 3");
    g_auto(GStrv) split = g_strsplit(lines.out, "\n", -1);
    g_assert_cmpuint(g_strv_length(split), ==, 1 + 3 + 1);
    g_assert_nonnull(strstr(split[1], "job-end"));
    g_assert_nonnull(strstr(split[1], "FIRMWARE_REFUSED"));
}

/* A killed export has no name, wherever it was, and the next one does what it should. */
static void
test_killed(void)
{
    g_auto(Rig) rig = {0};
    start_line(&rig);
    g_autofree char *keyline_program = keyline_path();
    g_autofree char *path = in_rig(&rig, "x");
    for (guint i = 0; i < 12; i++) {
        const char *const argv[] = {keyline_program, "--station", rig.station, "audit", "export", path, NULL};
        g_autoptr(GSubprocess) run = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE, NULL);
        g_usleep(i * 6000); /* anywhere in it: no outcome depends on where */
        g_subprocess_send_signal(run, SIGKILL);
        g_assert_true(g_subprocess_wait(run, NULL, NULL));
        if (g_file_test(path, G_FILE_TEST_EXISTS)) {
            check(&rig, "x", "all", NULL, NULL);
            remove_tree(path);
        }
    }
    gint64 events = export(&rig, "", "x");
    g_assert_cmpint(check(&rig, "x", "all", NULL, NULL), ==, events);
    g_autofree char *partial = in_rig(&rig, "x.partial");
    g_assert_false(g_file_test(partial, G_FILE_TEST_EXISTS));
}

/* The line works while it is exported: each export is whole, and the line never waits in vain. */
static void
test_beside_the_line(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 3, NULL);
    g_autofree char *keyline_program = keyline_path();
    const char *const argv[] = {keyline_program,     "--station",         rig.station, "batch", "--count", "3",
                                "--passphrase-file", rig.passphrase_file, NULL};
    g_autoptr(GSubprocess) line =
        g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, NULL);
    for (guint i = 0; i < 5; i++) {
        g_autofree char *name = g_strdup_printf("x%u", i);
        gint64 events = export(&rig, "", name);
        g_assert_cmpint(check(&rig, name, "all", NULL, NULL), ==, events);
    }
    g_assert_true(g_subprocess_wait(line, NULL, NULL));
    g_assert_cmpint(g_subprocess_get_exit_status(line), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli-audit/export", test_export);
    g_test_add_func("/cli-audit/prove", test_prove);
    g_test_add_func("/cli-audit/refusals", test_refusals);
    g_test_add_func("/cli-audit/altered", test_altered);
    g_test_add_func("/cli-audit/checkpoint", test_checkpoint);
    g_test_add_func("/cli-audit/show", test_show);
    g_test_add_func("/cli-audit/killed", test_killed);
    g_test_add_func("/cli-audit/beside-the-line", test_beside_the_line);
    return g_test_run();
}
