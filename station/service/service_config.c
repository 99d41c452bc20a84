#include "station/service/service_config.h"

#include <string.h>

#include "station/error.h"
#include "station/keyfile.h"
#include "station/mqtt/activation_service.h"

#define SERVICE "service"
#define BROKER "broker"
#define PORT 8884
#define KEEP_MINUTES (24 * 60)
#define KEEP_MINUTES_SHARED 1
#define CONNECTIONS_ALARM 10
#define DANGEROUS "dangerous-send-private-keys-over-mqtt"
#define ID_CHARS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.:@/-"

static const KlKeyRule rules[] = {
    {SERVICE, "table", TRUE},
    {SERVICE, "station", FALSE},
    {SERVICE, "product", FALSE},
    {SERVICE, "software", FALSE},
    {SERVICE, "software-folder", FALSE},
    {SERVICE, "credentials", FALSE},
    {SERVICE, DANGEROUS, FALSE},
    {SERVICE, "connections-alarm", FALSE},
    {SERVICE, "workers", FALSE},
    {BROKER, "address", TRUE},
    {BROKER, "ca", TRUE},
    {BROKER, "certificate", TRUE},
    {BROKER, "key", TRUE},
    {BROKER, "client-id", FALSE},
    {BROKER, "share", FALSE},
    {BROKER, "window", FALSE},
    {BROKER, "keep-minutes", FALSE},
    {BROKER, "check-access", FALSE},
    {"aws", "region", FALSE},
    {"aws", "profile", FALSE},
    {"aws", "endpoint", FALSE},
    {"aws", "registration-table", FALSE},
    {"aws", "firmware-table", FALSE},
    {NULL},
};

/* The file that is being read. */
typedef struct {
    const char *path;
    GKeyFile *keys;
} Source;

void
kl_service_config_free(KlServiceConfig *config)
{
    char **const texts[] = {
        &config->station,
        &config->product,
        &config->software_folder,
        &config->host,
        &config->ca,
        &config->key,
        &config->client_id,
        &config->share,
        &config->region,
        &config->profile,
        &config->endpoint,
        &config->certificate,
        &config->registration_table,
        &config->firmware_table,
    };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(*texts[i]);
    g_free(config);
}

/* Reads one of the names, NULL-terminated; *choice keeps its default when the key is not there. */
static gboolean
read_choice(const Source *source, const char *group, const char *key, const char *const *names, guint *choice,
            GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, group, key);
    g_autofree char *allowed = g_strjoinv(", ", (char **)names);
    for (guint i = 0; text != NULL && names[i] != NULL; i++) {
        if (strcmp(text, names[i]) == 0) {
            *choice = i;
            return TRUE;
        }
    }
    return text == NULL || kl_keyfile_fail(error, source->path, group, key, "'%s' is none of: %s", text, allowed);
}

static gboolean
read_number(const Source *source, const char *group, const char *key, guint min, guint max, guint *number,
            GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, group, key);
    guint64 value = *number;
    if (text != NULL && !g_ascii_string_to_unsigned(text, 10, min, max, &value, NULL))
        return kl_keyfile_fail(error, source->path, group, key, "allowed: a number from %u to %u", min, max);
    *number = (guint)value;
    return TRUE;
}

/* A word that goes into a topic or is a client's name. */
static gboolean
read_word(const Source *source, const char *key, const char *chars, char **word, GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, BROKER, key);
    if (text == NULL)
        return TRUE;
    if (strlen(text) > 64 || text[strspn(text, chars)] != '\0')
        return kl_keyfile_fail(error, source->path, BROKER, key, "allowed: up to 64 of [%s]",
                               strchr(chars, '@') != NULL ? "A-Za-z0-9_.:@/-" : "A-Za-z0-9_-");
    g_free(*word);
    *word = g_steal_pointer(&text);
    return TRUE;
}

/* Paths count from the file's folder. */
static char *
read_path(const Source *source, const char *group, const char *key)
{
    g_autofree char *text = kl_keyfile_text(source->keys, group, key);
    g_autofree char *folder = g_path_get_dirname(source->path);
    g_autofree char *base = g_canonicalize_filename(folder, NULL);
    return text != NULL ? g_canonicalize_filename(text, base) : NULL;
}

/* HOST, HOST:PORT, [IPv6] or [IPv6]:PORT */
static gboolean
read_address(KlServiceConfig *config, const Source *source, GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, BROKER, "address");
    g_autoptr(GSocketConnectable) address = g_network_address_parse(text, PORT, NULL);
    if (address == NULL)
        return kl_keyfile_fail(error, source->path, BROKER, "address", "'%s' is not HOST or HOST:PORT", text);
    config->host = g_strdup(g_network_address_get_hostname(G_NETWORK_ADDRESS(address)));
    config->port = g_network_address_get_port(G_NETWORK_ADDRESS(address));
    return config->host[0] != '\0' && config->port != 0
               ? TRUE
               : kl_keyfile_fail(error, source->path, BROKER, "address", "'%s' is not HOST or HOST:PORT", text);
}

