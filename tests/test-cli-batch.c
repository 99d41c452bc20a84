/* The real keyline batch while units come and go, and while somebody wants it to end. */
#include "tests/cli_rig.h"

/* keyline batch with these words, in the background. */
static GSubprocess *
start_batch(const Rig *rig, const char *words, GDataInputStream **progress)
{
    g_autofree char *path = keyline_path();
    g_autofree char *line = g_strdup_printf("'%s' --station '%s' --output json batch --passphrase-file '%s' %s", path,
                                            rig->station, rig->passphrase_file, words);
    g_auto(GStrv) argv = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(g_shell_parse_argv(line, NULL, &argv, NULL));
    GSubprocess *batch = g_subprocess_newv((const char *const *)argv,
                                           G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, &error);
    g_assert_no_error(error);
    *progress = g_data_input_stream_new(g_subprocess_get_stderr_pipe(batch));
    return batch;
}

/* Reads on until a line of progress has this in it. */
static void
wait_for(GDataInputStream *progress, const char *text)
{
    g_autofree char *line = NULL;
    do {
        g_free(line);
        line = g_data_input_stream_read_line(progress, NULL, NULL, NULL);
        g_assert_nonnull(line);
        g_test_message("%s", line);
    } while (strstr(line, text) == NULL);
}

/* The end of a batch in the background: its document. */
static JsonNode *
end_batch(GSubprocess *batch, int code)
{
    g_autoptr(GBytes) out = NULL;
    g_assert_true(g_subprocess_communicate(batch, NULL, NULL, &out, NULL, NULL));
    g_assert_true(g_subprocess_get_if_exited(batch));
    g_assert_cmpint(g_subprocess_get_exit_status(batch), ==, code);
    g_autofree char *json = g_strndup(g_bytes_get_data(out, NULL), g_bytes_get_size(out));
    const Run run = {.out = json};
    return document(&run);
}

/* A batch that hangs on a silent unit; returns when it has begun to talk to it. */
static GSubprocess *
start_hanging_batch(const Rig *rig, GDataInputStream **progress)
{
    GSubprocess *batch = start_batch(rig, "--count 1", progress);
    wait_for(*progress, "01  ");
    return batch;
}

/* More units than slots: the others are plugged in as the first ones are done. */
static void
test_swapped(void)
{
    g_auto(Rig) rig = {.control = TRUE};
    rig_start(&rig, 2, NULL);
    g_autoptr(GDataInputStream) progress = NULL;
    g_autoptr(GSubprocess) batch = start_batch(&rig, "--count 4", &progress);
    wait_for(progress, "2 of 4 done, 2 left, 0 running");
    rig_say(&rig, "plug 1");
    wait_for(progress, "3 of 4 done, 1 left, 0 running");
    rig_say(&rig, "plug 2");
    g_autoptr(JsonNode) node = end_batch(batch, 0);
    g_assert_cmpint(json_object_get_int_member(json_node_get_object(node), "passed"), ==, 4);
}

/* Nothing comes in any more. */
static void
test_idle(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 1, NULL);
    g_auto(Run) batch = keyline_unlocked(&rig, "batch --count 2 --idle 1");
    g_assert_cmpint(batch.code, ==, 1);
    g_assert_nonnull(strstr(batch.err, "Nothing was plugged in for 1 seconds."));
    g_assert_nonnull(strstr(batch.out, "1 unit: 1 passed, 0 failed"));
    g_assert_nonnull(strstr(batch.out, "1 of 2 units left: not worked on"));
}

/* The first Ctrl-C: what runs goes on, nothing more is started. The second: what runs is stopped. */
static void
test_interrupts(void)
{
    g_auto(Rig) rig = {.control = TRUE};
    rig_start(&rig, 2, "1:no-answer");
    rig_say(&rig, "unplug 2");
    g_autoptr(GDataInputStream) progress = NULL;
    g_autoptr(GSubprocess) batch = start_batch(&rig, "--count 2", &progress);
    wait_for(progress, "01  ");
    g_subprocess_send_signal(batch, SIGINT);
    wait_for(progress, "No further unit is started; 1 unit still running. Ctrl-C again stops what runs.");
    rig_say(&rig, "plug 2");
    g_subprocess_send_signal(batch, SIGINT);
    wait_for(progress, "Stopping 1 unit; press Ctrl-C again to leave at once.");
    g_autoptr(JsonNode) node = end_batch(batch, 1);
    JsonArray *results = member_array(node, "results");
    g_assert_cmpuint(json_array_get_length(results), ==, 1);
    g_assert_cmpstr(text(json_array_get_object_element(results, 0), "code"), ==, "CANCELLED");
    g_assert_cmpint(json_object_get_int_member(json_node_get_object(node), "left"), ==, 2);
}

static void
set_product(const Rig *rig, const char *group, const char *key, const char *value)
{
    g_autofree char *path = g_build_filename(rig->station, "products", "fx30s.conf", NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_assert_true(g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL));
    g_key_file_set_value(file, group, key, value);
    g_assert_true(g_key_file_save_to_file(file, path, NULL));
}

