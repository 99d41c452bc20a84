/* The schema by itself: nonsense that it refuses whoever writes it, tried with the sqlite3 program. */
#include "store-fixture.h"

#define HASH "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
#define OTHER_HASH "'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'"
#define UNIT_1 "'350000000000001'"
#define UNIT_2 "'350000000000002'"
#define UNIT_3 "'350000000000003'"
#define JOB_2 "(SELECT id FROM jobs WHERE unit = " UNIT_2 ")"
#define KEY_2 "(SELECT spki_sha256 FROM keys WHERE imei = " UNIT_2 ")"

/* Unit 1 has passed and is in a second job; unit 2 has a device id and a key; unit 3 has just been met. */
static void
make_scene(const char *path)
{
    const gsize calls[] = {N_JOB_CALLS, 2, 7, 2};
    const guint units[] = {1, 1, 2, 3};
    g_autoptr(KlStore) store = open_store(path);
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_auto(JobRun) run = {0};
        g_autoptr(GError) error = NULL;
        job_run_renew(&run, store, units[i]);
        job_run_calls(&run, calls[i], &error);
        g_assert_no_error(error);
    }
    g_assert_true(CALL(store, outbox_fill, NULL, NULL));
    g_assert_true(CALL(store, lease_add, "q", 100, 10, NULL));
}

/* Whether the schema takes the SQL; what it did is taken back. A refusal has to be a constraint's. */
static gboolean
is_taken(const char *path, const char *sql)
{
    g_autofree char *transaction = g_strdup_printf("BEGIN; %s; ROLLBACK", sql);
    g_autofree char *failure = NULL;
    g_free(sqlite_program(path, transaction, &failure));
    if (failure != NULL && strstr(failure, "(19)") == NULL && strstr(failure, "constraint") == NULL)
        g_error("%s: %s", sql, failure);
    return failure == NULL;
}

/* --- one row of each table that is right, and values that spoil it --- */

typedef struct {
    const char *column;
    const char *value;
    const char *spoilt[6];
} Column;

typedef struct {
    const char *table;
    Column columns[20];
} Row;

#define NOT_A_HASH "'abc'", "'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'", "NULL"
#define NOT_A_TIME "0", "-5", "'now'"
#define NOT_A_DURATION "-1", "'x'", "NULL"

