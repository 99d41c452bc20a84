/* First boot in the cloud: units that boot at once through keyline-activation as it is installed, one mosquitto, and
 * DynamoDB and S3 of the strict AWS peer. What the peer alone can do is measured with the same signed requests, as many
 * of each kind for a message and in the same order for a unit, sent by several threads without broker and service. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "db/activation_item.h"
#include "db/dynamodb.h"
#include "station/mqtt/private_broker.h"
#include "tests/bench/bench.h"
#include "tests/bench/boot_units.h"
#include "tests/cloud_tables.h"

#define ROUNDS 3 /* of either, in turns: what else the machine does meanwhile is shared between them */
#define AT_ONCE (12 * SENDERS)
#define UNITS (ROUNDS * AT_ONCE)
#define MESSAGES 4  /* of a unit's boot that the service handles */
#define REQUESTS 10 /* for them: two for each message, and two for the software */
#define WORKERS 64  /* of the service */
#define SENDERS 16  /* at the peer alone: with more of them, or far fewer, it does less */
#define SILENCE_S 15
/* The peer is what is slowest: whoever keeps asking it has all that there is to be had. What may be missing: a batch
 * waits for its last message, and mosquitto, the units and the service compute on the same processors. */
#define SHARE_MIN 75

#define ALONE "alone"
#define SERVED "served"
#define BUCKET "soft-ware"
#define CODE "print('hello')\n"

typedef struct {
    char *folder, *conf;
    AwsPeer *peer;
    KlAws *aws;
    KlPrivateBroker *broker;
    BootUnits *units;
    GSubprocess *service;
    FILE *told; /* by the service */
    pthread_t listener;
    int versions; /* atomic: so many units were told to be done */
} Bench;

/* --- what has to be there --- */

static void
put_rows(const Bench *bench, const char *table)
{
    cloud_table_make(bench->aws, table, "device", NULL);
    for (guint i = 0; i < UNITS; i++) {
        g_autofree char *id = boot_unit_id(i);
        g_autofree char *item = g_strdup_printf(
            "{\"device\":{\"S\":\"%s\"},\"registered\":{\"S\":\"false\"},\"policy\":{\"S\":\"policy\"},"
            "\"firmware\":{\"S\":\"main\"},\"parameters\":{\"S\":\"{\\\"topic\\\":\\\"$aws/things/%s/shadow/update\\\"}"
            "\"},\"version\":{\"N\":\"0\"},\"connections\":{\"N\":\"0\"},\"keyline_imei\":{\"S\":\"35265309%07u\"},"
            "\"keyline_station\":{\"S\":\"bench\"},\"keyline_run\":{\"S\":\"run\"},\"keyline_queued\":{\"N\":\"1\"}}",
            id, id, i);
        cloud_table_put(bench->aws, table, item);
    }
}

static void
put_software(const Bench *bench)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *bucket = g_build_filename(aws_peer_folder(bench->peer), "s3", BUCKET, NULL);
    g_autofree char *file = g_build_filename(bucket, "code.py", NULL);
    g_mkdir_with_parents(bucket, 0700);
    g_file_set_contents(file, CODE, -1, &error);
    kl_bench_check(error);
    cloud_table_make(bench->aws, TABLE_FIRMWARE, "device", NULL);
    cloud_table_put(bench->aws, TABLE_FIRMWARE,
                    "{\"device\":{\"S\":\"main\"},\"bucket\":{\"S\":\"" BUCKET "\"},\"file\":{\"S\":\"code.py\"},"
                    "\"version\":{\"N\":\"1\"},\"signature\":{\"S\":\"MAYCAQECAQE=\"}}");
}

static void
set_up(Bench *bench)
{
    g_autoptr(GError) error = NULL;
    bench->folder = kl_bench_folder_new();
    bench->peer = aws_peer_start(NULL);
    aws_peer_lead(bench->peer);
    bench->aws = kl_aws_new(&(KlAwsOptions){0}, &error);
    kl_bench_check(error);
    put_software(bench);
    put_rows(bench, ALONE);
    put_rows(bench, SERVED);
    bench->units = boot_units_new(bench->folder, UNITS);
    g_autofree char *ca = g_build_filename(bench->folder, "devices.pem", NULL);
    const KlPrivateBrokerOptions options = {.listen = "127.0.0.1", .name = "localhost", .devices_ca = ca};
    bench->broker = kl_private_broker_start(&options, &error);
    kl_bench_check(error);
    const KlBrokerOptions there = kl_private_broker_options(bench->broker);
    g_autofree char *conf = g_strdup_printf("[service]\ntable=dynamodb\nsoftware=s3\n[broker]\naddress=127.0.0.1:%u\n"
                                            "ca=%s\ncertificate=%s\nkey=%s\n[aws]\nregistration-table=" SERVED "\n",
                                            there.port, there.ca_file, there.certificate_file, there.key_file);
    bench->conf = g_build_filename(bench->folder, "activation.conf", NULL);
    g_file_set_contents(bench->conf, conf, -1, &error);
    kl_bench_check(error);
}

