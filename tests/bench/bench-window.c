/* The window with 64 slots and a million records: its start, its memory, and how long its main loop is ever blocked.
 * The program measured is keyline-station as it is; a GTK module does the operator's part (window_probe.c), the units
 * live in another process. Wants a display of its own and a session bus. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench_station.h"
#include "tests/history_rows.h"
#include "tests/store-fixture.h"

#define SLOTS 64
#define ROWS 1000000
#define STARTS 7
#define START_MS_MAX 1000
#define MEMORY_MIB_MAX 120
#define BLOCKED_MS_MAX 50

static void
fill_database(const KlBenchStation *station)
{
    const gint64 newest_s = g_get_real_time() / G_USEC_PER_SEC - 60;
    g_autofree char *path = g_build_filename(station->station_dir, "keyline.db", NULL);
    g_autofree char *sql = history_sql_from(ROWS, newest_s - ROWS);
    g_free(sqlite(path, sql));
}

/* The station unlocks by itself. */
static void
keep_passphrase(const KlBenchStation *station)
{
    g_autofree char *path = g_build_filename(station->station_dir, "station.conf", NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;
    g_key_file_load_from_file(file, path, G_KEY_FILE_KEEP_COMMENTS, &error);
    kl_bench_check(error);
    g_key_file_set_string(file, "ca", "passphrase-file", station->passphrase_file);
    g_key_file_save_to_file(file, path, &error);
    kl_bench_check(error);
}

/* A user without habits: nothing is read or kept outside of the folder, and there is no sound. */
static char **
make_environment(const KlBenchStation *station, const char *what)
{
    g_autofree char *module = kl_bench_program("tests/bench/libwindow-probe.so");
    g_autofree char *started = g_strdup_printf("%" G_GINT64_FORMAT, g_get_monotonic_time());
    const char *const values[][2] = {
        {"HOME", station->dir},          {"XDG_CONFIG_HOME", station->dir},
        {"XDG_DATA_HOME", station->dir}, {"XDG_CACHE_HOME", station->dir},
        {"GSETTINGS_BACKEND", "memory"}, {"GTK_THEME", "Adwaita"},
        {"GDK_BACKEND", "x11"},          {"LC_ALL", "C.UTF-8"},
        {"CANBERRA_DRIVER", "null"},     {"GTK_MODULES", module},
        {"KEYLINE_PROBE", what},         {"PROBE_STARTED_US", started},
    };
    char **environment = g_get_environ();
    for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
        environment = g_environ_setenv(environment, values[i][0], values[i][1], TRUE);
    return environment;
}

/* Runs keyline-station until the probe has done its part; returns what that printed. */
static char *
run_window(const KlBenchStation *station, const char *what)
{
    g_autofree char *program = kl_bench_program("gui/keyline-station");
    const char *const argv[] = {program, "--station", station->station_dir, NULL};
    g_auto(GStrv) environment = make_environment(station, what);
    g_autoptr(GError) error = NULL;
    char *out = NULL;
    int status = 0;
    g_spawn_sync(NULL, (char **)argv, environment, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status, &error);
    kl_bench_check(error);
    g_spawn_check_wait_status(status, &error);
    kl_bench_check(error);
    return out;
}

/* The value of a line "name value". */
static double
figure(const char *out, const char *name)
{
    g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
    gsize length = strlen(name);
    for (char **line = lines; *line != NULL; line++) {
        if (strncmp(*line, name, length) == 0 && (*line)[length] == ' ')
            return g_ascii_strtod(*line + length, NULL);
    }
    g_error("the probe said nothing of %s: %s", name, out);
}

/* Of the longest gap: how long the main thread ran itself, and how long it waited for a processor that others had. */
static void
report_beats(const char *name, const char *out)
{
    g_autofree char *p99 = g_strconcat(name, "-p99", NULL);
    g_autofree char *max = g_strconcat(name, "-max", NULL);
    g_autofree char *cpu = g_strconcat(name, "-cpu", NULL);
    g_autofree char *queued = g_strconcat(name, "-queued", NULL);
    kl_bench_row_at_most(p99, figure(out, "beat-p99"), "ms", BLOCKED_MS_MAX);
    kl_bench_row_at_most(max, figure(out, "beat-max"), "ms", BLOCKED_MS_MAX);
    kl_bench_row(cpu, figure(out, "beat-max-cpu"), "ms");
    kl_bench_row(queued, figure(out, "beat-max-queued"), "ms");
}

/* The first start of all fills caches of fonts and icons that any other program would have filled. */
static void
bench_start(const KlBenchStation *station)
{
    g_autoptr(GArray) starts = kl_bench_samples_new();
    for (guint i = 0; i <= STARTS; i++) {
        g_autofree char *out = run_window(station, "start");
        if (i == 0)
            kl_bench_row("window-start-first", figure(out, "start"), "ms");
        else
            kl_bench_sample(starts, figure(out, "start"));
    }
    kl_bench_row_at_most("window-start", kl_bench_percentile(starts, 50), "ms", START_MS_MAX);
    kl_bench_row_at_most("window-start-max", kl_bench_percentile(starts, 100), "ms", START_MS_MAX);
}

static void
bench_history(const KlBenchStation *station)
{
    g_autofree char *out = run_window(station, "history");
    kl_bench_row("window-memory-start", figure(out, "memory-start"), "MiB");
    kl_bench_row_at_most("window-memory", figure(out, "memory"), "MiB", MEMORY_MIB_MAX);
    kl_bench_row("window-memory-peak", figure(out, "memory-peak"), "MiB");
    report_beats("window-history", out);
}

static void
bench_work(const KlBenchStation *station, const char *what, const char *name)
{
    g_autofree char *out = run_window(station, what);
    if (figure(out, "running-most") != SLOTS)
        g_error("no more than %g units ran at the same time", figure(out, "running-most"));
    report_beats(name, out);
}

int
main(void)
{
    kl_bench_init();
    g_autoptr(KlBenchStation) station = kl_bench_station_new();
    GPid line = kl_bench_line_start(station, SLOTS, "3000-4000", 1);
    kl_bench_station_set_up(station);
    keep_passphrase(station);
    fill_database(station);

    bench_start(station);
    bench_history(station);
    bench_work(station, "work", "window-heartbeat");
    kl_bench_line_stop(line);
    line = kl_bench_line_start(station, SLOTS, "8000-9000", 2);
    bench_work(station, "pages", "window-pages");
    kl_bench_line_stop(line);
    return 0;
}
