/* What AWS behind the line costs, by the strict peer on this machine: how well requests share connections, what the
 * station adds to a unit besides the cloud's own time, what a queue of rows costs the units of an outage, and how fast
 * it drains. The peer, in Python, has its part in all times; where its own account of a call is taken off, the rest of
 * its work (HTTP) is not. */
#include <math.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/rig/cloud_rig.h"

#define SLOTS 16
#define ROUNDS 4
#define CONNECTIONS_MAX (2 * SLOTS)

#define UNITS 100
#define ADDED_MS_MAX 60

#define QUEUED 6000 /* half of them registrations, half records */
#define OUTAGE_UNITS 60
#define STORE_RATIO_MAX 1.05
#define DRAIN_S 240

#define PACED_PER_SECOND 50
#define PACED_ROWS 500
#define PACED_SHARE_MIN 95

#define DYNAMODB_DOWN "{\"service\": \"dynamodb\", \"kind\": \"drop-before\"}"

static AwsPeer *peer;
static guint64 seed = 1; /* each rig has units of its own */

/* --- units --- */

static void
check_passed(const KlRecord *record)
{
    if (record->outcome != KL_OUTCOME_PASS)
        g_error("slot %s: %s: %s", record->slot, record->code, record->detail);
}

static void
next_unit(KlLineRig *rig, guint slot, guint index)
{
    g_autoptr(GError) error = NULL;
    kl_sim_replace(rig->sim, slot, index, NULL, &error);
    kl_bench_check(error);
}

/* --- the peer's log of calls --- */

static void
forget_calls(void)
{
    json_node_unref(aws_peer_control(peer, "DELETE", "calls", NULL));
}

static JsonArray *
answered_calls(void)
{
    g_autoptr(JsonNode) log = aws_peer_control(peer, "GET", "calls", NULL);
    JsonArray *all = json_object_get_array_member(json_node_get_object(log), "calls");
    JsonArray *answered = json_array_new();
    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonNode *call = json_array_get_element(all, i);
        if (json_object_get_int_member_with_default(json_node_get_object(call), "status", 0) == 200)
            json_array_add_element(answered, json_node_copy(call));
    }
    return answered;
}

/* Milliseconds of the peer's own in the calls up to the last one of that name; NULL: in all. */
static double
peer_ms(JsonArray *calls, const char *last)
{
    double sum = 0;
    for (guint i = 0; i < json_array_get_length(calls); i++) {
        JsonObject *call = json_array_get_object_element(calls, i);
        sum += json_object_get_double_member(call, "ms");
        if (g_strcmp0(json_object_get_string_member(call, "operation"), last) == 0)
            return sum;
    }
    g_assert_null(last);
    return sum;
}

/* Seconds from the first call's beginning to the last one's. */
static double
span_s(JsonArray *calls)
{
    JsonObject *last = json_array_get_object_element(calls, json_array_get_length(calls) - 1);
    JsonObject *first = json_array_get_object_element(calls, 0);
    return json_object_get_double_member(last, "time") - json_object_get_double_member(first, "time");
}

/* --- connections --- */

static void
bench_connections(void)
{
    KlLineRig *rig = kl_cloud_rig_station("connections", "iot", SLOTS, seed++, NULL, NULL);
    forget_calls();
    for (guint round = 0; round < ROUNDS; round++) {
        for (guint slot = 1; round > 0 && slot <= SLOTS; slot++)
            next_unit(rig, slot, round * SLOTS + slot - 1);
        g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
        for (guint i = 0; i < records->len; i++)
            check_passed(records->pdata[i]);
    }
    kl_cloud_rig_drain(rig);
    kl_bench_row("cloud-calls", aws_peer_calls(peer, NULL), "");
    kl_bench_row_at_most("cloud-connections", aws_peer_connections(peer), "", CONNECTIONS_MAX);
    kl_line_rig_free(rig);
}

/* --- a unit --- */

/* Milliseconds of the steps that talk to AWS, without what they wait for the unit; commits are in it. */
static double
cloud_steps_ms(const KlRecord *record)
{
    static const char *const ids[] = {"precheck", "issue", "enroll", "register", "activate", NULL};
    double sum = 0;
    for (guint i = 0; i < record->steps->len; i++) {
        const KlStepResult *step = record->steps->pdata[i];
        if (g_strv_contains(ids, step->step))
            sum += (double)(step->duration_us - step->device_us) / 1e3;
    }
    return sum;
}

