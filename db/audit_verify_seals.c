/* The seals on a database's events: checkpoints, the certificates that sign them, and the ends of periods. */
#include <openssl/evp.h>
#include <string.h>

#include "db/audit_reader.h"
#include "db/audit_verify_database.h"
#include "db/statement.h"

gboolean
kl_audit_check_take_key(KlAuditCheck *check, const KlAuditEvent *event)
{
    g_autofree char *certificate = kl_audit_scan_text(kl_audit_scan_find(event->data, "certificate"));
    g_autofree char *fingerprint = certificate != NULL ? check->options->checks->fingerprint(certificate, NULL) : NULL;
    KlAuditSpan named = kl_audit_scan_raw(kl_audit_scan_find(event->data, "certificate_sha256"));
    if (fingerprint == NULL || !kl_audit_span_is(named, fingerprint, strlen(fingerprint)))
        return FALSE;
    g_free(check->certificate);
    g_free(check->fingerprint);
    g_free(check->report->station);
    check->certificate = g_steal_pointer(&certificate);
    check->fingerprint = g_steal_pointer(&fingerprint);
    check->report->station = kl_audit_scan_text(kl_audit_scan_find(event->data, "station"));
    check->key_event = event->n;
    return TRUE;
}

static gboolean
hashes_agree(const KlAuditCheck *check, const KlAuditSealed *sealed)
{
    guint8 root[KL_HASH_SIZE];
    if (memcmp(sealed->hash, check->hash, KL_HASH_SIZE) != 0 &&
        (check->suspect == 0 || memcmp(sealed->hash, check->suspect_hash, KL_HASH_SIZE) != 0))
        return FALSE;
    if (check->tree_broken || check->suspect > 0)
        return TRUE;
    kl_audit_frontier_root(&check->tree, root);
    return memcmp(sealed->root, root, KL_HASH_SIZE) == 0;
}

void
kl_audit_check_sealed(KlAuditCheck *check, const KlAuditSealed *sealed, const char *where)
{
    KlAuditReport *report = check->report;
    char *doubt = kl_audit_sealed_doubt(sealed, check->certificate, check->fingerprint, check->options->checks);
    if (doubt != NULL) {
        kl_audit_report_take(report, KL_AUDIT_SIGNATURE, g_strdup(where), doubt);
    } else if (report->journal != NULL && strcmp(sealed->journal, report->journal) != 0) {
        kl_audit_report_take(report, KL_AUDIT_ALTERED, g_strdup(where), g_strdup("it is another journal's"));
    } else if (hashes_agree(check, sealed)) {
        if (!check->rewritten)
            report->through = sealed->n;
    } else if (!check->rewritten) {
        check->rewritten = TRUE;
        kl_audit_report_take(report, KL_AUDIT_ALTERED,
                             g_strdup_printf("events %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT,
                                             MIN(MAX(report->through + 1, check->first), sealed->n), sealed->n),
                             g_strdup_printf("%s was signed over others: some of these were rewritten since", where));
    }
}

/* --- audit_checkpoints --- */

static gboolean
claim_checkpoint(KlAuditCheck *check, gint64 n, const char *body, gsize length, GError **error)
{
    guint8 hash[KL_HASH_SIZE], digest[KL_HASH_SIZE];
    char hex[2 * KL_HASH_SIZE + 1], key[24];
    gboolean ok = EVP_Digest(body, length, hash, NULL, EVP_sha256(), NULL) == 1;
    g_assert(ok);
    kl_audit_hex(hash, KL_HASH_SIZE, hex);
    int digits = g_snprintf(key, sizeof key, "%" G_GINT64_FORMAT, n);
    kl_audit_claim_digest(KL_AUDIT_SPAN(""), (KlAuditSpan){hex, 2 * KL_HASH_SIZE}, digest);
    return kl_audit_claims_add(check->sealed, KL_AUDIT_CLAIM_CHECKPOINT, (KlAuditSpan){key, (gsize)digits}, n, digest,
                               error);
}

