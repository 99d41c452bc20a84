/* Resident memory of "keyline batch" with 64 units in work; the units live in another process. */
#include <string.h>
#include <sys/wait.h>

#include "tests/bench/bench_station.h"

#define SLOTS 64
/* The units make their keys at the same time for most of the run: what is sampled then is all slots at work. */
#define KEY_MS "2000-2000"
#define SAMPLE_US (20 * 1000)

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
    GPid line = kl_bench_line_start(station, SLOTS, KEY_MS, 1);
    kl_bench_station_set_up(station);

    const char *const words[] = {"batch", "--count", G_STRINGIFY(SLOTS), NULL};
    GPid keyline = kl_bench_station_run(station, words);
    double peak = 0;
    double now = 0;
    int status = 0;
    while (waitpid(keyline, &status, WNOHANG) == 0) {
        if (read_status(keyline, "VmRSS:", &now) && read_status(keyline, "VmHWM:", &peak))
            kl_bench_sample(resident, now);
        g_usleep(SAMPLE_US);
    }
    kl_bench_line_stop(line);
    if (status != 0)
        g_error("not every unit passed: status %d", status);
    kl_bench_row("memory-64-slots", kl_bench_percentile(resident, 50), "MiB");
    kl_bench_row("memory-64-slots-peak", peak, "MiB");
    return 0;
}
