/* The ttys of the rigged USB bus, opened by libserialport. */
#include <errno.h>
#include <libserialport.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "tests/sim_bus_bench.h"

typedef struct sp_port SpPort;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpPort, sp_free_port)

/* A pty of the test's own. */
typedef struct {
    int master;
    char *name;
} Pty;

static Pty
pty_new(void)
{
    Pty pty = {.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    g_assert_cmpint(pty.master, >=, 0);
    g_assert_cmpint(unlockpt(pty.master), ==, 0);
    pty.name = g_strdup(ptsname(pty.master));
    return pty;
}

static void
pty_clear(Pty *pty)
{
    if (pty->master >= 0)
        close(pty->master);
    g_free(pty->name);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pty, pty_clear)

static char *
tty_path(KlSimBus *bus, const char *place, guint interface)
{
    g_autofree char *name = kl_sim_bus_tty(bus, place, interface);
    g_assert_nonnull(name);
    return g_strconcat("/dev/", name, NULL);
}

static SpPort *
find_port(const char *path)
{
    SpPort *port = NULL;
    g_assert_cmpint(sp_get_port_by_name(path, &port), ==, SP_OK);
    return port;
}

static SpPort *
open_port(const char *path)
{
    SpPort *port = find_port(path);
    g_assert_cmpint(sp_open(port, SP_MODE_READ_WRITE), ==, SP_OK);
    g_assert_cmpint(sp_set_baudrate(port, 115200), ==, SP_OK);
    g_assert_cmpint(sp_set_flowcontrol(port, SP_FLOWCONTROL_NONE), ==, SP_OK);
    return port;
}

static int
handle_of(SpPort *port)
{
    int fd = -1;
    g_assert_cmpint(sp_get_port_handle(port, &fd), ==, SP_OK);
    return fd;
}

/* The `dev` attribute as a number. */
static dev_t
sysfs_dev(const char *path)
{
    g_autofree char *file = g_strdup_printf("/sys/class/tty/%s/dev", path + strlen("/dev/"));
    g_autofree char *text = NULL;
    guint numbers[2];
    g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
    g_assert_cmpint(sscanf(text, "%u:%u", &numbers[0], &numbers[1]), ==, 2);
    return makedev(numbers[0], numbers[1]);
}

static void
test_bytes(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    g_auto(Pty) pty = pty_new();
    char bytes[8];
    add_hub(bus, "1-1", 4, KL_SIM_HUB_PER_PORT, TRUE);
    plug(bus, "1-1.2", (KlSimBusDevice){.kind = KL_SIM_MODULE, .pts = pty.name});
    g_autofree char *path = tty_path(bus, "1-1.2", 3);
    g_autoptr(SpPort) port = open_port(path);
    struct stat info;
    g_assert_cmpint(fstat(handle_of(port), &info), ==, 0);
    g_assert_cmpuint(info.st_rdev, ==, sysfs_dev(path));
    g_assert_cmpint(sp_blocking_write(port, "AT\r", 3, PATIENCE_MS), ==, 3);
    g_assert_cmpint(read(pty.master, bytes, sizeof bytes), ==, 3);
    g_assert_cmpmem(bytes, 3, "AT\r", 3);
    g_assert_cmpint(write(pty.master, "OK\r\n", 4), ==, 4);
    g_assert_cmpint(sp_blocking_read(port, bytes, 4, PATIENCE_MS), ==, 4);
    g_assert_cmpmem(bytes, 4, "OK\r\n", 4);
    sp_close(port);
}

/* What libserialport says of each kind, by the number of the interface. */
static void
test_details(void)
{
    static const struct {
        KlSimBusKind kind;
        guint interface;
        int vendor;
        int product;
    } rows[] = {{KL_SIM_MODULE, 0, 0x1199, 0x68c0},
                {KL_SIM_MODULE, 2, 0x1199, 0x68c0},
                {KL_SIM_MODULE, 3, 0x1199, 0x68c0},
                {KL_SIM_FTDI, 0, 0x0403, 0x6001},
                {KL_SIM_CP210X, 0, 0x10c4, 0xea60}};
    g_autoptr(KlSimBus) bus = bus_new();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *place = g_strdup_printf("1-%zu", i + 1);
        plug(bus, place, (KlSimBusDevice){.kind = rows[i].kind});
        g_autofree char *path = tty_path(bus, place, rows[i].interface);
        g_autoptr(SpPort) port = find_port(path);
        int numbers[2];
        g_assert_cmpint(sp_get_port_transport(port), ==, SP_TRANSPORT_USB);
        g_assert_cmpint(sp_get_port_usb_bus_address(port, &numbers[0], &numbers[1]), ==, SP_OK);
        g_assert_cmpint(numbers[0], ==, 1);
        g_assert_cmpuint((guint)numbers[1], ==, kl_sim_bus_number(bus, place));
        g_assert_cmpint(sp_get_port_usb_vid_pid(port, &numbers[0], &numbers[1]), ==, SP_OK);
        g_assert_cmpint(numbers[0], ==, rows[i].vendor);
        g_assert_cmpint(numbers[1], ==, rows[i].product);
        g_assert_cmpstr(sp_get_port_usb_serial(port), ==, KL_SIM_BUS_SERIAL);
    }
}

