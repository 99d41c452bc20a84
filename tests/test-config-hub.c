/* station.conf's [hub ...], usb=, [usb] and [recovery]: places on hubs become slots, and every mistake is named. */
#include <glib/gstdio.h>

#include "station/config.h"
#include "station/error.h"
#include "station/port_path.h"

#define HEAD "[station]\nname=Line 4\nproduct=fx30s\n"
#define HUB HEAD "[hub A]\npath=1-1\nrows=1\ncolumns=2\n"

static char *dir;

static void
put(const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static KlConfig *
load(const char *text)
{
    put("station.conf", text);
    g_autoptr(GError) error = NULL;
    KlConfig *config = kl_config_load(dir, &error);
    g_assert_no_error(error);
    return config;
}

/* The slots in their order: "NAME ADDRESS HUB ROW COLUMN" a line. */
static char *
slots_text(const KlConfig *config)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < config->slots->len; i++) {
        const KlSlotConfig *slot = config->slots->pdata[i];
        g_string_append_printf(text, "%s %s %d %u %u\n", slot->name, slot->agent, slot->hub, slot->row, slot->column);
    }
    return g_string_free(text, FALSE);
}

static void
test_slots(void)
{
    static const struct {
        const char *text, *slots;
    } table[] = {
        {HEAD "[slot 01]\nusb=1-1.4.2\n", "01 usb:1-1.4.2 -1 0 0\n"},
        {HEAD "[slot 01]\nagent=usb:1-1.4.2#3\n", "01 usb:1-1.4.2#3 -1 0 0\n"},
        {HEAD "[slot 01]\nusb=1-1#0\n[slot 02]\nusb=1-1#1\n", "01 usb:1-1#0 -1 0 0\n02 usb:1-1#1 -1 0 0\n"},
        {HUB, "A01 usb:1-1.1 0 0 0\nA02 usb:1-1.2 0 0 1\n"},
        {HUB "ports=4.2;3.1;\n", "A01 usb:1-1.4.2 0 0 0\nA02 usb:1-1.3.1 0 0 1\n"},
        {HUB "ports= - ; 1 \n", "A02 usb:1-1.1 0 0 1\n"},
        {HEAD "[hub top]\npath=usb3\nrows=2\ncolumns=1\nports=4;2.1\n", "top01 usb:3-4 0 0 0\ntop02 usb:3-2.1 0 1 0\n"},
        /* Hubs in the order of the file, whatever they are called; slots of their own come first. */
        {HEAD "[hub B]\npath=1-2\nrows=2\ncolumns=1\n[slot C]\nusb=9-1\n[hub A]\npath=1-1\nrows=1\ncolumns=1\n[slot "
              "01]\nagent=pty:/x\n",
         "01 pty:/x -1 0 0\nC usb:9-1 -1 0 0\nB01 usb:1-2.1 0 0 0\nB02 usb:1-2.2 0 1 0\nA01 usb:1-1.1 1 0 0\n"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(KlConfig) config = load(table[i].text);
        g_autofree char *slots = slots_text(config);
        g_assert_cmpstr(slots, ==, table[i].slots);
    }
}

/* Three digits where there are more than 99 places; the order is the reading order, not that of names. */
static void
test_many_places(void)
{
    g_autoptr(KlConfig) small = load(HEAD "[hub A]\npath=1-1\nrows=9\ncolumns=11\n");
    g_assert_cmpuint(small->slots->len, ==, 99);
    g_assert_nonnull(kl_config_slot(small, "A99", NULL));
    g_autoptr(KlConfig) large = load(HEAD "[hub A]\npath=1-1\nrows=10\ncolumns=10\n");
    g_assert_cmpuint(large->slots->len, ==, 100);
    const KlSlotConfig *last = large->slots->pdata[99];
    g_assert_cmpstr(last->name, ==, "A100");
    g_assert_cmpstr(((KlSlotConfig *)large->slots->pdata[9])->name, ==, "A010");
    g_assert_cmpuint(last->row, ==, 9);
    g_assert_cmpuint(last->column, ==, 9);
}

static void
test_hubs_and_ids(void)
{
    put("line.conf", "[hub L]\npath=2-1\nrows=1\ncolumns=1\n");
    g_autoptr(KlConfig) config =
        load(HEAD "line=line.conf\n[hub A]\npath=1-1.4\nrows=2\ncolumns=3\n[usb]\nmodules=1199:9091;1199:*\n"
                  "adapters= 10C4:ea60 ;\n[recovery]\npower-cycles=3\n");
    g_assert_cmpuint(config->hubs->len, ==, 2);
    const KlHubConfig *hub = config->hubs->pdata[0];
    g_assert_cmpstr(hub->name, ==, "A");
    g_assert_cmpstr(hub->path, ==, "1-1.4");
    g_assert_cmpuint(hub->rows, ==, 2);
    g_assert_cmpuint(hub->columns, ==, 3);
    g_assert_cmpstr(((KlHubConfig *)config->hubs->pdata[1])->name, ==, "L");
    g_assert_cmpint(kl_config_slot(config, "L01", NULL)->hub, ==, 1);
    g_assert_cmpuint(config->usb_modules->len, ==, 2);
    const KlUsbId *ids = (const KlUsbId *)(gpointer)config->usb_modules->data;
    g_assert_cmphex(ids[0].vendor, ==, 0x1199);
    g_assert_cmphex(ids[0].product, ==, 0x9091);
    g_assert_false(ids[0].any_product);
    g_assert_cmphex(ids[1].vendor, ==, 0x1199);
    g_assert_true(ids[1].any_product);
    const KlUsbId *adapter = (const KlUsbId *)(gpointer)config->usb_adapters->data;
    g_assert_cmpuint(config->usb_adapters->len, ==, 1);
    g_assert_cmphex(adapter->vendor, ==, 0x10c4);
    g_assert_cmphex(adapter->product, ==, 0xea60);
    g_assert_cmpuint(config->power_cycles, ==, 3);
    g_autoptr(KlConfig) plain = load(HEAD);
    g_assert_cmpuint(plain->power_cycles, ==, 0);
    g_assert_cmpuint(plain->hubs->len + plain->usb_modules->len + plain->usb_adapters->len, ==, 0);
}

static void
test_every_mistake(void)
{
    static const struct {
        const char *text, *message;
    } table[] = {
        {HEAD "[slot 01]\nusb=1-1\nagent=pty:/a\n", "station.conf:5: [slot 01] usb: needs agent (serial:"},
        {HEAD "[slot 01]\nusb=1-1\nagent=x\n", "station.conf:6: [slot 01] agent: 'x' is not an address"},
        {HEAD "[slot 01]\nusb=1-0\n", "station.conf:5: [slot 01] usb: '1-0' is no hub port; allowed: a port path"},
        {HEAD "[slot 01]\nusb=ttyUSB0\n", "'ttyUSB0' is no hub port"},
        {HEAD "[slot 01]\nusb=usb1\n", "'usb1' is no hub port"},
        {HEAD "[slot 01]\nusb=1-1#\n", "'1-1#' is no hub port"},
        {HEAD "[slot 01]\nusb=1-1#256\n", "'1-1#256' is no hub port"},
        {HEAD "[slot 01]\nusb=1-1#03\n", "'1-1#03' is no hub port"},
        {HEAD "[slot 01]\nagent=usb:../1-1\n", "station.conf:5: [slot 01] agent: 'usb:../1-1' is not an address"},
        {HEAD "[slot 01]\nagent=pty:/a\nmodem=usb:1\n", "station.conf:6: [slot 01] modem: 'usb:1' is not an address"},
        {HEAD "[slot 01]\nusb=1-1\n[slot 02]\nusb=1-1\n",
         "station.conf:7: [slot 02] usb: usb:1-1 is already a port of slot 01"},
        {HEAD "[slot 01]\nusb=1-1\n[slot 02]\nusb=1-1#3\n", "usb:1-1#3 is already a port of slot 01"},
        {HEAD "[slot 01]\nusb=1-1\n[slot 02]\nusb=1-2\nmodem=usb:1-1\n",
         "station.conf:8: [slot 02] modem: usb:1-1 is already a port of slot 01"},
        {HUB "[slot 01]\nusb=1-1.2\n", "station.conf:4: [hub A] ports: usb:1-1.2 is already a port of slot 01"},
        {HUB "[slot A02]\nusb=1-2\n", "station.conf:4: [hub A] ports: slot A02 is defined twice"},
        {HUB "ports=1;1\n", "station.conf:8: [hub A] ports: usb:1-1.1 is already a port of slot A01"},
        {HUB "[hub B]\npath=1\n", "station.conf:8: [hub B] needs the key 'rows'"},
        {HUB "[hub B]\npath=1-1\nrows=1\ncolumns=1\n", "[hub B] ports: usb:1-1.1 is already a port of slot A01"},
        {HUB "[hub B C]\npath=1-2\nrows=1\ncolumns=1\n", "station.conf:9: [hub B C] path: a hub's name has 1 to 16"},
        {HUB "[hub 12345678901234567]\npath=1-2\nrows=1\ncolumns=1\n", "a hub's name has 1 to 16 characters"},
        {HUB "ports=1\n", "station.conf:8: [hub A] ports: 1 for 1 x 2 places; allowed: 2, with - for"},
        {HUB "ports=1;2;3\n", "3 for 1 x 2 places"},
        {HUB "ports=1;x\n", "station.conf:8: [hub A] ports: 'x' is no port below 1-1; allowed: numbers from 1"},
        {HUB "ports=1;\n", "1 for 1 x 2"},
        {HUB "ports=1;;\n", "'' is no port below 1-1"},
        {HUB "ports=1;2.0\n", "'2.0' is no port"},
        {HUB "ports=1;1-1.2\n", "'1-1.2' is no port"},
        {HUB "ports=1;2.3.4.5.6.7.8\n", "'2.3.4.5.6.7.8' is no port"},
        {HUB "colour=red\n", "unknown key 'colour' in [hub A]; allowed: path, rows, columns, ports"},
        {HEAD "[hub A]\npath=/dev\nrows=1\ncolumns=1\n", "station.conf:5: [hub A] path: '/dev' is no hub; allowed: a"},
        {HEAD "[hub A]\npath=usb\nrows=1\ncolumns=1\n", "'usb' is no hub"},
        {HEAD "[hub A]\npath=1-1\nrows=0\ncolumns=1\n", "station.conf:6: [hub A] rows: allowed: a number from 1 to 16"},
        {HEAD "[hub A]\npath=1-1\nrows=1\ncolumns=17\n",
         "station.conf:7: [hub A] columns: allowed: a number from 1 to 16"},
        {HEAD "[hub A]\npath=1-1\nrows=16\ncolumns=16\n", "'256' is no port below 1-1"},
        {HEAD "[usb]\nmodules=1199\n", "station.conf:5: [usb] modules: '1199' is no USB id; allowed: VENDOR:PRODUCT"},
        {HEAD "[usb]\nmodules=1199:68c\n", "'1199:68c' is no USB id"},
        {HEAD "[usb]\nmodules=1199:68c01\n", "'1199:68c01' is no USB id"},
        {HEAD "[usb]\nmodules=0x99:68c0\n", "'0x99:68c0' is no USB id"},
        {HEAD "[usb]\nadapters=*:*\n", "station.conf:5: [usb] adapters: '*:*' is no USB id"},
        {HEAD "[usb]\nadapters=1199:0x68\n", "'1199:0x68' is no USB id"},
        {HEAD "[recovery]\npower-cycles=4\n", "station.conf:5: [recovery] power-cycles: allowed: a number from 0 to 3"},
        {HEAD "[recovery]\npower-cycles=yes\n", "allowed: a number from 0 to 3"},
        {HEAD "line=line.conf\n[hub L]\npath=3-1\nrows=1\ncolumns=1\n", "line.conf:2: [hub L] path: hub L is defined"},
        {HEAD "line=line.conf\n[slot 1]\nusb=2-1.1\n",
         "line.conf:1: [hub L] ports: usb:2-1.1 is already a port of slot 1"},
    };
    put("line.conf", "[hub L]\npath=2-1\nrows=1\ncolumns=1\n");
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        put("station.conf", table[i].text);
        g_autoptr(GError) error = NULL;
        g_autoptr(KlConfig) config = kl_config_load(dir, &error);
        g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
        if (strstr(error->message, table[i].message) == NULL)
            g_error("'%s' is not in '%s'", table[i].message, error->message);
    }
}

