#include "db/sink_dynamodb.h"

#include "db/activation_dynamodb.h"
#include "db/dynamodb.h"
#include "db/sink_registrations.h"
#include "db/sink_rows.h"
#include "station/error.h"

/* How often a row is looked at anew that changed while it was looked at. */
#define ROUNDS 3

typedef struct {
    KlSink base;
    KlAws *aws;
    char *station;
    char *registration_table, *records_table, *counters_table;
    char *firmware_table; /* or NULL */
} DynamodbSink;

/* --- rows that are put --- */

/* DynamoDB's refusal of an item is the row's own fault when the table is as it should be. */
static gboolean
blame(DynamodbSink *sink, const char *table, const KlTableKey *key, const KlAwsAnswer *answer, KlOp *op,
      GError *refusal, GError **error)
{
    g_autoptr(GError) owned = refusal;
    if (g_strcmp0(answer->error_name, "ValidationException") != 0) {
        g_propagate_error(error, g_steal_pointer(&owned));
        return FALSE;
    }
    if (!kl_dynamodb_check_table(sink->aws, table, key, op, error))
        return FALSE;
    return kl_fail(error, KL_ERROR_ROW_REFUSED, "%s", owned->message);
}

/* Puts an item; with *taken given, only where there is none of its key, and *taken tells that there is one. */
static gboolean
put_item(DynamodbSink *sink, const char *table, const KlTableKey *key, JsonObject *item, gboolean *taken, KlOp *op,
         GError **error)
{
    g_autoptr(JsonObject) request = kl_dynamodb_request(table);
    json_object_set_object_member(request, "Item", json_object_ref(item));
    if (taken != NULL) {
        kl_dynamodb_name(request, "#key", key->hash);
        json_object_set_string_member(request, "ConditionExpression", "attribute_not_exists(#key)");
    }
    g_auto(KlAwsAnswer) answer = {0};
    GError *refusal = NULL;
    if (kl_dynamodb_call(sink->aws, KL_AWS_DYNAMODB_PUT_ITEM, request, TRUE, op, &answer, &refusal))
        return TRUE;
    if (taken == NULL || !kl_dynamodb_refused_by_condition(&answer))
        return blame(sink, table, key, &answer, op, refusal, error);
    g_error_free(refusal);
    *taken = TRUE;
    return TRUE;
}

/* --- registration rows --- */

/* What the station may change of a unit's row. */
static const char *const row_texts[] = {"policy", "firmware", "parameters"};

/* A row to be put, and whether it begins anew: as it is for a unit that a supervisor has provisioned anew. */
typedef struct {
    JsonObject *item;
    gboolean reset;
} Registration;

/* What the row that is there means for ours. */
typedef enum {
    ROW_GONE,   /* it is there no more */
    ROW_FINE,   /* it is ours, or newer, or ours has nothing to add to it */
    ROW_OLDER,  /* the same unit's, from an earlier run, which ours may change */
    ROW_USED,   /* the same unit's, and other than ours: first boot has begun with it */
    ROW_OTHERS, /* another unit's */
} RowState;

static gboolean
same_texts(JsonObject *there, JsonObject *ours)
{
    for (guint i = 0; i < G_N_ELEMENTS(row_texts); i++) {
        if (g_strcmp0(kl_item_text(there, row_texts[i]), kl_item_text(ours, row_texts[i])) != 0)
            return FALSE;
    }
    return TRUE;
}

static RowState
compare(JsonObject *there, const Registration *ours)
{
    guint64 there_queued = 0, our_queued = 0;
    if (g_strcmp0(kl_item_text(there, KL_ROW_IMEI), kl_item_text(ours->item, KL_ROW_IMEI)) != 0)
        return ROW_OTHERS;
    if (g_strcmp0(kl_item_text(there, KL_ROW_RUN), kl_item_text(ours->item, KL_ROW_RUN)) == 0)
        return ROW_FINE;
    kl_item_number(there, KL_ROW_QUEUED, &there_queued);
    kl_item_number(ours->item, KL_ROW_QUEUED, &our_queued);
    if (there_queued >= our_queued)
        return ROW_FINE;
    if (ours->reset || g_strcmp0(kl_item_text(there, "registered"), "false") == 0)
        return ROW_OLDER;
    return same_texts(there, ours->item) ? ROW_FINE : ROW_USED;
}

