/* keyline-activation's configuration, the program's ways to end, and the broker's files that packages ship. */
#include <arpa/inet.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "station/error.h"
#include "station/service/notify.h"
#include "station/service/service_config.h"
#include "station/station.h"
#include "tests/mqtt_rig.h"

#define BROKER "[broker]\naddress=broker.example\nca=ca.pem\ncertificate=/c.pem\nkey=k.pem\n"
#define SERVICE "[service]\ntable=sqlite\nstation=st\n"

static char *dir;

static KlServiceConfig *
load(const char *text, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "activation.conf", NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    return kl_service_config_load(path, error);
}

static void
test_defaults(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlServiceConfig) config = load(SERVICE BROKER, &error);
    g_assert_no_error(error);
    g_autofree char *ca = g_build_filename(dir, "ca.pem", NULL), *station = g_build_filename(dir, "st", NULL);
    g_assert_cmpstr(config->ca, ==, ca);
    g_assert_cmpstr(config->certificate, ==, "/c.pem");
    g_assert_cmpstr(config->station, ==, station);
    g_assert_cmpstr(config->host, ==, "broker.example");
    g_assert_cmpuint(config->port, ==, 8884);
    g_assert_cmpuint(config->keep_minutes, ==, 1440);
    g_assert_true(config->check_access);
    g_assert_true(g_str_has_prefix(config->client_id, "keyline-activation@"));
}

/* Both settings, and then it is so. */
static void
test_create_keys(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlServiceConfig) config =
        load(SERVICE "credentials=create-keys\ndangerous-send-private-keys-over-mqtt=true\n" BROKER, &error);
    g_assert_no_error(error);
    g_assert_cmpint(config->rules.credentials, ==, KL_CREDENTIALS_CREATE_KEYS);
    g_assert_true(config->rules.dangerous_send_private_keys_over_mqtt);
    g_autoptr(KlServiceConfig) usual = load(SERVICE "dangerous-send-private-keys-over-mqtt=false\n" BROKER, &error);
    g_assert_no_error(error);
    g_assert_false(usual->rules.dangerous_send_private_keys_over_mqtt);
}

/* A shared session has another client id, so that the broker keeps none of the other's subscriptions; and ends soon. */
static void
test_shared(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlServiceConfig) config = load(SERVICE BROKER "share=word\n", &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_suffix(config->client_id, "/word"));
    g_assert_cmpuint(config->keep_minutes, ==, 1);
}

static void
test_template(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlServiceConfig) config = load(kl_service_config_template, &error);
    g_assert_no_error(error);
    /* With every example in force it is right as well. */
    g_autoptr(GRegex) hash = g_regex_new("^#(?! )", G_REGEX_MULTILINE, 0, NULL);
    g_autofree char *all = g_regex_replace_literal(hash, kl_service_config_template, -1, 0, "", 0, NULL);
    g_auto(GStrv) halves = g_strsplit(all, "software=none", 2);
    g_autofree char *text = g_strconcat(halves[0], "software=folder", halves[1], NULL);
    g_autoptr(KlServiceConfig) full = load(text, &error);
    g_assert_no_error(error);
}

