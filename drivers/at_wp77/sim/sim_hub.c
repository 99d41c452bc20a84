#include "drivers/at_wp77/sim/sim_hub.h"

static gboolean
read_count(const char *text, guint *count)
{
    guint64 value = 0;
    gboolean well = text != NULL && g_ascii_string_to_unsigned(text, 10, 1, KL_SIM_BUS_PORTS_MAX, &value, NULL);
    *count = (guint)value;
    return well;
}

gboolean
kl_sim_hub_parse(const char *text, KlSimHub *hub, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, "x", 2);
    if (parts[0] != NULL && read_count(parts[0], &hub->rows) && read_count(parts[1], &hub->columns))
        return TRUE;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "'%s' is not ROWSxCOLUMNS, each 1 to %d", text,
                KL_SIM_BUS_PORTS_MAX);
    return FALSE;
}

gboolean
kl_sim_hub_add(const KlSimHub *hub, KlSimBus *bus, KlSimHubPower power, gboolean usb3, GError **error)
{
    if (!kl_sim_bus_add_hub(bus, KL_SIM_HUB_PATH, hub->rows, power, usb3, error))
        return FALSE;
    for (guint row = 1; row <= hub->rows; row++) {
        g_autofree char *path = g_strdup_printf(KL_SIM_HUB_PATH ".%u", row);
        if (!kl_sim_bus_add_hub(bus, path, hub->columns, power, usb3, error))
            return FALSE;
    }
    return TRUE;
}

/* "ROW.COLUMN" after a prefix, of every place in reading order. */
static char **
list_places(const KlSimHub *hub, const char *prefix)
{
    g_autoptr(GStrvBuilder) places = g_strv_builder_new();
    for (guint row = 1; row <= hub->rows; row++)
        for (guint column = 1; column <= hub->columns; column++) {
            g_autofree char *place = g_strdup_printf("%s%u.%u", prefix, row, column);
            g_strv_builder_add(places, place);
        }
    return g_strv_builder_end(places);
}

char **
kl_sim_hub_places(const KlSimHub *hub)
{
    return list_places(hub, KL_SIM_HUB_PATH ".");
}

gboolean
kl_sim_hub_write_line(const KlSimHub *hub, const char *path, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_auto(GStrv) ports = list_places(hub, "");
    g_key_file_set_string(file, "hub A", "path", KL_SIM_HUB_PATH);
    g_key_file_set_integer(file, "hub A", "rows", (int)hub->rows);
    g_key_file_set_integer(file, "hub A", "columns", (int)hub->columns);
    g_key_file_set_string_list(file, "hub A", "ports", (const char *const *)ports, g_strv_length(ports));
    return g_key_file_save_to_file(file, path, error);
}
