#include "db/trace_life.h"

#include "db/statement.h"

/* ?1: IMEI, ?2: the job when the unit is not known. */
#define JOBS_OF_UNIT                                                                                                   \
    "WITH j AS MATERIALIZED (SELECT * FROM jobs WHERE number IN (SELECT number FROM jobs WHERE unit = ?1"              \
    " UNION SELECT number FROM jobs WHERE imei = ?1 UNION SELECT number FROM jobs WHERE id = ?2)),"                    \
    " c AS MATERIALIZED (SELECT * FROM certificates WHERE imei = ?1),"                                                 \
    " u AS MATERIALIZED (SELECT * FROM units WHERE imei = ?1),"                                                        \
    " o AS MATERIALIZED (SELECT * FROM outbox WHERE (kind = 'registration' AND key IN (SELECT device_id FROM u))"      \
    " OR (kind = 'record' AND key IN (SELECT id FROM j)) OR (kind = 'cleanup' AND key IN (SELECT sha256 FROM c))) "

/* Every query gives: time, rank (what comes first of what happened at once), sequence, kind, text, JSON. */
#define BEGINS                                                                                                         \
    "SELECT started_us, 0, number, 'job', 'job ' || substr(id, 1, 8) || ' begins: station ' || station || ', slot '"   \
    " || slot || ', product ' || product || coalesce(', operator ' || operator, '')"                                   \
    " || coalesce(', work order ' || work_order, '') || coalesce(', batch ' || substr(batch, 1, 8), '')"               \
    " || coalesce(', label ' || label, '') || coalesce(', to re-provision: ' || reprovision_reason, '')"               \
    " || ', program ' || program,"                                                                                     \
    " json_object('job', id, 'station', station, 'slot', slot, 'product', product, 'operator', operator,"              \
    " 'work_order', work_order, 'batch', batch, 'label', label, 'reprovision_reason', reprovision_reason,"             \
    " 'program', program, 'firmware', firmware) FROM j"

#define STEPS                                                                                                          \
    "SELECT j.started_us + start_us + duration_us, 4, position, 'step', step || ' ' || s.outcome"                      \
    " || iif(attempt > 1, ' (attempt ' || attempt || ')', '') || coalesce(' ' || s.code, '')"                          \
    " || coalesce(': ' || s.detail, ''),"                                                                              \
    " json_object('job', j.id, 'step', step, 'attempt', attempt, 'outcome', s.outcome, 'code', s.code, 'detail',"      \
    " s.detail, 'ms', duration_us / 1000.0) FROM j JOIN steps s ON s.job = j.id"

#define ENDS                                                                                                           \
    "SELECT ended_us, 5, number, 'end', 'job ' || substr(id, 1, 8) || ': ' || outcome || coalesce(' ' || code, '')"    \
    " || coalesce(': ' || detail, '') || iif(row_queued, ', row queued', '')"                                          \
    " || iif(already_provisioned, ', was provisioned already', '') || iif(resumed, ', went on where it was', ''),"     \
    " json_object('job', id, 'outcome', outcome, 'code', code, 'detail', detail, 'first_code', first_code,"            \
    " 'certificate', certificate, 'already_provisioned', json(iif(already_provisioned, 'true', 'false')),"             \
    " 'resumed', json(iif(resumed, 'true', 'false')), 'row_queued', json(iif(row_queued, 'true', 'false')))"           \
    " FROM j WHERE ended_us NOT NULL"

