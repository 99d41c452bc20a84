/* Event after event: is each the one that was written, and does it follow from the one before. */
#include <string.h>

#include "db/audit_verify_database.h"
#include "db/statement.h"

#define FORMAT "keyline-audit-1"

KlAuditCheck *
kl_audit_check_new(const KlAuditVerify *options, KlAuditReport *report, GError **error)
{
    KlAuditCheck *check = g_new0(KlAuditCheck, 1);
    check->options = options;
    check->report = report;
    check->told = kl_audit_claims_new(error);
    check->sealed = check->told != NULL ? kl_audit_claims_new(error) : NULL;
    if (check->sealed != NULL && kl_audit_trust_take(&check->anchor, options, NULL, error) &&
        kl_audit_sealed_given(&check->given, options, &check->is_given, error))
        return check;
    kl_audit_check_free(check);
    return NULL;
}

void
kl_audit_check_free(KlAuditCheck *check)
{
    if (check == NULL)
        return;
    sqlite3_finalize(check->checkpoints);
    kl_audit_claims_free(check->told);
    kl_audit_claims_free(check->sealed);
    kl_audit_trust_clear(&check->anchor);
    kl_audit_sealed_clear(&check->given);
    g_free(check->certificate);
    g_free(check->fingerprint);
    g_free(check->head_frontier);
    g_free(check);
}

G_GNUC_PRINTF(4, 5)
static void
find_at(KlAuditCheck *check, KlAuditFault fault, gint64 n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    kl_audit_report_take(check->report, fault, g_strdup_printf("event %" G_GINT64_FORMAT, n),
                         g_strdup_vprintf(format, args));
    va_end(args);
}

static void
find_range(KlAuditCheck *check, KlAuditFault fault, gint64 first, gint64 last, const char *words)
{
    if (first == last)
        find_at(check, fault, first, "%s", words);
    else
        kl_audit_report_take(check->report, fault,
                             g_strdup_printf("events %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT, first, last),
                             g_strdup(words));
}

/* --- where it begins and ends --- */

static gboolean
read_head(KlAuditCheck *check, sqlite3 *db, GError **error)
{
    gboolean row = FALSE;
    g_autoptr(sqlite3_stmt) query =
        kl_query_values(db, error, "SELECT journal, n, hash, frontier FROM audit_head LIMIT 1", NULL, 0);
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    if (!row)
        return TRUE;
    check->report->journal = kl_column_text(query, 0);
    check->head_n = sqlite3_column_int64(query, 1);
    const void *hash = sqlite3_column_blob(query, 2);
    if (hash != NULL && sqlite3_column_bytes(query, 2) == KL_HASH_SIZE)
        memcpy(check->head_hash, hash, KL_HASH_SIZE);
    const void *frontier = sqlite3_column_blob(query, 3);
    check->head_frontier_length = (gsize)sqlite3_column_bytes(query, 3);
    check->head_frontier = g_memdup2(frontier, check->head_frontier_length);
    return TRUE;
}

/* The end of a period, after which the events begin. */
static void
take_state(KlAuditCheck *check, sqlite3_stmt *query)
{
    check->first = sqlite3_column_int64(query, 0) + 1;
    check->tree.n = (guint64)check->first - 1;
    const void *hash = sqlite3_column_blob(query, 1);
    if (hash != NULL && sqlite3_column_bytes(query, 1) == KL_HASH_SIZE)
        memcpy(check->hash, hash, KL_HASH_SIZE);
    gsize length = KL_HASH_SIZE * (gsize)kl_audit_frontier_length(check->tree.n);
    const void *frontier = sqlite3_column_blob(query, 2);
    if (frontier != NULL && (gsize)sqlite3_column_bytes(query, 2) == length)
        memcpy(check->tree.hashes, frontier, length);
    else
        check->tree_broken = TRUE;
}

static gboolean
find_beginning(KlAuditCheck *check, sqlite3 *db, GError **error)
{
    gint64 lowest = 0;
    gboolean row = FALSE;
    check->first = 1;
    if (!kl_get_int_values(db, &lowest, error, "SELECT coalesce(min(n), 0x7fffffffffffffff) FROM audit_events", NULL,
                           0) ||
        !kl_get_int_values(db, &check->closed, error, "SELECT coalesce(max(through), 0) FROM audit_periods", NULL, 0))
        return FALSE;
    g_autoptr(sqlite3_stmt) query = kl_query(db, error,
                                             "SELECT through, hash, frontier FROM audit_periods"
                                             " WHERE through < ?1 AND through > 0 ORDER BY through DESC LIMIT 1",
                                             kl_int(lowest));
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    if (row)
        take_state(check, query);
    if (lowest < check->first)
        find_at(check, KL_AUDIT_ADDED, lowest, "the journal begins behind it");
    check->next = check->first;
    return TRUE;
}

/* Where the first events are pruned, the certificate that signs next is told of behind the period's end. */
static gboolean
find_key(KlAuditCheck *check, sqlite3 *db, GError **error)
{
    gboolean row = FALSE;
    KlAuditEvent event;
    if (check->first == 1)
        return TRUE;
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT body FROM audit_events WHERE n >= ?1 AND type = 'audit-key' ORDER BY n LIMIT 1",
                 kl_int(check->first));
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    const char *body = row ? (const char *)sqlite3_column_text(query, 0) : NULL;
    if (body != NULL && kl_audit_scan_event(body, (gsize)sqlite3_column_bytes(query, 0), &event))
        kl_audit_check_take_key(check, &event);
    if (check->certificate == NULL && check->anchor.certificate != NULL) {
        check->certificate = g_strdup(check->anchor.certificate);
        check->fingerprint = g_strdup(check->anchor.fingerprint);
    }
    return TRUE;
}

