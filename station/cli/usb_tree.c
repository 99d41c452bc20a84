#include "station/cli/usb_tree.h"

#include <string.h>

#include "station/cli/cli.h"
#include "station/cli/json.h"
#include "station/cli/table.h"
#include "station/port_path.h"

/* A place on the bus: a port or a root hub. */
typedef struct {
    char *path;
    const KlUsbDevice *device; /* NULL: nothing is plugged in */
    const char *hub;           /* the name of the [hub ...] that it is, or NULL */
    GString *slots;            /* "A01", "02 (modem)" */
    gboolean above;            /* some other place is below it: a hub is wanted here */
} Place;

struct KlUsbTree {
    GHashTable *by_path; /* borrowed path -> Place, owned */
    GPtrArray *places;   /* borrowed Place, in the bus's order */
};

static void
place_free(gpointer data)
{
    Place *place = data;
    g_free(place->path);
    g_string_free(place->slots, TRUE);
    g_free(place);
}

/* The place with that path, with all hubs above it. */
static Place *
place_at(KlUsbTree *tree, const char *path)
{
    Place *place = g_hash_table_lookup(tree->by_path, path);
    if (place != NULL)
        return place;
    place = g_new0(Place, 1);
    place->path = g_strdup(path);
    place->slots = g_string_new(NULL);
    g_hash_table_insert(tree->by_path, place->path, place);
    g_ptr_array_add(tree->places, place);
    if (kl_port_path_is_port(path)) {
        g_autofree char *hub = kl_port_path_hub(path);
        place_at(tree, hub)->above = TRUE;
    }
    return place;
}

static void
add_slot(KlUsbTree *tree, const KlSlotConfig *slot, const char *address, const char *role)
{
    g_autofree char *path = kl_slot_usb_path(address);
    if (path == NULL)
        return;
    GString *slots = place_at(tree, path)->slots;
    g_string_append_printf(slots, "%s%s%s", slots->len > 0 ? ", " : "", slot->name, role);
}

static gint
compare_places(gconstpointer a, gconstpointer b)
{
    const Place *first = *(const Place *const *)a;
    const Place *second = *(const Place *const *)b;
    return kl_port_path_compare(first->path, second->path);
}

KlUsbTree *
kl_usb_tree_new(const KlConfig *config, const GPtrArray *devices, gboolean all)
{
    KlUsbTree *tree = g_new0(KlUsbTree, 1);
    tree->by_path = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, place_free);
    tree->places = g_ptr_array_new();
    for (guint i = 0; i < config->hubs->len; i++) {
        const KlHubConfig *hub = config->hubs->pdata[i];
        Place *place = place_at(tree, hub->path);
        place->hub = hub->name;
        place->above = TRUE;
    }
    for (guint i = 0; i < config->slots->len; i++) {
        const KlSlotConfig *slot = config->slots->pdata[i];
        gboolean one_port = g_strcmp0(slot->agent, slot->modem) == 0;
        add_slot(tree, slot, slot->agent, "");
        add_slot(tree, slot, one_port ? NULL : slot->modem, " (modem)");
    }
    for (guint i = 0; i < devices->len; i++) {
        const KlUsbDevice *device = devices->pdata[i];
        gboolean ours = device->kind != KL_USB_OTHER && device->kind != KL_USB_HUB;
        if (all || ours)
            place_at(tree, device->path);
    }
    for (guint i = 0; i < devices->len; i++) {
        const KlUsbDevice *device = devices->pdata[i];
        Place *place = g_hash_table_lookup(tree->by_path, device->path);
        if (place != NULL)
            place->device = device;
    }
    g_ptr_array_sort(tree->places, compare_places);
    return tree;
}

void
kl_usb_tree_free(KlUsbTree *tree)
{
    if (tree == NULL)
        return;
    g_ptr_array_unref(tree->places);
    g_hash_table_unref(tree->by_path);
    g_free(tree);
}

/* Levels below the root hub. */
static guint
depth_of(const char *path)
{
    guint depth = strchr(path, '-') != NULL;
    for (const char *p = path; *p != '\0'; p++)
        depth += *p == '.';
    return depth;
}

