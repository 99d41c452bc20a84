/* From the start of "keyline provision" to its first byte on the wire, and how much of that opening the CA's key takes
 * (scrypt is slow on purpose). */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certs/signer_key_file.h"
#include "tests/bench/bench_station.h"

#define RUNS 15
#define PATIENCE_MS 30000

/* A terminal whose other end nobody has opened yet, in place of the slot's port. */
static int
open_port(const char *link)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[64];
    if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0 || ptsname_r(fd, name, sizeof name) != 0)
        g_error("no terminal");
    unlink(link);
    if (symlink(name, link) != 0)
        g_error("no link %s", link);
    return fd;
}

static double
first_byte_ms(const KlBenchStation *station, const char *link)
{
    const char *const words[] = {"provision", "--slot", "01", NULL};
    int port = open_port(link);
    struct pollfd waiting = {.fd = port, .events = POLLIN};
    char byte;
    double start = kl_bench_now();
    GPid pid = kl_bench_station_run(station, words);
    if (poll(&waiting, 1, PATIENCE_MS) != 1 || read(port, &byte, 1) != 1)
        g_error("nothing came over the wire");
    double ms = (kl_bench_now() - start) * 1e3;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    close(port);
    return ms;
}

static double
unlock_ms(const KlBenchStation *station)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) passphrase = kl_secret_new(KL_BENCH_PASSPHRASE, strlen(KL_BENCH_PASSPHRASE));
    g_autofree char *path = g_build_filename(station->station_dir, "ca", "ca.key", NULL);
    double start = kl_bench_now();
    EVP_PKEY *key = kl_key_file_load(path, passphrase, &error);
    double ms = (kl_bench_now() - start) * 1e3;
    kl_bench_check(error);
    EVP_PKEY_free(key);
    return ms;
}

int
main(void)
{
    kl_bench_init();
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) starts = kl_bench_samples_new();
    g_autoptr(GArray) unlocks = kl_bench_samples_new();
    g_autoptr(KlBenchStation) station = kl_bench_station_new();
    g_autofree char *link = g_build_filename(station->dir, "port", NULL);
    g_autofree char *line = g_strdup_printf("[slot 01]\nagent = pty:%s\n", link);
    g_file_set_contents(station->line_file, line, -1, &error);
    kl_bench_check(error);
    kl_bench_station_set_up(station);

    for (guint i = 0; i < RUNS; i++) {
        kl_bench_sample(starts, first_byte_ms(station, link));
        kl_bench_sample(unlocks, unlock_ms(station));
    }
    double start = kl_bench_percentile(starts, 50);
    double unlock = kl_bench_percentile(unlocks, 50);
    kl_bench_row("start-first-byte", start, "ms");
    kl_bench_row("start-scrypt", unlock, "ms");
    kl_bench_row("start-rest", start - unlock, "ms");
    return 0;
}
