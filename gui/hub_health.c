#include "gui/hub_health.h"

#include <string.h>

#include "gui/i18n.h"
#include "station/error.h"

void
kl_hub_health_free(KlHubHealth *health)
{
    g_free(health->words);
    g_free(health->details);
    g_free(health);
}

static const KlUsbDevice *
find_device(const GPtrArray *devices, const char *path, gsize length)
{
    for (guint i = 0; i < devices->len; i++) {
        const KlUsbDevice *device = g_ptr_array_index(devices, i);
        if (strlen(device->path) == length && memcmp(device->path, path, length) == 0)
            return device;
    }
    return NULL;
}

/* The first trouble gives the chip its words. */
static void
add_trouble(KlHubHealth *health, const char *words, const char *line)
{
    health->ok = FALSE;
    if (health->words == NULL)
        health->words = g_strdup(words);
    g_autofree char *before = g_steal_pointer(&health->details);
    health->details = before != NULL ? g_strdup_printf("%s\n%s", before, line) : g_strdup(line);
}

static void
check_hubs(KlHubHealth *health, const KlConfig *config, const GPtrArray *devices)
{
    for (guint i = 0; i < config->hubs->len; i++) {
        const KlHubConfig *hub = g_ptr_array_index(config->hubs, i);
        const KlUsbDevice *device = find_device(devices, hub->path, strlen(hub->path));
        if (device != NULL && device->kind == KL_USB_HUB)
            continue;
        g_autofree char *words = g_strdup_printf(_("Hub %s is not there"), hub->name);
        g_autofree char *line =
            g_strdup_printf(_("%s: nothing like it at port %s. Check its cable and its power."), words, hub->path);
        add_trouble(health, words, line);
    }
}

/* A unit in its boot loader is that unit's trouble, and told by its card. */
static void
check_slot(KlHubHealth *health, const KlSlotConfig *slot, const GPtrArray *devices)
{
    if (!g_str_has_prefix(slot->agent, "usb:"))
        return;
    const char *path = slot->agent + strlen("usb:");
    const KlUsbDevice *device = find_device(devices, path, strcspn(path, "#"));
    int code = device != NULL && device->trouble != NULL ? kl_error_from_name(device->trouble) : -1;
    if (code != KL_ERROR_PORT_DENIED && code != KL_ERROR_PORT_MODEM_MANAGER)
        return;
    g_autofree char *line = g_strdup_printf(_("Slot %s: %s %s"), slot->name, _(kl_error_words((KlErrorCode)code)),
                                            _(kl_error_remedy((KlErrorCode)code)));
    add_trouble(health, code == KL_ERROR_PORT_DENIED ? _("Hub: no permission") : _("Hub: ModemManager"), line);
}

KlHubHealth *
kl_hub_health_new(const KlConfig *config, const GPtrArray *devices)
{
    KlHubHealth *health = g_new0(KlHubHealth, 1);
    health->ok = TRUE;
    check_hubs(health, config, devices);
    for (guint i = 0; i < config->slots->len; i++)
        check_slot(health, g_ptr_array_index(config->slots, i), devices);
    if (health->ok)
        health->words = g_strdup(_("Hub ready"));
    return health;
}

KlHubHealth *
kl_hub_health_new_failed(const GError *error)
{
    KlHubHealth *health = g_new0(KlHubHealth, 1);
    KlErrorCode code = kl_error_code(error);
    g_autofree char *line =
        g_strdup_printf("%s %s\n%s", _(kl_error_words(code)), _(kl_error_remedy(code)), error->message);
    add_trouble(health, _("USB unreadable"), line);
    return health;
}
