/* First boots rehearsed at a station with AWS behind it: against a broker with the name of AWS IoT Core's endpoint,
 * before the certificate is active there; and refused in words where Amazon itself signs. */
#include "tests/rig/cloud_rig.h"

#include <string.h>

#define REGISTRATION "Bootstrapping_table_registration"

static AwsPeer *peer;

static void
passes(const char *signer, guint64 seed, const char *const *station)
{
    static const char *const product[] = {"rehearsal.first-boot=true", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(KlLineRig) rig = kl_cloud_rig_station(signer, signer, 2, seed, station, product);
    kl_station_ready(rig->station, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    kl_cloud_rig_drain(rig);
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    for (guint slot = 1; slot <= 2; slot++) {
        const KlRecord *record = records->pdata[slot - 1];
        if (record->outcome != KL_OUTCOME_PASS)
            g_error("%s: %s", record->code, record->detail);
        g_autoptr(GString) steps = g_string_new(NULL);
        for (guint i = 0; i < record->steps->len; i++) {
            const KlStepResult *step = record->steps->pdata[i];
            g_string_append_printf(steps, " %s", step->step);
            g_assert_true(!g_str_equal(step->step, "rehearse") || strstr(step->detail, ": 5 messages") != NULL);
        }
        g_assert_nonnull(strstr(steps->str, " register rehearse activate"));
        g_assert_cmpuint(kl_cloud_rig_certificates(rig, slot, state, "ACTIVE"), ==, 1);
        g_assert_cmpuint(kl_cloud_rig_items(state, REGISTRATION, "device", record->unit->device_id), ==, 1);
    }
    g_assert_cmpuint(kl_cloud_rig_items(state, REGISTRATION, "registered", "ok"), ==, 0);
}

static void
test_register(void)
{
    static const char *const station[] = {"aws.register=without-ca", NULL};
    passes("register", 7001, station);
}

/* The private CA says itself by whose certificate its own are to be checked. */
static void
test_pca(void)
{
    g_autofree char *arn = aws_peer_pca_arn(peer);
    g_autofree char *change = g_strconcat("aws.pca-arn=", arn, NULL);
    const char *const station[] = {change, "aws.register=without-ca", NULL};
    passes("pca", 7003, station);
}

static void
test_iot(void)
{
    static const char *const product[] = {"rehearsal.first-boot=true", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(KlLineRig) rig = kl_cloud_rig_station("iot", "iot", 1, 7002, NULL, product);
    g_assert_false(kl_station_ready(rig->station, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
    g_assert_nonnull(strstr(error->message, "signer=register or pca"));
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    g_assert_cmpstr(record->code, ==, "CONFIG_INVALID");
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = kl_cloud_rig_start();
    g_test_add_func("/rehearsal-cloud/register", test_register);
    g_test_add_func("/rehearsal-cloud/pca", test_pca);
    g_test_add_func("/rehearsal-cloud/iot", test_iot);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