static gboolean
read_broker(KlServiceConfig *config, const Source *source, GError **error)
{
    static const char *const truths[] = {"false", "true", NULL};
    guint check_access = TRUE;
    config->ca = read_path(source, BROKER, "ca");
    config->certificate = read_path(source, BROKER, "certificate");
    config->key = read_path(source, BROKER, "key");
    config->window = KL_ACTIVATION_WINDOW;
    if (!read_address(config, source, error) ||
        !read_word(source, "share", G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-", &config->share, error))
        return FALSE;
    config->keep_minutes = config->share != NULL ? KEEP_MINUTES_SHARED : KEEP_MINUTES;
    /* Another share is another session: the broker would go on serving the old one's subscriptions, too. */
    config->client_id = g_strconcat("keyline-activation@", g_get_host_name(), config->share != NULL ? "/" : "",
                                    config->share != NULL ? config->share : "", NULL);
    gboolean ok = read_word(source, "client-id", ID_CHARS, &config->client_id, error) &&
                  read_number(source, BROKER, "window", 1, 10000, &config->window, error) &&
                  read_number(source, BROKER, "keep-minutes", 0, 10080, &config->keep_minutes, error) &&
                  read_choice(source, BROKER, "check-access", truths, &check_access, error);
    config->check_access = check_access != 0;
    return ok;
}

/* A private key that is sent to somebody is nobody's secret: whoever wants that has to say so twice. */
static gboolean
read_credentials(KlServiceConfig *config, const Source *source, GError **error)
{
    static const char *const names[] = {"factory", "csr", "create-keys", NULL};
    static const char *const truths[] = {"false", "true", NULL};
    guint credentials = KL_CREDENTIALS_FACTORY, dangerous = FALSE;
    if (!read_choice(source, SERVICE, "credentials", names, &credentials, error) ||
        !read_choice(source, SERVICE, DANGEROUS, truths, &dangerous, error))
        return FALSE;
    config->rules.credentials = credentials;
    config->rules.dangerous_send_private_keys_over_mqtt = dangerous != 0;
    gboolean create = credentials == KL_CREDENTIALS_CREATE_KEYS;
    if (create && !dangerous)
        return kl_keyfile_fail(error, source->path, SERVICE, "credentials",
                               "create-keys sends private keys over MQTT, and is off without " DANGEROUS "=true");
    if (!create && dangerous)
        return kl_keyfile_fail(error, source->path, SERVICE, DANGEROUS, "no keys are sent but with credentials=%s",
                               names[KL_CREDENTIALS_CREATE_KEYS]);
    if (credentials != KL_CREDENTIALS_FACTORY && config->station == NULL)
        return kl_keyfile_fail(error, source->path, SERVICE, "credentials", "%s needs station=, whose signer signs",
                               names[credentials]);
    return TRUE;
}

static gboolean
read_service(KlServiceConfig *config, const Source *source, GError **error)
{
    static const char *const tables[] = {"sqlite", "dynamodb", NULL};
    static const char *const softwares[] = {"none", "folder", "s3", NULL};
    guint table = 0, software = 0, alarm = CONNECTIONS_ALARM;
    config->station = read_path(source, SERVICE, "station");
    config->product = kl_keyfile_text(source->keys, SERVICE, "product");
    config->software_folder = read_path(source, SERVICE, "software-folder");
    if (!read_choice(source, SERVICE, "table", tables, &table, error) ||
        !read_choice(source, SERVICE, "software", softwares, &software, error) ||
        !read_number(source, SERVICE, "connections-alarm", 0, G_MAXINT, &alarm, error) ||
        !read_number(source, SERVICE, "workers", 0, 256, &config->workers, error) ||
        !read_credentials(config, source, error))
        return FALSE;
    config->table = table;
    config->software = software;
    config->rules.connections_alarm = alarm;
    if (table == KL_SERVICE_TABLE_SQLITE && config->station == NULL)
        return kl_keyfile_fail(error, source->path, SERVICE, "table", "sqlite needs station=");
    if ((software == KL_SERVICE_SOFTWARE_FOLDER) != (config->software_folder != NULL))
        return kl_keyfile_fail(error, source->path, SERVICE, "software", "folder and software-folder= need each other");
    return TRUE;
}

static void
read_aws(KlServiceConfig *config, const Source *source)
{
    config->region = kl_keyfile_text(source->keys, "aws", "region");
    config->profile = kl_keyfile_text(source->keys, "aws", "profile");
    config->endpoint = kl_keyfile_text(source->keys, "aws", "endpoint");
    config->registration_table = kl_keyfile_text(source->keys, "aws", "registration-table");
    config->firmware_table = kl_keyfile_text(source->keys, "aws", "firmware-table");
    if (config->registration_table == NULL)
        config->registration_table = g_strdup("Bootstrapping_table_registration");
    if (config->firmware_table == NULL)
        config->firmware_table = g_strdup("Devicemanager_update");
}

KlServiceConfig *
kl_service_config_load(const char *path, GError **error)
{
    g_autoptr(GKeyFile) keys = kl_keyfile_load(path, rules, error);
    if (keys == NULL)
        return NULL;
    const Source source = {path, keys};
    g_autoptr(KlServiceConfig) config = g_new0(KlServiceConfig, 1);
    read_aws(config, &source);
    if (!read_service(config, &source, error) || !read_broker(config, &source, error))
        return NULL;
    return g_steal_pointer(&config);
}
