/* keyline registry: the registration rows that the first-boot system reads. */
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/table.h"
#include "station/station.h"

static void
add_row(JsonBuilder *builder, const KlRegistration *row)
{
    json_builder_begin_object(builder);
    kl_json_string(builder, "device", row->device);
    kl_json_string(builder, "registered", row->registered);
    kl_json_string(builder, "policy", row->policy);
    kl_json_string(builder, "firmware", row->firmware);
    kl_json_string(builder, "parameters", row->parameters);
    kl_json_int(builder, "version", row->version);
    kl_json_int(builder, "connections", row->connections);
    json_builder_end_object(builder);
}

static void
print_json(const GPtrArray *rows)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_array(builder, "registrations");
    for (guint i = 0; i < rows->len; i++)
        add_row(builder, rows->pdata[i]);
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_table(const GPtrArray *rows)
{
    if (rows->len == 0) {
        printf("No device is registered yet.\n");
        return;
    }
    g_autoptr(KlTable) table = kl_table_new((const char *const[]){"DEVICE", "REGISTERED", "POLICY", "FIRMWARE",
                                                                  ">VERSION", ">CONNECTIONS", "PARAMETERS", NULL});
    for (guint i = 0; i < rows->len; i++) {
        const KlRegistration *row = rows->pdata[i];
        g_autofree char *version = g_strdup_printf("%" G_GINT64_FORMAT, row->version);
        g_autofree char *connections = g_strdup_printf("%" G_GINT64_FORMAT, row->connections);
        kl_table_add(table, (const char *const[]){row->device, row->registered, row->policy, row->firmware, version,
                                                  connections, row->parameters});
    }
    kl_table_print(table, stdout);
}

static int
print_rows(KlCli *cli, const char *device, GError **error)
{
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    if (station == NULL)
        return -1;
    KlStore *store = kl_station_store(station);
    g_autoptr(GPtrArray) rows = store->klass->registrations(store, device, error);
    if (rows == NULL)
        return -1;
    if (device != NULL && rows->len == 0) {
        kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no registration row for device '%s'", device);
        return -1;
    }
    if (cli->json)
        print_json(rows);
    else
        print_table(rows);
    return KL_EXIT_DONE;
}

static int
run_list(KlCli *cli, char **words, GError **error)
{
    if (!kl_cli_parse(cli, "keyline registry list", NULL, "Lists the registration rows of all devices.", NULL, 0, 0,
                      words, error))
        return -1;
    return print_rows(cli, NULL, error);
}

static int
run_show(KlCli *cli, char **words, GError **error)
{
    if (!kl_cli_parse(cli, "keyline registry show", "DEVICE", "Shows the registration row of one device.", NULL, 1, 1,
                      words, error))
        return -1;
    return print_rows(cli, words[1], error);
}

static const KlCommand commands[] = {
    {"list", "list the registration rows of all devices", run_list},
    {"show", "show the registration row of one device", run_show},
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
