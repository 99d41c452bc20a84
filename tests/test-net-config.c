/* Where AWS is: environment, profiles, endpoints; in the order that the AWS tools have. */
#include "station/net/aws_config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "station/error.h"

static char *dir;

static const char *const variables[] = {
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CA_BUNDLE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_IOT",
    "AWS_ENDPOINT_URL_ACM_PCA",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
};

static char *
put(const char *name, const char *text)
{
    char *path = g_build_filename(dir, name, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

/* Files and environment ("NAME=value NAME=value") of a test. */
static void
prepare(const char *config, const char *credentials, const char *environment)
{
    for (guint i = 0; i < G_N_ELEMENTS(variables); i++)
        g_unsetenv(variables[i]);
    g_autofree char *config_path = put("config", config);
    g_autofree char *credentials_path = put("credentials", credentials);
    g_setenv("AWS_CONFIG_FILE", config_path, TRUE);
    g_setenv("AWS_SHARED_CREDENTIALS_FILE", credentials_path, TRUE);
    g_auto(GStrv) pairs = g_strsplit(environment, " ", -1);
    for (guint i = 0; pairs[i] != NULL && *pairs[i] != '\0'; i++) {
        char *equals = strchr(pairs[i], '=');
        *equals = '\0';
        g_setenv(pairs[i], equals + 1, TRUE);
    }
}

#define CONFIG                                                                                                         \
    "# comment\n[default]\nregion = eu-west-1 ; comment\nca_bundle=/ca.pem\n\n[profile line]\n"                        \
    "region=us-east-1\nendpoint_url = https://line.example\n[profile   spaced  name ]\nregion=eu-north-1\n"            \
    "[profile local]\nregion=eu-west-3\nservices = mine\n"                                                             \
    "[services mine]\niot =\n  endpoint_url = http://127.0.0.1:1\nacm_pca =\n    endpoint_url = http://127.0.0.1:2\n"

static void
test_region(void)
{
    static const struct {
        const char *config, *environment;
        KlAwsSettings settings;
        const char *region, *iot;
    } table[] = {
        {CONFIG, "", {0}, "eu-west-1", "https://iot.eu-west-1.amazonaws.com"},
        {CONFIG, "AWS_DEFAULT_REGION=ap-south-1", {0}, "ap-south-1", "https://iot.ap-south-1.amazonaws.com"},
        {CONFIG,
         "AWS_DEFAULT_REGION=ap-south-1 AWS_REGION=cn-north-1",
         {0},
         "cn-north-1",
         "https://iot.cn-north-1.amazonaws.com.cn"},
        {CONFIG,
         "AWS_REGION=ap-south-1",
         {.region = "eu-central-1"},
         "eu-central-1",
         "https://iot.eu-central-1.amazonaws.com"},
        {CONFIG, "AWS_PROFILE=line", {0}, "us-east-1", "https://line.example"},
        {CONFIG, "AWS_PROFILE=default", {.profile = "line"}, "us-east-1", "https://line.example"},
        {CONFIG, "", {.profile = "spaced name"}, "eu-north-1", "https://iot.eu-north-1.amazonaws.com"},
        {CONFIG, "AWS_PROFILE=local", {0}, "eu-west-3", "http://127.0.0.1:1"},
        {CONFIG,
         "AWS_PROFILE=line AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true",
         {0},
         "us-east-1",
         "https://iot.us-east-1.amazonaws.com"},
        {CONFIG, "AWS_PROFILE=local AWS_ENDPOINT_URL=https://all", {0}, "eu-west-3", "https://all"},
        {CONFIG, "AWS_ENDPOINT_URL=https://all AWS_ENDPOINT_URL_IOT=https://one/", {0}, "eu-west-1", "https://one"},
        {CONFIG,
         "AWS_ENDPOINT_URL_IOT=https://one",
         {.endpoint = "http://127.0.0.1:9"},
         "eu-west-1",
         "http://127.0.0.1:9"},
        {"[profile default]\nregion=eu-west-2\n[default]\nregion=no\n",
         "",
         {0},
         "eu-west-2",
         "https://iot.eu-west-2.amazonaws.com"},
        {"\t[x]\nregion=no\n[default\n[default]\r\nregion\t=\teu-west-2\r\n",
         "",
         {0},
         "eu-west-2",
         "https://iot.eu-west-2.amazonaws.com"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_test_message("config %u", i);
        prepare(table[i].config, "", table[i].environment);
        g_autoptr(GError) error = NULL;
        g_autoptr(KlAwsConfig) config = kl_aws_config_load(&table[i].settings, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(kl_aws_config_region(config), ==, table[i].region);
        g_assert_cmpstr(kl_aws_config_endpoint(config, KL_AWS_IOT), ==, table[i].iot);
    }
}

static void
test_services(void)
{
    const KlAwsSettings settings = {0};
    prepare(CONFIG, "", "AWS_PROFILE=local AWS_ENDPOINT_URL_ACM_PCA=https://pca");
    g_autoptr(KlAwsConfig) config = kl_aws_config_load(&settings, NULL);
    g_assert_cmpstr(kl_aws_config_endpoint(config, KL_AWS_ACM_PCA), ==, "https://pca");
    g_assert_cmpstr(kl_aws_config_endpoint(config, KL_AWS_IOT), ==, "http://127.0.0.1:1");
    g_assert_cmpstr(kl_aws_config_endpoint(config, KL_AWS_DYNAMODB), ==, "https://dynamodb.eu-west-3.amazonaws.com");
    g_assert_null(kl_aws_config_ca_bundle(config));
    prepare(CONFIG, "", "");
    g_autoptr(KlAwsConfig) usual = kl_aws_config_load(&settings, NULL);
    g_assert_cmpstr(kl_aws_config_ca_bundle(usual), ==, "/ca.pem");
    g_assert_cmpstr(kl_aws_config_endpoint(usual, KL_AWS_STS), ==, "https://sts.eu-west-1.amazonaws.com");
    prepare(CONFIG, "", "AWS_CA_BUNDLE=/other.pem");
    g_autoptr(KlAwsConfig) other = kl_aws_config_load(&settings, NULL);
    g_assert_cmpstr(kl_aws_config_ca_bundle(other), ==, "/other.pem");
}

static void
test_refused(void)
{
    static const struct {
        const char *config, *environment;
        KlAwsSettings settings;
        const char *message;
    } table[] = {
        {"", "", {0}, "no region"},
        {"[other]\nregion=eu-west-1\n", "", {0}, "no region"},
        {CONFIG, "AWS_PROFILE=nobody", {0}, "no profile 'nobody'"},
        {CONFIG, "AWS_REGION=eu-west-1.evil.com/", {0}, "the region is not"},
        {CONFIG, "AWS_REGION=eu-west-1@evil", {0}, "the region is not"},
        {CONFIG, "AWS_ENDPOINT_URL=http://10.0.0.1", {0}, "service iot: "},
        {CONFIG, "AWS_ENDPOINT_URL_ACM_PCA=https://x/path", {0}, "service acm-pca: "},
        {CONFIG, "", {.endpoint = "http://evil.example"}, "http:// is for this machine"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        prepare(table[i].config, "", table[i].environment);
        g_autoptr(GError) error = NULL;
        g_autoptr(KlAwsConfig) config = kl_aws_config_load(&table[i].settings, &error);
        g_assert_null(config);
        g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, table[i].message));
    }
}

static void
test_values(void)
{
    const KlAwsSettings settings = {.region = "eu-west-1"};
    prepare("[default]\nkey = config # note\nonly = here\npath=a#b;c\nempty =\n", "[default]\nkey=shared\nkey=last\n",
            "");
    g_autoptr(KlAwsConfig) config = kl_aws_config_load(&settings, NULL);
    g_assert_cmpstr(kl_aws_config_get(config, "key"), ==, "last");
    g_assert_cmpstr(kl_aws_config_get_from(config, FALSE, "key"), ==, "config");
    g_assert_cmpstr(kl_aws_config_get(config, "only"), ==, "here");
    g_assert_cmpstr(kl_aws_config_get(config, "path"), ==, "a#b;c");
    g_assert_null(kl_aws_config_get(config, "empty"));
    g_assert_null(kl_aws_config_get(config, "none"));
}

static void
test_files(void)
{
    static const struct {
        const char *path, *message; /* NULL: no file is no error */
    } table[] = {{"/dev/null/none", NULL}, {"/", "not a file"}, {"/dev/zero", "not a file"}};
    const KlAwsSettings settings = {.region = "eu-west-1"};
    prepare("", "", "");
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_setenv("AWS_CONFIG_FILE", table[i].path, TRUE);
        g_autoptr(GError) error = NULL;
        g_autoptr(KlAwsConfig) config = kl_aws_config_load(&settings, &error);
        g_assert_true((config != NULL) == (table[i].message == NULL));
        g_assert_true(error == NULL || strstr(error->message, table[i].message) != NULL);
    }
    g_autofree char *big = g_strnfill((gsize)1024 * 1024 + 1, '#');
    prepare(big, "", "");
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_aws_config_load(&settings, &error));
    g_assert_nonnull(strstr(error->message, "larger than 1 MiB"));
    g_autofree char *path = g_build_filename(dir, "config", NULL);
    g_assert_true(g_file_set_contents(path, "a\0b", 3, NULL));
    g_clear_error(&error);
    g_assert_null(kl_aws_config_load(&settings, &error));
    g_assert_nonnull(strstr(error->message, "NUL"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("keyline-XXXXXX", NULL);
    g_test_add_func("/net-config/region", test_region);
    g_test_add_func("/net-config/services", test_services);
    g_test_add_func("/net-config/refused", test_refused);
    g_test_add_func("/net-config/values", test_values);
    g_test_add_func("/net-config/files", test_files);
    int status = g_test_run();
    g_autofree char *config = g_build_filename(dir, "config", NULL);
    g_autofree char *credentials = g_build_filename(dir, "credentials", NULL);
    g_unlink(config);
    g_unlink(credentials);
    g_rmdir(dir);
    g_free(dir);
    return status;
}
