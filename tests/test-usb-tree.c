/* keyline slots' tree: what is on the bus, what belongs there, and what is wrong, as text and as JSON. */
#include "station/cli/usb_tree.h"

#include "station/error.h"
#include "tests/config_text.h"
#include "tests/fake_bus.h"

#define HEAD "[station]\nname=n\nproduct=p\n"
#define HUB_A "[hub A]\npath=1-1\nrows=2\ncolumns=2\nports=1.1;1.2;2.1;-\n"

static char *
printed(const KlUsbTree *tree)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    kl_usb_tree_print(tree, file);
    fclose(file);
    char *copy = g_strdup(text);
    free(text);
    return copy;
}

static void
test_text(void)
{
    static const struct {
        const char *config, *devices;
        gboolean all;
        const char *text;
    } table[] = {
        /* Two levels: the empty places of the fixture are shown, other devices are not. */
        {HEAD HUB_A, "usb1h8 1-1h4 1-1.1h4 1-1.1.1m5=/dev/ttyUSB2 1-1.1.4a6=/dev/ttyUSB3 1-1.2h4 1-3o9 usb2h4", FALSE,
         "USB            WHAT IS THERE  ID         TTY           SLOT     TROUBLE\n"
         "usb1           hub, 8 ports   1199:68c0  -             -        -\n"
         "  1-1          hub, 4 ports   1199:68c0  -             [hub A]  -\n"
         "    1-1.1      hub, 4 ports   1199:68c0  -             -        -\n"
         "      1-1.1.1  WP77 module    1199:68c0  /dev/ttyUSB2  A01      -\n"
         "      1-1.1.2  empty          -          -             A02      -\n"
         "      1-1.1.4  FTDI adapter   0403:6001  /dev/ttyUSB3  -        -\n"
         "    1-1.2      hub, 4 ports   1199:68c0  -             -        -\n"
         "      1-1.2.1  empty          -          -             A03      -\n"},
        /* A hub that is gone; by number 2 comes before 10. */
        {HEAD "[slot 01]\nusb=1-10\nmodem=usb:1-2.1\n", "usb1h16 1-10m3", FALSE,
         "USB        WHAT IS THERE  ID         TTY  SLOT        TROUBLE\n"
         "usb1       hub, 16 ports  1199:68c0  -    -           -\n"
         "  1-2      no hub there   -          -    -           -\n"
         "    1-2.1  empty          -          -    01 (modem)  -\n"
         "  1-10     WP77 module    1199:68c0  -    01          -\n"},
        {HEAD, "usb1h1 1-1o2 usb2h1", TRUE,
         "USB    WHAT IS THERE  ID         TTY  SLOT  TROUBLE\n"
         "usb1   hub, 1 port    1199:68c0  -    -     -\n"
         "  1-1  something      1199:68c0  -    -     -\n"
         "usb2   hub, 1 port    1199:68c0  -    -     -\n"},
        /* Words once for two of a kind. */
        {HEAD "[hub B]\npath=usb1\nrows=1\ncolumns=2\n",
         "usb1h4 1-1m2=/dev/ttyUSB0!PORT_DENIED 1-2m3=/dev/ttyUSB3!PORT_DENIED 1-3b4!UNIT_BOOT_MODE", FALSE,
         "USB    WHAT IS THERE  ID         TTY           SLOT     TROUBLE\n"
         "usb1   hub, 4 ports   1199:68c0  -             [hub B]  -\n"
         "  1-1  WP77 module    1199:68c0  /dev/ttyUSB0  B01      PORT_DENIED\n"
         "  1-2  WP77 module    1199:68c0  /dev/ttyUSB3  B02      PORT_DENIED\n"
         "  1-3  WP77 module    1199:68c0  -             -        UNIT_BOOT_MODE\n"
         "\nslot B01, slot B02: The station may not open the unit's port.\n"
         "  details: 1-1: as told\n"
         "  remedy:  Call the line engineer: port permissions (see doctor).\n"
         "  code:    PORT_DENIED\n"
         "\n1-3: The unit is in its boot loader.\n"
         "  details: 1-3: as told\n"
         "  remedy:  Unplug the unit, wait 5 seconds, plug it in again; set it aside if it stays so.\n"
         "  code:    UNIT_BOOT_MODE\n"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(KlConfig) config = config_of(table[i].config);
        g_autoptr(GPtrArray) devices = fake_devices(table[i].devices);
        g_autoptr(KlUsbTree) tree = kl_usb_tree_new(config, devices, table[i].all);
        g_autofree char *text = printed(tree);
        g_assert_cmpstr(text, ==, table[i].text);
    }
}

static void
test_json(void)
{
    g_autoptr(KlConfig) config = config_of(HEAD HUB_A);
    g_autoptr(GPtrArray) devices = fake_devices("usb1h8 1-1h4 1-1.1h4 1-1.1.1m5=/dev/ttyUSB2!PORT_MODEM_MANAGER");
    g_autoptr(KlUsbTree) tree = kl_usb_tree_new(config, devices, FALSE);
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_usb_tree_json(tree, builder);
    json_builder_end_object(builder);
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    JsonArray *places = json_object_get_array_member(json_node_get_object(root), "usb");
    g_assert_cmpuint(json_array_get_length(places), ==, 7); /* the second-level hub 1-1.2 is missed, too */
    JsonObject *hub = json_array_get_object_element(places, 1);
    g_assert_cmpstr(json_object_get_string_member(hub, "kind"), ==, "hub");
    g_assert_cmpstr(json_object_get_string_member(hub, "hub"), ==, "A");
    g_assert_cmpint(json_object_get_int_member(hub, "ports"), ==, 4);
    JsonObject *unit = json_array_get_object_element(places, 3);
    g_assert_cmpstr(json_object_get_string_member(unit, "path"), ==, "1-1.1.1");
    g_assert_cmpstr(json_object_get_string_member(unit, "kind"), ==, "module");
    g_assert_cmpstr(json_object_get_string_member(unit, "id"), ==, "1199:68c0");
    g_assert_cmpstr(json_object_get_string_member(unit, "tty"), ==, "/dev/ttyUSB2");
    g_assert_cmpstr(json_object_get_string_member(unit, "slot"), ==, "A01");
    g_assert_cmpstr(json_object_get_string_member(unit, "code"), ==, "PORT_MODEM_MANAGER");
    g_assert_cmpstr(json_object_get_string_member(unit, "words"), ==, kl_error_words(KL_ERROR_PORT_MODEM_MANAGER));
    g_assert_cmpstr(json_object_get_string_member(unit, "detail"), ==, "1-1.1.1: as told");
    JsonObject *empty = json_array_get_object_element(places, 4);
    g_assert_true(json_object_get_null_member(empty, "kind"));
    g_assert_true(json_object_get_null_member(empty, "code"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/usb-tree/text", test_text);
    g_test_add_func("/usb-tree/json", test_json);
    return g_test_run();
}
