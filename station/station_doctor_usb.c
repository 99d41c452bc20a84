/* The doctor looks at the USB bus: hubs, units' ports, ModemManager, and how hubs switch power. */
#include <libintl.h>
#include <string.h>

#include "drivers/at_wp77/port_holder.h"
#include "station/i18n.h"
#include "station/port_path.h"
#include "station/station_doctor.h"

/* A hub that slots are at. */
typedef struct {
    char *path;
    guint slots;
    guint highest;    /* the highest port of a slot, */
    const char *slot; /* and which slot that is; borrowed */
    char *port;       /* the path of some slot's port */
} Hub;

/* What the findings are about. */
typedef struct {
    KlDoctor *doctor;
    KlBus *bus;
    const GPtrArray *devices; /* KlUsbDevice */
    GPtrArray *hubs;          /* Hub */
} Bus;

static void
hub_free(gpointer data)
{
    Hub *hub = data;
    g_free(hub->path);
    g_free(hub->port);
    g_free(hub);
}

static const KlUsbDevice *
find_device(const GPtrArray *devices, const char *path)
{
    for (guint i = 0; i < devices->len; i++) {
        const KlUsbDevice *device = devices->pdata[i];
        if (strcmp(device->path, path) == 0)
            return device;
    }
    return NULL;
}

static gboolean
is_hub(const Bus *bus, const char *path)
{
    const KlUsbDevice *device = find_device(bus->devices, path);
    return device != NULL && device->kind == KL_USB_HUB;
}

/* The hub of that path among hubs, which is added if it is not there yet. */
static Hub *
hub_of(GPtrArray *hubs, const char *path)
{
    for (guint i = 0; i < hubs->len; i++) {
        Hub *hub = hubs->pdata[i];
        if (strcmp(hub->path, path) == 0)
            return hub;
    }
    Hub *hub = g_new0(Hub, 1);
    hub->path = g_strdup(path);
    g_ptr_array_add(hubs, hub);
    return hub;
}

static void
add_slot(const Bus *bus, const KlSlotConfig *slot, const char *address)
{
    g_autofree char *port = kl_slot_usb_path(address);
    if (port == NULL)
        return;
    g_autofree char *path = kl_port_path_hub(port);
    Hub *hub = hub_of(bus->hubs, path);
    hub->slots++;
    if (kl_port_path_number(port) < hub->highest)
        return;
    hub->highest = kl_port_path_number(port);
    hub->slot = slot->name;
    g_free(hub->port);
    hub->port = g_steal_pointer(&port);
}

/* The hub that is to blame for a hub that is not there: the highest one of those above it that is not there either, but
 * for the root hub, which nobody can plug in. */
static char *
first_missing(const Bus *bus, const char *path)
{
    char *missing = g_strdup(path);
    while (!g_str_has_prefix(missing, "usb")) {
        g_autofree char *above = kl_port_path_hub(missing);
        if (is_hub(bus, above) || g_str_has_prefix(above, "usb"))
            break;
        g_free(missing);
        missing = g_steal_pointer(&above);
    }
    return missing;
}

static void
tell_missing(const Bus *bus, const GPtrArray *missing)
{
    for (guint i = 0; i < missing->len; i++) {
        const Hub *hub = missing->pdata[i];
        g_autofree char *title = g_strdup_printf(gettext("Hub %s"), hub->path);
        kl_doctor_wrong(
            bus->doctor, title, N_("Plug the hub in and switch it on; if it was moved, teach its places again."),
            ngettext("is not there: %u slot is on it", "is not there: %u slots are on it", hub->slots), hub->slots);
    }
}

