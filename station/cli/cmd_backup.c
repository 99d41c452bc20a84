/* keyline backup, keyline restore: copies of the database, and their way back. */
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/text.h"
#include "station/error.h"
#include "station/station_backup.h"

int
kl_cmd_backup(KlCli *cli, char **words, GError **error)
{
    g_auto(KlStationBackup) done = {0};
    if (!kl_cli_parse(cli, "keyline backup", "FILE",
                      "Copies the station's database, also while the line runs, and checks the copy. FILE.json beside\n"
                      "it says what it is. Keep both away from this computer, with the folders ca and audit.",
                      NULL, 1, 1, words, error) ||
        !kl_station_backup(cli->dir, words[1], &done, error))
        return -1;
    if (cli->json) {
        g_autoptr(JsonBuilder) builder = json_builder_new();
        json_builder_begin_object(builder);
        kl_json_string(builder, "backup", done.file);
        kl_json_int(builder, "bytes", (gint64)done.bytes);
        kl_json_string(builder, "sha256", done.sha256);
        kl_json_int(builder, "n", (gint64)done.n);
        kl_json_string(builder, "hash", done.hash);
        json_builder_end_object(builder);
        kl_json_print(builder);
        return KL_EXIT_DONE;
    }
    g_autofree char *name = kl_text_safe(done.file);
    printf("%s\n  %" G_GUINT64_FORMAT " bytes, SHA-256 %s\n  The journal in it ends with event %" G_GUINT64_FORMAT
           ".\n\nTo take it back: keyline restore %s\n",
           name, done.bytes, done.sha256, done.n, name);
    return KL_EXIT_DONE;
}

static void
print_restored_json(const KlStationRestored *done)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_int(builder, "n", (gint64)done->n);
    kl_json_int(builder, "present_n", (gint64)done->present_n);
    kl_json_int(builder, "exported_n", (gint64)done->exported_n);
    kl_json_string(builder, "aside", done->aside);
    kl_json_int(builder, "burned", done->burned);
    kl_json_int(builder, "counters_moved", done->moved);
    kl_json_bool(builder, "numbers_known", done->numbers_known);
    kl_json_bool(builder, "checksum_checked", done->summed);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_numbers(const KlStationRestored *done)
{
    if (done->burned > 0)
        printf("  %" G_GINT64_FORMAT " leased device numbers are not handed out any more.\n", done->burned);
    if (done->moved > 0)
        printf("  %" G_GINT64_FORMAT " counters were moved on, behind all that is known to have been written since.\n",
               done->moved);
    if (!done->numbers_known)
        printf(
            "  What was handed out behind that can't be known: numbers of units that were made since may come again.\n"
            "  -> Compare the device ids of the units made since with keyline registry list before the line goes "
            "on.\n");
}

int
kl_cmd_restore(KlCli *cli, char **words, GError **error)
{
    g_auto(KlStationRestored) done = {0};
    g_autofree char *reason = NULL;
    const GOptionEntry entries[] = {
        {"accept-loss", 0, 0, G_OPTION_ARG_STRING, &reason, "Go back behind what was kept since; why", "REASON"},
        {NULL},
    };
    if (!kl_cli_parse(cli, "keyline restore", "FILE",
                      "Puts a backup in the place of the station's database, which is kept aside. Refuses to go back\n"
                      "behind what the station has kept, or shown to others, since the backup was made.",
                      entries, 1, 1, words, error))
        return -1;
    if (reason != NULL && reason[0] == '\0') {
        kl_fail(error, KL_ERROR_USAGE, "--accept-loss needs a reason");
        return -1;
    }
    if (!kl_station_restore(cli->dir, words[1], reason, &done, error))
        return -1;
    if (cli->json) {
        print_restored_json(&done);
        return KL_EXIT_DONE;
    }
    g_autofree char *aside = kl_text_safe(done.aside);
    printf("Restored: the journal goes on behind event %" G_GUINT64_FORMAT ".\n", done.n);
    if (done.aside != NULL)
        printf("  The database that was here is kept as %s\n", aside);
    if (!done.summed)
        printf("  There was no FILE.json beside the backup: its SHA-256 was not compared.\n");
    print_numbers(&done);
    printf("\nNext: keyline doctor --orphans, for units that were made since.\n");
    return KL_EXIT_DONE;
}
