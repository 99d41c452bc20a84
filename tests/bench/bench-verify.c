/* How long checking a journal of a million events takes, with the records that they tell of: ten events a unit. */
#include <string.h>

#include "certs/seal.h"
#include "db/audit_tree.h"
#include "db/audit_verify.h"
#include "db/statement.h"
#include "station/canonical.h"
#include "tests/bench/bench.h"
#include "tests/store-fixture.h"

#define UNITS 100000
#define STEPS 10
#define REPEATS 3

/* Appends events as the store does, without its durability. */
typedef struct {
    sqlite3 *db;
    KlSeal *seal;
    char *journal;
    KlAuditFrontier tree;
    guint8 hash[KL_HASH_SIZE];
} Journal;

static void
run(sqlite3 *db, const char *sql)
{
    g_autoptr(GError) error = NULL;
    kl_database_exec(db, sql, &error);
    kl_bench_check(error);
}

static void
append(Journal *j, const char *type, const char *job, const char *imei, const char *data)
{
    g_autoptr(GError) error = NULL;
    guint8 leaf[KL_HASH_SIZE];
    gint64 n = (gint64)j->tree.n + 1;
    GString *body = g_string_new(NULL);
    g_string_printf(body, "{\"data\":%s", data);
    if (imei != NULL)
        g_string_append_printf(body, ",\"imei\":\"%s\"", imei);
    if (job != NULL)
        g_string_append_printf(body, ",\"job\":\"%s\"", job);
    g_string_append_printf(body,
                           ",\"n\":%" G_GINT64_FORMAT ",\"salt\":\"%032" G_GINT64_MODIFIER "x\",\"time_us\":5,"
                           "\"type\":\"%s\"}",
                           n, n, type);
    kl_audit_chain(j->hash, body->str, body->len, j->hash);
    kl_audit_leaf(body->str, body->len, leaf);
    kl_audit_frontier_add(&j->tree, leaf);
    g_autoptr(GBytes) hash = g_bytes_new(j->hash, KL_HASH_SIZE);
    kl_run(j->db, &error, "INSERT INTO audit_events VALUES (?1, ?2, ?3, ?4, 5, ?5, ?6)", kl_int(n), kl_text(type),
           kl_text(job), kl_text(imei), kl_text(body->str), kl_bytes(hash));
    kl_bench_check(error);
    g_string_free(body, TRUE);
}

