#include "station/net/aws_config.h"

#include <string.h>

#include "station/error.h"
#include "station/net/origin.h"

#define REGION_MAX 32

struct KlAwsConfig {
    char *profile;
    gboolean profile_is_set;
    KlAwsFile *config;
    KlAwsFile *shared;    /* the credentials file */
    char *config_section; /* of the profile in the config file: "profile x" or "default" */
    char *region;
    char *ca_bundle;
    char *endpoints[KL_AWS_SERVICES];
    gboolean endpoint_is_set[KL_AWS_SERVICES];
};

static const KlAwsService services[KL_AWS_SERVICES] = {
    [KL_AWS_IOT] = {"iot", "IOT", "iot"},
    [KL_AWS_IOT_DATA] = {"iotdata", "IOT_DATA_PLANE", "data-ats.iot"},
    [KL_AWS_DYNAMODB] = {"dynamodb", "DYNAMODB", "dynamodb"},
    [KL_AWS_ACM_PCA] = {"acm-pca", "ACM_PCA", "acm-pca"},
    [KL_AWS_S3] = {"s3", "S3", "s3"},
    [KL_AWS_STS] = {"sts", "STS", "sts"},
};

const KlAwsService *
kl_aws_service(KlAwsServiceId id)
{
    return &services[id];
}

/* An environment variable that has a value. */
static const char *
from_env(const char *name)
{
    const char *value = g_getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

static const char *
first_of(const char *one, const char *two, const char *three)
{
    if (one != NULL && *one != '\0')
        return one;
    if (two != NULL && *two != '\0')
        return two;
    return three != NULL && *three != '\0' ? three : NULL;
}

static KlAwsFile *
load_file(const char *variable, const char *name, GError **error)
{
    const char *set = from_env(variable);
    gboolean at_home = set != NULL && g_str_has_prefix(set, "~/");
    g_autofree char *path = set == NULL ? g_build_filename(g_get_home_dir(), ".aws", name, NULL)
                            : at_home   ? g_build_filename(g_get_home_dir(), set + 2, NULL)
                                        : g_strdup(set);
    return kl_aws_file_load(path, error);
}

static gboolean
load_profile(KlAwsConfig *config, const KlAwsSettings *settings, GError **error)
{
    const char *asked = first_of(settings->profile, from_env("AWS_PROFILE"), from_env("AWS_DEFAULT_PROFILE"));
    config->profile = g_strdup(asked != NULL ? asked : "default");
    config->profile_is_set = settings->profile != NULL && *settings->profile != '\0';
    config->config = load_file("AWS_CONFIG_FILE", "config", error);
    if (config->config == NULL)
        return FALSE;
    config->shared = load_file("AWS_SHARED_CREDENTIALS_FILE", "credentials", error);
    if (config->shared == NULL)
        return FALSE;
    config->config_section = g_strconcat("profile ", config->profile, NULL);
    if (strcmp(config->profile, "default") == 0 && !kl_aws_file_has(config->config, config->config_section)) {
        g_free(config->config_section);
        config->config_section = g_strdup("default");
    }
    gboolean there =
        kl_aws_file_has(config->config, config->config_section) || kl_aws_file_has(config->shared, config->profile);
    if (asked != NULL && !there && strcmp(asked, "default") != 0)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "AWS: there is no profile '%s' in ~/.aws", asked);
    return TRUE;
}

static gboolean
load_region(KlAwsConfig *config, const KlAwsSettings *settings, GError **error)
{
    const char *from_environment = first_of(from_env("AWS_REGION"), from_env("AWS_DEFAULT_REGION"), NULL);
    const char *region = first_of(settings->region, from_environment, kl_aws_config_get(config, "region"));
    if (region == NULL)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "AWS: no region is set (AWS_REGION, or region in the profile)");
    gsize length = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (region[length] != '\0' || length > REGION_MAX)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "AWS: the region is not a name like eu-central-1");
    config->region = g_strdup(region);
    return TRUE;
}

