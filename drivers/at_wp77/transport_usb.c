#include "drivers/at_wp77/transport_usb.h"

#include <string.h>

#include "drivers/at_wp77/port_holder.h"
#include "drivers/at_wp77/transport_serial.h"
#include "drivers/at_wp77/usb_place.h"
#include "station/error.h"

/* The place with the tty to open. */
static gboolean
look_for_unit(const char *address, const KlUsbAddress *at, KlUsbPlace *place, GError **error)
{
    if (!kl_usb_place_look(KL_SYSFS, at->path, at->interface, place))
        return kl_fail(error, KL_ERROR_PORT_MISSING, "%s: nothing is plugged in", address);
    if (kl_usb_place_in_boot(place))
        return kl_fail(error, KL_ERROR_UNIT_BOOT_MODE, "%s: %04x:%04x has a single interface", address, place->vendor,
                       place->product);
    if (place->tty[0] == '\0')
        return kl_fail(error, KL_ERROR_PORT_MISSING, "%s: %04x:%04x (device %u) has no serial port", address,
                       place->vendor, place->product, place->address);
    return TRUE;
}

/* Whether the same device with the same tty still stands there: both get another number with every plugging in. */
static gboolean
still_there(const KlUsbAddress *at, const KlUsbPlace *before)
{
    KlUsbPlace now;
    return kl_usb_place_look(KL_SYSFS, at->path, at->interface, &now) && now.bus == before->bus &&
           now.address == before->address && now.tty_device == before->tty_device && strcmp(now.tty, before->tty) == 0;
}

static gboolean
check_opened(KlTransport *transport, const char *label, const char *device, const KlUsbPlace *place, GError **error)
{
    KlPortHolder holder;
    if (!kl_transport_serial_is(transport, place->tty_device, place->bus, place->address))
        return kl_fail(error, KL_ERROR_PORT_MISSING, "%s: the port belongs to another device by now", label);
    if (kl_port_holder_find(device, KL_MODEM_MANAGER, &holder))
        return kl_fail(error, KL_ERROR_PORT_MODEM_MANAGER, "%s: in use by %s (process %d)", label, holder.program,
                       (int)holder.pid);
    return TRUE;
}

KlTransport *
kl_transport_open_usb(const char *address, const char *where, const KlOp *op, GError **error)
{
    KlUsbAddress at;
    KlUsbPlace place;
    g_autoptr(GError) failure = NULL;
    if (!kl_usb_address_parse(where, &at, error) || !look_for_unit(address, &at, &place, error))
        return NULL;
    g_autofree char *device = g_build_filename("/dev", place.tty, NULL);
    g_autofree char *label = g_strdup_printf("%s (%s)", address, place.tty);
    g_autoptr(KlTransport) transport = kl_transport_open_tty(label, device, op, &failure);
    if (!still_there(&at, &place)) {
        kl_fail(error, KL_ERROR_PORT_MISSING, "%s: unplugged while it was opened", label);
        return NULL;
    }
    /* A tty of sysfs's that libserialport does not know is just coming or going. */
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_CONFIG_INVALID)) {
        kl_fail(error, KL_ERROR_PORT_MISSING, "%s", failure->message);
        return NULL;
    }
    if (transport != NULL && check_opened(transport, label, device, &place, &failure))
        return g_steal_pointer(&transport);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}
