/* Is the journal in a database whole, and does it say what the tables say? By other means than the program's: GLib's
 * SHA-256 for the chain, SQLite's own JSON for the comparison. */
#pragma once

#include <sqlite3.h>
#include <string.h>

#include "db/audit_tree.h"

#define JOURNAL_EVENT(type, key, value)                                                                                \
    "EXISTS (SELECT 1 FROM audit_events WHERE type = '" type "' AND body ->> '$.data." key "' IS " value ")"

/* Each finds rows that contradict the journal; jobs and certificates from before it (in the tests: of other numbers)
 * are not looked for. json_patch leaves out what is NULL. */
static const char journal_contradictions[] =
    "SELECT 'columns', n FROM audit_events WHERE body ->> '$.n' IS NOT n OR body ->> '$.type' IS NOT type"
    " OR body ->> '$.job' IS NOT job OR body ->> '$.imei' IS NOT imei OR body ->> '$.time_us' IS NOT time_us"
    " UNION ALL SELECT 'begin', id FROM jobs WHERE 1 <> (SELECT count(*) FROM audit_events WHERE job = id AND"
    " type = 'job-begin' AND body ->> '$.data.slot' IS slot AND body ->> '$.data.started_us' IS started_us)"
    " UNION ALL SELECT 'running', id FROM jobs WHERE outcome = 'RUNNING' AND EXISTS (SELECT 1 FROM audit_events"
    " WHERE job = id AND type = 'job-end')"
    " UNION ALL SELECT 'end', id FROM jobs WHERE outcome <> 'RUNNING' AND 1 <> (SELECT count(*) FROM audit_events"
    " WHERE job = id AND type = 'job-end' AND body -> '$.data.record' = json_patch('{}', json_object("
    "'agent_version', agent_version, 'already_provisioned', json(iif(already_provisioned, 'true', 'false')), 'batch',"
    " batch, 'boot_id', boot_id, 'certificate', certificate, 'code', code, 'detail', detail, 'device_id', device_id,"
    " 'ended_us', ended_us, 'firmware', firmware, 'first_code', first_code, 'fsn', fsn, 'id', id, 'imei', jobs.imei,"
    " 'keystore', keystore, 'label', label, 'model', model, 'operator', operator, 'outcome', outcome, 'product',"
    " product, 'program', program, 'reprovision_reason', reprovision_reason, 'resumed', json(iif(resumed, 'true',"
    " 'false')), 'row_queued', json(iif(row_queued, 'true', 'false')), 'slot', slot, 'started_us', started_us,"
    " 'station', station, 'steps', json((SELECT json_group_array(json_patch('{}', json_object('attempt', attempt,"
    " 'code', code, 'detail', detail, 'device_us', device_us, 'duration_us', duration_us, 'outcome', outcome,"
    " 'start_us', start_us, 'step', step, 'store_us', store_us))) FROM (SELECT * FROM steps WHERE job = jobs.id"
    " ORDER BY position))), 'work_order', work_order)))"
    " UNION ALL SELECT 'issue', sha256 FROM certificates WHERE NOT EXISTS (SELECT 1 FROM audit_events e"
    " WHERE e.job = certificates.job AND type = 'issue' AND e.imei = certificates.imei"
    " AND body ->> '$.data.certificate_sha256' IS sha256 AND body ->> '$.data.serial' IS serial)"
    " UNION ALL SELECT 'issued', n FROM audit_events WHERE type = 'issue' AND NOT EXISTS (SELECT 1 FROM certificates"
    " WHERE sha256 = body ->> '$.data.certificate_sha256')"
    " UNION ALL SELECT 'revoke', sha256 FROM certificates WHERE (revoked_us NOT NULL) <> " JOURNAL_EVENT(
        "revoke", "certificate_sha256", "sha256")
    /* what first boot has changed since, the last message that changed the row tells */
    " UNION ALL SELECT 'register', r.device FROM registration r WHERE (SELECT body -> '$.data'"
    " FROM audit_events WHERE type = 'register' AND body ->> '$.data.device' = r.device ORDER BY n DESC LIMIT 1)"
    " IS NOT json_object('connections', connections, 'device', device, 'firmware', firmware, 'parameters', parameters,"
    " 'policy', policy, 'registered', registered, 'version', version)"
    " AND (SELECT body ->> '$.data.message.registered' || (body ->> '$.data.message.version') FROM audit_events"
    " WHERE (type = 'activation' AND body ->> '$.data.message.device' = r.device"
    " AND body ->> '$.data.row_sha256' NOT NULL) OR (type = 'register' AND body ->> '$.data.device' = r.device)"
    " ORDER BY n DESC LIMIT 1) IS NOT registered || version"
    " UNION ALL SELECT 'device', imei FROM units WHERE device_id NOT NULL AND 1 <> (SELECT count(*)"
    " FROM audit_events e WHERE type = 'device-id' AND e.imei = units.imei"
    " AND body ->> '$.data.device_id' IS device_id)"
    " UNION ALL SELECT 'intents', 0 WHERE (SELECT count(*) FROM intents) <>"
    " (SELECT count(*) FROM audit_events WHERE type = 'intent')"
    " UNION ALL SELECT 'acts', 0 WHERE (SELECT count(*) FROM acts) <>"
    " (SELECT count(*) FROM audit_events WHERE type = 'act')"
    " UNION ALL SELECT 'key', spki_sha256 FROM keys WHERE NOT " JOURNAL_EVENT("key", "spki_sha256", "spki_sha256");

