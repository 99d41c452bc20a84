/* keyline audit checkpoint: a signed word on the journal's end, to be kept elsewhere. */
#include <stdio.h>
#include <string.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/text.h"
#include "station/station_audit.h"

/* The beginning and the end of a hash, in groups that a person can write down and compare. */
static char *
ends_of(const char *hash)
{
    gsize length = strlen(hash);
    if (length < 32)
        return kl_text_safe(hash);
    return g_strdup_printf("%.4s %.4s ... %.4s %.4s", hash, hash + 4, hash + length - 8, hash + length - 4);
}

static void
print_json(const KlStationCheckpoint *checkpoint)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_int(builder, "n", (gint64)checkpoint->n);
    kl_json_string(builder, "hash", checkpoint->hash);
    kl_json_time(builder, "time", checkpoint->time_us);
    kl_json_string(builder, "reason", checkpoint->reason);
    kl_json_string(builder, "station", checkpoint->station);
    kl_json_string(builder, "certificate_sha256", checkpoint->fingerprint);
    kl_json_string(builder, "line", checkpoint->line);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_paper(const KlStationCheckpoint *checkpoint)
{
    g_autofree char *station = kl_text_safe(checkpoint->station);
    g_autofree char *time = kl_text_time(checkpoint->time_us);
    g_autofree char *hash = ends_of(checkpoint->hash != NULL ? checkpoint->hash : "");
    g_autofree char *fingerprint = ends_of(checkpoint->fingerprint != NULL ? checkpoint->fingerprint : "");
    printf("Checkpoint %" G_GUINT64_FORMAT "   %s   %s\n"
           "  hash         %s\n"
           "  certificate  %s\n",
           checkpoint->n, station, time, hash, fingerprint);
}

int
kl_cmd_audit_checkpoint(KlCli *cli, char **words, GError **error)
{
    g_autofree char *reason = NULL, *file = NULL;
    const GOptionEntry entries[] = {
        {"reason", 0, 0, G_OPTION_ARG_STRING, &reason, "shift or request (default)", "WORD"},
        {"append", 0, 0, G_OPTION_ARG_FILENAME, &file, "Also append it, whole, to this file (a stick, a mounted share)",
         "FILE"},
        {NULL},
    };
    const char *about = "Signs the journal as it stands and prints that in short, to be written down or printed. Kept\n"
                        "away from the station it shows if the journal was cut off or rewritten later.";
    if (!kl_cli_parse(cli, "keyline audit checkpoint", NULL, about, entries, 0, 0, words, error))
        return -1;
    if (reason != NULL && strcmp(reason, "shift") != 0 && strcmp(reason, "request") != 0) {
        kl_fail(error, KL_ERROR_USAGE, "--reason %s: must be shift or request", reason);
        return -1;
    }
    g_auto(KlStationCheckpoint) checkpoint = {0};
    if (!kl_station_audit_checkpoint(cli->dir, reason != NULL ? reason : "request", &checkpoint, error) ||
        (file != NULL && !kl_station_audit_append(file, checkpoint.line, error)))
        return -1;
    if (cli->json)
        print_json(&checkpoint);
    else
        print_paper(&checkpoint);
    return KL_EXIT_DONE;
}
