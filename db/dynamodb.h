/* DynamoDB in the station's words: items, one call, and whether a table is the one that is meant. */
#pragma once

#include <json-glib/json-glib.h>

#include "station/net/aws.h"

G_BEGIN_DECLS

/* --- items and other maps of typed values: {"device": {"S": "FX30-1"}, "version": {"N": "0"}} --- */

void kl_item_set_text(JsonObject *item, const char *name, const char *value);
void kl_item_set_number(JsonObject *item, const char *name, gint64 value);
void kl_item_set_truth(JsonObject *item, const char *name, gboolean value);

/* The string that an attribute holds; NULL when there is none, or it is no string. Valid while the item lives. */
const char *kl_item_text(JsonObject *item, const char *name);

/* The whole number from 0 that an attribute holds. FALSE for all else. */
gboolean kl_item_number(JsonObject *item, const char *name, guint64 *value);

/* --- requests --- */

/* {"TableName": table}; the caller adds to it and unrefs. */
JsonObject *kl_dynamodb_request(const char *table);

/* Adds a name and its short form to the request's ExpressionAttributeNames: many names are words of DynamoDB's own. */
void kl_dynamodb_name(JsonObject *request, const char *short_form, const char *name);

/* The request's ExpressionAttributeValues, to be filled by kl_item_set_*(). Borrowed. */
JsonObject *kl_dynamodb_values(JsonObject *request);

/* Makes a call; op may be NULL: without limits. Errors of kl_aws_call(). safe: repeating this request does no harm,
 * whatever its operation says. */
gboolean kl_dynamodb_call(KlAws *aws, KlAwsOperationId operation, JsonObject *request, gboolean safe, KlOp *op,
                          KlAwsAnswer *answer, GError **error);

/* Whether a call failed because its condition does not hold: it surely did nothing. */
gboolean kl_dynamodb_refused_by_condition(const KlAwsAnswer *answer);

/* An object in the answer ("Item", "Attributes"), or NULL. Borrowed. */
JsonObject *kl_dynamodb_object(const KlAwsAnswer *answer, const char *name);

/* --- tables --- */

/* A table as the station needs it: the attributes of its key, all strings. */
typedef struct {
    const char *hash;
    const char *range; /* NULL: none */
} KlTableKey;

extern const KlTableKey kl_registration_key, kl_records_key, kl_counters_key, kl_firmware_key;

/* Whether the table is there, can be used and has that key. CLOUD_MISSING says what is wrong with it; errors of
 * kl_aws_call(). */
gboolean kl_dynamodb_check_table(KlAws *aws, const char *table, const KlTableKey *key, KlOp *op, GError **error);

G_END_DECLS
