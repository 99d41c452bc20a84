/* A simulated line on the rigged USB bus: units come and go as devices. */
#include <gio/gio.h>

#include "drivers/at_wp77/sim/sim_hub.h"
#include "tests/sim_bus_bench.h"
#include "tests/sim_talk.h"

/* A line on hub 1-1 of 2x2. */
typedef struct {
    KlSimBus *bus;
    Bench bench;
} Fixture;

static const KlSimHub hub = {2, 2};

static Fixture
fixture_new(KlSimOptions options)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) places = kl_sim_hub_places(&hub);
    Fixture fixture = {.bus = bus_new()};
    kl_sim_hub_add(&hub, fixture.bus, KL_SIM_HUB_PER_PORT, TRUE, &error);
    g_assert_no_error(error);
    options.units = options.units > 0 ? options.units : 4;
    options.bus = fixture.bus;
    options.places = (const char *const *)places;
    fixture.bench = bench_new(options);
    return fixture;
}

static void
fixture_clear(Fixture *fixture)
{
    bench_clear(&fixture->bench);
    kl_sim_bus_free(fixture->bus);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

/* -1 while there is none. */
static int
try_open(const Fixture *fixture, const char *place, guint interface)
{
    g_autofree char *name = kl_sim_bus_tty(fixture->bus, place, interface);
    g_autofree char *path = g_strconcat("/dev/", name, NULL);
    return name != NULL ? open(path, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
}

static int
open_unit(const Fixture *fixture, const char *place)
{
    int fd = -1;
    wait_until((fd = try_open(fixture, place, 3)) >= 0);
    return fd;
}

static void
read_to_hang_up(int fd)
{
    g_autoptr(GString) heard = g_string_new(NULL);
    while (receive(fd, heard))
        ;
    close(fd);
}

static void
test_answers(void)
{
    static const KlSimBusKind kinds[] = {KL_SIM_MODULE, KL_SIM_FTDI, KL_SIM_CP210X};
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_auto(Fixture) fixture = fixture_new((KlSimOptions){.kind = kinds[i]});
        g_autofree char *address = kl_sim_address(fixture.bench.sim, 2, KL_SIM_AGENT);
        g_assert_cmpstr(address, ==, "usb:1-1.1.2");
        int fd = -1;
        wait_until((fd = try_open(&fixture, "1-1.1.2", kinds[i] == KL_SIM_MODULE ? 3 : 0)) >= 0);
        g_autofree char *modem = ask(fd, "AT+CGSN");
        assert_has(modem, kl_sim_imei(fixture.bench.sim, 2));
        g_autofree char *agent = ask(fd, "AT+KLINFO?");
        assert_has(agent, "\"boot\"");
        close(fd);
    }
}

static void
test_replaced(void)
{
    g_auto(Fixture) fixture = fixture_new((KlSimOptions){0});
    g_autoptr(GError) error = NULL;
    int fd = open_unit(&fixture, "1-1.2.1");
    guint number = kl_sim_bus_number(fixture.bus, "1-1.2.1");
    kl_sim_unplug(fixture.bench.sim, 3);
    read_to_hang_up(fd);
    g_assert_cmpuint(kl_sim_bus_number(fixture.bus, "1-1.2.1"), ==, 0);
    kl_sim_replace(fixture.bench.sim, 3, 9, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(kl_sim_bus_number(fixture.bus, "1-1.2.1"), !=, number);
    fd = open_unit(&fixture, "1-1.2.1");
    g_autofree char *modem = ask(fd, "AT+CGSN");
    assert_has(modem, kl_sim_imei(fixture.bench.sim, 3));
    close(fd);
}

static void
test_lost(void)
{
    const char *const faults[] = {"1:power-cut-before@key*1", NULL};
    g_auto(Fixture) fixture = fixture_new((KlSimOptions){.faults = faults});
    int fd = open_unit(&fixture, "1-1.1.1");
    guint number = kl_sim_bus_number(fixture.bus, "1-1.1.1");
    g_autofree char *boot = boot_id(fd);
    send_command(fd, "AT+KLKEY=\"keyline\",\"ec-p256\"");
    read_to_hang_up(fd);
    fd = open_unit(&fixture, "1-1.1.1");
    g_assert_cmpuint(kl_sim_bus_number(fixture.bus, "1-1.1.1"), !=, number);
    g_autofree char *boot_later = boot_id(fd);
    g_assert_cmpstr(boot, !=, boot_later);
    close(fd);
}

/* Off on both halves: the unit is gone and stays away; on: it comes back, and has forgotten what was in memory. */
static void
test_port_power(void)
{
    g_auto(Fixture) fixture = fixture_new((KlSimOptions){0});
    g_autoptr(libusb_context) usb = usb_new();
    g_autoptr(libusb_device_handle) high = open_device(usb, "1-1.2");
    g_autoptr(libusb_device_handle) super = open_device(usb, "2-1.2");
    int fd = open_unit(&fixture, "1-1.2.2");
    int neighbour = open_unit(&fixture, "1-1.2.1");
    g_autofree char *boot = boot_id(fd);
    g_autofree char *boot_of_neighbour = boot_id(neighbour);
    switch_port(high, 2, FALSE);
    switch_port(super, 2, FALSE);
    read_to_hang_up(fd);
    g_assert_cmpint(try_open(&fixture, "1-1.2.2", 3), ==, -1);
    switch_port(super, 2, TRUE);
    switch_port(high, 2, TRUE);
    fd = open_unit(&fixture, "1-1.2.2");
    g_autofree char *boot_later = boot_id(fd);
    g_assert_cmpstr(boot, !=, boot_later);
    g_autofree char *boot_of_neighbour_later = boot_id(neighbour);
    g_assert_cmpstr(boot_of_neighbour, ==, boot_of_neighbour_later);
    close(neighbour);
    close(fd);
}

static void
test_hub_pulled(void)
{
    g_auto(Fixture) fixture = fixture_new((KlSimOptions){0});
    int fds[] = {open_unit(&fixture, "1-1.1.1"), open_unit(&fixture, "1-1.1.2")};
    kl_sim_bus_unplug(fixture.bus, "1-1.1");
    read_to_hang_up(fds[0]);
    read_to_hang_up(fds[1]);
    add_hub(fixture.bus, "1-1.1", 2, KL_SIM_HUB_PER_PORT, TRUE);
    fds[0] = open_unit(&fixture, "1-1.1.1");
    fds[1] = open_unit(&fixture, "1-1.1.2");
    assert_answer(fds[0], "AT", "OK");
    assert_answer(fds[1], "AT", "OK");
    close(fds[0]);
    close(fds[1]);
}

static void
test_line_file(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("kl-hub-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "line.conf", NULL);
    g_autofree char *text = NULL;
    const KlSimHub wide = {2, 3};
    kl_sim_hub_write_line(&wide, path, &error);
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "[hub A]\npath=1-1\nrows=2\ncolumns=3\nports=1.1;1.2;1.3;2.1;2.2;2.3;\n");
    remove_tree(dir);
}

static void
test_hub_texts(void)
{
    static const char *const wrong[] = {"",    "x",    "4",    "4x",    "x4",   "0x4",
                                        "4x0", "16x1", "1x16", "4x4x4", "-1x4", "4 x4"};
    KlSimHub read;
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(kl_sim_hub_parse(wrong[i], &read, &error));
        g_assert_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
    }
    g_assert_true(kl_sim_hub_parse("8x15", &read, NULL));
    g_assert_cmpuint(read.rows, ==, 8);
    g_assert_cmpuint(read.columns, ==, 15);
}

int
main(int argc, char **argv)
{
    enter_bus(argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim-bus-line/answers", test_answers);
    g_test_add_func("/sim-bus-line/replaced", test_replaced);
    g_test_add_func("/sim-bus-line/lost", test_lost);
    g_test_add_func("/sim-bus-line/port-power", test_port_power);
    g_test_add_func("/sim-bus-line/hub-pulled", test_hub_pulled);
    g_test_add_func("/sim-bus-line/line-file", test_line_file);
    g_test_add_func("/sim-bus-line/hub-texts", test_hub_texts);
    return g_test_run();
}