static const Row rows[] = {
    {"units",
     {{"imei", "'350000000000099'", {"'12'", "'35000000000009x'", UNIT_1, "NULL"}},
      {"fsn", "'NEW1'", {"'f'", "''", "'ABCDEFGHIJKLMNO'", "'FSN00000001'", "NULL"}},
      {"device_id", "'X-1'", {"''", "'FX30-000001'"}},
      {"provisioned", "0", {"2", "NULL"}},
      {"first_seen_us", "1", {NOT_A_TIME, "NULL"}},
      {"last_seen_us", "1", {NOT_A_TIME, "NULL"}}}},
    {"units",
     {{"imei", "'350000000000099'"},
      {"fsn", "'NEW1'"},
      {"device_id", "'X-1'", {"NULL"}},
      {"provisioned", "1"},
      {"first_seen_us", "1"},
      {"last_seen_us", "1"}}},
    {"jobs",
     {{"id", "'12345678'", {"'1234567'", "'ABCDEFGH'", JOB_2, "NULL"}},
      {"station", "'s'", {"NULL"}},
      {"slot", "'1'", {"NULL"}},
      {"product", "'p'", {"NULL"}},
      {"program", "'1'", {"NULL"}},
      {"started_us", "1", {NOT_A_TIME, "NULL"}},
      {"ended_us", "NULL", {"5"}},
      {"unit", "NULL", {"'350000000000077'"}},
      {"certificate", "NULL", {HASH}},
      {"outcome", "'RUNNING'", {"'PASS'", "'FAIL'", "'MAYBE'", "NULL"}},
      {"code", "NULL", {"'X'"}},
      {"first_code", "NULL", {"''"}},
      {"already_provisioned", "0", {"2", "NULL"}},
      {"resumed", "0", {"2", "NULL"}},
      {"row_queued", "0", {"1", "2", "NULL"}}}},
    {"steps",
     {{"job", JOB_2, {"'no such job'", "NULL"}},
      {"position", "0", {"-1", "NULL"}},
      {"step", "'x'", {"''", "NULL"}},
      {"attempt", "1", {"0", "NULL"}},
      {"outcome", "'PASS'", {"'FAIL'", "NULL"}},
      {"code", "NULL", {"'X'"}},
      {"start_us", "0", {NOT_A_DURATION}},
      {"duration_us", "0", {NOT_A_DURATION}},
      {"device_us", "0", {NOT_A_DURATION}},
      {"store_us", "0", {NOT_A_DURATION}}}},
    {"steps",
     {{"job", JOB_2},
      {"position", "0"},
      {"step", "'x'"},
      {"attempt", "1"},
      {"outcome", "'FAIL'", {"'PASS'", "'RUNNING'", "'MAYBE'"}},
      {"code", "'X'", {"NULL", "''"}},
      {"start_us", "0"},
      {"duration_us", "0"},
      {"device_us", "0"},
      {"store_us", "0"}}},
    {"transcripts", {{"job", JOB_2, {"'no such job'", "NULL"}}, {"text", "''", {"NULL"}}}},
    {"keys",
     {{"spki_sha256", HASH, {NOT_A_HASH, KEY_2}},
      {"imei", UNIT_2, {"'350000000000077'", "NULL"}},
      {"backend", "'iks'", {"''", "NULL"}},
      {"job", JOB_2, {"'no such job'", "NULL"}},
      {"made_us", "1", {NOT_A_TIME, "NULL"}},
      {"retired_us", "2", {NOT_A_TIME}}}},
    {"key_collisions",
     {{"spki_sha256", KEY_2, {HASH, "NULL"}},
      {"imei", UNIT_1, {"'350000000000077'", "NULL"}},
      {"backend", "'iks'", {"NULL"}},
      {"job", JOB_2, {"'no such job'", "NULL"}},
      {"seen_us", "1", {NOT_A_TIME, "NULL"}}}},
    {"intents",
     {{"imei", UNIT_2, {"'350000000000077'", "NULL"}},
      {"kind", "'KEY'", {"'GUESS'", "NULL"}},
      {"job", JOB_2, {"'no such job'", "NULL"}},
      {"detail", "'d'", {"NULL"}},
      {"opened_us", "1", {NOT_A_TIME, "NULL"}},
      {"closed_us", "2", {NOT_A_TIME, "NULL"}},
      {"closed", "'done'", {"'maybe'", "NULL"}}}},
    {"certificates",
     {{"sha256", HASH, {NOT_A_HASH, "(SELECT sha256 FROM certificates)"}},
      {"imei", UNIT_2, {UNIT_1, UNIT_3, "NULL"}},
      {"spki_sha256", KEY_2, {OTHER_HASH, "(SELECT spki_sha256 FROM certificates)", "NULL"}},
      {"csr_sha256", HASH, {NOT_A_HASH}},
      {"job", JOB_2, {"'no such job'", "NULL"}},
      {"serial", "'0a'", {"''", "'0A'", "NULL"}},
      {"subject", "'CN=x'", {"NULL"}},
      {"issuer", "'CN=y'", {"NULL"}},
      {"not_before", "5", {"9", "NULL"}},
      {"not_after", "9", {"5", "NULL"}},
      {"der", "x'00'", {"x''", "'text'", "NULL"}},
      {"chain", "''", {"NULL"}},
      {"issued_us", "1", {NOT_A_TIME, "NULL"}},
      {"superseded_us", "2", {NOT_A_TIME, "NULL"}},
      {"supersede_reason", "'a'", {"''", "NULL"}},
      {"revoked_us", "3", {NOT_A_TIME, "NULL"}},
      {"revoke_reason", "'b'", {"''", "NULL"}},
      {"places", "'iot'"}}},
    {"certificates",
     {{"sha256", HASH},
      {"imei", UNIT_2},
      {"spki_sha256", KEY_2},
      {"csr_sha256", HASH},
      {"job", JOB_2},
      {"serial", "'0a'", {"(SELECT serial FROM certificates)"}},
      {"subject", "'CN=x'"},
      {"issuer", "(SELECT issuer FROM certificates)"},
      {"not_before", "5"},
      {"not_after", "9"},
      {"der", "x'00'"},
      {"chain", "''"},
      {"issued_us", "1"}}},
    {"registration",
     {{"device", "'FX30-000002'", {"'nobody'", "'FX30-000001'", "NULL"}},
      {"registered", "'false'", {"'yes'", "0", "NULL"}},
      {"policy", "'p'", {"NULL"}},
      {"firmware", "'f'", {"NULL"}},
      {"parameters", "'{}'", {"'{'", "NULL"}},
      {"version", "0", {"-1", "'one'", "NULL"}},
      {"connections", "0", {"-1", "'one'", "NULL"}}}},
    {"registration_in_cloud",
     {{"device", "'FX30-000001'", {"'nobody'", "'FX30-000002'", "NULL"}},
      {"place", "'t'", {"''", "NULL"}},
      {"asked_us", "1", {NOT_A_TIME, "NULL"}},
      {"registered", "'ok'", {"'yes'", "0", "NULL"}},
      {"policy", "'p'", {"NULL"}},
      {"firmware", "'f'", {"NULL"}},
      {"parameters", "'{'", {"NULL"}},
      {"version", "0", {"-1", "'one'", "NULL"}},
      {"connections", "0", {"-1", "'one'", "NULL"}},
      {"first_seen_us", "5", {NOT_A_TIME, "6", "NULL"}},
      {"last_seen_us", "5", {NOT_A_TIME, "4", "NULL"}},
      {"alarm_us", "NULL", {NOT_A_TIME}},
      {"counts", "'{}'", {"'{'", "NULL"}}}},
    {"registration_in_cloud",
     {{"device", "'FX30-000001'"},
      {"place", "'t'"},
      {"asked_us", "1"},
      {"registered", "NULL", {"'ok'"}},
      {"first_seen_us", "NULL", {"5"}},
      {"alarm_us", "NULL", {"5"}},
      {"counts", "NULL", {"'{}'"}}}},
    {"counters",
     {{"purpose", "'number'", {"'other'", "NULL"}},
      {"name", "'x'", {"''", "NULL"}},
      {"value", "1", {"0", "-1", "NULL"}}}},
    {"outbox",
     {{"number", "NULL", {"(SELECT min(number) FROM outbox)"}},
      {"kind", "'record'", {"'other'", "NULL"}},
      {"key", "'k'", {"''", "NULL"}},
      {"run", JOB_2, {"'no such job'", "NULL"}},
      {"body", "'{}'", {"'{'", "'[]'", "'1'", "NULL"}},
      {"state", "'queued'", {"'sent'", "'parked'", "'replaced'", "'lost'", "NULL"}},
      {"attempts", "0", {"1", "-1", "NULL"}},
      {"next_us", "0", {"-1", "'now'", "NULL"}},
      {"last_code", "'X'", {"''"}},
      {"queued_us", "1", {NOT_A_TIME, "NULL"}},
      {"tried_us", "NULL", {"5", "0"}},
      {"sent_us", "NULL", {"5", "0"}}}},
    {"leases",
     {{"number", "NULL", {"(SELECT min(number) FROM leases)"}},
      {"sequence", "'q'", {"''", "NULL"}},
      {"first", "200", {"100", "109", "91", "-5", "0", "'x'"}},
      {"size", "10", {"0", "-1", "9223372036854775807", "NULL"}},
      {"used", "0", {"-1", "11", "NULL"}},
      {"added_us", "1", {NOT_A_TIME, "NULL"}}}},
};

