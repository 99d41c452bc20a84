/* keyline registry refresh: asks the cloud's table how units in the field are. */
#include <stdio.h>
#include <unistd.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/table.h"
#include "station/station.h"

#define CLEAR_LINE "\r\033[K"
#define SHOWN_MOST 20 /* problems, for people */

/* "250 devices asked, 3 of them not in the table, 1 with too many connections" */
static void
print_counts(FILE *file, const KlFieldAsked *asked)
{
    fprintf(file, "%u %s asked", asked->asked, asked->asked == 1 ? "device" : "devices");
    if (asked->missing > 0)
        fprintf(file, ", %u not in the table", asked->missing);
    if (asked->alarms > 0)
        fprintf(file, ", %u with too many connections", asked->alarms);
    if (asked->n_problems > 0)
        fprintf(file, ", %u with a row that can't be gone by", asked->n_problems);
}

static void
show(const KlFieldAsked *asked, gpointer data)
{
    fputs(CLEAR_LINE, stderr);
    print_counts(stderr, asked);
}

static void
print_problems(const KlFieldAsked *asked)
{
    g_autoptr(KlTable) table = kl_table_new((const char *const[]){"DEVICE", "CODE", "DETAILS", NULL});
    for (guint i = 0; i < MIN(asked->problems->len, SHOWN_MOST); i++) {
        const KlCloudRow *said = asked->problems->pdata[i];
        kl_table_add(table, (const char *const[]){said->device, kl_error_name(kl_error_code(said->problem)),
                                                  said->problem->message});
    }
    printf("\n");
    kl_table_print(table, stdout);
    if (asked->n_problems > SHOWN_MOST)
        printf("... and %u more\n", asked->n_problems - SHOWN_MOST);
    printf("\nWhat was known of %s stays as it was.\n", asked->n_problems == 1 ? "it" : "them");
}

static void
print_json(const KlFieldAsked *asked)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_int(builder, "asked", asked->asked);
    kl_json_int(builder, "missing", asked->missing);
    kl_json_int(builder, "alarms", asked->alarms);
    kl_json_int(builder, "unreadable", asked->n_problems);
    kl_json_array(builder, "problems");
    for (guint i = 0; i < asked->problems->len; i++) {
        const KlCloudRow *said = asked->problems->pdata[i];
        json_builder_begin_object(builder);
        kl_json_string(builder, "device", said->device);
        kl_json_string(builder, "code", kl_error_name(kl_error_code(said->problem)));
        kl_json_string(builder, "detail", said->problem->message);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_result(const KlCli *cli, const KlFieldAsked *asked)
{
    if (cli->json) {
        print_json(asked);
        return;
    }
    print_counts(stdout, asked);
    printf(".%s\n", asked->alarms > 0 ? " See keyline registry list --alarms." : "");
    if (asked->n_problems > 0)
        print_problems(asked);
}

int
kl_cmd_registry_refresh(KlCli *cli, char **words, GError **error)
{
    const char *about = "Asks the cloud's registration table how these devices, or all, got on with\n"
                        "their first boot. keyline registry list and show, the doctor and the window tell\n"
                        "it from then on, with the time. Works beside a running station; what came before\n"
                        "a failure is kept.";
    if (!kl_cli_parse(cli, "keyline registry refresh", "[DEVICE...]", about, NULL, 0, G_MAXUINT, words, error))
        return -1;
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    if (station == NULL)
        return -1;
    gboolean terminal = !cli->json && isatty(STDERR_FILENO);
    const KlFieldWatch watch = {.told = show};
    KlOp op = {0};
    g_auto(KlFieldAsked) asked = {0};
    gboolean done = kl_station_ask_field(station, words[1] != NULL ? (const char *const *)words + 1 : NULL,
                                         terminal ? &watch : NULL, &op, &asked, error);
    if (terminal)
        fputs(CLEAR_LINE, stderr);
    if (!done) {
        if (asked.asked > 0)
            g_prefix_error(error, "after %u %s: ", asked.asked, asked.asked == 1 ? "device" : "devices");
        return -1;
    }
    print_result(cli, &asked);
    return asked.n_problems > 0 ? KL_EXIT_UNIT : KL_EXIT_DONE;
}
