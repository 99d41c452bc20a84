#include "drivers/at_wp77/usb_bus.h"

#include <fcntl.h>
#include <libusb.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "drivers/at_wp77/usb_list.h"
#include "drivers/at_wp77/usb_power.h"
#include "station/config.h"
#include "station/error.h"

#define SETTLE_POLL_MS 50
#define SETTLE_US (5 * G_USEC_PER_SEC)
/* A thread that is in a transfer may take a hotplug message in and leave the loop asleep. */
#define IDLE_S 1
#define TROUBLE_PAUSE_MS 100

/* How far something that arrived has come. */
typedef enum { NO_TTY, TTY, ACCESSIBLE_TTY } Stage;

typedef struct {
    char path[KL_USB_PATH_SIZE];
    gint64 until_us;
    Stage stage;
} Arrival;

typedef struct {
    KlBus base;
    GArray *modules, *adapters; /* KlUsbId */
    libusb_context *context;
    libusb_hotplug_callback_handle hotplug;
    pthread_t thread;

    pthread_mutex_t lock; /* of what follows: libusb calls back on whichever thread handles its events */
    GArray *arrivals;     /* Arrival, of the last SETTLE_US */
    gboolean changed;
    gboolean stop;

    pthread_mutex_t watch_lock; /* held while the watch is called */
    KlBusWatch watch;
    gpointer watch_data;
} UsbBus;

static void
forget_arrival(UsbBus *bus, const char *path)
{
    for (guint i = 0; i < bus->arrivals->len; i++) {
        if (strcmp(g_array_index(bus->arrivals, Arrival, i).path, path) == 0) {
            g_array_remove_index(bus->arrivals, i);
            return;
        }
    }
}

/* libusb may tell the same arrival twice, and does not mind a departure that nobody knows of. */
static int
on_hotplug(libusb_context *context, libusb_device *device, libusb_hotplug_event event, void *data)
{
    UsbBus *bus = data;
    Arrival arrival = {.until_us = g_get_monotonic_time() + SETTLE_US};
    gboolean has_path = kl_usb_device_path(device, arrival.path);
    pthread_mutex_lock(&bus->lock);
    bus->changed = TRUE;
    if (has_path) {
        forget_arrival(bus, arrival.path);
        if (event == LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED)
            g_array_append_val(bus->arrivals, arrival);
    }
    pthread_mutex_unlock(&bus->lock);
    libusb_interrupt_event_handler(context);
    return 0;
}

static Stage
look_at(const char *path, gboolean *settled)
{
    KlUsbPlace place;
    const char *title;
    gboolean there = kl_usb_place_look(KL_SYSFS, path, -1, &place);
    KlUsbKind kind = there ? kl_usb_kind(&place, NULL, &title) : KL_USB_OTHER;
    *settled = !there || kind == KL_USB_HUB || kind == KL_USB_BOOT;
    if (!there || place.tty[0] == '\0')
        return NO_TTY;
    g_autofree char *device = g_build_filename("/dev", place.tty, NULL);
    *settled = faccessat(AT_FDCWD, device, R_OK | W_OK, AT_EACCESS) == 0;
    return *settled ? ACCESSIBLE_TTY : TTY;
}

/* Sees how the new ones are getting on. TRUE when there is something to tell. */
static gboolean
take_changes(UsbBus *bus, gboolean *stop, struct timeval *until_next)
{
    gint64 now_us = g_get_monotonic_time();
    pthread_mutex_lock(&bus->lock);
    for (guint i = bus->arrivals->len; i > 0; i--) {
        Arrival *arrival = &g_array_index(bus->arrivals, Arrival, i - 1);
        gboolean settled = FALSE;
        Stage stage = look_at(arrival->path, &settled);
        bus->changed |= stage != arrival->stage;
        arrival->stage = stage;
        if (settled || now_us >= arrival->until_us)
            g_array_remove_index(bus->arrivals, i - 1);
    }
    gboolean changed = bus->changed;
    gboolean idle = bus->arrivals->len == 0;
    bus->changed = FALSE;
    *stop = bus->stop;
    pthread_mutex_unlock(&bus->lock);
    *until_next = idle ? (struct timeval){.tv_sec = IDLE_S} : (struct timeval){.tv_usec = SETTLE_POLL_MS * 1000};
    return changed;
}

static void
tell_watch(UsbBus *bus)
{
    pthread_mutex_lock(&bus->watch_lock);
    if (bus->watch != NULL)
        bus->watch(bus->watch_data);
    pthread_mutex_unlock(&bus->watch_lock);
}