static void
tear_down(Bench *bench)
{
    boot_units_free(bench->units);
    kl_private_broker_free(bench->broker);
    kl_aws_free(bench->aws);
    aws_peer_free(bench->peer);
    kl_bench_folder_free(bench->folder);
    g_free(bench->conf);
}

/* --- the peer alone --- */

static void
call(const Bench *bench, KlAwsOperationId operation, JsonObject *request, KlAwsAnswer *answer)
{
    g_autoptr(GError) error = NULL;
    kl_dynamodb_call(bench->aws, operation, request, TRUE, NULL, answer, &error);
    kl_bench_check(error);
}

static JsonObject *
request_for(const char *table, const char *device)
{
    JsonObject *request = kl_dynamodb_request(table);
    JsonObject *key = json_object_new();
    kl_item_set_text(key, "device", device);
    json_object_set_object_member(request, "Key", key);
    return request;
}

static void
get(const Bench *bench, const char *table, const char *device, KlAwsAnswer *answer)
{
    g_autoptr(JsonObject) request = request_for(table, device);
    json_object_set_boolean_member(request, "ConsistentRead", TRUE);
    call(bench, KL_AWS_DYNAMODB_GET_ITEM, request, answer);
}

static void
get_software(const Bench *bench)
{
    g_auto(KlAwsAnswer) entry = {0}, object = {0};
    g_autoptr(GError) error = NULL;
    const KlAwsCall s3 = {.operation = KL_AWS_S3_GET_OBJECT, .path = "/" BUCKET "/code.py"};
    get(bench, TABLE_FIRMWARE, "main", &entry);
    kl_aws_call(bench->aws, &s3, &(KlOp){0}, &object, &error);
    kl_bench_check(error);
}

/* One message of a unit, as the rules have it. */
static void
send_message(const Bench *bench, const char *device, guint message)
{
    static const char *const verdicts[MESSAGES] = {"answered", "activated", "software", "version"};
    static const char *const states[MESSAGES] = {"requested", "ok", NULL, "ok"};
    g_auto(KlAwsAnswer) before = {0}, after = {0};
    get(bench, ALONE, device, &before);
    JsonObject *item = kl_dynamodb_object(&before, "Item");
    g_autoptr(KlRegistration) was = kl_boot_row(item), row = kl_boot_row(item);
    g_autofree char *id = g_uuid_string_random(), *token = g_uuid_string_random();
    if (states[message] == NULL) {
        get_software(bench);
    } else {
        g_free(row->registered);
        row->registered = g_strdup(states[message]);
        row->version = message == MESSAGES - 1;
    }
    const KlActivationChange change = {.device = device,
                                       .was = was,
                                       .row = states[message] != NULL ? row : NULL,
                                       .id = id,
                                       .heard = TRUE,
                                       .verdict = verdicts[message],
                                       .now_us = g_get_real_time()};
    g_autoptr(JsonObject) request = request_for(ALONE, device);
    kl_boot_write_change(request, &change, item, token);
    call(bench, KL_AWS_DYNAMODB_UPDATE_ITEM, request, &after);
}

typedef struct {
    const Bench *bench;
    int next; /* unit; atomic */
    int until;
} Sending;

static void *
send_all(void *data)
{
    Sending *sending = data;
    for (int i; (i = g_atomic_int_add(&sending->next, 1)) < sending->until;) {
        g_autofree char *device = boot_unit_id((guint)i);
        for (guint message = 0; message < MESSAGES; message++)
            send_message(sending->bench, device, message);
    }
    return NULL;
}

