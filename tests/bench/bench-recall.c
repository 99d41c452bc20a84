/* A unit's whole life by any of its numbers, and recalls, at a million units: through the database's own connection, as
 * keyline trace and keyline recall do it. */
#include "db/database.h"
#include "db/recall.h"
#include "db/trace.h"
#include "tests/bench/bench.h"
#include "tests/store-fixture.h"

#define UNITS "1000000"
#define REPEATS 5

/* One job and one certificate a unit, of the sizes that they have; batches of 500 in work orders of 5000, seven
 * operators, ten firmwares, two CAs. */
static const char units_sql[] =
    "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN;"
    "DROP TRIGGER jobs_begin_running; DROP TRIGGER audit_events_go_on; DROP TRIGGER certificates_use_quota;"
    "CREATE TEMP TABLE c (n INTEGER PRIMARY KEY);"
    "WITH RECURSIVE r (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < " UNITS
    " - 1) INSERT INTO c SELECT n FROM r;"
    "INSERT INTO units (imei, fsn, device_id, provisioned, first_seen_us, last_seen_us)"
    " SELECT printf('35%013d', n), printf('FSN%08d', n), printf('FX30-%07d', n), 1, 1, 1 FROM c;"
    "INSERT INTO certificates (sha256, imei, spki_sha256, csr_sha256, job, serial, subject, issuer, not_before, "
    "not_after,"
    " der, chain, issued_us) SELECT printf('%08x%056x', n * 2654435761 & 4294967295, n), printf('35%013d', n),"
    " printf('%064x', n), printf('%064x', n), printf('%08x-0000-4000-8000-%012x', n * 2654435761 & 4294967295, n),"
    " printf('%08x%032x', n * 2246822519 & 4294967295, n), printf('CN=FX30-%07d', n), printf('CN=CA %d', n % 2),"
    " 1, 2, zeroblob(560), '-----BEGIN CERTIFICATE-----\n' || hex(zeroblob(300)) || printf('%060d', n % 2) ||"
    " '\n-----END CERTIFICATE-----\n', 1 FROM c;"
    "INSERT INTO keys (spki_sha256, imei, backend, job, made_us) SELECT printf('%064x', n), printf('35%013d', n), "
    "'iks',"
    " printf('%08x-0000-4000-8000-%012x', n * 2654435761 & 4294967295, n), 1 FROM c;"
    "INSERT INTO jobs (id, batch, station, slot, product, operator, work_order, program, started_us, ended_us, unit, "
    "imei,"
    " fsn, device_id, firmware, outcome, certificate)"
    " SELECT printf('%08x-0000-4000-8000-%012x', n * 2654435761 & 4294967295, n),"
    " printf('%08x-0000-4000-8000-000000000000', (n / 500) * 2654435761 & 4294967295), 'station', printf('%02d', n % "
    "64),"
    " 'fx30s', printf('op-%d', n % 7), printf('WO-%d', n / 5000), '0.1.0', (1700000000 + n) * 1000000,"
    " (1700000006 + n) * 1000000, printf('35%013d', n), printf('35%013d', n), printf('FSN%08d', n),"
    " printf('FX30-%07d', n), printf('SWI9X06Y_02.%02d', n % 10), 'PASS',"
    " printf('%08x%056x', n * 2654435761 & 4294967295, n) FROM c;"
    "INSERT INTO audit_events (n, type, job, imei, time_us, body, hash)"
    " SELECT 2 + n, 'job-end', printf('%08x-0000-4000-8000-%012x', n * 2654435761 & 4294967295, n), printf('35%013d', "
    "n),"
    " (1700000006 + n) * 1000000, '{}', zeroblob(32) FROM c;"
    "COMMIT;";