static void
test_wrong(void)
{
    static const struct {
        const char *text, *said;
    } rows[] = {
        {SERVICE BROKER "other=1\n", "activation.conf:9: unknown key 'other' in [broker]; allowed: "},
        {SERVICE "tabel=1\n" BROKER, "unknown key 'tabel'"},
        {"[service]\ntable=mysql\n" BROKER, "'mysql' is none of: sqlite, dynamodb"},
        {"[service]\ntable=sqlite\n" BROKER, "sqlite needs station="},
        {SERVICE, "broker"},
        {SERVICE "credentials=create-keys\n" BROKER,
         "create-keys sends private keys over MQTT, and is off without dangerous-send-private-keys-over-mqtt=true"},
        {SERVICE "credentials=create-keys\ndangerous-send-private-keys-over-mqtt=false\n" BROKER, "is off without"},
        {SERVICE "credentials=create-keys\ndangerous-send-private-keys-over-mqtt=1\n" BROKER,
         "'1' is none of: false, true"},
        {SERVICE "dangerous-send-private-keys-over-mqtt=true\n" BROKER,
         "activation.conf:4: [service] dangerous-send-private-keys-over-mqtt: no keys are sent but with "
         "credentials=create-keys"},
        {SERVICE "credentials=csr\ndangerous-send-private-keys-over-mqtt=true\n" BROKER, "no keys are sent but with"},
        {"[service]\ntable=dynamodb\ncredentials=csr\n" BROKER, "csr needs station="},
        {"[service]\ntable=dynamodb\ncredentials=create-keys\ndangerous-send-private-keys-over-mqtt=true\n" BROKER,
         "create-keys needs station="},
        {SERVICE "software=folder\n" BROKER, "need each other"},
        {SERVICE "software-folder=x\n" BROKER, "need each other"},
        {SERVICE "workers=999\n" BROKER, "allowed: a number from 0 to 256"},
        {SERVICE BROKER "window=0\n", "allowed: a number from 1 to"},
        {SERVICE BROKER "share=a/b\n", "[broker] share: allowed"},
        {SERVICE BROKER "share=a+\n", "[broker] share: allowed"},
        {SERVICE BROKER "client-id=a b\n", "[broker] client-id: allowed"},
        {SERVICE BROKER "check-access=yes\n", "'yes' is none of: false, true"},
        {SERVICE "[broker]\naddress=:1\nca=a\ncertificate=b\nkey=c\n", "is not HOST or HOST:PORT"},
        {SERVICE "[broker]\naddress=a:99999\nca=a\ncertificate=b\nkey=c\n", "is not HOST or HOST:PORT"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(KlServiceConfig) config = load(rows[i].text, &error);
        g_test_message("%s", error != NULL ? error->message : rows[i].text);
        g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
        g_assert_nonnull(strstr(error->message, rows[i].said));
    }
}

static void
test_notify(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char got[64] = "";
    g_autofree char *path = g_build_filename(dir, "notify", NULL);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    kl_notify("nobody asked");
    g_setenv("NOTIFY_SOCKET", path, TRUE);
    kl_notify("READY=1");
    g_unsetenv("NOTIFY_SOCKET");
    g_assert_cmpint(recv(fd, got, sizeof got - 1, 0), ==, 7);
    g_assert_cmpstr(got, ==, "READY=1");
    close(fd);
}

/* --- the program, at a broker with the files that packages ship --- */

static guint16
free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&in, sizeof in), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&in, &size), ==, 0);
    close(fd);
    return ntohs(in.sin_port);
}

static char *
replace(char *text, const char *from, const char *to)
{
    g_auto(GStrv) parts = g_strsplit(text, from, -1);
    g_assert_nonnull(parts[1]);
    g_free(text);
    return g_strjoinv(to, parts);
}

/* Reads until that is told. */
static void
await(GInputStream *stream, const char *what)
{
    g_autoptr(GDataInputStream) lines = g_data_input_stream_new(stream);
    g_filter_input_stream_set_close_base_stream(G_FILTER_INPUT_STREAM(lines), FALSE);
    for (gboolean told = FALSE; !told;) {
        g_autofree char *line = g_data_input_stream_read_line(lines, NULL, NULL, NULL);
        g_assert_nonnull(line);
        g_test_message("%s", line);
        told = strstr(line, what) != NULL;
    }
}

/* mosquitto with packaging/mosquitto/keyline.conf, but for its paths and ports. */
static GSubprocess *
start_shipped(guint16 units, guint16 service)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *shipped = g_build_filename(g_getenv("G_TEST_SRCDIR"), "../packaging/mosquitto", NULL);
    g_autofree char *conf = g_build_filename(shipped, "keyline.conf", NULL), *text = NULL;
    g_autofree char *listen = g_strdup_printf("listener %u 127.0.0.1", units);
    g_autofree char *listen_service = g_strdup_printf("listener %u 127.0.0.1", service);
    g_autofree char *here = g_strconcat(dir, "/", NULL), *path = g_build_filename(dir, "mosquitto.conf", NULL);
    ORACLE(dir, "cp '%s'/devices.acl keyline-devices.acl && cp '%s'/service.acl keyline-service.acl", shipped, shipped);
    g_assert_true(g_file_get_contents(conf, &text, NULL, &error));
    text = replace(text, "/etc/mosquitto/ca_certificates/", here);
    text = replace(text, "/etc/mosquitto/certs/", here);
    text = replace(text, "acl_file /etc/mosquitto/", "acl_file ./");
    text = replace(text, "listener 8883\n", "listener UNITS\n");
    text = replace(text, "listener 8884 127.0.0.1", listen_service);
    text = replace(text, "listener UNITS", listen);
    g_autofree char *all = g_strconcat(geteuid() == 0 ? "user root\n" : "", text, NULL);
    g_assert_true(g_file_set_contents(path, all, -1, NULL));
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDERR_PIPE);
    g_subprocess_launcher_set_cwd(launcher, dir);
    GSubprocess *broker = g_subprocess_launcher_spawn(
        launcher, &error, g_file_test("/usr/sbin/mosquitto", G_FILE_TEST_EXISTS) ? "/usr/sbin/mosquitto" : "mosquitto",
        "-c", "mosquitto.conf", NULL);
    g_assert_no_error(error);
    await(g_subprocess_get_stderr_pipe(broker), " running");
    return broker;
}

