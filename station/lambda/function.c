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
    KlActivationTable *table;
    KlSoftwareShelf *software; /* or NULL */
    KlPublisher *publisher;
    KlActivationEngine *engine;
} Served;

static void
served_clear(Served *served)
{
    g_clear_pointer(&served->engine, kl_activation_engine_free);
    g_clear_pointer(&served->publisher, kl_publisher_free);
    g_clear_pointer(&served->software, kl_software_shelf_free);
    g_clear_pointer(&served->table, kl_activation_table_free);
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

static gboolean
read_rules(KlActivationRules *rules, GError **error)
{
    guint64 alarm = 0;
    const char *credentials = setting("KEYLINE_CREDENTIALS", "factory");
    if (strcmp(credentials, "factory") != 0)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "KEYLINE_CREDENTIALS=%s is not served here, but by keyline-activation", credentials);
    if (!g_ascii_string_to_unsigned(setting("KEYLINE_CONNECTIONS_ALARM", "3"), 10, 0, ALARM_MAX, &alarm, NULL))
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "KEYLINE_CONNECTIONS_ALARM is no number from 0 to %d",
                       ALARM_MAX);
    *rules = (KlActivationRules){KL_CREDENTIALS_FACTORY, (gint64)alarm};
    return TRUE;
}

static gboolean
set_up(Served *served, const KlLambdaFunction *function, GError **error)
{
    KlActivationRules rules = {0};
    if (!read_rules(&rules, error))
        return FALSE;
    served->function = function;
    served->aws = kl_aws_new(&(KlAwsOptions){0}, error);
    if (served->aws == NULL)
        return FALSE;
    const char *registration = setting("KEYLINE_REGISTRATION_TABLE", "Bootstrapping_table_registration");
    const char *software = setting("KEYLINE_SOFTWARE_TABLE", "Devicemanager_update");
    served->table = kl_activation_dynamodb_new(served->aws, registration, log_line, NULL);
    served->software = function->software ? kl_software_s3_new(served->aws, software) : NULL;
    served->publisher = kl_publisher_new(served->aws);
    const KlActivationParts parts = {.rules = rules, .table = served->table, .software = served->software};
    served->engine = kl_activation_engine_new(&parts, error);
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