/* The third Ctrl-C leaves at once, also what can't be stopped: locking a key. */
static void
test_leave(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 1, "1:no-answer@lock");
    set_product(&rig, "key", "lock", "true");
    g_autoptr(GDataInputStream) progress = NULL;
    g_autoptr(GSubprocess) batch = start_batch(&rig, "--count 1", &progress);
    wait_for(progress, "Locking the key");
    g_subprocess_send_signal(batch, SIGINT);
    wait_for(progress, "No further unit is started");
    g_subprocess_send_signal(batch, SIGINT);
    wait_for(progress, "Stopping 1 unit");
    g_subprocess_send_signal(batch, SIGINT);
    g_assert_true(g_subprocess_wait(batch, NULL, NULL));
    g_assert_cmpint(g_subprocess_get_exit_status(batch), ==, 3);
    g_auto(Run) list = keyline(&rig, "records list --outcome running --output json");
    g_autoptr(JsonNode) running = document(&list);
    g_assert_cmpuint(json_array_get_length(member_array(running, "records")), ==, 1);
}

/* An error of the station ends the batch, although units are left. */
static void
test_station_error(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 1, NULL);
    g_autofree char *database = g_build_filename(rig.station, "keyline.db", NULL);
    const char *const sqlite[] = {"sqlite3", database,
                                  "CREATE TRIGGER made_up BEFORE INSERT ON certificates BEGIN"
                                  " SELECT raise(ABORT, 'made up'); END",
                                  NULL};
    g_auto(Run) broken = run_argv(sqlite);
    g_assert_cmpint(broken.code, ==, 0);
    g_auto(Run) batch = keyline_unlocked(&rig, "batch --count 5 --idle 0 --output json");
    g_assert_cmpint(batch.code, ==, 3);
    g_autoptr(JsonNode) node = document(&batch);
    g_assert_cmpstr(text(json_node_get_object(node), "stopped"), ==, "STORE_FAILED");
    g_assert_cmpint(json_object_get_int_member(json_node_get_object(node), "left"), ==, 5);
}

/* What runs when the first Ctrl-C comes is done to its end. */
static void
test_after_current(void)
{
    g_auto(Rig) rig = {.control = TRUE};
    rig_start(&rig, 1, "1:late@key*1");
    g_autoptr(GDataInputStream) progress = NULL;
    g_autoptr(GSubprocess) batch = start_batch(&rig, "--count 3", &progress);
    wait_for(progress, "Making the key");
    g_subprocess_send_signal(batch, SIGINT);
    wait_for(progress, "No further unit is started");
    g_autoptr(JsonNode) node = end_batch(batch, 1);
    g_assert_cmpint(json_object_get_int_member(json_node_get_object(node), "passed"), ==, 1);
    g_assert_cmpint(json_object_get_int_member(json_node_get_object(node), "left"), ==, 2);
}

/* The first signal stops the jobs, and their records are kept. */
static void
test_signal(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 1, "1:no-answer");
    g_autoptr(GDataInputStream) progress = NULL;
    g_autoptr(GSubprocess) batch = start_hanging_batch(&rig, &progress);
    g_subprocess_send_signal(batch, SIGTERM);
    g_autoptr(JsonNode) node = end_batch(batch, 1);
    JsonObject *unit = json_array_get_object_element(member_array(node, "results"), 0);
    g_assert_cmpstr(text(unit, "outcome"), ==, "ABORTED");
    g_assert_cmpstr(text(unit, "code"), ==, "CANCELLED");
    g_auto(Run) list = keyline(&rig, "records list --outcome aborted --output json");
    g_autoptr(JsonNode) kept = document(&list);
    g_assert_cmpuint(json_array_get_length(member_array(kept, "records")), ==, 1);
}

/* Killed at once: the next program says so in the record. */
static void
test_killed(void)
{
    g_auto(Rig) rig = {0};
    rig_start(&rig, 1, "1:no-answer");
    g_autoptr(GDataInputStream) progress = NULL;
    g_autoptr(GSubprocess) batch = start_hanging_batch(&rig, &progress);
    g_subprocess_force_exit(batch);
    g_assert_true(g_subprocess_wait(batch, NULL, NULL));
    g_auto(Run) before = keyline(&rig, "records list --outcome running --output json");
    g_autoptr(JsonNode) running = document(&before);
    g_assert_cmpuint(json_array_get_length(member_array(running, "records")), ==, 1);
    g_auto(Run) crl = keyline_unlocked(&rig, "ca crl"); /* any program that takes the station over */
    g_assert_cmpint(crl.code, ==, 0);
    g_auto(Run) after = keyline(&rig, "records list --output json");
    g_autoptr(JsonNode) ended = document(&after);
    JsonObject *record = json_array_get_object_element(member_array(ended, "records"), 0);
    g_assert_cmpstr(text(record, "code"), ==, "INTERRUPTED");
}

int
main(int argc, char **argv)
{
    g_unsetenv("KEYLINE_STATION");
    g_setenv("LC_ALL", "C.UTF-8", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli-batch/swapped", test_swapped);
    g_test_add_func("/cli-batch/idle", test_idle);
    g_test_add_func("/cli-batch/interrupts", test_interrupts);
    g_test_add_func("/cli-batch/after-current", test_after_current);
    g_test_add_func("/cli-batch/leave", test_leave);
    g_test_add_func("/cli-batch/station-error", test_station_error);
    g_test_add_func("/cli-batch/signal", test_signal);
    g_test_add_func("/cli-batch/killed", test_killed);
    return g_test_run();
}
