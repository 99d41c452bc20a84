#include "db/sink_registrations.h"

#include "db/cloud_row.h"
#include "db/dynamodb.h"
#include "station/error.h"
#include "station/net/retry.h"

/* An answer has 16 MB of items at most, as DynamoDB counts; written as JSON they may be longer. */
#define ANSWER_MAX ((gsize)32 << 20)

/* How often nothing but "not now" is taken for an answer, and the longest pause after the first time, doubled with each
 * of so many. */
#define TRIES 8
#define PAUSE_MS 50
#define DOUBLED 4

/* A question, and what of it has no answer yet. */
typedef struct {
    KlAws *aws;
    const char *table;
    GHashTable *left; /* devices, borrowed */
    GPtrArray *rows;  /* KlCloudRow */
    gint64 asked_us;
} Asking;

static JsonObject *
key_of(const char *device)
{
    JsonObject *key = json_object_new();
    kl_item_set_text(key, kl_registration_key.hash, device);
    return key;
}

/* What a unit's credential is made of stands in the same items: that stays where it is. */
static void
add_projection(JsonObject *question)
{
    g_autofree const char **attributes = kl_cloud_row_attributes();
    g_autoptr(GString) projection = g_string_new(NULL);
    for (guint i = 0; attributes[i] != NULL; i++) {
        g_autofree char *name = g_strdup_printf("#a%u", i);
        g_string_append_printf(projection, "%s%s", i > 0 ? "," : "", name);
        kl_dynamodb_name(question, name, attributes[i]);
    }
    json_object_set_string_member(question, "ProjectionExpression", projection->str);
}

static JsonNode *
request_of(const Asking *asking)
{
    GHashTableIter iter;
    gpointer device;
    JsonNode *request = json_node_new(JSON_NODE_OBJECT);
    JsonObject *body = json_object_new(), *tables = json_object_new(), *question = json_object_new();
    JsonArray *keys = json_array_new();
    g_hash_table_iter_init(&iter, asking->left);
    while (g_hash_table_iter_next(&iter, &device, NULL))
        json_array_add_object_element(keys, key_of(device));
    json_object_set_array_member(question, "Keys", keys);
    json_object_set_boolean_member(question, "ConsistentRead", TRUE);
    add_projection(question);
    json_object_set_object_member(tables, asking->table, question);
    json_object_set_object_member(body, "RequestItems", tables);
    json_node_take_object(request, body);
    return request;
}

/* --- answers --- */