static gboolean
fail_taken(const DynamodbSink *sink, JsonObject *there, JsonObject *ours, RowState state, GError **error)
{
    const char *device = kl_item_text(ours, kl_registration_key.hash), *owner = kl_item_text(there, KL_ROW_IMEI);
    const char *station = kl_item_text(there, KL_ROW_STATION);
    if (state == ROW_USED)
        return kl_fail(error, KL_ERROR_CLOUD_CONFLICT,
                       "device id %s in table %s has another policy, firmware or parameters, and first boot has begun "
                       "with them: the unit has to be re-provisioned",
                       device, sink->registration_table);
    return kl_fail(error, KL_ERROR_DUPLICATE_DEVICE, "device id %s is in table %s already, %s%s, written by %s", device,
                   sink->registration_table, owner != NULL ? "of unit " : "and does not say of which unit",
                   owner != NULL ? owner : "", station != NULL ? station : "something else than a station");
}

/* Looks at the row of the same device id that is there. Consistently: it may be what our lost request made. */
static gboolean
look_at_row(DynamodbSink *sink, const Registration *ours, RowState *state, KlOp *op, GError **error)
{
    g_autoptr(JsonObject) request = kl_dynamodb_request(sink->registration_table);
    JsonObject *key = json_object_new();
    kl_item_set_text(key, kl_registration_key.hash, kl_item_text(ours->item, kl_registration_key.hash));
    json_object_set_object_member(request, "Key", key);
    json_object_set_boolean_member(request, "ConsistentRead", TRUE);
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_dynamodb_call(sink->aws, KL_AWS_DYNAMODB_GET_ITEM, request, TRUE, op, &answer, error))
        return FALSE;
    JsonObject *there = kl_dynamodb_object(&answer, "Item");
    *state = there != NULL ? compare(there, ours) : ROW_GONE;
    if (*state != ROW_OTHERS && *state != ROW_USED)
        return TRUE;
    return fail_taken(sink, there, ours->item, *state, error);
}

static void
set_attribute(JsonObject *request, GString *update, JsonObject *item, const char *attribute, const char *short_name)
{
    g_autofree char *name = g_strdup_printf("#%s", short_name);
    g_autofree char *value = g_strdup_printf(":%s", short_name);
    g_string_append_printf(update, "%s %s = %s", update->len > 0 ? "," : "SET", name, value);
    kl_dynamodb_name(request, name, attribute);
    json_object_set_member(kl_dynamodb_values(request), value, json_node_copy(json_object_get_member(item, attribute)));
}

/* What first boot has kept beside the row was of the unit as it was. */
static void
remove_first_boot(JsonObject *request, GString *update)
{
    for (guint i = 0; kl_boot_attributes[i] != NULL; i++) {
        g_autofree char *name = g_strdup_printf("#boot%u", i);
        g_string_append_printf(update, "%s %s", i > 0 ? "," : " REMOVE", name);
        kl_dynamodb_name(request, name, kl_boot_attributes[i]);
    }
}

/* The request that brings the unit's row up to date, if that is still what look_at_row() saw. One that begins anew does
 * so once: after it "queued" is its own. */
