#include "drivers/at_wp77/usb_power.h"

#include <string.h>
#include <unistd.h>

#include "drivers/at_wp77/fd_io.h"
#include "drivers/at_wp77/usb_list.h"
#include "drivers/at_wp77/usb_port.h"
#include "station/error.h"

#define CONTROL_MS 1000
#define PORT_POWER 8 /* the feature's number */
#define GIVE_BACK_TRIES 5
#define GIVE_BACK_PAUSE_MS 100

enum { DESCRIPTOR_CHARACTERISTICS = 3, DESCRIPTOR_LEAST = 7, DESCRIPTOR_MOST = 71 };

/* One half of a physical port: all there is on a USB 2 hub, while the other half of a USB 3 hub has its own hub device
 * and its own switch. The power is off when both are. */
typedef struct {
    KlUsbPort port;
    libusb_device_handle *handle;
    KlPortPower power;
} Half;

typedef struct {
    Half halves[2];
    gsize count;
} Halves;

static void
halves_clear(Halves *halves)
{
    for (gsize i = 0; i < halves->count; i++)
        g_clear_pointer(&halves->halves[i].handle, libusb_close);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Halves, halves_clear)

static gboolean
fail_usb(const Half *half, const char *what, int result, GError **error)
{
    return kl_fail(error, KL_ERROR_BUS_FAILED, "hub %s, port %u: %s: %s", half->port.hub, half->port.number, what,
                   libusb_strerror(result));
}

/* Reads from the hub's descriptor how it switches; wHubCharacteristics is little-endian. */
static gboolean
read_power(Half *half, GError **error)
{
    guint8 descriptor[DESCRIPTOR_MOST];
    struct libusb_device_descriptor device;
    libusb_get_device_descriptor(libusb_get_device(half->handle), &device);
    guint type = device.bcdUSB >= 0x0300 ? LIBUSB_DT_SUPERSPEED_HUB : LIBUSB_DT_HUB;
    int length = libusb_control_transfer(
        half->handle, LIBUSB_ENDPOINT_IN | LIBUSB_REQUEST_TYPE_CLASS | LIBUSB_RECIPIENT_DEVICE,
        LIBUSB_REQUEST_GET_DESCRIPTOR, (guint16)(type << 8), 0, descriptor, sizeof descriptor, CONTROL_MS);
    if (length < 0)
        return fail_usb(half, "its descriptor", length, error);
    if (length < DESCRIPTOR_LEAST || descriptor[1] != type)
        return kl_fail(error, KL_ERROR_BUS_FAILED, "hub %s: a descriptor of %d bytes, type 0x%02x", half->port.hub,
                       length, length > 1 ? descriptor[1] : 0u);
    if (half->port.number > descriptor[2])
        return kl_fail(error, KL_ERROR_PORT_MISSING, "hub %s has %u ports, not %u", half->port.hub, descriptor[2],
                       half->port.number);
    static const KlPortPower modes[] = {KL_PORT_POWER_GANGED, KL_PORT_POWER_EACH, KL_PORT_POWER_NONE,
                                        KL_PORT_POWER_NONE};
    half->power = modes[descriptor[DESCRIPTOR_CHARACTERISTICS] & 3];
    return TRUE;
}

static gboolean
add_half(Halves *halves, libusb_context *context, const KlUsbPort *port, GError **error)
{
    Half *half = &halves->halves[halves->count];
    half->port = *port;
    half->handle = kl_usb_open(context, port->hub, error);
    if (half->handle == NULL)
        return FALSE;
    halves->count++;
    return read_power(half, error);
}

/* Opens what switches the power of a place. */
static gboolean
open_halves(Halves *halves, libusb_context *context, const char *path, GError **error)
{
    KlUsbPort port;
    KlUsbPort peer;
    if (!kl_usb_port_of(path, &port, error) || !add_half(halves, context, &port, error))
        return FALSE;
    return !kl_usb_port_peer(KL_SYSFS, &port, &peer) || add_half(halves, context, &peer, error);
}

/* What both halves can do. */
static KlPortPower
weakest(const Halves *halves)
{
    KlPortPower power = KL_PORT_POWER_EACH;
    for (gsize i = 0; i < halves->count; i++)
        power = MIN(power, halves->halves[i].power);
    return power;
}

