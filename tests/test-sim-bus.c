/* The rigged USB bus, looked at by libusb. */
#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/statfs.h>

#include "tests/sim_bus_bench.h"

#define NOBODY 65534

static void
test_tree(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    add_hub(bus, "1-1", 4, KL_SIM_HUB_PER_PORT, TRUE);
    add_hub(bus, "1-1.4", 3, KL_SIM_HUB_GANGED, FALSE);
    plug(bus, "1-1.4.2", (KlSimBusDevice){.kind = KL_SIM_MODULE});
    plug(bus, "1-1.1", (KlSimBusDevice){.kind = KL_SIM_FTDI});
    plug(bus, "1-8", (KlSimBusDevice){.kind = KL_SIM_CP210X, .vendor = 0x1a86, .product = 0x7523});
    g_autoptr(libusb_context) usb = usb_new();
    g_autofree char *devices = list_devices(usb);
    g_assert_cmpstr(devices, ==,
                    "1-1 05e3:0610\n1-1.1 0403:6001\n1-1.4 05e3:0610\n1-1.4.2 1199:68c0\n1-8 1a86:7523\n"
                    "2-1 05e3:0626\nusb1 1d6b:0002\nusb2 1d6b:0003\n");
    kl_sim_bus_unplug(bus, "1-1");
    g_autoptr(libusb_context) later = usb_new();
    g_autofree char *left = list_devices(later);
    g_assert_cmpstr(left, ==, "1-8 1a86:7523\nusb1 1d6b:0002\nusb2 1d6b:0003\n");
}

static void
test_sysfs(void)
{
    struct statfs info;
    g_assert_cmpint(statfs("/sys", &info), ==, 0);
    g_assert_cmphex((guint)info.f_type, ==, SYSFS_MAGIC);
    g_autoptr(KlSimBus) bus = bus_new();
    add_hub(bus, "1-3", 4, KL_SIM_HUB_PER_PORT, TRUE);
    plug(bus, "1-3.2", (KlSimBusDevice){.kind = KL_SIM_FTDI});
    g_autofree char *peer = realpath("/sys/bus/usb/devices/1-3/1-3:1.0/1-3-port2/peer", NULL);
    g_assert_cmpstr(peer, ==, "/sys/devices/pci0000:00/0000:00:14.0/usb2/2-3/2-3:1.0/2-3-port2");
    g_autofree char *back = realpath("/sys/bus/usb/devices/2-3/2-3:1.0/2-3-port2/peer", NULL);
    g_assert_cmpstr(back, ==, "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0/1-3-port2");
    g_autofree char *device = realpath("/sys/bus/usb/devices/1-3/1-3:1.0/1-3-port2/device", NULL);
    g_assert_cmpstr(device, ==, "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-3/1-3.2");
    kl_sim_bus_unplug(bus, "1-3.2");
    g_assert_false(g_file_test("/sys/bus/usb/devices/1-3/1-3:1.0/1-3-port2/device", G_FILE_TEST_IS_SYMLINK));
}

static void
test_descriptors(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    plug(bus, "1-2", (KlSimBusDevice){.kind = KL_SIM_MODULE});
    plug(bus, "1-3", (KlSimBusDevice){.kind = KL_SIM_MODULE_BOOT});
    g_autoptr(libusb_context) usb = usb_new();
    static const struct {
        const char *path;
        int interfaces;
    } rows[] = {{"1-2", 4}, {"1-3", 1}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(libusb_device_handle) handle = open_device(usb, rows[i].path);
        struct libusb_config_descriptor *config = NULL;
        guchar text[64] = "";
        g_assert_cmpint(libusb_get_config_descriptor(libusb_get_device(handle), 0, &config), ==, 0);
        g_assert_cmpint(config->bNumInterfaces, ==, rows[i].interfaces);
        g_assert_cmpint(config->interface[0].altsetting[0].bNumEndpoints, ==, 3);
        libusb_free_config_descriptor(config);
        g_assert_cmpint(libusb_get_string_descriptor_ascii(handle, 3, text, sizeof text), ==, 16);
        g_assert_cmpstr((char *)text, ==, KL_SIM_BUS_SERIAL);
    }
}

