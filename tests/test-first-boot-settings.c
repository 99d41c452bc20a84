/* What a product and a station say of first boot: [install] trust, and [rehearsal] in both files. */
#include <glib/gstdio.h>
#include <string.h>

#include "certs/trust.h"
#include "station/config.h"
#include "station/error.h"
#include "station/profile.h"

#define TOPIC "parameters={\"topic\":\"units/DEVICE_ID/up\"}\n"
#define PRODUCT(registration, rest)                                                                                    \
    "[product]\nmodels=WP7702\n[registration]\npolicy=p\nfirmware=f\n" registration                                    \
    "[install]\nendpoint=b.example.com\n" rest
#define STATION(rest) "[station]\nname=s\nproduct=p\n" rest

static char *dir;

static char *
put(const char *name, const char *text, gssize length)
{
    char *path = g_build_filename(dir, name, NULL);
    g_assert_true(g_file_set_contents(path, text, length, NULL));
    return path;
}

/* allowed: a part of the message, NULL: it is fine. */
static void
assert_message(const GError *error, const char *text, const char *allowed)
{
    if (allowed == NULL)
        g_assert_no_error(error);
    else if (error == NULL || kl_error_code(error) != KL_ERROR_CONFIG_INVALID ||
             strstr(error->message, allowed) == NULL)
        g_error("%s\n'%s' is not in '%s'", text, allowed, error != NULL ? error->message : "(fine)");
}

static void
test_product(void)
{
    static const struct {
        const char *text, *allowed;
    } cases[] = {
        {PRODUCT("", "[rehearsal]\nfirst-boot=false\n"), NULL},
        {PRODUCT(TOPIC, "[rehearsal]\nfirst-boot=true\ntimeout-seconds=5\nclock-tolerance=0\ntelemetry=true\n"), NULL},
        {PRODUCT(TOPIC, "[rehearsal]\nfirst-boot=yes\n"), "allowed: true, false"},
        {PRODUCT(TOPIC, "[rehearsal]\ntelemetry=1\n"), "allowed: true, false"},
        {PRODUCT(TOPIC, "[rehearsal]\ntimeout-seconds=4\n"), "a number from 5 to 300"},
        {PRODUCT(TOPIC, "[rehearsal]\ntimeout-seconds=301\n"), "a number from 5 to 300"},
        {PRODUCT(TOPIC, "[rehearsal]\nclock-tolerance=8761\n"), "a number from 0 to 8760"},
        {PRODUCT(TOPIC, "[rehearsal]\nsecond-boot=true\n"),
         "allowed: first-boot, timeout-seconds, clock-tolerance, telemetry"},
        {PRODUCT("", "[rehearsal]\nfirst-boot=true\n"), "needs a \"topic\""},
        {PRODUCT("parameters={\"topic\":7}\n", "[rehearsal]\nfirst-boot=true\n"), "needs a \"topic\""},
        {PRODUCT("parameters={\"topic\":\"\"}\n", "[rehearsal]\nfirst-boot=true\n"), "needs a \"topic\""},
        {PRODUCT("parameters={\"topic\":\"a/#\"}\n", "[rehearsal]\nfirst-boot=true\n"), "without + and #"},
        {PRODUCT("parameters={\"topic\":\"all/up\"}\n", "[rehearsal]\nfirst-boot=true\n"), "DEVICE_ID as a level"},
        {PRODUCT("parameters={\"topic\":\"u-DEVICE_ID/up\"}\n", "[rehearsal]\nfirst-boot=true\n"),
         "DEVICE_ID as a level"},
        {PRODUCT("parameters={\"topic\":\"DEVICE_ID/x-DEVICE_ID\"}\n", "[rehearsal]\nfirst-boot=true\n"),
         "DEVICE_ID as a level"},
        {PRODUCT("parameters={\"topic\":\"DEVICE_ID\"}\n", "[rehearsal]\nfirst-boot=true\n"), NULL},
        {PRODUCT("parameters={\"topic\":\"all/up\"}\n", "[rehearsal]\nfirst-boot=true\ntelemetry=false\n"), NULL},
        {PRODUCT("", "trust=none.pem\n"), "there is no file"},
        {PRODUCT("", "trust=.\n"), "there is no file"},
        {PRODUCT("", "trust=long.pem\n"), "up to 4096 bytes"},
        {PRODUCT("", "trust=nul.pem\n"), "up to 4096 bytes"},
        {PRODUCT("", "trust=fits.pem\n"), NULL},
    };
    g_autofree char *text = g_strnfill(4097, 'x');
    g_autofree char *too_long = put("long.pem", text, 4097), *fits = put("fits.pem", text, 4096);
    g_autofree char *nul = put("nul.pem", "a\0b", 3);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = put("p.conf", cases[i].text, -1);
        g_autoptr(GError) error = NULL;
        g_autoptr(KlProfile) profile = kl_profile_load(path, &error);
        assert_message(error, cases[i].text, cases[i].allowed);
    }
    g_autofree char *path = put("p.conf", PRODUCT("", "trust=fits.pem\n"), -1);
    g_autoptr(KlProfile) profile = kl_profile_load(path, NULL);
    g_assert_cmpstr(profile->trust_file, ==, fits); /* beside the product that names it */
    g_assert_cmpuint(strlen(profile->trust), ==, KL_TRUST_MAX);
    g_assert_false(profile->rehearse); /* only where somebody decided so */
    g_assert_true(profile->rehearsal_telemetry);
    g_assert_cmpuint(profile->rehearsal_seconds, ==, 60);
    g_assert_cmpuint(profile->rehearsal_clock_hours, ==, 24);
}