/* Returns libusb's result: negative with BUS_FAILED. */
static int
switch_port(const Half *half, gboolean on, GError **error)
{
    int result =
        libusb_control_transfer(half->handle, LIBUSB_ENDPOINT_OUT | LIBUSB_REQUEST_TYPE_CLASS | LIBUSB_RECIPIENT_OTHER,
                                on ? LIBUSB_REQUEST_SET_FEATURE : LIBUSB_REQUEST_CLEAR_FEATURE, PORT_POWER,
                                (guint16)half->port.number, NULL, 0, CONTROL_MS);
    if (result < 0)
        fail_usb(half, on ? "power on" : "power off", result, error);
    return result;
}

static gboolean
is_stuck(const GError *failure)
{
    return g_error_matches(failure, KL_ERROR, KL_ERROR_POWER_STUCK);
}

/* A unit must not stay dark because of one lost transfer. A hub that is gone has nothing dark on it. */
static gboolean
give_back(const Half *half, GError **error)
{
    g_autoptr(GError) failure = NULL;
    for (guint try = 0; try < GIVE_BACK_TRIES; try++) {
        if (try > 0)
            g_usleep(GIVE_BACK_PAUSE_MS * G_TIME_SPAN_MILLISECOND);
        g_clear_error(&failure);
        int result = switch_port(half, TRUE, &failure);
        if (result >= 0)
            return TRUE;
        if (result == LIBUSB_ERROR_NO_DEVICE) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
    return kl_fail(error, KL_ERROR_POWER_STUCK, "%s", failure->message);
}

/* All of them, whatever happens to one; the worst that happened is told. */
static gboolean
give_all_back(const Halves *halves, GError **error)
{
    g_autoptr(GError) worst = NULL;
    for (gsize i = halves->count; i > 0; i--) {
        g_autoptr(GError) failure = NULL;
        if (give_back(&halves->halves[i - 1], &failure) || (worst != NULL && !is_stuck(failure)))
            continue;
        g_clear_error(&worst);
        worst = g_steal_pointer(&failure);
    }
    if (worst == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&worst));
    return FALSE;
}

/* Waits off_ms or until the operation is stopped. */
static gboolean
wait_off(const char *path, guint off_ms, KlOp *op, GError **error)
{
    const KlFdIo nothing = {.fd = -1, .address = (char *)path};
    return kl_fd_io_wait(&nothing, 0, op, kl_op_until(op, off_ms), error) == 0 && kl_op_check(op, error);
}

/* Gives back all halves, those too whose switching off failed: it may have got through. That the power can't be given
 * back is worse than why the cycle failed, and told with it. */
static gboolean
cycle(const Halves *halves, const char *path, guint off_ms, KlOp *op, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GError) dark = NULL;
    gboolean done = TRUE;
    for (gsize i = 0; i < halves->count && done; i++)
        done = switch_port(&halves->halves[i], FALSE, &failure) >= 0;
    done = done && wait_off(path, off_ms, op, &failure);
    if (give_all_back(halves, &dark) && done)
        return TRUE;
    if (failure != NULL && dark != NULL)
        g_prefix_error(is_stuck(dark) ? &dark : &failure, "%s; ", is_stuck(dark) ? failure->message : dark->message);
    g_propagate_error(error, failure != NULL && !is_stuck(dark) ? g_steal_pointer(&failure) : g_steal_pointer(&dark));
    return FALSE;
}

gboolean
kl_usb_port_power(libusb_context *context, const char *path, KlPortPower *power, GError **error)
{
    g_auto(Halves) halves = {0};
    if (!open_halves(&halves, context, path, error))
        return FALSE;
    *power = weakest(&halves);
    return TRUE;
}

gboolean
kl_usb_power_cycle(libusb_context *context, const char *path, guint off_ms, KlOp *op, GError **error)
{
    g_auto(Halves) halves = {0};
    if (!kl_op_check(op, error) || !open_halves(&halves, context, path, error))
        return FALSE;
    if (weakest(&halves) != KL_PORT_POWER_EACH)
        return kl_fail(error, KL_ERROR_POWER_FIXED, "hub %s %s", halves.halves[0].port.hub,
                       weakest(&halves) == KL_PORT_POWER_GANGED ? "switches the power of all its ports at once"
                                                                : "does not switch the power of its ports");
    return cycle(&halves, path, off_ms, op, error);
}

gboolean
kl_usb_power_on(libusb_context *context, const char *path, GError **error)
{
    g_auto(Halves) halves = {0};
    if (!open_halves(&halves, context, path, error))
        return FALSE;
    return weakest(&halves) != KL_PORT_POWER_EACH || give_all_back(&halves, error);
}
