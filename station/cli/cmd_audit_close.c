/* keyline audit close: a period of the journal goes into a signed archive, and out of the database. */
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/text.h"
#include "station/error.h"
#include "station/station_backup.h"

static void
print_closed(const KlCli *cli, const char *path, const KlStationClosed *closed)
{
    if (cli->json) {
        g_autoptr(JsonBuilder) builder = json_builder_new();
        json_builder_begin_object(builder);
        kl_json_string(builder, "archive", path);
        kl_json_int(builder, "first", (gint64)closed->first);
        kl_json_int(builder, "through", (gint64)closed->through);
        kl_json_int(builder, "jobs", (gint64)closed->jobs);
        kl_json_string(builder, "manifest_sha256", closed->manifest_sha256);
        json_builder_end_object(builder);
        kl_json_print(builder);
        return;
    }
    g_autofree char *name = kl_text_safe(path);
    printf(
        "%s\n  Events %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
        ", and the steps and transcripts of %" G_GUINT64_FORMAT " jobs, are in it and no longer in the database.\n"
        "  SHA-256 of its manifest: %s\n\nKeep it as long as records have to be kept: it is the only copy of them.\n",
        name, closed->first, closed->through, closed->jobs, closed->manifest_sha256);
}

int
kl_cmd_audit_close(KlCli *cli, char **words, GError **error)
{
    g_autofree char *before = NULL;
    g_auto(KlStationClosed) closed = {0};
    gint64 before_us = 0;
    const GOptionEntry entries[] = {
        {"before", 0, 0, G_OPTION_ARG_STRING, &before, "Everything before this day", "DATE"},
        {NULL},
    };
    if (!kl_cli_parse(
            cli, "keyline audit close", "DEST.tar",
            "Closes the journal up to the last checkpoint before a day: writes it into a signed archive, reads\n"
            "that again, and then takes it out of the database, with the steps and transcripts of the jobs in\n"
            "it. Units, keys, certificates and the heads of jobs stay for ever. What was broken off is done again\n"
            "with the same words.",
            entries, 1, 1, words, error))
        return -1;
    if (before == NULL) {
        kl_fail(error, KL_ERROR_USAGE, "keyline audit close: --before DATE is missing");
        return -1;
    }
    if (!kl_text_parse_time(before, FALSE, &before_us, error) ||
        !kl_station_audit_close(cli->dir, before_us, words[1], &closed, error))
        return -1;
    print_closed(cli, words[1], &closed);
    return KL_EXIT_DONE;
}