/* Of a checkpoint over events that are not there, only the signature shows something: if its certificate is known. */
static void
check_far(KlAuditCheck *check, const KlAuditSealed *sealed, const char *where)
{
    if (sealed->n < check->first - 1 && g_strcmp0(sealed->certificate_sha256, check->fingerprint) != 0)
        return;
    char *doubt = kl_audit_sealed_doubt(sealed, check->certificate, check->fingerprint, check->options->checks);
    if (doubt != NULL)
        kl_audit_report_take(check->report, KL_AUDIT_SIGNATURE, g_strdup(where), doubt);
}

/* The current row. at: the event that was checked last. */
static gboolean
check_checkpoint(KlAuditCheck *check, gint64 at, GError **error)
{
    sqlite3_stmt *query = check->checkpoints;
    g_auto(KlAuditSealed) sealed = {0};
    gint64 n = sqlite3_column_int64(query, 0);
    const char *body = (const char *)sqlite3_column_text(query, 1);
    gsize length = (gsize)sqlite3_column_bytes(query, 1);
    const char *signature = (const char *)sqlite3_column_text(query, 2);
    gsize signature_length = (gsize)sqlite3_column_bytes(query, 2);
    g_autofree char *where = g_strdup_printf("checkpoint %" G_GINT64_FORMAT, n);
    if (body == NULL || signature == NULL || !kl_audit_sealed_read(&sealed, body, length, signature, signature_length))
        kl_audit_report_take(check->report, KL_AUDIT_ALTERED, g_strdup(where), g_strdup("it is no checkpoint"));
    else if (sealed.n != n)
        kl_audit_report_take(check->report, KL_AUDIT_MOVED, g_strdup(where),
                             g_strdup_printf("here stands checkpoint %" G_GINT64_FORMAT, sealed.n));
    else if (n == at)
        kl_audit_check_sealed(check, &sealed, where);
    else
        check_far(check, &sealed, where);
    if (check->is_given && check->given.n == n && n < check->first && g_strcmp0(check->given.body, body) == 0)
        check->is_given = FALSE;
    return claim_checkpoint(check, n, body != NULL ? body : "", length, error);
}

/* --- audit_periods --- */

static gboolean
period_agrees(gint64 through, sqlite3_stmt *query)
{
    g_auto(KlAuditSealed) sealed = {0};
    KlAuditFrontier tree = {.n = (guint64)through};
    guint8 root[KL_HASH_SIZE];
    const char *body = (const char *)sqlite3_column_text(query, 4);
    gsize body_length = (gsize)sqlite3_column_bytes(query, 4);
    if (through < 1 || body == NULL || !kl_audit_sealed_read(&sealed, body, body_length, "", 0))
        return FALSE;
    gsize length = KL_HASH_SIZE * (gsize)kl_audit_frontier_length(tree.n);
    const void *hash = sqlite3_column_blob(query, 1);
    const void *frontier = sqlite3_column_blob(query, 2);
    if (hash == NULL || sqlite3_column_bytes(query, 1) != KL_HASH_SIZE || frontier == NULL ||
        (gsize)sqlite3_column_bytes(query, 2) != length)
        return FALSE;
    memcpy(tree.hashes, frontier, length);
    kl_audit_frontier_root(&tree, root);
    return memcmp(hash, sealed.hash, KL_HASH_SIZE) == 0 && memcmp(root, sealed.root, KL_HASH_SIZE) == 0;
}

