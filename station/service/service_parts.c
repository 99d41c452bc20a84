#include "station/service/service_parts.h"

#include "certs/ca.h"
#include "certs/seal.h"
#include "db/activation_dynamodb.h"
#include "db/activation_sqlite.h"
#include "db/software_s3.h"
#include "station/activation/software_folder.h"
#include "station/error.h"
#include "station/station_cloud.h"

#define TRY_US (20 * G_USEC_PER_SEC)
/* A device and a software that nobody has. */
#define NOBODY "keyline-activation"
/* The service itself tries a message again, and then has it come again; nothing else is read while a call waits. */
#define AWS_ATTEMPTS 5

struct KlServiceParts {
    KlConfig *station;
    KlAws *aws;
    KlSeal *seal;
    KlActivationTable *table;
    KlSoftwareShelf *software;
    /* For csr and create-keys. */
    KlStationCloud *cloud;
    KlCa *ca;
    KlSigner *signer;
    KlPki *pki;
    KlProfile *profile;
    KlActivationEngine *engine;
};

void
kl_service_parts_free(KlServiceParts *parts)
{
    if (parts == NULL)
        return;
    if (parts->engine != NULL)
        kl_activation_engine_free(parts->engine);
    if (parts->table != NULL)
        kl_activation_table_free(parts->table);
    if (parts->software != NULL)
        kl_software_shelf_free(parts->software);
    if (parts->signer != NULL)
        parts->signer->klass->free(parts->signer);
    if (parts->pki != NULL)
        parts->pki->klass->free(parts->pki);
    if (parts->cloud != NULL)
        kl_station_cloud_free(parts->cloud);
    if (parts->ca != NULL)
        kl_ca_free(parts->ca);
    if (parts->profile != NULL)
        kl_profile_free(parts->profile);
    if (parts->seal != NULL)
        kl_seal_free(parts->seal);
    if (parts->aws != NULL)
        kl_aws_free(parts->aws);
    if (parts->station != NULL)
        kl_config_free(parts->station);
    g_free(parts);
}

/* What stands in a journal where there is one. */
static void
log_note(const char *note, gpointer data)
{
    g_message("%s", note);
}

/* The station's own seal signs what the service keeps, as everything in the journal; it is made when the station runs
 * for the first time. */
static gboolean
open_sqlite(KlServiceParts *parts, GError **error)
{
    const KlConfig *station = parts->station;
    g_assert(station != NULL); /* the configuration sees to that */
    if (station->aws.on)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "the rows of %s go to AWS, and units are activated there: table=dynamodb", station->dir);
    if (kl_seal_exists(station->dir)) {
        parts->seal = kl_seal_open(station->dir, station->audit_key, error);
        if (parts->seal == NULL)
            return FALSE;
    }
    g_autofree char *path = kl_station_database_path(station->dir);
    parts->table = kl_activation_sqlite_open(path, parts->seal, station->name, error);
    return parts->table != NULL;
}

static gboolean
open_aws(KlServiceParts *parts, const KlServiceConfig *config, GError **error)
{
    const KlAwsOptions options = {
        .settings = {.profile = config->profile, .region = config->region, .endpoint = config->endpoint},
        .attempts = AWS_ATTEMPTS,
    };
    parts->aws = kl_aws_new(&options, error);
    return parts->aws != NULL;
}

static gboolean
open_table(KlServiceParts *parts, const KlServiceConfig *config, GError **error)
{
    if (config->table == KL_SERVICE_TABLE_SQLITE)
        return open_sqlite(parts, error);
    parts->table = kl_activation_dynamodb_new(parts->aws, config->registration_table, log_note, NULL);
    return TRUE;
}

static void
open_software(KlServiceParts *parts, const KlServiceConfig *config)
{
    if (config->software == KL_SERVICE_SOFTWARE_FOLDER)
        parts->software = kl_software_folder_new(config->software_folder);
    else if (config->software == KL_SERVICE_SOFTWARE_S3)
        parts->software = kl_software_s3_new(parts->aws, config->firmware_table);
}

/* The station's signer, for the product's certificates. */
static gboolean
open_signer(KlServiceParts *parts, const KlServiceConfig *config, GError **error)
{
    const KlConfig *station = parts->station;
    g_assert(station != NULL); /* as above */
    parts->profile =
        kl_station_load_profile(station->dir, config->product != NULL ? config->product : station->product, error);
    if (parts->profile == NULL)
        return FALSE;
    if (station->aws.on && (parts->cloud = kl_station_cloud_new(station, error)) == NULL)
        return FALSE;
    if (parts->cloud != NULL)
        parts->cloud->in_field = TRUE;
    if (kl_station_signs_itself(station) &&
        (parts->ca = kl_station_load_ca(station, parts->profile->ca_margin_days, NULL, error)) == NULL)
        return FALSE;
    parts->signer = kl_station_cloud_signer(parts->cloud, station, parts->ca, &parts->pki, error);
    return parts->signer != NULL &&
           parts->signer->klass->self_test(parts->signer, parts->profile, g_get_real_time() / G_USEC_PER_SEC, error);
}

static gboolean
open_engine(KlServiceParts *parts, const KlServiceConfig *config, GError **error)
{
    parts->engine = kl_activation_engine_new(&(KlActivationParts){.rules = config->rules,
                                                                  .table = parts->table,
                                                                  .software = parts->software,
                                                                  .signer = parts->signer,
                                                                  .pki = parts->pki,
                                                                  .profile = parts->profile},
                                             error);
    return parts->engine != NULL;
}

KlServiceParts *
kl_service_parts_open(const KlServiceConfig *config, GError **error)
{
    gboolean cloud = config->table == KL_SERVICE_TABLE_DYNAMODB || config->software == KL_SERVICE_SOFTWARE_S3;
    g_autoptr(KlServiceParts) parts = g_new0(KlServiceParts, 1);
    if (config->station != NULL && (parts->station = kl_station_load_config(config->station, error)) == NULL)
        return NULL;
    if ((cloud && !open_aws(parts, config, error)) || !open_table(parts, config, error))
        return NULL;
    open_software(parts, config);
    if ((config->rules.credentials != KL_CREDENTIALS_FACTORY && !open_signer(parts, config, error)) ||
        !open_engine(parts, config, error))
        return NULL;
    return g_steal_pointer(&parts);
}

gboolean
kl_service_parts_try(KlServiceParts *parts, GError **error)
{
    KlOp op = {.deadline_us = g_get_monotonic_time() + TRY_US};
    KlActivationView view = {NULL, FALSE};
    if (!parts->table->klass->read(parts->table, NOBODY, NULL, &view, &op, error))
        return FALSE;
    g_clear_pointer(&view.row, kl_registration_free);
    if (parts->software == NULL)
        return TRUE;
    g_autoptr(GError) why = NULL;
    KlSoftware *software = parts->software->klass->find(parts->software, NOBODY, &op, &why);
    g_clear_pointer(&software, kl_software_free);
    if (why == NULL || kl_error_code(why) == KL_ERROR_RECORD_UNKNOWN)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

KlActivationEngine *
kl_service_parts_engine(const KlServiceParts *parts)
{
    return parts->engine;
}
