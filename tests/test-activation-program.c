/* keyline-activation as it runs: units get certificates from a station's CA over a real mosquitto, by their requests or
 * with keys that are made for them, and connect with what they got. */
#include <gio/gio.h>
#include <signal.h>

#include "station/station.h"
#include "tests/activation_rig.h"
#include "tests/key_search.h"
#include "tests/mqtt_rig.h"

#define STATION "station"
#define DATABASE STATION "/keyline.db"
#define KEYS "credentials=create-keys\ndangerous-send-private-keys-over-mqtt=true\n"

static char *dir; /* of all tests; what is in it stays */
static KlPrivateBroker *broker;

static char *
in_dir(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

static void
replace_file(const char *name, const char *text)
{
    ORACLE(dir, "rm -f %s", name);
    oracle_write(dir, name, text, -1);
}

/* --- a station, and a broker that takes its units as well as those of the factory --- */

/* One with a CA that two units have passed. */
static void
make_station(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) passphrase = oracle_secret("secret enough");
    g_autofree char *station = in_dir("made"), *database = in_dir("made/keyline.db");
    g_assert_true(kl_station_setup(station, "test", NULL, &error));
    g_assert_true(kl_station_ca_init(station, "Field CA", 3650, passphrase, &error));
    g_assert_no_error(error);
    pass_units(database, 2);
}

static void
set_up_station(gboolean with_passphrase)
{
    ORACLE(dir, "rm -rf " STATION " && cp -r made " STATION);
    replace_file("passphrase", "secret enough\n");
    if (with_passphrase)
        ORACLE(dir,
               "sed -i 's|^#passphrase-file=.*|passphrase-file=%s/passphrase|' " STATION "/station.conf &&"
               "grep -c ^passphrase-file= " STATION "/station.conf",
               dir);
}

static void
set_up_broker(void)
{
    kl_private_broker_free(broker);
    ORACLE(dir, "cat factory.pem " STATION "/ca/ca.pem > devices.pem");
    broker = rig_broker(dir, "devices", NULL);
}

static void
write_config(const char *credentials)
{
    const KlBrokerOptions at = kl_private_broker_options(broker);
    g_autofree char *text = g_strdup_printf(
        "[service]\ntable=sqlite\nstation=" STATION "\n%s[broker]\naddress=%s:%u\nca=%s\ncertificate=%s\nkey=%s\n",
        credentials, at.host, at.port, at.ca_file, at.certificate_file, at.key_file);
    replace_file("activation.conf", text);
}

/* --- the program --- */

typedef struct {
    GSubprocess *process;
    GDataInputStream *lines;
    GString *said; /* all of it */
} Program;

/* With all that it can say. */
static Program
start(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *config = in_dir("activation.conf");
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE);
    g_subprocess_launcher_setenv(launcher, "G_MESSAGES_DEBUG", "all", TRUE);
    GSubprocess *process =
        g_subprocess_launcher_spawn(launcher, &error, g_getenv("KEYLINE_ACTIVATION"), "--config", config, NULL);
    g_assert_no_error(error);
    return (Program){process, g_data_input_stream_new(g_subprocess_get_stdout_pipe(process)), g_string_new(NULL)};
}

/* Until it has said that, or all of it. */
static void
listen_until(const Program *program, const char *what)
{
    for (char *line; (what == NULL || strstr(program->said->str, what) == NULL);) {
        line = g_data_input_stream_read_line(program->lines, NULL, NULL, NULL);
        if (line == NULL)
            break;
        g_test_message("%s", line);
        g_string_append_printf(program->said, "%s\n", line);
        g_free(line);
    }
    if (what != NULL)
        oracle_assert_has(program->said->str, what);
}

static Program
start_serving(void)
{
    Program program = start();
    listen_until(&program, "serving with MQTT 5");
    return program;
}

/* Ends it, and gives all that it has said. */
static char *
stop(Program *program)
{
    g_autoptr(GError) error = NULL;
    g_subprocess_send_signal(program->process, SIGTERM);
    listen_until(program, NULL);
    g_assert_true(g_subprocess_wait_check(program->process, NULL, &error));
    g_clear_object(&program->lines);
    g_clear_object(&program->process);
    return g_string_free(g_steal_pointer(&program->said), FALSE);
}