static void
test_port_paths(void)
{
    static const char *const ports[] = {"1-1", "12-255", "1-1.2.3.4.5.6.7", NULL};
    static const char *const not_ports[] = {"",     "1",     "1-",    "-1",    "1-1.",      "1-.1", "1-1..2",
                                            "01-1", "1-01",  "1-256", "1-1.0", "1-1/2",     "1-1 ", " 1-1",
                                            "1.1",  "1-1-1", "usb1",  "../1",  "1-9999999", "+1-1", "1-1.2.3.4.5.6.7.8",
                                            "0-1",  "1--1",  NULL};
    for (guint i = 0; ports[i] != NULL; i++)
        g_assert_true(kl_port_path_is_port(ports[i]) && kl_port_path_is_hub(ports[i]));
    for (guint i = 0; not_ports[i] != NULL; i++) {
        g_assert_false(kl_port_path_is_port(not_ports[i]));
        g_assert_true(strcmp(not_ports[i], "usb1") == 0 || !kl_port_path_is_hub(not_ports[i]));
    }
    g_assert_true(kl_port_path_is_hub("usb1") && kl_port_path_is_hub("usb255"));
    g_assert_false(kl_port_path_is_hub("usb") || kl_port_path_is_hub("usb0") || kl_port_path_is_hub("usb1-1"));
    g_assert_cmpuint(kl_port_path_number("1-7"), ==, 7);
    g_assert_cmpuint(kl_port_path_number("1-7.12"), ==, 12);
    g_assert_null(kl_port_path_rest("1-11.2", "1-1"));
    g_assert_null(kl_port_path_rest("1-1", "1-1"));
    g_assert_null(kl_port_path_rest("11-1", "usb1"));
    g_assert_cmpstr(kl_port_path_rest("1-1.4.2", "1-1"), ==, "4.2");
    static const char *const order[] = {"usb1", "1-1", "1-1.2", "1-1.10", "1-2", "usb2", "2-1", "usb10", "10-1"};
    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        for (guint k = 0; k < G_N_ELEMENTS(order); k++)
            g_assert_cmpint(kl_port_path_compare(order[i], order[k]), ==, i < k ? -1 : i > k);
    }
}