/* The address that is configured for a service, in the order in which the AWS tools look, or NULL. */
static const char *
configured_endpoint(const KlAwsConfig *config, const KlAwsSettings *settings, const KlAwsService *service)
{
    if (settings->endpoint != NULL && *settings->endpoint != '\0')
        return settings->endpoint;
    const char *ignored = from_env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if (ignored != NULL && g_ascii_strcasecmp(ignored, "true") == 0)
        return NULL;
    g_autofree char *variable = g_strconcat("AWS_ENDPOINT_URL_", service->env_id, NULL);
    const char *set = first_of(from_env(variable), from_env("AWS_ENDPOINT_URL"), NULL);
    const char *list = kl_aws_config_get_from(config, FALSE, "services");
    if (set == NULL && list != NULL) {
        g_autofree char *section = g_strconcat("services ", list, NULL);
        g_autofree char *id = g_ascii_strdown(service->env_id, -1);
        g_autofree char *key = g_strconcat(id, ".endpoint_url", NULL);
        set = kl_aws_file_get(config->config, section, key);
    }
    return first_of(set, kl_aws_config_get_from(config, FALSE, "endpoint_url"), NULL);
}

static gboolean
load_endpoints(KlAwsConfig *config, const KlAwsSettings *settings, GError **error)
{
    const char *suffix = g_str_has_prefix(config->region, "cn-") ? "amazonaws.com.cn" : "amazonaws.com";
    for (guint i = 0; i < KL_AWS_SERVICES; i++) {
        const char *set = configured_endpoint(config, settings, &services[i]);
        g_autofree char *usual = g_strdup_printf("https://%s.%s.%s", services[i].host, config->region, suffix);
        config->endpoint_is_set[i] = set != NULL;
        config->endpoints[i] = kl_origin_parse(set != NULL ? set : usual, KL_ORIGIN_SERVICE, error);
        if (config->endpoints[i] == NULL) {
            g_prefix_error(error, "AWS, service %s: ", services[i].name);
            return FALSE;
        }
    }
    return TRUE;
}

KlAwsConfig *
kl_aws_config_load(const KlAwsSettings *settings, GError **error)
{
    g_autoptr(KlAwsConfig) config = g_new0(KlAwsConfig, 1);
    if (!load_profile(config, settings, error) || !load_region(config, settings, error) ||
        !load_endpoints(config, settings, error))
        return NULL;
    config->ca_bundle = g_strdup(first_of(from_env("AWS_CA_BUNDLE"), kl_aws_config_get(config, "ca_bundle"), NULL));
    return g_steal_pointer(&config);
}

void
kl_aws_config_free(KlAwsConfig *config)
{
    if (config == NULL)
        return;
    for (guint i = 0; i < KL_AWS_SERVICES; i++)
        g_free(config->endpoints[i]);
    kl_aws_file_free(config->config);
    kl_aws_file_free(config->shared);
    g_free(config->profile);
    g_free(config->config_section);
    g_free(config->region);
    g_free(config->ca_bundle);
    g_free(config);
}

const char *
kl_aws_config_region(const KlAwsConfig *config)
{
    return config->region;
}

const char *
kl_aws_config_endpoint(const KlAwsConfig *config, KlAwsServiceId service)
{
    return config->endpoints[service];
}

gboolean
kl_aws_config_endpoint_is_set(const KlAwsConfig *config, KlAwsServiceId service)
{
    return config->endpoint_is_set[service];
}

const char *
kl_aws_config_ca_bundle(const KlAwsConfig *config)
{
    return config->ca_bundle;
}

const char *
kl_aws_config_profile(const KlAwsConfig *config)
{
    return config->profile;
}

gboolean
kl_aws_config_profile_is_set(const KlAwsConfig *config)
{
    return config->profile_is_set;
}

const char *
kl_aws_config_get_from(const KlAwsConfig *config, gboolean shared, const char *key)
{
    const char *value = shared ? kl_aws_file_get(config->shared, config->profile, key)
                               : kl_aws_file_get(config->config, config->config_section, key);
    return value != NULL && *value != '\0' ? value : NULL;
}

const char *
kl_aws_config_get(const KlAwsConfig *config, const char *key)
{
    const char *value = kl_aws_config_get_from(config, TRUE, key);
    return value != NULL ? value : kl_aws_config_get_from(config, FALSE, key);
}