/* The checkpoint at a period's end is checked as all checkpoints are: the period has to have its hashes. */
static gboolean
check_period(KlAuditCheck *check, sqlite3_stmt *query, GError **error)
{
    guint8 digest[KL_HASH_SIZE];
    gint64 through = sqlite3_column_int64(query, 0);
    g_autofree char *key = g_strdup_printf("%" G_GINT64_FORMAT, through);
    if (!period_agrees(through, query))
        kl_audit_report_take(check->report, KL_AUDIT_ALTERED, g_strdup_printf("period %s", key),
                             g_strdup("its hashes are not those of its checkpoint"));
    const char *manifest = (const char *)sqlite3_column_text(query, 3);
    gsize length = (gsize)sqlite3_column_bytes(query, 3);
    kl_audit_claim_digest(KL_AUDIT_SPAN(""), (KlAuditSpan){manifest != NULL ? manifest : "", length}, digest);
    return kl_audit_claims_add(check->sealed, KL_AUDIT_CLAIM_PERIOD, (KlAuditSpan){key, strlen(key)}, through, digest,
                               error);
}

static gboolean
check_periods(KlAuditCheck *check, GError **error)
{
    gboolean ok;
    g_autoptr(sqlite3_stmt) query =
        kl_query_values(check->db, error,
                        "SELECT p.through, p.hash, p.frontier, p.manifest_sha256, c.body FROM audit_periods p"
                        " LEFT JOIN audit_checkpoints c ON c.n = p.through ORDER BY p.through",
                        NULL, 0);
    while (kl_each(check->db, query, &ok, error)) {
        if (!check_period(check, query, error))
            return FALSE;
    }
    return ok;
}

/* --- in the order of n --- */

static gboolean
open_checkpoints(KlAuditCheck *check, GError **error)
{
    check->checkpoints =
        kl_query_values(check->db, error, "SELECT n, body, signature FROM audit_checkpoints ORDER BY n", NULL, 0);
    return check->checkpoints != NULL && kl_next(check->db, check->checkpoints, &check->checkpoint_left, error) &&
           check_periods(check, error);
}

gboolean
kl_audit_check_seals(KlAuditCheck *check, gint64 n, GError **error)
{
    if (check->checkpoints == NULL && !open_checkpoints(check, error))
        return FALSE;
    if (check->is_given && check->given.n == n && n >= check->first) {
        check->is_given = FALSE;
        kl_audit_check_sealed(check, &check->given, "given checkpoint");
    }
    while (check->checkpoint_left && sqlite3_column_int64(check->checkpoints, 0) <= n) {
        if (!check_checkpoint(check, n, error) ||
            !kl_next(check->db, check->checkpoints, &check->checkpoint_left, error))
            return FALSE;
    }
    return TRUE;
}

static void
check_given_left(KlAuditCheck *check)
{
    gint64 last = check->next - 1;
    if (!check->is_given)
        return;
    char *doubt = kl_audit_sealed_doubt(&check->given, check->certificate, check->fingerprint, check->options->checks);
    if (doubt != NULL)
        kl_audit_report_take(check->report, KL_AUDIT_SIGNATURE, g_strdup("given checkpoint"), doubt);
    else if (check->given.n > last)
        kl_audit_report_take(check->report, KL_AUDIT_MISSING,
                             g_strdup_printf("events %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT, last + 1, check->given.n),
                             g_strdup("the given checkpoint was signed over them"));
    else
        kl_audit_report_take(check->report, KL_AUDIT_MISSING, g_strdup("given checkpoint"),
                             g_strdup("the journal has nothing that agrees with it"));
}

gboolean
kl_audit_check_seals_left(KlAuditCheck *check, GError **error)
{
    while (check->checkpoint_left) {
        gint64 n = sqlite3_column_int64(check->checkpoints, 0);
        kl_audit_report_take(check->report, KL_AUDIT_MISSING, g_strdup_printf("checkpoint %" G_GINT64_FORMAT, n),
                             g_strdup("the events that it was signed over are not there any more"));
        if (!check_checkpoint(check, -1, error) ||
            !kl_next(check->db, check->checkpoints, &check->checkpoint_left, error))
            return FALSE;
    }
    check_given_left(check);
    return TRUE;
}