/* Returns whether every slot's hub is there. */
static gboolean
check_hubs(const Bus *bus)
{
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(hub_free);
    gboolean fine = TRUE;
    for (guint i = 0; i < bus->hubs->len; i++) {
        const Hub *hub = bus->hubs->pdata[i];
        if (!is_hub(bus, hub->path)) {
            g_autofree char *path = first_missing(bus, hub->path);
            hub_of(missing, path)->slots += hub->slots;
            continue;
        }
        guint ports = find_device(bus->devices, hub->path)->ports;
        if (ports == 0 || hub->highest <= ports)
            continue;
        g_autofree char *title = g_strdup_printf(gettext("Hub %s"), hub->path);
        kl_doctor_wrong(bus->doctor, title, N_("Teach its places again, or correct station.conf."),
                        N_("has %u ports, but slot %s is at port %u"), ports, hub->slot, hub->highest);
        fine = FALSE;
    }
    tell_missing(bus, missing);
    return fine && missing->len == 0;
}

/* What would keep a unit's port from being opened. TRUE when nothing. */
static gboolean
check_place(const Bus *bus, const KlSlotConfig *slot, const KlUsbDevice *device)
{
    if (device->trouble == NULL)
        return TRUE;
    int code = kl_error_from_name(device->trouble);
    /* Told once for all units. */
    if (code == KL_ERROR_PORT_MODEM_MANAGER)
        return FALSE;
    g_autofree char *title = g_strdup_printf(gettext("Slot %s"), slot->name);
    const char *detail = device->detail != NULL ? device->detail : device->path;
    if (code == KL_ERROR_UNIT_BOOT_MODE) {
        kl_doctor_good(bus->doctor, title, kl_error_remedy(KL_ERROR_UNIT_BOOT_MODE), "%s (%s)",
                       gettext(kl_error_words(KL_ERROR_UNIT_BOOT_MODE)), detail);
        return FALSE;
    }
    GError *error = NULL;
    kl_fail(&error, code < 0 ? KL_ERROR_INTERNAL : (KlErrorCode)code, "%s", detail);
    if (code == KL_ERROR_PORT_DENIED)
        kl_doctor_bad_but(bus->doctor, title, error,
                          N_("Install Keyline's udev rule and add this user to the group keyline, then log in again."));
    else
        kl_doctor_bad(bus->doctor, title, error);
    return FALSE;
}

/* What is plugged in at an address, if it is something that a unit may be behind. */
static const KlUsbDevice *
unit_at(const Bus *bus, const char *address)
{
    g_autofree char *path = kl_slot_usb_path(address);
    const KlUsbDevice *device = path != NULL ? find_device(bus->devices, path) : NULL;
    return device != NULL && device->kind != KL_USB_HUB && device->kind != KL_USB_OTHER ? device : NULL;
}

static void
check_places(const Bus *bus)
{
    const GPtrArray *slots = bus->doctor->config->slots;
    guint count = 0, there = 0, fine = 0;
    for (guint i = 0; i < slots->len; i++) {
        const KlSlotConfig *slot = slots->pdata[i];
        const KlUsbDevice *agent = unit_at(bus, slot->agent);
        const KlUsbDevice *modem = unit_at(bus, slot->modem);
        gboolean usb =
            g_str_has_prefix(slot->agent, "usb:") || (slot->modem != NULL && g_str_has_prefix(slot->modem, "usb:"));
        count += usb;
        there += agent != NULL || modem != NULL;
        gboolean good = agent == NULL || check_place(bus, slot, agent);
        if (modem != NULL && modem != agent)
            good = check_place(bus, slot, modem) && good;
        fine += good && (agent != NULL || modem != NULL);
    }
    kl_doctor_good(bus->doctor, N_("USB slots"), NULL, N_("%u of %u have a unit; %u may be opened"), there, count,
                   fine);
}