/* qcserial binds 0, 2 and 3; the order of numbers is not that of interfaces, and 0 can't be opened. */
static void
test_module(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    plug(bus, "1-1", (KlSimBusDevice){.kind = KL_SIM_MODULE});
    plug(bus, "1-2", (KlSimBusDevice){.kind = KL_SIM_MODULE_BOOT});
    g_assert_null(kl_sim_bus_tty(bus, "1-1", 8));
    g_assert_null(kl_sim_bus_tty(bus, "1-2", 0));
    g_autofree char *diagnostics = tty_path(bus, "1-1", 0);
    g_autoptr(SpPort) port = find_port(diagnostics);
    g_assert_cmpint(sp_open(port, SP_MODE_READ_WRITE), ==, SP_ERR_FAIL);
    g_assert_cmpint(sp_last_error_code(), ==, EINVAL);
    g_autofree char *positions = tty_path(bus, "1-1", 2);
    g_autoptr(SpPort) other = open_port(positions);
    sp_close(other);
    gboolean mixed = FALSE;
    for (guint place = 3; place <= 6; place++) {
        g_autofree char *path = g_strdup_printf("1-%u", place);
        plug(bus, path, (KlSimBusDevice){.kind = KL_SIM_MODULE});
        g_autofree char *first = kl_sim_bus_tty(bus, path, 0);
        g_autofree char *last = kl_sim_bus_tty(bus, path, 3);
        mixed = mixed || strtoul(last + strlen("ttyUSB"), NULL, 10) < strtoul(first + strlen("ttyUSB"), NULL, 10);
    }
    g_assert_true(mixed);
}

static void
test_unplug(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    g_auto(Pty) pty = pty_new();
    plug(bus, "1-1", (KlSimBusDevice){.kind = KL_SIM_MODULE, .pts = pty.name});
    g_autofree char *answers = tty_path(bus, "1-1", 3);
    g_autofree char *silent = tty_path(bus, "1-1", 2);
    g_autoptr(SpPort) one = open_port(answers);
    g_autoptr(SpPort) other = open_port(silent);
    kl_sim_bus_unplug(bus, "1-1");
    close(g_steal_fd(&pty.master));
    SpPort *const ports[] = {one, other};
    for (gsize i = 0; i < G_N_ELEMENTS(ports); i++) {
        struct pollfd hung = {.fd = handle_of(ports[i]), .events = POLLIN};
        g_assert_cmpint(poll(&hung, 1, PATIENCE_MS), ==, 1);
        g_assert_cmpint(hung.revents & POLLHUP, !=, 0);
        sp_close(ports[i]);
    }
    g_assert_false(g_file_test(answers, G_FILE_TEST_EXISTS));
    SpPort *gone = NULL;
    g_assert_cmpint(sp_get_port_by_name(answers, &gone), ==, SP_ERR_ARG);
}

/* The name is the same, the node and the device number are others. */
static void
test_same_name(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    ino_t last_node = 0;
    guint last_number = 0;
    for (guint i = 0; i < 8; i++) {
        struct stat info;
        plug(bus, "1-1", (KlSimBusDevice){.kind = KL_SIM_FTDI});
        g_assert_cmpint(lstat("/dev/ttyUSB0", &info), ==, 0);
        g_assert_true(S_ISCHR(info.st_mode));
        g_assert_cmpuint(info.st_ino, !=, last_node);
        g_assert_cmpuint(kl_sim_bus_number(bus, "1-1"), !=, last_number);
        last_node = info.st_ino;
        last_number = kl_sim_bus_number(bus, "1-1");
        kl_sim_bus_unplug(bus, "1-1");
    }
}

