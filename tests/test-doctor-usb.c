/* The doctor's look at the USB bus, over a bus made of words. */
#include <sys/prctl.h>

#include "station/error.h"
#include "station/station_doctor.h"
#include "tests/config_text.h"
#include "tests/fake_bus.h"

#define HEAD "[station]\nname=n\nproduct=p\n"
#define HUB HEAD "[hub A]\npath=1-1\nrows=1\ncolumns=2\n"
#define DEEP HEAD "[hub A]\npath=1-1\nrows=2\ncolumns=2\nports=1.1;1.2;2.1;2.2\n"
#define CYCLES "[recovery]\npower-cycles=1\n"

/* How each hub switches power: by the last digit of its path, 1 each, 2 ganged, 3 none, 4 can't be told. */
typedef struct {
    KlBus base;
    const char *devices; /* NULL: can't be read */
} FakeBus;

static GPtrArray *
list_devices(KlBus *base, GError **error)
{
    const FakeBus *bus = (const FakeBus *)base;
    if (bus->devices != NULL)
        return fake_devices(bus->devices);
    kl_fail(error, KL_ERROR_BUS_FAILED, "no bus here");
    return NULL;
}

static gboolean
port_power(KlBus *base, const char *path, KlPortPower *power, GError **error)
{
    switch (strrchr(path, '.')[-1]) {
    case '1':
        *power = KL_PORT_POWER_EACH;
        return TRUE;
    case '2':
        *power = KL_PORT_POWER_GANGED;
        return TRUE;
    case '3':
        *power = KL_PORT_POWER_NONE;
        return TRUE;
    default:
        return kl_fail(error, KL_ERROR_BUS_FAILED, "%s: access denied", path);
    }
}

static const KlBusClass fake_class = {.devices = list_devices, .port_power = port_power};

/* One line a finding: ok, warn or FAIL, title, detail, and whether there is a remedy ("->"). */
static char *
examine(const char *config, const char *devices)
{
    KlDoctor doctor = {.config = config_of(config)};
    doctor.findings = g_ptr_array_new_with_free_func((GDestroyNotify)kl_finding_free);
    FakeBus bus = {{&fake_class}, devices};
    kl_doctor_usb(&doctor, &bus.base);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < doctor.findings->len; i++) {
        const KlFinding *finding = doctor.findings->pdata[i];
        g_string_append_printf(text, "%s %s: %s%s\n",
                               !finding->ok       ? "FAIL"
                               : finding->warning ? "warn"
                                                  : "ok",
                               finding->title, finding->detail, finding->remedy != NULL ? " ->" : "");
    }
    g_ptr_array_unref(doctor.findings);
    kl_config_free(doctor.config);
    return g_string_free(text, FALSE);
}

