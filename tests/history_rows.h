/* A station's history, made by one statement a table: rows jobs on a quarter as many units, newest last. Job n is of
 * unit n / 4; every 10th FAILs, every 25th is a TIMEOUT (every 50th both: FAIL), the others PASS; operators op-0 to
 * op-6; every second work order was worked on as one batch. */
#pragma once

#include <glib.h>

/* One job a second, from here on. */
#define HISTORY_START_S 1700000000

/* SQL for the sqlite3 program: one job a second from start_s (UTC) on. The trigger that demands the life of a job is
 * then gone from that database. */
static inline char *
history_sql_from(guint rows, gint64 start_s)
{
    return g_strdup_printf(
        "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; BEGIN;"
        "DROP TRIGGER jobs_begin_running;"
        "WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < %u)"
        " INSERT INTO units (imei, fsn, device_id, provisioned, first_seen_us, last_seen_us)"
        " SELECT printf('35%%013d', n), printf('FSN%%08d', n), printf('FX30-%%06d', n), 1, 1, 1 FROM c;"
        "WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < %u)"
        " INSERT INTO certificates (sha256, imei, spki_sha256, csr_sha256, job, serial, subject, issuer, not_before,"
        " not_after, der, chain, issued_us)"
        " SELECT printf('%%064x', n), printf('35%%013d', n), printf('%%064x', n), printf('%%064x', n), 'job',"
        " printf('5e%%030x', n), 'CN=x', 'CN=ca', 1, 2, x'30', '', 1 FROM c;"
        "WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < %u)"
        " INSERT INTO jobs (id, batch, station, slot, product, operator, work_order, program, started_us, ended_us, "
        "unit,"
        " imei, fsn, device_id, outcome, code, certificate)"
        " SELECT printf('%%08x-0000-4000-8000-%%012x', n * 2654435761 & 4294967295, n),"
        " CASE WHEN n / 500 %% 2 THEN printf('ba7c%%04x-0000-4000-8000-000000000000', n / 500) END, 'station',"
        " printf('%%02d', n %% 64), 'fx30s', printf('op-%%d', n %% 7), printf('WO-%%d', n / 500), '0.1.0',"
        " (%" G_GINT64_FORMAT " + n) * 1000000, (%" G_GINT64_FORMAT
        " + n) * 1000000 + 6000000, printf('35%%013d', n / 4), printf('35%%013d', n / 4),"
        " printf('FSN%%08d', n / 4), printf('FX30-%%06d', n / 4),"
        " CASE WHEN n %% 10 = 0 THEN 'FAIL' WHEN n %% 25 = 0 THEN 'TIMEOUT' ELSE 'PASS' END,"
        " CASE WHEN n %% 10 = 0 THEN 'PROOF_FAILED' WHEN n %% 25 = 0 THEN 'NO_ANSWER' END,"
        " printf('%%064x', n / 4) FROM c;"
        "COMMIT;",
        (rows - 1) / 4, (rows - 1) / 4, rows - 1, start_s, start_s);
}

static inline char *
history_sql(guint rows)
{
    return history_sql_from(rows, HISTORY_START_S);
}
