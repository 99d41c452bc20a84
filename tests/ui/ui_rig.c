#include "tests/ui/ui_rig.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "drivers/at_wp77/sim/sim_identity.h"
#include "tests/rig/openssl_ca.h"

#define LOOK_EVERY_US 10000

static char *
built(const char *folder, const char *name)
{
    g_autofree char *path = g_test_build_filename(G_TEST_BUILT, "..", "..", folder, name, NULL);
    return g_canonicalize_filename(path, NULL);
}

/* --- waiting and failing --- */

static gboolean
window_ended(const UiRig *rig)
{
    return rig->window != NULL && g_subprocess_get_identifier(rig->window) == NULL;
}

gboolean
ui_rig_until(UiRig *rig, UiSeen seen, gconstpointer data)
{
    gint64 deadline = g_get_monotonic_time() + UI_WAIT_US;
    while (!seen(rig, data)) {
        if (g_get_monotonic_time() > deadline || window_ended(rig))
            return FALSE;
        g_usleep(LOOK_EVERY_US);
    }
    return TRUE;
}

static void
keep_copy(const char *from, const char *to)
{
    g_autofree char *content = NULL;
    gsize length = 0;
    if (from != NULL && g_file_get_contents(from, &content, &length, NULL))
        g_file_set_contents(to, content, (gssize)length, NULL);
}

/* What a person needs to see why: failed-TEST.png, .txt (the tree), .log (the window), .station.log. */
static void
keep_evidence(UiRig *rig)
{
    g_autofree char *test = g_strdelimit(g_strdup(g_test_get_path() + 1), "/", '-');
    g_autofree char *start = g_strdup_printf("%s/failed-%s", g_test_get_dir(G_TEST_BUILT), test);
    g_autofree char *picture = g_strconcat(start, ".png", NULL);
    g_autofree char *tree = g_strconcat(start, ".txt", NULL);
    g_autofree char *log = g_strconcat(start, ".log", NULL);
    g_autofree char *station_log = g_strconcat(start, ".station.log", NULL);
    g_autofree char *station = rig->station != NULL ? g_build_filename(rig->station, "keyline.log", NULL) : NULL;
    g_autofree char *dump = rig->program != NULL && !window_ended(rig) ? ui_tree_dump(rig->program) : NULL;
    const char *argv[] = {"import", "-window", "root", picture, NULL};
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
    g_file_set_contents(tree, dump != NULL ? dump : "there is no window\n", -1, NULL);
    keep_copy(rig->log, log);
    keep_copy(station, station_log);
    g_test_message("see %s.*", start);
}

void
ui_rig_fail(UiRig *rig, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *complaint = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    const char *ended = window_ended(rig) ? " (the window's process has ended)" : "";
    keep_evidence(rig);
    g_clear_pointer(&rig->log, g_free);
    ui_rig_clear(rig);
    g_error("%s: %s%s", g_test_get_path(), complaint, ended);
}

/* --- processes --- */

/* Nothing that a test started outlives it. */
static void
end_with_parent(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Runs a program to its end; it must succeed. Returns what it wrote. */
static char *
run(UiRig *rig, const char *const *argv)
{
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    g_autoptr(GError) error = NULL;
    int status = 0;
    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error) ||
        !g_spawn_check_wait_status(status, &error))
        ui_rig_fail(rig, "%s %s: %s %s", argv[0], argv[1], error->message, err != NULL ? err : "");
    return g_steal_pointer(&out);
}

void
ui_rig_make(UiRig *rig)
{
    rig->dir = g_dir_make_tmp("keyline-ui-XXXXXX", NULL);
    rig->station = g_build_filename(rig->dir, "station", NULL);
    rig->passphrase_file = g_build_filename(rig->dir, "passphrase", NULL);
    rig->line = g_build_filename(rig->dir, "line.conf", NULL);
    rig->log = g_build_filename(rig->dir, "window.log", NULL);
    g_assert_true(g_file_set_contents(rig->passphrase_file, UI_PASSPHRASE "\n", -1, NULL));
    g_assert_cmpint(g_chmod(rig->passphrase_file, 0600), ==, 0);
}

