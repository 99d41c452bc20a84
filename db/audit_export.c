#include "db/audit_export.h"

#include <pthread.h>
#include <string.h>

#include "db/audit_export_records.h"
#include "db/audit_pass.h"
#include "db/audit_summary.h"
#include "db/statement.h"
#include "station/canonical.h"
#include "station/error.h"
#include "station/json_member.h"

/* What the parts share. */
typedef struct {
    const KlAuditExport *export;
    KlAuditReader *reader;
    KlAuditWriter *writer;
    KlAuditTally *tally;
    KlAuditSummary *summary;
    GHashTable *keys; /* SHA-256 of the certificates that checkpoints in the export are signed by */
    KlAuditMember *events, *leaves, *hidden;
} Work;

static void
work_clear(Work *work)
{
    g_clear_pointer(&work->events, kl_audit_member_free);
    g_clear_pointer(&work->leaves, kl_audit_member_free);
    g_clear_pointer(&work->hidden, kl_audit_member_free);
    g_clear_pointer(&work->reader, kl_audit_reader_free);
    g_clear_pointer(&work->writer, kl_audit_writer_free);
    g_clear_pointer(&work->tally, kl_audit_tally_free);
    g_clear_pointer(&work->summary, kl_audit_summary_free);
    g_clear_pointer(&work->keys, g_hash_table_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

void
kl_audit_exported_clear(KlAuditExported *exported)
{
    g_clear_pointer(&exported->manifest_sha256, g_free);
}

/* --- the events --- */

/* The certificate that an audit-key event is about. */
static void
note_key(GHashTable *keys, const char *body, gsize length)
{
    g_autofree char *text = g_strndup(body, length);
    g_autoptr(JsonNode) node = json_from_string(text, NULL);
    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
        return;
    JsonObject *data = kl_member_object(json_node_get_object(node), "data");
    const char *sha256 = data != NULL ? kl_member_text(data, "certificate_sha256") : NULL;
    if (sha256 != NULL)
        g_hash_table_add(keys, g_strdup(sha256));
}

static gboolean
sum_event(Work *work, guint64 n, const char *body, gsize length, GError **error)
{
    KlAuditSummary *summary = work->summary;
    const char *type;
    gsize type_length;
    gint64 time_us;
    char name[64];
    if (!kl_audit_event_tail(body, length, &type, &type_length, &time_us, error))
        return FALSE;
    g_snprintf(name, sizeof name, "%.*s", (int)MIN(type_length, sizeof name), type);
    kl_audit_tally_event(work->tally, name);
    if (strcmp(name, "audit-key") == 0)
        note_key(work->keys, body, length);
    if (summary->events++ == 0) {
        summary->first = n;
        summary->first_us = time_us;
    }
    summary->last = n;
    summary->last_us = time_us;
    return TRUE;
}

static gboolean
put_event(gpointer data, guint64 n, const char *body, gsize length, const guint8 leaf[KL_HASH_SIZE], GError **error)
{
    Work *work = data;
    char line[24 + 2 * KL_HASH_SIZE];
    int digits = g_snprintf(line, 24, "%" G_GUINT64_FORMAT " ", n);
    kl_audit_hex(leaf, KL_HASH_SIZE, line + digits);
    line[digits + 2 * KL_HASH_SIZE] = '\n';
    return sum_event(work, n, body, length, error) && kl_audit_member_put(work->events, body, length, error) &&
           kl_audit_member_put(work->events, "\n", 1, error) &&
           kl_audit_member_put(work->leaves, line, (gsize)digits + 2 * KL_HASH_SIZE + 1, error);
}

static gboolean
put_hidden(gpointer data, const guint8 hash[KL_HASH_SIZE], GError **error)
{
    Work *work = data;
    char line[2 * KL_HASH_SIZE + 1];
    kl_audit_hex(hash, KL_HASH_SIZE, line);
    line[2 * KL_HASH_SIZE] = '\n';
    return kl_audit_member_put(work->hidden, line, sizeof line, error);
}

static gboolean
write_events(Work *work, GError **error)
{
    const KlAuditExport *export = work->export;
    const KlAuditPass calls = {put_event, put_hidden, export->progress, export->data, export->cancel};
    work->events = kl_audit_writer_begin(work->writer, "events.jsonl", error);
    work->leaves = work->events != NULL ? kl_audit_writer_begin(work->writer, "leaves.txt", error) : NULL;
    work->hidden = work->leaves != NULL ? kl_audit_writer_begin(work->writer, "hidden.txt", error) : NULL;
    return work->hidden != NULL && kl_audit_pass(work->reader, export->request, &calls, work, error) &&
           kl_audit_member_end(g_steal_pointer(&work->events), error) &&
           kl_audit_member_end(g_steal_pointer(&work->leaves), error) &&
           kl_audit_member_end(g_steal_pointer(&work->hidden), error);
}

/* --- the records, their sums, the certificates, the transcripts: on threads of their own, as each takes as long as the
 * events --- */

/* What is read up to a checkpoint is the same whenever it is read: so each part has a connection of its own. */
typedef struct Part Part;

struct Part {
    gboolean (*put)(Part *part, const KlAuditReader *reader);
    const KlAuditExport *export;
    guint64 first; /* n of the first event that is there */
    KlAuditTally *tally;
    KlAuditMember *file; /* or NULL */
    pthread_t thread;
    gboolean started, ok;
    GError *error;
};

static gboolean
put_records(Part *part, const KlAuditReader *reader)
{
    return kl_audit_put_records(reader, part->export->request, part->file, part->export->cancel, &part->error);
}

static gboolean
sum_records(Part *part, const KlAuditReader *reader)
{
    return kl_audit_sum_records(reader, part->export->request, part->tally, part->export->cancel, &part->error);
}

static gboolean
put_certificates(Part *part, const KlAuditReader *reader)
{
    return kl_audit_put_certificates(reader, part->export->request, part->file, part->export->cancel, &part->error);
}

static gboolean
put_transcripts(Part *part, const KlAuditReader *reader)
{
    return kl_audit_put_transcripts(reader, part->export->request, part->file, part->export->cancel, &part->error);
}

/* A period that is closed in the middle of it would leave one part less than another. */
static gboolean
run_open_part(Part *part, const KlAuditReader *reader)
{
    if (reader->first != part->first)
        return kl_fail(&part->error, KL_ERROR_AUDIT_BROKEN, "a period of the journal was closed meanwhile");
    return part->put(part, reader);
}

static void *
run_part(void *data)
{
    Part *part = data;
    g_autoptr(KlAuditReader) reader =
        kl_audit_reader_open(part->export->database, part->export->checkpoint, &part->error);
    part->ok = reader != NULL && run_open_part(part, reader);
    return NULL;
}

/* name: of its file, or NULL. */
static gboolean
part_start(Part *part, Work *work, const char *name, GError **error)
{
    part->export = work->export;
    part->first = work->reader->first;
    part->tally = work->tally;
    part->file = name != NULL ? kl_audit_writer_begin(work->writer, name, error) : NULL;
    if (name != NULL && part->file == NULL)
        return FALSE;
    int number = pthread_create(&part->thread, NULL, run_part, part);
    part->started = number == 0;
    return part->started || kl_fail(error, KL_ERROR_INTERNAL, "no thread: %s", g_strerror(number));
}

/* Waits for it; its failure is told unless there is one already. */
static gboolean
part_end(Part *part, gboolean ok, GError **error)
{
    if (part->started)
        pthread_join(part->thread, NULL);
    if (ok && !part->ok)
        g_propagate_error(error, g_steal_pointer(&part->error));
    ok = ok && part->ok && (part->file == NULL || kl_audit_member_end(g_steal_pointer(&part->file), error));
    g_clear_error(&part->error);
    g_clear_pointer(&part->file, kl_audit_member_free);
    return ok;
}

/* The files end in one order, so that a tar file has them in that. */
static gboolean
write_rows(Work *work, GError **error)
{
    Part records = {.put = put_records}, sums = {.put = sum_records}, certificates = {.put = put_certificates};
    Part transcripts = {.put = put_transcripts};
    gboolean ok = part_start(&records, work, "records.csv", error) && part_start(&sums, work, NULL, error) &&
                  part_start(&certificates, work, "certificates.pem", error) &&
                  part_start(&transcripts, work, "transcripts.jsonl", error) && write_events(work, error);
    ok = part_end(&records, ok, error);
    ok = part_end(&sums, ok, error);
    ok = part_end(&certificates, ok, error);
    return part_end(&transcripts, ok, error);
}

/* --- the checkpoints --- */

static void
add_checkpoint(KlCanonical *writer, const char *body, const char *signature)
{
    kl_canonical_text(writer, "body", body);
    kl_canonical_text(writer, "signature", signature);
}

static gboolean
put_checkpoint(Work *work, KlAuditMember *file, const char *body, const char *signature, GError **error)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_begin(writer, NULL);
    add_checkpoint(writer, body, signature);
    g_autofree char *line = kl_canonical_finish(writer);
    work->summary->checkpoints++;
    return kl_audit_member_put(file, line, strlen(line), error) && kl_audit_member_put(file, "\n", 1, error);
}

/* Whoever has the export can check what is signed by a certificate that it holds. */
static gboolean
write_checkpoints(Work *work, GError **error)
{
    KlAuditReader *reader = work->reader;
    gint64 through = (gint64)reader->checkpoint.n;
    gint64 first = work->summary->events > 0 ? (gint64)work->summary->first : through;
    g_autoptr(KlAuditMember) file = kl_audit_writer_begin(work->writer, "checkpoints.jsonl", error);
    g_autoptr(sqlite3_stmt) query = file != NULL
                                        ? kl_query(reader->db, error,
                                                   "SELECT body, signature, json_extract(body, '$.certificate_sha256')"
                                                   " FROM audit_checkpoints WHERE n >= ?1 AND n < ?2 ORDER BY n",
                                                   kl_int(first), kl_int(through))
                                        : NULL;
    gboolean ok;
    while (kl_each(reader->db, query, &ok, error)) {
        const char *key = (const char *)sqlite3_column_text(query, 2);
        if (key != NULL && g_hash_table_contains(work->keys, key) &&
            !put_checkpoint(work, file, (const char *)sqlite3_column_text(query, 0),
                            (const char *)sqlite3_column_text(query, 1), error))
            return FALSE;
    }
    return ok && put_checkpoint(work, file, reader->checkpoint.body, reader->checkpoint.signature, error) &&
           kl_audit_member_end(g_steal_pointer(&file), error);
}

/* --- the summaries --- */

/* The journal's first event tells how many jobs there were before it. */
static gboolean
count_before(Work *work, GError **error)
{
    work->summary->before_journal = -1;
    if (work->reader->first != 1)
        return TRUE;
    g_autoptr(sqlite3_stmt) query = kl_audit_select_jobs(
        work->reader, work->export->request, "j.number",
        "SELECT count(*) FROM picked WHERE number <="
        " (SELECT CAST(json_extract(body, '$.data.jobs') AS INTEGER) FROM audit_events WHERE n = 1)",
        error);
    gboolean row = FALSE;
    if (query == NULL || !kl_next(work->reader->db, query, &row, error))
        return FALSE;
    work->summary->before_journal = sqlite3_column_int64(query, 0);
    return TRUE;
}

static gboolean
write_pdf(const Work *work, GError **error)
{
    if (work->export->pdf == NULL)
        return TRUE;
    g_autoptr(GBytes) pdf = work->export->pdf(work->summary, error);
    return pdf != NULL &&
           kl_audit_writer_add(work->writer, "summary.pdf", g_bytes_get_data(pdf, NULL), g_bytes_get_size(pdf), error);
}

static gboolean
write_summaries(Work *work, GError **error)
{
    KlAuditSummary *summary = work->summary;
    const KlAuditExport *export = work->export;
    summary->station = g_strdup(export->station);
    summary->journal = g_strdup(work->reader->journal);
    summary->fingerprint = g_strdup(export->seal->klass->fingerprint(export->seal));
    summary->selection = kl_audit_request_canonical(export->request);
    summary->created_us = export->created_us;
    summary->through = work->reader->checkpoint.n;
    summary->hash = g_strdup(work->reader->checkpoint.hash);
    kl_audit_tally_sum(work->tally, summary);
    if (!count_before(work, error))
        return FALSE;
    g_autofree char *csv = kl_audit_summary_csv(summary);
    g_autofree char *json = kl_audit_summary_json(summary);
    return kl_audit_writer_add(work->writer, "summary.csv", csv, strlen(csv), error) &&
           kl_audit_writer_add(work->writer, "summary.json", json, strlen(json), error) && write_pdf(work, error);
}

/* --- the manifest --- */

static char *
make_manifest(const Work *work)
{
    const KlAuditExport *export = work->export;
    const GPtrArray *files = kl_audit_writer_files(work->writer);
    g_autofree char *selection = kl_audit_request_canonical(export->request);
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_begin(writer, NULL);
    kl_canonical_begin(writer, "checkpoint");
    add_checkpoint(writer, work->reader->checkpoint.body, work->reader->checkpoint.signature);
    kl_canonical_end(writer);
    kl_canonical_number(writer, "created_us", export->created_us);
    kl_canonical_number(writer, "events", (gint64)work->summary->events);
    kl_canonical_begin_array(writer, "files");
    for (guint i = 0; i < files->len; i++) {
        const KlAuditFile *file = files->pdata[i];
        kl_canonical_begin(writer, NULL);
        kl_canonical_number(writer, "bytes", (gint64)file->bytes);
        kl_canonical_text(writer, "name", file->name);
        kl_canonical_text(writer, "sha256", file->sha256);
        kl_canonical_end(writer);
    }
    kl_canonical_end(writer);
    kl_canonical_text(writer, "format", "keyline-audit-export-1");
    kl_canonical_text(writer, "journal", work->reader->journal);
    kl_canonical_value(writer, "selection", selection);
    kl_canonical_text(writer, "station", export->station);
    return kl_canonical_finish(writer);
}

static gboolean
write_manifest(Work *work, KlAuditExported *exported, GError **error)
{
    KlSeal *seal = work->export->seal;
    g_autofree char *manifest = make_manifest(work);
    gsize length = strlen(manifest);
    g_autoptr(GBytes) cms = seal->klass->sign_detached(seal, manifest, length, error);
    if (cms == NULL)
        return FALSE;
    *exported = (KlAuditExported){
        .n = work->reader->checkpoint.n,
        .events = work->summary->events,
        .first = work->summary->first,
        .last = work->summary->last,
        .records = work->summary->jobs,
        .manifest_sha256 = kl_audit_sha256(manifest, length),
    };
    return kl_audit_writer_add(work->writer, "manifest.json", manifest, length, error) &&
           kl_audit_writer_add(work->writer, "manifest.json.p7s", g_bytes_get_data(cms, NULL), g_bytes_get_size(cms),
                               error);
}

KlAuditWriter *
kl_audit_export(const KlAuditExport *export, KlAuditExported *exported, GError **error)
{
    g_auto(Work) work = {.export = export};
    const char *certificate = export->seal->klass->certificate(export->seal);
    *exported = (KlAuditExported){0};
    work.reader = kl_audit_reader_open(export->database, export->checkpoint, error);
    if (work.reader == NULL || !kl_audit_select_check(work.reader, export->request, error))
        return NULL;
    work.writer = kl_audit_writer_new(export->path, export->created_us, error);
    if (work.writer == NULL)
        return NULL;
    work.tally = kl_audit_tally_new();
    work.summary = kl_audit_summary_new();
    work.keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_add(work.keys, g_strdup(export->seal->klass->fingerprint(export->seal)));
    if (!kl_audit_writer_add(work.writer, "station.pem", certificate, strlen(certificate), error) ||
        !write_rows(&work, error) || !write_checkpoints(&work, error) || !write_summaries(&work, error) ||
        !write_manifest(&work, exported, error))
        return NULL;
    return g_steal_pointer(&work.writer);
}