static gboolean
has_tty(KlSimBus *bus, const char *place, guint interface)
{
    g_autofree char *name = kl_sim_bus_tty(bus, place, interface);
    return name != NULL;
}

/* Late ttys come in reverse order, and none for a device that is gone by then. */
static void
test_late(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    plug(bus, "1-1", (KlSimBusDevice){.kind = KL_SIM_FTDI, .tty_delay_ms = 20});
    kl_sim_bus_unplug(bus, "1-1");
    plug(bus, "1-1", (KlSimBusDevice){.kind = KL_SIM_MODULE_BOOT});
    plug(bus, "1-2", (KlSimBusDevice){.kind = KL_SIM_MODULE, .tty_delay_ms = 40});
    wait_until(has_tty(bus, "1-2", 0));
    g_autofree char *first = kl_sim_bus_tty(bus, "1-2", 3);
    g_autofree char *second = kl_sim_bus_tty(bus, "1-2", 2);
    g_autofree char *third = kl_sim_bus_tty(bus, "1-2", 0);
    g_assert_cmpstr(first, ==, "ttyUSB0");
    g_assert_cmpstr(second, ==, "ttyUSB1");
    g_assert_cmpstr(third, ==, "ttyUSB2");
    g_assert_false(has_tty(bus, "1-1", 0));
}

/* Not even the superuser gets in. */
static void
test_no_access(void)
{
    g_autoptr(KlSimBus) bus = bus_new();
    plug(bus, "1-1", (KlSimBusDevice){.kind = KL_SIM_FTDI, .no_access = TRUE});
    g_autoptr(SpPort) port = find_port("/dev/ttyUSB0");
    g_assert_cmpint(sp_open(port, SP_MODE_READ_WRITE), ==, SP_ERR_FAIL);
    g_assert_cmpint(sp_last_error_code(), ==, EACCES);
    g_assert_cmpint(access("/dev/ttyUSB0", R_OK | W_OK), ==, -1);
}

static guint
count_files(const char *dir)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    guint n = 0;
    while (g_dir_read_name(entries) != NULL)
        n++;
    return n;
}

/* 192 open ports at once; nothing is left of them. */
static void
test_many(void)
{
    guint before = count_files("/proc/self/fd");
    {
        g_autoptr(KlSimBus) bus = bus_new();
        g_autoptr(GPtrArray) ports = g_ptr_array_new_with_free_func((GDestroyNotify)sp_free_port);
        for (guint hub = 1; hub <= 8; hub++) {
            g_autofree char *path = g_strdup_printf("1-%u", hub);
            add_hub(bus, path, 12, KL_SIM_HUB_PER_PORT, FALSE);
            for (guint port = 1; port <= 12; port++) {
                g_autofree char *place = g_strdup_printf("1-%u.%u", hub, port);
                plug(bus, place, (KlSimBusDevice){.kind = KL_SIM_MODULE});
                for (guint interface = 2; interface <= 3; interface++) {
                    g_autofree char *tty = tty_path(bus, place, interface);
                    g_ptr_array_add(ports, open_port(tty));
                }
            }
        }
        g_assert_cmpuint(ports->len, ==, 192);
        for (guint i = 0; i < ports->len; i++)
            sp_close(ports->pdata[i]);
    }
    g_assert_cmpuint(count_files("/proc/self/fd"), ==, before);
    g_assert_cmpuint(count_files("/sys/class/tty"), ==, 0);
    g_assert_cmpuint(count_files("/sys/bus/usb/devices"), ==, 0);
    g_assert_cmpuint(count_files("/dev/pts"), ==, 1);
}

int
main(int argc, char **argv)
{
    enter_bus(argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim-bus-tty/bytes", test_bytes);
    g_test_add_func("/sim-bus-tty/details", test_details);
    g_test_add_func("/sim-bus-tty/module", test_module);
    g_test_add_func("/sim-bus-tty/unplug", test_unplug);
    g_test_add_func("/sim-bus-tty/same-name", test_same_name);
    g_test_add_func("/sim-bus-tty/late", test_late);
    g_test_add_func("/sim-bus-tty/no-access", test_no_access);
    g_test_add_func("/sim-bus-tty/many", test_many);
    return g_test_run();
}
