/* Exports of a journal of a million jobs, beside the sqlite3 program's own dump of the same rows. */
#include <sys/resource.h>
#include <sys/wait.h>

#include "db/audit_tree.h"
#include "db/statement.h"
#include "station/station.h"
#include "tests/bench/bench.h"
#include "tests/history_rows.h"
#include "tests/store-fixture.h"

#define ROWS 1000000
#define REPEATS 3

/* What the export's records.csv, certificates.pem and events.jsonl are made of. */
#define DUMP_JOBS "SELECT * FROM jobs"
#define DUMP_EVENTS "SELECT n, type, job, imei, time_us, body, lower(hex(hash)) FROM audit_events"
#define DUMP_CERTIFICATES "SELECT lower(hex(der)) FROM certificates"

/* --- a journal of a million ended jobs --- */

typedef struct {
    KlAuditFrontier frontier;
    guint8 hash[KL_HASH_SIZE];
} End;

/* The end of the journal that setup has begun. */
static void
read_end(sqlite3 *db, End *end)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sqlite3_stmt) query = kl_query(db, &error, "SELECT n, hash, frontier FROM audit_head");
    gboolean row = FALSE;
    kl_next(db, query, &row, &error);
    kl_bench_check(error);
    end->frontier.n = (guint64)sqlite3_column_int64(query, 0);
    memcpy(end->hash, sqlite3_column_blob(query, 1), KL_HASH_SIZE);
    memcpy(end->frontier.hashes, sqlite3_column_blob(query, 2), (gsize)sqlite3_column_bytes(query, 2));
}

static void
write_end(sqlite3 *db, const End *end)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) hash = g_bytes_new(end->hash, KL_HASH_SIZE);
    g_autoptr(GBytes) frontier =
        g_bytes_new(end->frontier.hashes, kl_audit_frontier_length(end->frontier.n) * (gsize)KL_HASH_SIZE);
    kl_run(db, &error, "UPDATE audit_head SET n = ?1, hash = ?2, frontier = ?3", kl_int((gint64)end->frontier.n),
           kl_bytes(hash), kl_bytes(frontier));
    kl_bench_check(error);
}

static void
add_event(sqlite3_stmt *insert, End *end, const char *job, const char *imei, gint64 time_us)
{
    g_autofree char *body = g_strdup_printf(
        "{\"data\":{\"record\":{\"already_provisioned\":false,\"id\":\"%s\",\"outcome\":\"PASS\",\"program\":\"0.1.0\","
        "\"station\":\"bench\",\"steps\":[{\"attempt\":1,\"device_us\":1200,\"duration_us\":1300,\"outcome\":\"PASS\","
        "\"start_us\":20,\"step\":\"connect\",\"store_us\":0},{\"attempt\":1,\"device_us\":1200,\"duration_us\":1300,"
        "\"outcome\":\"PASS\",\"start_us\":1320,\"step\":\"identify\",\"store_us\":0}]},"
        "\"transcript_sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\"},\"imei\":\"%s\","
        "\"job\":\"%s\",\"n\":%" G_GUINT64_FORMAT
        ",\"salt\":\"00112233445566778899aabbccddeeff\",\"time_us\":%" G_GINT64_FORMAT ",\"type\":\"job-end\"}",
        job, imei, job, end->frontier.n + 1, time_us);
    gsize length = strlen(body);
    guint8 leaf[KL_HASH_SIZE];
    kl_audit_leaf(body, length, leaf);
    kl_audit_chain(end->hash, body, length, end->hash);
    kl_audit_frontier_add(&end->frontier, leaf);
    sqlite3_bind_int64(insert, 1, (gint64)end->frontier.n);
    sqlite3_bind_text(insert, 2, job, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 3, imei, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 4, time_us);
    sqlite3_bind_text(insert, 5, body, (int)length, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 6, end->hash, KL_HASH_SIZE, SQLITE_STATIC);
    g_assert(sqlite3_step(insert) == SQLITE_DONE);
    sqlite3_reset(insert);
}

