/* Switching a hub port's power through unmodified libusb, on the rigged bus. */
#include <dlfcn.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "drivers/at_wp77/usb_bus.h"
#include "drivers/at_wp77/usb_list.h"
#include "drivers/at_wp77/usb_port.h"
#include "tests/usb_rig.h"

typedef struct {
    KlSimBus *rig;
    KlBus *bus;
} Fixture;

static const struct {
    const char *hub, *place;
    KlSimHubPower switching;
    gboolean usb3;
    KlPortPower power;
} hubs[] = {
    {"1-1", "1-1.1", KL_SIM_HUB_PER_PORT, FALSE, KL_PORT_POWER_EACH},
    {"1-2", "1-2.2", KL_SIM_HUB_PER_PORT, TRUE, KL_PORT_POWER_EACH},
    {"1-2.1", "1-2.1.3", KL_SIM_HUB_PER_PORT, TRUE, KL_PORT_POWER_EACH},
    {"1-3", "1-3.1", KL_SIM_HUB_GANGED, FALSE, KL_PORT_POWER_GANGED},
    {"1-4", "1-4.1", KL_SIM_HUB_NONE, FALSE, KL_PORT_POWER_NONE},
    {"1-5", "1-5.1", KL_SIM_HUB_GANGED, TRUE, KL_PORT_POWER_GANGED},
};

/* In front of libusb's: what answers SET_FEATURE(PORT_POWER) in place of the hub. 0: nothing does. */
static struct {
    int result;
    guint times; /* so often */
} fault;

int
libusb_control_transfer(libusb_device_handle *handle, uint8_t type, uint8_t request, uint16_t value, uint16_t at,
                        unsigned char *data, uint16_t length, unsigned int timeout)
{
    static const guint8 to_a_port = 0x23;
    static const guint16 power = 8;
    if (type == to_a_port && request == LIBUSB_REQUEST_SET_FEATURE && value == power && fault.times > 0) {
        fault.times--;
        return fault.result;
    }
    int (*real)(libusb_device_handle *, uint8_t, uint8_t, uint16_t, uint16_t, unsigned char *, uint16_t, unsigned int) =
        dlsym(RTLD_NEXT, "libusb_control_transfer");
    return real(handle, type, request, value, at, data, length, timeout);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    f->rig = rig_new();
    for (gsize i = 0; i < G_N_ELEMENTS(hubs); i++) {
        rig_hub(f->rig, hubs[i].hub, 4, hubs[i].switching, hubs[i].usb3);
        rig_plug(f->rig, hubs[i].place, &(KlSimBusDevice){.kind = KL_SIM_FTDI});
    }
    f->bus = kl_usb_bus_new(NULL, &error);
    g_assert_no_error(error);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    kl_bus_free(f->bus);
    kl_sim_bus_free(f->rig);
}

static void
test_asked(Fixture *f, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(hubs); i++) {
        g_autoptr(GError) error = NULL;
        KlPortPower power = KL_PORT_POWER_NONE;
        gboolean known = f->bus->klass->port_power(f->bus, hubs[i].place, &power, &error);
        g_assert_no_error(error);
        g_assert_true(known);
        g_test_message("%s", hubs[i].place);
        g_assert_cmpint(power, ==, hubs[i].power);
    }
    KlPortPower root = KL_PORT_POWER_EACH;
    g_assert_true(f->bus->klass->port_power(f->bus, "1-8", &root, NULL));
    g_assert_cmpint(root, ==, KL_PORT_POWER_NONE);
}

/* Asks a hub itself whether a port is on: USB 2.0, 11.24.2.7; USB 3.1, 10.16.2.6. */
static void
assert_half_on(const char *hub, guint port)
{
    guint8 status[4] = {0};
    g_autoptr(GError) error = NULL;
    libusb_context *context = NULL;
    g_assert_cmpint(libusb_init(&context), ==, 0);
    libusb_device_handle *handle = kl_usb_open(context, hub, &error);
    g_assert_no_error(error);
    g_assert_cmpint(
        libusb_control_transfer(handle, 0xa3, LIBUSB_REQUEST_GET_STATUS, 0, (guint16)port, status, sizeof status, 1000),
        ==, sizeof status);
    g_assert_cmphex(status[1] & (hub[0] == '2' ? 2 : 1), !=, 0);
    libusb_close(handle);
    libusb_exit(context);
}

