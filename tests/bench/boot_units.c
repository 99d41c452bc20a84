#include "tests/bench/boot_units.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/mqtt_clients.h"

#define HANDSHAKES 48 /* at the same time: the broker's backlog is short */

/* What a unit has said last. */
typedef enum { STEP_NEW, STEP_READY, STEP_REQUEST, STEP_CONFIRM, STEP_SOFTWARE, STEP_VERSION, STEP_DONE } Step;

typedef struct {
    MqttClient client; /* has to be the first */
    Step step;
    double since;
} Unit;

struct BootUnits {
    MqttLoop loop;
    guint n;
    EVP_PKEY *key;
    X509 **certificates;
    Unit *units;      /* n */
    MqttClient other; /* the one that answers */
    guint ready, done;
    const BootAnswers *answers;
    GArray *samples;
};

char *
boot_unit_id(guint number)
{
    return g_strdup_printf("FX30-%06u", number + 1);
}

/* --- what units say --- */

static void
say(Unit *unit, const char *root, const char *what, const char *more)
{
    g_autofree char *topic = g_strdup_printf("%s/device/%s/%s", root, unit->client.id, what);
    g_autofree char *payload = g_strdup_printf("{\"id\":\"%08x%08x%08x%08x\"%s}", g_random_int(), g_random_int(),
                                               g_random_int(), g_random_int(), more);
    mqtt_client_publish(&unit->client, topic, payload);
}

static void
boot(Unit *unit)
{
    unit->step = STEP_REQUEST;
    say(unit, "bs", "register/request", "");
}

static void
on_ready(BootUnits *units, Unit *unit)
{
    unit->step = STEP_READY;
    units->ready++;
    if (units->samples != NULL)
        boot(unit);
}

static void
on_done(BootUnits *units, Unit *unit)
{
    unit->step = STEP_DONE;
    units->done++;
    if (units->samples != NULL)
        kl_bench_sample(units->samples, kl_bench_now() - unit->since);
}

/* Something was taken by the broker, or has come. */
static void
go_on(BootUnits *units, Unit *unit, gboolean taken, const char *topic)
{
    if (unit->step == STEP_REQUEST && !taken && g_str_has_suffix(topic, "/parameters/topic")) {
        unit->step = STEP_CONFIRM;
        say(unit, "bs", "register/ok", "");
    } else if (unit->step == STEP_CONFIRM && taken) {
        unit->step = STEP_SOFTWARE;
        say(unit, "dm", "version/request", "");
    } else if (unit->step == STEP_SOFTWARE && !taken && g_str_has_suffix(topic, "/update/")) {
        unit->step = STEP_VERSION;
        say(unit, "dm", "update/ok", ",\"version\":1");
    } else if (unit->step == STEP_VERSION && taken) {
        on_done(units, unit);
    }
}

/* --- what the thoughtless service answers --- */

static void
answer(BootUnits *units, const char *topic)
{
    g_auto(GStrv) words = g_strsplit(topic, "/", 5);
    if (g_strv_length(words) != 5 || strcmp(words[4], "request") != 0)
        return;
    gboolean software = words[0][0] == 'd';
    g_autofree char *first =
        g_strdup_printf(software ? "dm/device/%s/update/parameters/" : "bs/device/%s/parameters/", words[2]);
    g_autofree char *second =
        g_strdup_printf(software ? "dm/device/%s/update/" : "bs/device/%s/parameters/topic", words[2]);
    const BootAnswers *answers = units->answers;
    mqtt_client_publish(&units->other, first, software ? answers->about : answers->parameters);
    mqtt_client_publish(&units->other, second, software ? answers->software : answers->topic);
}

/* --- what is told of clients --- */

static void
on_connected(MqttClient *client, gpointer data)
{
    static const char *const all[] = {"bs/device/+/register/request", "bs/device/+/register/ok",
                                      "dm/device/+/version/request", "dm/device/+/update/request",
                                      "dm/device/+/update/ok"};
    BootUnits *units = data;
    g_autofree char *parameters = g_strdup_printf("bs/device/%s/parameters/#", client->id);
    g_autofree char *software = g_strdup_printf("dm/device/%s/update/", client->id);
    g_autofree char *about = g_strdup_printf("dm/device/%s/update/parameters/#", client->id);
    const char *const own[] = {parameters, software, about};
    gboolean answers = client == &units->other;
    mqtt_client_subscribe(client, answers ? all : own, answers ? G_N_ELEMENTS(all) : G_N_ELEMENTS(own));
}

static void
on_subscribed(MqttClient *client, gpointer data)
{
    BootUnits *units = data;
    if (client == &units->other)
        units->ready++;
    else
        on_ready(units, (Unit *)client);
}

static void
on_taken(MqttClient *client, gpointer data)
{
    BootUnits *units = data;
    if (client != &units->other)
        go_on(units, (Unit *)client, TRUE, "");
}

static void
on_heard(MqttClient *client, const char *topic, gpointer data)
{
    BootUnits *units = data;
    if (client == &units->other)
        answer(units, topic);
    else
        go_on(units, (Unit *)client, FALSE, topic);
}