/* One after the other, each with an empty queue, so that no limit of the account is met. */
static void
bench_added(void)
{
    g_autoptr(GArray) cloud = kl_bench_samples_new();
    g_autoptr(GArray) added = kl_bench_samples_new();
    KlLineRig *rig = kl_cloud_rig_station("added", "iot", 1, seed++, NULL, NULL);
    for (guint i = 0; i < UNITS; i++) {
        if (i > 0)
            next_unit(rig, 1, i);
        forget_calls();
        g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
        check_passed(record);
        kl_cloud_rig_drain(rig);
        g_autoptr(JsonArray) calls = answered_calls();
        /* The record's row leaves after the last step that talks to AWS. */
        double ms = peer_ms(calls, "UpdateCertificate");
        kl_bench_sample(cloud, ms);
        kl_bench_sample(added, cloud_steps_ms(record) - ms);
    }
    kl_line_rig_free(rig);
    kl_bench_row("cloud-unit-peer-p50", kl_bench_percentile(cloud, 50), "ms");
    kl_bench_row("cloud-unit-added-p50", kl_bench_percentile(added, 50), "ms");
    kl_bench_row_at_most("cloud-unit-added-p95", kl_bench_percentile(added, 95), "ms", ADDED_MS_MAX);
}

/* --- a queue --- */

/* Queues rows as the store's only unit did, under keys of their own. */
static void
queue_rows(const KlLineRig *rig, const char *prefix, guint count)
{
    g_autofree char *sql = g_strdup_printf(
        "PRAGMA busy_timeout = 10000; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
        " INSERT INTO outbox (kind, key, run, body, queued_us) SELECT kind, '%s-' || i, run,"
        " json_set(body, CASE kind WHEN 'record' THEN '$.record' ELSE '$.device' END, '%s-' || i), queued_us + i"
        " FROM n, outbox",
        count / 2, prefix, prefix);
    g_autofree char *quoted = g_shell_quote(sql);
    g_autofree char *command = g_strdup_printf("sqlite3 \"$S/keyline.db\" %s", quoted);
    g_free(kl_line_rig_shell(rig, command));
}

static guint
rows_queued(const KlLineRig *rig)
{
    KlStore *store = kl_station_store(rig->station);
    g_auto(KlOutboxCounts) counts = {0};
    g_autoptr(GError) error = NULL;
    store->klass->outbox_counts(store, &counts, &error);
    kl_bench_check(error);
    if (counts.parked > 0)
        g_error("%u rows are parked", counts.parked);
    return counts.queued;
}

static void
drain(const KlLineRig *rig)
{
    double from = kl_bench_now();
    while (rows_queued(rig) > 0) {
        if (kl_bench_now() - from > DRAIN_S)
            g_error("%u rows are left", rows_queued(rig));
        kl_outbox_poke(kl_station_outbox(rig->station));
        g_usleep(G_USEC_PER_SEC / 10);
    }
}

static guint
rows_arrived(void)
{
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    return kl_cloud_rig_items(state, "Bootstrapping_table_registration", NULL, NULL) +
           kl_cloud_rig_items(state, "Keyline_records", NULL, NULL);
}

/* A station that signs itself, whose first unit has been there. */
static KlLineRig *
queueing_station(const char *name, guint per_second)
{
    g_autofree char *rate = g_strdup_printf("aws.rows-per-second=%u", per_second);
    const char *const station[] = {rate, "aws.ack-wait-ms=50", NULL};
    KlLineRig *rig = kl_cloud_rig_station(name, "local", 1, seed++, station, NULL);
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    check_passed(record);
    kl_cloud_rig_drain(rig);
    return rig;
}

/* --- an outage --- */

static void
keep(KlEvent *event, gpointer events)
{
    if (!kl_queue_push(events, event))
        kl_event_free(event);
}

/* From here on the line tells all events. */
static void
tell_all(KlLineRig *rig)
{
    kl_line_free(rig->line);
    rig->line = kl_line_new(kl_station_config(rig->station), kl_station_bench(rig->station), keep, rig->events);
}

