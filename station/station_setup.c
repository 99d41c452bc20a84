/* Making a station folder. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/store_sqlite.h"
#include "station/station.h"
#include "station/station_journal.h"
#include "station/station_private.h"

#define NAME_MAX_CHARS 64

static const char station_conf[] =
    "# This station. A key that is not known here is an error. Relative paths count from this folder.\n"
    "\n"
    "[station]\n"
    "# Stands in every record.\n"
    "name=%s\n"
    "# What is made here unless --product says otherwise: products/fx30s.conf\n"
    "product=fx30s\n"
    "# A further file with [slot ...] and [hub ...] groups, such as keyline-sim --line writes.\n"
    "%sline=%s\n"
    "# How many slots stand side by side on the fixture; the window shows them so. Without it: as it fits.\n"
    "#columns=4\n"
    "\n"
    "[ca]\n"
    "# Where the CA's key is: file (ca/ca.key), or a pkcs11: URI.\n"
    "key=file\n"
    "# Read the CA's passphrase from this file (mode 0600) instead of asking for it.\n"
    "#passphrase-file=ca/passphrase\n"
    "# Who signs: local (this CA, and nobody else knows), register (this CA, and each certificate is registered with\n"
    "# AWS IoT Core), iot (AWS IoT Core), pca (AWS Private CA). All but local need [aws], and products whose subject\n"
    "# is CN={device_id} for iot and pca.\n"
    "#signer=iot\n"
    "\n"
    "#[audit]\n"
    "# Where the key is that seals the journal: file (audit/seal.key), or a pkcs11: URI, its certificate then in\n"
    "# audit/station.pem.\n"
    "#key=file\n"
    "\n"
    "# With this group, registration rows and records also go to DynamoDB, by way of a queue that outlives any outage\n"
    "# ('keyline registry pending'). Region, keys and endpoints are found as the AWS tools find them.\n"
    "#[aws]\n"
    "#region=eu-central-1\n"
    "#profile=factory\n"
    "# Tables; packaging/aws makes them. firmware-table: the line starts only with the product's firmware there.\n"
    "#registration-table=Bootstrapping_table_registration\n"
    "#records-table=Keyline_records\n"
    "#counters-table=Keyline_counters\n"
    "#firmware-table=Devicemanager_update\n"
    "# The IoT policy of units; without it: the product's registration policy.\n"
    "#policy=MyRaspberry_IoT_Activation\n"
    "# How IoT Core learns of certificates that it did not issue: ca (its CA is registered), without-ca, or no (pca).\n"
    "#register=ca\n"
    "#pca-arn=arn:aws:acm-pca:...\n"
    "# true: no PASS before the cloud has the row. false: PASS waits so long for it, and then says 'row queued'.\n"
    "#require-ack=false\n"
    "#ack-wait-ms=2000\n"
    "# Shares of what the account allows, and how many device numbers a station takes at a time.\n"
    "#rows-per-second=20\n"
    "#rate-percent=100\n"
    "#id-block=500\n"
    "# More requests of an activated unit in the field than this raise an alarm; as packaging/aws has it.\n"
    "#connections-alarm=3\n"
    "\n"
    "# Units on a USB hub: a slot for each place of a fixture, A01, A02, ..., row by row. 'keyline slots teach' finds\n"
    "# out the ports and writes this group. path is the hub's own port, ports are below it (-: none there).\n"
    "#[hub A]\n"
    "#path=1-1\n"
    "#rows=2\n"
    "#columns=2\n"
    "#ports=1.1;1.2;2.1;2.2\n"
    "\n"
    "# Any other place is a group of its own: usb is its hub port, or agent where the provisioning agent answers;\n"
    "# modem (may be left out) is the module's own AT port: usb:1-1.4.3, serial:/dev/..., pty:PATH or tcp:HOST:PORT.\n"
    "# ttyUSB numbers change: name serial ports by their place (/dev/serial/by-path/...), or use usb.\n"
    "#[slot 01]\n"
    "#usb=1-1.4.2\n"
    "#[slot 02]\n"
    "#agent=serial:/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.1:1.0-port0\n"
    "\n"
    "# USB ids besides those that Keyline knows. They need lines in the udev rule, too.\n"
    "#[usb]\n"
    "#modules=1199:9091\n"
    "#adapters=0403:6015;1a86:*\n"
    "\n"
    "# How often a job may switch its unit's hub port off and on when the unit does not answer: 0 to 3. The hub must\n"
    "# switch each port alone; the doctor tells whether it does.\n"
    "#[recovery]\n"
    "#power-cycles=1\n"
    "\n"
    "# Where units rehearse their first boot, for products that want it: a broker (mosquitto) that Keyline starts.\n"
    "# listen is an IP address of this computer, a port may follow; address is how units reach it, a port may follow.\n"
    "#[rehearsal]\n"
    "#listen=192.168.2.1\n"
    "#address=192.168.2.1\n"
    "# Signed software (Devicemanager_update and BUCKET/FILE), for products with a software_key in their parameters.\n"
    "#software=software\n"
    "#mosquitto=/usr/sbin/mosquitto\n";

static const char fx30s_conf[] =
    "# A product: which units are accepted, and what each one is given.\n"
    "\n"
    "[product]\n"
    "title=FX30S\n"
    "driver=at_wp77\n"
    "# Exactly as the unit's ATI says it.\n"
    "models=FX30S;WP7702;FX30(WP7702)\n"
    "# * and ? stand for any characters, any one character.\n"
    "firmware=SWI9X06Y_02.*\n"
    "# A unit that vanishes while it is worked on may take this long to come back: then it counts as pulled out.\n"
    "restart-seconds=20\n"
    "\n"
    "[id]\n"
    "# Where the device id comes from: fsn, imei, label (what is scanned), or sequence (then pattern=FX30-%06u).\n"
    "rule=fsn\n"
    "# What a scanned label is compared with: any (IMEI, FSN or device id), imei, fsn, device_id or none.\n"
    "label=any\n"
    "# true: no unit without a scan.\n"
    "label-required=false\n"
    "\n"
    "[key]\n"
    "# The key's name on the module.\n"
    "slot=keyline\n"
    "# Which of the module's keystores may make it. iks is the better one: its private keys can't be read out. It is\n"
    "# switched off in several firmware releases; their units make a software key, and the record says so. Leave\n"
    "# software away to refuse them.\n"
    "backends=iks;software\n"
    "# true locks the key after all is proved: it can then never be replaced, which nothing undoes. Try without "
    "first.\n"
    "lock=false\n"
    "\n"
    "[certificate]\n"
    "# {device_id}, {imei} and {fsn} are replaced.\n"
    "subject=CN={device_id},O=Keyline Demo\n"
    "validity-days=3650\n"
    "# The start of validity lies this much in the past: the clocks of new units may be behind.\n"
    "backdate-minutes=60\n"
    "# No unit passes when the CA ends within this time.\n"
    "ca-margin-days=30\n"
    "\n"
    "[registration]\n"
    "# The unit's row in the bootstrapping table; DEVICE_ID is replaced.\n"
    "policy=MyRaspberry_IoT_Activation\n"
    "firmware=main\n"
    "parameters={\"topic\":\"$aws/things/DEVICE_ID/shadow/update\"}\n"
    "\n"
    "[install]\n"
    "# The broker that the unit will talk to.\n"
    "endpoint=mqtt.example.com\n"
    "# CA certificates (PEM, up to 4096 bytes) by which it trusts that broker. Without: its own certificate's chain.\n"
    "#trust=broker-ca.pem\n"
    "\n"
    "[rehearsal]\n"
    "# true: each unit boots here as it will in the field, against a broker of the station's own ([rehearsal] in\n"
    "# station.conf), and is made fresh again, before it passes. It needs an agent that knows first boot.\n"
    "first-boot=false\n"
    "# How long it may take.\n"
    "timeout-seconds=60\n"
    "# How many hours the unit's clock may be off; 0: as long as it finds the broker's certificate valid.\n"
    "clock-tolerance=24\n"
    "# true: until it has published its telemetry, on the topic of its parameters, which has DEVICE_ID as one of its\n"
    "# levels then.\n"
    "telemetry=true\n";

static gboolean
make_folder(const char *path, int mode, GError **error)
{
    if (g_mkdir_with_parents(path, mode) != 0)
        return kl_station_fail_errno(error, errno, path);
    return TRUE;
}

/* Writes a file unless there is one already. */
static gboolean
make_file(const char *path, const char *text, GError **error)
{
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return TRUE;
    g_autofree char *file = kl_station_follow(path, error);
    if (file == NULL)
        return FALSE;
    errno = 0;
    if (!g_file_set_contents_full(file, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644,
                                  NULL))
        return kl_station_fail_errno(error, errno, file);
    return TRUE;
}

