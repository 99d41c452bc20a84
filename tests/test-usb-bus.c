/* The station's bus on the rigged one: unmodified libusb between them. */
#include "drivers/at_wp77/usb_bus.h"

#include <glib/gstdio.h>
#include <pthread.h>

#include "station/config.h"
#include "tests/usb_rig.h"

/* A bus to look at, and how often it told of a change. */
typedef struct {
    KlSimBus *rig;
    KlBus *bus;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    guint told;
} Fixture;

static void
on_change(gpointer data)
{
    Fixture *f = data;
    pthread_mutex_lock(&f->lock);
    f->told++;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static guint
count_told(Fixture *f)
{
    pthread_mutex_lock(&f->lock);
    guint told = f->told;
    pthread_mutex_unlock(&f->lock);
    return told;
}

/* Waits until more than that many changes were told. */
static void
wait_told(Fixture *f, guint before)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FOR_EVER_S;
    pthread_mutex_lock(&f->lock);
    while (f->told <= before)
        g_assert_cmpint(pthread_cond_timedwait(&f->changed, &f->lock, &until), ==, 0);
    pthread_mutex_unlock(&f->lock);
}

static void
open_bus(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    f->bus = kl_usb_bus_new(NULL, &error);
    g_assert_no_error(error);
    f->bus->klass->watch(f->bus, on_change, f);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->rig = rig_new();
    rig_hub(f->rig, "1-1", 4, KL_SIM_HUB_PER_PORT, TRUE);
    rig_hub(f->rig, "1-1.2", 12, KL_SIM_HUB_PER_PORT, TRUE);
    open_bus(f);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    kl_bus_free(f->bus);
    kl_sim_bus_free(f->rig);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
}

static GPtrArray *
list(KlBus *bus)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *devices = bus->klass->devices(bus, &error);
    g_assert_no_error(error);
    return devices;
}

static const KlUsbDevice *
find(const GPtrArray *devices, const char *path)
{
    const KlUsbDevice *found = NULL;
    for (guint i = 0; i < devices->len; i++) {
        const KlUsbDevice *device = devices->pdata[i];
        if (strcmp(device->path, path) == 0) {
            g_assert_null(found);
            found = device;
        }
    }
    return found;
}

/* Lists again after every change that is told, until one shows what is looked for. */
#define WAIT_LISTED(f, path, condition)                                                                                \
    for (guint so_far = count_told(f);; wait_told(f, so_far), so_far = count_told(f)) {                                \
        g_autoptr(GPtrArray) devices = list((f)->bus);                                                                 \
        const KlUsbDevice *device = find(devices, path);                                                               \
        if (condition)                                                                                                 \
            break;                                                                                                     \
    }

static void
wait_tty(Fixture *f, const char *path)
{
    WAIT_LISTED(f, path, device != NULL && device->tty != NULL);
}

static char *
sim_tty(Fixture *f, const char *path, guint interface)
{
    g_autofree char *name = kl_sim_bus_tty(f->rig, path, interface);
    g_assert_nonnull(name);
    return g_build_filename("/dev", name, NULL);
}

