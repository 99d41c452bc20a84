#include "station/station_rehearsal.h"

#include <string.h>

#include <json-glib/json-glib.h>

#include "station/activation/software_folder.h"
#include "station/mqtt/private_broker.h"
#include "station/mqtt/rehearsal.h"
#include "station/registration.h"

/* A line that is about to start does not wait longer to learn its broker's name. */
#define LOOK_US (5 * G_USEC_PER_SEC)

static gboolean
takes_software(const KlProfile *profile)
{
    g_autoptr(JsonNode) root = json_from_string(profile->parameters, NULL);
    return root != NULL && json_object_has_member(json_node_get_object(root), "software_key");
}

/* Without any, a unit that takes software waits in vain. */
static gboolean
check_software(const KlConfig *config, const KlProfile *profile, GError **error)
{
    const char *folder = config->rehearsal.software;
    g_autoptr(GError) why = NULL;
    KlOp op = {0};
    if (!takes_software(profile))
        return TRUE;
    if (folder == NULL)
        return kl_fail(
            error, KL_ERROR_CONFIG_INVALID,
            "units of product %s take software, so that station.conf needs [rehearsal] software=", profile->name);
    g_autoptr(KlSoftwareShelf) shelf = kl_software_folder_new(folder);
    g_autoptr(KlSoftware) software = shelf->klass->find(shelf, profile->registration_firmware, &op, &why);
    return software != NULL || kl_fail(error, KL_ERROR_CONFIG_INVALID, "[rehearsal] software=%s: %s: %s", folder,
                                       profile->registration_firmware, why->message);
}

gboolean
kl_station_rehearsal_check(const KlConfig *config, const KlProfile *profile, GError **error)
{
    if (!profile->rehearse)
        return TRUE;
    if (config->signer == KL_SIGNER_IOT)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "product %s: [rehearsal] first-boot=true goes with no [ca] signer=iot: Amazon tells nobody by "
                       "which CA the units' certificates could be checked; take signer=register or pca",
                       profile->name);
    return check_software(config, profile, error);
}

gboolean
kl_station_rehearsal_find(const KlConfig *config, GError **error)
{
    const char *named = config->rehearsal.mosquitto;
    g_autofree char *program = kl_private_broker_program(named);
    return g_file_test(program, G_FILE_TEST_IS_EXECUTABLE) ||
           kl_fail(error, KL_ERROR_BROKER_MISSING, "there is no %s", program);
}

KlRehearsal *
kl_station_rehearsal_new(const KlConfig *config, const KlProfile *profile, const char *anchors)
{
    const KlRehearsalSection *section = &config->rehearsal;
    if (!profile->rehearse || anchors == NULL || !kl_station_rehearsal_check(config, profile, NULL))
        return NULL;
    g_autofree char *topic = kl_parameters_topic(profile->parameters);
    const KlMqttRehearsalOptions options = {
        .listen = section->listen,
        .listen_port = (guint16)section->listen_port,
        .host = section->host,
        .port = (guint16)section->port,
        .anchors = anchors,
        .topic = topic,
        .telemetry = profile->rehearsal_telemetry,
        .software = takes_software(profile) ? section->software : NULL,
        .program = section->mosquitto,
    };
    return kl_mqtt_rehearsal_new(&options);
}

gboolean
kl_station_rehearsal_ready(const KlStation *station, GError **error)
{
    const KlProfile *profile = kl_station_profile(station);
    const KlBench *bench = kl_station_bench(station);
    KlOp op = {.deadline_us = g_get_monotonic_time() + LOOK_US};
    g_autoptr(GError) failure = NULL;
    g_autofree char *endpoint = NULL;
    if (!profile->rehearse)
        return TRUE;
    if (!kl_station_rehearsal_check(kl_station_config(station), profile, error))
        return FALSE;
    if (bench->rehearsal == NULL)
        return kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "the station is not unlocked");
    if (bench->signer->klass->endpoint != NULL)
        endpoint = bench->signer->klass->endpoint(bench->signer, &op, &failure);
    if (failure != NULL) {
        g_message("the broker of rehearsals is started with the first unit: %s", failure->message);
        return TRUE;
    }
    return bench->rehearsal->klass->prepare(bench->rehearsal, endpoint != NULL ? endpoint : profile->endpoint, error);
}