/* It does not even begin, and says why. */
static void
assert_refused(int status, const char *why)
{
    Program program = start();
    listen_until(&program, NULL);
    g_assert_true(g_subprocess_wait(program.process, NULL, NULL));
    g_assert_cmpint(g_subprocess_get_exit_status(program.process), ==, status);
    oracle_assert_has(program.said->str, why);
    g_assert_null(strstr(program.said->str, "serving"));
    g_object_unref(program.lines);
    g_object_unref(program.process);
    g_string_free(program.said, TRUE);
}

/* --- units --- */

/* A unit with DIR/NAME's certificate that hears what is for it. */
static RigUnit *
connect_unit(const char *name, const char *device)
{
    RigUnit *unit = rig_unit_new(dir, name, kl_private_broker_ca_file(broker), FALSE, MQTT_PROTOCOL_V5);
    g_assert_true(rig_unit_connect(unit, kl_private_broker_port(broker)));
    g_autofree char *credentials = g_strdup_printf("bs/device/%s/credentials/#", device);
    g_autofree char *parameters = g_strdup_printf("bs/device/%s/parameters/#", device);
    rig_subscribe(unit, credentials);
    rig_subscribe(unit, parameters);
    return unit;
}

/* What the n-th message brought, on that topic of DEVICE's. */
static char *
heard(const RigUnit *unit, guint n, const char *topic)
{
    g_autofree char *before = g_strdup_printf("bs/device/" DEVICE "/%s=", topic);
    const char *message = unit->all->pdata[n];
    oracle_assert_has(message, before);
    g_assert_true(g_str_has_prefix(message, before));
    return g_strndup(message + strlen(before), strlen(message) - strlen(before) - 1);
}

static char *
csr_payload(const char *common_name)
{
    g_autoptr(GBytes) der = oracle_csr(dir, common_name); /* and its key, unit.key */
    g_autofree char *text = g_base64_encode(g_bytes_get_data(der, NULL), g_bytes_get_size(der));
    return g_strdup_printf("{\"csr\":\"%s\"}", text);
}

static gboolean
is_activated(KlActivationTable *table)
{
    KlActivationView view = {NULL, FALSE};
    g_assert_true(table->klass->read(table, DEVICE, NULL, &view, NULL, NULL));
    g_autoptr(KlRegistration) row = view.row;
    return g_str_equal(row->registered, "ok");
}

/* The station's CA says whose it is, and the broker lets in who holds its key. */
static void
assert_works(const char *certificate, const char *key_file)
{
    oracle_write(dir, "own.pem", certificate, -1);
    ORACLE(dir,
           "cp %s own.key && openssl verify -x509_strict -purpose sslclient -CAfile " STATION "/ca/ca.pem own.pem &&"
           "openssl x509 -in own.pem -noout -subject | grep 'CN = " DEVICE "' &&"
           "openssl x509 -in own.pem -noout -pubkey > a && openssl pkey -in own.key -pubout > b && cmp a b",
           key_file);
    g_autoptr(RigUnit) unit = connect_unit("own", DEVICE);
    g_assert_cmpint(rig_say(unit, CONFIRM, "{}"), ==, 0);
    g_autofree char *database = in_dir(DATABASE);
    g_autoptr(KlActivationTable) table = open_table(database);
    RIG_UNTIL(is_activated(table), rig_turn(unit));
}

/* --- what can't be --- */

static void
test_refused(void)
{
    set_up_station(FALSE);
    set_up_broker();
    write_config("credentials=csr\n");
    assert_refused(3, "PASSPHRASE_MISSING");
    write_config(KEYS);
    assert_refused(3, "PASSPHRASE_MISSING");
    set_up_station(TRUE);
    replace_file("passphrase", "another one\n");
    assert_refused(3, "PASSPHRASE_WRONG");
    replace_file("passphrase", "secret enough\n");
    ORACLE(dir, "sed -i 's|^subject=.*|subject=CN={device_id},OU={imei}|' " STATION "/products/fx30s.conf");
    assert_refused(2, "the product's subject names more than {device_id}");
    write_config("credentials=create-keys\n");
    assert_refused(2, "is off without dangerous-send-private-keys-over-mqtt=true");
    write_config("credentials=csr\n");
    ORACLE(dir, "rm " STATION "/ca/*");
    assert_refused(3, "CA_MISSING");
}

