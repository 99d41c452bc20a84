#include "tests/bench/bench_station.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "station/station.h"

KlBenchStation *
kl_bench_station_new(void)
{
    g_autoptr(GError) error = NULL;
    KlBenchStation *station = g_new0(KlBenchStation, 1);
    station->dir = kl_bench_folder_new();
    station->station_dir = g_build_filename(station->dir, "station", NULL);
    station->passphrase_file = g_build_filename(station->dir, "passphrase", NULL);
    station->line_file = g_build_filename(station->dir, "line.conf", NULL);
    g_file_set_contents_full(station->passphrase_file, KL_BENCH_PASSPHRASE "\n", -1, G_FILE_SET_CONTENTS_NONE, 0600,
                             &error);
    kl_bench_check(error);
    return station;
}

void
kl_bench_station_set_up(const KlBenchStation *station)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) passphrase = kl_secret_new(KL_BENCH_PASSPHRASE, strlen(KL_BENCH_PASSPHRASE));
    kl_station_setup(station->station_dir, "bench", station->line_file, &error);
    kl_bench_check(error);
    kl_station_ca_init(station->station_dir, "Bench CA", 3650, passphrase, &error);
    kl_bench_check(error);
}

void
kl_bench_station_free(KlBenchStation *station)
{
    kl_bench_folder_free(station->dir);
    g_free(station->station_dir);
    g_free(station->passphrase_file);
    g_free(station->line_file);
    g_free(station);
}

GPid
kl_bench_station_run(const KlBenchStation *station, const char *const *words)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *keyline = kl_bench_program("station/cli/keyline");
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, keyline);
    g_ptr_array_add(argv, (char *)"--station");
    g_ptr_array_add(argv, station->station_dir);
    for (const char *const *word = words; *word != NULL; word++)
        g_ptr_array_add(argv, (char *)*word);
    g_ptr_array_add(argv, (char *)"--passphrase-file");
    g_ptr_array_add(argv, station->passphrase_file);
    g_ptr_array_add(argv, NULL);

    GPid pid = 0;
    g_spawn_async(NULL, (char **)argv->pdata, NULL,
                  G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &pid,
                  &error);
    kl_bench_check(error);
    return pid;
}

GPid
kl_bench_line_start(const KlBenchStation *station, guint units, const char *key_ms, guint seed)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = kl_bench_program("drivers/at_wp77/sim/keyline-sim");
    g_autofree char *folder = g_strdup_printf("%s/units-%u", station->dir, seed);
    g_autofree char *count = g_strdup_printf("%u", units);
    g_autofree char *seed_word = g_strdup_printf("%u", seed);
    const char *const argv[] = {program,  "--units",          count,     "--dir",         folder,
                                "--line", station->line_file, "--speed", "fast",          "--key-ms",
                                key_ms,   "--seed",           seed_word, "--with-parent", NULL};
    GPid pid = 0;
    int out = -1;
    char ready[5];
    g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL, &out, NULL,
                             &error);
    kl_bench_check(error);
    if (read(out, ready, sizeof ready) != sizeof ready || memcmp(ready, "ready", sizeof ready) != 0)
        g_error("the simulated line did not start");
    close(out);
    return pid;
}

void
kl_bench_line_stop(GPid line)
{
    kill(line, SIGTERM);
    waitpid(line, NULL, 0);
}