typedef struct {
    guint arrived;
    guint left;
    guint address; /* of the last one */
    char *path;
    sem_t *room; /* one more for each arrival; or NULL */
} Seen;

static int
see(libusb_context *usb, libusb_device *device, libusb_hotplug_event event, void *data)
{
    Seen *seen = data;
    *(event == LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED ? &seen->arrived : &seen->left) += 1;
    if (seen->room != NULL && event == LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED)
        sem_post(seen->room);
    g_free(seen->path);
    seen->path = port_path(device);
    seen->address = libusb_get_device_address(device);
    return 0;
}

static void
handle_until(libusb_context *usb, const guint *count, guint wanted)
{
    gint64 end_us = g_get_monotonic_time() + PATIENCE_US;
    while (*count < wanted) {
        struct timeval timeout = {.tv_usec = 100000};
        g_assert_cmpint(libusb_handle_events_timeout_completed(usb, &timeout, NULL), ==, 0);
        g_assert_cmpint(g_get_monotonic_time(), <, end_us);
    }
}

static void
test_hotplug(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    g_autoptr(libusb_context) usb = usb_new();
    Seen seen = {0};
    g_assert_cmpint(
        libusb_hotplug_register_callback(usb, LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT, 0,
                                         0x1199, 0x68c0, LIBUSB_HOTPLUG_MATCH_ANY, see, &seen, NULL),
        ==, 0);
    add_hub(bus, "1-1", 4, KL_SIM_HUB_NONE, FALSE);
    for (guint i = 1; i <= 3; i++) {
        plug(bus, "1-1.3", (KlSimBusDevice){.kind = KL_SIM_MODULE, .twice = i == 2});
        handle_until(usb, &seen.arrived, i);
        g_assert_cmpstr(seen.path, ==, "1-1.3");
        g_assert_cmpuint(seen.address, ==, kl_sim_bus_number(bus, "1-1.3"));
        if (i == 3)
            kl_sim_bus_unplug(bus, "1-1");
        else
            kl_sim_bus_unplug(bus, "1-1.3");
        handle_until(usb, &seen.left, i);
    }
    g_assert_cmpuint(seen.arrived, ==, 3);
    g_free(seen.path);
}

static void
test_wrong_ports(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    add_hub(bus, "1-1", 4, KL_SIM_HUB_PER_PORT, FALSE);
    plug(bus, "1-1.2", (KlSimBusDevice){.kind = KL_SIM_FTDI});
    static const char *const missing[] = {"",      "1",      "1-",      "1-9",     "1-0",    "1-1.5",
                                          "1-1.0", "1-1.",   "1-1.2.1", "1-1.4.1", "usb1",   "2-1.1",
                                          "3-1",   "1-1.-1", "1-1.x",   "1-1.1 ",  "1-1..1", "1-1.1/../"};
    for (gsize i = 0; i < G_N_ELEMENTS(missing); i++)
        assert_refused(bus, missing[i], G_IO_ERROR_NOT_FOUND);
    assert_refused(bus, "1-1.2", G_IO_ERROR_EXISTS);
    assert_refused(bus, "1-1", G_IO_ERROR_EXISTS);
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_sim_bus_add_hub(bus, "1-1.1", 4, KL_SIM_HUB_NONE, TRUE, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* Sixty-four units, plugged in by eight threads at once while libusb listens. No more at a time than the kernel keeps
 * for a listener that does not get to run: what is beyond that is lost, as on any bus. */
#define ROWS 8
#define COLUMNS 8
#define AT_ONCE 24

typedef struct {
    KlSimBus *bus;
    guint row;
    sem_t *room;
} Row;

static void *
fill_row(void *data)
{
    const Row *row = data;
    for (guint round = 0; round < 2; round++)
        for (guint column = 1; column <= COLUMNS; column++) {
            g_autofree char *path = g_strdup_printf("1-1.%u.%u", row->row, column);
            if (round == 1)
                kl_sim_bus_unplug(row->bus, path);
            while (sem_wait(row->room) != 0)
                g_assert_cmpint(errno, ==, EINTR);
            plug(row->bus, path, (KlSimBusDevice){.kind = KL_SIM_MODULE});
        }
    return NULL;
}

static void
assert_ttys_differ(KlSimBus *bus)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint row = 1; row <= ROWS; row++)
        for (guint column = 1; column <= COLUMNS; column++)
            for (guint interface = 0; interface <= 3; interface += interface == 0 ? 2 : 1) {
                g_autofree char *path = g_strdup_printf("1-1.%u.%u", row, column);
                g_assert_true(g_hash_table_add(names, kl_sim_bus_tty(bus, path, interface)));
            }
    for (guint i = 0; i < 3 * ROWS * COLUMNS; i++) {
        g_autofree char *name = g_strdup_printf("ttyUSB%u", i);
        g_assert_true(g_hash_table_contains(names, name));
    }
}