/* --- csr --- */

static void
test_csr(void)
{
    set_up_station(TRUE);
    set_up_broker();
    write_config("credentials=csr\n");
    Program program = start_serving();
    g_autofree char *database = in_dir(DATABASE);
    g_autofree char *foreign = csr_payload("FX30-000002"), *own = csr_payload(DEVICE);
    RigUnit *unit = connect_unit("factory-unit", DEVICE);
    rig_say(unit, REQUEST, foreign);
    rig_say(unit, REQUEST, own);
    rig_hear(unit, 3);
    rig_say(unit, REQUEST, own);
    rig_hear(unit, 6);
    g_autofree char *first = heard(unit, 0, "credentials/certificate");
    g_free(heard(unit, 1, "parameters/"));
    g_autofree char *topic = heard(unit, 2, "parameters/topic");
    g_autofree char *second = heard(unit, 3, "credentials/certificate");
    g_assert_cmpstr(topic, ==, "$aws/things/" DEVICE "/shadow/update");
    g_assert_cmpstr(second, ==, first);
    rig_unit_free(unit);

    assert_works(first, "unit.key");
    g_autofree char *said = stop(&program);
    assert_row(database, "ok|0|0");
    assert_counts(database, DEVICE, "activated 1 answered 2 malformed 1");
    assert_sql(database,
               "SELECT body -> '$.data.message' ->> '$.detail' FROM audit_events WHERE type = 'activation' AND"
               " body -> '$.data.message' ->> '$.verdict' = 'malformed'",
               "request's common name is \"FX30-000002\", not \"" DEVICE "\"");
    assert_sql(database, "SELECT body -> '$.data' ->> '$.device' FROM audit_events WHERE type = 'credential'", DEVICE);
    g_assert_null(strstr(said, "private key"));
}

/* --- create-keys --- */

static void
test_create_keys(void)
{
    set_up_station(TRUE);
    set_up_broker();
    write_config(KEYS);
    Program program = start_serving();
    RigUnit *unit = connect_unit("factory-unit", DEVICE);
    rig_say(unit, REQUEST, "");
    rig_hear(unit, 4);
    g_autofree char *certificate = heard(unit, 0, "credentials/certificate");
    g_autofree char *key = heard(unit, 1, "credentials/key");
    g_free(heard(unit, 2, "parameters/"));
    g_free(heard(unit, 3, "parameters/topic"));
    rig_say(unit, REQUEST, "");
    rig_hear(unit, 7);
    g_autofree char *again = heard(unit, 4, "credentials/certificate");
    g_free(heard(unit, 5, "parameters/"));
    g_assert_cmpstr(again, ==, certificate);
    g_autofree char *before = stop(&program);

    /* another one, which has never had that key */
    program = start_serving();
    rig_say(unit, REQUEST, "");
    rig_hear(unit, 10);
    g_autofree char *after = heard(unit, 7, "credentials/certificate");
    g_assert_cmpstr(after, ==, certificate);
    rig_unit_free(unit);
    oracle_write(dir, "made.key", key, -1);
    assert_works(certificate, "made.key");
    g_autofree char *rest = stop(&program);

    g_autofree char *said = g_strconcat(before, rest, NULL), *station = in_dir(STATION);
    g_autoptr(GPtrArray) marks = key_marks(key);
    oracle_assert_has(before, "this service makes the units' private keys and sends each one once over MQTT");
    oracle_assert_has(before, "unit " DEVICE " asks again: it got its certificate, but no private key");
    oracle_assert_has(rest, "unit " DEVICE " asks again: it got its certificate, but no private key");
    g_assert_false(key_is_in(said, strlen(said), marks));
    assert_key_nowhere(station, key);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = oracle_folder();
    make_station();
    rig_ca(dir, "factory");
    rig_unit(dir, "factory", "factory-unit", DEVICE);
    g_test_add_func("/activation-program/refused", test_refused);
    g_test_add_func("/activation-program/csr", test_csr);
    g_test_add_func("/activation-program/create-keys", test_create_keys);
    int status = g_test_run();
    kl_private_broker_free(broker);
    oracle_folder_remove(dir);
    return status;
}
