#include "station/lambda/function.h"

#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>

#include "db/activation_dynamodb.h"
#include "db/software_s3.h"
#include "station/activation/engine.h"
#include "station/error.h"
#include "station/lambda/event.h"
#include "station/lambda/publisher.h"
#include "station/lambda/runtime.h"

#define ALARM_MAX 1000000

/* A function that is ready. */
typedef struct {
    const KlLambdaFunction *function;
    KlAws *aws;
    KlActivationParts parts;
    KlPublisher *publisher;
    KlActivationEngine *engine;
} Served;

static void
served_clear(Served *served)
{
    g_clear_pointer(&served->engine, kl_activation_engine_free);
    g_clear_pointer(&served->publisher, kl_publisher_free);
    if (served->parts.signer != NULL)
        served->parts.signer->klass->free(served->parts.signer);
    if (served->parts.pki != NULL)
        served->parts.pki->klass->free(served->parts.pki);
    g_clear_pointer(&served->parts.software, kl_software_shelf_free);
    g_clear_pointer(&served->parts.table, kl_activation_table_free);
    g_clear_pointer(&served->aws, kl_aws_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Served, served_clear)

/* --- the log: CloudWatch takes what stands on stdout, line by line. It is all the journal there is. --- */

static void
log_line(const char *json, gpointer data)
{
    printf("%s\n", json);
    fflush(stdout);
}

/* What is told by no table: {"detail":...,"invocation":...,"verdict":...}. */
static char *
describe(const char *verdict, const char *detail, const char *invocation)
{
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();
    g_autofree char *words = detail != NULL ? g_utf8_make_valid(detail, -1) : NULL;
    if (words != NULL)
        json_object_set_string_member(object, "detail", words);
    if (invocation != NULL)
        json_object_set_string_member(object, "invocation", invocation);
    json_object_set_string_member(object, "verdict", verdict);
    json_node_take_object(root, object);
    return json_to_string(root, FALSE);
}

static void
log_failure(const char *verdict, const GError *error, const char *invocation)
{
    g_autofree char *detail = g_strdup_printf("%s: %s", kl_error_name(kl_error_code(error)), error->message);
    g_autofree char *line = describe(verdict, detail, invocation);
    log_line(line, NULL);
}

/* A unit that asks again gets its certificate, but no private key: that was sent before, and is kept nowhere. */
static void
log_key_gone(const char *device, const char *invocation)
{
    g_autofree char *detail = g_strdup_printf(
        "%s got its certificate without a private key, which was sent before and is kept nowhere; if the unit has not "
        "got that, it has to be provisioned anew",
        device);
    g_autofree char *line = describe("key-gone", detail, invocation);
    log_line(line, NULL);
}

/* --- one event --- */

/* An event that is not of our rules, or of the other function's, never becomes one by being repeated. */
static gboolean
is_ours(const Served *served, KlLambdaEvent *event, const KlLambdaInvocation *invocation)
{
    g_autoptr(GError) why = NULL;
    gboolean ok = kl_lambda_event_read(event, invocation->event, invocation->length, invocation->id, &why) &&
                  (g_str_has_prefix(event->topic, served->function->root) ||
                   kl_fail(&why, KL_ERROR_CONFIG_INVALID, "a topic that this function does not serve"));
    if (!ok)
        log_failure("bad-event", why, invocation->id);
    return ok;
}

static char *
handle(const KlLambdaInvocation *invocation, KlOp *op, gpointer data, GError **error)
{
    const Served *served = data;
    g_auto(KlLambdaEvent) event = {0};
    g_autoptr(GError) why = NULL;
    if (!is_ours(served, &event, invocation))
        return describe("bad-event", NULL, NULL);
    const KlActivationMessage message = kl_lambda_event_message(&event);
    g_autoptr(KlActivation) became = kl_activation_engine_handle(served->engine, &message, op, &why);
    if (became != NULL && became->key_gone)
        log_key_gone(became->device, invocation->id);
    if (became != NULL && kl_publisher_send(served->publisher, became->publications, op, &why))
        return describe(kl_activation_verdict_name(became->verdict), NULL, NULL);
    log_failure("failed", why, invocation->id);
    g_propagate_error(error, g_steal_pointer(&why));
    return NULL;
}

/* --- settings --- */

static const char *
setting(const char *name, const char *usual)
{
    const char *value = g_getenv(name);
    return value != NULL && *value != '\0' ? value : usual;
}

/* Whether keys are sent has to be said twice, so that nobody does it by mistake: the engine sees to that. */
static gboolean
read_credentials(KlActivationRules *rules, GError **error)
{
    static const char *const names[] = {
        [KL_CREDENTIALS_FACTORY] = "factory",
        [KL_CREDENTIALS_CSR] = "csr",
        [KL_CREDENTIALS_CREATE_KEYS] = "create-keys",
    };
    const char *name = setting("KEYLINE_CREDENTIALS", "factory");
    const char *dangerous = setting("KEYLINE_DANGEROUS_SEND_PRIVATE_KEYS_OVER_MQTT", "false");
    rules->dangerous_send_private_keys_over_mqtt = strcmp(dangerous, "true") == 0;
    if (!rules->dangerous_send_private_keys_over_mqtt && strcmp(dangerous, "false") != 0)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "KEYLINE_DANGEROUS_SEND_PRIVATE_KEYS_OVER_MQTT is neither true nor false");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        rules->credentials = (KlCredentials)i;
        if (strcmp(name, names[i]) == 0)
            return TRUE;
    }
    return kl_fail(error, KL_ERROR_CONFIG_INVALID, "KEYLINE_CREDENTIALS=%s is none of: factory, csr, create-keys",
                   name);
}