/* The array's element if it is an object, else NULL: then kl_item_text() finds nothing in it. */
static JsonObject *
element(JsonArray *array, guint index)
{
    JsonNode *node = json_array_get_element(array, index);
    return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* The device, as it is asked for, that an item or a key names; NULL: it names none of those. */
static const char *
device_of(const Asking *asking, JsonArray *array, guint index)
{
    const char *device = kl_item_text(element(array, index), kl_registration_key.hash);
    gpointer asked = NULL;
    return device != NULL && g_hash_table_lookup_extended(asking->left, device, &asked, NULL) ? asked : NULL;
}

/* The table's member in "Responses", or "Keys" of it in "UnprocessedKeys": *array NULL when there is none. FALSE: the
 * answer is not as it should be. */
static gboolean
array_of(const Asking *asking, const KlAwsAnswer *answer, const char *part, const char *member, JsonArray **array)
{
    JsonObject *object = kl_dynamodb_object(answer, part);
    *array = NULL;
    if (object == NULL)
        return FALSE;
    JsonNode *node = json_object_get_member(object, asking->table);
    if (node != NULL && member != NULL)
        node = JSON_NODE_HOLDS_OBJECT(node) ? json_object_get_member(json_node_get_object(node), member) : NULL;
    else if (node == NULL)
        return TRUE;
    if (node == NULL || !JSON_NODE_HOLDS_ARRAY(node))
        return FALSE;
    *array = json_node_get_array(node);
    return TRUE;
}

/* Takes the devices that are to be asked for again out of what is left. */
static gboolean
take_unprocessed(Asking *asking, const KlAwsAnswer *answer, GHashTable *again)
{
    JsonArray *keys = NULL;
    if (!array_of(asking, answer, "UnprocessedKeys", "Keys", &keys))
        return FALSE;
    for (guint i = 0; keys != NULL && i < json_array_get_length(keys); i++) {
        const char *device = device_of(asking, keys, i);
        if (device == NULL)
            return FALSE;
        g_hash_table_add(again, (char *)device);
        g_hash_table_remove(asking->left, device);
    }
    return TRUE;
}

static gboolean
take_items(Asking *asking, const KlAwsAnswer *answer, GPtrArray *rows)
{
    JsonArray *items = NULL;
    if (!array_of(asking, answer, "Responses", NULL, &items))
        return FALSE;
    for (guint i = 0; items != NULL && i < json_array_get_length(items); i++) {
        const char *device = device_of(asking, items, i);
        if (device == NULL)
            return FALSE;
        g_ptr_array_add(rows, kl_cloud_row_of_item(device, element(items, i), asking->asked_us));
        g_hash_table_remove(asking->left, device);
    }
    return TRUE;
}

/* Those that are neither in the answer nor to be asked for again are not in the table. */
static gboolean
take_answer(Asking *asking, const KlAwsAnswer *answer, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)kl_cloud_row_free);
    g_autoptr(GHashTable) again = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer device;
    if (!take_unprocessed(asking, answer, again) || !take_items(asking, answer, rows))
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "table %s: an answer that is none to what was asked",
                       asking->table);
    g_hash_table_iter_init(&iter, asking->left);
    while (g_hash_table_iter_next(&iter, &device, NULL))
        g_ptr_array_add(rows, kl_cloud_row_of_item(device, NULL, asking->asked_us));
    g_ptr_array_extend_and_steal(asking->rows, g_steal_pointer(&rows));
    g_hash_table_unref(asking->left);
    asking->left = g_steal_pointer(&again);
    return TRUE;
}

static gboolean
ask(Asking *asking, KlOp *op, GError **error)
{
    g_autoptr(JsonNode) request = request_of(asking);
    g_auto(KlAwsAnswer) answer = {0};
    const KlAwsCall call = {
        .operation = KL_AWS_DYNAMODB_BATCH_GET_ITEM, .body = request, .safe = TRUE, .answer_max = ANSWER_MAX};
    asking->asked_us = g_get_real_time();
    return kl_aws_call(asking->aws, &call, op, &answer, error) && take_answer(asking, &answer, error);
}

static gboolean
ask_all(Asking *asking, KlOp *op, GError **error)
{
    guint idle = 0;
    while (g_hash_table_size(asking->left) > 0) {
        guint before = g_hash_table_size(asking->left);
        if (!ask(asking, op, error))
            return FALSE;
        guint left = g_hash_table_size(asking->left);
        if (left == 0)
            return TRUE;
        idle = left < before ? 0 : idle + 1;
        if (idle == TRIES)
            return kl_fail(error, KL_ERROR_CLOUD_THROTTLED, "table %s gives out no more than was asked, %u are left",
                           asking->table, left);
        if (!kl_pause(op, kl_backoff_us(PAUSE_MS, MIN(idle, DOUBLED) + 1, g_random_double()), error) ||
            !kl_op_check(op, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
kl_sink_registrations(KlAws *aws, const char *table, const char *const *devices, guint n_devices, GPtrArray *rows,
                      KlOp *op, GError **error)
{
    g_return_val_if_fail(n_devices <= KL_SINK_ASKED_MOST, FALSE);
    Asking asking = {aws, table, g_hash_table_new(g_str_hash, g_str_equal), rows, 0};
    for (guint i = 0; i < n_devices; i++)
        g_hash_table_add(asking.left, (char *)devices[i]);
    gboolean done = ask_all(&asking, op, error);
    g_hash_table_unref(asking.left);
    return done;
}
