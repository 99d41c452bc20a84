/* The ledger: which certificates were issued, for whom, and what became of them. */
#include "db/audit_events.h"
#include "db/statement.h"
#include "db/store_parts.h"
#include "station/error.h"

/* The first columns of every query that reads certificates, in the order of read_certificate(). */
#define CERTIFICATE_COLUMNS                                                                                            \
    "certificates.der, certificates.chain, certificates.sha256, certificates.spki_sha256, certificates.serial,"        \
    " certificates.subject, certificates.issuer, certificates.not_before, certificates.not_after,"                     \
    " certificates.places"
#define N_CERTIFICATE_COLUMNS 10

static gboolean
is_sha256_of(const char *sha256, GBytes *der)
{
    g_autofree char *computed = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, der);
    return g_strcmp0(sha256, computed) == 0;
}

/* SQLite keeps no checksums of its own: a bit that fell over in the file shows here. */
static KlCertificate *
read_certificate(sqlite3_stmt *query, GError **error)
{
    g_autoptr(KlCertificate) certificate = g_new0(KlCertificate, 1);
    certificate->der = kl_column_bytes(query, 0);
    certificate->chain_pem = kl_column_text(query, 1);
    certificate->sha256 = kl_column_text(query, 2);
    certificate->spki_sha256 = kl_column_text(query, 3);
    certificate->serial = kl_column_text(query, 4);
    certificate->subject = kl_column_text(query, 5);
    certificate->issuer = kl_column_text(query, 6);
    certificate->not_before = sqlite3_column_int64(query, 7);
    certificate->not_after = sqlite3_column_int64(query, 8);
    certificate->places = kl_column_text(query, 9);
    if (is_sha256_of(certificate->sha256, certificate->der))
        return g_steal_pointer(&certificate);
    kl_fail(error, KL_ERROR_STORE_CORRUPT, "certificate %s in the ledger does not have that hash", certificate->sha256);
    return NULL;
}

gboolean
kl_store_live_certificate(sqlite3 *db, const char *imei, KlCertificate **certificate, GError **error)
{
    g_autoptr(sqlite3_stmt) query = kl_query(db, error,
                                             "SELECT " CERTIFICATE_COLUMNS " FROM certificates"
                                             " WHERE imei = ?1 AND superseded_us IS NULL AND revoked_us IS NULL",
                                             kl_text(imei));
    gboolean row;
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    *certificate = row ? read_certificate(query, error) : NULL;
    return !row || *certificate != NULL;
}

typedef struct {
    const char *job;
    const char *imei;
    const char *csr_sha256;
    const KlCertificate *certificate;
    const char *supersede_reason;
    gboolean queue;
} IssuedCall;

/* A certificate that is in the ledger already may come again for the same unit, while it is live: a broken-off job's
 * that was looked up. Anything else that repeats a hash or a serial number is the signer's fault. */
static gboolean
find_earlier(sqlite3 *db, const IssuedCall *call, gboolean *same, GError **error)
{
    const KlCertificate *c = call->certificate;
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error,
                 "SELECT sha256 = ?1 AND imei = ?2 AND status = 'live', imei, status FROM certificates"
                 " WHERE sha256 = ?1 OR (issuer = ?3 AND serial = ?4)",
                 kl_text(c->sha256), kl_text(call->imei), kl_text(c->issuer), kl_text(c->serial));
    gboolean row;
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    *same = row && sqlite3_column_int(query, 0) != 0;
    if (row && !*same)
        return kl_fail(error, KL_ERROR_ISSUED_WRONG,
                       "certificate %s, serial %s, was issued before: to unit %s, and is %s", c->sha256, c->serial,
                       (const char *)sqlite3_column_text(query, 1), (const char *)sqlite3_column_text(query, 2));
    return TRUE;
}

