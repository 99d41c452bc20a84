/* Slots that are places on a hub, and what else station.conf says about USB. */
#include <string.h>

#include "station/config_private.h"
#include "station/keyfile.h"
#include "station/port_path.h"

#define HUB_NAME_MAX 16
#define POWER_CYCLES_MAX 3

gboolean
kl_hub_name_valid(const char *name)
{
    gsize length = strnlen(name, HUB_NAME_MAX + 1);
    return length > 0 && length <= HUB_NAME_MAX && strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-") == length;
}

char *
kl_hub_slot_name(const char *hub, guint places, guint place)
{
    return g_strdup_printf("%s%0*u", hub, places > 99 ? 3 : 2, place + 1);
}

/* The entries of a list, without the blanks around them; one ';' at the end is fine. NULL when the key is not there. */
static char **
read_list(const KlConfigSource *source, const char *group, const char *key)
{
    g_autofree char *text = kl_keyfile_text(source->keys, group, key);
    if (text == NULL)
        return NULL;
    if (g_str_has_suffix(text, ";"))
        text[strlen(text) - 1] = '\0';
    char **list = g_strsplit(text, ";", -1);
    for (guint i = 0; list[i] != NULL; i++)
        g_strstrip(list[i]);
    return list;
}

static gboolean
read_side(const KlConfigSource *source, const char *group, const char *key, guint *side, GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, group, key);
    guint64 number = 0;
    if (!g_ascii_string_to_unsigned(text, 10, 1, KL_HUB_SIDE_MAX, &number, NULL))
        return kl_keyfile_fail(error, source->path, group, key, "allowed: a number from 1 to %d", KL_HUB_SIDE_MAX);
    *side = (guint)number;
    return TRUE;
}

/* FALSE when another hub has that name, which may stand in the other file. */
static gboolean
check_hub_name(const KlConfig *config, const KlConfigSource *source, const char *group, const char *name,
               GError **error)
{
    if (!kl_hub_name_valid(name))
        return kl_keyfile_fail(error, source->path, group, "path",
                               "a hub's name has 1 to %d characters; allowed: A-Z a-z 0-9 _ -", HUB_NAME_MAX);
    for (guint i = 0; i < config->hubs->len; i++) {
        const KlHubConfig *other = g_ptr_array_index(config->hubs, i);
        if (strcmp(other->name, name) == 0)
            return kl_keyfile_fail(error, source->path, group, "path", "hub %s is defined twice", name);
    }
    return TRUE;
}

/* Everything of a hub but its slots. */
static gboolean
read_hub(KlConfig *config, const KlConfigSource *source, const char *group, GError **error)
{
    const char *name = group + strlen("hub ");
    if (!check_hub_name(config, source, group, name, error))
        return FALSE;
    KlHubConfig *hub = g_new0(KlHubConfig, 1);
    g_ptr_array_add(config->hubs, hub);
    hub->name = g_strdup(name);
    hub->path = kl_keyfile_text(source->keys, group, "path");
    if (!kl_port_path_is_hub(hub->path))
        return kl_keyfile_fail(error, source->path, group, "path",
                               "'%s' is no hub; allowed: a port path such as 1-1.4, or usb1 for the ports of the "
                               "computer itself",
                               hub->path);
    return read_side(source, group, "rows", &hub->rows, error) &&
           read_side(source, group, "columns", &hub->columns, error);
}

static gboolean
add_place(KlConfig *config, const KlConfigSource *source, const char *group, guint place, const char *port,
          GError **error)
{
    const KlHubConfig *hub = g_ptr_array_index(config->hubs, config->hubs->len - 1);
    g_autofree char *path = kl_port_path_below(hub->path, port);
    if (path == NULL)
        return kl_keyfile_fail(error, source->path, group, "ports",
                               "'%s' is no port below %s; allowed: numbers from 1 to 255 with dots between, or -", port,
                               hub->path);
    KlSlotConfig *slot = g_new0(KlSlotConfig, 1);
    slot->name = kl_hub_slot_name(hub->name, hub->rows * hub->columns, place);
    slot->agent = g_strconcat("usb:", path, NULL);
    slot->hub = (int)config->hubs->len - 1;
    slot->row = place / hub->columns;
    slot->column = place % hub->columns;
    return kl_config_add_slot(config, source, group, "ports", slot, error);
}

