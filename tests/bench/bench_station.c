#include "tests/bench/bench_station.h"

#include <string.h>

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