static JsonObject *
request_update(const DynamodbSink *sink, const Registration *ours)
{
    JsonObject *request = kl_dynamodb_request(sink->registration_table);
    g_autoptr(GString) update = g_string_new(NULL);
    JsonObject *key = json_object_new();
    kl_item_set_text(key, kl_registration_key.hash, kl_item_text(ours->item, kl_registration_key.hash));
    json_object_set_object_member(request, "Key", key);
    for (guint i = 0; i < G_N_ELEMENTS(row_texts); i++)
        set_attribute(request, update, ours->item, row_texts[i], row_texts[i]);
    set_attribute(request, update, ours->item, KL_ROW_RUN, "run");
    set_attribute(request, update, ours->item, KL_ROW_STATION, "station");
    set_attribute(request, update, ours->item, KL_ROW_QUEUED, "queued");
    if (ours->reset) {
        set_attribute(request, update, ours->item, "registered", "registered");
        set_attribute(request, update, ours->item, "version", "version");
        set_attribute(request, update, ours->item, "connections", "connections");
        remove_first_boot(request, update);
    } else {
        kl_dynamodb_name(request, "#registered", "registered");
        kl_item_set_text(kl_dynamodb_values(request), ":unused", "false");
    }
    kl_dynamodb_name(request, "#imei", KL_ROW_IMEI);
    kl_item_set_text(kl_dynamodb_values(request), ":imei", kl_item_text(ours->item, KL_ROW_IMEI));
    json_object_set_string_member(request, "UpdateExpression", update->str);
    json_object_set_string_member(request, "ConditionExpression",
                                  ours->reset ? "#imei = :imei AND (attribute_not_exists(#queued) OR #queued < :queued)"
                                              : "#imei = :imei AND #registered = :unused AND"
                                                " (attribute_not_exists(#queued) OR #queued <= :queued)");
    return request;
}

/* Brings the unit's row up to date; *changed when it is no longer what look_at_row() saw. */
static gboolean
update_row(DynamodbSink *sink, const Registration *ours, gboolean *changed, KlOp *op, GError **error)
{
    g_autoptr(JsonObject) request = request_update(sink, ours);
    g_auto(KlAwsAnswer) answer = {0};
    GError *refusal = NULL;
    if (kl_dynamodb_call(sink->aws, KL_AWS_DYNAMODB_UPDATE_ITEM, request, TRUE, op, &answer, &refusal))
        return TRUE;
    if (!kl_dynamodb_refused_by_condition(&answer))
        return blame(sink, sink->registration_table, &kl_registration_key, &answer, op, refusal, error);
    g_error_free(refusal);
    *changed = TRUE;
    return TRUE;
}

/* One round; *settled when the table has the row. */
static gboolean
try_to_register(DynamodbSink *sink, const Registration *ours, gboolean *settled, KlOp *op, GError **error)
{
    gboolean taken = FALSE, changed = FALSE;
    RowState state = ROW_FINE;
    if (!put_item(sink, sink->registration_table, &kl_registration_key, ours->item, &taken, op, error))
        return FALSE;
    if (taken && !look_at_row(sink, ours, &state, op, error))
        return FALSE;
    if (state == ROW_OLDER && !update_row(sink, ours, &changed, op, error))
        return FALSE;
    *settled = state != ROW_GONE && !changed;
    return TRUE;
}

static gboolean
put_registration(DynamodbSink *sink, const KlOutboxRow *row, KlOp *op, GError **error)
{
    Registration ours = {0};
    g_autoptr(JsonObject) item = kl_item_of_registration(row, sink->station, &ours.reset, error);
    if (item == NULL)
        return FALSE;
    ours.item = item;
    gboolean settled = FALSE;
    for (guint round = 0; !settled && round < ROUNDS; round++) {
        if (!try_to_register(sink, &ours, &settled, op, error))
            return FALSE;
    }
    return settled || kl_fail(error, KL_ERROR_CLOUD_IN_DOUBT, "the row of device id %s in table %s keeps changing",
                              row->key, sink->registration_table);
}

static gboolean
put_record(DynamodbSink *sink, const KlOutboxRow *row, KlOp *op, GError **error)
{
    g_autoptr(JsonObject) item = kl_item_of_record(row, error);
    return item != NULL && put_item(sink, sink->records_table, &kl_records_key, item, NULL, op, error);
}

