/* Checks an export. */
#include <string.h>

#include "db/audit_verify_manifest.h"
#include "db/audit_verify_shown.h"
#include "db/audit_verify_transcripts.h"
#include "station/error.h"

#define MANIFEST_MAX (16 << 20)
#define SMALL_MAX (1 << 20)
#define KEYS_MAX 1000

typedef struct {
    const KlAuditVerify *options;
    KlAuditReport *report;
    KlAuditFiles *files;
    KlAuditManifest manifest;
    KlAuditTrust trust;
    KlAuditSealed given;
    gboolean is_given;
    gboolean given_seen;
    KlAuditLines events, leaves, hidden;
    KlAuditTranscripts transcripts;
    GHashTable *keys; /* certificates of audit-key events, by SHA-256 */
} Export;

static void
export_clear(Export *e)
{
    kl_audit_files_free(e->files);
    kl_audit_manifest_clear(&e->manifest);
    kl_audit_trust_clear(&e->trust);
    kl_audit_sealed_clear(&e->given);
    kl_audit_lines_clear(&e->events);
    kl_audit_lines_clear(&e->leaves);
    kl_audit_lines_clear(&e->hidden);
    kl_audit_transcripts_clear(&e->transcripts);
    g_hash_table_unref(e->keys);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Export, export_clear)

static void
find_file(Export *e, KlAuditFault fault, const char *name, const char *words)
{
    kl_audit_report_take(e->report, fault, g_strdup_printf("file %s", name), g_strdup(words));
}

/* --- who has signed --- */

static gboolean
check_certificate(Export *e, GError **error)
{
    const KlAuditPiece *piece = kl_audit_files_find(e->files, "station.pem");
    gsize length = 0;
    g_autofree char *pem = piece != NULL ? kl_audit_piece_read(piece, SMALL_MAX, &length) : NULL;
    g_autofree char *own = pem != NULL ? e->options->checks->fingerprint(pem, NULL) : NULL;
    if (!kl_audit_trust_take(&e->trust, e->options, pem, error))
        return FALSE;
    if (piece == NULL)
        find_file(e, KL_AUDIT_MISSING, "station.pem", "the station's certificate is not there");
    else if (own == NULL)
        find_file(e, KL_AUDIT_ALTERED, "station.pem", "it is no certificate");
    else if (g_strcmp0(own, e->trust.fingerprint) != 0)
        find_file(e, KL_AUDIT_SIGNATURE, "station.pem", "it is not the certificate to be trusted");
    e->report->certificate_sha256 = g_strdup(e->trust.fingerprint);
    e->report->anchored = e->trust.from_outside;
    return TRUE;
}

static void
check_manifest_signature(Export *e)
{
    const KlAuditPiece *piece = kl_audit_files_find(e->files, "manifest.json.p7s");
    gsize length = 0;
    char *bytes = piece != NULL ? kl_audit_piece_read(piece, SMALL_MAX, &length) : NULL;
    g_autoptr(GBytes) cms = bytes != NULL ? g_bytes_new_take(bytes, length) : NULL;
    if (piece == NULL)
        find_file(e, KL_AUDIT_MISSING, "manifest.json.p7s", "nobody has signed the manifest");
    else if (cms == NULL || e->trust.certificate == NULL ||
             !e->options->checks->detached(e->trust.certificate, e->manifest.text, e->manifest.length, cms, NULL))
        find_file(e, KL_AUDIT_SIGNATURE, "manifest.json", "its signature is not the station's");
}

static void
check_checkpoint(Export *e)
{
    const KlAuditSealed *sealed = &e->manifest.sealed;
    char *doubt = kl_audit_sealed_doubt(sealed, e->trust.certificate, e->trust.fingerprint, e->options->checks);
    char *where = g_strdup_printf("checkpoint %" G_GINT64_FORMAT, sealed->n);
    if (doubt != NULL)
        kl_audit_report_take(e->report, KL_AUDIT_SIGNATURE, where, doubt);
    else if (strcmp(sealed->journal, e->manifest.journal) != 0)
        kl_audit_report_take(e->report, KL_AUDIT_ALTERED, where, g_strdup("it is another journal's"));
    else
        g_free(where);
    e->report->through = doubt == NULL ? sealed->n : 0;
}