static char *
describe(const Place *place)
{
    const KlUsbDevice *device = place->device;
    if (device == NULL)
        return g_strdup(place->above ? "no hub there" : "empty");
    if (device->kind == KL_USB_HUB && device->ports > 0)
        return g_strdup_printf("%s, %u port%s", device->title, device->ports, device->ports == 1 ? "" : "s");
    return g_strdup(device->title);
}

static void
add_row(KlTable *table, const Place *place)
{
    const KlUsbDevice *device = place->device;
    g_autofree char *indented = g_strdup_printf("%*s%s", (int)(2 * depth_of(place->path)), "", place->path);
    g_autofree char *what = describe(place);
    g_autofree char *id = device != NULL ? g_strdup_printf("%04x:%04x", device->vendor, device->product) : NULL;
    g_autofree char *hub = place->hub != NULL ? g_strdup_printf("[hub %s]", place->hub) : NULL;
    const char *slot = hub != NULL ? hub : place->slots->len > 0 ? place->slots->str : NULL;
    kl_table_add(table, (const char *const[]){indented, what, id, device != NULL ? device->tty : NULL, slot,
                                              device != NULL ? device->trouble : NULL});
}

/* Words once for each kind of trouble, with the places that have it. */
static void
print_troubles(const KlUsbTree *tree, FILE *file)
{
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < tree->places->len; i++) {
        const Place *first = tree->places->pdata[i];
        const char *trouble = first->device != NULL ? first->device->trouble : NULL;
        if (trouble == NULL || !g_hash_table_add(told, (gpointer)trouble))
            continue;
        fprintf(file, "\n");
        for (guint k = i; k < tree->places->len; k++) {
            const Place *place = tree->places->pdata[k];
            if (place->device == NULL || g_strcmp0(place->device->trouble, trouble) != 0)
                continue;
            fprintf(file, "%s%s%s%s", k > i ? ", " : "", place->slots->len > 0 ? "slot " : "", place->slots->str,
                    place->slots->len > 0 ? "" : place->path);
        }
        fprintf(file, ": ");
        kl_cli_print_failure(file, "", trouble, first->device->detail);
    }
}

void
kl_usb_tree_print(const KlUsbTree *tree, FILE *file)
{
    g_autoptr(KlTable) table =
        kl_table_new((const char *const[]){"USB", "WHAT IS THERE", "ID", "TTY", "SLOT", "TROUBLE", NULL});
    for (guint i = 0; i < tree->places->len; i++)
        add_row(table, tree->places->pdata[i]);
    kl_table_print(table, file);
    print_troubles(tree, file);
}

static void
add_json(const Place *place, JsonBuilder *builder)
{
    static const char *const kinds[] = {"other", "hub", "module", "adapter", "boot"};
    const KlUsbDevice *device = place->device;
    const char *trouble = device != NULL ? device->trouble : NULL;
    int code = trouble != NULL ? kl_error_from_name(trouble) : -1;
    g_autofree char *id = device != NULL ? g_strdup_printf("%04x:%04x", device->vendor, device->product) : NULL;
    json_builder_begin_object(builder);
    kl_json_string(builder, "path", place->path);
    kl_json_string(builder, "kind", device != NULL ? kinds[device->kind] : NULL);
    kl_json_string(builder, "title", device != NULL ? device->title : NULL);
    kl_json_string(builder, "id", id);
    kl_json_int(builder, "ports", device != NULL ? device->ports : 0);
    kl_json_string(builder, "tty", device != NULL ? device->tty : NULL);
    kl_json_string(builder, "hub", place->hub);
    kl_json_string(builder, "slot", place->slots->len > 0 ? place->slots->str : NULL);
    kl_json_string(builder, "code", trouble);
    kl_json_string(builder, "words", code >= 0 ? kl_error_words((KlErrorCode)code) : NULL);
    kl_json_string(builder, "remedy", code >= 0 ? kl_error_remedy((KlErrorCode)code) : NULL);
    kl_json_string(builder, "detail", device != NULL ? device->detail : NULL);
    json_builder_end_object(builder);
}

void
kl_usb_tree_json(const KlUsbTree *tree, JsonBuilder *builder)
{
    kl_json_array(builder, "usb");
    for (guint i = 0; i < tree->places->len; i++)
        add_json(tree->places->pdata[i], builder);
    json_builder_end_array(builder);
}