/* Milliseconds that the unit's job waits for the store. As in bench-unit: two commits are in no step's account. */
static double
store_ms(KlLineRig *rig, guint index)
{
    gint64 commit_us = 0, sum_us = 0;
    next_unit(rig, 1, index);
    kl_line_rig_start(rig, 1, NULL);
    for (;;) {
        g_autoptr(KlEvent) event = kl_queue_pop(rig->events, G_MAXINT64);
        gboolean is_record = g_strcmp0(event->step, "record") == 0;
        if (event->type == KL_EVENT_JOB_BEGIN || (event->type == KL_EVENT_STEP_BEGIN && is_record)) {
            commit_us = event->time_us;
        } else if (commit_us != 0 && (event->type == KL_EVENT_STEP_BEGIN || event->type == KL_EVENT_STEP_END)) {
            sum_us += event->time_us - commit_us;
            commit_us = 0;
        } else if (event->type == KL_EVENT_JOB_END) {
            check_passed(event->record);
            for (guint i = 0; i < event->record->steps->len; i++)
                sum_us += ((const KlStepResult *)event->record->steps->pdata[i])->store_us;
            return (double)sum_us / 1e3;
        }
    }
}

static void
await_outage(KlLineRig *rig)
{
    while (kl_outbox_status(kl_station_outbox(rig->station)).waiting_codes[KL_OUTBOX_RECORD] == NULL)
        g_usleep(G_USEC_PER_SEC / 100);
}

/* Unit by unit in turn on a station with a long queue and one without, so that what else the machine does hits both. */
static void
bench_store(KlLineRig *full, KlLineRig *empty)
{
    g_autoptr(GArray) with = kl_bench_samples_new();
    g_autoptr(GArray) without = kl_bench_samples_new();
    for (guint i = 1; i <= OUTAGE_UNITS; i++) {
        kl_bench_sample(with, store_ms(full, i));
        kl_bench_sample(without, store_ms(empty, i));
        if (i == 1) { /* the first ones found out */
            await_outage(full);
            await_outage(empty);
            g_array_set_size(with, 0);
            g_array_set_size(without, 0);
        }
    }
    double of_none = kl_bench_percentile(without, 50);
    kl_bench_row("cloud-store-none-queued", of_none, "ms");
    kl_bench_row_at_most("cloud-store-6000-queued", kl_bench_percentile(with, 50) / of_none, "x", STORE_RATIO_MAX);
}

/* Rows a second as the peer saw them, and which part of the time the peer itself took. */
static void
bench_drain(KlLineRig *rig, guint arrived_before)
{
    guint queued = rows_queued(rig);
    forget_calls();
    aws_peer_clear(peer);
    drain(rig);
    g_autoptr(JsonArray) calls = answered_calls();
    double seconds = span_s(calls);
    kl_bench_row("cloud-drain-rows", queued, "rows");
    kl_bench_row("cloud-drain", json_array_get_length(calls) / seconds, "rows/s");
    kl_bench_row("cloud-drain-peer-share", peer_ms(calls, NULL) / 10 / seconds, "%");
    kl_bench_row_at_most("cloud-drain-lost", fabs((double)arrived_before + queued - rows_arrived()), "rows", 0);
}

static void
bench_outage(void)
{
    KlLineRig *full = queueing_station("full", 1000);
    KlLineRig *empty = queueing_station("empty", 1000);
    guint arrived_before = rows_arrived();
    tell_all(full);
    tell_all(empty);
    aws_peer_plant(peer, DYNAMODB_DOWN);
    queue_rows(full, "full", QUEUED);
    bench_store(full, empty);
    kl_line_rig_free(empty);
    bench_drain(full, arrived_before);
    kl_line_rig_free(full);
}

/* --- the rate --- */

static void
bench_paced(void)
{
    KlLineRig *rig = queueing_station("paced", PACED_PER_SECOND);
    forget_calls();
    queue_rows(rig, "paced", PACED_ROWS);
    drain(rig);
    g_autoptr(JsonArray) calls = answered_calls();
    double per_second = (json_array_get_length(calls) - 1) / span_s(calls);
    kl_bench_row_at_least("cloud-drain-at-50", 100 * per_second / PACED_PER_SECOND, "%", PACED_SHARE_MIN);
    kl_line_rig_free(rig);
}

/* Each service has an address of its own, as with AWS: no connection serves both. */
static void
part_services(void)
{
    const char *port = strrchr(aws_peer_address(peer), ':');
    g_autofree char *address = g_strconcat("http://localhost", port, NULL);
    g_setenv("AWS_ENDPOINT_URL_DYNAMODB", address, TRUE);
}

int
main(void)
{
    kl_bench_init();
    peer = kl_cloud_rig_start();
    part_services();
    bench_connections();
    bench_added();
    bench_outage();
    bench_paced();
    aws_peer_assert_clean(peer);
    aws_peer_free(peer);
    return 0;
}
