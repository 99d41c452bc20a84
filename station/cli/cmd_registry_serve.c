/* keyline registry serve: what the service keyline-outbox does. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "station/cli/commands.h"
#include "station/station.h"

/* Readable when the program is asked to end. Before any thread is made: all have these signals blocked. */
static int
open_signals(GError **error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        kl_fail(error, KL_ERROR_INTERNAL, "signalfd: %s", g_strerror(errno));
    return fd;
}

int
kl_cmd_registry_serve(KlCli *cli, char **words, GError **error)
{
    const char *about = "Sends what waits for the cloud, until a signal ends it, whenever no other program works on\n"
                        "units; one that wants to gets the station at once. Asks for no passphrase. Ends by itself\n"
                        "when there is no station, or none with [aws].";
    if (!kl_cli_parse(cli, "keyline registry serve", NULL, about, NULL, 0, 0, words, error))
        return -1;
    int signals = open_signals(error);
    if (signals < 0)
        return -1;
    g_autofree char *why = NULL;
    gboolean ok = kl_station_serve(cli->dir, signals, &why, error);
    close(signals);
    if (ok && why != NULL)
        printf("Nothing to serve: %s.\n", why);
    return ok ? KL_EXIT_DONE : -1;
}