static void *
run(void *data)
{
    UsbBus *bus = data;
    gboolean stop = FALSE;
    struct timeval until_next;
    for (;;) {
        if (take_changes(bus, &stop, &until_next))
            tell_watch(bus);
        if (stop)
            return NULL;
        /* An error that lasts must not turn this into a busy loop. */
        if (libusb_handle_events_timeout_completed(bus->context, &until_next, NULL) != LIBUSB_SUCCESS)
            g_usleep(TROUBLE_PAUSE_MS * G_TIME_SPAN_MILLISECOND);
    }
}

static GPtrArray *
bus_devices(KlBus *base, GError **error)
{
    UsbBus *bus = (UsbBus *)base;
    const KlUsbRules rules = {bus->modules, bus->adapters};
    return kl_usb_list(bus->context, &rules, error);
}

static void
bus_watch(KlBus *base, KlBusWatch watch, gpointer data)
{
    UsbBus *bus = (UsbBus *)base;
    pthread_mutex_lock(&bus->watch_lock);
    bus->watch = watch;
    bus->watch_data = data;
    pthread_mutex_unlock(&bus->watch_lock);
}

static gboolean
bus_port_power(KlBus *base, const char *path, KlPortPower *power, GError **error)
{
    return kl_usb_port_power(((UsbBus *)base)->context, path, power, error);
}

static gboolean
bus_power_cycle(KlBus *base, const char *path, guint off_ms, KlOp *op, GError **error)
{
    return kl_usb_power_cycle(((UsbBus *)base)->context, path, off_ms, op, error);
}

static gboolean
bus_power_on(KlBus *base, const char *path, GError **error)
{
    return kl_usb_power_on(((UsbBus *)base)->context, path, error);
}

static void
free_parts(UsbBus *bus)
{
    if (bus->context != NULL)
        libusb_exit(bus->context);
    pthread_mutex_destroy(&bus->lock);
    pthread_mutex_destroy(&bus->watch_lock);
    g_array_unref(bus->arrivals);
    g_array_unref(bus->modules);
    g_array_unref(bus->adapters);
    g_free(bus);
}

static void
bus_free(KlBus *base)
{
    UsbBus *bus = (UsbBus *)base;
    bus_watch(base, NULL, NULL);
    pthread_mutex_lock(&bus->lock);
    bus->stop = TRUE;
    pthread_mutex_unlock(&bus->lock);
    libusb_interrupt_event_handler(bus->context);
    pthread_join(bus->thread, NULL);
    libusb_hotplug_deregister_callback(bus->context, bus->hotplug);
    free_parts(bus);
}

static GArray *
copy_ids(const GArray *ids)
{
    GArray *copy = g_array_new(FALSE, FALSE, sizeof(KlUsbId));
    if (ids != NULL && ids->len > 0)
        g_array_append_vals(copy, ids->data, ids->len);
    return copy;
}

/* What is plugged in already is told like arrivals: its ttys may still be coming. */
static gboolean
listen_to_bus(UsbBus *bus, GError **error)
{
    int result = libusb_init(&bus->context);
    if (result == LIBUSB_SUCCESS)
        result = libusb_hotplug_register_callback(
            bus->context, LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT,
            LIBUSB_HOTPLUG_ENUMERATE, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
            on_hotplug, bus, &bus->hotplug);
    if (result != LIBUSB_SUCCESS)
        return kl_fail(error, KL_ERROR_BUS_FAILED, "libusb: %s", libusb_strerror(result));
    int failure = pthread_create(&bus->thread, NULL, run, bus);
    return failure == 0 || kl_fail(error, KL_ERROR_BUS_FAILED, "a thread for the USB bus: %s", g_strerror(failure));
}

KlBus *
kl_usb_bus_new(const KlUsbRules *rules, GError **error)
{
    static const KlBusClass klass = {bus_devices, bus_watch, bus_port_power, bus_power_cycle, bus_power_on, bus_free};
    UsbBus *bus = g_new0(UsbBus, 1);
    bus->base.klass = &klass;
    bus->modules = copy_ids(rules != NULL ? rules->modules : NULL);
    bus->adapters = copy_ids(rules != NULL ? rules->adapters : NULL);
    bus->arrivals = g_array_new(FALSE, FALSE, sizeof(Arrival));
    pthread_mutex_init(&bus->lock, NULL);
    pthread_mutex_init(&bus->watch_lock, NULL);
    if (listen_to_bus(bus, error))
        return &bus->base;
    free_parts(bus);
    return NULL;
}