/* Two levels of hubs: everything in its place, in the order of ports and not of digits. */
static void
test_tree(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *path;
        KlUsbKind kind;
        guint ports;
        const char *title;
    } expected[] = {
        {"usb1", KL_USB_HUB, KL_SIM_BUS_ROOT_PORTS, "hub"},
        {"1-1", KL_USB_HUB, 4, "hub"},
        {"1-1.1", KL_USB_ADAPTER, 0, "FTDI adapter"},
        {"1-1.2", KL_USB_HUB, 12, "hub"},
        {"1-1.2.3", KL_USB_MODULE, 0, "WP77 module"},
        {"1-1.2.10", KL_USB_ADAPTER, 0, "CP210x adapter"},
        {"1-1.3", KL_USB_OTHER, 0, "device"},
        {"usb2", KL_USB_HUB, KL_SIM_BUS_ROOT_PORTS, "hub"},
        {"2-1", KL_USB_HUB, 4, "hub"},
        {"2-1.2", KL_USB_HUB, 12, "hub"},
    };
    rig_plug(f->rig, "1-1.2.10", &(KlSimBusDevice){.kind = KL_SIM_CP210X});
    rig_plug(f->rig, "1-1.2.3", &(KlSimBusDevice){.kind = KL_SIM_MODULE});
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_FTDI});
    rig_plug(f->rig, "1-1.3", &(KlSimBusDevice){.kind = KL_SIM_FTDI, .vendor = 0x046d, .product = 0xc31c});
    wait_tty(f, "1-1.2.10");
    wait_tty(f, "1-1.2.3");
    wait_tty(f, "1-1.1");
    wait_tty(f, "1-1.3");
    g_autoptr(GPtrArray) devices = list(f->bus);
    g_assert_cmpuint(devices->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < devices->len; i++) {
        const KlUsbDevice *device = devices->pdata[i];
        g_assert_cmpstr(device->path, ==, expected[i].path);
        g_assert_cmpint(device->kind, ==, expected[i].kind);
        g_assert_cmpuint(device->ports, ==, expected[i].ports);
        g_assert_cmpstr(device->title, ==, expected[i].title);
        g_assert_cmpstr(device->trouble, ==, NULL);
        g_assert_cmpuint(device->bus, ==, i < 7 ? 1 : 2);
        if (strchr(device->path, '-') != NULL)
            g_assert_cmpuint(device->address, ==, kl_sim_bus_number(f->rig, device->path));
    }
    g_autofree char *module_tty = sim_tty(f, "1-1.2.3", 3);
    g_autofree char *adapter_tty = sim_tty(f, "1-1.1", 0);
    g_assert_cmpstr(find(devices, "1-1.2.3")->tty, ==, module_tty);
    g_assert_cmpstr(find(devices, "1-1.1")->tty, ==, adapter_tty);
    g_assert_cmphex(find(devices, "1-1.2.3")->vendor, ==, 0x1199);
    g_assert_cmphex(find(devices, "1-1.2.3")->product, ==, 0x68c0);
}

static void
test_rules(Fixture *f, gconstpointer data)
{
    const KlUsbId module = {0x046d, 0, TRUE};
    g_autoptr(GArray) modules = g_array_new(FALSE, FALSE, sizeof(KlUsbId));
    g_array_append_val(modules, module);
    g_autoptr(KlBus) bus = kl_usb_bus_new(&(KlUsbRules){.modules = modules}, NULL);
    g_array_set_size(modules, 0);
    rig_plug(f->rig, "1-1.3", &(KlSimBusDevice){.kind = KL_SIM_MODULE, .vendor = 0x046d, .product = 0xc31c});
    wait_tty(f, "1-1.3");
    g_autoptr(GPtrArray) ours = list(bus);
    g_autoptr(GPtrArray) plain = list(f->bus);
    g_assert_cmpint(find(ours, "1-1.3")->kind, ==, KL_USB_MODULE);
    g_assert_cmpint(find(plain, "1-1.3")->kind, ==, KL_USB_OTHER);
}

/* Every listing here waits for the watch: an arrival, the coming of its tty, and a departure are told. */
static void
test_told(Fixture *f, gconstpointer data)
{
    for (int i = 0; i < 3; i++) {
        rig_plug(f->rig, "1-1.2.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE, .tty_delay_ms = 150, .twice = TRUE});
        WAIT_LISTED(f, "1-1.2.1", device != NULL);
        wait_tty(f, "1-1.2.1");
        kl_sim_bus_unplug(f->rig, "1-1.2.1");
        WAIT_LISTED(f, "1-1.2.1", device == NULL);
    }
}

/* Each coming and going is told by itself, of what has no tty too. */
static void
test_told_each(Fixture *f, gconstpointer data)
{
    for (int i = 0; i < 10; i++) {
        guint before = count_told(f);
        rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE_BOOT});
        wait_told(f, before);
        WAIT_LISTED(f, "1-1.1", device != NULL);
        before = count_told(f);
        kl_sim_bus_unplug(f->rig, "1-1.1");
        wait_told(f, before);
        WAIT_LISTED(f, "1-1.1", device == NULL);
    }
}

