/* What is done with records that were kept, on the real programs: trace, recall, quota, backup, restore, audit close.
 */
#include "cli_rig.h"

static char *
in_rig(const Rig *rig, const char *name)
{
    return g_build_filename(rig->dir, name, NULL);
}

static void
assert_query(const Rig *rig, const char *sql, const char *expected)
{
    g_autofree char *found = query_station(rig, sql);
    g_assert_cmpstr(found, ==, expected);
}

/* keyline with a format that takes one value, for which it has to end so. The caller clears. */
static Run
expect(const Rig *rig, int code, const char *format, const char *value)
{
    g_autoptr(GString) words = g_string_new(format);
    if (value != NULL)
        g_string_replace(words, "%s", value, 0);
    Run run = keyline(rig, words->str);
    g_assert_cmpint(run.code, ==, code);
    return run;
}

static void
expect_code(const Rig *rig, const char *format, const char *value, const char *error)
{
    gboolean asked_wrong = strcmp(error, "USAGE") == 0 || g_str_has_suffix(error, "_UNKNOWN");
    g_auto(Run) run = expect(rig, asked_wrong ? 2 : 3, format, value);
    g_autofree char *line = g_strdup_printf("code:    %s\n", error);
    g_assert_nonnull(strstr(run.err, line));
    g_assert_cmpstr(run.out, ==, "");
}

static void
provision(const Rig *rig, const char *words, int code)
{
    g_auto(Run) run = keyline_unlocked(rig, words);
    g_assert_cmpint(run.code, ==, code);
}

/* Both verifiers, each for itself. */
static void
assert_whole(const Rig *rig, const char *path)
{
    g_autofree char *script = g_test_build_filename(G_TEST_DIST, "audit_verify.py", NULL);
    const char *const argv[] = {"python3", script, path, NULL};
    g_auto(Run) python = run_argv(argv);
    g_assert_cmpstr(python.out, ==, "whole\n");
    g_autofree char *quoted = g_shell_quote(path);
    g_auto(Run) own = expect(rig, 0, "audit verify %s", quoted);
}

static void
assert_database_whole(const Rig *rig)
{
    g_autofree char *database = g_build_filename(rig->station, "keyline.db", NULL);
    assert_whole(rig, database);
}

/* --- quota --- */

static void
assert_quota(const Rig *rig, gint64 units, gint64 used, gint64 left)
{
    g_auto(Run) run = expect(rig, 0, "quota WO1 --output json", NULL);
    g_autoptr(JsonNode) node = document(&run);
    JsonObject *quota = json_node_get_object(node);
    g_assert_cmpstr(text(quota, "work_order"), ==, "WO1");
    g_assert_cmpint(json_object_get_int_member(quota, "units"), ==, units);
    g_assert_cmpint(json_object_get_int_member(quota, "used"), ==, used);
    g_assert_cmpint(json_object_get_int_member(quota, "left"), ==, left);
}

/* The unit that is one too many gets nothing: no certificate, no key; when the quota is raised it passes. */
static void
test_quota(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 3, NULL);
    g_auto(Run) set = expect(&rig, 0, "quota WO1 2", NULL);
    g_assert_nonnull(strstr(set.out, "0 of 2 units used, 2 left"));
    provision(&rig, "provision --slot 01 -w WO1", 0);
    provision(&rig, "provision --slot 02 -w WO1", 0);
    g_auto(Run) refused = keyline_unlocked(&rig, "provision --slot 03 -w WO1");
    g_assert_cmpint(refused.code, !=, 0);
    assert_query(&rig, "SELECT code FROM jobs WHERE slot = '03'", "QUOTA_REACHED");
    assert_query(&rig, "SELECT count(*) FROM certificates", "2");
    assert_query(&rig,
                 "SELECT count(*) FROM intents WHERE kind = 'ISSUE' AND job = (SELECT id FROM jobs WHERE slot ="
                 " '03')",
                 "0");
    assert_quota(&rig, 2, 2, 0);
    provision(&rig, "provision --slot 01 -w WO1", 0); /* one that is counted already goes on */
    assert_quota(&rig, 2, 2, 0);
    g_auto(Run) raised = expect(&rig, 0, "quota WO1 3", NULL);
    provision(&rig, "provision --slot 03 -w WO1", 0);
    assert_quota(&rig, 3, 3, 0);
    g_auto(Run) removed = expect(&rig, 0, "quota WO1 0", NULL);
    g_assert_nonnull(strstr(removed.out, "no quota; 3 units"));
    static const char *const wrong[] = {"quota",         "quota WO1 many",
                                        "quota WO1 1.5", "quota WO1 99999999999999999999",
                                        "quota WO1 1 2", "quota WO1 -- -1"};
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        expect_code(&rig, wrong[i], NULL, "USAGE");
}

