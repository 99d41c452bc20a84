#include "station/lambda/event.h"

#include <string.h>

#include "station/error.h"
#include "station/net/json_text.h"

/* A member that is a text; NULL for none, or null. FALSE for anything else. */
static gboolean
read_text(JsonObject *object, const char *name, const char **text)
{
    JsonNode *node = json_object_get_member(object, name);
    *text = NULL;
    if (node == NULL || JSON_NODE_HOLDS_NULL(node))
        return TRUE;
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
        return FALSE;
    *text = json_node_get_string(node);
    return TRUE;
}

/* Strictly; a message without a payload has none, or an empty one. NULL for what is no Base64. */
static GBytes *
decode(const char *text)
{
    if (text == NULL || *text == '\0')
        return g_bytes_new(NULL, 0);
    gsize length = 0;
    guchar *bytes = g_base64_decode(text, &length);
    g_autofree char *again = g_base64_encode(bytes, length);
    g_autoptr(GBytes) payload = g_bytes_new_take(bytes, length);
    return strcmp(again, text) == 0 ? g_steal_pointer(&payload) : NULL;
}

/* An id that no unit gives its messages by chance; what is too long for one is told by its hash. */
static char *
make_id(const char *trace, const char *invocation)
{
    gboolean traced = trace != NULL && *trace != '\0';
    g_autofree char *id = g_strconcat(traced ? "trace:" : "invocation:", traced ? trace : invocation, NULL);
    if (strlen(id) <= KL_ACTIVATION_ID_MAX)
        return g_steal_pointer(&id);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, id, -1);
}

gboolean
kl_lambda_event_read(KlLambdaEvent *event, const char *text, gsize length, const char *invocation, GError **error)
{
    g_autoptr(JsonNode) root = kl_json_parse_object(text, length);
    const char *topic = NULL, *payload = NULL, *client = NULL, *trace = NULL;
    *event = (KlLambdaEvent){0};
    if (root == NULL)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "the event is no JSON object");
    JsonObject *object = json_node_get_object(root);
    if (!read_text(object, "topic", &topic) || !read_text(object, "payload", &payload) ||
        !read_text(object, "client", &client) || !read_text(object, "trace", &trace))
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "the event has a member that is no text");
    if (topic == NULL || client == NULL)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "the event has no topic and client: the rule is another one");
    event->payload = decode(payload);
    if (event->payload == NULL)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "the event's payload is no Base64");
    event->topic = g_strdup(topic);
    event->client = g_strdup(client);
    event->id = make_id(trace, invocation);
    return TRUE;
}

KlActivationMessage
kl_lambda_event_message(const KlLambdaEvent *event)
{
    KlActivationMessage message = {.topic = event->topic, .sender = event->client, .id = event->id};
    message.payload = g_bytes_get_data(event->payload, &message.length);
    return message;
}

void
kl_lambda_event_clear(KlLambdaEvent *event)
{
    g_clear_pointer(&event->topic, g_free);
    g_clear_pointer(&event->payload, g_bytes_unref);
    g_clear_pointer(&event->client, g_free);
    g_clear_pointer(&event->id, g_free);
}