/* What stood there before the bus was opened is listed at once, and the coming of its tty is told too. */
static void
test_there_before(Fixture *f, gconstpointer data)
{
    kl_bus_free(f->bus);
    rig_plug(f->rig, "1-1.2.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE, .tty_delay_ms = 150});
    open_bus(f);
    g_autoptr(GPtrArray) devices = list(f->bus);
    g_assert_nonnull(find(devices, "1-1.2.1"));
    wait_tty(f, "1-1.2.1");
}

/* A hub goes with all that hangs on it. */
static void
test_hub_taken(Fixture *f, gconstpointer data)
{
    rig_plug(f->rig, "1-1.2.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE});
    rig_plug(f->rig, "1-1.2.2", &(KlSimBusDevice){.kind = KL_SIM_FTDI});
    wait_tty(f, "1-1.2.2");
    kl_sim_bus_unplug(f->rig, "1-1.2");
    WAIT_LISTED(f, "1-1.2", device == NULL);
    WAIT_LISTED(f, "1-1.2.1", device == NULL);
    WAIT_LISTED(f, "1-1.2.2", device == NULL);
    WAIT_LISTED(f, "1-1", device != NULL);
}

/* A watch that was replaced is not called any more. */
static void
test_watch_replaced(Fixture *f, gconstpointer data)
{
    Fixture other = {.rig = f->rig, .bus = f->bus};
    pthread_mutex_init(&other.lock, NULL);
    pthread_cond_init(&other.changed, NULL);
    f->bus->klass->watch(f->bus, on_change, &other);
    guint before = count_told(f);
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_FTDI});
    wait_tty(&other, "1-1.1");
    f->bus->klass->watch(f->bus, NULL, NULL);
    guint other_before = count_told(&other);
    kl_sim_bus_unplug(f->rig, "1-1.1");
    WAIT_FOR(({
        g_autoptr(GPtrArray) devices = list(f->bus);
        find(devices, "1-1.1") == NULL;
    }));
    g_assert_cmpuint(count_told(f), ==, before);
    g_assert_cmpuint(count_told(&other), ==, other_before);
    pthread_cond_destroy(&other.changed);
    pthread_mutex_destroy(&other.lock);
}

static void
assert_trouble(Fixture *f, const char *path, const char *trouble, const char *detail)
{
    g_autoptr(GPtrArray) devices = list(f->bus);
    const KlUsbDevice *device = find(devices, path);
    g_test_message("%s: %s: %s", path, device->trouble, device->detail);
    g_assert_cmpstr(device->trouble, ==, trouble);
    g_assert_cmpint(device->detail != NULL, ==, trouble != NULL);
    if (detail != NULL)
        g_assert_nonnull(strstr(device->detail, detail));
}

static void
test_boot(Fixture *f, gconstpointer data)
{
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE_BOOT});
    WAIT_LISTED(f, "1-1.1", device != NULL && device->kind == KL_USB_BOOT && device->tty == NULL);
    assert_trouble(f, "1-1.1", "UNIT_BOOT_MODE", "1199:68c0");
}

static void
test_denied(Fixture *f, gconstpointer data)
{
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_FTDI, .no_access = TRUE});
    rig_plug(f->rig, "1-1.3", &(KlSimBusDevice){.kind = KL_SIM_FTDI});
    wait_tty(f, "1-1.1");
    wait_tty(f, "1-1.3");
    assert_trouble(f, "1-1.1", "PORT_DENIED", "/dev/ttyUSB");
    assert_trouble(f, "1-1.3", NULL, NULL);
}

/* udev opens a port to us after its tty came: that is told too. */
static void
test_opened_to_us(Fixture *f, gconstpointer data)
{
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_FTDI, .no_access = TRUE, .tty_delay_ms = 150});
    wait_tty(f, "1-1.1");
    g_autofree char *tty = sim_tty(f, "1-1.1", 0);
    guint before = count_told(f);
    g_assert_cmpint(g_chmod(tty, 0660), ==, 0);
    wait_told(f, before);
    assert_trouble(f, "1-1.1", NULL, NULL);
}