static void
bench_trace(sqlite3 *db, const char *name, const char *identifier, guint units)
{
    g_autoptr(GArray) samples = kl_bench_samples_new();
    for (guint i = 0; i < REPEATS; i++) {
        g_autoptr(GError) error = NULL;
        double start = kl_bench_now();
        g_autoptr(GPtrArray) found = kl_trace(db, identifier, &error);
        kl_bench_check(error);
        kl_bench_sample(samples, (kl_bench_now() - start) * 1e3);
        g_assert_cmpuint(found->len, ==, units);
    }
    kl_bench_row_at_most(name, kl_bench_percentile(samples, 50), "ms", 10);
}

static gboolean
count_row(const KlRecallRow *row, gpointer data, GError **error)
{
    ++*(guint *)data;
    return TRUE;
}

/* Two CAs: their hashes are the digits that their chains end with. */
static char **
hashes(const char *chain_pem)
{
    char **list = g_new0(char *, 2);
    list[0] = g_strdup_printf("%064d", strstr(chain_pem, "\n-----END")[-1] - '0');
    return list;
}

static void
bench_recall(sqlite3 *db, const char *name, const KlRecallFilter *filter, guint rows)
{
    g_autoptr(GError) error = NULL;
    guint count = 0;
    double start = kl_bench_now();
    kl_recall(db, filter, hashes, count_row, &count, &error);
    kl_bench_check(error);
    kl_bench_row_at_most(name, (kl_bench_now() - start) * 1e3, "ms", 2000);
    g_assert_cmpuint(count, ==, rows);
}

int
main(void)
{
    kl_bench_init();
    char *folder = kl_bench_folder_new();
    g_autofree char *path = g_build_filename(folder, "keyline.db", NULL);
    kl_store_free(open_store(path));
    g_free(sqlite(path, units_sql));
    g_autofree char *certificate = sqlite(path, "SELECT sha256 FROM certificates WHERE imei = '350000000123456'");
    g_autofree char *serial = sqlite(path, "SELECT serial FROM certificates WHERE imei = '350000000123456'");
    g_autofree char *batch = sqlite(path, "SELECT batch FROM jobs WHERE imei = '350000000123456'");
    g_autofree char *key = g_strdup_printf("%064x", 123456);
    g_autofree char *ca = g_strdup_printf("%064d", 1);

    g_autoptr(GError) error = NULL;
    g_autoptr(sqlite3) db = kl_database_open(path, TRUE, &error);
    kl_bench_check(error);
    bench_trace(db, "trace-imei", "350000000123456", 1);
    bench_trace(db, "trace-fsn", "FSN00123456", 1);
    bench_trace(db, "trace-device", "FX30-0123456", 1);
    bench_trace(db, "trace-fingerprint", certificate, 1);
    bench_trace(db, "trace-serial", serial, 1);
    bench_trace(db, "trace-key", key, 1);
    bench_trace(db, "trace-batch", batch, 500);

    kl_database_exec(db, "PRAGMA cache_size = -262144", &error);
    kl_bench_check(error);
    bench_recall(db, "recall-like-certificate", &(KlRecallFilter){.like = certificate}, 500);
    bench_recall(db, "recall-like-unit", &(KlRecallFilter){.like = "350000000123456"}, 500);
    bench_recall(db, "recall-work-order", &(KlRecallFilter){.work_order = "WO-24"}, 5000);
    bench_recall(db, "recall-ca-and-batch", &(KlRecallFilter){.ca = ca, .batch = batch}, 250);
    bench_recall(db, "recall-day", &(KlRecallFilter){.from_us = 1700000000000000, .to_us = 1700086400000000}, 86400);
    bench_recall(db, "recall-firmware", &(KlRecallFilter){.firmware = "SWI9X06Y_02.03*"}, 100000);
    bench_recall(db, "recall-operator", &(KlRecallFilter){.operator_id = "op-3"}, 142857);
    bench_recall(db, "recall-ca-half-of-all", &(KlRecallFilter){.ca = ca}, 500000);
    bench_recall(db, "recall-all", &(KlRecallFilter){.program = "0.1.0"}, 1000000);
    kl_database_close(g_steal_pointer(&db));
    kl_bench_folder_free(folder);
    return 0;
}
