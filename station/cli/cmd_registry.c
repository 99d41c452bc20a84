/* keyline registry: the registration rows that the first-boot system reads. */
#include "station/cli/commands.h"

static const KlCommand commands[] = {
    {"list", "list the registration rows of all devices", kl_cmd_registry_list},
    {"show", "show the registration row of one device", kl_cmd_registry_show},
    {"refresh", "ask the cloud how devices got on with their first boot", kl_cmd_registry_refresh},
    {"pending", "list what has not reached the cloud yet", kl_cmd_registry_pending},
    {"retry", "have rows sent again that were parked", kl_cmd_registry_retry},
    {"park", "put a row aside: it is not sent any more", kl_cmd_registry_park},
    {"push", "send everything that waits, now", kl_cmd_registry_push},
    {"serve", "send what waits, for as long as it runs: what the service does", kl_cmd_registry_serve},
    {NULL, NULL, NULL},
};

int
kl_cmd_registry(KlCli *cli, char **words, GError **error)
{
    return kl_cli_run_group(cli, "keyline registry",
                            "The rows that the first-boot system reads, and their way to the cloud.", commands, words,
                            error);
}