/* The slots of the hub that was read last. */
static gboolean
read_places(KlConfig *config, const KlConfigSource *source, const char *group, GError **error)
{
    const KlHubConfig *hub = g_ptr_array_index(config->hubs, config->hubs->len - 1);
    guint places = hub->rows * hub->columns;
    g_auto(GStrv) ports = read_list(source, group, "ports");
    guint count = ports != NULL ? g_strv_length(ports) : places;
    if (count != places)
        return kl_keyfile_fail(error, source->path, group, "ports",
                               "%u for %u x %u places; allowed: %u, with - for a place without a slot", count,
                               hub->rows, hub->columns, places);
    for (guint i = 0; i < places; i++) {
        g_autofree char *port = ports != NULL ? g_strdup(ports[i]) : g_strdup_printf("%u", i + 1);
        if (strcmp(port, "-") != 0 && !add_place(config, source, group, i, port, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
kl_config_read_hubs(KlConfig *config, const KlConfigSource *source, GError **error)
{
    g_auto(GStrv) groups = g_key_file_get_groups(source->keys, NULL);
    for (guint i = 0; groups[i] != NULL; i++) {
        if (g_str_has_prefix(groups[i], "hub ") &&
            (!read_hub(config, source, groups[i], error) || !read_places(config, source, groups[i], error)))
            return FALSE;
    }
    return TRUE;
}

/* "1199:68c0", or "1199:*". */
static gboolean
parse_id(const char *text, KlUsbId *id)
{
    if (strlen(text) < 6 || text[4] != ':')
        return FALSE;
    for (guint i = 0; i < 4; i++) {
        if (!g_ascii_isxdigit(text[i]))
            return FALSE;
    }
    id->vendor = (guint16)g_ascii_strtoull(text, NULL, 16);
    id->any_product = strcmp(text + 5, "*") == 0;
    if (id->any_product)
        return TRUE;
    id->product = (guint16)g_ascii_strtoull(text + 5, NULL, 16);
    return strlen(text + 5) == 4 && strspn(text + 5, G_CSET_DIGITS "abcdefABCDEF") == 4;
}

static gboolean
read_ids(const KlConfigSource *source, const char *key, GArray *ids, GError **error)
{
    g_auto(GStrv) list = read_list(source, "usb", key);
    for (guint i = 0; list != NULL && list[i] != NULL; i++) {
        KlUsbId id = {0};
        if (!parse_id(list[i], &id))
            return kl_keyfile_fail(error, source->path, "usb", key,
                                   "'%s' is no USB id; allowed: VENDOR:PRODUCT of four hex digits each, or VENDOR:*",
                                   list[i]);
        g_array_append_val(ids, id);
    }
    return TRUE;
}

gboolean
kl_config_read_usb(KlConfig *config, const KlConfigSource *source, GError **error)
{
    g_autofree char *cycles = kl_keyfile_text(source->keys, "recovery", "power-cycles");
    guint64 number = 0;
    if (cycles != NULL && !g_ascii_string_to_unsigned(cycles, 10, 0, POWER_CYCLES_MAX, &number, NULL))
        return kl_keyfile_fail(error, source->path, "recovery", "power-cycles", "allowed: a number from 0 to %d",
                               POWER_CYCLES_MAX);
    config->power_cycles = (guint)number;
    return read_ids(source, "modules", config->usb_modules, error) &&
           read_ids(source, "adapters", config->usb_adapters, error);
}