/* INSERT of the row; column number spoilt gets another value. */
static char *
insert_sql(const Row *row, gsize spoilt, const char *value)
{
    g_autoptr(GString) names = g_string_new(NULL), values = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(row->columns) && row->columns[i].column != NULL; i++) {
        const char *comma = i > 0 ? ", " : "";
        g_string_append_printf(names, "%s%s", comma, row->columns[i].column);
        g_string_append_printf(values, "%s%s", comma, i == spoilt ? value : row->columns[i].value);
    }
    return g_strdup_printf("INSERT INTO %s (%s) VALUES (%s)", row->table, names->str, values->str);
}

static void
try_column(const char *path, const Row *row, gsize column)
{
    const char *const *spoilt = row->columns[column].spoilt;
    for (gsize i = 0; i < G_N_ELEMENTS(row->columns[column].spoilt) && spoilt[i] != NULL; i++) {
        g_autofree char *sql = insert_sql(row, column, spoilt[i]);
        if (is_taken(path, sql))
            g_error("the schema takes this: %s", sql);
    }
}

static void
test_rows(Folder *folder, gconstpointer data)
{
    const Row *row = data;
    make_scene(folder->path);
    g_autofree char *good = insert_sql(row, G_MAXSIZE, NULL);
    if (!is_taken(folder->path, good))
        g_error("the schema refuses this: %s", good);
    for (gsize i = 0; i < G_N_ELEMENTS(row->columns) && row->columns[i].column != NULL; i++)
        try_column(folder->path, row, i);
}

