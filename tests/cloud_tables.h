/* The tables of packaging/aws/, made in the peer by the client under test, and what is in them by the peer's own word.
 */
#pragma once

#include <json-glib/json-glib.h>

#include "station/net/aws.h"
#include "tests/peers/aws_peer.h"

/* The tables' names where nothing else is said in [aws]. */
#define TABLE_REGISTRATION "Bootstrapping_table_registration"
#define TABLE_RECORDS "Keyline_records"
#define TABLE_COUNTERS "Keyline_counters"
#define TABLE_FIRMWARE "Devicemanager_update"

static inline void
cloud_table_call(KlAws *aws, KlAwsOperationId operation, const char *json, KlAwsAnswer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) body = json_from_string(json, &error);
    g_assert_no_error(error);
    KlOp op = {.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
    const KlAwsCall call = {.operation = operation, .body = body, .safe = TRUE};
    kl_aws_call(aws, &call, &op, answer, &error);
    g_assert_no_error(error);
}

/* Makes a table with a key of strings (range NULL: none) and waits until it can be used. */
static inline void
cloud_table_make(KlAws *aws, const char *table, const char *hash, const char *range)
{
    g_autofree char *range_definition =
        range != NULL ? g_strdup_printf(",{\"AttributeName\":\"%s\",\"AttributeType\":\"S\"}", range) : g_strdup("");
    g_autofree char *range_key =
        range != NULL ? g_strdup_printf(",{\"AttributeName\":\"%s\",\"KeyType\":\"RANGE\"}", range) : g_strdup("");
    g_autofree char *create =
        g_strdup_printf("{\"TableName\":\"%s\",\"BillingMode\":\"PAY_PER_REQUEST\","
                        "\"AttributeDefinitions\":[{\"AttributeName\":\"%s\",\"AttributeType\":\"S\"}%s],"
                        "\"KeySchema\":[{\"AttributeName\":\"%s\",\"KeyType\":\"HASH\"}%s]}",
                        table, hash, range_definition, hash, range_key);
    g_autofree char *describe = g_strdup_printf("{\"TableName\":\"%s\"}", table);
    g_auto(KlAwsAnswer) created = {0};
    cloud_table_call(aws, KL_AWS_DYNAMODB_CREATE_TABLE, create, &created);
    for (guint i = 0; i < 1000; i++) {
        g_auto(KlAwsAnswer) answer = {0};
        cloud_table_call(aws, KL_AWS_DYNAMODB_DESCRIBE_TABLE, describe, &answer);
        if (g_strcmp0(kl_aws_answer_text(&answer, "Table.TableStatus"), "ACTIVE") == 0)
            return;
        g_usleep(5000);
    }
    g_assert_not_reached();
}

/* The tables of a station, by their default names. */
static inline void
cloud_tables_make(KlAws *aws)
{
    cloud_table_make(aws, TABLE_REGISTRATION, "device", NULL);
    cloud_table_make(aws, TABLE_RECORDS, "imei", "entry");
    cloud_table_make(aws, TABLE_COUNTERS, "sequence", NULL);
    cloud_table_make(aws, TABLE_FIRMWARE, "device", NULL);
}

/* Puts an item, as JSON in DynamoDB's own form, whatever is there. */
static inline void
cloud_table_put(KlAws *aws, const char *table, const char *item)
{
    g_autofree char *put = g_strdup_printf("{\"TableName\":\"%s\",\"Item\":%s}", table, item);
    g_auto(KlAwsAnswer) answer = {0};
    cloud_table_call(aws, KL_AWS_DYNAMODB_PUT_ITEM, put, &answer);
}

/* All items of a table, by the peer. The caller unrefs. */
static inline JsonArray *
cloud_table_items(const AwsPeer *peer, const char *table)
{
    g_autoptr(JsonNode) state = aws_peer_control(peer, "GET", "state?service=dynamodb", NULL);
    JsonObject *dynamodb = json_object_get_object_member(json_node_get_object(state), "dynamodb");
    JsonObject *tables = json_object_get_object_member(dynamodb, "tables");
    g_assert_true(json_object_has_member(tables, table));
    return json_array_ref(json_object_get_array_member(tables, table));
}

/* An attribute as it is kept: "S:false", "N:0"; NULL when there is none. */
static inline char *
cloud_attribute(JsonObject *item, const char *name)
{
    JsonNode *node = json_object_get_member(item, name);
    if (node == NULL)
        return NULL;
    g_autoptr(GList) types = json_object_get_members(json_node_get_object(node));
    const char *type = types->data;
    JsonNode *value = json_object_get_member(json_node_get_object(node), type);
    g_autofree char *text = json_to_string(value, FALSE);
    return json_node_get_value_type(value) == G_TYPE_STRING
               ? g_strdup_printf("%s:%s", type, json_node_get_string(value))
               : g_strdup_printf("%s:%s", type, text);
}