static void
write_hex(char text[2 * KL_HASH_SIZE + 1], const guint8 hash[KL_HASH_SIZE])
{
    for (guint i = 0; i < KL_HASH_SIZE; i++)
        g_snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

static void
seal_here(Journal *j)
{
    g_autoptr(GError) error = NULL;
    guint8 root[KL_HASH_SIZE];
    char hash_hex[2 * KL_HASH_SIZE + 1], root_hex[2 * KL_HASH_SIZE + 1];
    gint64 n = (gint64)j->tree.n;
    kl_audit_frontier_root(&j->tree, root);
    write_hex(hash_hex, j->hash);
    write_hex(root_hex, root);
    g_autofree char *body = g_strdup_printf(
        "{\"certificate_sha256\":\"%s\",\"format\":\"keyline-audit-checkpoint-1\",\"hash\":\"%s\",\"journal\":\"%s\","
        "\"n\":%" G_GINT64_FORMAT ",\"reason\":\"count\",\"root\":\"%s\",\"station\":\"bench\",\"time_us\":5}",
        j->seal->klass->fingerprint(j->seal), hash_hex, j->journal, n, root_hex);
    g_autofree char *signature = j->seal->klass->sign(j->seal, body, strlen(body), &error);
    kl_bench_check(error);
    kl_run(j->db, &error, "INSERT INTO audit_checkpoints VALUES (?1, ?2, ?3)", kl_int(n), kl_text(body),
           kl_text(signature));
    kl_bench_check(error);
    g_autofree char *sha256 = g_compute_checksum_for_string(G_CHECKSUM_SHA256, body, -1);
    g_autofree char *data =
        g_strdup_printf("{\"n\":%" G_GINT64_FORMAT ",\"reason\":\"count\",\"sha256\":\"%s\"}", n, sha256);
    append(j, "checkpoint", NULL, NULL, data);
}

static void
add_certificate(Journal *j, guint unit, const char *job, const char *imei, char sha256[65])
{
    g_autoptr(GError) error = NULL;
    guint8 der[600] = {0};
    memcpy(der, &unit, sizeof unit);
    g_autoptr(GBytes) bytes = g_bytes_new(der, sizeof der);
    g_autofree char *hex = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
    g_strlcpy(sha256, hex, 65);
    kl_run(j->db, &error,
           "INSERT INTO certificates (sha256, imei, spki_sha256, csr_sha256, job, serial, subject, issuer, not_before,"
           " not_after, der, chain, issued_us) VALUES (?1, ?2, ?1, ?1, ?3, ?4, 'CN=x', 'CN=ca', 1, 2, ?5, '', 5)",
           kl_text(sha256), kl_text(imei), kl_text(job), kl_text(hex), kl_bytes(bytes));
    kl_bench_check(error);
    g_autofree char *data = g_strdup_printf(
        "{\"certificate_sha256\":\"%s\",\"csr_sha256\":\"%s\",\"issuer\":\"CN=ca\",\"not_after\":2,\"not_before\":1,"
        "\"serial\":\"%s\",\"spki_sha256\":\"%s\",\"subject\":\"CN=x\"}",
        sha256, sha256, hex, sha256);
    append(j, "issue", job, imei, data);
}

static void
add_registration(Journal *j, guint unit, const char *job, const char *imei)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *device = g_strdup_printf("FX30-%06u", unit);
    kl_run(j->db, &error, "INSERT INTO registration VALUES (?1, 'false', 'policy', 'main', '{}', 0, 0)",
           kl_text(device));
    kl_bench_check(error);
    g_autofree char *data = g_strdup_printf("{\"connections\":0,\"device\":\"%s\",\"firmware\":\"main\","
                                            "\"parameters\":\"{}\",\"policy\":\"policy\",\"registered\":\"false\","
                                            "\"version\":0}",
                                            device);
    append(j, "register", job, imei, data);
}

static void
end_job(Journal *j, const char *job, const char *imei, const char *certificate)
{
    static char transcript[2001];
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) steps = g_string_new(NULL);
    memset(transcript, 'x', sizeof transcript - 1);
    kl_run(j->db, &error,
           "INSERT INTO jobs (id, station, slot, product, program, started_us, ended_us, unit, imei, certificate,"
           " outcome) VALUES (?1, 'bench', '01', 'fx30s', '0.1.0', 1, 2, ?2, ?2, ?3, 'PASS')",
           kl_text(job), kl_text(imei), kl_text(certificate));
    for (gint64 i = 0; i < STEPS; i++) {
        kl_run(j->db, &error,
               "INSERT INTO steps (job, position, step, attempt, outcome, start_us, duration_us, device_us, store_us)"
               " VALUES (?1, ?2, 'install', 1, 'PASS', 123456, 234567, 200000, 1000)",
               kl_text(job), kl_int(i));
        g_string_append_printf(steps,
                               "%s{\"attempt\":1,\"device_us\":200000,\"duration_us\":234567,"
                               "\"outcome\":\"PASS\",\"start_us\":123456,\"step\":\"install\","
                               "\"store_us\":1000}",
                               i > 0 ? "," : "");
    }
    kl_run(j->db, &error, "INSERT INTO transcripts VALUES (?1, ?2)", kl_text(job), kl_text(transcript));
    kl_bench_check(error);
    g_autofree char *sha256 = g_compute_checksum_for_string(G_CHECKSUM_SHA256, transcript, -1);
    g_autofree char *data = g_strdup_printf(
        "{\"record\":{\"already_provisioned\":false,\"certificate\":\"%s\",\"ended_us\":2,\"id\":\"%s\",\"imei\":"
        "\"%s\",\"outcome\":\"PASS\",\"product\":\"fx30s\",\"program\":\"0.1.0\",\"resumed\":false,\"row_queued\":"
        "false,\"slot\":\"01\",\"started_us\":1,\"station\":\"bench\",\"steps\":[%s]},\"transcript_sha256\":\"%s\"}",
        certificate, job, imei, steps->str, sha256);
    append(j, "job-end", job, imei, data);
}