/* Where one port can be switched, all power was gone (of both halves, where there are two) and is there again. */
static void
test_cycled(Fixture *f, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(hubs); i++) {
        const char *place = hubs[i].place;
        gboolean each = hubs[i].power == KL_PORT_POWER_EACH;
        g_autoptr(GError) error = NULL;
        KlOp op = {0};
        int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        kl_sim_bus_watch(f->rig, place, event_fd);
        g_test_message("%s", place);
        gboolean done = f->bus->klass->power_cycle(f->bus, place, 20, &op, &error);
        if (each)
            g_assert_no_error(error);
        else
            g_assert_error(error, KL_ERROR, KL_ERROR_POWER_FIXED);
        g_assert_cmpint(done, ==, each);
        g_assert_cmpint(kl_sim_bus_happened(f->rig, place), ==, each ? KL_SIM_BUS_CUT : KL_SIM_BUS_NOTHING);
        g_assert_cmpint(kl_sim_bus_number(f->rig, place) == 0, ==, each);
        g_assert_true(kl_sim_bus_powered(f->rig, place));
        if (hubs[i].usb3) {
            KlUsbPort port;
            g_assert_true(kl_usb_port_of(place, &port, NULL));
            assert_half_on(port.hub, port.number);
            port.hub[0] = '2';
            assert_half_on(port.hub, port.number);
        }
        if (each)
            rig_plug(f->rig, place, &(KlSimBusDevice){.kind = KL_SIM_FTDI});
        kl_sim_bus_watch(f->rig, place, -1);
        close(event_fd);
    }
}

typedef struct {
    Fixture *f;
    const char *path;
    KlOp op;
    GError *error;
    gboolean done;
} Cycle;

static void *
cycle_for_long(void *data)
{
    Cycle *cycle = data;
    KlBus *bus = cycle->f->bus;
    cycle->done = bus->klass->power_cycle(bus, cycle->path, FOR_EVER_S * 1000, &cycle->op, &cycle->error);
    return NULL;
}

/* While it waits, the power of that port is off (of both halves: the rig says so), of no other; stopped, it gives the
 * power back. */
static void
test_stopped(Fixture *f, gconstpointer data)
{
    for (gsize i = 0; i < 3; i++) {
        g_autoptr(GCancellable) cancel = g_cancellable_new();
        Cycle cycle = {.f = f, .path = hubs[i].place, .op.cancel = cancel};
        pthread_t thread;
        g_test_message("%s", cycle.path);
        g_assert_cmpint(pthread_create(&thread, NULL, cycle_for_long, &cycle), ==, 0);
        WAIT_FOR(!kl_sim_bus_powered(f->rig, cycle.path));
        WAIT_FOR(kl_sim_bus_number(f->rig, cycle.path) == 0);
        for (gsize j = 0; j < G_N_ELEMENTS(hubs); j++)
            g_assert_cmpint(kl_sim_bus_powered(f->rig, hubs[j].place), ==, j != i);
        g_cancellable_cancel(cancel);
        pthread_join(thread, NULL);
        g_assert_false(cycle.done);
        g_assert_error(cycle.error, KL_ERROR, KL_ERROR_CANCELLED);
        g_clear_error(&cycle.error);
        rig_plug(f->rig, cycle.path, &(KlSimBusDevice){.kind = KL_SIM_FTDI}); /* refused without power */
    }
}

/* Ends at its deadline, with the power back; and does not begin when it is stopped already. */
static void
test_deadline(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    KlOp op = {.deadline_us = g_get_monotonic_time() + 500 * G_TIME_SPAN_MILLISECOND};
    g_assert_false(f->bus->klass->power_cycle(f->bus, "1-1.1", FOR_EVER_S * 1000, &op, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_STEP_TIMEOUT);
    g_assert_true(kl_sim_bus_powered(f->rig, "1-1.1"));
    g_clear_error(&error);
    g_cancellable_cancel(cancel);
    op = (KlOp){.cancel = cancel};
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_FTDI});
    guint before = kl_sim_bus_number(f->rig, "1-1.1");
    g_assert_false(f->bus->klass->power_cycle(f->bus, "1-1.1", 10, &op, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CANCELLED);
    g_assert_cmpuint(kl_sim_bus_number(f->rig, "1-1.1"), ==, before);
}

/* Two slots of one hub at once. */
static void
test_two_at_once(Fixture *f, gconstpointer data)
{
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    Cycle cycles[] = {{.f = f, .path = "1-1.1", .op.cancel = cancel}, {.f = f, .path = "1-1.2", .op.cancel = cancel}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, cycle_for_long, &cycles[i]), ==, 0);
    WAIT_FOR(!kl_sim_bus_powered(f->rig, "1-1.1") && !kl_sim_bus_powered(f->rig, "1-1.2"));
    g_cancellable_cancel(cancel);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        g_assert_error(cycles[i].error, KL_ERROR, KL_ERROR_CANCELLED);
        g_clear_error(&cycles[i].error);
        g_assert_true(kl_sim_bus_powered(f->rig, cycles[i].path));
    }
}

static void
assert_refused(Fixture *f, const char *path, KlErrorCode code, const char *words)
{
    KlPortPower power;
    KlOp op = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(f->bus->klass->port_power(f->bus, path, &power, &error));
    g_test_message("%s: %s", path, error->message);
    g_assert_error(error, KL_ERROR, (int)code);
    if (words != NULL)
        g_assert_nonnull(strstr(error->message, words));
    g_clear_error(&error);
    g_assert_false(f->bus->klass->power_cycle(f->bus, path, 10, &op, &error));
    g_assert_error(error, KL_ERROR, (int)code);
    g_clear_error(&error);
    g_assert_false(f->bus->klass->power_on(f->bus, path, &error));
    g_assert_error(error, KL_ERROR, (int)code);
}