static void
test_many(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    g_autoptr(libusb_context) usb = usb_new();
    sem_t room;
    Seen seen = {.room = &room};
    Row rows[ROWS];
    pthread_t threads[ROWS];
    g_assert_cmpint(sem_init(&room, 0, AT_ONCE), ==, 0);
    g_assert_cmpint(
        libusb_hotplug_register_callback(usb, LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT, 0,
                                         0x1199, 0x68c0, LIBUSB_HOTPLUG_MATCH_ANY, see, &seen, NULL),
        ==, 0);
    add_hub(bus, "1-1", ROWS, KL_SIM_HUB_PER_PORT, FALSE);
    for (guint i = 0; i < ROWS; i++) {
        g_autofree char *path = g_strdup_printf("1-1.%u", i + 1);
        add_hub(bus, path, COLUMNS, KL_SIM_HUB_PER_PORT, FALSE);
        rows[i] = (Row){bus, i + 1, &room};
    }
    for (guint i = 0; i < ROWS; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, fill_row, &rows[i]), ==, 0);
    handle_until(usb, &seen.arrived, 2 * ROWS * COLUMNS);
    handle_until(usb, &seen.left, ROWS * COLUMNS);
    for (guint i = 0; i < ROWS; i++)
        pthread_join(threads[i], NULL);
    assert_ttys_differ(bus);
    g_autofree char *devices = list_devices(usb);
    g_auto(GStrv) lines = g_strsplit(devices, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines) - 1, ==, ROWS * COLUMNS + ROWS + 1 + 2);
    g_free(seen.path);
    sem_destroy(&room);
}

/* Only the superuser may become somebody else; whoever is nobody already has shown it by running at all. */
static void
become_nobody(gpointer unused)
{
    if (getuid() == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0)
        _exit(2);
}

/* Returns the wait status; *said is all that came out. */
static int
run_as_nobody(const char *const *argv, char **said)
{
    g_auto(GStrv) environment = g_environ_unsetenv(g_get_environ(), "KEYLINE_SIM_BUS_INSIDE");
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    g_autoptr(GError) error = NULL;
    int status = 0;
    g_spawn_sync("/", (char **)argv, environment, G_SPAWN_SEARCH_PATH, become_nobody, NULL, &out, &err, &status,
                 &error);
    g_assert_no_error(error);
    *said = g_strconcat(out, err, NULL);
    return status;
}

static void
test_unprivileged(void)
{
    const char *const unshare[] = {"unshare", "--user", "--map-root-user", "true", NULL};
    const char *const again[] = {"/proc/self/exe", "-p", "/sim-bus/tree", "-p", "/sim-bus/hotplug", NULL};
    g_autofree char *refused = NULL;
    g_autofree char *said = NULL;
    if (run_as_nobody(unshare, &refused) != 0) {
        g_test_skip(refused); /* the kernel lets nobody do so in a chroot */
        return;
    }
    if (run_as_nobody(again, &said) != 0)
        g_error("%s", said);
    g_assert_nonnull(strstr(said, "ok 2"));
}

int
main(int argc, char **argv)
{
    enter_bus(argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim-bus/tree", test_tree);
    g_test_add_func("/sim-bus/ports", test_sysfs);
    g_test_add_func("/sim-bus/descriptors", test_descriptors);
    g_test_add_func("/sim-bus/hotplug", test_hotplug);
    g_test_add_func("/sim-bus/wrong-ports", test_wrong_ports);
    g_test_add_func("/sim-bus/many", test_many);
    g_test_add_func("/sim-bus/unprivileged", test_unprivileged);
    return g_test_run();
}
