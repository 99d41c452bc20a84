/* Which tty stands at a hub port, and what a port path may look like: on invented trees of sysfs. */
#include "drivers/at_wp77/usb_place.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "drivers/at_wp77/usb_ids.h"
#include "drivers/at_wp77/usb_port.h"
#include "drivers/at_wp77/usb_trouble.h"
#include "station/config.h"
#include "station/error.h"

/* Writes a file below a folder, with the folders above it. */
static void
put(const char *root, const char *file, const char *text)
{
    g_autofree char *path = g_build_filename(root, file, NULL);
    g_autofree char *folder = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
remove_tree(const char *root)
{
    const char *argv[] = {"rm", "-rf", root, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
}

/* A tree is written as "FILE=TEXT" lines below the folder of the device 1-1.4. */
static char *
make_tree(const char *lines)
{
    char *root = g_dir_make_tmp("keyline-usb-XXXXXX", NULL);
    g_auto(GStrv) list = g_strsplit(lines, "\n", -1);
    for (guint i = 0; list[i] != NULL; i++) {
        char *value = strchr(list[i], '=');
        if (value == NULL)
            continue;
        *value++ = '\0';
        g_autofree char *file = g_build_filename("bus/usb/devices/1-1.4", list[i], NULL);
        g_autofree char *text = g_strconcat(value, "\n", NULL);
        put(root, file, text);
    }
    return root;
}

#define DEVICE(vendor, product, interfaces)                                                                            \
    "idVendor=" vendor "\nidProduct=" product "\nbusnum=1\ndevnum=27\nbDeviceClass=00\nbNumInterfaces= " interfaces    \
    "\nmaxchild=0\n"
#define INTERFACE(number) "1-1.4:1." number "/bInterfaceNumber=0" number "\n"
#define USB_SERIAL(number, tty, dev) INTERFACE(number) "1-1.4:1." number "/" tty "/tty/" tty "/dev=" dev "\n"
#define CDC_ACM(number, tty, dev) INTERFACE(number) "1-1.4:1." number "/tty/" tty "/dev=" dev "\n"

typedef struct {
    const char *name;
    const char *tree;
    int interface;
    gboolean there;
    const char *tty;
    guint number;
    guint device[2]; /* major, minor */
    gboolean boot;
} PlaceCase;

static const PlaceCase places[] = {
    {"module",
     DEVICE("1199", "68c0", "5") USB_SERIAL("0", "ttyUSB5", "188:5") USB_SERIAL("2", "ttyUSB0", "188:0")
         USB_SERIAL("3", "ttyUSB17", "188:17") INTERFACE("8"),
     -1,
     TRUE,
     "ttyUSB17",
     3,
     {188, 17}},
    {"module: its AT tty has not come",
     DEVICE("1199", "68c0", "5") USB_SERIAL("0", "ttyUSB0", "188:0") USB_SERIAL("2", "ttyUSB1", "188:1") INTERFACE("3"),
     -1, TRUE, ""},
    {"module: no interface has come", DEVICE("1199", "68c0", ""), -1, TRUE, ""},
    {"module: another interface by name",
     DEVICE("1199", "68c0", "5") USB_SERIAL("2", "ttyUSB4", "188:4") USB_SERIAL("3", "ttyUSB3", "188:3"),
     2,
     TRUE,
     "ttyUSB4",
     2,
     {188, 4}},
    {"module: an interface by name that is not there", DEVICE("1199", "68c0", "5") USB_SERIAL("3", "ttyUSB3", "188:3"),
     7, TRUE, ""},
    {"the number of an interface is its own, not its folder's",
     DEVICE("1199", "68c0", "5") "1-1.4:1.3/bInterfaceNumber=02\n1-1.4:1.3/ttyUSB1/tty/ttyUSB1/dev=188:1\n"
                                 "1-1.4:1.2/bInterfaceNumber=03\n1-1.4:1.2/ttyUSB2/tty/ttyUSB2/dev=188:2\n",
     -1,
     TRUE,
     "ttyUSB2",
     3,
     {188, 2}},
    {"numbers of interfaces are hexadecimal",
     DEVICE("1199", "68c0", "5") "1-1.4:1.16/bInterfaceNumber=10\n1-1.4:1.16/ttyUSB1/tty/ttyUSB1/dev=188:1\n",
     16,
     TRUE,
     "ttyUSB1",
     16,
     {188, 1}},
    {"module in its boot loader", DEVICE("1199", "68c0", "1") INTERFACE("0"), -1, TRUE, "", 0, {0}, TRUE},
    {"module in its boot loader, other product",
     DEVICE("1199", "9070", "1") INTERFACE("0"),
     -1,
     TRUE,
     "",
     0,
     {0},
     TRUE},
    {"module that is going: its last interface", DEVICE("1199", "68c0", "") INTERFACE("8"), -1, TRUE, ""},
    {"module that is coming: its first interface", DEVICE("1199", "68c0", "5") INTERFACE("0"), -1, TRUE, ""},
    {"what has a tty is not asked how many interfaces it has",
     DEVICE("1199", "68c0", "9999") USB_SERIAL("3", "ttyUSB3", "188:3"),
     -1,
     TRUE,
     "ttyUSB3",
     3,
     {188, 3}},
    {"adapter", DEVICE("0403", "6001", "1") USB_SERIAL("0", "ttyUSB9", "188:9"), -1, TRUE, "ttyUSB9", 0, {188, 9}},
    {"adapter with two ports: the first",
     DEVICE("0403", "6010", "2") USB_SERIAL("1", "ttyUSB0", "188:0") USB_SERIAL("0", "ttyUSB1", "188:1"),
     -1,
     TRUE,
     "ttyUSB1",
     0,
     {188, 1}},
    {"adapter with two ports: the second by name",
     DEVICE("0403", "6010", "2") USB_SERIAL("1", "ttyUSB0", "188:0") USB_SERIAL("0", "ttyUSB1", "188:1"),
     1,
     TRUE,
     "ttyUSB0",
     1,
     {188, 0}},
    {"the lowest interface that has a tty",
     DEVICE("1a86", "7523", "3") INTERFACE("0") USB_SERIAL("2", "ttyUSB0", "188:0") USB_SERIAL("1", "ttyUSB1", "188:1"),
     -1,
     TRUE,
     "ttyUSB1",
     1,
     {188, 1}},
    {"one interface with several ttys",
     DEVICE("9710", "7840", "1") USB_SERIAL("0", "ttyUSB10", "188:10") USB_SERIAL("0", "ttyUSB9", "188:9"),
     -1,
     TRUE,
     "ttyUSB9",
     0,
     {188, 9}},
    {"cdc-acm",
     DEVICE("2341", "0043", "2") CDC_ACM("0", "ttyACM0", "166:0") INTERFACE("1"),
     -1,
     TRUE,
     "ttyACM0",
     0,
     {166, 0}},
    {"an interface of another device",
     DEVICE("0403", "6001", "1") "1-1.40:1.0/bInterfaceNumber=00\n1-1.40:1.0/ttyUSB1/tty/ttyUSB1/dev=188:1\n", -1, TRUE,
     ""},
    {"a tty without a number", DEVICE("0403", "6001", "1") INTERFACE("0") "1-1.4:1.0/ttyUSB1/tty/ttyUSB1/uevent=\n", -1,
     TRUE, ""},
    {"no tty, but what looks like one",
     DEVICE("0403", "6001", "1") INTERFACE(
         "0") "1-1.4:1.0/ttyUSB 1/tty/ttyUSB 1/dev=188:1\n1-1.4:1.0/net/wwan0/dev=1:1\n1-1.4:1.0/tty/tty/dev=1:1\n",
     -1, TRUE, ""},
    {"nothing", "", -1, FALSE},
    {"a device that is going", "idVendor=1199\nidProduct=68c0\n", -1, FALSE},
    {"nonsense", "idVendor=1199\nidProduct=zzzz\nbusnum=1\ndevnum=2\nbDeviceClass=00\n", -1, FALSE},
};

static void
test_place(gconstpointer data)
{
    const PlaceCase *want = data;
    g_autofree char *root = make_tree(want->tree);
    KlUsbPlace place;
    g_assert_cmpint(kl_usb_place_look(root, "1-1.4", want->interface, &place), ==, want->there);
    g_assert_false(kl_usb_place_look(root, "1-1", -1, &(KlUsbPlace){0}));
    remove_tree(root);
    if (!want->there)
        return;
    g_assert_cmpuint(place.bus, ==, 1);
    g_assert_cmpuint(place.address, ==, 27);
    g_assert_cmpstr(place.tty, ==, want->tty);
    g_assert_cmpuint(place.interface, ==, want->number);
    g_assert_cmpuint(place.tty_device, ==, makedev(want->device[0], want->device[1]));
    g_assert_cmpint(kl_usb_place_in_boot(&place), ==, want->boot);
}

static void
test_hub(void)
{
    g_autofree char *root = make_tree("idVendor=05e3\nidProduct=0610\nbusnum=1\ndevnum=2\nbDeviceClass=09\n"
                                      "bNumInterfaces= 1\nmaxchild=7\n1-1.4:1.0/bInterfaceNumber=00\n");
    KlUsbPlace place;
    const char *title;
    g_assert_true(kl_usb_place_look(root, "1-1.4", -1, &place));
    g_assert_cmpuint(place.ports, ==, 7);
    g_assert_cmpint(kl_usb_kind(&place, NULL, &title), ==, KL_USB_HUB);
    remove_tree(root);
}

static void
test_addresses(void)
{
    static const struct {
        const char *text, *path;
        int interface;
    } table[] = {
        {"1-1", "1-1", -1},
        {"1-1.4.2", "1-1.4.2", -1},
        {"255-255.255.255.255.255.255.255", "255-255.255.255.255.255.255.255", -1},
        {"12-10#3", "12-10", 3},
        {"1-1#0", "1-1", 0},
        {"1-1#255", "1-1", 255},
        {""},
        {"1"},
        {"1-"},
        {"-1"},
        {"1-1."},
        {"1-1..2"},
        {"1-.1"},
        {"1-1-1"},
        {"1.1"},
        {"0-1"},
        {"1-0"},
        {"1-01"},
        {"1-256"},
        {"1-1000"},
        {"99999999999999999999-1"},
        {"1-1.2.3.4.5.6.7.8"},
        {"1-1/"},
        {"1-1/../1-2"},
        {"../../etc"},
        {"1-1.."},
        {" 1-1"},
        {"1-1 "},
        {"1-1\n"},
        {"+1-1"},
        {"1-1:1.0"},
        {"1-1#"},
        {"1-1#-1"},
        {"1-1#+1"},
        {"1-1#256"},
        {"1-1#3#3"},
        {"1-1#3 "},
        {"1-1#x"},
        {"usb1"},
        {"usb:1-1"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;
        KlUsbAddress address;
        gboolean good = kl_usb_address_parse(table[i].text, &address, &error);
        g_test_message("'%s': %s", table[i].text, good ? address.path : error->message);
        g_assert_cmpint(good, ==, table[i].path != NULL);
        if (!good) {
            g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
            continue;
        }
        g_assert_cmpstr(address.path, ==, table[i].path);
        g_assert_cmpint(address.interface, ==, table[i].interface);
    }
}

static void
test_kinds(void)
{
    const KlUsbId modules[] = {{0x1199, 0x9091, FALSE}, {0x2c7c, 0, TRUE}};
    const KlUsbId adapters[] = {{0x4348, 0x5523, FALSE}};
    static const struct {
        guint16 vendor, product;
        guint interfaces;
        KlUsbKind plain, ruled;
    } table[] = {
        {0x1199, 0x68c0, 5, KL_USB_MODULE, KL_USB_MODULE},   {0x1199, 0x68c0, 1, KL_USB_BOOT, KL_USB_BOOT},
        {0x1199, 0x68c0, 0, KL_USB_MODULE, KL_USB_MODULE},   {0x1199, 0x9091, 5, KL_USB_OTHER, KL_USB_MODULE},
        {0x1199, 0x9070, 1, KL_USB_BOOT, KL_USB_BOOT},       {0x0403, 0x6001, 1, KL_USB_ADAPTER, KL_USB_ADAPTER},
        {0x0403, 0x6015, 1, KL_USB_ADAPTER, KL_USB_ADAPTER}, {0x0403, 0x9999, 1, KL_USB_OTHER, KL_USB_OTHER},
        {0x10c4, 0xea71, 4, KL_USB_ADAPTER, KL_USB_ADAPTER}, {0x067b, 0x2303, 1, KL_USB_ADAPTER, KL_USB_ADAPTER},
        {0x1a86, 0x7523, 1, KL_USB_ADAPTER, KL_USB_ADAPTER}, {0x4348, 0x5523, 1, KL_USB_OTHER, KL_USB_ADAPTER},
        {0x2c7c, 0x0125, 5, KL_USB_OTHER, KL_USB_MODULE},    {0x2c7c, 0x0125, 1, KL_USB_OTHER, KL_USB_BOOT},
        {0x046d, 0xc31c, 2, KL_USB_OTHER, KL_USB_OTHER},
    };
    KlUsbRules rules = {g_array_new(FALSE, FALSE, sizeof(KlUsbId)), g_array_new(FALSE, FALSE, sizeof(KlUsbId))};
    g_array_append_vals((GArray *)rules.modules, modules, G_N_ELEMENTS(modules));
    g_array_append_vals((GArray *)rules.adapters, adapters, G_N_ELEMENTS(adapters));
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        const KlUsbPlace place = {
            .vendor = table[i].vendor, .product = table[i].product, .interfaces = table[i].interfaces};
        const char *title = NULL;
        g_test_message("%04x:%04x with %u interfaces", place.vendor, place.product, place.interfaces);
        g_assert_cmpint(kl_usb_kind(&place, NULL, &title), ==, table[i].plain);
        g_assert_nonnull(title);
        g_assert_cmpint(kl_usb_kind(&place, &rules, &title), ==, table[i].ruled);
    }
    g_array_unref((GArray *)rules.modules);
    g_array_unref((GArray *)rules.adapters);
}

static void
test_ports(void)
{
    static const struct {
        const char *path, *hub;
        guint number;
    } table[] = {{"1-1.4.2", "1-1.4", 2}, {"1-1.12", "1-1", 12}, {"3-7", "usb3", 7}, {"usb1"}, {"1-1."}};
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        KlUsbPort port;
        g_autoptr(GError) error = NULL;
        if (!kl_usb_port_of(table[i].path, &port, &error)) {
            g_assert_null(table[i].hub);
            g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
            continue;
        }
        g_assert_cmpstr(port.hub, ==, table[i].hub);
        g_assert_cmpuint(port.number, ==, table[i].number);
    }
}

/* The other half of a port as the kernel links it. */
static void
test_peers(void)
{
    static const struct {
        const char *hub, *interface, *folder, *target;
        gboolean there;
        const char *peer;
        guint number;
    } table[] = {
        {"1-1.4", "1-1.4:1.0", "1-1.4-port2", "../../../../../usb2/2-1/2-1.4/2-1.4:1.0/2-1.4-port2", TRUE, "2-1.4", 2},
        {"usb1", "1-0:1.0", "usb1-port2", "../../../usb2/2-0:1.0/usb2-port2", TRUE, "usb2", 2},
        {"1-1.4", "1-1.4:1.0", "1-1.4-port3", "../x", FALSE, NULL, 2},
        {"1-1.4", "1-1.4:1.0", "1-1.4-port2", "../nonsense", FALSE, NULL, 2},
        {"1-1.4", "1-1.4:1.0", "1-1.4-port2", "2-1.4-port0", FALSE, NULL, 2},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *root = g_dir_make_tmp("keyline-usb-XXXXXX", NULL);
        g_autofree char *folder =
            g_build_filename(root, "bus/usb/devices", table[i].hub, table[i].interface, table[i].folder, NULL);
        g_autofree char *link = g_build_filename(folder, "peer", NULL);
        g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
        g_assert_cmpint(symlink(table[i].target, link), ==, 0);
        KlUsbPort port = {.number = 2};
        KlUsbPort peer;
        g_strlcpy(port.hub, table[i].hub, sizeof port.hub);
        g_assert_cmpint(kl_usb_port_peer(root, &port, &peer), ==, table[i].there);
        if (table[i].there) {
            g_assert_cmpstr(peer.hub, ==, table[i].peer);
            g_assert_cmpuint(peer.number, ==, table[i].number);
        }
        remove_tree(root);
    }
}

/* ID_MM_DEVICE_IGNORE in udev's database: of the device, or of the tty. */
static void
test_ignored(void)
{
    static const struct {
        const char *entry, *text;
        gboolean ignored;
    } table[] = {
        {"c189:154", "I:1\nE:ID_MM_DEVICE_IGNORE=1\nG:systemd\n", TRUE}, /* bus 2, address 27 */
        {"c188:7", "E:ID_MM_DEVICE_IGNORE=1\n", TRUE},
        {"+usb:1-1.4", "E:ID_MM_DEVICE_IGNORE=1\n", TRUE},
        {"c189:154", "E:ID_MM_DEVICE_IGNORE=0\n", FALSE},
        {"c189:154", "E:ID_MM_DEVICE_IGNORE=12\n", FALSE},
        {"c189:154", "E:X_ID_MM_DEVICE_IGNORE=1\n", FALSE},
        {"c189:26", "E:ID_MM_DEVICE_IGNORE=1\n", FALSE},
        {"c188:8", "E:ID_MM_DEVICE_IGNORE=1\n", FALSE},
    };
    const KlUsbPlace place = {.bus = 2, .address = 27, .tty = "ttyUSB7", .tty_device = makedev(188, 7)};
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *root = g_dir_make_tmp("keyline-udev-XXXXXX", NULL);
        put(root, table[i].entry, table[i].text);
        g_test_message("%s: %s", table[i].entry, table[i].text);
        g_assert_cmpint(kl_usb_ignored_by_modem_manager(root, "1-1.4", &place), ==, table[i].ignored);
        remove_tree(root);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *name = g_strconcat("/usb-place/place/", places[i].name, NULL);
        g_test_add_data_func(name, &places[i], test_place);
    }
    g_test_add_func("/usb-place/hub", test_hub);
    g_test_add_func("/usb-place/addresses", test_addresses);
    g_test_add_func("/usb-place/kinds", test_kinds);
    g_test_add_func("/usb-place/ports", test_ports);
    g_test_add_func("/usb-place/peers", test_peers);
    g_test_add_func("/usb-place/ignored-by-modem-manager", test_ignored);
    return g_test_run();
}