/* A port is its hub's path and its own number, however deep. */
static void
test_port_path_parts(void)
{
    for (guint round = 0; round < 2000; round++) {
        g_autoptr(GString) path = g_string_new(NULL);
        g_string_printf(path, "%d-%d", g_test_rand_int_range(1, 256), g_test_rand_int_range(1, 256));
        for (int depth = g_test_rand_int_range(0, 7); depth > 0; depth--)
            g_string_append_printf(path, ".%d", g_test_rand_int_range(1, 256));
        g_assert_true(kl_port_path_is_port(path->str));
        g_autofree char *hub = kl_port_path_hub(path->str);
        g_assert_true(kl_port_path_is_hub(hub));
        g_autofree char *number = g_strdup_printf("%u", kl_port_path_number(path->str));
        g_autofree char *again = kl_port_path_below(hub, number);
        g_assert_cmpstr(again, ==, path->str);
        g_assert_cmpstr(kl_port_path_rest(path->str, hub), ==, number);
        g_assert_cmpint(kl_port_path_compare(hub, path->str), ==, -1);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("keyline-config-XXXXXX", NULL);
    g_test_add_func("/config-hub/slots", test_slots);
    g_test_add_func("/config-hub/many-places", test_many_places);
    g_test_add_func("/config-hub/hubs-and-ids", test_hubs_and_ids);
    g_test_add_func("/config-hub/every-mistake", test_every_mistake);
    g_test_add_func("/config-hub/port-paths", test_port_paths);
    g_test_add_func("/config-hub/port-path-parts", test_port_path_parts);
    int result = g_test_run();
    for (guint i = 0; i < 2; i++) {
        g_autofree char *path = g_build_filename(dir, i == 0 ? "station.conf" : "line.conf", NULL);
        g_remove(path);
    }
    g_rmdir(dir);
    g_free(dir);
    return result;
}