static void
add_unit(Journal *j, guint unit)
{
    static const char *const small[] = {"job-begin", "unit", "device-id", "intent", "key", "intent", "intent"};
    char certificate[65];
    g_autofree char *job = g_uuid_string_random();
    g_autofree char *imei = g_strdup_printf("35%013u", unit);
    for (gsize i = 0; i < G_N_ELEMENTS(small); i++)
        append(j, small[i], job, imei, "{\"detail\":\"something of about this length\",\"kind\":\"KEY\"}");
    add_certificate(j, unit, job, imei, certificate);
    add_registration(j, unit, job, imei);
    end_job(j, job, imei, certificate);
    if (unit % 100 == 99)
        seal_here(j);
}

static void
begin(Journal *j)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *triggers = NULL;
    run(j->db, "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON");
    kl_get_text_values(j->db, &triggers, &error,
                       "SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_schema WHERE type = 'trigger'",
                       NULL, 0);
    kl_bench_check(error);
    run(j->db, triggers);
    kl_get_text_values(j->db, &j->journal, &error, "SELECT journal FROM audit_head", NULL, 0);
    kl_bench_check(error);
    run(j->db, "BEGIN; DELETE FROM audit_events; DELETE FROM audit_checkpoints");
    g_autofree char *data =
        g_strdup_printf("{\"acts\":0,\"certificates\":0,\"format\":\"keyline-audit-1\",\"jobs\":0,\"journal\":\"%s\","
                        "\"registrations\":0}",
                        j->journal);
    append(j, "journal-begin", NULL, NULL, data);
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "certificate", j->seal->klass->certificate(j->seal));
    kl_canonical_text(writer, "certificate_sha256", j->seal->klass->fingerprint(j->seal));
    kl_canonical_text(writer, "station", "bench");
    g_autofree char *key = kl_canonical_finish(writer);
    append(j, "audit-key", NULL, NULL, key);
}

static void
end(Journal *j)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) hash = g_bytes_new(j->hash, KL_HASH_SIZE);
    g_autoptr(GBytes) frontier = g_bytes_new(j->tree.hashes, KL_HASH_SIZE * (gsize)kl_audit_frontier_length(j->tree.n));
    kl_run(j->db, &error, "UPDATE audit_head SET n = ?1, hash = ?2, frontier = ?3", kl_int((gint64)j->tree.n),
           kl_bytes(hash), kl_bytes(frontier));
    kl_bench_check(error);
    run(j->db, "COMMIT");
}

static void
make_journal(const char *folder, const char *path)
{
    g_autoptr(GError) error = NULL;
    kl_seal_make(folder, "bench", g_get_real_time() / G_USEC_PER_SEC, &error);
    kl_bench_check(error);
    g_autoptr(KlSeal) seal = kl_seal_open(folder, "file", &error);
    kl_bench_check(error);
    KlStore *store = open_store(path);
    CALL(store, use_seal, seal, "bench", &error);
    kl_bench_check(error);
    kl_store_free(store);
    Journal j = {.seal = seal, .db = kl_database_open(path, FALSE, &error)};
    kl_bench_check(error);
    begin(&j);
    for (guint unit = 0; unit < UNITS; unit++)
        add_unit(&j, unit);
    end(&j);
    g_free(j.journal);
    kl_database_close(j.db);
}

int
main(void)
{
    kl_bench_init();
    char *folder = kl_bench_folder_new();
    g_autofree char *path = g_build_filename(folder, "keyline.db", NULL);
    make_journal(folder, path);
    g_autoptr(GArray) samples = kl_bench_samples_new();
    for (guint i = 0; i < REPEATS; i++) {
        const KlAuditVerify options = {.checks = &kl_seal_checks};
        g_autoptr(GError) error = NULL;
        double start = kl_bench_now();
        g_autoptr(KlAuditReport) report = kl_audit_verify(path, &options, &error);
        kl_bench_sample(samples, kl_bench_now() - start);
        kl_bench_check(error);
        for (guint f = 0; f < report->findings->len; f++)
            g_printerr("%s\n", ((KlAuditFinding *)report->findings->pdata[f])->where);
        g_assert_true(kl_audit_report_whole(report));
        g_assert_cmpint(report->events, >, UNITS * 10);
    }
    kl_bench_row_at_most("verify-million-events", kl_bench_percentile(samples, 50), "s", 5);
    kl_bench_folder_free(folder);
    return 0;
}
