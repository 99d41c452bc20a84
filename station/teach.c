#include "station/teach.h"

#include <string.h>

#include "station/port_path.h"

struct KlTeach {
    char *name;
    guint rows, columns;
    char **paths; /* of every place; NULL: not known, or left out */
    guint wanted;
    guint place;
    GHashTable *seen; /* what was plugged in at the last look: "PATH@ADDRESS" */
    gboolean looked;
};

KlTeach *
kl_teach_new(const char *name, guint rows, guint columns)
{
    g_return_val_if_fail(kl_hub_name_valid(name), NULL);
    g_return_val_if_fail(rows >= 1 && rows <= KL_HUB_SIDE_MAX && columns >= 1 && columns <= KL_HUB_SIDE_MAX, NULL);
    KlTeach *teach = g_new0(KlTeach, 1);
    teach->name = g_strdup(name);
    teach->rows = rows;
    teach->columns = columns;
    teach->paths = g_new0(char *, rows *columns);
    teach->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return teach;
}

static guint
places(const KlTeach *teach)
{
    return teach->rows * teach->columns;
}

void
kl_teach_free(KlTeach *teach)
{
    if (teach == NULL)
        return;
    for (guint i = 0; i < places(teach); i++)
        g_free(teach->paths[i]);
    g_free(teach->paths);
    g_free(teach->name);
    g_hash_table_unref(teach->seen);
    g_free(teach);
}

guint
kl_teach_wanted(const KlTeach *teach)
{
    return teach->wanted;
}

guint
kl_teach_place(const KlTeach *teach)
{
    return teach->place;
}

const char *
kl_teach_path(const KlTeach *teach, guint place)
{
    return place < places(teach) ? teach->paths[place] : NULL;
}

/* Whether a unit may be behind it. */
static gboolean
counts(const KlUsbDevice *device)
{
    return device->kind == KL_USB_MODULE || device->kind == KL_USB_BOOT || device->kind == KL_USB_ADAPTER;
}

/* Remembers what is plugged in now. Returns how many of them are new; *path is one of these, borrowed. */
static guint
look(KlTeach *teach, const GPtrArray *devices, const char **path)
{
    GHashTable *now = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint count = 0;
    for (guint i = 0; i < devices->len; i++) {
        const KlUsbDevice *device = devices->pdata[i];
        if (!counts(device))
            continue;
        g_autofree char *key = g_strdup_printf("%s@%u", device->path, device->address);
        gboolean is_new = teach->looked && !g_hash_table_contains(teach->seen, key);
        /* A device that is listed twice is one. */
        if (g_hash_table_add(now, g_steal_pointer(&key)) && is_new) {
            *path = device->path;
            count++;
        }
    }
    g_hash_table_unref(teach->seen);
    teach->seen = now;
    teach->looked = TRUE;
    return count;
}

/* The lowest hub that all ports are below, those that are known and one more (may be NULL); NULL when there is none. */
static char *
common_hub(const KlTeach *teach, const char *more)
{
    g_autofree char *hub = more != NULL ? kl_port_path_hub(more) : NULL;
    for (guint i = 0; i < places(teach); i++) {
        if (teach->paths[i] == NULL)
            continue;
        if (hub == NULL)
            hub = kl_port_path_hub(teach->paths[i]);
        while (kl_port_path_rest(teach->paths[i], hub) == NULL) {
            if (g_str_has_prefix(hub, "usb"))
                return NULL;
            char *above = kl_port_path_hub(hub);
            g_free(hub);
            hub = above;
        }
    }
    return g_steal_pointer(&hub);
}

static KlTeachEvent
advance(KlTeach *teach)
{
    teach->wanted++;
    return teach->wanted == places(teach) ? KL_TEACH_DONE : KL_TEACH_LEARNT;
}

KlTeachEvent
kl_teach_see(KlTeach *teach, const GPtrArray *devices)
{
    const char *path = NULL;
    guint count = look(teach, devices, &path);
    if (count != 1)
        return count == 0 ? KL_TEACH_NOTHING : KL_TEACH_SEVERAL;
    for (guint i = 0; i < places(teach); i++) {
        if (g_strcmp0(teach->paths[i], path) != 0)
            continue;
        teach->place = i;
        return KL_TEACH_KNOWN;
    }
    if (teach->wanted == places(teach))
        return KL_TEACH_NOTHING;
    g_autofree char *hub = common_hub(teach, path);
    if (hub == NULL)
        return KL_TEACH_ELSEWHERE;
    teach->place = teach->wanted;
    teach->paths[teach->place] = g_strdup(path);
    return advance(teach);
}

KlTeachEvent
kl_teach_skip(KlTeach *teach)
{
    if (teach->wanted == places(teach))
        return KL_TEACH_NOTHING;
    return advance(teach) == KL_TEACH_DONE ? KL_TEACH_DONE : KL_TEACH_NOTHING;
}

void
kl_teach_back(KlTeach *teach)
{
    if (teach->wanted == 0)
        return;
    teach->wanted--;
    g_clear_pointer(&teach->paths[teach->wanted], g_free);
}

char *
kl_teach_text(const KlTeach *teach)
{
    g_autofree char *hub = common_hub(teach, NULL);
    if (hub == NULL)
        return NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "[hub %s]\npath=%s\nrows=%u\ncolumns=%u\nports=", teach->name, hub, teach->rows,
                           teach->columns);
    for (guint i = 0; i < places(teach); i++) {
        const char *port = teach->paths[i] != NULL ? kl_port_path_rest(teach->paths[i], hub) : "-";
        g_string_append_printf(text, "%s%s", i > 0 ? ";" : "", port);
    }
    g_string_append_c(text, '\n');
    return g_strdup(text->str);
}