void
ui_rig_start_sim(UiRig *rig, guint units, const char *const *options)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *sim = built("drivers/at_wp77/sim", "keyline-sim");
    g_autofree char *folder = g_build_filename(rig->dir, "units", NULL);
    g_autofree char *count = g_strdup_printf("%u", units);
    g_autofree char *seed = g_strdup_printf("%d", UI_SIM_SEED);
    g_strv_builder_add_many(words, sim, "--units", count, "--dir", folder, "--line", rig->line, "--seed", seed,
                            "--speed", "fast", "--control", "--with-parent", NULL);
    if (options != NULL)
        g_strv_builder_addv(words, (const char **)options);
    g_auto(GStrv) argv = g_strv_builder_end(words);
    rig->sim = g_subprocess_newv((const char *const *)argv,
                                 G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
    g_assert_no_error(error);
    rig->sim_answers = g_data_input_stream_new(g_subprocess_get_stdout_pipe(rig->sim));
    g_autofree char *ready = g_data_input_stream_read_line(rig->sim_answers, NULL, NULL, NULL);
    if (ready == NULL || !g_str_has_prefix(ready, "ready"))
        ui_rig_fail(rig, "the simulated line did not start");
}

static void
set_value(UiRig *rig, const char *name, const char *group, const char *key, const char *value)
{
    g_autofree char *path = g_build_filename(rig->station, name, NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_assert_true(g_key_file_load_from_file(file, path, G_KEY_FILE_KEEP_COMMENTS, NULL));
    g_key_file_set_string(file, group, key, value);
    g_assert_true(g_key_file_save_to_file(file, path, NULL));
}

void
ui_rig_make_station(UiRig *rig, gboolean unlocks)
{
    g_autofree char *keyline = built("station/cli", "keyline");
    const char *setup[] = {
        keyline,   "--station", rig->station, "setup", "--name", "bench", rig->line != NULL ? "--line" : NULL,
        rig->line, NULL};
    g_autofree char *folder = g_strconcat("S=", rig->station, NULL);
    const char *make_ca[] = {"env", folder, "sh", "-c", KL_OPENSSL_CA("Line CA", UI_PASSPHRASE), NULL};
    g_free(run(rig, setup));
    g_free(run(rig, make_ca));
    if (unlocks)
        set_value(rig, "station.conf", "ca", "passphrase-file", rig->passphrase_file);
}

void
ui_rig_set_product(UiRig *rig, const char *group, const char *key, const char *value)
{
    set_value(rig, "products/fx30s.conf", group, key, value);
}

/* A window without its user's habits: plain theme, no animations, no sound, nothing kept outside of the folder. */
static GSubprocessLauncher *
make_launcher(UiRig *rig)
{
    g_autofree char *config = g_build_filename(rig->dir, "config", NULL);
    g_autofree char *data = g_build_filename(rig->dir, "data", NULL);
    g_autofree char *cache = g_build_filename(rig->dir, "cache", NULL);
    g_autofree char *gtk = g_build_filename(config, "gtk-3.0", NULL);
    g_autofree char *settings = g_build_filename(gtk, "settings.ini", NULL);
    const char *environment[][2] = {
        {"HOME", rig->dir},        {"XDG_CONFIG_HOME", config},     {"XDG_DATA_HOME", data},
        {"XDG_CACHE_HOME", cache}, {"GSETTINGS_BACKEND", "memory"}, {"GTK_THEME", "Adwaita"},
        {"LC_ALL", "C.UTF-8"},     {"CANBERRA_DRIVER", "null"},     {"GTK_USE_PORTAL", "0"},
        {"GDK_BACKEND", "x11"},
    };
    g_mkdir_with_parents(gtk, 0700);
    g_file_set_contents(settings, "[Settings]\ngtk-enable-animations=false\ngtk-cursor-blink=false\n", -1, NULL);
    GSubprocessLauncher *launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
    for (guint i = 0; i < G_N_ELEMENTS(environment); i++)
        g_subprocess_launcher_setenv(launcher, environment[i][0], environment[i][1], TRUE);
    g_subprocess_launcher_unsetenv(launcher, "NO_AT_BRIDGE");
    g_subprocess_launcher_unsetenv(launcher, "G_DEBUG");
    g_subprocess_launcher_set_cwd(launcher, rig->dir);
    g_subprocess_launcher_set_stdout_file_path(launcher, rig->log);
    g_subprocess_launcher_set_flags(launcher, G_SUBPROCESS_FLAGS_STDERR_MERGE);
    g_subprocess_launcher_set_child_setup(launcher, end_with_parent, NULL, NULL);
    return launcher;
}

static gboolean
window_seen(UiRig *rig, gconstpointer pid)
{
    if (rig->program == NULL)
        rig->program = ui_tree_program(*(const guint *)pid);
    if (rig->program == NULL)
        return FALSE;
    g_autoptr(UiWidget) window = ui_tree_find(rig->program, UI_ANY, NULL);
    return window != NULL && ui_widget_has_state(window, ATSPI_STATE_SHOWING);
}

void
ui_rig_open(UiRig *rig)
{
    g_autoptr(GSubprocessLauncher) launcher = make_launcher(rig);
    g_autoptr(GError) error = NULL;
    g_autofree char *program = built("gui", "keyline-station");
    rig->window = g_subprocess_launcher_spawn(launcher, &error, program, "--station", rig->station, NULL);
    g_assert_no_error(error);
    const char *identifier = g_subprocess_get_identifier(rig->window);
    guint pid = identifier != NULL ? (guint)g_ascii_strtoull(identifier, NULL, 10) : 0;
    if (!ui_rig_until(rig, window_seen, &pid))
        ui_rig_fail(rig, "no window opened");
}

static gboolean
units_seen(UiRig *rig, gconstpointer units)
{
    return ui_tree_count_described(rig->program, "ready") == *(const guint *)units;
}

/* Units are seen before the CA is unlocked, and can't be worked on until then. */
static gboolean
unlocked_seen(UiRig *rig, gconstpointer data)
{
    g_autofree char *words = ui_tree_words(rig->program);
    return words != NULL && strstr(words, "CA ready") != NULL;
}

void
ui_rig_start(UiRig *rig, guint units, const char *const *options)
{
    ui_rig_make(rig);
    ui_rig_start_sim(rig, units, options);
    ui_rig_make_station(rig, TRUE);
    ui_rig_open(rig);
    if (!ui_rig_until(rig, units_seen, &units))
        ui_rig_fail(rig, "%u units are plugged in, but not as many are ready", units);
    if (!ui_rig_until(rig, unlocked_seen, NULL))
        ui_rig_fail(rig, "the CA was not unlocked");
}

/* GTK 3.24 complains about itself when assistive technology asks for the state of a popover, or the children of a
 * dialog, at the moment in which it goes away. */
static gboolean
is_of_gtk(const char *line)
{
    return strstr(line, "gtk_popover_get_modal: assertion 'GTK_IS_POPOVER (popover)'") != NULL ||
           strstr(line, "gtk_container_forall: assertion 'GTK_IS_CONTAINER (container)'") != NULL;
}

/* The first thing that went wrong inside of the window's program, or NULL. */
static char *
find_complaint(const char *log)
{
    g_autofree char *content = NULL;
    if (log == NULL || !g_file_get_contents(log, &content, NULL, NULL))
        return NULL;
    g_auto(GStrv) lines = g_strsplit(content, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        gboolean complains = strstr(*line, " ERROR ") != NULL || strstr(*line, "CRITICAL") != NULL;
        if (complains && !is_of_gtk(*line))
            return g_strdup(*line);
    }
    return NULL;
}

static void
end_process(GSubprocess **process)
{
    if (*process == NULL)
        return;
    g_subprocess_force_exit(*process);
    g_subprocess_wait(*process, NULL, NULL);
    g_clear_object(process);
}

void
ui_rig_clear(UiRig *rig)
{
    g_clear_pointer(&rig->program, ui_widget_free);
    end_process(&rig->window);
    end_process(&rig->sim);
    g_clear_object(&rig->sim_answers);
    g_autofree char *complaint = find_complaint(rig->log);
    if (rig->dir != NULL) {
        const char *argv[] = {"rm", "-rf", "--", rig->dir, NULL};
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
    }
    g_clear_pointer(&rig->dir, g_free);
    g_clear_pointer(&rig->station, g_free);
    g_clear_pointer(&rig->passphrase_file, g_free);
    g_clear_pointer(&rig->line, g_free);
    g_clear_pointer(&rig->log, g_free);
    if (complaint != NULL)
        g_error("%s: the window's program says: %s", g_test_get_path(), complaint);
}

/* --- the world outside of the window --- */

char *
ui_rig_label(guint slot)
{
    KlSimIdentity identity;
    kl_sim_identity(UI_SIM_SEED, slot - 1, &identity);
    return g_strdup(identity.fsn);
}

char *
ui_rig_sim(UiRig *rig, const char *command)
{
    g_autofree char *line = g_strconcat(command, "\n", NULL);
    GOutputStream *hand = g_subprocess_get_stdin_pipe(rig->sim);
    g_assert_true(g_output_stream_write_all(hand, line, strlen(line), NULL, NULL, NULL));
    g_assert_true(g_output_stream_flush(hand, NULL, NULL));
    g_autofree char *answer = g_data_input_stream_read_line(rig->sim_answers, NULL, NULL, NULL);
    if (answer == NULL || !g_str_has_prefix(answer, "ok "))
        ui_rig_fail(rig, "keyline-sim: %s: %s", command, answer);
    g_auto(GStrv) words = g_strsplit(answer, " ", -1);
    return g_strv_length(words) == 4 ? g_strdup(words[3]) : NULL;
}

char *
ui_rig_sql(UiRig *rig, const char *query)
{
    g_autofree char *database = g_build_filename(rig->station, "keyline.db", NULL);
    const char *argv[] = {"sqlite3", "-readonly", "-cmd", ".timeout 10000", database, query, NULL};
    return g_strchomp(run(rig, argv));
}

typedef struct {
    const char *query;
    const char *expected;
} Answer;

static gboolean
answered(UiRig *rig, gconstpointer data)
{
    const Answer *answer = data;
    g_autofree char *said = ui_rig_sql(rig, answer->query);
    return g_str_equal(said, answer->expected);
}

void
ui_rig_wait_sql(UiRig *rig, const char *query, const char *expected)
{
    Answer answer = {query, expected};
    if (ui_rig_until(rig, answered, &answer))
        return;
    g_autofree char *said = ui_rig_sql(rig, query);
    ui_rig_fail(rig, "%s: \"%s\", not \"%s\"", query, said, expected);
}

void
ui_rig_wait_end(UiRig *rig)
{
    gint64 deadline = g_get_monotonic_time() + UI_WAIT_US;
    while (!window_ended(rig)) {
        if (g_get_monotonic_time() > deadline)
            ui_rig_fail(rig, "the window's process did not end");
        g_usleep(LOOK_EVERY_US);
    }
    if (!g_subprocess_get_successful(rig->window))
        ui_rig_fail(rig, "the window's process did not end well");
    g_clear_pointer(&rig->program, ui_widget_free);
    g_clear_object(&rig->window);
}