gboolean
kl_audit_check_begin(KlAuditCheck *check, sqlite3 *db, GError **error)
{
    check->db = db;
    return read_head(check, db, error) && find_beginning(check, db, error) && find_key(check, db, error) &&
           kl_audit_check_seals(check, check->first - 1, error);
}

/* --- one event --- */

/* FALSE: it does not follow from the one before. Also settles what was open about that one: had its hash been altered,
 * its body is good, and this one follows from that. */
static gboolean
follows(KlAuditCheck *check, const KlAuditRow *row)
{
    guint8 hash[KL_HASH_SIZE];
    gboolean suspect = check->suspect > 0;
    check->suspect = 0;
    if (check->gap)
        return TRUE;
    if (row->hash_good && memcmp(row->computed, row->hash, KL_HASH_SIZE) == 0) {
        check->tree_broken = check->tree_broken || suspect;
        return TRUE;
    }
    if (suspect) {
        kl_audit_chain(check->suspect_hash, row->body.at, row->body.length, hash);
        if (row->hash_good && memcmp(hash, row->hash, KL_HASH_SIZE) == 0)
            return TRUE;
        check->tree_broken = TRUE;
    }
    check->suspect = row->n;
    memcpy(check->suspect_hash, row->computed, KL_HASH_SIZE);
    return FALSE;
}

static void
check_body(KlAuditCheck *check, const KlAuditRow *row)
{
    gboolean following = follows(check, row);
    if (!row->sound)
        find_at(check, KL_AUDIT_ALTERED, row->n, "its body is no event of this format");
    else if (row->event.n != row->n)
        find_at(check, KL_AUDIT_MOVED, row->n, "here stands event %" G_GINT64_FORMAT, row->event.n);
    else if (!row->agrees)
        find_at(check, KL_AUDIT_ALTERED, row->n, "its columns are not what its body says");
    else if (!following)
        find_at(check, KL_AUDIT_ALTERED, row->n, "it does not follow from what was before it");
}

static gboolean
is_type(const KlAuditRow *row, const char *type)
{
    return row->sound && kl_audit_span_is(row->event.type, type, strlen(type));
}

/* Event 1 names the journal. */
static void
check_begins(KlAuditCheck *check, const KlAuditRow *row)
{
    const char *journal = check->report->journal;
    KlAuditSpan format = kl_audit_scan_raw(kl_audit_scan_find(row->event.data, "format"));
    KlAuditSpan named = kl_audit_scan_raw(kl_audit_scan_find(row->event.data, "journal"));
    if (!is_type(row, "journal-begin") || !kl_audit_span_is(format, FORMAT, strlen(FORMAT)))
        find_at(check, KL_AUDIT_ALTERED, row->n, "it does not begin a journal of this format");
    else if (journal != NULL && !kl_audit_span_is(named, journal, strlen(journal)))
        kl_audit_report_take(check->report, KL_AUDIT_ALTERED, g_strdup("head"),
                             g_strdup("it names another journal than event 1"));
}

static gboolean
tell(KlAuditCheck *check, const KlAuditRow *row, GError **error)
{
    if (!row->sound || row->claim == KL_AUDIT_N_CLAIMS ||
        (row->claim < KL_AUDIT_CLAIM_CHECKPOINT && row->n <= check->closed))
        return TRUE;
    KlAuditSpan key = row->key.at != NULL ? row->key : KL_AUDIT_SPAN("");
    return kl_audit_claims_add(check->told, (KlAuditClaimKind)row->claim, key, row->n, row->digest, error) &&
           (row->superseded.at == NULL || kl_audit_claims_add(check->told, KL_AUDIT_CLAIM_SUPERSEDED, row->superseded,
                                                              row->n, row->superseded_digest, error));
}