/* Whether ModemManager keeps off the units, as far as those that are plugged in show. */
static void
check_modem_manager(const Bus *bus)
{
    const char *code = kl_error_name(KL_ERROR_PORT_MODEM_MANAGER);
    const KlUsbDevice *hit = NULL;
    guint units = 0, hits = 0;
    for (guint i = 0; i < bus->devices->len; i++) {
        const KlUsbDevice *device = bus->devices->pdata[i];
        units += device->tty != NULL;
        if (g_strcmp0(device->trouble, code) != 0)
            continue;
        hit = device;
        hits++;
    }
    if (hits > 0)
        kl_doctor_wrong(bus->doctor, KL_MODEM_MANAGER,
                        N_("Install Keyline's udev rule (60-keyline.rules says how), then plug the units in again."),
                        ngettext("%u port is not kept from it (%s)", "%u ports are not kept from it (%s)", hits), hits,
                        hit->detail != NULL ? hit->detail : hit->path);
    else if (kl_program_runs(KL_MODEM_MANAGER) && units > 0)
        kl_doctor_good(bus->doctor, KL_MODEM_MANAGER, NULL, N_("is running, and is kept off the units"));
    else if (kl_program_runs(KL_MODEM_MANAGER))
        kl_doctor_good(bus->doctor, KL_MODEM_MANAGER,
                       N_("Plug a unit in and run the doctor again, or install Keyline's udev rule."),
                       N_("is running; whether it is kept off the units shows when one is plugged in"));
}

/* How the hubs switch power matters only where jobs may use it. */
static void
check_power(const Bus *bus)
{
    guint counts[3] = {0};
    g_autoptr(GError) failure = NULL;
    for (guint i = 0; i < bus->hubs->len; i++) {
        const Hub *hub = bus->hubs->pdata[i];
        KlPortPower power = KL_PORT_POWER_NONE;
        g_autoptr(GError) error = NULL;
        if (!is_hub(bus, hub->path))
            continue;
        if (bus->bus->klass->port_power(bus->bus, hub->port, &power, &error))
            counts[power]++;
        else if (failure == NULL)
            failure = g_steal_pointer(&error);
    }
    gboolean wanted = bus->doctor->config->power_cycles > 0;
    if (failure != NULL)
        kl_doctor_good(
            bus->doctor, N_("Port power"),
            wanted ? N_("Install Keyline's udev rule and add this user to the group keyline, or set power-cycles=0.")
                   : NULL,
            N_("not known for every hub: %s"), failure->message);
    guint none = counts[KL_PORT_POWER_NONE], ganged = counts[KL_PORT_POWER_GANGED];
    if (none + ganged + counts[KL_PORT_POWER_EACH] == 0)
        return;
    const char *remedy = wanted && none + ganged > 0
                             ? N_("Use hubs that switch each port, or set power-cycles=0 in station.conf.")
                             : NULL;
    kl_doctor_good(bus->doctor, N_("Port power"), remedy,
                   N_("hubs that switch each port: %u, all ports together: %u, none: %u"), counts[KL_PORT_POWER_EACH],
                   ganged, none);
}

void
kl_doctor_no_bus(KlDoctor *doctor, GError *error)
{
    kl_doctor_bad_but(doctor, N_("USB bus"), error,
                      N_("Check that this computer has USB, and that this user may read /sys/bus/usb."));
}

void
kl_doctor_usb(KlDoctor *doctor, KlBus *bus)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) devices = bus->klass->devices(bus, &error);
    if (devices == NULL) {
        kl_doctor_no_bus(doctor, error);
        return;
    }
    g_autoptr(GPtrArray) hubs = g_ptr_array_new_with_free_func(hub_free);
    const Bus what = {.doctor = doctor, .bus = bus, .devices = devices, .hubs = hubs};
    for (guint i = 0; i < doctor->config->slots->len; i++) {
        const KlSlotConfig *slot = doctor->config->slots->pdata[i];
        add_slot(&what, slot, slot->agent);
        if (g_strcmp0(slot->modem, slot->agent) != 0)
            add_slot(&what, slot, slot->modem);
    }
    if (check_hubs(&what))
        kl_doctor_good(doctor, N_("USB hubs"), NULL,
                       ngettext("%u hub with slots, there", "%u hubs with slots, all there", hubs->len), hubs->len);
    check_places(&what);
    check_modem_manager(&what);
    check_power(&what);
}
