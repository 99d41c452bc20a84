#include "drivers/at_wp77/usb_port.h"

#include <string.h>

#include "station/error.h"
#include "station/port_path.h"

gboolean
kl_usb_port_of(const char *path, KlUsbPort *port, GError **error)
{
    if (!kl_port_path_is_port(path))
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s is not a hub port, such as 1-1.4.2", path);
    g_autofree char *hub = kl_port_path_hub(path);
    g_strlcpy(port->hub, hub, sizeof port->hub);
    port->number = kl_port_path_number(path);
    return TRUE;
}

/* "HUB-portN" as the kernel names the folder of a port. */
static gboolean
parse_folder(const char *name, KlUsbPort *port)
{
    const char *end = strstr(name, "-port");
    guint64 number = 0;
    if (end == NULL || (gsize)(end - name) >= sizeof port->hub ||
        !g_ascii_string_to_unsigned(end + strlen("-port"), 10, 1, 255, &number, NULL))
        return FALSE;
    memcpy(port->hub, name, (gsize)(end - name));
    port->hub[end - name] = '\0';
    port->number = (guint)number;
    return TRUE;
}

gboolean
kl_usb_port_peer(const char *sysfs, const KlUsbPort *port, KlUsbPort *peer)
{
    /* A hub has one interface; a root hub's is called after its bus: "1-0:1.0". */
    gboolean root = g_str_has_prefix(port->hub, "usb");
    g_autofree char *interface =
        root ? g_strdup_printf("%s-0:1.0", port->hub + 3) : g_strdup_printf("%s:1.0", port->hub);
    g_autofree char *folder = g_strdup_printf("%s-port%u", port->hub, port->number);
    g_autofree char *link =
        g_build_filename(sysfs, "bus", "usb", "devices", port->hub, interface, folder, "peer", NULL);
    g_autofree char *target = g_file_read_link(link, NULL);
    if (target == NULL)
        return FALSE;
    g_autofree char *name = g_path_get_basename(target);
    return parse_folder(name, peer);
}