static void
test_no_hub(Fixture *f, gconstpointer data)
{
    assert_refused(f, "1-7.1", KL_ERROR_PORT_MISSING, "1-7");
    assert_refused(f, "1-1.9", KL_ERROR_PORT_MISSING, "4 ports");
    assert_refused(f, "9-1", KL_ERROR_PORT_MISSING, "usb9");
    assert_refused(f, "1-1.", KL_ERROR_CONFIG_INVALID, NULL);
    assert_refused(f, "usb1", KL_ERROR_CONFIG_INVALID, NULL);
}

static void
test_denied(Fixture *f, gconstpointer data)
{
    g_autofree char *node = g_strdup_printf("/dev/bus/usb/001/%03u", kl_sim_bus_number(f->rig, "1-1"));
    g_autofree char *half = g_strdup_printf("/dev/bus/usb/002/%03u", kl_sim_bus_number(f->rig, "2-2"));
    g_assert_cmpint(g_chmod(node, 0), ==, 0);
    assert_refused(f, "1-1.1", KL_ERROR_BUS_FAILED, "1-1: ");
    /* One half of a port alone is not switched. */
    g_assert_cmpint(g_chmod(half, 0), ==, 0);
    guint before = kl_sim_bus_number(f->rig, "1-2.2");
    assert_refused(f, "1-2.2", KL_ERROR_BUS_FAILED, "2-2: ");
    g_assert_true(kl_sim_bus_powered(f->rig, "1-2.2"));
    g_assert_cmpuint(kl_sim_bus_number(f->rig, "1-2.2"), ==, before);
}

/* Power that can't be given back is told above all else; one lost transfer is made good, and a hub that is gone has
 * nothing dark. Then the power is given anew. */
static void
test_stuck(Fixture *f, gconstpointer data)
{
    static const struct {
        int result;
        guint times;
        gboolean cancelled;
        KlErrorCode code; /* KL_ERROR_LAST: none */
    } cases[] = {
        {LIBUSB_ERROR_PIPE, 1, FALSE, KL_ERROR_LAST},
        {LIBUSB_ERROR_PIPE, G_MAXUINT, FALSE, KL_ERROR_POWER_STUCK},
        {LIBUSB_ERROR_IO, G_MAXUINT, TRUE, KL_ERROR_POWER_STUCK},
        {LIBUSB_ERROR_NO_DEVICE, G_MAXUINT, FALSE, KL_ERROR_BUS_FAILED},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *place = hubs[i % 2].place; /* one half, and two */
        g_autoptr(GError) error = NULL;
        KlOp op = {.deadline_us = cases[i].cancelled ? g_get_monotonic_time() + 100 * G_TIME_SPAN_MILLISECOND : 0};
        g_test_message("%s, case %zu", place, i);
        fault.result = cases[i].result;
        fault.times = cases[i].times;
        gboolean done =
            f->bus->klass->power_cycle(f->bus, place, cases[i].cancelled ? FOR_EVER_S * 1000 : 10, &op, &error);
        g_assert_cmpint(done, ==, cases[i].code == KL_ERROR_LAST);
        if (!done)
            g_assert_error(error, KL_ERROR, (int)cases[i].code);
        g_assert_cmpint(kl_sim_bus_powered(f->rig, place), ==, done);
        g_clear_error(&error);

        fault.times = cases[i].code == KL_ERROR_POWER_STUCK ? G_MAXUINT : 0;
        gboolean lit = f->bus->klass->power_on(f->bus, place, &error);
        g_assert_cmpint(lit, ==, fault.times == 0);
        if (!lit)
            g_assert_error(error, KL_ERROR, KL_ERROR_POWER_STUCK);
        fault.times = 0;
        g_assert_true(f->bus->klass->power_on(f->bus, place, NULL));
        g_assert_true(kl_sim_bus_powered(f->rig, place));
        rig_plug(f->rig, place, &(KlSimBusDevice){.kind = KL_SIM_FTDI});
    }
}

/* What has its power keeps it, and what stands there stays; so it does on hubs that don't switch each port. */
static void
test_power_on(Fixture *f, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(hubs); i++) {
        g_autoptr(GError) error = NULL;
        guint number = kl_sim_bus_number(f->rig, hubs[i].place);
        g_assert_true(f->bus->klass->power_on(f->bus, hubs[i].place, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(kl_sim_bus_number(f->rig, hubs[i].place), ==, number);
        g_assert_true(kl_sim_bus_powered(f->rig, hubs[i].place));
    }
}

int
main(int argc, char **argv)
{
    rig_enter(&argc, &argv);
#define ADD(name, test) g_test_add("/usb-power/" name, Fixture, NULL, set_up, test, tear_down)
    ADD("asked", test_asked);
    ADD("cycled", test_cycled);
    ADD("stopped", test_stopped);
    ADD("deadline", test_deadline);
    ADD("two-at-once", test_two_at_once);
    ADD("stuck", test_stuck);
    ADD("power-on", test_power_on);
    ADD("no-hub", test_no_hub);
    ADD("denied", test_denied);
    return g_test_run();
}
