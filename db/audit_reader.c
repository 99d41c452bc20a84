#include "db/audit_reader.h"

#include <string.h>

#include "db/statement.h"
#include "station/error.h"
#include "station/json_member.h"

/* --- hex --- */

void
kl_audit_hex(const guint8 *bytes, gsize length, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (gsize i = 0; i < length; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
}

gboolean
kl_audit_unhex(const char *text, guint8 *bytes, gsize length)
{
    if (text == NULL || strlen(text) != 2 * length)
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        int high = g_ascii_xdigit_value(text[2 * i]), low = g_ascii_xdigit_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return FALSE;
        bytes[i] = (guint8)(high << 4 | low);
    }
    return TRUE;
}

/* --- a checkpoint --- */

static JsonNode *
parse_object(const char *text)
{
    JsonNode *node = text != NULL ? json_from_string(text, NULL) : NULL;
    if (node != NULL && JSON_NODE_HOLDS_OBJECT(node))
        return node;
    g_clear_pointer(&node, json_node_unref);
    return NULL;
}

static gboolean
take_body(KlAuditCheckpoint *checkpoint)
{
    g_autoptr(JsonNode) node = parse_object(checkpoint->body);
    if (node == NULL)
        return FALSE;
    JsonObject *body = json_node_get_object(node);
    guint8 hash[KL_HASH_SIZE];
    gint64 n = kl_member_number(body, "n");
    checkpoint->n = (guint64)MAX(n, 0);
    checkpoint->hash = g_strdup(kl_member_text(body, "hash"));
    checkpoint->certificate_sha256 = g_strdup(kl_member_text(body, "certificate_sha256"));
    return n > 0 && checkpoint->certificate_sha256 != NULL && kl_audit_unhex(checkpoint->hash, hash, sizeof hash) &&
           kl_audit_unhex(kl_member_text(body, "root"), checkpoint->root, sizeof checkpoint->root);
}

gboolean
kl_audit_checkpoint_parse(const char *line, KlAuditCheckpoint *checkpoint, GError **error)
{
    *checkpoint = (KlAuditCheckpoint){0};
    g_autoptr(JsonNode) node = parse_object(line);
    if (node != NULL) {
        JsonObject *object = json_node_get_object(node);
        checkpoint->body = g_strdup(kl_member_text(object, "body"));
        checkpoint->signature = g_strdup(kl_member_text(object, "signature"));
    }
    if (checkpoint->signature != NULL && take_body(checkpoint))
        return TRUE;
    return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "this is no checkpoint: %.200s", line);
}

void
kl_audit_checkpoint_clear(KlAuditCheckpoint *checkpoint)
{
    g_free(checkpoint->body);
    g_free(checkpoint->signature);
    g_free(checkpoint->hash);
    g_free(checkpoint->certificate_sha256);
}

/* --- the journal --- */

static gboolean
read_checkpoint(KlAuditReader *reader, const char *line, GError **error)
{
    if (line != NULL)
        return kl_audit_checkpoint_parse(line, &reader->checkpoint, error);
    gboolean row = FALSE;
    g_autoptr(sqlite3_stmt) query =
        kl_query(reader->db, error, "SELECT body, signature, n FROM audit_checkpoints ORDER BY n DESC LIMIT 1");
    if (query == NULL || !kl_next(reader->db, query, &row, error))
        return FALSE;
    if (!row)
        return kl_fail(error, KL_ERROR_SEAL_MISSING, "the journal has no checkpoint yet");
    reader->checkpoint.body = kl_column_text(query, 0);
    reader->checkpoint.signature = kl_column_text(query, 1);
    if (!take_body(&reader->checkpoint) || reader->checkpoint.n != (guint64)sqlite3_column_int64(query, 2))
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "checkpoint %lld can't be read", sqlite3_column_int64(query, 2));
    return TRUE;
}

/* *n: of the last event, 0 when there is none. */
static gboolean
read_head(KlAuditReader *reader, guint64 *n, GError **error)
{
    gboolean row = FALSE;
    g_autoptr(sqlite3_stmt) query = kl_query(reader->db, error, "SELECT journal, n FROM audit_head");
    if (query == NULL || !kl_next(reader->db, query, &row, error))
        return FALSE;
    *n = row ? (guint64)sqlite3_column_int64(query, 1) : 0;
    reader->journal = row ? kl_column_text(query, 0) : NULL;
    return TRUE;
}