/* --- the events --- */

static gboolean
next_event_line(gpointer data, KlAuditSpan *bytes)
{
    return kl_audit_lines_next(&((Export *)data)->events, bytes);
}

static gboolean
next_hidden_line(gpointer data, KlAuditSpan *hex)
{
    return kl_audit_lines_next(&((Export *)data)->hidden, hex);
}

static gboolean
next_leaf_line(gpointer data, gint64 *n, guint8 leaf[KL_HASH_SIZE])
{
    KlAuditSpan line;
    if (!kl_audit_lines_next(&((Export *)data)->leaves, &line))
        return FALSE;
    const char *blank = memchr(line.at, ' ', line.length);
    KlAuditSpan number = {line.at, blank != NULL ? (gsize)(blank - line.at) : 0};
    KlAuditSpan hex = {blank != NULL ? blank + 1 : NULL, blank != NULL ? line.length - number.length - 1 : 0};
    return kl_audit_scan_number(number, n) && kl_audit_read_hash(hex, leaf);
}

static void
see_event(gpointer data, const KlAuditEvent *event, KlAuditSpan bytes)
{
    Export *e = data;
    kl_audit_transcripts_see(&e->transcripts, event);
    if (!kl_audit_span_is(event->type, "audit-key", 9) || g_hash_table_size(e->keys) >= KEYS_MAX)
        return;
    g_autofree char *pem = kl_audit_scan_text(kl_audit_scan_find(event->data, "certificate"));
    char *fingerprint = pem != NULL ? e->options->checks->fingerprint(pem, NULL) : NULL;
    if (fingerprint != NULL)
        g_hash_table_insert(e->keys, fingerprint, g_steal_pointer(&pem));
}

static void
check_events(Export *e)
{
    static const KlAuditSource calls = {next_event_line, next_hidden_line, next_leaf_line, see_event};
    KlAuditShownChain chain = {.given_n = e->is_given ? e->given.n : 0};
    kl_audit_lines_begin(&e->events, kl_audit_files_find(e->files, "events.jsonl"));
    kl_audit_lines_begin(&e->leaves, kl_audit_files_find(e->files, "leaves.txt"));
    kl_audit_lines_begin(&e->hidden, kl_audit_files_find(e->files, "hidden.txt"));
    kl_audit_transcripts_begin(&e->transcripts, kl_audit_files_find(e->files, "transcripts.jsonl"));
    guint64 before = e->report->findings->len + e->report->untold;
    kl_audit_shown_check(&e->manifest.sealed, &calls, e, &chain, e->report);
    if (e->report->findings->len + e->report->untold == before)
        kl_audit_transcripts_judge(&e->transcripts, e->report);
    if (!kl_audit_lines_ended(&e->events))
        find_file(e, KL_AUDIT_ALTERED, "events.jsonl", "it does not end with a line");
    if (kl_audit_report_whole(e->report) && e->report->events != e->manifest.events)
        find_file(e, KL_AUDIT_ALTERED, "manifest.json", "it counts other events");
    if (!chain.given_known)
        return;
    e->given_seen = TRUE;
    if (memcmp(chain.given_hash, e->given.hash, KL_HASH_SIZE) != 0)
        kl_audit_report_take(e->report, KL_AUDIT_ALTERED, g_strdup("given checkpoint"),
                             g_strdup("it was signed over other events"));
}

/* --- the checkpoints --- */

static const char *
find_certificate(const Export *e, const char *fingerprint)
{
    if (g_strcmp0(fingerprint, e->trust.fingerprint) == 0)
        return e->trust.certificate;
    return g_hash_table_lookup(e->keys, fingerprint);
}

