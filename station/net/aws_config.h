/* Where AWS is for this station: region, endpoints, CA bundle and profile, found as the AWS tools find them. */
#pragma once

#include "station/net/aws_file.h"

G_BEGIN_DECLS

/* What the station's own configuration says; each NULL leaves it to the environment and ~/.aws. */
typedef struct {
    const char *profile;
    const char *region;
    const char *endpoint; /* for every service: a test peer */
} KlAwsSettings;

typedef struct {
    const char *name;   /* the signing name, "iot" */
    const char *env_id; /* as in AWS_ENDPOINT_URL_<ID> and, lower case, in [services] sections */
    const char *host;   /* what its endpoint's name begins with */
} KlAwsService;

typedef enum {
    KL_AWS_IOT,
    KL_AWS_IOT_DATA,
    KL_AWS_DYNAMODB,
    KL_AWS_ACM_PCA,
    KL_AWS_S3,
    KL_AWS_STS,
    KL_AWS_SERVICES
} KlAwsServiceId;

/* Static. */
const KlAwsService *kl_aws_service(KlAwsServiceId id);

typedef struct KlAwsConfig KlAwsConfig;

/* Reads environment and files once: AWS_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, AWS_REGION,
 * AWS_DEFAULT_REGION, AWS_CA_BUNDLE, AWS_ENDPOINT_URL[_<SERVICE>], AWS_IGNORE_CONFIGURED_ENDPOINT_URLS; region,
 * ca_bundle, endpoint_url and services of the profile. CONFIG_INVALID: no region anywhere, a profile that was asked for
 * is not there, a bad endpoint (see kl_origin_parse()), an unreadable file. Call it before other threads change the
 * environment. */
KlAwsConfig *kl_aws_config_load(const KlAwsSettings *settings, GError **error);
void kl_aws_config_free(KlAwsConfig *config);

const char *kl_aws_config_region(const KlAwsConfig *config);

/* The origin of a service: "https://iot.eu-central-1.amazonaws.com", or what is configured in its place. */
const char *kl_aws_config_endpoint(const KlAwsConfig *config, KlAwsServiceId service);

/* TRUE when that is configured, so that it goes before what AWS itself says of the account's endpoints. */
gboolean kl_aws_config_endpoint_is_set(const KlAwsConfig *config, KlAwsServiceId service);

/* A PEM file, or NULL for the system's CAs. */
const char *kl_aws_config_ca_bundle(const KlAwsConfig *config);

const char *kl_aws_config_profile(const KlAwsConfig *config);

/* TRUE when the station's own configuration names the profile: it then goes before keys in the environment. */
gboolean kl_aws_config_profile_is_set(const KlAwsConfig *config);

/* A key's value in the profile, from the credentials file or else the config file; NULL when it has none. May be
 * secret. */
const char *kl_aws_config_get(const KlAwsConfig *config, const char *key);

/* Keys of the credentials file's profile only, or (with shared FALSE) of the config file's. */
const char *kl_aws_config_get_from(const KlAwsConfig *config, gboolean shared, const char *key);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAwsConfig, kl_aws_config_free)

G_END_DECLS
