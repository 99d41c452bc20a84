/* keyline-activation: the first-boot system and device manager, on an MQTT broker. */
#include <gio/gio.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "station/cli/exit_codes.h"
#include "station/mqtt/activation_service.h"
#include "station/secret.h"
#include "station/service/notify.h"
#include "station/service/service_parts.h"
#include "station/version.h"

/* A topic that only a unit may publish on, and one that only the service may; no unit is called so. */
#define DENIED "bs/device/keyline-activation/register/request"
#define ALLOWED "bs/device/keyline-activation/parameters/"

typedef struct {
    char *config;
    gboolean check, print, version;
} Arguments;

static void
arguments_clear(Arguments *arguments)
{
    g_free(arguments->config);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arguments, arguments_clear)

static gboolean
parse_arguments(Arguments *arguments, int argc, char **argv, GError **error)
{
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &arguments->config, "Configuration (" KL_SERVICE_CONFIG ")", "FILE"},
        {"check", 0, 0, G_OPTION_ARG_NONE, &arguments->check, "Try configuration, table, software and broker, and end",
         NULL},
        {"print", 0, 0, G_OPTION_ARG_NONE, &arguments->print, "Print a configuration to begin with", NULL},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &arguments->version, "Say which version this is", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- activate FX30S units at their first boot");
    g_option_context_set_summary(context,
                                 "Answers units on an MQTT broker by their registration rows: parameters, perhaps a\n"
                                 "certificate, then software. Ends at a signal.");
    g_option_context_set_description(context,
                                     "Exit codes: 0 done   2 wrong usage or configuration   3 it could not work\n");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, error))
        return FALSE;
    if (argc > 1)
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "unexpected argument '%s'", argv[1]);
    return argc == 1;
}

static int
failed(const GError *error)
{
    KlErrorCode code = kl_error_code(error);
    fprintf(stderr, "keyline-activation: %s: %s\n%s\n", kl_error_name(code), error->message, kl_error_remedy(code));
    return kl_exit_code(code) == KL_EXIT_USAGE ? KL_EXIT_USAGE : KL_EXIT_STATION;
}

/* --- what the service tells --- */

static void
on_ready(guint version, gpointer data)
{
    const char *name = version == 5 ? "5" : "3.1.1";
    g_autofree char *status = g_strdup_printf("STATUS=Serving with MQTT %s", name);
    g_message("serving with MQTT %s", name);
    kl_notify(status);
}

static void
on_trouble(const GError *error, gpointer data)
{
    g_autofree char *status = g_strdup_printf("STATUS=%s: %s", kl_error_name(kl_error_code(error)), error->message);
    g_warning("%s: %s", kl_error_name(kl_error_code(error)), error->message);
    kl_notify(status);
}

static void
on_message(const KlServiceMessage *message, gpointer data)
{
    const KlActivation *became = message->became;
    if (became != NULL && became->alarm)
        g_warning("unit %s asks again and again although it is activated: somebody else may have its certificate",
                  became->device);
    if (became != NULL && became->key_gone)
        g_warning("unit %s asks again: it got its certificate, but no private key, which was sent before and is kept "
                  "nowhere; if the unit has not got that, it has to be provisioned anew",
                  became->device);
}

static void
warn_of_keys(void)
{
    g_warning("credentials=create-keys: this service makes the units' private keys and sends each one once over MQTT, "
              "from where the broker, and whoever may read there, can take it");
}

static KlBrokerOptions
broker_options(const KlServiceConfig *config)
{
    return (KlBrokerOptions){
        .host = config->host,
        .port = config->port,
        .ca_file = config->ca,
        .certificate_file = config->certificate,
        .key_file = config->key,
        .client_id = config->client_id,
        .share = config->share,
        .window = config->window,
        .session_s = config->keep_minutes * 60,
        .denied = config->check_access ? DENIED : NULL,
        .allowed = config->check_access ? ALLOWED : NULL,
    };
}

/* --- what it is asked to do --- */

/* Connects as somebody else, to whom nothing is left: a service that runs meanwhile must not lose anything. */
static gboolean
try_broker(const KlServiceConfig *config, guint *version, GError **error)
{
    g_autofree char *client_id = g_strconcat(config->client_id, "/check", NULL);
    KlBrokerOptions options = broker_options(config);
    options.client_id = client_id;
    options.filters = kl_topic_filters;
    options.share = NULL;
    options.session_s = 0;
    KlBroker *broker = kl_broker_connect(&options, -1, error);
    if (broker == NULL)
        return FALSE;
    *version = kl_broker_version(broker);
    kl_broker_close(broker);
    return config->share == NULL || *version == 5 ||
           kl_fail(error, KL_ERROR_BROKER_REFUSED, "the broker knows no MQTT 5, which share= needs");
}

static int
check(const KlServiceConfig *config)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlServiceParts) parts = kl_service_parts_open(config, &error);
    guint version = 0;
    if (parts == NULL || !kl_service_parts_try(parts, &error) || !try_broker(config, &version, &error))
        return failed(error);
    printf("Configuration, table and software: as they should be.\nBroker %s:%u: MQTT %s%s.\n", config->host,
           config->port, version == 5 ? "5" : "3.1.1",
           config->check_access && version == 5 ? ", with access rules" : "");
    return KL_EXIT_DONE;
}

/* signals: blocked in all threads. */
static int
serve(const KlServiceConfig *config, const sigset_t *signals)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlServiceParts) parts = kl_service_parts_open(config, &error);
    if (parts == NULL)
        return failed(error);
    const KlActivationServiceOptions options = {
        .engine = kl_service_parts_engine(parts),
        .broker = broker_options(config),
        .workers = config->workers,
        .watch = on_message,
        .ready = on_ready,
        .trouble = on_trouble,
    };
    if (config->rules.dangerous_send_private_keys_over_mqtt)
        warn_of_keys();
    KlActivationService *service = kl_activation_service_start(&options, &error);
    if (service == NULL)
        return failed(error);
    /* Whether the broker is there is another service's matter: it is tried for ever. */
    kl_notify("READY=1");
    sigwaitinfo(signals, NULL);
    kl_notify("STOPPING=1");
    kl_activation_service_stop(service);
    return KL_EXIT_DONE;
}

static int
run(const Arguments *arguments, const sigset_t *signals)
{
    if (arguments->version) {
        kl_version_print("keyline-activation");
        return KL_EXIT_DONE;
    }
    if (arguments->print) {
        fputs(kl_service_config_template, stdout);
        return KL_EXIT_DONE;
    }
    g_autoptr(GError) error = NULL;
    const char *path = arguments->config != NULL ? arguments->config : KL_SERVICE_CONFIG;
    g_autoptr(KlServiceConfig) config = kl_service_config_load(path, &error);
    if (config == NULL)
        return failed(error);
    return arguments->check ? check(config) : serve(config, signals);
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    kl_secret_init();
    g_auto(Arguments) arguments = {NULL};
    g_autoptr(GError) error = NULL;
    if (!parse_arguments(&arguments, argc, argv, &error)) {
        fprintf(stderr, "keyline-activation: %s\n", error->message);
        return KL_EXIT_USAGE;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    int code = run(&arguments, &signals);
    if (fflush(stdout) != 0 && code == KL_EXIT_DONE)
        code = KL_EXIT_STATION;
    return code;
}