static gboolean
check_head(const KlAuditReader *reader, guint64 n, GError **error)
{
    return n >= reader->checkpoint.n ||
           kl_fail(error, KL_ERROR_AUDIT_BROKEN,
                   "the journal ends at %" G_GUINT64_FORMAT ", before its checkpoint %" G_GUINT64_FORMAT, n,
                   reader->checkpoint.n);
}

static gboolean
take_frontier(KlAuditReader *reader, sqlite3_stmt *query, GError **error)
{
    KlAuditFrontier *pruned = &reader->pruned;
    pruned->n = (guint64)sqlite3_column_int64(query, 0);
    const void *hashes = sqlite3_column_blob(query, 1);
    gsize length = (gsize)sqlite3_column_bytes(query, 1);
    if (length != (gsize)kl_audit_frontier_length(pruned->n) * KL_HASH_SIZE || length == 0)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "the period through %" G_GUINT64_FORMAT " has no tree", pruned->n);
    memcpy(pruned->hashes, hashes, length);
    return TRUE;
}

/* Events are pruned from the journal's beginning up to where a period ended; until that is done, what is left of the
 * period counts as gone. */
static gboolean
read_pruned(KlAuditReader *reader, GError **error)
{
    gboolean row = FALSE;
    gint64 first = 0;
    if (!kl_get_int(reader->db, &first, error, "SELECT min(n) FROM audit_events"))
        return FALSE;
    reader->first = 1;
    if (first == 1)
        return TRUE;
    g_autoptr(sqlite3_stmt) query = kl_query(
        reader->db, error,
        "SELECT through, frontier FROM audit_periods WHERE through >= ?1 - 1 ORDER BY through LIMIT 1", kl_int(first));
    if (query == NULL || !kl_next(reader->db, query, &row, error))
        return FALSE;
    if (!row)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN,
                       "the journal's first event is %" G_GINT64_FORMAT ", and no period was closed", first);
    if (!take_frontier(reader, query, error))
        return FALSE;
    reader->first = reader->pruned.n + 1;
    if (reader->checkpoint.n < reader->pruned.n)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN,
                       "checkpoint %" G_GUINT64_FORMAT " lies in a period that was closed and pruned",
                       reader->checkpoint.n);
    return TRUE;
}

static KlAuditReader *
open_reader(const char *database, GError **error)
{
    g_autoptr(KlAuditReader) reader = g_new0(KlAuditReader, 1);
    reader->db = kl_database_open(database, TRUE, error);
    return reader->db != NULL && kl_database_exec(reader->db, "BEGIN", error) ? g_steal_pointer(&reader) : NULL;
}

static void
leave_out_later(KlAuditReader *reader)
{
    reader->later = g_strdup_printf(
        "j.outcome <> 'RUNNING' AND j.id NOT IN (SELECT job FROM audit_events WHERE n > %" G_GUINT64_FORMAT
        " AND job NOT NULL)",
        reader->checkpoint.n);
}

KlAuditReader *
kl_audit_reader_open(const char *database, const char *checkpoint, GError **error)
{
    guint64 n = 0;
    g_autoptr(KlAuditReader) reader = open_reader(database, error);
    if (reader == NULL || !read_checkpoint(reader, checkpoint, error) || !read_head(reader, &n, error) ||
        !check_head(reader, n, error) || !read_pruned(reader, error))
        return NULL;
    leave_out_later(reader);
    return g_steal_pointer(&reader);
}

KlAuditReader *
kl_audit_reader_open_head(const char *database, GError **error)
{
    g_autoptr(KlAuditReader) reader = open_reader(database, error);
    if (reader == NULL || !read_head(reader, &reader->checkpoint.n, error) ||
        (reader->checkpoint.n > 0 && !read_pruned(reader, error)))
        return NULL;
    leave_out_later(reader);
    return g_steal_pointer(&reader);
}

void
kl_audit_reader_free(KlAuditReader *reader)
{
    g_clear_pointer(&reader->db, kl_database_close);
    kl_audit_checkpoint_clear(&reader->checkpoint);
    g_free(reader->journal);
    g_free(reader->later);
    g_free(reader);
}
