/* The outbox's rows as items of DynamoDB's tables. Pure. */
#pragma once

#include <json-glib/json-glib.h>

#include "station/sink.h"

G_BEGIN_DECLS

/* What is added to the seven fields of a registration row. */
#define KL_ROW_IMEI "keyline_imei"       /* whose row it is */
#define KL_ROW_STATION "keyline_station" /* who wrote it last, */
#define KL_ROW_RUN "keyline_run"         /* in which job, */
#define KL_ROW_QUEUED "keyline_queued"   /* queued when: microseconds since 1970 */

/* How entries of the records table begin that tell of a PASS. */
#define KL_ENTRY_PASS "PASS#"

/* A registration row: the seven fields, each of its type, and ours. *reset: the unit is provisioned anew, so that its
 * row begins anew, too. INTERNAL: the body is not one. */
JsonObject *kl_item_of_registration(const KlOutboxRow *row, const char *station, gboolean *reset, GError **error);

/* A record: its key, and all that the body holds. INTERNAL: the body is not one. */
JsonObject *kl_item_of_record(const KlOutboxRow *row, GError **error);

/* The time in an entry of the records table; 0 for none. */
gint64 kl_entry_time_us(const char *entry);

G_END_DECLS