static int
program(const char *const *words, char **said)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, (gpointer)g_getenv("KEYLINE_ACTIVATION"));
    for (; *words != NULL; words++)
        g_ptr_array_add(argv, (gpointer)*words);
    g_ptr_array_add(argv, NULL);
    g_autoptr(GSubprocess) child = g_subprocess_newv(
        (const char *const *)argv->pdata, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);
    g_assert_no_error(error);
    g_assert_true(g_subprocess_communicate_utf8(child, NULL, NULL, said, NULL, &error));
    g_test_message("%s", *said);
    return g_subprocess_get_exit_status(child);
}

/* What --check says, and how it ends. */
static void
assert_check(const char *conf, int status, const char *expected)
{
    const char *const words[] = {"--check", "--config", conf, NULL};
    g_autofree char *said = NULL;
    g_assert_cmpint(program(words, &said), ==, status);
    g_assert_nonnull(strstr(said, expected));
}

static void
test_program(void)
{
    g_autoptr(GError) error = NULL;
    guint16 units = free_port(), service = free_port();
    rig_ca(dir, "keyline-devices");
    rig_ca(dir, "keyline-services");
    rig_unit(dir, "keyline-services", "keyline-broker", "localhost");
    rig_unit(dir, "keyline-services", "service", "keyline-activation");
    rig_unit(dir, "keyline-services", "nobody", "nobody");
    rig_unit(dir, "keyline-devices", "unit", "FX30-000001");
    g_autofree char *station = g_build_filename(dir, "station", NULL), *conf = g_build_filename(dir, "a.conf", NULL);
    g_autofree char *text = g_strdup_printf("[service]\ntable=sqlite\nstation=station\n[broker]\naddress=localhost:%u\n"
                                            "ca=keyline-services.pem\ncertificate=service.pem\nkey=service.key\n",
                                            service);
    g_autofree char *other = g_build_filename(dir, "other.conf", NULL);
    g_autofree char *other_text =
        replace(replace(g_strdup(text), "service.pem", "nobody.pem"), "service.key", "nobody.key");
    g_assert_true(g_file_set_contents(conf, text, -1, NULL));
    g_assert_true(g_file_set_contents(other, other_text, -1, NULL));
    assert_check(conf, 2, "STATION_MISSING");
    g_assert_true(kl_station_setup(station, "test", NULL, &error));
    assert_check(conf, 3, "BROKER_DOWN");
    g_autoptr(GSubprocess) broker = start_shipped(units, service);
    assert_check(conf, 0, "MQTT 5, with access rules");
    /* By the same authority, but not the one whom the rules name. */
    assert_check(other, 3, "does not let");

    g_autofree char *ca = g_build_filename(dir, "keyline-services.pem", NULL);
    g_autoptr(RigUnit) unit = rig_unit_new(dir, "unit", ca, FALSE, MQTT_PROTOCOL_V5);
    mosquitto_tls_insecure_set(unit->client, true);
    g_assert_true(rig_unit_connect(unit, units));

    g_autoptr(GSubprocess) running = g_subprocess_new(G_SUBPROCESS_FLAGS_STDERR_PIPE, &error,
                                                      g_getenv("KEYLINE_ACTIVATION"), "--config", conf, NULL);
    g_assert_no_error(error);
    await(g_subprocess_get_stderr_pipe(running), "serving with MQTT 5");
    g_assert_cmpint(rig_say(unit, "bs/device/FX30-000001/register/request", "{}"), ==, 0);
    g_subprocess_send_signal(running, SIGTERM);
    g_assert_true(g_subprocess_wait_check(running, NULL, &error));

    /* Rows that go to AWS are not activated here. */
    g_autofree char *aws = g_build_filename(station, "station.conf", NULL);
    ORACLE(station, "printf '\\n[aws]\\nregion=eu-central-1\\n' >>'%s'", aws);
    assert_check(conf, 2, "table=dynamodb");
    g_subprocess_send_signal(broker, SIGTERM);
    g_assert_true(g_subprocess_wait(broker, NULL, &error));
}

static void
test_usage(void)
{
    static const char *const rows[][3] = {{"--no-such"}, {"word"}, {"--config", "/nonexistent"}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *said = NULL;
        g_assert_cmpint(program(rows[i], &said), ==, 2);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = oracle_folder();
    g_test_add_func("/activation-config/defaults", test_defaults);
    g_test_add_func("/activation-config/shared", test_shared);
    g_test_add_func("/activation-config/create-keys", test_create_keys);
    g_test_add_func("/activation-config/template", test_template);
    g_test_add_func("/activation-config/wrong", test_wrong);
    g_test_add_func("/activation-config/notify", test_notify);
    g_test_add_func("/activation-config/usage", test_usage);
    g_test_add_func("/activation-config/program", test_program);
    int status = g_test_run();
    oracle_folder_remove(dir);
    return status;
}