static gboolean
supersede(sqlite3 *db, const IssuedCall *call, char **superseded, GError **error)
{
    g_autofree char *live = NULL;
    if (!kl_get_text(db, &live, error,
                     "SELECT sha256 FROM certificates"
                     " WHERE imei = ?1 AND superseded_us IS NULL AND revoked_us IS NULL",
                     kl_text(call->imei)))
        return FALSE;
    if (live == NULL)
        return TRUE;
    if (call->supersede_reason == NULL || *call->supersede_reason == '\0')
        return kl_fail(error, KL_ERROR_INTERNAL, "unit %s has live certificate %s, and no reason to supersede it",
                       call->imei, live);
    if (!kl_run(db, error, "UPDATE certificates SET superseded_us = ?2, supersede_reason = ?3 WHERE sha256 = ?1",
                kl_text(live), kl_int(g_get_real_time()), kl_text(call->supersede_reason)) ||
        !kl_store_queue_cleanup(db, live, call->job, call->queue, error))
        return FALSE;
    *superseded = g_steal_pointer(&live);
    return TRUE;
}

static gboolean
enter(sqlite3 *db, const IssuedCall *call, GError **error)
{
    const KlCertificate *c = call->certificate;
    if (!is_sha256_of(c->sha256, c->der))
        return kl_fail(error, KL_ERROR_INTERNAL, "certificate %s does not have that hash", c->sha256);
    g_autofree char *superseded = NULL;
    return supersede(db, call, &superseded, error) &&
           kl_run(db, error,
                  "INSERT INTO certificates (sha256, imei, spki_sha256, csr_sha256, job, serial, subject, issuer,"
                  " not_before, not_after, der, chain, issued_us, places)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                  kl_text(c->sha256), kl_text(call->imei), kl_text(c->spki_sha256), kl_text(call->csr_sha256),
                  kl_text(call->job), kl_text(c->serial), kl_text(c->subject), kl_text(c->issuer),
                  kl_int(c->not_before), kl_int(c->not_after), kl_bytes(c->der), kl_text(c->chain_pem),
                  kl_int(g_get_real_time()), kl_text(c->places)) &&
           kl_audit_issue(db, call->job, call->imei, call->csr_sha256, c, superseded, call->supersede_reason, error);
}

/* The job's row names the certificate at once, so that the record of a job that is broken off leads to it. */
static gboolean
do_issued(sqlite3 *db, gpointer data, GError **error)
{
    const IssuedCall *call = data;
    gboolean same = FALSE;
    return kl_store_require_job(db, call->job, call->imei, error) && find_earlier(db, call, &same, error) &&
           (same || enter(db, call, error)) &&
           kl_run(db, error, "UPDATE jobs SET certificate = ?2 WHERE id = ?1", kl_text(call->job),
                  kl_text(call->certificate->sha256)) &&
           kl_store_close_intent(db, call->imei, KL_INTENT_ISSUE, error) &&
           kl_store_close_intent(db, call->imei, KL_INTENT_REPROVISION, error);
}

gboolean
kl_store_issued(KlStore *store, const char *job, const char *imei, const char *csr_sha256,
                const KlCertificate *certificate, const char *supersede_reason, GError **error)
{
    IssuedCall call = {job, imei, csr_sha256, certificate, supersede_reason, kl_store_queues(store)};
    return kl_store_write(store, do_issued, &call, error);
}

typedef struct {
    const char *sha256;
    const char *reason;
    gboolean queue;
} RevokeCall;

static gboolean
do_revoke(sqlite3 *db, gpointer data, GError **error)
{
    const RevokeCall *call = data;
    g_autofree char *status = NULL;
    if (!kl_get_text(db, &status, error, "SELECT status FROM certificates WHERE sha256 = ?1", kl_text(call->sha256)))
        return FALSE;
    if (status == NULL)
        return kl_fail(error, KL_ERROR_CERTIFICATE_UNKNOWN, "no certificate %s in the ledger", call->sha256);
    return kl_run(db, error,
                  "UPDATE certificates SET revoked_us = ?2, revoke_reason = ?3"
                  " WHERE sha256 = ?1 AND revoked_us IS NULL",
                  kl_text(call->sha256), kl_int(g_get_real_time()), kl_text(call->reason)) &&
           (sqlite3_changes(db) == 0 || (kl_store_queue_cleanup(db, call->sha256, NULL, call->queue, error) &&
                                         kl_audit_revoke(db, call->sha256, call->reason, error)));
}

