/* Every call of the sink on DynamoDB under every fault of the peer. */
#include "tests/sink_bench.h"

static const char *const faults[] = {
    "\"kind\":\"drop-before\"",
    "\"kind\":\"drop-after\"",
    "\"kind\":\"drop-after\",\"reset\":true",
    "\"kind\":\"close-after\"",
    "\"kind\":\"status\",\"status\":500",
    "\"kind\":\"status\",\"status\":500,\"effect\":true",
    "\"kind\":\"status\",\"status\":503,\"bare\":true",
    "\"kind\":\"throttle\"",
    "\"kind\":\"error\",\"name\":\"AccessDeniedException\",\"status\":400",
    "\"kind\":\"error\",\"name\":\"ValidationException\",\"status\":400",
    "\"kind\":\"garbage\",\"body\":\"<html>\"",
    "\"kind\":\"garbage\",\"body\":\"{}\"",
    "\"kind\":\"truncated\"",
    "\"kind\":\"slow\",\"ms\":30",
};

typedef enum { ACT_REGISTER, ACT_REPEAT, ACT_RENEW, ACT_RECORD, ACT_ASK, ACT_LEASE, ACT_FIRMWARE, ACT_LOOK, ACTS } Act;

static const char *const act_calls[ACTS] = {"PutItem", "GetItem",    "UpdateItem", "PutItem",
                                            "Query",   "UpdateItem", "GetItem",    "BatchGetItem"};

typedef struct {
    KlSink *sink;
    guint number; /* of the case: names its own unit */
    guint64 block;
} Case;

/* Whether the case's unit has its row. */
static gboolean
look(const Case *c, const char *device, gboolean *wrong, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)kl_cloud_row_free);
    KlOp op = make_op();
    gboolean done = c->sink->klass->registrations(c->sink, &device, 1, rows, &op, error);
    *wrong = done && (rows->len != 1 || ((const KlCloudRow *)rows->pdata[0])->row == NULL);
    return done;
}

/* TRUE: it says that it is done. */
static gboolean
perform(Case *c, Act act, gboolean *wrong, GError **error)
{
    g_autofree char *device = g_strdup_printf("X-%u", c->number);
    g_autofree char *imei = g_strdup_printf("88%06u", c->number);
    KlOp op = make_op();
    g_autoptr(KlPassedElsewhere) passed = NULL;
    gboolean found = FALSE, done = FALSE;
    g_autoptr(KlOutboxRow) old = registration(&(Row){device, imei, "old", "old", 1});
    g_autoptr(KlOutboxRow) new = registration(&(Row){device, imei, "new", "new", 2});
    g_autoptr(KlOutboxRow) rec = record(device, imei, "south", "PASS", 7000000);
    switch (act) {
    case ACT_REGISTER:
    case ACT_REPEAT:
        return put(c->sink, old, error);
    case ACT_RENEW:
        return put(c->sink, new, error);
    case ACT_RECORD:
        return put(c->sink, rec, error);
    case ACT_ASK:
        done = c->sink->klass->passed_elsewhere(c->sink, imei, &passed, &op, error);
        *wrong = done && (passed == NULL || !g_str_equal(passed->record, device));
        return done;
    case ACT_LEASE:
        return lease(c->sink, "faulty", &c->block, error);
    case ACT_FIRMWARE:
        done = c->sink->klass->has_firmware(c->sink, "main", &found, &op, error);
        *wrong = done && !found;
        return done;
    case ACT_LOOK:
        return look(c, device, wrong, error);
    case ACTS:
        break;
    }
    g_assert_not_reached();
}

/* What has to be there before the act. */
static void
prepare(Case *c, Act act)
{
    gboolean wrong = FALSE;
    g_autoptr(GError) error = NULL;
    if (act == ACT_REPEAT || act == ACT_RENEW || act == ACT_LOOK)
        g_assert_true(perform(c, ACT_REGISTER, &wrong, &error));
    if (act == ACT_ASK)
        g_assert_true(perform(c, ACT_RECORD, &wrong, &error));
    g_assert_no_error(error);
}

static void
assert_there(const Case *c, Act act)
{
    g_autofree char *device = g_strdup_printf("X-%u", c->number);
    if (act == ACT_RECORD) {
        g_autoptr(JsonObject) item = find_item(TABLE_RECORDS, "record", device);
        g_assert_nonnull(item);
        return;
    }
    if (act > ACT_RENEW)
        return;
    g_autoptr(JsonObject) item = find_item(TABLE_REGISTRATION, "device", device);
    g_assert_nonnull(item);
    assert_attribute(item, "firmware", act == ACT_RENEW ? "S:new" : "S:old");
    assert_attribute(item, "keyline_run", act == ACT_RENEW ? "S:new" : "S:old");
}

/* Under the fault: done and true, or an error of the station or the network, never the row's own fault or another's. */
static void
check_verdict(const Case *c, Act act, const char *fault, gboolean done, gboolean wrong, const GError *error)
{
    gboolean validation = strstr(fault, "Validation") != NULL;
    /* An empty object is what an answer without an item is: nobody could tell it from the truth. */
    gboolean empty = strstr(fault, "\"{}\"") != NULL;
    g_assert_true(done == (error == NULL));
    g_assert_true(!wrong || empty);
    if (done && !(empty && act <= ACT_RECORD))
        assert_there(c, act);
    if (done)
        return;
    KlErrorKind kind = kl_error_kind(kl_error_code(error));
    gboolean own = kl_error_code(error) == KL_ERROR_ROW_REFUSED && validation;
    g_assert_true(kind == KL_ERROR_KIND_RETRY || kind == KL_ERROR_KIND_STATION || own);
}

static void
add_block(GHashTable *seen, guint64 first)
{
    for (guint k = 0; k < LEASED_AT_ONCE; k++)
        g_assert_true(g_hash_table_add(seen, GSIZE_TO_POINTER(first + k)));
}

static void
test_faults(void)
{
    g_autoptr(KlAws) aws = make_aws();
    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(aws, &tables, "north");
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    cloud_table_put(aws, TABLE_FIRMWARE, "{\"device\":{\"S\":\"main\"}}");
    Case c = {sink, 0, 0};
    for (Act act = 0; act < ACTS; act++) {
        for (guint i = 0; i < G_N_ELEMENTS(faults) * 2; i++, c.number++) {
            const char *fault = faults[i / 2];
            g_autofree char *rule =
                g_strdup_printf("{\"operation\":\"%s\",%s%s}", act_calls[act], fault, i % 2 == 0 ? ",\"nth\":1" : "");
            g_autoptr(GError) error = NULL, later = NULL;
            gboolean wrong = FALSE;
            prepare(&c, act);
            aws_peer_plant(peer, rule);
            gboolean done = perform(&c, act, &wrong, &error);
            aws_peer_clear(peer);
            check_verdict(&c, act, fault, done, wrong, error);
            if (done && act == ACT_LEASE)
                add_block(seen, c.block);
            wrong = FALSE;
            g_assert_true(perform(&c, act, &wrong, &later));
            g_assert_no_error(later);
            g_assert_false(wrong);
            assert_there(&c, act);
            if (act == ACT_LEASE)
                add_block(seen, c.block);
        }
    }
    aws_peer_assert_clean(peer);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = aws_peer_start(NULL);
    aws_peer_lead(peer);
    g_autoptr(KlAws) aws = make_aws();
    cloud_tables_make(aws);
    g_test_add_func("/sink-faults/matrix", test_faults);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
