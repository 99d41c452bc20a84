/* keyline slots: which slots there are, and who stands there. */
#include <pthread.h>
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/table.h"
#include "station/station.h"

/* A slot and what a look at it found; one thread each. */
typedef struct {
    const KlStation *station;
    const KlSlotConfig *slot;
    pthread_t thread;
    gboolean threaded;
    KlUnit *unit;
    GError *error;
} Look;

static void
look_clear(gpointer data)
{
    Look *look = data;
    g_clear_pointer(&look->unit, kl_unit_free);
    g_clear_error(&look->error);
}

static void *
look_run(void *data)
{
    Look *look = data;
    look->unit = kl_station_look(look->station, look->slot, NULL, &look->error);
    return NULL;
}

/* Looks at all slots at once: those without a unit take their time. */
static void
look_all(GArray *looks)
{
    for (guint i = 0; i < looks->len; i++) {
        Look *look = &g_array_index(looks, Look, i);
        look->threaded = pthread_create(&look->thread, NULL, look_run, look) == 0;
        if (!look->threaded)
            look_run(look);
    }
    for (guint i = 0; i < looks->len; i++) {
        Look *look = &g_array_index(looks, Look, i);
        if (look->threaded)
            pthread_join(look->thread, NULL);
    }
}

static GArray *
looks_new(const KlStation *station)
{
    const GPtrArray *slots = kl_station_config(station)->slots;
    GArray *looks = g_array_sized_new(FALSE, TRUE, sizeof(Look), slots->len);
    g_array_set_clear_func(looks, look_clear);
    for (guint i = 0; i < slots->len; i++) {
        Look look = {.station = station, .slot = slots->pdata[i]};
        g_array_append_val(looks, look);
    }
    return looks;
}

static void
print_json(const GArray *looks, gboolean looked)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_array(builder, "slots");
    for (guint i = 0; i < looks->len; i++) {
        const Look *look = &g_array_index(looks, Look, i);
        json_builder_begin_object(builder);
        kl_json_string(builder, "slot", look->slot->name);
        kl_json_string(builder, "agent", look->slot->agent);
        kl_json_string(builder, "modem", look->slot->modem);
        if (looked) {
            const KlUnit *unit = look->unit;
            gboolean failed = look->error != NULL;
            KlErrorCode code = failed ? kl_error_code(look->error) : KL_ERROR_INTERNAL;
            kl_json_string(builder, "imei", unit != NULL ? unit->imei : NULL);
            kl_json_string(builder, "fsn", unit != NULL ? unit->fsn : NULL);
            kl_json_string(builder, "model", unit != NULL ? unit->model : NULL);
            kl_json_string(builder, "firmware", unit != NULL ? unit->firmware : NULL);
            kl_json_string(builder, "keystore", unit != NULL ? unit->keystore : NULL);
            kl_json_string(builder, "code", failed ? kl_error_name(code) : NULL);
            kl_json_string(builder, "words", failed ? kl_error_words(code) : NULL);
            kl_json_string(builder, "remedy", failed ? kl_error_remedy(code) : NULL);
            kl_json_string(builder, "detail", failed ? look->error->message : NULL);
        }
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_ports(const GArray *looks)
{
    g_autoptr(KlTable) table = kl_table_new((const char *const[]){"SLOT", "AGENT PORT", "MODEM PORT", NULL});
    for (guint i = 0; i < looks->len; i++) {
        const KlSlotConfig *slot = g_array_index(looks, Look, i).slot;
        kl_table_add(table, (const char *const[]){slot->name, slot->agent, slot->modem});
    }
    kl_table_print(table, stdout);
}

static void
print_units(const GArray *looks)
{
    g_autoptr(KlTable) table =
        kl_table_new((const char *const[]){"SLOT", "MODEL", "IMEI", "FSN", "FIRMWARE", "STATE", NULL});
    for (guint i = 0; i < looks->len; i++) {
        const Look *look = &g_array_index(looks, Look, i);
        const KlUnit *unit = look->unit;
        if (unit != NULL)
            kl_table_add(table, (const char *const[]){look->slot->name, unit->model, unit->imei, unit->fsn,
                                                      unit->firmware, "answers"});
        else
            kl_table_add(table, (const char *const[]){look->slot->name, NULL, NULL, NULL, NULL,
                                                      kl_error_words(kl_error_code(look->error))});
    }
    kl_table_print(table, stdout);
    for (guint i = 0; i < looks->len; i++) {
        const Look *look = &g_array_index(looks, Look, i);
        if (look->error == NULL)
            continue;
        printf("\nslot %s: ", look->slot->name);
        kl_cli_print_failure(stdout, "", kl_error_name(kl_error_code(look->error)), look->error->message);
    }
}

int
kl_cmd_slots(KlCli *cli, char **words, GError **error)
{
    gboolean look = FALSE;
    const GOptionEntry entries[] = {
        {"look", 'l', 0, G_OPTION_ARG_NONE, &look, "Open each slot and ask the unit who it is", NULL},
        {NULL},
    };
    if (!kl_cli_parse(cli, "keyline slots", NULL, "Lists the station's slots and their ports.", entries, 0, 0, words,
                      error))
        return -1;
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    if (station == NULL)
        return -1;
    g_autoptr(GArray) looks = looks_new(station);
    if (look)
        look_all(looks);
    if (cli->json)
        print_json(looks, look);
    else if (looks->len == 0)
        printf("This station has no slots yet: add [slot 01] to station.conf in %s\n", cli->dir);
    else if (look)
        print_units(looks);
    else
        print_ports(looks);
    return KL_EXIT_DONE;
}