/* Seconds for one round's units. */
static double
measure_alone(const Bench *bench, guint round)
{
    pthread_t threads[SENDERS];
    Sending sending = {bench, (int)(round * AT_ONCE), (int)((round + 1) * AT_ONCE)};
    double start = kl_bench_now();
    for (guint i = 0; i < SENDERS; i++) {
        if (pthread_create(&threads[i], NULL, send_all, &sending) != 0)
            g_error("no threads");
    }
    for (guint i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    return kl_bench_now() - start;
}

/* --- with the service --- */

/* Reads all that the service tells, so that it never waits for that. */
static void *
listen_to_it(void *data)
{
    Bench *bench = data;
    char line[4096];
    while (fgets(line, sizeof line, bench->told) != NULL) {
        if (strstr(line, "\"verdict\":\"version\"") != NULL)
            g_atomic_int_inc(&bench->versions);
        else if (strstr(line, "WARNING") != NULL)
            fputs(line, stderr);
    }
    return NULL;
}

/* In the child: it ends with the bench, however that ends. */
static void
die_too(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void
start_service(Bench *bench)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = kl_bench_program("station/service/keyline-activation");
    char line[4096] = "";
    int fds[2];
    if (pipe(fds) != 0)
        g_error("no pipe");
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
    g_subprocess_launcher_set_child_setup(launcher, die_too, NULL, NULL);
    g_subprocess_launcher_take_stderr_fd(launcher, fds[1]);
    bench->service = g_subprocess_launcher_spawn(launcher, &error, path, "--config", bench->conf, NULL);
    kl_bench_check(error);
    g_clear_object(&launcher); /* and its end of the pipe */
    bench->told = fdopen(fds[0], "r");
    while (strstr(line, "serving") == NULL) {
        if (fgets(line, sizeof line, bench->told) == NULL)
            g_error("the service did not start");
    }
    if (pthread_create(&bench->listener, NULL, listen_to_it, bench) != 0)
        g_error("no thread");
}

static void
stop_service(Bench *bench)
{
    g_autoptr(GError) error = NULL;
    g_subprocess_send_signal(bench->service, SIGTERM);
    g_subprocess_wait_check(bench->service, NULL, &error);
    kl_bench_check(error);
    g_clear_object(&bench->service);
    pthread_join(bench->listener, NULL);
    fclose(bench->told);
}

/* Seconds for one round's units; how many of them have heard all that they were to hear. */
static double
measure_service(Bench *bench, guint round, guint *done)
{
    const int all = (int)((round + 1) * AT_ONCE);
    double start = kl_bench_now(), end = start;
    boot_units_storm(bench->units, round * AT_ONCE, (guint)all, done);
    /* The last thing that a unit says is not answered. */
    for (int told = 0, before = 0; told < all && kl_bench_now() - end < SILENCE_S; before = told) {
        told = g_atomic_int_get(&bench->versions);
        if (told != before)
            end = kl_bench_now();
        g_usleep(1000);
    }
    return end - start;
}

/* By the peer's own word. */
static guint
count_ok(const Bench *bench)
{
    static const char *const wanted[][2] = {
        {"registered", "S:ok"},
        {"version", "N:1"},
        {"connections", "N:0"},
        {KL_BOOT_COUNT "answered", "N:1"},
        {KL_BOOT_COUNT "activated", "N:1"},
        {KL_BOOT_COUNT "software", "N:1"},
        {KL_BOOT_COUNT "version", "N:1"},
    };
    g_autoptr(JsonArray) items = cloud_table_items(bench->peer, SERVED);
    guint count = 0;
    for (guint i = 0; i < json_array_get_length(items); i++) {
        gboolean ok = TRUE;
        for (gsize k = 0; k < G_N_ELEMENTS(wanted); k++) {
            g_autofree char *value = cloud_attribute(json_array_get_object_element(items, i), wanted[k][0]);
            ok = ok && g_strcmp0(value, wanted[k][1]) == 0;
        }
        count += ok;
    }
    return count;
}

/* Empties the peer's log of calls: how many there were, and on how many connections. */
static guint
take_calls(const Bench *bench, guint *connections)
{
    guint calls = aws_peer_calls(bench->peer, NULL);
    *connections = aws_peer_connections(bench->peer);
    json_node_unref(aws_peer_control(bench->peer, "DELETE", "calls", NULL));
    return calls;
}

int
main(void)
{
    Bench bench = {NULL};
    double alone = 0, served = 0;
    guint done = 0, of_alone = 0, of_served = 0, connections = 0;
    kl_bench_init();
    set_up(&bench);
    start_service(&bench);
    boot_units_connect(bench.units, kl_private_broker_port(bench.broker), 0, UNITS);
    take_calls(&bench, &connections);
    for (guint round = 0; round < ROUNDS; round++) {
        guint heard = 0;
        alone += measure_alone(&bench, round);
        of_alone += take_calls(&bench, &connections);
        served += measure_service(&bench, round, &heard);
        of_served += take_calls(&bench, &connections);
        done += heard;
    }
    stop_service(&bench);

    kl_bench_row("boot-cloud-units", UNITS, "");
    kl_bench_row_at_most("boot-cloud-lost", UNITS - done, "units", 0);
    kl_bench_row_at_most("boot-cloud-not-ok", UNITS - count_ok(&bench), "rows", 0);
    kl_bench_row("boot-cloud-peer-requests", (double)of_alone / UNITS, "/unit");
    kl_bench_row_at_most("boot-cloud-requests", (double)of_served / UNITS, "/unit", REQUESTS);
    kl_bench_row_at_most("boot-cloud-connections", connections, "", WORKERS);
    kl_bench_row("boot-cloud-peer-alone", UNITS * MESSAGES / alone, "/s");
    kl_bench_row("boot-cloud-messages", UNITS * MESSAGES / served, "/s");
    kl_bench_row_at_least("boot-cloud-share", 100 * alone / served, "%", SHARE_MIN);
    tear_down(&bench);
    return 0;
}