/* Follows the chain; the head must be where it ends. */
static inline void
check_chain(sqlite3 *db)
{
    guint8 hash[KL_HASH_SIZE] = {0};
    KlAuditFrontier frontier = {0};
    sqlite3_stmt *query = NULL;
    g_assert_cmpint(sqlite3_prepare_v2(db, "SELECT n, body, hash FROM audit_events ORDER BY n", -1, &query, NULL), ==,
                    SQLITE_OK);
    while (sqlite3_step(query) == SQLITE_ROW) {
        gsize size = sizeof hash;
        const char *body = (const char *)sqlite3_column_text(query, 1);
        guint8 leaf[KL_HASH_SIZE];
        g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
        g_checksum_update(checksum, hash, sizeof hash);
        g_checksum_update(checksum, (const guchar *)body, -1);
        g_checksum_get_digest(checksum, hash, &size);
        kl_audit_leaf(body, strlen(body), leaf);
        kl_audit_frontier_add(&frontier, leaf);
        g_assert_cmpint(sqlite3_column_int64(query, 0), ==, (gint64)frontier.n);
        g_assert_cmpmem(sqlite3_column_blob(query, 2), sqlite3_column_bytes(query, 2), hash, sizeof hash);
    }
    sqlite3_finalize(query);
    g_assert_cmpint(sqlite3_prepare_v2(db, "SELECT n, hash, frontier FROM audit_head", -1, &query, NULL), ==,
                    SQLITE_OK);
    g_assert_cmpint(sqlite3_step(query), ==, SQLITE_ROW);
    g_assert_cmpint(sqlite3_column_int64(query, 0), ==, (gint64)frontier.n);
    g_assert_cmpmem(sqlite3_column_blob(query, 1), sqlite3_column_bytes(query, 1), hash, sizeof hash);
    g_assert_cmpmem(sqlite3_column_blob(query, 2), sqlite3_column_bytes(query, 2), frontier.hashes,
                    KL_HASH_SIZE * kl_audit_frontier_length(frontier.n));
    sqlite3_finalize(query);
}

static inline void
check_tables(sqlite3 *db)
{
    sqlite3_stmt *query = NULL;
    g_assert_cmpint(sqlite3_prepare_v2(db, journal_contradictions, -1, &query, NULL), ==, SQLITE_OK);
    int result = sqlite3_step(query);
    if (result != SQLITE_DONE)
        g_error("the journal and the tables: %s of %s (%s)", (const char *)sqlite3_column_text(query, 0),
                (const char *)sqlite3_column_text(query, 1), sqlite3_errmsg(db));
    sqlite3_finalize(query);
}

static inline void
check_journal(const char *path)
{
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), ==, SQLITE_OK);
    check_chain(db);
    check_tables(db);
    sqlite3_close(db);
}
