/* The seal on the journal: its key, noted once; and the checkpoints. */
#include <string.h>

#include "db/audit.h"
#include "db/audit_head.h"
#include "db/statement.h"
#include "station/error.h"
#include "station/store.h"

static gboolean
require_seal(KlSeal *seal, GError **error)
{
    return seal != NULL || kl_fail(error, KL_ERROR_SEAL_MISSING, "there is no seal to sign a checkpoint with");
}

static void
write_hex(KlCanonical *writer, const char *name, const guint8 hash[KL_HASH_SIZE])
{
    char text[2 * KL_HASH_SIZE + 1];
    for (guint i = 0; i < KL_HASH_SIZE; i++)
        g_snprintf(text + 2 * i, 3, "%02x", hash[i]);
    kl_canonical_text(writer, name, text);
}

static char *
make_checkpoint(const KlAuditHead *head, KlSeal *seal, const char *station, const char *reason)
{
    guint8 root[KL_HASH_SIZE];
    kl_audit_frontier_root(&head->frontier, root);
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "certificate_sha256", seal->klass->fingerprint(seal));
    kl_canonical_text(writer, "format", "keyline-audit-checkpoint-1");
    write_hex(writer, "hash", head->hash);
    kl_canonical_text(writer, "journal", head->journal);
    kl_canonical_number(writer, "n", (gint64)head->frontier.n);
    kl_canonical_text(writer, "reason", reason);
    write_hex(writer, "root", root);
    kl_canonical_text(writer, "station", station);
    kl_canonical_number(writer, "time_us", g_get_real_time());
    return kl_canonical_finish(writer);
}

static char *
make_line(const char *body, const char *signature)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "body", body);
    kl_canonical_text(writer, "signature", signature);
    return kl_canonical_finish(writer);
}

/* Which event says that there is a checkpoint over the n before it. */
static gboolean
note_checkpoint(sqlite3 *db, const char *body, gint64 n, const char *reason, GError **error)
{
    g_autofree char *sha256 = g_compute_checksum_for_string(G_CHECKSUM_SHA256, body, -1);
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_number(writer, "n", n);
    kl_canonical_text(writer, "reason", reason);
    kl_canonical_text(writer, "sha256", sha256);
    g_autofree char *data = kl_canonical_finish(writer);
    return kl_audit_append(db, "checkpoint", NULL, NULL, data, error);
}

/* *line: the last checkpoint's, when nothing but its own event came after it; else NULL. */
static gboolean
find_still_good(sqlite3 *db, const KlAuditHead *head, char **line, GError **error)
{
    gboolean row = FALSE;
    g_autoptr(sqlite3_stmt) query = kl_query(db, error, "SELECT body, signature FROM audit_checkpoints WHERE n = ?1",
                                             kl_int((gint64)head->frontier.n - 1));
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    if (row)
        *line = make_line((const char *)sqlite3_column_text(query, 0), (const char *)sqlite3_column_text(query, 1));
    return TRUE;
}

static gboolean
sign_checkpoint(sqlite3 *db, KlSeal *seal, const char *station, const char *reason, char **line, GError **error)
{
    KlAuditHead head;
    if (!kl_audit_head_read(db, &head, error))
        return FALSE;
    gint64 n = (gint64)head.frontier.n;
    g_autofree char *body = make_checkpoint(&head, seal, station, reason);
    g_autofree char *signature = seal->klass->sign(seal, body, strlen(body), error);
    if (signature == NULL ||
        !kl_run(db, error, "INSERT INTO audit_checkpoints (n, body, signature) VALUES (?1, ?2, ?3)", kl_int(n),
                kl_text(body), kl_text(signature)) ||
        !note_checkpoint(db, body, n, reason, error))
        return FALSE;
    *line = make_line(body, signature);
    return TRUE;
}

gboolean
kl_audit_checkpoint(sqlite3 *db, KlSeal *seal, const char *station, const char *reason, char **line, GError **error)
{
    KlAuditHead head;
    g_autofree char *made = NULL;
    if (!require_seal(seal, error) || !kl_audit_begin(db, error) || !kl_audit_head_read(db, &head, error) ||
        !find_still_good(db, &head, &made, error) ||
        (made == NULL && !sign_checkpoint(db, seal, station, reason, &made, error)))
        return FALSE;
    if (line != NULL)
        *line = g_steal_pointer(&made);
    return TRUE;
}

/* *known: whose certificate the journal has noted last, or NULL. The caller frees it. */
static gboolean
find_known(sqlite3 *db, char **known, GError **error)
{
    return kl_get_text_values(db, known, error,
                              "SELECT json_extract(body, '$.data.certificate_sha256') FROM audit_events"
                              " WHERE type = 'audit-key' ORDER BY n DESC LIMIT 1",
                              NULL, 0);
}

/* A program that has the station's seal open does not notice when the station gets another one: from then on only that
 * one signs. */
static gboolean
sign_if_still_ours(sqlite3 *db, KlSeal *seal, const char *station, GError **error)
{
    g_autofree char *known = NULL;
    if (!require_seal(seal, error) || !find_known(db, &known, error))
        return FALSE;
    return (known != NULL && strcmp(known, seal->klass->fingerprint(seal)) != 0) ||
           kl_audit_checkpoint(db, seal, station, "count", NULL, error);
}

gboolean
kl_audit_checkpoint_due(sqlite3 *db, KlSeal *seal, const char *station, GError **error)
{
    gboolean row = FALSE;
    sqlite3_stmt *query =
        kl_query_kept(db, error, "SELECT n - coalesce((SELECT max(n) + 1 FROM audit_checkpoints), 0) FROM audit_head");
    gboolean ok = query != NULL && kl_next(db, query, &row, error);
    gint64 since = ok && row ? sqlite3_column_int64(query, 0) : 0;
    sqlite3_reset(query);
    if (!ok)
        return FALSE;
    return since < KL_AUDIT_CHECKPOINT_EVERY || sign_if_still_ours(db, seal, station, error);
}

gboolean
kl_audit_use_seal(sqlite3 *db, KlSeal *seal, const char *station, GError **error)
{
    g_autofree char *known = NULL;
    if (!find_known(db, &known, error))
        return FALSE;
    const char *fingerprint = seal->klass->fingerprint(seal);
    if (g_strcmp0(known, fingerprint) == 0)
        return TRUE;
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "certificate", seal->klass->certificate(seal));
    kl_canonical_text(writer, "certificate_sha256", fingerprint);
    kl_canonical_text(writer, "reason", known != NULL ? "the station has another seal" : NULL);
    kl_canonical_text(writer, "station", station);
    g_autofree char *data = kl_canonical_finish(writer);
    /* One that takes over signs at once: a name alone would be nobody's. */
    return kl_audit_append(db, "audit-key", NULL, NULL, data, error) &&
           (known == NULL || kl_audit_checkpoint(db, seal, station, "request", NULL, error));
}
