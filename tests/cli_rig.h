/* What the tests of keyline share: a station folder, a simulated line, and ways to run the real programs. */
#pragma once

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/rig/openssl_ca.h"

G_BEGIN_DECLS

#define PASSPHRASE "correct horse battery staple"

/* A folder for one test: the station in station/, the simulated line in sim/. */
typedef struct {
    char *dir;
    char *station;
    char *passphrase_file;
    GSubprocess *sim;
    gboolean control; /* set before the start: the line obeys rig_say */
} Rig;

/* What one run of a program left behind. */
typedef struct {
    int code;
    char *out;
    char *err;
} Run;

static inline void
run_clear(Run *run)
{
    g_free(run->out);
    g_free(run->err);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

static inline char *
program(const char *folder, const char *name)
{
    return g_test_build_filename(G_TEST_BUILT, "..", folder, name, NULL);
}

static inline char *
keyline_path(void)
{
    return program("station/cli", "keyline");
}

/* Runs a program to its end. */
static inline Run
run_argv(const char *const *argv)
{
    Run run = {0};
    int status = 0;
    g_autoptr(GError) error = NULL;
    /* Without a fork, as in rig/line_rig.c. */
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &run.out,
                 &run.err, &status, &error);
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(status));
    run.code = WEXITSTATUS(status);
    return run;
}

/* keyline with these words (quoted as in a shell) on the rig's station (rig NULL: on none). */
static inline Run
keyline(const Rig *rig, const char *words)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(argv, keyline_path());
    if (rig != NULL) {
        g_ptr_array_add(argv, g_strdup("--station"));
        g_ptr_array_add(argv, g_strdup(rig->station));
    }
    g_auto(GStrv) list = NULL;
    if (words[0] != '\0')
        g_assert_true(g_shell_parse_argv(words, NULL, &list, NULL));
    for (char **word = list; word != NULL && *word != NULL; word++)
        g_ptr_array_add(argv, g_strdup(*word));
    g_ptr_array_add(argv, NULL);
    Run run = run_argv((const char *const *)argv->pdata);
    g_test_message("keyline %s: %d\n%s%s", words, run.code, run.out, run.err);
    return run;
}

/* The one JSON document on stdout. */
static inline JsonNode *
document(const Run *run)
{
    g_autoptr(GError) error = NULL;
    JsonNode *node = json_from_string(run->out, &error);
    g_assert_no_error(error);
    g_assert_nonnull(node);
    return node;
}

static inline JsonArray *
member_array(JsonNode *node, const char *name)
{
    return json_object_get_array_member(json_node_get_object(node), name);
}

static inline const char *
text(JsonObject *object, const char *name)
{
    g_assert_true(json_object_has_member(object, name));
    return json_object_get_null_member(object, name) ? NULL : json_object_get_string_member(object, name);
}

static inline void
write_file(const char *path, const char *content, int mode)
{
    g_assert_true(g_file_set_contents(path, content, -1, NULL));
    g_assert_cmpint(g_chmod(path, mode), ==, 0);
}

static inline void
rig_make(Rig *rig)
{
    rig->dir = g_dir_make_tmp("keyline-cli-XXXXXX", NULL);
    rig->station = g_build_filename(rig->dir, "station", NULL);
    rig->passphrase_file = g_build_filename(rig->dir, "passphrase", NULL);
    write_file(rig->passphrase_file, PASSPHRASE "\n", 0600);
}

/* Starts so many fast units, with faults ("2:no-agent") if not NULL; returns when their ports are there. */
static inline void
rig_start_sim(Rig *rig, guint units, const char *fault)
{
    g_autofree char *path = program("drivers/at_wp77/sim", "keyline-sim");
    g_autofree char *dir = g_build_filename(rig->dir, "sim", NULL);
    g_autofree char *line = g_build_filename(rig->dir, "line.conf", NULL);
    g_autofree char *count = g_strdup_printf("%u", units);
    const char *argv[] = {path,      "--units", count,           "--dir", dir,  "--line", line,
                          "--speed", "fast",    "--with-parent", NULL,    NULL, NULL,     NULL};
    guint n = 10;
    if (rig->control)
        argv[n++] = "--control";
    if (fault != NULL) {
        argv[n++] = "--fault";
        argv[n++] = fault;
    }
    g_autoptr(GError) error = NULL;
    GSubprocessFlags stdin_flag = rig->control ? G_SUBPROCESS_FLAGS_STDIN_PIPE : G_SUBPROCESS_FLAGS_NONE;
    rig->sim = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | stdin_flag, &error);
    g_assert_no_error(error);
    char ready[6] = {0};
    gsize length = 0;
    g_input_stream_read_all(g_subprocess_get_stdout_pipe(rig->sim), ready, strlen("ready"), &length, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(ready, ==, "ready");
}

/* Has the line do something ("plug 3 no-agent"); the answer goes by. */
static inline void
rig_say(const Rig *rig, const char *order)
{
    g_autofree char *line = g_strconcat(order, "\n", NULL);
    g_autoptr(GError) error = NULL;
    g_output_stream_write_all(g_subprocess_get_stdin_pipe(rig->sim), line, strlen(line), NULL, NULL, &error);
    g_assert_no_error(error);
}

static inline void
rig_stop_sim(Rig *rig)
{
    if (rig->sim == NULL)
        return;
    g_subprocess_send_signal(rig->sim, SIGTERM);
    g_assert_true(g_subprocess_wait(rig->sim, NULL, NULL));
    g_clear_object(&rig->sim);
}

/* A station with a CA, on a running line. */
static inline void
rig_start(Rig *rig, guint units, const char *fault)
{
    rig_make(rig);
    rig_start_sim(rig, units, fault);
    g_autofree char *setup = g_strdup_printf("setup --name bench --line '%s/line.conf'", rig->dir);
    g_auto(Run) made = keyline(rig, setup);
    g_assert_cmpint(made.code, ==, 0);
    g_autofree char *folder = g_strconcat("S=", rig->station, NULL);
    const char *const make_ca[] = {"env", folder, "sh", "-c", KL_OPENSSL_CA("bench", PASSPHRASE), NULL};
    g_auto(Run) with_ca = run_argv(make_ca);
    g_assert_cmpint(with_ca.code, ==, 0);
}

static inline void
remove_tree(const char *path)
{
    const char *const argv[] = {"rm", "-rf", "--", path, NULL};
    g_auto(Run) run = run_argv(argv);
    g_assert_cmpint(run.code, ==, 0);
}

static inline void
rig_clear(Rig *rig)
{
    rig_stop_sim(rig);
    if (rig->dir != NULL)
        remove_tree(rig->dir);
    g_free(rig->dir);
    g_free(rig->station);
    g_free(rig->passphrase_file);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rig, rig_clear)

/* The one value of a query to the station's database. The caller frees. */
static inline char *
query_station(const Rig *rig, const char *sql)
{
    g_autofree char *database = g_build_filename(rig->station, "keyline.db", NULL);
    const char *const argv[] = {"sqlite3", "-readonly", database, sql, NULL};
    g_auto(Run) run = run_argv(argv);
    g_assert_cmpint(run.code, ==, 0);
    return g_strchomp(g_steal_pointer(&run.out));
}

/* keyline WORDS --passphrase-file ... on the rig. */
static inline Run
keyline_unlocked(const Rig *rig, const char *words)
{
    g_autofree char *all = g_strdup_printf("%s --passphrase-file '%s'", words, rig->passphrase_file);
    return keyline(rig, all);
}

G_END_DECLS
