/* First boot: ten thousand units at once, and a hundred a second; keyline-activation as it is installed, one mosquitto,
 * and a station's SQLite database. What mosquitto alone passes on is measured with the same units and the same
 * messages, and a client that answers them without looking at anything. */
#include <gio/gio.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/resource.h>

#include "db/database.h"
#include "db/statement.h"
#include "station/mqtt/private_broker.h"
#include "tests/bench/bench.h"
#include "tests/bench/boot_units.h"

#define STORM 10000
#define STREAM 1000
#define PER_SECOND 100.0
#define SPARE_FILES 200
#define SILENCE_S 15
#define CODE "print('hello')\n"
#define SIGNATURE "MEUCIQCbenchbenchbenchbenchbenchbenchbenchbenchbenchbenchbenchbenchbench"
#define TOPIC "$aws/things/%s/shadow/update"
#define PARAMETERS "{\"topic\":\"" TOPIC "\"}"

typedef struct {
    char *folder, *station, *software, *conf;
    KlPrivateBroker *broker;
    BootUnits *units;
    guint storm;
    GSubprocess *service;
} Bench;

/* How many can boot at once with the files that may be open here. */
static guint
allowed_units(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return (guint)MIN((rlim_t)STORM, limit.rlim_cur - SPARE_FILES);
}

static void
run(const char *program, const char *const *words)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = kl_bench_program(program);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, path);
    for (; *words != NULL; words++)
        g_ptr_array_add(argv, (gpointer)*words);
    g_ptr_array_add(argv, NULL);
    int status = 0;
    g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, NULL, &status, &error);
    kl_bench_check(error);
    g_spawn_check_wait_status(status, &error);
    kl_bench_check(error);
}

/* Units that a line has provisioned: their rows. */
static void
add_rows(const Bench *bench, guint n)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(bench->station, "keyline.db", NULL);
    g_autoptr(sqlite3) db = kl_database_open(path, FALSE, &error);
    kl_bench_check(error);
    /* Nobody asks for their records here. */
    kl_database_exec(db, "PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE", &error);
    for (guint i = 0; i < n && error == NULL; i++) {
        g_autofree char *id = boot_unit_id(i);
        g_autofree char *parameters = g_strdup_printf(PARAMETERS, id);
        kl_run(db, &error,
               "INSERT INTO registration (device, registered, policy, firmware, parameters, version, connections)"
               " VALUES (?1, 'false', 'policy', 'main', ?2, 0, 0)",
               kl_text(id), kl_text(parameters));
    }
    kl_database_exec(db, "COMMIT", error == NULL ? &error : NULL);
    kl_bench_check(error);
}

/* Rows of units from to (not with) until that are as they should be. */
static guint
count_ok(sqlite3 *db, guint from, guint until)
{
    g_autofree char *first = boot_unit_id(from), *end = boot_unit_id(until);
    g_autofree char *sql =
        g_strdup_printf("SELECT count(*) FROM registration WHERE registered = 'ok' AND version = 1 AND"
                        " connections = 0 AND device >= '%s' AND device < '%s'",
                        first, end);
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
        g_error("%s", sqlite3_errmsg(db));
    guint count = (guint)sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return count;
}

/* The last thing that a unit says is not answered: waits until all is kept, or nothing more is. How many are. */
static guint
wait_ok(const Bench *bench, guint from, guint until)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(bench->station, "keyline.db", NULL);
    g_autoptr(sqlite3) db = kl_database_open(path, TRUE, &error);
    kl_bench_check(error);
    double since = kl_bench_now();
    guint ok = count_ok(db, from, until);
    while (ok < until - from && kl_bench_now() - since < SILENCE_S) {
        g_usleep(10000);
        guint now = count_ok(db, from, until);
        if (now != ok)
            since = kl_bench_now();
        ok = now;
    }
    return ok;
}

static void
write_file(const char *folder, const char *name, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_file_set_contents(path, text, -1, &error);
    kl_bench_check(error);
}

static void
set_up(Bench *bench)
{
    g_autoptr(GError) error = NULL;
    bench->folder = kl_bench_folder_new();
    bench->storm = allowed_units();
    bench->station = g_build_filename(bench->folder, "station", NULL);
    bench->software = g_build_filename(bench->folder, "software", NULL);
    g_autofree char *bucket = g_build_filename(bench->software, "bucket", NULL);
    g_autofree char *ca = g_build_filename(bench->folder, "devices.pem", NULL);
    g_mkdir_with_parents(bucket, 0700);
    write_file(bucket, "code.py", CODE);
    write_file(bench->software, "Devicemanager_update",
               "[main]\nbucket=bucket\nfile=code.py\nversion=1\nsignature=" SIGNATURE "\n");
    const char *const words[] = {"--station", bench->station, "setup", "--name", "bench", NULL};
    run("station/cli/keyline", words);
    add_rows(bench, bench->storm + STREAM);
    bench->units = boot_units_new(bench->folder, bench->storm + STREAM);
    const KlPrivateBrokerOptions options = {.listen = "127.0.0.1", .name = "localhost", .devices_ca = ca};
    bench->broker = kl_private_broker_start(&options, &error);
    kl_bench_check(error);
    const KlBrokerOptions there = kl_private_broker_options(bench->broker);
    /* Nothing may wait for the service while mosquitto is measured without it. */
    g_autofree char *conf = g_strdup_printf(
        "[service]\ntable=sqlite\nstation=%s\nsoftware=folder\nsoftware-folder=%s\n"
        "[broker]\naddress=127.0.0.1:%u\nca=%s\ncertificate=%s\nkey=%s\nkeep-minutes=0\n",
        bench->station, bench->software, there.port, there.ca_file, there.certificate_file, there.key_file);
    write_file(bench->folder, "activation.conf", conf);
    bench->conf = g_build_filename(bench->folder, "activation.conf", NULL);
}

