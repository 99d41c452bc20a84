/* keyline slots: which slots there are, what is plugged in, and who stands there. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/table.h"
#include "station/cli/usb_tree.h"
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

/* What is plugged in; neither devices nor error: it is not asked. */
typedef struct {
    GPtrArray *devices;
    GError *error;
} Plugged;

static void
plugged_clear(Plugged *plugged)
{
    g_clear_pointer(&plugged->devices, g_ptr_array_unref);
    g_clear_error(&plugged->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plugged, plugged_clear)

static gboolean
has_usb_slots(const KlConfig *config)
{
    for (guint i = 0; i < config->slots->len; i++) {
        const KlSlotConfig *slot = config->slots->pdata[i];
        if (g_str_has_prefix(slot->agent, "usb:") || (slot->modem != NULL && g_str_has_prefix(slot->modem, "usb:")))
            return TRUE;
    }
    return FALSE;
}

static void
look_at_bus(KlStation *station, Plugged *plugged)
{
    KlBus *bus = kl_station_bus(station, &plugged->error);
    if (bus != NULL)
        plugged->devices = bus->klass->devices(bus, &plugged->error);
}

static void
add_failure(JsonBuilder *builder, const GError *error)
{
    KlErrorCode code = error != NULL ? kl_error_code(error) : KL_ERROR_INTERNAL;
    kl_json_string(builder, "code", error != NULL ? kl_error_name(code) : NULL);
    kl_json_string(builder, "words", error != NULL ? kl_error_words(code) : NULL);
    kl_json_string(builder, "remedy", error != NULL ? kl_error_remedy(code) : NULL);
    kl_json_string(builder, "detail", error != NULL ? error->message : NULL);
}

static void
add_bus(JsonBuilder *builder, const KlUsbTree *tree, const GError *error)
{
    if (tree != NULL)
        kl_usb_tree_json(tree, builder);
    if (error == NULL)
        return;
    json_builder_set_member_name(builder, "usb_error");
    json_builder_begin_object(builder);
    add_failure(builder, error);
    json_builder_end_object(builder);
}

/* The place on a hub, rows and columns from 1. */
static void
add_place(JsonBuilder *builder, const KlConfig *config, const KlSlotConfig *slot)
{
    const KlHubConfig *hub = slot->hub >= 0 ? config->hubs->pdata[slot->hub] : NULL;
    kl_json_string(builder, "hub", hub != NULL ? hub->name : NULL);
    if (hub == NULL)
        return;
    kl_json_int(builder, "row", slot->row + 1);
    kl_json_int(builder, "column", slot->column + 1);
}

static void
print_json(const KlConfig *config, const GArray *looks, gboolean looked, const KlUsbTree *tree, const GError *bus_error)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    add_bus(builder, tree, bus_error);
    kl_json_array(builder, "slots");
    for (guint i = 0; i < looks->len; i++) {
        const Look *look = &g_array_index(looks, Look, i);
        json_builder_begin_object(builder);
        kl_json_string(builder, "slot", look->slot->name);
        kl_json_string(builder, "agent", look->slot->agent);
        kl_json_string(builder, "modem", look->slot->modem);
        add_place(builder, config, look->slot);
        if (looked) {
            const KlUnit *unit = look->unit;
            kl_json_string(builder, "imei", unit != NULL ? unit->imei : NULL);
            kl_json_string(builder, "fsn", unit != NULL ? unit->fsn : NULL);
            kl_json_string(builder, "model", unit != NULL ? unit->model : NULL);
            kl_json_string(builder, "firmware", unit != NULL ? unit->firmware : NULL);
            kl_json_string(builder, "keystore", unit != NULL ? unit->keystore : NULL);
            add_failure(builder, look->error);
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

/* Whether nothing is plugged in at the slot's hub port: no more than that is to be said. */
static gboolean
is_empty(const Look *look, const GPtrArray *devices)
{
    g_autofree char *path = kl_slot_usb_path(look->slot->agent);
    if (path == NULL || devices == NULL || look->error == NULL)
        return FALSE;
    for (guint i = 0; i < devices->len; i++) {
        if (strcmp(((const KlUsbDevice *)devices->pdata[i])->path, path) == 0)
            return FALSE;
    }
    return TRUE;
}

static void
print_units(const GArray *looks, const GPtrArray *devices)
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
            kl_table_add(table, (const char *const[]){
                                    look->slot->name, NULL, NULL, NULL, NULL,
                                    is_empty(look, devices) ? "empty" : kl_error_words(kl_error_code(look->error))});
    }
    kl_table_print(table, stdout);
    for (guint i = 0; i < looks->len; i++) {
        const Look *look = &g_array_index(looks, Look, i);
        if (look->error == NULL || is_empty(look, devices))
            continue;
        printf("\nslot %s: ", look->slot->name);
        kl_cli_print_failure(stdout, "", kl_error_name(kl_error_code(look->error)), look->error->message);
    }
}

static void
print_text(const KlCli *cli, const GArray *looks, gboolean looked, const KlUsbTree *tree, const Plugged *plugged)
{
    if (tree != NULL)
        kl_usb_tree_print(tree, stdout);
    if (plugged->error != NULL)
        kl_cli_print_failure(stdout, "", kl_error_name(kl_error_code(plugged->error)), plugged->error->message);
    if (tree != NULL || plugged->error != NULL)
        printf("\n");
    if (looks->len == 0)
        printf("This station has no slots yet: add [slot 01] to station.conf in %s,\n"
               "or let it learn the places of a hub: keyline slots teach --help\n",
               cli->dir);
    else if (looked)
        print_units(looks, plugged->devices);
    else
        print_ports(looks);
}

int
kl_cmd_slots(KlCli *cli, char **words, GError **error)
{
    if (words[1] != NULL && strcmp(words[1], "teach") == 0)
        return kl_cmd_slots_teach(cli, words + 1, error);
    gboolean look = FALSE, all = FALSE;
    const GOptionEntry entries[] = {
        {"look", 'l', 0, G_OPTION_ARG_NONE, &look, "Open each slot and ask the unit who it is", NULL},
        {"all", 'a', 0, G_OPTION_ARG_NONE, &all, "Show everything on the USB bus", NULL},
        {NULL},
    };
    const char *about = "Lists the station's slots and their ports, and what is plugged in there.\n"
                        "keyline slots teach learns the places of a hub.";
    if (!kl_cli_parse(cli, "keyline slots", NULL, about, entries, 0, 0, words, error))
        return -1;
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    if (station == NULL)
        return -1;
    const KlConfig *config = kl_station_config(station);
    g_auto(Plugged) plugged = {0};
    if (all || has_usb_slots(config))
        look_at_bus(station, &plugged);
    g_autoptr(KlUsbTree) tree = plugged.devices != NULL ? kl_usb_tree_new(config, plugged.devices, all) : NULL;
    g_autoptr(GArray) looks = looks_new(station);
    if (look)
        look_all(looks);
    if (cli->json)
        print_json(config, looks, look, tree, plugged.error);
    else
        print_text(cli, looks, look, tree, &plugged);
    return plugged.error == NULL ? KL_EXIT_DONE : KL_EXIT_STATION;
}
