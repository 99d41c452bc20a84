/* The sink on DynamoDB, against the strict peer: types and keys, whose row a row is, what other stations know, and
 * numbers that no two stations have. */
#include <gio/gio.h>

#include "tests/sink_bench.h"

#define LEASED_IDS 1000

/* What first boot reads, type by type, and ours beside it. */
static void
test_types(void)
{
    g_autoptr(KlAws) aws = make_aws();
    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(aws, &tables, "north");
    g_autoptr(KlOutboxRow) row = registration(&(Row){"T-1", "351", "run-1", "main", 77});
    g_autoptr(GError) error = NULL;
    g_assert_true(put(sink, row, &error));
    g_assert_no_error(error);
    g_autoptr(JsonObject) item = find_item(TABLE_REGISTRATION, "device", "T-1");
    g_assert_nonnull(item);
    static const char *const expected[][2] = {
        {"device", "S:T-1"},        {"registered", "S:false"},  {"policy", "S:p"},
        {"firmware", "S:main"},     {"version", "N:0"},         {"parameters", "S:{\"topic\":\"t/T-1\"}"},
        {"connections", "N:0"},     {"keyline_imei", "S:351"},  {"keyline_station", "S:north"},
        {"keyline_run", "S:run-1"}, {"keyline_queued", "N:77"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
        assert_attribute(item, expected[i][0], expected[i][1]);
    g_assert_cmpuint(json_object_get_size(item), ==, G_N_ELEMENTS(expected));

    g_autoptr(KlOutboxRow) done = record("rec-1", "351", "north", "PASS", 1795345200123456);
    g_assert_true(put(sink, done, &error));
    g_assert_no_error(error);
    g_autoptr(JsonObject) kept = find_item(TABLE_RECORDS, "record", "rec-1");
    g_assert_nonnull(kept);
    assert_attribute(kept, "imei", "S:351");
    assert_attribute(kept, "entry", "S:PASS#2026-11-22T11:00:00.123456Z#rec-1");
    assert_attribute(kept, "ended_us", "N:1795345200123456");
    assert_attribute(kept, "operator", "S:217");
    assert_attribute(kept, "code", NULL);
    aws_peer_assert_clean(peer);
}

/* Whose row is it: what is in the table, what is sent, what becomes of it. */
static void
test_whose_row(void)
{
    static const struct {
        const char *there; /* item without its device; NULL: none */
        Row sent;
        int code;                   /* -1: sent */
        const char *run, *firmware; /* in the table afterwards */
    } table[] = {
        {NULL, {"W-0", "1", "r1", "new", 10}, -1, "S:r1", "S:new"},
        /* Our own, whatever has become of it. */
        {"\"keyline_run\":{\"S\":\"r1\"},\"keyline_imei\":{\"S\":\"1\"},\"keyline_queued\":{\"N\":\"10\"},"
         "\"registered\":{\"S\":\"ok\"},\"firmware\":{\"S\":\"old\"}",
         {"W-1", "1", "r1", "new", 10},
         -1,
         "S:r1",
         "S:old"},
        /* The same run, queued again: what it wrote first counts. */
        {"\"keyline_run\":{\"S\":\"r1\"},\"keyline_imei\":{\"S\":\"1\"},\"keyline_queued\":{\"N\":\"5\"},"
         "\"registered\":{\"S\":\"false\"},\"firmware\":{\"S\":\"old\"}",
         {"W-7", "1", "r1", "new", 10},
         -1,
         "S:r1",
         "S:old"},
        /* The unit's, from an earlier run, not used yet. */
        {"\"keyline_run\":{\"S\":\"r0\"},\"keyline_imei\":{\"S\":\"1\"},\"keyline_queued\":{\"N\":\"9\"},"
         "\"registered\":{\"S\":\"false\"},\"firmware\":{\"S\":\"old\"}",
         {"W-2", "1", "r1", "new", 10},
         -1,
         "S:r1",
         "S:new"},
        /* The unit's, and first boot has begun with something else: nobody may take that for done. */
        {"\"keyline_run\":{\"S\":\"r0\"},\"keyline_imei\":{\"S\":\"1\"},\"keyline_queued\":{\"N\":\"9\"},"
         "\"registered\":{\"S\":\"requested\"},\"firmware\":{\"S\":\"old\"}",
         {"W-3", "1", "r1", "new", 10},
         KL_ERROR_CLOUD_CONFLICT,
         "S:r0",
         "S:old"},
        /* With the same, so that there is nothing to be changed. */
        {"\"keyline_run\":{\"S\":\"r0\"},\"keyline_imei\":{\"S\":\"1\"},\"keyline_queued\":{\"N\":\"9\"},"
         "\"registered\":{\"S\":\"ok\"},\"firmware\":{\"S\":\"new\"},\"policy\":{\"S\":\"p\"},"
         "\"parameters\":{\"S\":\"{\\\"topic\\\":\\\"t/W-8\\\"}\"}",
         {"W-8", "1", "r1", "new", 10},
         -1,
         "S:r0",
         "S:new"},
        /* The unit's, from a later run at another station: ours comes late. */
        {"\"keyline_run\":{\"S\":\"r2\"},\"keyline_imei\":{\"S\":\"1\"},\"keyline_queued\":{\"N\":\"11\"},"
         "\"registered\":{\"S\":\"false\"},\"firmware\":{\"S\":\"newer\"}",
         {"W-4", "1", "r1", "new", 10},
         -1,
         "S:r2",
         "S:newer"},
        /* Another unit's. */
        {"\"keyline_run\":{\"S\":\"r0\"},\"keyline_imei\":{\"S\":\"2\"},\"keyline_queued\":{\"N\":\"9\"},"
         "\"registered\":{\"S\":\"false\"},\"firmware\":{\"S\":\"old\"}",
         {"W-5", "1", "r1", "new", 10},
         KL_ERROR_DUPLICATE_DEVICE,
         "S:r0",
         "S:old"},
        /* Written by hand, long before there were stations. */
        {"\"registered\":{\"S\":\"false\"},\"firmware\":{\"S\":\"old\"}",
         {"W-6", "1", "r1", "new", 10},
         KL_ERROR_DUPLICATE_DEVICE,
         NULL,
         "S:old"},
    };
    g_autoptr(KlAws) aws = make_aws();
    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(aws, &tables, "north");
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *there = g_strdup_printf("{\"device\":{\"S\":\"%s\"},%s}", table[i].sent.device,
                                                 table[i].there != NULL ? table[i].there : "");
        if (table[i].there != NULL)
            cloud_table_put(aws, TABLE_REGISTRATION, there);
        g_autoptr(KlOutboxRow) row = registration(&table[i].sent);
        for (guint again = 0; again < 2; again++) {
            g_autoptr(GError) error = NULL;
            g_assert_true(put(sink, row, &error) == (table[i].code < 0));
            if (table[i].code >= 0)
                g_assert_error(error, KL_ERROR, table[i].code);
            g_autoptr(JsonObject) item = find_item(TABLE_REGISTRATION, "device", table[i].sent.device);
            assert_attribute(item, "keyline_run", table[i].run);
            assert_attribute(item, "firmware", table[i].firmware);
        }
    }
    aws_peer_assert_clean(peer);
}

/* A row that begins anew: the unit's own in any state, once for its run; nobody else's, and nothing newer. */
static void
test_reset(void)
{
    static const struct {
        const char *device, *imei, *queued, *registered; /* in the table */
        int code;
        const char *run, *state, *count; /* there afterwards */
    } table[] = {
        {"A-0", "1", "9", "ok", -1, "S:r1", "S:false", "N:0"},
        {"A-1", "1", "9", "requested", -1, "S:r1", "S:false", "N:0"},
        {"A-2", "1", "9", "false", -1, "S:r1", "S:false", "N:0"},
        {"A-3", "1", "11", "ok", -1, "S:r0", "S:ok", "N:4"},
        {"A-4", "2", "9", "ok", KL_ERROR_DUPLICATE_DEVICE, "S:r0", "S:ok", "N:4"},
    };
    static const char *const answers[] = {NULL, "drop-after"}; /* of the update */
    g_autoptr(KlAws) aws = make_aws();
    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(aws, &tables, "north");
    for (guint i = 0; i < G_N_ELEMENTS(table) * G_N_ELEMENTS(answers); i++) {
        typeof(&table[0]) t = &table[i / G_N_ELEMENTS(answers)];
        const char *answer = answers[i % G_N_ELEMENTS(answers)];
        g_autofree char *there = g_strdup_printf(
            "{\"device\":{\"S\":\"%s\"},\"keyline_imei\":{\"S\":\"%s\"},\"keyline_run\":{\"S\":\"r0\"},"
            "\"keyline_queued\":{\"N\":\"%s\"},\"registered\":{\"S\":\"%s\"},\"firmware\":{\"S\":\"old\"},"
            "\"version\":{\"N\":\"4\"},\"connections\":{\"N\":\"4\"}}",
            t->device, t->imei, t->queued, t->registered);
        cloud_table_put(aws, TABLE_REGISTRATION, there);
        g_autoptr(KlOutboxRow) row = registration(&(Row){t->device, "1", "r1", "new", 10, TRUE});
        g_autofree char *fault = g_strdup_printf("{\"operation\":\"UpdateItem\",\"kind\":\"%s\",\"nth\":1}", answer);
        if (answer != NULL)
            aws_peer_plant(peer, fault);
        g_autoptr(GError) error = NULL;
        g_assert_true(put(sink, row, &error) == (t->code < 0));
        aws_peer_clear(peer);
        if (t->code >= 0)
            g_assert_error(error, KL_ERROR, t->code);
        g_autoptr(JsonObject) item = find_item(TABLE_REGISTRATION, "device", t->device);
        assert_attribute(item, "keyline_run", t->run);
        assert_attribute(item, "registered", t->state);
        assert_attribute(item, "connections", t->count);
        assert_attribute(item, "version", t->count);
    }
    /* Once: what first boot makes of it afterwards stays, should the row be sent again. */
    g_autoptr(KlOutboxRow) row = registration(&(Row){"A-0", "1", "r1", "new", 10, TRUE});
    cloud_table_put(aws, TABLE_REGISTRATION,
                    "{\"device\":{\"S\":\"A-0\"},\"keyline_imei\":{\"S\":\"1\"},\"keyline_run\":{\"S\":\"r1\"},"
                    "\"keyline_queued\":{\"N\":\"10\"},\"registered\":{\"S\":\"ok\"}}");
    g_assert_true(put(sink, row, NULL));
    g_autoptr(JsonObject) item = find_item(TABLE_REGISTRATION, "device", "A-0");
    assert_attribute(item, "registered", "S:ok");
}

/* What was looked at has changed by the time that it is to be brought up to date: nothing is overwritten. */
static void
test_stale_look(void)
{
    static const struct {
        const char *there, *imei, *queued, *registered; /* in the table */
        int code;
    } table[] = {
        {"L-0", "1", "9", "requested", KL_ERROR_CLOUD_CONFLICT},
        {"L-1", "1", "11", "false", -1},
        {"L-2", "2", "9", "false", KL_ERROR_DUPLICATE_DEVICE},
    };
    g_autoptr(KlAws) aws = make_aws();
    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(aws, &tables, "north");
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *there = g_strdup_printf(
            "{\"device\":{\"S\":\"%s\"},\"keyline_imei\":{\"S\":\"%s\"},\"keyline_run\":{\"S\":\"r0\"},"
            "\"keyline_queued\":{\"N\":\"%s\"},\"registered\":{\"S\":\"%s\"},\"firmware\":{\"S\":\"old\"}}",
            table[i].there, table[i].imei, table[i].queued, table[i].registered);
        cloud_table_put(aws, TABLE_REGISTRATION, there);
        /* The first look shows the unit's own row, from an earlier run and unused. */
        aws_peer_plant(peer, "{\"operation\":\"GetItem\",\"kind\":\"garbage\",\"nth\":1,\"body\":"
                             "\"{\\\"Item\\\":{\\\"keyline_imei\\\":{\\\"S\\\":\\\"1\\\"},"
                             "\\\"keyline_queued\\\":{\\\"N\\\":\\\"9\\\"},"
                             "\\\"registered\\\":{\\\"S\\\":\\\"false\\\"}}}\"}");
        g_autoptr(KlOutboxRow) row = registration(&(Row){table[i].there, "1", "r1", "new", 10});
        g_autoptr(GError) error = NULL;
        g_assert_true(put(sink, row, &error) == (table[i].code < 0));
        aws_peer_clear(peer);
        if (table[i].code >= 0)
            g_assert_error(error, KL_ERROR, table[i].code);
        g_autoptr(JsonObject) item = find_item(TABLE_REGISTRATION, "device", table[i].there);
        assert_attribute(item, "keyline_run", "S:r0");
        assert_attribute(item, "firmware", "S:old");
    }
}