static void
add_events(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sqlite3) db = kl_database_open(path, FALSE, &error);
    kl_bench_check(error);
    g_autofree End *end = g_new0(End, 1);
    read_end(db, end);
    kl_database_exec(
        db, "DROP TRIGGER audit_events_go_on; DROP TRIGGER audit_head_goes_on; PRAGMA synchronous = OFF; BEGIN",
        &error);
    kl_bench_check(error);
    g_autoptr(sqlite3_stmt) jobs = kl_query(db, &error, "SELECT id, imei, ended_us FROM jobs ORDER BY number");
    g_autoptr(sqlite3_stmt) insert = kl_query(db, &error,
                                              "INSERT INTO audit_events (n, type, job, imei, time_us, body, hash)"
                                              " VALUES (?1, 'job-end', ?2, ?3, ?4, ?5, ?6)",
                                              kl_text(NULL));
    for (gboolean row = TRUE; row && kl_next(db, jobs, &row, &error) && row;)
        add_event(insert, end, (const char *)sqlite3_column_text(jobs, 0), (const char *)sqlite3_column_text(jobs, 1),
                  sqlite3_column_int64(jobs, 2));
    kl_bench_check(error);
    write_end(db, end);
    kl_database_exec(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)", &error);
    kl_bench_check(error);
}

/* --- the two ways out --- */

typedef struct {
    double seconds;
    double resident_mb; /* at its most */
} Cost;

static Cost
run(const char *const *argv)
{
    g_autoptr(GError) error = NULL;
    struct rusage usage;
    GPid pid = 0;
    int status = -1;
    double start = kl_bench_now();
    g_spawn_async(NULL, (char **)argv, NULL,
                  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, &pid,
                  &error);
    kl_bench_check(error);
    wait4(pid, &status, 0, &usage);
    g_spawn_check_wait_status(status, &error);
    kl_bench_check(error);
    return (Cost){kl_bench_now() - start, (double)usage.ru_maxrss * 1024 / 1e6};
}

static double
dump_seconds(const char *folder, const char *path, const char *sql)
{
    g_autofree char *out = g_build_filename(folder, "dump.csv", NULL);
    g_autofree char *into = g_strdup_printf(".output %s", out);
    const char *const argv[] = {"sqlite3", "-readonly", "-csv", path, into, sql, NULL};
    Cost cost = run(argv);
    g_assert_cmpint(g_remove(out), ==, 0);
    return cost.seconds;
}

static Cost export(const char *station, const char *to, const char *option, const char *value)
{
    g_autofree char *keyline = kl_bench_program("station/cli/keyline");
    const char *const argv[] = {keyline, "--station", station, "audit", "export", to, option, value, NULL};
    const char *const clean[] = {"rm", "-rf", to, NULL};
    Cost cost = run(argv);
    run(clean);
    return cost;
}

static void
bench_exports(const char *folder, const char *station, const char *path)
{
    g_autoptr(GArray) ratios = kl_bench_samples_new(), folders = kl_bench_samples_new(), tars = kl_bench_samples_new();
    g_autofree char *to = g_build_filename(folder, "export", NULL), *tar = g_strconcat(to, ".tar", NULL);
    double most = 0;
    for (guint i = 0; i < REPEATS; i++) {
        double dump = dump_seconds(folder, path, DUMP_JOBS) + dump_seconds(folder, path, DUMP_EVENTS) +
                      dump_seconds(folder, path, DUMP_CERTIFICATES);
        Cost into_folder = export(station, to, NULL, NULL), into_tar = export(station, tar, NULL, NULL);
        kl_bench_sample(ratios, dump / into_folder.seconds);
        kl_bench_sample(folders, into_folder.seconds);
        kl_bench_sample(tars, into_tar.seconds);
        most = MAX(most, MAX(into_folder.resident_mb, into_tar.resident_mb));
    }
    kl_bench_row("audit-export", kl_bench_percentile(folders, 50), "s");
    kl_bench_row("audit-export-tar", kl_bench_percentile(tars, 50), "s");
    kl_bench_row_at_least("audit-export-vs-sqlite3", kl_bench_percentile(ratios, 50), "x", 3);
    kl_bench_row_at_most("audit-export-resident", most, "MB", 100);
    kl_bench_row("audit-export-one", export(station, to, "--serial", "350000000123456").seconds, "s");
}

int
main(void)
{
    kl_bench_init();
    char *folder = kl_bench_folder_new();
    g_autofree char *station = g_build_filename(folder, "station", NULL);
    g_autofree char *path = g_build_filename(station, "keyline.db", NULL);
    g_autoptr(GError) error = NULL;
    kl_station_setup(station, "bench", NULL, &error);
    kl_bench_check(error);
    g_autofree char *sql = history_sql(ROWS);
    g_free(sqlite(path, sql));
    add_events(path);
    bench_exports(folder, station, path);
    kl_bench_folder_free(folder);
    return 0;
}