static void
check_gap(KlAuditCheck *check, gint64 n)
{
    if (n == check->next)
        return;
    find_range(check, KL_AUDIT_MISSING, check->next, n - 1, "not there any more");
    check->gap = TRUE;
    check->tree_broken = TRUE;
}

gboolean
kl_audit_check_row(const KlAuditRow *row, gpointer data, GError **error)
{
    KlAuditCheck *check = data;
    if (row->n < check->next) {
        find_at(check, KL_AUDIT_ADDED, row->n, "another event of this number is there");
        return TRUE;
    }
    check_gap(check, row->n);
    check_body(check, row);
    if (row->n == 1)
        check_begins(check, row);
    if (!check->gap)
        kl_audit_frontier_add(&check->tree, row->leaf);
    memcpy(check->hash, row->hash, KL_HASH_SIZE);
    check->gap = FALSE;
    check->next = row->n + 1;
    check->report->events++;
    check->report->last = row->n;
    if (check->report->first == 0)
        check->report->first = row->n;
    if (is_type(row, "audit-key") && !kl_audit_check_take_key(check, &row->event))
        find_at(check, KL_AUDIT_ALTERED, row->n, "the certificate in it is none, or not the one that it names");
    return tell(check, row, error) && kl_audit_check_seals(check, row->n, error);
}

/* --- behind the last event --- */

static gboolean
head_agrees(const KlAuditCheck *check)
{
    if (memcmp(check->head_hash, check->hash, KL_HASH_SIZE) != 0 &&
        (check->suspect == 0 || memcmp(check->head_hash, check->suspect_hash, KL_HASH_SIZE) != 0))
        return FALSE;
    if (check->tree_broken || check->suspect > 0)
        return TRUE;
    gsize length = KL_HASH_SIZE * (gsize)kl_audit_frontier_length(check->tree.n);
    return check->head_frontier_length == length && memcmp(check->head_frontier, check->tree.hashes, length) == 0;
}

static void
check_head(KlAuditCheck *check)
{
    gint64 last = check->next - 1;
    if (check->head_n == 0 && check->report->events == 0)
        kl_audit_report_take(check->report, KL_AUDIT_MISSING, g_strdup("journal"),
                             g_strdup("it has not begun, or all of it was taken out"));
    else if (check->head_n == 0)
        kl_audit_report_take(check->report, KL_AUDIT_MISSING, g_strdup("head"),
                             g_strdup("where the journal ends is not there any more"));
    else if (check->head_n > last)
        find_range(check, KL_AUDIT_MISSING, last + 1, check->head_n, "the journal ended behind them");
    else if (check->head_n < last)
        find_range(check, KL_AUDIT_ADDED, MAX(check->head_n, 0) + 1, last, "the journal ended before them");
    else if (!head_agrees(check))
        kl_audit_report_take(check->report, KL_AUDIT_ALTERED, g_strdup("head"),
                             g_strdup("its hashes are not those of the events"));
}

static void
check_anchor(KlAuditCheck *check)
{
    KlAuditReport *report = check->report;
    report->certificate_sha256 = g_strdup(check->fingerprint);
    report->anchored = check->anchor.from_outside;
    if (!check->anchor.from_outside || g_strcmp0(check->anchor.fingerprint, check->fingerprint) == 0)
        return;
    char *where =
        check->key_event > 0 ? g_strdup_printf("event %" G_GINT64_FORMAT, check->key_event) : g_strdup("journal");
    kl_audit_report_take(report, KL_AUDIT_SIGNATURE, where,
                         g_strdup_printf("from here on %.16s... signs, not the certificate to be trusted, %.16s...",
                                         check->fingerprint != NULL ? check->fingerprint : "nobody",
                                         check->anchor.fingerprint));
}

/* Anybody can name a certificate, and so show another one's checkpoints under its name: only what it signs from there
 * on counts. A journal that has only just begun may have nothing signed yet, unless the certificate came from outside.
 */
static void
check_key_signs(KlAuditCheck *check)
{
    gint64 through = check->report->through;
    if (check->key_event > through && (through > 0 || check->anchor.from_outside))
        find_at(check, KL_AUDIT_SIGNATURE, check->key_event, "the certificate that it names has signed nothing since");
}

gboolean
kl_audit_check_end(KlAuditCheck *check, GError **error)
{
    check_head(check);
    check_anchor(check);
    if (!kl_audit_check_seals_left(check, error))
        return FALSE;
    check_key_signs(check);
    return TRUE;
}