/* Rows that are none are nobody's but their own fault, and nobody is asked about them. */
static void
test_malformed(void)
{
    static const struct {
        KlOutboxKind kind;
        const char *key, *body;
    } table[] = {
        {KL_OUTBOX_CLEANUP, "ab", "{}"},
        {KL_OUTBOX_RECORD, "r", "{}"},
        {KL_OUTBOX_RECORD, "r", "[1]"},
        {KL_OUTBOX_RECORD, "r", "{\"imei\":\"1\",\"outcome\":\"PASS\",\"ended_us\":0}"},
        {KL_OUTBOX_RECORD, "r", "{\"imei\":1,\"outcome\":\"PASS\",\"ended_us\":5}"},
        {KL_OUTBOX_REGISTRATION, "d", "{"},
        {KL_OUTBOX_REGISTRATION, "d",
         "{\"device\":\"d\",\"registered\":false,\"policy\":\"p\",\"firmware\":\"f\",\"parameters\":\"\","
         "\"version\":0,\"connections\":0,\"imei\":\"1\"}"},
        {KL_OUTBOX_REGISTRATION, "d",
         "{\"device\":\"d\",\"registered\":\"false\",\"policy\":\"p\",\"firmware\":\"f\",\"parameters\":\"\","
         "\"version\":\"0\",\"connections\":0,\"imei\":\"1\"}"},
        {KL_OUTBOX_REGISTRATION, "other",
         "{\"device\":\"d\",\"registered\":\"false\",\"policy\":\"p\",\"firmware\":\"f\",\"parameters\":\"\","
         "\"version\":0,\"connections\":0,\"imei\":\"1\"}"},
    };
    g_autoptr(KlAws) aws = make_aws();
    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(aws, &tables, "north");
    guint before = aws_peer_calls(peer, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        KlOutboxRow row = {.number = 3,
                           .kind = table[i].kind,
                           .key = (char *)table[i].key,
                           .run = (char *)"r",
                           .body = (char *)table[i].body};
        g_autoptr(GError) error = NULL;
        g_assert_false(put(sink, &row, &error));
        g_assert_error(error, KL_ERROR, KL_ERROR_INTERNAL);
    }
    g_assert_cmpuint(aws_peer_calls(peer, NULL), ==, before);
}

