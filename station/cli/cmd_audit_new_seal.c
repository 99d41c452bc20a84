/* keyline audit new-seal: another seal for the station, when the old one is lost or known to others. */
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/station.h"

int
kl_cmd_audit_new_seal(KlCli *cli, char **words, GError **error)
{
    g_autofree char *reason = NULL;
    const GOptionEntry entries[] = {
        {"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Why, for the journal", "TEXT"},
        {NULL},
    };
    const char *about = "Gives the station another seal, and notes that in the journal. What the old seal\n"
                        "has signed stays good; its files stay in the audit folder under other names.\n"
                        "Whoever checks this station's exports needs its new certificate, audit/station.pem.\n"
                        "Programs that run now sign no more until they start again: restart keyline-activation.";
    if (!kl_cli_parse(cli, "keyline audit new-seal", NULL, about, entries, 0, 0, words, error))
        return -1;
    if (reason == NULL || reason[0] == '\0') {
        kl_fail(error, KL_ERROR_USAGE, "--reason is missing");
        return -1;
    }
    if (!kl_station_new_seal(cli->dir, reason, error))
        return -1;
    g_autofree char *path = g_build_filename(cli->dir, "audit", "station.pem", NULL);
    if (!cli->json) {
        printf("The station has a new seal. Its certificate: %s\n", path);
        return KL_EXIT_DONE;
    }
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_string(builder, "certificate", path);
    json_builder_end_object(builder);
    kl_json_print(builder);
    return KL_EXIT_DONE;
}