/* --- trace and recall --- */

static void
check_trace(const Rig *rig)
{
    g_autofree char *fsn = query_station(rig, "SELECT fsn FROM jobs WHERE slot = '02'");
    g_autofree char *imei = query_station(rig, "SELECT imei FROM jobs WHERE slot = '02'");
    g_auto(Run) run = expect(rig, 0, "trace %s --output json", fsn);
    g_autoptr(JsonNode) node = document(&run);
    JsonArray *units = member_array(node, "units");
    g_assert_cmpuint(json_array_get_length(units), ==, 1);
    JsonObject *unit = json_array_get_object_element(units, 0);
    g_assert_cmpstr(text(unit, "imei"), ==, imei);
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(unit, "life")), >, 10);
    g_auto(Run) paper = expect(rig, 0, "trace %s", imei);
    g_assert_nonnull(strstr(paper.out, "PASS"));
    g_assert_nonnull(strstr(paper.out, fsn));
    static const char *const nobody[] = {"%", "''", "\"' OR 1=1 --\"", "*", "_______________", "\xc3\xa9", "352"};
    for (gsize i = 0; i < G_N_ELEMENTS(nobody); i++)
        expect_code(rig, "trace -- %s", nobody[i], "RECORD_UNKNOWN");
}

static guint
count_rows(const Rig *rig, const char *words, const char *value)
{
    g_autofree char *json = g_strconcat(words, " --output json", NULL), *csv = g_strconcat(words, " --csv", NULL);
    g_auto(Run) run = expect(rig, 0, json, value), lines = expect(rig, 0, csv, value),
                table = expect(rig, 0, words, value);
    g_autoptr(JsonNode) node = document(&run);
    guint rows = json_array_get_length(member_array(node, "units"));
    g_assert_cmpint(json_object_get_int_member(json_node_get_object(node), "rows"), ==, rows);
    g_auto(GStrv) split = g_strsplit(lines.out, "\r\n", -1);
    g_assert_cmpuint(g_strv_length(split), ==, rows + 2);
    g_autofree char *last = g_strdup_printf("\n%u lines", rows);
    g_assert_nonnull(strstr(table.out, last));
    return rows;
}

