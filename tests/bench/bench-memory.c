/* Resident memory of "keyline batch" with 64 units in work; the units live in another process. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench_station.h"

#define SLOTS "64"
/* The units make their keys at the same time for most of the run: what is sampled then is all slots at work. */
#define KEY_MS "2000-2000"
#define SAMPLE_US (20 * 1000)

static GPid
start_line(const KlBenchStation *station)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = kl_bench_program("drivers/at_wp77/sim/keyline-sim");
    g_autofree char *units = g_build_filename(station->dir, "units", NULL);
    const char *const argv[] = {program,  "--units",          SLOTS,     "--dir", units,
                                "--line", station->line_file, "--speed", "fast",  "--key-ms",
                                KEY_MS,   "--with-parent",    NULL};
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

/* A line of /proc/PID/status in MiB; FALSE once the process has ended. */
static gboolean
read_status(GPid pid, const char *name, double *mib)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    const char *line = strstr(text, name);
    if (line == NULL)
        return FALSE;
    *mib = g_ascii_strtod(line + strlen(name), NULL) / 1024;
    return TRUE;
}

int
main(void)
{
    kl_bench_init();
    g_autoptr(GArray) resident = kl_bench_samples_new();
    g_autoptr(KlBenchStation) station = kl_bench_station_new();
    GPid line = start_line(station);
    kl_bench_station_set_up(station);

    const char *const words[] = {"batch", "--count", SLOTS, NULL};
    GPid keyline = kl_bench_station_run(station, words);
    double peak = 0;
    double now = 0;
    int status = 0;
    while (waitpid(keyline, &status, WNOHANG) == 0) {
        if (read_status(keyline, "VmRSS:", &now) && read_status(keyline, "VmHWM:", &peak))
            kl_bench_sample(resident, now);
        g_usleep(SAMPLE_US);
    }
    kill(line, SIGTERM);
    waitpid(line, NULL, 0);
    if (status != 0)
        g_error("not every unit passed: status %d", status);
    kl_bench_row("memory-64-slots", kl_bench_percentile(resident, 50), "MiB");
    kl_bench_row("memory-64-slots-peak", peak, "MiB");
    return 0;
}