static const MqttEvents events = {
    .connected = on_connected, .subscribed = on_subscribed, .taken = on_taken, .heard = on_heard};

/* --- certificates --- */

static X509 *
make_certificate(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, guint serial)
{
    X509 *certificate = X509_new();
    X509V3_CTX context;
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, (const guchar *)name, -1, -1,
                               0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer != NULL ? issuer : certificate));
    X509_set_pubkey(certificate, key);
    if (issuer == NULL) {
        X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }
    if (X509_sign(certificate, issuer_key, EVP_sha256()) <= 0)
        g_error("no certificate");
    return certificate;
}

static void
write_certificate(const char *folder, const char *name, X509 *certificate)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    FILE *file = fopen(path, "w");
    if (file == NULL || PEM_write_X509(file, certificate) != 1 || fclose(file) != 0)
        g_error("%s", path);
}

BootUnits *
boot_units_new(const char *folder, guint n)
{
    BootUnits *units = g_new0(BootUnits, 1);
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    X509 *ca = make_certificate(ca_key, "Devices", NULL, ca_key, 1);
    write_certificate(folder, "devices.pem", ca);
    units->n = n;
    /* What is measured is not theirs: one key is enough. */
    units->key = EVP_EC_gen("P-256");
    units->certificates = g_new0(X509 *, n);
    units->units = g_new0(Unit, n);
    for (guint i = 0; i < n; i++) {
        g_autofree char *id = boot_unit_id(i);
        mqtt_client_init(&units->units[i].client, id);
        units->certificates[i] = make_certificate(units->key, id, ca, ca_key, i + 2);
    }
    mqtt_client_init(&units->other, "answers");
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    mqtt_loop_init(&units->loop, &events, units);
    return units;
}

void
boot_units_free(BootUnits *units)
{
    for (guint i = 0; i < units->n; i++) {
        mqtt_client_clear(&units->units[i].client);
        X509_free(units->certificates[i]);
    }
    mqtt_client_clear(&units->other);
    g_free(units->certificates);
    g_free(units->units);
    mqtt_loop_clear(&units->loop);
    EVP_PKEY_free(units->key);
    g_free(units);
}

/* --- what is measured --- */

void
boot_units_connect(BootUnits *units, guint16 port, guint from, guint until)
{
    guint next = from;
    units->ready = 0;
    units->loop.last = 0;
    while (units->ready < until - from) {
        for (; next < until && units->loop.greeting < HANDSHAKES; next++)
            mqtt_client_begin(&units->loop, &units->units[next].client, port, units->certificates[next], units->key);
        if (!mqtt_loop_turn(&units->loop, 100))
            g_error("%u of %u units are connected, and no more", units->ready, until - from);
    }
}

double
boot_units_storm(BootUnits *units, guint from, guint until, guint *done)
{
    double start = kl_bench_now();
    units->done = 0;
    units->loop.last = 0;
    for (guint i = from; i < until; i++) {
        boot(&units->units[i]);
        mqtt_client_wake(&units->loop, &units->units[i].client);
    }
    while (units->done < until - from && mqtt_loop_turn(&units->loop, 100))
        continue;
    *done = units->done;
    return units->loop.last - start;
}

guint
boot_units_stream(BootUnits *units, guint16 port, guint from, guint until, double per_second, GArray *samples)
{
    double start = kl_bench_now();
    guint next = from;
    units->done = 0;
    units->loop.last = 0;
    units->samples = samples;
    while (units->done < until - from) {
        double now = kl_bench_now();
        for (; next < until && start + (next - from) / per_second <= now; next++) {
            units->units[next].since = start + (next - from) / per_second;
            mqtt_client_begin(&units->loop, &units->units[next].client, port, units->certificates[next], units->key);
        }
        if (!mqtt_loop_turn(&units->loop, 1))
            break;
    }
    units->samples = NULL;
    return units->done;
}

void
boot_units_disconnect(BootUnits *units, guint from, guint until)
{
    for (guint i = from; i < until; i++) {
        mqtt_client_close(&units->units[i].client);
        units->units[i].step = STEP_NEW;
    }
}

void
boot_units_answer(BootUnits *units, guint16 port, const char *certificate_file, const char *key_file,
                  const BootAnswers *answers)
{
    FILE *file = fopen(certificate_file, "r"), *key = fopen(key_file, "r");
    X509 *certificate = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    EVP_PKEY *private_key = key != NULL ? PEM_read_PrivateKey(key, NULL, NULL, NULL) : NULL;
    if (certificate == NULL || private_key == NULL)
        g_error("%s, %s", certificate_file, key_file);
    fclose(file);
    fclose(key);
    units->answers = answers;
    mqtt_client_begin(&units->loop, &units->other, port, certificate, private_key);
    X509_free(certificate);
    EVP_PKEY_free(private_key);
    units->ready = 0;
    units->loop.last = 0;
    while (units->ready == 0 && mqtt_loop_turn(&units->loop, 100))
        continue;
}

void
boot_units_answer_no_more(BootUnits *units)
{
    mqtt_client_close(&units->other);
}
