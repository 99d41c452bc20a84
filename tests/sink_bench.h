/* What the tests of the sink on DynamoDB share: rows as the outbox has them, a sink's calls, a look at the tables. */
#pragma once

#include <string.h>

#include "db/sink_dynamodb.h"
#include "station/error.h"
#include "station/secret.h"
#include "tests/cloud_tables.h"

#define LEASED_AT_ONCE 7

static AwsPeer *peer;

static const KlAwsSection tables = {
    .registration_table = (char *)TABLE_REGISTRATION,
    .records_table = (char *)TABLE_RECORDS,
    .counters_table = (char *)TABLE_COUNTERS,
    .firmware_table = (char *)TABLE_FIRMWARE,
};

static inline KlAws *
make_aws(void)
{
    const KlAwsOptions options = {.backoff_ms = 1, .attempts = 3, .attempt_ms = 60000};
    g_autoptr(GError) error = NULL;
    KlAws *aws = kl_aws_new(&options, &error);
    g_assert_no_error(error);
    return aws;
}

static inline KlOp
make_op(void)
{
    return (KlOp){.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
}

/* A registration row as the outbox has it. */
typedef struct {
    const char *device, *imei, *run, *firmware;
    gint64 queued_us;
    gboolean reset;
} Row;

static inline KlOutboxRow *
registration(const Row *row)
{
    KlOutboxRow *made = g_new0(KlOutboxRow, 1);
    made->number = 1;
    made->kind = KL_OUTBOX_REGISTRATION;
    made->key = g_strdup(row->device);
    made->run = g_strdup(row->run);
    made->queued_us = row->queued_us;
    made->body = g_strdup_printf("{\"device\":\"%s\",\"registered\":\"false\",\"policy\":\"p\",\"firmware\":\"%s\","
                                 "\"parameters\":\"{\\\"topic\\\":\\\"t/%s\\\"}\",\"version\":0,\"connections\":0,"
                                 "\"imei\":\"%s\",\"reset\":%s}",
                                 row->device, row->firmware, row->device, row->imei, row->reset ? "true" : "false");
    return made;
}

static inline KlOutboxRow *
record(const char *id, const char *imei, const char *station, const char *outcome, gint64 ended_us)
{
    KlOutboxRow *made = g_new0(KlOutboxRow, 1);
    made->number = 2;
    made->kind = KL_OUTBOX_RECORD;
    made->key = g_strdup(id);
    made->run = g_strdup(id);
    made->queued_us = ended_us;
    made->body = g_strdup_printf("{\"record\":\"%s\",\"imei\":\"%s\",\"fsn\":\"F1\",\"device_id\":\"D1\","
                                 "\"station\":\"%s\",\"slot\":\"01\",\"product\":\"fx30s\",\"outcome\":\"%s\","
                                 "\"code\":null,\"operator\":\"217\",\"work_order\":null,\"started_us\":1,"
                                 "\"ended_us\":%" G_GINT64_FORMAT ",\"certificate\":\"ab\",\"program\":\"0.1\"}",
                                 id, imei, station, outcome, ended_us);
    return made;
}

static inline gboolean
put(KlSink *sink, const KlOutboxRow *row, GError **error)
{
    KlOp op = make_op();
    gboolean done = sink->klass->put(sink, row, &op, error);
    if (error != NULL && *error != NULL)
        g_test_message("%s", (*error)->message);
    return done;
}

/* The item with that value of the attribute, or NULL; fails when there are two. The caller unrefs. */
static inline JsonObject *
find_item(const char *table, const char *attribute, const char *value)
{
    g_autoptr(JsonArray) items = cloud_table_items(peer, table);
    g_autofree char *wanted = g_strdup_printf("S:%s", value);
    JsonObject *found = NULL;
    for (guint i = 0; i < json_array_get_length(items); i++) {
        JsonObject *item = json_array_get_object_element(items, i);
        g_autofree char *text = cloud_attribute(item, attribute);
        if (g_strcmp0(text, wanted) != 0)
            continue;
        g_assert_null(found);
        found = json_object_ref(item);
    }
    return found;
}

static inline void
assert_attribute(JsonObject *item, const char *name, const char *expected)
{
    g_autofree char *text = cloud_attribute(item, name);
    g_assert_cmpstr(text, ==, expected);
}

static inline gboolean
lease(KlSink *sink, const char *sequence, guint64 *first, GError **error)
{
    KlOp op = make_op();
    return sink->klass->lease(sink, sequence, LEASED_AT_ONCE, first, &op, error);
}