static void
test_findings(void)
{
    static const struct {
        const char *config, *devices, *findings;
    } table[] = {
        {HUB, NULL, "FAIL USB bus: The station can't look at its USB bus. (no bus here) ->\n"},
        {HUB, "usb1h8 1-1h4 1-1.1m3=/dev/ttyUSB2",
         "ok USB hubs: 1 hub with slots, there\n"
         "ok USB slots: 1 of 2 have a unit; 1 may be opened\n"
         "ok Port power: hubs that switch each port: 1, all ports together: 0, none: 0\n"},
        {HUB, "usb1h8",
         "FAIL Hub 1-1: is not there: 2 slots are on it ->\n"
         "ok USB slots: 0 of 2 have a unit; 0 may be opened\n"},
        /* What stands at a hub's place is no hub. */
        {HUB, "usb1h8 1-1m4",
         "FAIL Hub 1-1: is not there: 2 slots are on it ->\n"
         "ok USB slots: 0 of 2 have a unit; 0 may be opened\n"},
        /* Told once, for the hub that all the others hang on. */
        {DEEP, "usb1h8",
         "FAIL Hub 1-1: is not there: 4 slots are on it ->\n"
         "ok USB slots: 0 of 4 have a unit; 0 may be opened\n"},
        {DEEP, "",
         "FAIL Hub 1-1: is not there: 4 slots are on it ->\n"
         "ok USB slots: 0 of 4 have a unit; 0 may be opened\n"},
        {DEEP, "usb1h8 1-1h4 1-1.2h4",
         "FAIL Hub 1-1.1: is not there: 2 slots are on it ->\n"
         "ok USB slots: 0 of 4 have a unit; 0 may be opened\n"
         "ok Port power: hubs that switch each port: 0, all ports together: 1, none: 0\n"},
        {DEEP CYCLES, "usb1h8 1-1h4 1-1.1h4 1-1.2h4 1-1.2.2m9",
         "ok USB hubs: 2 hubs with slots, all there\n"
         "ok USB slots: 1 of 4 have a unit; 1 may be opened\n"
         "warn Port power: hubs that switch each port: 1, all ports together: 1, none: 0 ->\n"},
        {HEAD "[slot 01]\nusb=1-3.7\n" CYCLES, "usb1h8 1-3h4",
         "FAIL Hub 1-3: has 4 ports, but slot 01 is at port 7 ->\n"
         "ok USB slots: 0 of 1 have a unit; 0 may be opened\n"
         "warn Port power: hubs that switch each port: 0, all ports together: 0, none: 1 ->\n"},
        {HEAD "[slot 01]\nusb=1-4.1\n", "usb1h8 1-4h4",
         "ok USB hubs: 1 hub with slots, there\n"
         "ok USB slots: 0 of 1 have a unit; 0 may be opened\n"
         "ok Port power: not known for every hub: 1-4.1: access denied\n"},
        {HEAD "[slot 01]\nusb=1-4.1\n" CYCLES, "usb1h8 1-4h4",
         "ok USB hubs: 1 hub with slots, there\n"
         "ok USB slots: 0 of 1 have a unit; 0 may be opened\n"
         "warn Port power: not known for every hub: 1-4.1: access denied ->\n"},
        {HUB, "1-1h4 1-1.1m3=/dev/ttyUSB2!PORT_DENIED 1-1.2b4!UNIT_BOOT_MODE",
         "ok USB hubs: 1 hub with slots, there\n"
         "FAIL Slot A01: The station may not open the unit's port. (1-1.1: as told) ->\n"
         "warn Slot A02: The unit is in its boot loader. (1-1.2: as told) ->\n"
         "ok USB slots: 2 of 2 have a unit; 0 may be opened\n"
         "ok Port power: hubs that switch each port: 1, all ports together: 0, none: 0\n"},
        {HEAD "[slot 01]\nusb=1-1.1\nmodem=usb:1-1.2\n",
         "1-1h4 1-1.1a3=/dev/ttyUSB2 1-1.2m4=/dev/ttyUSB5!PORT_MODEM_MANAGER "
         "1-1.3m4=/dev/ttyUSB8!PORT_MODEM_MANAGER",
         "ok USB hubs: 1 hub with slots, there\n"
         "ok USB slots: 1 of 1 have a unit; 0 may be opened\n"
         "FAIL ModemManager: 2 ports are not kept from it (1-1.3: as told) ->\n"
         "ok Port power: hubs that switch each port: 1, all ports together: 0, none: 0\n"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *findings = examine(table[i].config, table[i].devices);
        g_assert_cmpstr(findings, ==, table[i].findings);
    }
}

/* This program calls itself ModemManager. */
static void
test_modem_manager(void)
{
    g_assert_cmpint(prctl(PR_SET_NAME, "ModemManager"), ==, 0);
    g_autofree char *empty = examine(HUB, "1-1h4");
    g_assert_nonnull(strstr(empty, "warn ModemManager: is running; whether"));
    g_autofree char *kept_off = examine(HUB, "1-1h4 1-1.1m3=/dev/ttyUSB2");
    g_assert_nonnull(strstr(kept_off, "ok ModemManager: is running, and is kept off the units\n"));
    g_autofree char *hit = examine(HUB, "1-1h4 1-1.1m3=/dev/ttyUSB2!PORT_MODEM_MANAGER");
    g_assert_nonnull(strstr(hit, "FAIL ModemManager: 1 port is not kept from it (1-1.1: as told) ->\n"));
    g_assert_cmpint(prctl(PR_SET_NAME, "test"), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/doctor-usb/findings", test_findings);
    g_test_add_func("/doctor-usb/modem-manager", test_modem_manager);
    return g_test_run();
}
