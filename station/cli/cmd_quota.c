/* keyline quota: how many units of a work order may get a certificate. */
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/text.h"
#include "station/station.h"

#define UNITS_MAX G_GINT64_CONSTANT(1000000000)

static gboolean
parse_units(const char *text, guint64 *units, GError **error)
{
    if (g_ascii_string_to_unsigned(text, 10, 0, UNITS_MAX, units, NULL))
        return TRUE;
    return kl_fail(error, KL_ERROR_USAGE, "'%s': UNITS is a whole number; 0 takes the quota away", text);
}

static void
print_json(const char *work_order, guint64 units, guint64 used)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_string(builder, "work_order", work_order);
    kl_json_int(builder, "units", (gint64)units);
    kl_json_int(builder, "used", (gint64)used);
    kl_json_int(builder, "left", units > used ? (gint64)(units - used) : 0);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_quota(const char *work_order, guint64 units, guint64 used)
{
    g_autofree char *name = kl_text_safe(work_order);
    if (units == 0)
        printf("Work order %s has no quota; %" G_GUINT64_FORMAT " units got a certificate in it.\n", name, used);
    else
        printf("Work order %s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " units used, %" G_GUINT64_FORMAT
               " left.\n",
               name, used, units, units > used ? units - used : 0);
}

static int
show(KlCli *cli, KlStore *store, const char *work_order, GError **error)
{
    guint64 units = 0, used = 0;
    if (!store->klass->quota(store, work_order, &units, &used, error))
        return -1;
    if (cli->json)
        print_json(work_order, units, used);
    else
        print_quota(work_order, units, used);
    return KL_EXIT_DONE;
}

int
kl_cmd_quota(KlCli *cli, char **words, GError **error)
{
    guint64 units = 0;
    if (!kl_cli_parse(cli, "keyline quota", "WORK-ORDER [UNITS]",
                      "Shows how many units of a work order may get a certificate, or sets it (0: as many as come).\n"
                      "A unit that has begun goes on; one too many is refused before anything is issued.",
                      NULL, 1, 2, words, error) ||
        (words[2] != NULL && !parse_units(words[2], &units, error)))
        return -1;
    KlStationMode mode = words[2] != NULL ? KL_STATION_RUN : KL_STATION_READ;
    g_autoptr(KlStation) station = kl_station_open(cli->dir, mode, NULL, error);
    if (station == NULL)
        return -1;
    KlStore *store = kl_station_store(station);
    if (words[2] != NULL && !store->klass->set_quota(store, words[1], units, error))
        return -1;
    return show(cli, store, words[1], error);
}
