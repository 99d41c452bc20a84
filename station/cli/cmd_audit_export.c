/* keyline audit export, prove: what leaves the station for others to check. */
#include <stdio.h>
#include <unistd.h>

#include "station/cli/audit_request.h"
#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/text.h"
#include "station/station_audit.h"

static void
print_json(const char *what, const char *path, const KlStationExported *done)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_string(builder, what, path);
    kl_json_int(builder, "events", (gint64)done->events);
    kl_json_int(builder, "first", (gint64)done->first);
    kl_json_int(builder, "last", (gint64)done->last);
    kl_json_int(builder, "records", done->records);
    kl_json_int(builder, "checkpoint", (gint64)done->n);
    kl_json_string(builder, "sha256", done->manifest_sha256);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

/* How far it is, on a terminal alone; to be wiped away before anything else is printed. */
static void
show_progress(double fraction, gpointer data)
{
    int *shown = data;
    int percent = (int)(fraction * 100);
    if (percent == *shown)
        return;
    *shown = percent;
    fprintf(stderr, "\r%3d %%", percent);
}

static void
wipe_progress(int shown)
{
    if (shown >= 0)
        fprintf(stderr, "\r     \r");
}

static void
print_export(const char *path, const KlStationExported *done)
{
    g_autofree char *name = kl_text_safe(path);
    printf("%s\n  %" G_GUINT64_FORMAT " events, %" G_GINT64_FORMAT " records\n", name, done->events, done->records);
    if (done->events > 0)
        printf("  events %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " of the journal's first %" G_GUINT64_FORMAT "\n",
               done->first, done->last, done->n);
    printf("  SHA-256 of its manifest: %s\n\nAnybody can check it: keyline audit verify %s\n", done->manifest_sha256,
           name);
}

static int
export_to(KlCli *cli, const KlAuditRequest *request, const char *path, GError **error)
{
    g_auto(KlStationExported) done = {0};
    int shown = -1;
    gboolean terminal = !cli->json && isatty(STDERR_FILENO);
    const KlAuditProgress progress = {.report = terminal ? show_progress : NULL, .data = &shown};
    gboolean ok = kl_station_audit_export(cli->dir, request, "export", path, &progress, &done, error);
    wipe_progress(shown);
    if (!ok)
        return -1;
    if (cli->json)
        print_json("export", path, &done);
    else
        print_export(path, &done);
    return KL_EXIT_DONE;
}

int
kl_cmd_audit_export(KlCli *cli, char **words, GError **error)
{
    g_auto(KlAuditOptions) options = {0};
    KlAuditRequest request;
    g_autofree GOptionEntry *entries = kl_audit_options_entries(&options, NULL);
    const char *about = "Writes the journal's events, with records, certificates and a summary, signed, into a new\n"
                        "folder or, if DEST ends in .tar, a tar file. Without options: everything. A job that fits is\n"
                        "taken with all its events. The line may work meanwhile.";
    if (!kl_cli_parse(cli, "keyline audit export", "DEST", about, entries, 1, 1, words, error) ||
        !kl_audit_options_request(&options, &request, error))
        return -1;
    return export_to(cli, &request, words[1], error);
}

int
kl_cmd_audit_prove(KlCli *cli, char **words, GError **error)
{
    g_autofree char *serial = NULL;
    const GOptionEntry entries[] = {
        {"serial", 0, 0, G_OPTION_ARG_STRING, &serial,
         "One unit, by IMEI, FSN, device id, certificate serial or fingerprint; or a job or batch", "ID"},
        {NULL},
    };
    const char *about = "Writes a proof that this unit's events are in the journal as they are. It tells nothing\n"
                        "of any other unit.";
    if (!kl_cli_parse(cli, "keyline audit prove", "FILE", about, entries, 1, 1, words, error))
        return -1;
    if (serial == NULL) {
        kl_fail(error, KL_ERROR_USAGE, "keyline audit prove: --serial is missing");
        return -1;
    }
    g_auto(KlStationExported) done = {0};
    if (!kl_station_audit_prove(cli->dir, serial, words[1], &done, error))
        return -1;
    if (cli->json) {
        print_json("proof", words[1], &done);
        return KL_EXIT_DONE;
    }
    g_autofree char *name = kl_text_safe(words[1]);
    printf("%s\n  %" G_GUINT64_FORMAT " events of the journal's first %" G_GUINT64_FORMAT "\n\n"
           "Anybody can check it: keyline audit verify %s\n",
           name, done.events, done.n, name);
    return KL_EXIT_DONE;
}