static void
tear_down(Bench *bench)
{
    boot_units_free(bench->units);
    kl_private_broker_free(bench->broker);
    kl_bench_folder_free(bench->folder);
    g_free(bench->station);
    g_free(bench->software);
    g_free(bench->conf);
}

static void
start_service(Bench *bench)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = kl_bench_program("station/service/keyline-activation");
    bench->service = g_subprocess_new(G_SUBPROCESS_FLAGS_STDERR_PIPE, &error, path, "--config", bench->conf, NULL);
    kl_bench_check(error);
    g_autoptr(GDataInputStream) lines = g_data_input_stream_new(g_subprocess_get_stderr_pipe(bench->service));
    g_filter_input_stream_set_close_base_stream(G_FILTER_INPUT_STREAM(lines), FALSE);
    for (;;) {
        g_autofree char *line = g_data_input_stream_read_line(lines, NULL, NULL, &error);
        kl_bench_check(error);
        if (line == NULL)
            g_error("the service did not start");
        if (strstr(line, "serving") != NULL)
            return;
    }
}

static void
stop_service(Bench *bench)
{
    g_autoptr(GError) error = NULL;
    g_subprocess_send_signal(bench->service, SIGTERM);
    g_subprocess_wait_check(bench->service, NULL, &error);
    kl_bench_check(error);
    g_clear_object(&bench->service);
}

/* Messages a second that mosquitto alone passes on. */
static double
measure_alone(const Bench *bench)
{
    const KlBrokerOptions there = kl_private_broker_options(bench->broker);
    g_autofree char *parameters = g_strdup_printf(PARAMETERS, "FX30-000001");
    g_autofree char *topic = g_strdup_printf(TOPIC, "FX30-000001");
    g_autofree char *sha256 = g_compute_checksum_for_string(G_CHECKSUM_SHA256, CODE, -1);
    g_autofree char *about = g_strdup_printf("{\"version\":1,\"size\":%zu,\"sha256\":\"%s\",\"signature\":\"%s\"}",
                                             strlen(CODE), sha256, SIGNATURE);
    g_autofree char *software = g_base64_encode((const guchar *)CODE, strlen(CODE));
    const BootAnswers answers = {parameters, topic, about, software};
    guint done = 0;
    boot_units_answer(bench->units, there.port, there.certificate_file, there.key_file, &answers);
    double seconds = boot_units_storm(bench->units, 0, bench->storm, &done);
    boot_units_answer_no_more(bench->units);
    if (done != bench->storm)
        g_error("mosquitto alone: %u of %u units are done", done, bench->storm);
    return bench->storm * BOOT_MESSAGES / seconds;
}

int
main(void)
{
    Bench bench = {NULL};
    kl_bench_init();
    /* Ten thousand handshakes leave more keys behind than that has room for. */
    CRYPTO_secure_malloc_done();
    set_up(&bench);
    g_autoptr(GArray) seconds = kl_bench_samples_new();
    guint16 port = kl_private_broker_port(bench.broker);
    guint first = bench.storm, all = bench.storm + STREAM, done = 0;

    start_service(&bench);
    guint streamed = boot_units_stream(bench.units, port, first, all, PER_SECOND, seconds);
    guint ok = wait_ok(&bench, first, all);
    boot_units_disconnect(bench.units, first, all);
    stop_service(&bench);

    double start = kl_bench_now();
    boot_units_connect(bench.units, port, 0, bench.storm);
    double connecting = kl_bench_now() - start;
    double alone = measure_alone(&bench);
    start_service(&bench);
    start = kl_bench_now();
    boot_units_storm(bench.units, 0, bench.storm, &done);
    ok += wait_ok(&bench, 0, bench.storm);
    double rate = done * BOOT_MESSAGES / (kl_bench_now() - start);
    stop_service(&bench);

    kl_bench_row("boot-units-at-once", bench.storm, "");
    kl_bench_row("boot-tls-connects", bench.storm / connecting, "/s");
    kl_bench_row_at_most("boot-lost", (bench.storm - done) + (STREAM - streamed), "units", 0);
    kl_bench_row_at_most("boot-not-ok", all - ok, "rows", 0);
    kl_bench_row("boot-mosquitto-alone", alone, "/s");
    kl_bench_row("boot-messages", rate, "/s");
    kl_bench_row_at_least("boot-share-of-mosquitto", 100 * rate / alone, "%", 30);
    kl_bench_row("boot-100/s-median", kl_bench_percentile(seconds, 50), "s");
    kl_bench_row_at_most("boot-100/s-p95", kl_bench_percentile(seconds, 95), "s", 3);
    tear_down(&bench);
    return 0;
}
