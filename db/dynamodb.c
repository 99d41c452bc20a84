#include "db/dynamodb.h"

#include <string.h>

#include "station/error.h"

const KlTableKey kl_registration_key = {"device", NULL};
const KlTableKey kl_records_key = {"imei", "entry"};
const KlTableKey kl_counters_key = {"sequence", NULL};
const KlTableKey kl_firmware_key = {"device", NULL};

/* --- items --- */

static void
set_typed(JsonObject *item, const char *name, const char *type, const char *value)
{
    JsonObject *typed = json_object_new();
    json_object_set_string_member(typed, type, value);
    json_object_set_object_member(item, name, typed);
}

void
kl_item_set_text(JsonObject *item, const char *name, const char *value)
{
    set_typed(item, name, "S", value);
}

void
kl_item_set_number(JsonObject *item, const char *name, gint64 value)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, value);
    set_typed(item, name, "N", text);
}

void
kl_item_set_truth(JsonObject *item, const char *name, gboolean value)
{
    JsonObject *typed = json_object_new();
    json_object_set_boolean_member(typed, "BOOL", value);
    json_object_set_object_member(item, name, typed);
}

static JsonObject *
object_member(JsonObject *object, const char *name)
{
    JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;
    return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static const char *
text_member(JsonObject *object, const char *name)
{
    JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;
    if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
        return NULL;
    return json_node_get_string(node);
}

const char *
kl_item_text(JsonObject *item, const char *name)
{
    return text_member(object_member(item, name), "S");
}

gboolean
kl_item_number(JsonObject *item, const char *name, guint64 *value)
{
    const char *text = text_member(object_member(item, name), "N");
    return text != NULL && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, value, NULL);
}

/* --- requests --- */

JsonObject *
kl_dynamodb_request(const char *table)
{
    JsonObject *request = json_object_new();
    json_object_set_string_member(request, "TableName", table);
    return request;
}

static JsonObject *
map_of(JsonObject *request, const char *name)
{
    if (!json_object_has_member(request, name))
        json_object_set_object_member(request, name, json_object_new());
    return json_object_get_object_member(request, name);
}

void
kl_dynamodb_name(JsonObject *request, const char *short_form, const char *name)
{
    json_object_set_string_member(map_of(request, "ExpressionAttributeNames"), short_form, name);
}

JsonObject *
kl_dynamodb_values(JsonObject *request)
{
    return map_of(request, "ExpressionAttributeValues");
}

gboolean
kl_dynamodb_call(KlAws *aws, KlAwsOperationId operation, JsonObject *request, gboolean safe, KlOp *op,
                 KlAwsAnswer *answer, GError **error)
{
    g_autoptr(JsonNode) body = json_node_new(JSON_NODE_OBJECT);
    json_node_set_object(body, request);
    const KlAwsCall call = {.operation = operation, .body = body, .safe = safe};
    KlOp without_limits = {0};
    return kl_aws_call(aws, &call, op != NULL ? op : &without_limits, answer, error);
}

gboolean
kl_dynamodb_refused_by_condition(const KlAwsAnswer *answer)
{
    return g_strcmp0(answer->error_name, "ConditionalCheckFailedException") == 0;
}

JsonObject *
kl_dynamodb_object(const KlAwsAnswer *answer, const char *name)
{
    return answer->body != NULL && JSON_NODE_HOLDS_OBJECT(answer->body)
               ? object_member(json_node_get_object(answer->body), name)
               : NULL;
}

/* --- tables --- */

static JsonArray *
array_member(JsonObject *object, const char *name)
{
    JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;
    return node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

/* The attribute of the table's key that plays that role, "HASH" or "RANGE"; NULL for none. */
static const char *
key_attribute(JsonObject *table, const char *role)
{
    JsonArray *schema = array_member(table, "KeySchema");
    for (guint i = 0; schema != NULL && i < json_array_get_length(schema); i++) {
        JsonNode *node = json_array_get_element(schema, i);
        JsonObject *part = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        if (g_strcmp0(text_member(part, "KeyType"), role) == 0)
            return text_member(part, "AttributeName");
    }
    return NULL;
}

static gboolean
is_string(JsonObject *table, const char *attribute)
{
    JsonArray *definitions = array_member(table, "AttributeDefinitions");
    for (guint i = 0; definitions != NULL && i < json_array_get_length(definitions); i++) {
        JsonNode *node = json_array_get_element(definitions, i);
        JsonObject *definition = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        if (g_strcmp0(text_member(definition, "AttributeName"), attribute) == 0)
            return g_strcmp0(text_member(definition, "AttributeType"), "S") == 0;
    }
    return FALSE;
}

gboolean
kl_dynamodb_check_table(KlAws *aws, const char *table, const KlTableKey *key, KlOp *op, GError **error)
{
    g_autoptr(JsonObject) request = kl_dynamodb_request(table);
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_dynamodb_call(aws, KL_AWS_DYNAMODB_DESCRIBE_TABLE, request, TRUE, op, &answer, error)) {
        g_prefix_error(error, "table %s: ", table);
        return FALSE;
    }
    JsonObject *description = kl_dynamodb_object(&answer, "Table");
    const char *status = text_member(description, "TableStatus");
    if (g_strcmp0(status, "ACTIVE") != 0 && g_strcmp0(status, "UPDATING") != 0)
        return kl_fail(error, KL_ERROR_CLOUD_MISSING, "table %s can't be used: its status is %s", table,
                       status != NULL ? status : "unknown");
    const char *hash = key_attribute(description, "HASH"), *range = key_attribute(description, "RANGE");
    if (g_strcmp0(hash, key->hash) != 0 || g_strcmp0(range, key->range) != 0)
        return kl_fail(error, KL_ERROR_CLOUD_MISSING, "table %s has the key (%s%s%s), where (%s%s%s) is needed", table,
                       hash != NULL ? hash : "none", range != NULL ? ", " : "", range != NULL ? range : "", key->hash,
                       key->range != NULL ? ", " : "", key->range != NULL ? key->range : "");
    if (!is_string(description, key->hash) || (key->range != NULL && !is_string(description, key->range)))
        return kl_fail(error, KL_ERROR_CLOUD_MISSING, "table %s: the attributes of its key have to be strings", table);
    return TRUE;
}