static gboolean
put(KlSink *base, const KlOutboxRow *row, KlOp *op, GError **error)
{
    DynamodbSink *sink = (DynamodbSink *)base;
    switch (row->kind) {
    case KL_OUTBOX_REGISTRATION:
        return put_registration(sink, row, op, error);
    case KL_OUTBOX_RECORD:
        return put_record(sink, row, op, error);
    case KL_OUTBOX_CLEANUP:
        break;
    }
    return kl_fail(error, KL_ERROR_INTERNAL, "outbox row %" G_GINT64_FORMAT " is not for a table", row->number);
}

/* --- what other stations know --- */

static JsonObject *
request_newest_pass(const DynamodbSink *sink, const char *imei)
{
    JsonObject *request = kl_dynamodb_request(sink->records_table);
    JsonObject *values = kl_dynamodb_values(request);
    kl_dynamodb_name(request, "#imei", kl_records_key.hash);
    kl_dynamodb_name(request, "#entry", kl_records_key.range);
    kl_item_set_text(values, ":imei", imei);
    kl_item_set_text(values, ":pass", KL_ENTRY_PASS);
    json_object_set_string_member(request, "KeyConditionExpression", "#imei = :imei AND begins_with(#entry, :pass)");
    json_object_set_boolean_member(request, "ScanIndexForward", FALSE);
    json_object_set_boolean_member(request, "ConsistentRead", TRUE);
    json_object_set_int_member(request, "Limit", 1);
    return request;
}

/* The first item of an answer to a Query: *item NULL when there is none. FALSE when it can't be read. */
static gboolean
first_item(const KlAwsAnswer *answer, JsonObject **item)
{
    JsonObject *body = answer->body != NULL ? json_node_get_object(answer->body) : NULL;
    JsonNode *items = body != NULL ? json_object_get_member(body, "Items") : NULL;
    if (items == NULL || !JSON_NODE_HOLDS_ARRAY(items))
        return FALSE;
    JsonArray *array = json_node_get_array(items);
    JsonNode *first = json_array_get_length(array) > 0 ? json_array_get_element(array, 0) : NULL;
    *item = first != NULL && JSON_NODE_HOLDS_OBJECT(first) ? json_node_get_object(first) : NULL;
    return first == NULL || *item != NULL;
}

static gboolean
passed_elsewhere(KlSink *base, const char *imei, KlPassedElsewhere **passed, KlOp *op, GError **error)
{
    DynamodbSink *sink = (DynamodbSink *)base;
    *passed = NULL;
    g_autoptr(JsonObject) request = request_newest_pass(sink, imei);
    g_auto(KlAwsAnswer) answer = {0};
    JsonObject *item = NULL;
    if (!kl_dynamodb_call(sink->aws, KL_AWS_DYNAMODB_QUERY, request, TRUE, op, &answer, error))
        return FALSE;
    if (!first_item(&answer, &item))
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "table %s: an answer without items", sink->records_table);
    const char *station = kl_item_text(item, "station"), *entry = kl_item_text(item, kl_records_key.range);
    if (item == NULL || g_strcmp0(station, sink->station) == 0)
        return TRUE;
    if (entry == NULL)
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "table %s: an item without its key", sink->records_table);
    KlPassedElsewhere *found = g_new0(KlPassedElsewhere, 1);
    found->station = g_strdup(station != NULL ? station : "?");
    found->record = g_strdup(kl_item_text(item, "record"));
    found->operator_id = g_strdup(kl_item_text(item, "operator"));
    found->device_id = g_strdup(kl_item_text(item, "device_id"));
    found->certificate = g_strdup(kl_item_text(item, "certificate"));
    found->passed_us = kl_entry_time_us(entry);
    *passed = found;
    return TRUE;
}

/* --- numbers --- */

static JsonObject *
request_block(const DynamodbSink *sink, const char *sequence, guint count)
{
    JsonObject *request = kl_dynamodb_request(sink->counters_table);
    JsonObject *key = json_object_new();
    JsonObject *values = kl_dynamodb_values(request);
    kl_item_set_text(key, kl_counters_key.hash, sequence);
    json_object_set_object_member(request, "Key", key);
    kl_dynamodb_name(request, "#last", "last");
    kl_item_set_number(values, ":count", count);
    kl_item_set_number(values, ":most", G_MAXINT64 - count);
    json_object_set_string_member(request, "UpdateExpression", "ADD #last :count");
    json_object_set_string_member(request, "ConditionExpression", "attribute_not_exists(#last) OR #last <= :most");
    json_object_set_string_member(request, "ReturnValues", "UPDATED_NEW");
    return request;
}