static void
check_recall(const Rig *rig)
{
    g_autofree char *of_1 = query_station(rig, "SELECT substr(certificate, 1, 16) FROM jobs WHERE slot = '01'");
    g_autofree char *of_3 =
        query_station(rig, "SELECT serial FROM certificates WHERE imei = (SELECT imei FROM jobs WHERE slot ="
                           " '03')");
    g_autofree char *ca = query_station(rig, "SELECT issuer FROM certificates LIMIT 1");
    g_assert_cmpuint(count_rows(rig, "recall --like %s", of_1), ==, 2);
    g_assert_cmpuint(count_rows(rig, "recall --like %s", of_3), ==, 1);
    g_assert_cmpuint(count_rows(rig, "recall --certificate %s", of_3), ==, 1);
    g_assert_cmpuint(count_rows(rig, "recall --ca '%s'", ca), ==, 3);
    g_assert_cmpuint(count_rows(rig, "recall --work-order \"WO 'A'\"", NULL), ==, 2);
    g_assert_cmpuint(count_rows(rig, "recall --operator '%' --firmware '*'", NULL), ==, 0);
    g_assert_cmpuint(count_rows(rig, "recall --firmware '*'", NULL), ==, 3);
    g_assert_cmpuint(count_rows(rig, "recall --from 2020-01-01 --to 2020-12-31", NULL), ==, 0);
    expect_code(rig, "recall", NULL, "USAGE");
    g_auto(Run) two_forms = expect(rig, 2, "recall --like x --csv --output json", NULL);
    g_autoptr(JsonNode) refusal = document(&two_forms);
    g_assert_true(json_object_has_member(json_node_get_object(refusal), "error"));
    expect_code(rig, "recall --from yesterday", NULL, "USAGE");
    expect_code(rig, "recall --like nobody", NULL, "RECORD_UNKNOWN");
    expect_code(rig, "recall --certificate 00", NULL, "CERTIFICATE_UNKNOWN");
    expect_code(rig, "recall --ca \"' OR 1=1 --\"", NULL, "CERTIFICATE_UNKNOWN");
}

static void
test_find(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 3, NULL);
    provision(&rig, "provision --slot 01 -w \"WO 'A'\"", 0);
    provision(&rig, "provision --slot 02 -w \"WO 'A'\"", 0);
    provision(&rig, "provision --slot 03 -w WO-B", 0);
    check_trace(&rig);
    check_recall(&rig);
}

/* --- backup and restore --- */

static void
test_restore(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 2, NULL);
    provision(&rig, "provision --slot 01", 0);
    g_autofree char *file = in_rig(&rig, "monday's copy.db");
    g_autofree char *quoted = g_shell_quote(file);
    g_auto(Run) made = expect(&rig, 0, "backup %s --output json", quoted);
    g_autoptr(JsonNode) made_node = document(&made);
    JsonObject *backup = json_node_get_object(made_node);
    const char *const argv[] = {"sha256sum", "-b", file, NULL};
    g_auto(Run) sum = run_argv(argv);
    g_assert_true(g_str_has_prefix(sum.out, text(backup, "sha256")));
    expect_code(&rig, "backup %s", quoted, "BACKUP_EXISTS");
    expect_code(&rig, "backup /nowhere/at/all.db", NULL, "FILE_FAILED");
    assert_whole(&rig, file);

    provision(&rig, "provision --slot 02", 0);
    expect_code(&rig, "restore %s", quoted, "BACKUP_BEHIND");
    expect_code(&rig, "restore %s --accept-loss ''", quoted, "USAGE");
    expect_code(&rig, "restore /nowhere/at/all.db --accept-loss x", NULL, "USAGE");
    assert_query(&rig, "SELECT count(*) FROM units", "2");
    g_auto(Run) done = expect(&rig, 0, "restore %s --accept-loss drill --output json", quoted);
    g_autoptr(JsonNode) done_node = document(&done);
    JsonObject *restored = json_node_get_object(done_node);
    g_assert_true(json_object_get_boolean_member(restored, "numbers_known"));
    g_assert_true(json_object_get_boolean_member(restored, "checksum_checked"));
    g_assert_true(g_file_test(text(restored, "aside"), G_FILE_TEST_IS_REGULAR));
    assert_query(&rig, "SELECT count(*) FROM units", "1");
    assert_database_whole(&rig);
    provision(&rig, "provision --slot 02", 1); /* whose key and certificate are not known any more */
    assert_query(&rig, "SELECT code FROM jobs WHERE slot = '02'", "KEY_SLOT_USED");
    assert_database_whole(&rig);
}

/* --- closing a period --- */