/* What DynamoDB refuses is the row's fault, unless the table is not the one that is meant. */
static void
test_refused(void)
{
    g_autoptr(KlAws) aws = make_aws();
    g_autofree char *much = g_strnfill(410000, 'x');
    g_autoptr(KlOutboxRow) row = registration(&(Row){"R-1", "1", "r", much, 1});
    g_autoptr(KlOutboxRow) small = registration(&(Row){"R-1", "1", "r", "f", 1});
    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(aws, &tables, "north");
    g_autoptr(GError) error = NULL;
    g_assert_false(put(sink, row, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_ROW_REFUSED);
    g_assert_cmpint(kl_error_kind(KL_ERROR_ROW_REFUSED), ==, KL_ERROR_KIND_UNIT);
    g_clear_error(&error);

    cloud_table_make(aws, "wrong_key", "serial", NULL);
    KlAwsSection wrong = tables;
    wrong.registration_table = (char *)"wrong_key";
    wrong.records_table = (char *)"no_such_table";
    g_autoptr(KlSink) astray = kl_sink_dynamodb_new(aws, &wrong, "north");
    g_assert_false(put(astray, small, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_MISSING);
    g_assert_nonnull(strstr(error->message, "(serial), where (device) is needed"));
    g_clear_error(&error);
    g_autoptr(KlOutboxRow) nowhere = record("rec", "1", "north", "PASS", 5);
    g_assert_false(put(astray, nowhere, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_MISSING);
}

/* --- what other stations know --- */

static void
test_passed_elsewhere(void)
{
    static const struct {
        const char *station, *outcome;
        gint64 ended_us;
        const char *north, *south; /* what each of them is told afterwards: the record, or NULL */
    } table[] = {
        {"north", "FAIL", 1000000, NULL, NULL},
        {"north", "PASS", 2000000, NULL, "e-1"},
        {"south", "FAIL", 3000000, NULL, "e-1"},
        {"south", "PASS", 4000000, "e-3", NULL}, /* a supervisor there has it re-provisioned: */
        {"north", "PASS", 5000000, NULL, "e-4"}, /* and here again */
        {"east", "PASS", 4500000, NULL, "e-4"},  /* arrives late */
    };
    g_autoptr(KlAws) aws = make_aws();
    g_autoptr(KlSink) north = kl_sink_dynamodb_new(aws, &tables, "north");
    g_autoptr(KlSink) south = kl_sink_dynamodb_new(aws, &tables, "south");
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *id = g_strdup_printf("e-%u", i);
        g_autoptr(KlOutboxRow) row = record(id, "990", table[i].station, table[i].outcome, table[i].ended_us);
        g_autoptr(GError) error = NULL;
        for (guint again = 0; again < 2; again++) {
            g_assert_true(put(north, row, &error));
            g_assert_no_error(error);
        }
        for (guint who = 0; who < 2; who++) {
            KlSink *sink = who == 0 ? north : south;
            const char *expected = who == 0 ? table[i].north : table[i].south;
            g_autoptr(KlPassedElsewhere) passed = NULL;
            KlOp op = make_op();
            g_assert_true(sink->klass->passed_elsewhere(sink, "990", &passed, &op, &error));
            g_assert_no_error(error);
            g_assert_cmpstr(passed != NULL ? passed->record : NULL, ==, expected);
            if (passed == NULL)
                continue;
            g_assert_cmpstr(passed->station, ==, who == 0 ? "south" : "north");
            g_assert_cmpstr(passed->operator_id, ==, "217");
            g_assert_cmpstr(passed->device_id, ==, "D1");
            g_assert_cmpstr(passed->certificate, ==, "ab");
            g_assert_cmpint(passed->passed_us, ==, table[atoi(expected + 2)].ended_us);
        }
    }
    g_autoptr(JsonArray) items = cloud_table_items(peer, TABLE_RECORDS);
    guint kept = 0;
    for (guint i = 0; i < json_array_get_length(items); i++) {
        g_autofree char *imei = cloud_attribute(json_array_get_object_element(items, i), "imei");
        kept += g_str_equal(imei, "S:990");
    }
    g_assert_cmpuint(kept, ==, G_N_ELEMENTS(table));
    aws_peer_assert_clean(peer);
}

static void
test_firmware(void)
{
    g_autoptr(KlAws) aws = make_aws();
    KlAwsSection without = tables;
    without.firmware_table = NULL;
    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(aws, &tables, "north");
    g_autoptr(KlSink) careless = kl_sink_dynamodb_new(aws, &without, "north");
    cloud_table_put(aws, TABLE_FIRMWARE, "{\"device\":{\"S\":\"main\"},\"bucket\":{\"S\":\"b\"}}");
    const struct {
        KlSink *sink;
        const char *name;
        gboolean found;
    } table[] = {{sink, "main", TRUE}, {sink, "Main", FALSE}, {sink, "", FALSE}, {careless, "Main", TRUE}};
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;
        gboolean found = !table[i].found;
        KlOp op = make_op();
        g_assert_true(table[i].sink->klass->has_firmware(table[i].sink, table[i].name, &found, &op, &error));
        g_assert_no_error(error);
        g_assert_cmpint(found, ==, table[i].found);
    }
    aws_peer_assert_clean(peer);
}

/* --- numbers --- */

static void
test_counters(void)
{
    g_autoptr(KlAws) aws = make_aws();
    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(aws, &tables, "north");
    static const struct {
        const char *sequence, *last; /* what is there: typed JSON or NULL */
        guint64 first;
        int code;
    } table[] = {
        {"fresh", NULL, 1, -1},
        {"fresh", NULL, 1 + LEASED_AT_ONCE, -1},
        {"other", NULL, 1, -1},
        {"set", "{\"N\":\"5000\"}", 5001, -1},
        {"full", "{\"N\":\"9223372036854775807\"}", 0, KL_ERROR_IDS_EXHAUSTED},
        {"half", "{\"N\":\"0.5\"}", 0, KL_ERROR_CLOUD_REFUSED},
        {"below", "{\"N\":\"-3\"}", 0, KL_ERROR_CLOUD_REFUSED},
        {"text", "{\"S\":\"7\"}", 0, KL_ERROR_CLOUD_REFUSED},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *item =
            g_strdup_printf("{\"sequence\":{\"S\":\"%s\"},\"last\":%s}", table[i].sequence, table[i].last);
        if (table[i].last != NULL)
            cloud_table_put(aws, TABLE_COUNTERS, item);
        g_autoptr(GError) error = NULL;
        guint64 first = 0;
        g_assert_true(lease(sink, table[i].sequence, &first, &error) == (table[i].code < 0));
        if (table[i].code < 0)
            g_assert_cmpuint(first, ==, table[i].first);
        else
            g_assert_true(error->domain == KL_ERROR &&
                          (error->code == table[i].code || g_str_equal(table[i].sequence, "text")));
    }
}

/* What `--lease NAME` does: leases blocks until there are LEASED_IDS numbers, and prints the first of each. */
static int
lease_many(const char *station)
{
    g_autoptr(KlAws) aws = make_aws();
    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(aws, &tables, station);
    for (guint have = 0; have < LEASED_IDS;) {
        guint64 first = 0;
        if (!lease(sink, "shared", &first, NULL))
            continue; /* its answer is lost, and its block, if it had one */
        g_print("%" G_GUINT64_FORMAT "\n", first);
        have += LEASED_AT_ONCE;
    }
    return 0;
}

/* Counts what one station has, and that nobody had it before. */
static guint
take_stock(GSubprocess *station, GHashTable *seen)
{
    g_autofree char *out = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(g_subprocess_communicate_utf8(station, NULL, NULL, &out, NULL, &error));
    g_assert_no_error(error);
    g_assert_true(g_subprocess_get_successful(station));
    g_auto(GStrv) lines = g_strsplit(g_strchomp(out), "\n", -1);
    guint count = 0;
    for (guint i = 0; lines[i] != NULL; i++) {
        guint64 first = g_ascii_strtoull(lines[i], NULL, 10);
        g_assert_cmpuint(first, >, 0);
        for (guint k = 0; k < LEASED_AT_ONCE; k++, count++)
            g_assert_true(g_hash_table_add(seen, GSIZE_TO_POINTER(first + k)));
    }
    return count;
}

/* Two stations at once, some of whose answers are lost on the way, with and without an effect. */
static void
test_two_stations(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    g_autoptr(GError) error = NULL;
    aws_peer_plant(peer,
                   "[{\"operation\":\"UpdateItem\",\"kind\":\"drop-after\",\"every\":11},"
                   "{\"operation\":\"UpdateItem\",\"kind\":\"drop-before\",\"every\":13},"
                   "{\"operation\":\"UpdateItem\",\"kind\":\"status\",\"status\":500,\"effect\":true,\"every\":17},"
                   "{\"operation\":\"UpdateItem\",\"kind\":\"throttle\",\"every\":7}]");
    const GSubprocessFlags flags = G_SUBPROCESS_FLAGS_STDOUT_PIPE;
    g_autoptr(GSubprocess) north = g_subprocess_new(flags, &error, self, "--lease", "north", NULL);
    g_assert_no_error(error);
    g_autoptr(GSubprocess) south = g_subprocess_new(flags, &error, self, "--lease", "south", NULL);
    g_assert_no_error(error);
    g_assert_cmpuint(take_stock(north, seen), >=, LEASED_IDS);
    g_assert_cmpuint(take_stock(south, seen), >=, LEASED_IDS);
    aws_peer_clear(peer);
    aws_peer_assert_clean(peer);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    if (argc == 3 && g_str_equal(argv[1], "--lease"))
        return lease_many(argv[2]);
    g_test_init(&argc, &argv, NULL);
    peer = aws_peer_start(NULL);
    aws_peer_lead(peer);
    g_autoptr(KlAws) aws = make_aws();
    cloud_tables_make(aws);
    g_test_add_func("/sink-dynamodb/types", test_types);
    g_test_add_func("/sink-dynamodb/whose-row", test_whose_row);
    g_test_add_func("/sink-dynamodb/reset", test_reset);
    g_test_add_func("/sink-dynamodb/stale-look", test_stale_look);
    g_test_add_func("/sink-dynamodb/malformed", test_malformed);
    g_test_add_func("/sink-dynamodb/refused", test_refused);
    g_test_add_func("/sink-dynamodb/passed-elsewhere", test_passed_elsewhere);
    g_test_add_func("/sink-dynamodb/firmware", test_firmware);
    g_test_add_func("/sink-dynamodb/counters", test_counters);
    g_test_add_func("/sink-dynamodb/two-stations", test_two_stations);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
