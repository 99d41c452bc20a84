/* keyline-activation's parts, as its configuration puts them together, with AWS IoT Core for the signer: units that
 * boot in the field get a certificate beside the one that they are connected by. By the strict peer. */
#include "certs/cloud_pem.h"
#include "certs/signer_iot.h"
#include "station/service/service_parts.h"
#include "station/station.h"
#include "tests/cloud_tables.h"
#include "tests/signer_cloud.h"

/* A station whose units AWS IoT Core signs for. */
static void
make_station(const char *dir)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *station = g_build_filename(dir, "station", NULL);
    g_assert_true(kl_station_setup(station, "test", NULL, &error));
    ORACLE(dir,
           "sed -i 's|^#signer=iot|signer=iot|' station/station.conf && grep -c ^signer=iot station/station.conf &&"
           "printf '\\n[aws]\\n' >> station/station.conf &&"
           "sed -i 's|^subject=.*|subject=CN={device_id}|' station/products/fx30s.conf");
}

static KlServiceParts *
open_parts(const char *dir, const char *credentials)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(dir, "activation.conf", NULL);
    g_autofree char *text = g_strdup_printf("[service]\ntable=dynamodb\nstation=station\n%s\n"
                                            "[broker]\naddress=localhost\nca=c\ncertificate=c\nkey=k\n",
                                            credentials);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(KlServiceConfig) config = kl_service_config_load(path, &error);
    g_assert_no_error(error);
    KlServiceParts *parts = kl_service_parts_open(config, &error);
    g_assert_no_error(error);
    return parts;
}

/* A unit that a station has provisioned: it has a certificate that is in use, and a row. */
static void
unit_provision(Unit *unit)
{
    g_auto(Rig) line = {.aws = cloud_aws(PATIENT_ATTEMPT_MS), .pki = kl_pki_new_for(KL_PKI_IOT, NULL, NULL)};
    line.signer = kl_signer_iot_new(&(KlSignerIotOptions){.aws = line.aws});
    unit_open(unit);
    unit_finish(unit, line.signer, line.pki);
    g_autofree char *item =
        g_strdup_printf("{\"device\":{\"S\":\"%s\"},\"registered\":{\"S\":\"false\"},\"policy\":{\"S\":\"" POLICY "\"},"
                        "\"firmware\":{\"S\":\"main\"},\"parameters\":{\"S\":\"{\\\"topic\\\":\\\"t\\\"}\"},"
                        "\"version\":{\"N\":\"0\"},\"connections\":{\"N\":\"0\"}}",
                        unit->unit.device_id);
    cloud_table_put(line.aws, TABLE_REGISTRATION, item);
}

/* Asks, and gets so many answers; the key of its certificate. */
static char *
ask(const KlServiceParts *parts, const Unit *unit, guint answers)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *base64 = g_base64_encode(g_bytes_get_data(unit->csr->der, NULL), g_bytes_get_size(unit->csr->der));
    g_autofree char *payload = g_strdup_printf("{\"csr\":\"%s\"}", base64);
    g_autofree char *topic = g_strdup_printf("bs/device/%s/register/request", unit->unit.device_id);
    const KlActivationMessage message = {.topic = topic, .payload = payload, .length = strlen(payload)};
    KlOp op = cloud_op();
    g_autoptr(KlActivation) became = kl_activation_engine_handle(kl_service_parts_engine(parts), &message, &op, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(became->publications->len, ==, answers);
    const KlPublication *first = became->publications->pdata[0];
    g_assert_true(g_str_has_suffix(first->topic, "/credentials/certificate"));
    g_autofree char *pem = g_strndup(g_bytes_get_data(first->payload, NULL), g_bytes_get_size(first->payload));
    g_autoptr(KlCertificate) certificate = kl_cloud_certificate(pem, NULL, &error);
    g_assert_no_error(error);
    return g_strdup(certificate->spki_sha256);
}

static void
test_beside(void)
{
    static const struct {
        const char *credentials;
        guint answers; /* certificate, key, parameters, topic */
    } rows[] = {{"credentials=csr", 3}, {"credentials=create-keys\ndangerous-send-private-keys-over-mqtt=true", 4}};
    g_autoptr(OracleFolder) dir = oracle_folder();
    make_station(dir);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Unit) unit = {0};
        g_autoptr(KlServiceParts) parts = open_parts(dir, rows[i].credentials);
        unit_provision(&unit);
        g_autofree char *connected_by = g_strdup(unit.csr->spki_sha256);
        unit_renew(&unit);
        g_autofree char *got = ask(parts, &unit, rows[i].answers);
        g_assert_cmpstr(got, !=, connected_by);
        g_assert_true(g_str_equal(got, unit.csr->spki_sha256) == (rows[i].answers == 3));
        g_assert_cmpuint(cloud_count(got, "ACTIVE", NULL), ==, 1);
        g_assert_cmpuint(cloud_count(connected_by, "ACTIVE", NULL), ==, 1);
        g_assert_cmpint(cloud_principals(unit.unit.device_id), ==, 2);
        /* once more: the same one, without a key */
        g_autofree char *again = ask(parts, &unit, 3);
        g_assert_cmpstr(again, ==, got);
    }
    aws_peer_assert_clean(peer);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    cloud_start();
    cloud_make_policy();
    g_autoptr(KlAws) aws = cloud_aws(PATIENT_ATTEMPT_MS);
    cloud_table_make(aws, TABLE_REGISTRATION, "device", NULL);
    g_test_add_func("/activation-signer/beside", test_beside);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