static void
assert_closed(const Rig *rig, const char *name, gint64 jobs)
{
    g_autofree char *path = in_rig(rig, name);
    g_auto(Run) closed = expect(rig, 0, "audit close --before 2099-01-01 '%s' --output json", path);
    g_autoptr(JsonNode) node = document(&closed);
    JsonObject *object = json_node_get_object(node);
    g_assert_cmpint(json_object_get_int_member(object, "jobs"), ==, jobs);
    g_assert_cmpstr(text(object, "archive"), ==, path);
    assert_whole(rig, path);
    assert_database_whole(rig);
}

/* Two periods, one after the other; what came between and behind them can still be proved, and a unit whose steps went
 * leads to its archive. */
static void
test_close(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 2, NULL);
    provision(&rig, "provision --slot 01", 0);
    expect_code(&rig, "audit close x.tar", NULL, "USAGE");
    expect_code(&rig, "audit close --before 2099-01-01 archive", NULL, "USAGE");
    expect_code(&rig, "audit close --before 1999-01-01 /nowhere/x.tar", NULL, "PERIOD_EMPTY");
    expect_code(&rig, "audit close --before 2099-01-01 /nowhere/x.tar", NULL, "FILE_FAILED");
    g_autofree char *first = query_station(&rig, "SELECT imei FROM jobs WHERE slot = '01'");
    assert_closed(&rig, "first.tar", 1);
    assert_query(&rig, "SELECT (SELECT count(*) FROM steps) + (SELECT count(*) FROM transcripts)", "0");
    g_autofree char *again = in_rig(&rig, "again.tar");
    g_auto(Run) trace = expect(&rig, 0, "trace %s", first);
    g_assert_nonnull(strstr(trace.out, "first.tar"));

    provision(&rig, "provision --slot 02", 0);
    g_autofree char *second = query_station(&rig, "SELECT imei FROM jobs WHERE slot = '02'");
    g_autofree char *proof = in_rig(&rig, "proof.json"), *export = in_rig(&rig, "export");
    g_auto(Run) live = expect(&rig, 0, "trace %s", second);
    g_assert_null(strstr(live.out, ".tar"));
    g_autofree char *prove = g_strdup_printf("audit prove --serial %s '%s'", second, proof);
    g_auto(Run) proved = expect(&rig, 0, prove, NULL), exported = expect(&rig, 0, "audit export '%s'", export);
    assert_whole(&rig, proof);
    assert_whole(&rig, export);
    g_auto(Run) paper = expect(&rig, 0, "audit close --before 2099-01-01 '%s'", again);
    g_assert_nonnull(strstr(paper.out, "steps and transcripts of 1 jobs"));
    assert_whole(&rig, again);
    assert_database_whole(&rig);
    g_auto(Run) both = expect(&rig, 0, "trace %s --output json", second);
    g_autoptr(JsonNode) node = document(&both);
    g_assert_nonnull(strstr(both.out, "again.tar"));
    provision(&rig, "provision --slot 01", 0);
    assert_database_whole(&rig);
}

/* --- help --- */

static void
test_help(void)
{
    static const char *const commands[] = {"trace", "recall", "quota", "backup", "restore", "audit close"};
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *words = g_strconcat(commands[i], " --help", NULL);
        g_auto(Run) run = keyline(NULL, words);
        g_assert_cmpint(run.code, ==, 0);
        g_auto(GStrv) lines = g_strsplit(g_strchomp(run.out), "\n", -1);
        g_assert_cmpuint(g_strv_length(lines), <=, 40);
        for (char **line = lines; *line != NULL; line++)
            g_assert_cmpuint(strlen(*line), <=, 110);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli-kept/quota", test_quota);
    g_test_add_func("/cli-kept/find", test_find);
    g_test_add_func("/cli-kept/restore", test_restore);
    g_test_add_func("/cli-kept/close", test_close);
    g_test_add_func("/cli-kept/help", test_help);
    return g_test_run();
}