static gboolean
read_rules(KlActivationRules *rules, const KlLambdaFunction *function, GError **error)
{
    guint64 alarm = 0;
    if (!g_ascii_string_to_unsigned(setting("KEYLINE_CONNECTIONS_ALARM", "3"), 10, 0, ALARM_MAX, &alarm, NULL))
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "KEYLINE_CONNECTIONS_ALARM is no number from 0 to %d",
                       ALARM_MAX);
    rules->connections_alarm = (gint64)alarm;
    return function->add_credentials == NULL || read_credentials(rules, error);
}

static gboolean
set_up(Served *served, const KlLambdaFunction *function, GError **error)
{
    KlActivationParts *parts = &served->parts;
    if (!read_rules(&parts->rules, function, error))
        return FALSE;
    served->function = function;
    served->aws = kl_aws_new(&(KlAwsOptions){0}, error);
    if (served->aws == NULL)
        return FALSE;
    const char *registration = setting("KEYLINE_REGISTRATION_TABLE", "Bootstrapping_table_registration");
    const char *software = setting("KEYLINE_SOFTWARE_TABLE", "Devicemanager_update");
    parts->table = kl_activation_dynamodb_new(served->aws, registration, log_line, NULL);
    parts->software = function->software ? kl_software_s3_new(served->aws, software) : NULL;
    served->publisher = kl_publisher_new(served->aws);
    /* No role can be kept to one policy (packaging/aws/README.md): it is the engine that keeps rows to it. */
    parts->policy = setting("KEYLINE_POLICY", "KeylineDevice");
    if (parts->rules.credentials != KL_CREDENTIALS_FACTORY && !function->add_credentials(parts, served->aws, error))
        return FALSE;
    served->engine = kl_activation_engine_new(parts, error);
    return served->engine != NULL;
}

int
kl_lambda_function_main(const KlLambdaFunction *function)
{
    g_autoptr(GError) error = NULL;
    g_auto(Served) served = {0};
    g_autoptr(KlLambdaRuntime) runtime = kl_lambda_runtime_new(setting("AWS_LAMBDA_RUNTIME_API", ""), &error);
    if (runtime == NULL) {
        log_failure("no-runtime", error, NULL);
        return 1;
    }
    if (!set_up(&served, function, &error)) {
        log_failure("not-begun", error, NULL);
        kl_lambda_runtime_fail_init(runtime, error);
        return 1;
    }
    kl_lambda_runtime_run(runtime, handle, &served, &error);
    log_failure("ended", error, NULL);
    return 1;
}