/* Whether text can stand as a value in a configuration file. */
static gboolean
is_value(const char *text)
{
    if (!g_utf8_validate(text, -1, NULL) || text[0] == '\0' || g_ascii_isspace(text[0]) ||
        g_ascii_isspace(text[strlen(text) - 1]))
        return FALSE;
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        if (!g_unichar_isprint(g_utf8_get_char(p)))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_arguments(const char *name, const char *line_path, GError **error)
{
    if (!is_value(name) || g_utf8_strlen(name, -1) > NAME_MAX_CHARS)
        return kl_fail(error, KL_ERROR_USAGE, "a station's name has 1 to %d printable characters", NAME_MAX_CHARS);
    if (line_path != NULL && !g_file_test(line_path, G_FILE_TEST_IS_REGULAR))
        return kl_fail(error, KL_ERROR_USAGE, "there is no line file %s", line_path);
    if (line_path != NULL && !is_value(line_path))
        return kl_fail(error, KL_ERROR_USAGE, "the line file's path can't be written into station.conf");
    return TRUE;
}

/* Not below a program that works with the older one. */
static gboolean
update_database(const char *dir, const char *path, GError **error)
{
    g_autoptr(KlStore) current = kl_store_sqlite_open(path, TRUE, NULL);
    if (current != NULL)
        return TRUE;
    int lock = kl_station_lock(dir, error);
    if (lock < 0)
        return FALSE;
    g_autoptr(KlStore) store = kl_store_sqlite_open(path, FALSE, error);
    gboolean ok = store != NULL;
    g_clear_pointer(&store, kl_store_free);
    close(lock);
    return ok;
}

/* A station that is there already says itself where its seal is: it gets one when work begins. */
static gboolean
begin_journal(const char *dir, const char *name, KlStore *store, KlSeal **seal, GError **error)
{
    *seal = kl_station_seal_begin(dir, name, "file", store, error);
    return *seal != NULL && kl_station_note_start("setup", store, error) &&
           kl_station_keep_act(store, "setup", name, NULL, error);
}

/* station.conf comes last: a station that has one and no database has lost it, and must not get an empty one in
 * silence. */
static gboolean
make_database(const char *dir, const char *name, const char *station_path, GError **error)
{
    g_autofree char *path = kl_station_database_path(dir);
    if (g_file_test(station_path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_EXISTS))
        return kl_fail(error, KL_ERROR_STORE_MISSING, "there is no %s", path);
    gboolean first = !g_file_test(station_path, G_FILE_TEST_EXISTS);
    if (!first && g_file_test(path, G_FILE_TEST_EXISTS))
        return update_database(dir, path, error);
    g_autoptr(KlSeal) seal = NULL; /* outlives the store */
    g_autoptr(KlStore) store = kl_store_sqlite_open(path, FALSE, error);
    return store != NULL && (!first || begin_journal(dir, name, store, &seal, error));
}

/* line_path NULL: none, with an example of one. */
static char *
station_text_of(const char *name, const char *line_path)
{
    return g_strdup_printf(station_conf, name, line_path != NULL ? "" : "#",
                           line_path != NULL ? line_path : "line.conf");
}

char *
kl_station_template(const char *file)
{
    if (strcmp(file, "station.conf") == 0)
        return station_text_of("Line 1", NULL);
    return strcmp(file, "fx30s.conf") == 0 ? g_strdup(fx30s_conf) : NULL;
}

gboolean
kl_station_setup(const char *dir, const char *name, const char *line_file, GError **error)
{
    g_autofree char *line_path = line_file != NULL ? g_canonicalize_filename(line_file, NULL) : NULL;
    if (!check_arguments(name, line_path, error))
        return FALSE;
    g_autofree char *products = g_build_filename(dir, "products", NULL);
    g_autofree char *ca = kl_station_ca_path(dir);
    g_autofree char *station_path = g_build_filename(dir, "station.conf", NULL);
    g_autofree char *product_path = g_build_filename(products, "fx30s.conf", NULL);
    g_autofree char *station_text = station_text_of(name, line_path);
    return make_folder(dir, 0750, error) && make_folder(products, 0755, error) && make_folder(ca, 0700, error) &&
           make_file(product_path, fx30s_conf, error) && make_database(dir, name, station_path, error) &&
           make_file(station_path, station_text, error);
}