gboolean
kl_store_revoke(KlStore *store, const char *certificate_sha256, const char *reason, GError **error)
{
    g_autofree char *sha256 = g_ascii_strdown(certificate_sha256, -1);
    gboolean told = reason != NULL && *reason != '\0';
    RevokeCall call = {sha256, told ? reason : "unspecified", kl_store_queues(store)};
    return kl_store_write(store, do_revoke, &call, error);
}

typedef struct {
    const char *identifier;
    const char *lower; /* the identifier, as hashes and serial numbers are written */
    int status;
    GPtrArray *entries;
} LedgerCall;

static KlCertificateStatus
status_from_name(const char *name)
{
    if (g_strcmp0(name, "live") == 0)
        return KL_CERTIFICATE_LIVE;
    return g_strcmp0(name, "superseded") == 0 ? KL_CERTIFICATE_SUPERSEDED : KL_CERTIFICATE_REVOKED;
}

static KlLedgerEntry *
read_entry(sqlite3_stmt *query, GError **error)
{
    KlCertificate *certificate = read_certificate(query, error);
    if (certificate == NULL)
        return NULL;
    KlLedgerEntry *entry = g_new0(KlLedgerEntry, 1);
    int column = N_CERTIFICATE_COLUMNS;
    entry->certificate = certificate;
    entry->status = status_from_name((const char *)sqlite3_column_text(query, column++));
    entry->imei = kl_column_text(query, column++);
    entry->device_id = kl_column_text(query, column++);
    entry->job = kl_column_text(query, column++);
    entry->issued_us = sqlite3_column_int64(query, column++);
    entry->reason = kl_column_text(query, column++);
    entry->ended_us = sqlite3_column_int64(query, column);
    return entry;
}

static sqlite3_stmt *
query_ledger(sqlite3 *db, const LedgerCall *call, GError **error)
{
#define SELECT_LEDGER                                                                                                  \
    "SELECT " CERTIFICATE_COLUMNS ", certificates.status, certificates.imei, units.device_id, certificates.job,"       \
    " certificates.issued_us, coalesce(revoke_reason, supersede_reason), coalesce(revoked_us, superseded_us)"          \
    " FROM certificates JOIN units ON units.imei = certificates.imei "
    if (call->identifier == NULL)
        return kl_query(db, error, SELECT_LEDGER "ORDER BY certificates.number");
    return kl_query(db, error,
                    SELECT_LEDGER "WHERE certificates.number IN ("
                                  "SELECT number FROM certificates WHERE imei = ?1 OR sha256 = ?2 OR serial = ?2 "
                                  "UNION SELECT c.number FROM certificates c JOIN units u ON u.imei = c.imei"
                                  " WHERE u.device_id = ?1) ORDER BY certificates.number",
                    kl_text(call->identifier), kl_text(call->lower));
#undef SELECT_LEDGER
}

static gboolean
do_ledger(sqlite3 *db, gpointer data, GError **error)
{
    LedgerCall *call = data;
    g_autoptr(sqlite3_stmt) query = query_ledger(db, call, error);
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        KlLedgerEntry *entry = read_entry(query, error);
        if (entry == NULL)
            return FALSE;
        if (call->status < 0 || (int)entry->status == call->status)
            g_ptr_array_add(call->entries, entry);
        else
            kl_ledger_entry_free(entry);
    }
    return ok;
}

GPtrArray *
kl_store_ledger(KlStore *store, const char *identifier, int status, GError **error)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func((GDestroyNotify)kl_ledger_entry_free);
    g_autofree char *lower = identifier != NULL ? g_ascii_strdown(identifier, -1) : NULL;
    LedgerCall call = {identifier, lower, status, entries};
    return kl_store_read(store, do_ledger, &call, error) ? g_steal_pointer(&entries) : NULL;
}