#define KEYS                                                                                                           \
    "SELECT made_us, 1, number, 'key', 'key ' || substr(spki_sha256, 1, 16) || ' made, backend ' || backend,"          \
    " json_object('what', 'made', 'spki_sha256', spki_sha256, 'backend', backend, 'job', job) FROM keys"               \
    " WHERE imei = ?1"                                                                                                 \
    " UNION ALL SELECT retired_us, 1, number, 'key', 'key ' || substr(spki_sha256, 1, 16) || ' retired',"              \
    " json_object('what', 'retired', 'spki_sha256', spki_sha256) FROM keys WHERE imei = ?1 AND retired_us NOT NULL"    \
    " UNION ALL SELECT seen_us, 1, x.number, 'key', 'came with key ' || substr(x.spki_sha256, 1, 16)"                  \
    " || ', which is that of unit ' || k.imei, json_object('what', 'collision', 'spki_sha256', x.spki_sha256,"         \
    " 'of', k.imei, 'job', x.job) FROM key_collisions x JOIN keys k USING (spki_sha256) WHERE x.imei = ?1"             \
    " UNION ALL SELECT seen_us, 1, x.number, 'key', 'unit ' || x.imei || ' came with its key '"                        \
    " || substr(x.spki_sha256, 1, 16), json_object('what', 'collision', 'spki_sha256', x.spki_sha256, 'with', x.imei," \
    " 'job', x.job) FROM keys k JOIN key_collisions x USING (spki_sha256) WHERE k.imei = ?1"

#define CERTIFICATES                                                                                                   \
    "SELECT issued_us, 2, number, 'certificate', 'certificate ' || substr(sha256, 1, 16) || ' issued by ' || issuer"   \
    " || ' to ' || subject || ', serial ' || serial,"                                                                  \
    " json_object('what', 'issued', 'sha256', sha256, 'serial', serial, 'issuer', issuer, 'subject', subject,"         \
    " 'spki_sha256', spki_sha256, 'csr_sha256', csr_sha256, 'not_before', not_before, 'not_after', not_after,"         \
    " 'job', job) FROM c"                                                                                              \
    " UNION ALL SELECT superseded_us, 1, number, 'certificate', 'certificate ' || substr(sha256, 1, 16)"               \
    " || ' superseded: ' || supersede_reason, json_object('what', 'superseded', 'sha256', sha256, 'reason',"           \
    " supersede_reason) FROM c WHERE superseded_us NOT NULL"                                                           \
    " UNION ALL SELECT revoked_us, 1, number, 'certificate', 'certificate ' || substr(sha256, 1, 16)"                  \
    " || ' revoked: ' || revoke_reason, json_object('what', 'revoked', 'sha256', sha256, 'reason', revoke_reason)"     \
    " FROM c WHERE revoked_us NOT NULL"

#define CLOUD                                                                                                          \
    "SELECT sent_us, 6, number, 'cloud', kind || ' reached the cloud', json_object('number', number, 'kind', kind,"    \
    " 'key', key, 'state', state) FROM o WHERE sent_us NOT NULL"

#define ACTS                                                                                                           \
    "SELECT time_us, 3, number, 'act', what || coalesce(' by ' || who, '') || ' (' || role || ')'"                     \
    " || coalesce(': ' || reason, ''), json_object('what', what, 'who', who, 'role', role, 'subject', subject,"        \
    " 'reason', reason) FROM acts WHERE subject IN (SELECT imei FROM u UNION SELECT fsn FROM u UNION"                  \
    " SELECT device_id FROM u UNION SELECT sha256 FROM c UNION SELECT id FROM j)"

/* A doctored body is shown as it is found: as none. */
#define JOURNAL                                                                                                        \
    "SELECT time_us, 3, n, 'journal', 'journal ' || n || ': ' || type || coalesce(' ' || CASE type"                    \
    " WHEN 'intent' THEN json_extract(body, '$.data.kind') WHEN 'revoke' THEN json_extract(body, '$.data.reason')"     \
    " WHEN 'device-id' THEN json_extract(body, '$.data.device_id') END, ''),"                                          \
    " json_object('n', n, 'type', type, 'job', job, 'event', json(body))"                                              \
    " FROM (SELECT n, time_us, type, job, iif(json_valid(body), body, '{}') AS body FROM audit_events WHERE n IN"      \
    " (SELECT n FROM audit_events WHERE imei = ?1 UNION SELECT e.n FROM j JOIN audit_events e ON e.job = j.id))"