static void
test_station(void)
{
    static const struct {
        const char *text, *allowed;
    } cases[] = {
        {STATION(""), NULL},
        {STATION("[rehearsal]\nlisten=192.168.2.1:8883\naddress=line.example.com:9\n"), NULL},
        {STATION("[rehearsal]\nlisten=line.example.com\n"), "is no IP address"},
        {STATION("[rehearsal]\nlisten=127.0.0.1:0\n"), "HOST:PORT"},
        {STATION("[rehearsal]\nlisten=127.0.0.1:65536\n"), "HOST:PORT"},
        {STATION("[rehearsal]\naddress=a b\n"), "HOST:PORT"},
        {STATION("[rehearsal]\naddress=:9\n"), "HOST:PORT"},
        {STATION("[rehearsal]\nlisten=0.0.0.0\n"), "needs address="},
        {STATION("[rehearsal]\nlisten=0.0.0.0\naddress=192.168.2.1\n"), NULL},
        {STATION("[rehearsal]\nport=9\n"), "allowed: listen, address, software, mosquitto"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = put("station.conf", cases[i].text, -1);
        g_autoptr(GError) error = NULL;
        g_autoptr(KlConfig) config = kl_config_load(dir, &error);
        assert_message(error, cases[i].text, cases[i].allowed);
    }
    g_autofree char *plain_path = put("station.conf", STATION(""), -1);
    g_autoptr(KlConfig) plain = kl_config_load(dir, NULL);
    g_assert_cmpstr(plain->rehearsal.listen, ==, "127.0.0.1");
    g_assert_cmpuint(plain->rehearsal.listen_port, ==, 0);
    g_assert_null(plain->rehearsal.host);
    g_autofree char *whole_path = put("station.conf",
                                      STATION("[rehearsal]\nlisten=192.168.2.1:8883\naddress=line.example.com:9\n"
                                              "software=soft\nmosquitto=/opt/mosquitto\n"),
                                      -1);
    g_autoptr(KlConfig) whole = kl_config_load(dir, NULL);
    g_autofree char *soft = g_build_filename(dir, "soft", NULL);
    g_assert_cmpstr(whole->rehearsal.listen, ==, "192.168.2.1");
    g_assert_cmpuint(whole->rehearsal.listen_port, ==, 8883);
    g_assert_cmpstr(whole->rehearsal.host, ==, "line.example.com");
    g_assert_cmpuint(whole->rehearsal.port, ==, 9);
    g_assert_cmpstr(whole->rehearsal.software, ==, soft);
    g_assert_cmpstr(whole->rehearsal.mosquitto, ==, "/opt/mosquitto");
}

/* A certificate, or a key, as the openssl command line makes it. */
static char *
openssl(const char *arguments)
{
    g_autofree char *command = g_strdup_printf("openssl %s 2>/dev/null", arguments);
    const char *argv[] = {"/bin/bash", "-ec", command, NULL};
    char *output = NULL;
    int status = 1;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, &status, NULL);
    g_assert_cmpint(status, ==, 0);
    return output;
}

static void
test_trust(void)
{
#define SELF_SIGNED "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -config /dev/null "
    g_autofree char *ca = openssl(SELF_SIGNED "-subj /CN=A -addext basicConstraints=critical,CA:TRUE");
    g_autofree char *leaf = openssl(SELF_SIGNED "-subj /CN=B -addext basicConstraints=critical,CA:FALSE");
    g_autofree char *key = openssl("genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256");
    g_autofree char *both = g_strconcat("# ours\n", ca, ca, NULL), *with_leaf = g_strconcat(ca, leaf, NULL);
    g_autofree char *with_key = g_strconcat(ca, key, NULL), *cut = g_strndup(ca, strlen(ca) / 2);
    const struct {
        const char *pem, *allowed;
    } cases[] = {{ca, NULL},
                 {both, NULL},
                 {with_leaf, "certificate 2 of it is not a CA's"},
                 {leaf, "not a CA's"},
                 {with_key, ""},
                 {key, ""},
                 {cut, ""},
                 {"", ""},
                 {"hello", ""}};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(kl_trust_check(cases[i].pem, &error) == (cases[i].allowed == NULL));
        assert_message(error, cases[i].pem, cases[i].allowed);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("keyline-first-boot-XXXXXX", NULL);
    g_test_add_func("/first-boot-settings/product", test_product);
    g_test_add_func("/first-boot-settings/station", test_station);
    g_test_add_func("/first-boot-settings/trust", test_trust);
    int status = g_test_run();
    const char *argv_rm[] = {"rm", "-rf", dir, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv_rm, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
    g_free(dir);
    return status;
}