static void
check_line(Export *e, KlAuditSpan line, guint number)
{
    g_auto(KlAuditSealed) sealed = {0};
    if (!kl_audit_scan_object(line.at, line.length) || !kl_audit_sealed_read_object(&sealed, line)) {
        kl_audit_report_take(e->report, KL_AUDIT_ALTERED, g_strdup_printf("checkpoints.jsonl line %u", number),
                             g_strdup("it is no checkpoint"));
        return;
    }
    const char *certificate = find_certificate(e, sealed.certificate_sha256);
    char *doubt = kl_audit_sealed_doubt(&sealed, certificate, sealed.certificate_sha256, e->options->checks);
    if (doubt != NULL)
        kl_audit_report_take(e->report, KL_AUDIT_SIGNATURE, g_strdup_printf("checkpoint %" G_GINT64_FORMAT, sealed.n),
                             doubt);
    if (e->is_given && g_strcmp0(sealed.body, e->given.body) == 0)
        e->given_seen = TRUE;
}

static void
check_checkpoints(Export *e)
{
    g_auto(KlAuditLines) lines = {0};
    guint number = 0;
    kl_audit_lines_begin(&lines, kl_audit_files_find(e->files, "checkpoints.jsonl"));
    for (KlAuditSpan line; kl_audit_lines_next(&lines, &line);)
        check_line(e, line, ++number);
}

/* The one from outside: signed by the same, over the same. */
static gboolean
check_given(Export *e, GError **error)
{
    const KlAuditSealed *sealed = &e->manifest.sealed, *given = &e->given;
    if (!e->is_given)
        return TRUE;
    char *doubt = kl_audit_sealed_doubt(given, find_certificate(e, given->certificate_sha256),
                                        given->certificate_sha256, e->options->checks);
    gboolean same = given->n == sealed->n && memcmp(given->hash, sealed->hash, KL_HASH_SIZE) == 0 &&
                    memcmp(given->root, sealed->root, KL_HASH_SIZE) == 0;
    if (doubt != NULL)
        kl_audit_report_take(e->report, KL_AUDIT_SIGNATURE, g_strdup("given checkpoint"), doubt);
    else if (strcmp(given->journal, sealed->journal) != 0 || (given->n == sealed->n && !same))
        kl_audit_report_take(e->report, KL_AUDIT_ALTERED, g_strdup("given checkpoint"),
                             g_strdup("it was signed over another journal"));
    else if (!same && !e->given_seen)
        return kl_fail(error, KL_ERROR_USAGE,
                       "the checkpoint over %" G_GINT64_FORMAT
                       " events says nothing about these: check the database with it",
                       given->n);
    return TRUE;
}

/* FALSE: it is no export at all. */
static gboolean
read_manifest(Export *e, const char *path, gboolean *there, GError **error)
{
    const KlAuditPiece *piece = kl_audit_files_find(e->files, "manifest.json");
    *there = FALSE;
    if (piece == NULL && kl_audit_files_find(e->files, "events.jsonl") == NULL)
        return kl_fail(error, KL_ERROR_AUDIT_UNREADABLE, "%s has no manifest.json: it is no export", path);
    gsize length = 0;
    char *text = piece != NULL ? kl_audit_piece_read(piece, MANIFEST_MAX, &length) : NULL;
    if (piece == NULL)
        find_file(e, KL_AUDIT_MISSING, "manifest.json", "without it nothing shows what belongs to the export");
    else if (text == NULL || !kl_audit_manifest_read(&e->manifest, text, length))
        find_file(e, KL_AUDIT_ALTERED, "manifest.json", "it is no manifest of this format");
    else
        *there = TRUE;
    return TRUE;
}

KlAuditReport *
kl_audit_verify_export(const char *path, const KlAuditVerify *options, GError **error)
{
    g_autoptr(KlAuditReport) report = kl_audit_report_new("export");
    g_auto(Export) e = {.options = options, .report = report};
    gboolean there = FALSE;
    e.keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    e.files = kl_audit_files_open(path, report, error);
    if (e.files == NULL || !kl_audit_sealed_given(&e.given, options, &e.is_given, error) ||
        !check_certificate(&e, error) || !read_manifest(&e, path, &there, error))
        return NULL;
    if (!there)
        return g_steal_pointer(&report);
    report->journal = g_strdup(e.manifest.journal);
    report->station = g_strdup(e.manifest.station);
    check_manifest_signature(&e);
    check_checkpoint(&e);
    kl_audit_manifest_check_files(&e.manifest, e.files, report);
    check_events(&e);
    check_checkpoints(&e);
    return check_given(&e, error) ? g_steal_pointer(&report) : NULL;
}
