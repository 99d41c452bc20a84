#include "db/sink_rows.h"

#include <string.h>

#include "db/dynamodb.h"
#include "station/error.h"
#include "station/net/json_text.h"

/* The seven fields of the registration table, and the IMEI of the unit that the row is for. */
static const struct {
    const char *name;
    gboolean number;
    const char *as; /* the attribute */
} fields[] = {
    {"device", FALSE, "device"},          {"registered", FALSE, "registered"}, {"policy", FALSE, "policy"},
    {"firmware", FALSE, "firmware"},      {"parameters", FALSE, "parameters"}, {"version", TRUE, "version"},
    {"connections", TRUE, "connections"}, {"imei", FALSE, KL_ROW_IMEI},
};

static JsonNode *
parse_body(const KlOutboxRow *row, GError **error)
{
    JsonNode *body = row->body != NULL ? kl_json_parse_object(row->body, strlen(row->body)) : NULL;
    if (body == NULL)
        kl_fail(error, KL_ERROR_INTERNAL, "outbox row %" G_GINT64_FORMAT ": its body is no JSON object", row->number);
    return body;
}

/* The value of a member that is of this type, or NULL. */
static JsonNode *
typed_member(JsonObject *object, const char *name, GType type)
{
    JsonNode *node = json_object_get_member(object, name);
    return node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type ? node : NULL;
}

static gboolean
take_field(JsonObject *item, JsonObject *body, guint field)
{
    JsonNode *node = typed_member(body, fields[field].name, fields[field].number ? G_TYPE_INT64 : G_TYPE_STRING);
    if (node == NULL)
        return FALSE;
    if (fields[field].number)
        kl_item_set_number(item, fields[field].as, json_node_get_int(node));
    else
        kl_item_set_text(item, fields[field].as, json_node_get_string(node));
    return TRUE;
}

JsonObject *
kl_item_of_registration(const KlOutboxRow *row, const char *station, gboolean *reset, GError **error)
{
    g_autoptr(JsonNode) body = parse_body(row, error);
    if (body == NULL)
        return NULL;
    g_autoptr(JsonObject) item = json_object_new();
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (take_field(item, json_node_get_object(body), i))
            continue;
        kl_fail(error, KL_ERROR_INTERNAL, "outbox row %" G_GINT64_FORMAT ": no %s of the right type", row->number,
                fields[i].name);
        return NULL;
    }
    if (g_strcmp0(kl_item_text(item, "device"), row->key) != 0) {
        kl_fail(error, KL_ERROR_INTERNAL, "outbox row %" G_GINT64_FORMAT ": its key is not its device", row->number);
        return NULL;
    }
    kl_item_set_text(item, KL_ROW_STATION, station);
    kl_item_set_text(item, KL_ROW_RUN, row->run);
    kl_item_set_number(item, KL_ROW_QUEUED, row->queued_us);
    JsonNode *anew = typed_member(json_node_get_object(body), "reset", G_TYPE_BOOLEAN);
    *reset = anew != NULL && json_node_get_boolean(anew);
    return g_steal_pointer(&item);
}

/* "2026-11-21T08:15:02.123456Z": sorts as text as it does as time. */
static char *
time_text(gint64 time_us)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(time_us / G_USEC_PER_SEC);
    g_autofree char *seconds = time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%S") : NULL;
    return seconds != NULL ? g_strdup_printf("%s.%06dZ", seconds, (int)(time_us % G_USEC_PER_SEC)) : NULL;
}

static void
take_member(JsonObject *body, const char *name, JsonNode *node, gpointer item)
{
    if (!JSON_NODE_HOLDS_VALUE(node))
        return;
    GType type = json_node_get_value_type(node);
    if (type == G_TYPE_STRING)
        kl_item_set_text(item, name, json_node_get_string(node));
    else if (type == G_TYPE_INT64)
        kl_item_set_number(item, name, json_node_get_int(node));
    else if (type == G_TYPE_BOOLEAN)
        kl_item_set_truth(item, name, json_node_get_boolean(node));
}

JsonObject *
kl_item_of_record(const KlOutboxRow *row, GError **error)
{
    g_autoptr(JsonNode) body = parse_body(row, error);
    if (body == NULL)
        return NULL;
    JsonObject *members = json_node_get_object(body);
    JsonNode *imei = typed_member(members, "imei", G_TYPE_STRING);
    JsonNode *outcome = typed_member(members, "outcome", G_TYPE_STRING);
    JsonNode *ended = typed_member(members, "ended_us", G_TYPE_INT64);
    g_autofree char *time = ended != NULL && json_node_get_int(ended) > 0 ? time_text(json_node_get_int(ended)) : NULL;
    if (imei == NULL || outcome == NULL || time == NULL) {
        kl_fail(error, KL_ERROR_INTERNAL, "outbox row %" G_GINT64_FORMAT ": no imei, outcome or ended_us", row->number);
        return NULL;
    }
    JsonObject *item = json_object_new();
    json_object_foreach_member(members, take_member, item);
    g_autofree char *entry = g_strdup_printf("%s#%s#%s", json_node_get_string(outcome), time, row->key);
    kl_item_set_text(item, "entry", entry);
    kl_item_set_text(item, "record", row->key);
    return item;
}

gint64
kl_entry_time_us(const char *entry)
{
    g_auto(GStrv) parts = g_strsplit(entry, "#", 3);
    if (g_strv_length(parts) != 3)
        return 0;
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(parts[1], NULL);
    return time != NULL ? g_date_time_to_unix(time) * G_USEC_PER_SEC + g_date_time_get_microsecond(time) : 0;
}