static gboolean
lease(KlSink *base, const char *sequence, guint count, guint64 *first, KlOp *op, GError **error)
{
    DynamodbSink *sink = (DynamodbSink *)base;
    if (count == 0 || *sequence == '\0')
        return kl_fail(error, KL_ERROR_INTERNAL, "a lease of %u numbers of '%s'", count, sequence);
    g_autoptr(JsonObject) request = request_block(sink, sequence, count);
    g_auto(KlAwsAnswer) answer = {0};
    GError *refusal = NULL;
    if (!kl_dynamodb_call(sink->aws, KL_AWS_DYNAMODB_UPDATE_ITEM, request, FALSE, op, &answer, &refusal)) {
        if (!kl_dynamodb_refused_by_condition(&answer)) {
            g_propagate_error(error, refusal);
            return FALSE;
        }
        g_error_free(refusal);
        return kl_fail(error, KL_ERROR_IDS_EXHAUSTED, "table %s: the sequence %s is at its end", sink->counters_table,
                       sequence);
    }
    guint64 last = 0;
    if (!kl_item_number(kl_dynamodb_object(&answer, "Attributes"), "last", &last) || last < count)
        return kl_fail(error, KL_ERROR_CLOUD_REFUSED, "table %s: the counter of %s is no whole number from 0",
                       sink->counters_table, sequence);
    *first = last - count + 1;
    return TRUE;
}

/* --- software --- */

static gboolean
has_firmware(KlSink *base, const char *firmware, gboolean *found, KlOp *op, GError **error)
{
    DynamodbSink *sink = (DynamodbSink *)base;
    *found = sink->firmware_table == NULL;
    if (sink->firmware_table == NULL || *firmware == '\0')
        return TRUE;
    g_autoptr(JsonObject) request = kl_dynamodb_request(sink->firmware_table);
    JsonObject *key = json_object_new();
    kl_item_set_text(key, kl_firmware_key.hash, firmware);
    json_object_set_object_member(request, "Key", key);
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_dynamodb_call(sink->aws, KL_AWS_DYNAMODB_GET_ITEM, request, TRUE, op, &answer, error))
        return FALSE;
    *found = kl_dynamodb_object(&answer, "Item") != NULL;
    return TRUE;
}

/* --- the sink --- */

static gboolean
registrations(KlSink *base, const char *const *devices, guint n_devices, GPtrArray *rows, KlOp *op, GError **error)
{
    const DynamodbSink *sink = (DynamodbSink *)base;
    return kl_sink_registrations(sink->aws, sink->registration_table, devices, n_devices, rows, op, error);
}

static void
free_sink(KlSink *base)
{
    DynamodbSink *sink = (DynamodbSink *)base;
    g_free(sink->station);
    g_free(sink->registration_table);
    g_free(sink->records_table);
    g_free(sink->counters_table);
    g_free(sink->firmware_table);
    g_free(sink);
}

KlSink *
kl_sink_dynamodb_new(KlAws *aws, const KlAwsSection *tables, const char *station)
{
    static const KlSinkClass klass = {
        .id = "dynamodb",
        .put = put,
        .passed_elsewhere = passed_elsewhere,
        .lease = lease,
        .has_firmware = has_firmware,
        .registrations = registrations,
        .free = free_sink,
    };
    DynamodbSink *sink = g_new0(DynamodbSink, 1);
    sink->base.klass = &klass;
    sink->aws = aws;
    sink->station = g_strdup(station);
    sink->registration_table = g_strdup(tables->registration_table);
    sink->records_table = g_strdup(tables->records_table);
    sink->counters_table = g_strdup(tables->counters_table);
    sink->firmware_table = g_strdup(tables->firmware_table);
    return &sink->base;
}