static void
test_modem_manager(Fixture *f, gconstpointer data)
{
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE});
    rig_plug(f->rig, "1-1.3", &(KlSimBusDevice){.kind = KL_SIM_FTDI});
    wait_tty(f, "1-1.1");
    wait_tty(f, "1-1.3");
    g_autofree char *tty = sim_tty(f, "1-1.1", 3);
    Intruder holder = intruder_start("ModemManager", tty, FALSE);
    g_autofree char *process = g_strdup_printf("ModemManager (process %d)", (int)holder.pid);
    assert_trouble(f, "1-1.1", "PORT_MODEM_MANAGER", process);
    assert_trouble(f, "1-1.3", NULL, NULL);
    intruder_stop(&holder);
    assert_trouble(f, "1-1.1", NULL, NULL);
}

/* It has not found the port yet, but nothing tells it to keep away. */
static void
test_modem_manager_near(Fixture *f, gconstpointer data)
{
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE});
    wait_tty(f, "1-1.1");
    Intruder idle = intruder_start("ModemManager", NULL, FALSE);
    assert_trouble(f, "1-1.1", NULL, NULL);
    g_autofree char *entry = rig_udev_entry(f->rig, "1-1.1");
    g_assert_cmpint(g_unlink(entry), ==, 0);
    assert_trouble(f, "1-1.1", "PORT_MODEM_MANAGER", "ID_MM_DEVICE_IGNORE");
    intruder_stop(&idle);
}

/* Lists while everything moves: no device twice, hubs before what hangs on them. */
static void *
move_about(void *data)
{
    Fixture *f = data;
    g_autoptr(GRand) rand = g_rand_new_with_seed(4);
    for (int i = 0; i < 150; i++) {
        g_autofree char *path = g_strdup_printf("1-1.2.%d", g_rand_int_range(rand, 1, 9));
        if (kl_sim_bus_number(f->rig, path) != 0)
            kl_sim_bus_unplug(f->rig, path);
        else
            rig_plug(f->rig, path, &(KlSimBusDevice){.kind = i % 2 == 0 ? KL_SIM_MODULE : KL_SIM_FTDI});
    }
    return NULL;
}

static void
test_moving(Fixture *f, gconstpointer data)
{
    pthread_t thread;
    g_assert_cmpint(pthread_create(&thread, NULL, move_about, f), ==, 0);
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        g_autoptr(GPtrArray) devices = list(f->bus);
        guint hub = 0;
        for (guint i = 0; i < devices->len; i++) {
            const KlUsbDevice *device = devices->pdata[i];
            g_assert_true(find(devices, device->path) == device);
            if (strcmp(device->path, "1-1.2") == 0)
                hub = i;
            if (g_str_has_prefix(device->path, "1-1.2."))
                g_assert_cmpuint(hub, >, 0);
        }
    }
    for (int i = 1; i <= 9; i++) {
        g_autofree char *path = g_strdup_printf("1-1.2.%d", i);
        guint number = kl_sim_bus_number(f->rig, path);
        WAIT_LISTED(f, path, device != NULL ? device->address == number : number == 0);
    }
}

int
main(int argc, char **argv)
{
    rig_enter(&argc, &argv);
#define ADD(name, test) g_test_add("/usb-bus/" name, Fixture, NULL, set_up, test, tear_down)
    ADD("tree", test_tree);
    ADD("rules", test_rules);
    ADD("told", test_told);
    ADD("told-each", test_told_each);
    ADD("there-before", test_there_before);
    ADD("hub-taken", test_hub_taken);
    ADD("watch-replaced", test_watch_replaced);
    ADD("boot-mode", test_boot);
    ADD("denied", test_denied);
    ADD("opened-to-us", test_opened_to_us);
    ADD("modem-manager", test_modem_manager);
    ADD("modem-manager-near", test_modem_manager_near);
    ADD("moving", test_moving);
    return g_test_run();
}