/* --- changes to what is there --- */

#define PASS_1                                                                                                         \
    "UPDATE jobs SET outcome = 'PASS', ended_us = 5,"                                                                  \
    " certificate = (SELECT sha256 FROM certificates WHERE imei = " UNIT_1 ")"
#define RUNNING_1 " WHERE outcome = 'RUNNING' AND unit = " UNIT_1
#define CERTIFICATE_2                                                                                                  \
    "INSERT INTO certificates (sha256, imei, spki_sha256, csr_sha256, job, serial, subject, issuer, not_before,"       \
    " not_after, der, chain, issued_us) VALUES (" HASH ", " UNIT_2 ", " KEY_2 ", " HASH ", " JOB_2                     \
    ", '0a', 's', 'i', 5, 9, x'00', '', 1)"

#define SENT "UPDATE outbox SET state = 'sent', attempts = 1, tried_us = 5, sent_us = 5"

static const struct {
    const char *sql;
    gboolean taken;
} changes[] = {
    {PASS_1 RUNNING_1, TRUE},
    {PASS_1 ", detail = 'but'" RUNNING_1, FALSE},
    {PASS_1 ", code = 'X'" RUNNING_1, FALSE},
    {PASS_1 ", ended_us = NULL" RUNNING_1, FALSE},
    {PASS_1 ", certificate = NULL" RUNNING_1, FALSE},
    {PASS_1 ", unit = NULL" RUNNING_1, FALSE},
    {PASS_1 " WHERE unit = " UNIT_2, FALSE},
    {"DELETE FROM registration; " PASS_1 RUNNING_1, FALSE},
    {"UPDATE certificates SET revoked_us = 5, revoke_reason = 'a'; " PASS_1 RUNNING_1, FALSE},
    {"UPDATE certificates SET superseded_us = 5, supersede_reason = 'a'; " PASS_1 RUNNING_1, FALSE},
    {"INSERT INTO intents (imei, kind, job, detail, opened_us) VALUES (" UNIT_1 ", 'KEY', " JOB_2
     ", '', 1); " PASS_1 RUNNING_1,
     FALSE},
    {"INSERT INTO intents (imei, kind, job, detail, opened_us) VALUES (" UNIT_1 ", 'LOCK', " JOB_2
     ", '', 1); " PASS_1 RUNNING_1,
     TRUE},
    {"INSERT INTO intents (imei, kind, job, detail, opened_us) VALUES (" UNIT_2 ", 'KEY', " JOB_2 ", '', 1), (" UNIT_2
     ", 'KEY', " JOB_2 ", '', 1)",
     FALSE},
    {"UPDATE jobs SET outcome = 'FAIL', code = 'X', ended_us = 5" RUNNING_1, TRUE},
    {"UPDATE jobs SET outcome = 'FAIL', code = 'X', ended_us = 0" RUNNING_1, FALSE},
    {"UPDATE jobs SET outcome = 'FAIL', code = '', ended_us = 5" RUNNING_1, FALSE},
    {"UPDATE jobs SET outcome = 'FAIL', ended_us = 5" RUNNING_1, FALSE},
    {"UPDATE jobs SET outcome = 'FAIL', code = 'X'" RUNNING_1, FALSE},
    {"UPDATE jobs SET outcome = 'MAYBE', code = 'X', ended_us = 5" RUNNING_1, FALSE},
    {"UPDATE jobs SET operator = 'me' WHERE outcome = 'PASS'", FALSE},
    {"UPDATE jobs SET outcome = 'FAIL', code = 'X' WHERE outcome = 'PASS'", FALSE},
    {"INSERT INTO jobs (id, station, slot, product, program, started_us, ended_us, outcome, code)"
     " VALUES ('12345678', 's', '1', 'p', '1', 1, 5, 'FAIL', 'X')",
     FALSE},
    {"UPDATE units SET device_id = 'X-1' WHERE imei = " UNIT_3, TRUE},
    {"UPDATE units SET device_id = 'X-1' WHERE imei = " UNIT_2, FALSE},
    {"UPDATE units SET device_id = NULL WHERE imei = " UNIT_2, FALSE},
    {"UPDATE units SET device_id = 'FX30-000001' WHERE imei = " UNIT_3, FALSE},
    {"UPDATE units SET imei = '350000000000099' WHERE imei = " UNIT_3, FALSE},
    {"UPDATE units SET fsn = 'OTHER' WHERE imei = " UNIT_3, FALSE},
    {"UPDATE units SET first_seen_us = 1", FALSE},
    {"DELETE FROM keys WHERE imei = " UNIT_2, FALSE},
    {"UPDATE keys SET imei = " UNIT_3 " WHERE imei = " UNIT_2, FALSE},
    {"UPDATE keys SET spki_sha256 = " HASH " WHERE imei = " UNIT_2, FALSE},
    {"UPDATE keys SET retired_us = 5", TRUE},
    {CERTIFICATE_2, TRUE},
    {CERTIFICATE_2 "; DELETE FROM certificates WHERE imei = " UNIT_2, FALSE},
    {CERTIFICATE_2 "; INSERT INTO certificates (sha256, imei, spki_sha256, csr_sha256, job, serial, subject, issuer,"
                   " not_before, not_after, der, chain, issued_us) SELECT " OTHER_HASH
                   ", imei, spki_sha256, csr_sha256, job, '0b', subject, issuer, 5, 9, der, chain, 1"
                   " FROM certificates WHERE imei = " UNIT_2,
     FALSE},
    {"UPDATE certificates SET der = x'00'", FALSE},
    {"UPDATE certificates SET places = 'iot'", FALSE},
    {"UPDATE certificates SET superseded_us = 5, supersede_reason = 'a'", TRUE},
    {"UPDATE certificates SET superseded_us = 5, supersede_reason = 'a';"
     " UPDATE certificates SET revoked_us = 5, revoke_reason = 'a'",
     TRUE},
    {"UPDATE certificates SET superseded_us = 5, supersede_reason = 'a';"
     " UPDATE certificates SET superseded_us = NULL, supersede_reason = NULL",
     FALSE},
    {"UPDATE certificates SET revoked_us = 5, revoke_reason = 'a'; UPDATE certificates SET revoke_reason = 'b'", FALSE},
    {"UPDATE certificates SET revoked_us = 5, revoke_reason = 'a';"
     " UPDATE certificates SET revoked_us = NULL, revoke_reason = NULL",
     FALSE},
    {"UPDATE counters SET value = value + 1", TRUE},
    {"UPDATE counters SET value = value - 1", FALSE},
    {"UPDATE counters SET value = value", FALSE},
    {"DELETE FROM counters", FALSE},
    {PASS_1 ", row_queued = 1" RUNNING_1, TRUE},
    {"UPDATE jobs SET outcome = 'FAIL', code = 'X', ended_us = 5, row_queued = 1" RUNNING_1, FALSE},
    {"UPDATE jobs SET row_queued = 1 WHERE outcome = 'PASS'", FALSE},
    {SENT, TRUE},
    {SENT ", sent_us = NULL", FALSE},
    {SENT ", attempts = 0", FALSE},
    {SENT "; UPDATE outbox SET last_code = 'X'", FALSE},
    {SENT "; UPDATE outbox SET state = 'queued', sent_us = NULL", FALSE},
    {"UPDATE outbox SET sent_us = 5", FALSE},
    {"UPDATE outbox SET state = 'parked'", TRUE},
    {"UPDATE outbox SET state = 'parked'; UPDATE outbox SET state = 'queued', next_us = 7", TRUE},
    {"UPDATE outbox SET state = 'replaced'; UPDATE outbox SET state = 'replaced'; " SENT, TRUE},
    {"UPDATE outbox SET state = 'replaced'; UPDATE outbox SET state = 'queued'", FALSE},
    {"UPDATE outbox SET state = 'replaced'; UPDATE outbox SET state = 'parked'", FALSE},
    {"UPDATE outbox SET kind = 'cleanup'", FALSE},
    {"UPDATE outbox SET key = 'other'", FALSE},
    {"UPDATE outbox SET run = " JOB_2, FALSE},
    {"UPDATE outbox SET body = '{}'", FALSE},
    {"UPDATE outbox SET queued_us = 1", FALSE},
    {"UPDATE outbox SET number = number + 1000", FALSE},
    {"DELETE FROM outbox", FALSE},
    {SENT "; DELETE FROM outbox", FALSE},
    {"REPLACE INTO outbox (number, kind, key, run, body, queued_us) SELECT number, kind, key, run, body, 9 FROM outbox",
     FALSE},
    /* What is replaced is marked, and not deleted: otherwise this asks for nonsense. */
    {"REPLACE INTO outbox (kind, key, run, body, queued_us) SELECT kind, key, run, body, 9 FROM outbox;"
     " UPDATE outbox_totals SET total = -1 WHERE (SELECT count(*) FROM outbox WHERE state = 'replaced') <> 2",
     TRUE},
    {"UPDATE outbox_totals SET total = -1", FALSE},
    {"UPDATE leases SET used = 1", TRUE},
    {"UPDATE leases SET used = 1; UPDATE leases SET used = 1", FALSE},
    {"UPDATE leases SET used = 2; UPDATE leases SET used = 1", FALSE},
    {"UPDATE leases SET used = 11", FALSE},
    {"UPDATE leases SET used = 1, first = 200", FALSE},
    {"UPDATE leases SET used = 1, size = 20", FALSE},
    {"UPDATE leases SET used = 1, sequence = 'r'", FALSE},
    {"UPDATE leases SET used = 1, number = 7", FALSE},
    {"DELETE FROM leases", FALSE},
    {"REPLACE INTO leases (sequence, first, size, added_us) VALUES ('q', 100, 10, 1)", FALSE},
    {"REPLACE INTO leases (number, sequence, first, size, added_us) SELECT number, 'r', 1, 1, 1 FROM leases", FALSE},
    {"INSERT INTO leases (sequence, first, size, added_us) VALUES ('q', 90, 10, 1), ('q', 110, 1, 1), ('r', 100, 9, 1)",
     TRUE},
    {"INSERT INTO leases (sequence, first, size, added_us) VALUES ('q', 90, 11, 1)", FALSE},
    {"INSERT INTO leases (sequence, first, size, added_us) VALUES ('q', 1, 1000, 1)", FALSE},
};

static void
test_changes(Folder *folder, gconstpointer data)
{
    make_scene(folder->path);
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        if (is_taken(folder->path, changes[i].sql) != changes[i].taken)
            g_error("the schema %s this: %s", changes[i].taken ? "refuses" : "takes", changes[i].sql);
    }
}

/* What the first-boot system does to its table is allowed. */
static void
test_first_boot(Folder *folder, gconstpointer data)
{
    make_scene(folder->path);
    assert_sql(folder->path,
               "UPDATE registration SET registered = 'requested';"
               "UPDATE registration SET registered = 'ok', version = 3, connections = connections + 1;"
               "SELECT * FROM registration",
               "FX30-000001|ok|policy|main|{\"topic\":\"$aws/things/FX30-000001/shadow/update\"}|3|1");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name = g_strdup_printf("/schema/rows/%s/%" G_GSIZE_FORMAT, rows[i].table, i);
        add_test(name, &rows[i], test_rows);
    }
    add_test("/schema/changes", NULL, test_changes);
    add_test("/schema/first-boot", NULL, test_first_boot);
    return g_test_run();
}