#define LIFE                                                                                                           \
    JOBS_OF_UNIT BEGINS " UNION ALL " STEPS " UNION ALL " ENDS " UNION ALL " KEYS " UNION ALL " CERTIFICATES           \
                        " UNION ALL " CLOUD " UNION ALL " ACTS " UNION ALL " JOURNAL " ORDER BY 1, 2, 3"

#define REGISTRATION                                                                                                   \
    "SELECT json_object('device', device, 'registered', registered, 'policy', policy, 'firmware', firmware,"           \
    " 'parameters', parameters, 'version', version, 'connections', connections)"                                       \
    " FROM registration WHERE device = (SELECT device_id FROM units WHERE imei = ?1)"

#define OUTBOX                                                                                                         \
    JOBS_OF_UNIT "SELECT json_group_array(json_object('number', number, 'kind', kind, 'key', key, 'state', state,"     \
                 " 'attempts', attempts, 'last_code', last_code, 'last_detail', last_detail, 'queued_us', queued_us,"  \
                 " 'sent_us', sent_us)) FROM (SELECT * FROM o WHERE state <> 'replaced' ORDER BY number)"

/* When a period ended: long before it was closed, as a rule. */
#define END_OF(through)                                                                                                \
    "coalesce((SELECT json_extract(k.body, '$.time_us') FROM audit_checkpoints k WHERE k.n = " through                 \
    " AND json_valid(k.body)), p.closed_us)"
#define PERIOD_BEFORE "(SELECT max(q.through) FROM audit_periods q WHERE q.through < p.through)"

/* The periods that a pruned job of the unit may have ended in. One more does no harm: what is told of a job's end may
 * stand behind a checkpoint that was signed a moment later. */
#define ARCHIVES                                                                                                       \
    JOBS_OF_UNIT                                                                                                       \
    "SELECT json_group_array(json_object('archive', archive, 'manifest_sha256', manifest_sha256, 'through', through))" \
    " FROM (SELECT * FROM audit_periods p WHERE EXISTS (SELECT 1 FROM j WHERE ended_us NOT NULL"                       \
    " AND ended_us <= " END_OF("p.through") " AND (" PERIOD_BEFORE " IS NULL OR ended_us > " END_OF(                   \
        PERIOD_BEFORE) " - 1000000)"                                                                                   \
                       " AND NOT EXISTS (SELECT 1 FROM audit_events e WHERE e.job = j.id AND e.type = 'job-end')) "    \
                       "ORDER BY through)"

static KlTraceEntry *
read_entry(sqlite3_stmt *query)
{
    KlTraceEntry *entry = g_new0(KlTraceEntry, 1);
    entry->time_us = sqlite3_column_int64(query, 0);
    entry->kind = kl_column_text(query, 3);
    entry->text = kl_column_text(query, 4);
    entry->json = kl_column_text(query, 5);
    return entry;
}

static gboolean
read_life(sqlite3 *db, KlTraceUnit *unit, GError **error)
{
    g_autoptr(sqlite3_stmt) query = kl_query(db, error, LIFE, kl_text(unit->imei), kl_text(unit->job));
    gboolean ok;
    while (kl_each(db, query, &ok, error))
        g_ptr_array_add(unit->life, read_entry(query));
    return ok;
}

gboolean
kl_trace_life(sqlite3 *db, KlTraceUnit *unit, GError **error)
{
    unit->life = g_ptr_array_new_with_free_func((GDestroyNotify)kl_trace_entry_free);
    return kl_get_text(db, &unit->registration, error, REGISTRATION, kl_text(unit->imei)) &&
           kl_get_text(db, &unit->outbox, error, OUTBOX, kl_text(unit->imei), kl_text(unit->job)) &&
           kl_get_text(db, &unit->archives, error, ARCHIVES, kl_text(unit->imei), kl_text(unit->job)) &&
           read_life(db, unit, error);
}
