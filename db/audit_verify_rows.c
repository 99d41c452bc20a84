#include "db/audit_verify_rows.h"

#include <openssl/evp.h>
#include <string.h>

#include "db/audit_reader.h"
#include "db/audit_record.h"
#include "db/statement.h"

#define SPAN(string) ((KlAuditSpan){(string)->str, (string)->len})

/* --- canonical text, from whatever a row may hold: a doctored one, too --- */

static void
append_valid(GString *text, const char *bytes, gsize length)
{
    static const char short_forms[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    gsize from = 0;
    for (gsize i = 0; i < length; i++) {
        guint8 c = (guint8)bytes[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        g_string_append_len(text, bytes + from, (gssize)(i - from));
        from = i + 1;
        const char *form = short_forms;
        while (*form != '\0' && (guint8)*form != c)
            form += 2;
        if (*form != '\0')
            g_string_append_printf(text, "\\%c", form[1]);
        else
            g_string_append_printf(text, "\\u%04x", c);
    }
    g_string_append_len(text, bytes + from, (gssize)(length - from));
}

/* What stands between a string's quotes. */
static void
append_raw(GString *text, const char *bytes, gsize length)
{
    if (length == 0 || g_utf8_validate_len(bytes, length, NULL)) {
        append_valid(text, bytes, length);
        return;
    }
    g_autofree char *valid = g_utf8_make_valid(bytes, (gssize)length);
    append_valid(text, valid, strlen(valid));
}

static void
append_column_raw(GString *text, sqlite3_stmt *query, int column)
{
    const char *bytes = (const char *)sqlite3_column_text(query, column);
    append_raw(text, bytes, (gsize)sqlite3_column_bytes(query, column));
}

/* What printf would make of it, in a fraction of its time: there are ten million of these. */
static void
append_number(GString *text, gint64 number)
{
    char digits[24];
    char *at = digits + sizeof digits;
    guint64 left = number < 0 ? -(guint64)number : (guint64)number;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0)
        *--at = '-';
    g_string_append_len(text, at, digits + sizeof digits - at);
}

static gboolean
is_flag(const char *name)
{
    return strcmp(name, "already_provisioned") == 0 || strcmp(name, "resumed") == 0 || strcmp(name, "row_queued") == 0;
}

static void
append_value(GString *text, sqlite3_stmt *query, int column, const char *name)
{
    gint64 number = sqlite3_column_int64(query, column);
    switch (sqlite3_column_type(query, column)) {
    case SQLITE_TEXT:
        g_string_append_c(text, '"');
        append_column_raw(text, query, column);
        g_string_append_c(text, '"');
        break;
    case SQLITE_INTEGER:
        if ((number == 0 || number == 1) && is_flag(name))
            g_string_append(text, number != 0 ? "true" : "false");
        else
            append_number(text, number);
        break;
    default: /* the tables do not allow it: like nothing that an event has */
        g_string_append(text, "null");
        break;
    }
}

/* The members of these columns, by their names. */
static void
append_members(GString *text, sqlite3_stmt *query, int first, int end)
{
    for (int column = first; column < end; column++) {
        if (sqlite3_column_type(query, column) == SQLITE_NULL)
            continue;
        const char *name = sqlite3_column_name(query, column);
        if (text->str[text->len - 1] != '{')
            g_string_append_c(text, ',');
        g_string_append_c(text, '"');
        g_string_append(text, name);
        g_string_append(text, "\":");
        append_value(text, query, column, name);
    }
}

static KlAuditSpan
column_span(sqlite3_stmt *query, int column)
{
    const char *at = (const char *)sqlite3_column_text(query, column);
    return (KlAuditSpan){at != NULL ? at : "", (gsize)sqlite3_column_bytes(query, column)};
}

/* SHA-256 in hex, and a NUL. */
static void
sha256_hex(KlAuditSpan bytes, char hex[2 * KL_HASH_SIZE + 1])
{
    guint8 hash[KL_HASH_SIZE];
    gboolean ok = EVP_Digest(bytes.at, bytes.length, hash, NULL, EVP_sha256(), NULL) == 1;
    g_assert(ok);
    kl_audit_hex(hash, KL_HASH_SIZE, hex);
    hex[2 * KL_HASH_SIZE] = '\0';
}

/* --- jobs --- */

typedef struct {
    sqlite3 *db;
    KlAuditClaims *kept;
    sqlite3_stmt *jobs, *steps, *transcript;
    GString *text;
} Jobs;

static gboolean
ask_of_job(sqlite3_stmt *query, KlAuditSpan id)
{
    return sqlite3_reset(query) == SQLITE_OK &&
           sqlite3_bind_text(query, 1, id.at, (int)id.length, SQLITE_STATIC) == SQLITE_OK;
}

static gboolean
append_steps(Jobs *j, KlAuditSpan id, GError **error)
{
    gboolean ok;
    if (!ask_of_job(j->steps, id))
        return kl_database_fail(j->db, "reading steps", error);
    g_string_append(j->text, ",\"steps\":[");
    for (gboolean first = TRUE; kl_each(j->db, j->steps, &ok, error); first = FALSE) {
        g_string_append(j->text, first ? "{" : ",{");
        append_members(j->text, j->steps, 0, sqlite3_column_count(j->steps));
        g_string_append_c(j->text, '}');
    }
    g_string_append_c(j->text, ']');
    return ok;
}

static gboolean
append_transcript(Jobs *j, KlAuditSpan id, GError **error)
{
    gboolean row = FALSE;
    if (!ask_of_job(j->transcript, id))
        return kl_database_fail(j->db, "reading a transcript", error);
    if (!kl_next(j->db, j->transcript, &row, error))
        return FALSE;
    if (!row)
        return TRUE;
    char hex[2 * KL_HASH_SIZE + 1];
    sha256_hex(column_span(j->transcript, 0), hex);
    g_string_append(j->text, ",\"transcript_sha256\":\"");
    g_string_append(j->text, hex);
    g_string_append_c(j->text, '"');
    return TRUE;
}

#define JOB_ID KL_AUDIT_RECORD_N_COLUMNS
#define JOB_NUMBER (JOB_ID + 1)
#define JOB_IMEI (JOB_ID + 2)

static gboolean
claim_job(Jobs *j, GError **error)
{
    guint8 digest[KL_HASH_SIZE];
    int last = KL_AUDIT_RECORD_N_COLUMNS - 1; /* work_order: behind the steps */
    KlAuditSpan id = column_span(j->jobs, JOB_ID);
    g_string_assign(j->text, "{\"record\":{");
    append_members(j->text, j->jobs, 0, last);
    if (!append_steps(j, id, error))
        return FALSE;
    append_members(j->text, j->jobs, last, last + 1);
    g_string_append_c(j->text, '}');
    if (!append_transcript(j, id, error))
        return FALSE;
    g_string_append_c(j->text, '}');
    kl_audit_claim_digest(column_span(j->jobs, JOB_IMEI), SPAN(j->text), digest);
    return kl_audit_claims_add(j->kept, KL_AUDIT_CLAIM_JOB, id, sqlite3_column_int64(j->jobs, JOB_NUMBER), digest,
                               error);
}

static gboolean
claim_jobs(sqlite3 *db, gint64 odd, KlAuditClaims *kept, GError **error)
{
    g_autoptr(sqlite3_stmt) jobs =
        kl_query(db, error,
                 "SELECT " KL_AUDIT_RECORD_COLUMNS ", id, number, coalesce(unit, imei)"
                 " FROM jobs NOT INDEXED WHERE outcome <> 'RUNNING' AND number & 1 = ?1 ORDER BY number",
                 kl_int(odd));
    g_autoptr(sqlite3_stmt) steps = kl_query_values(db, jobs != NULL ? error : NULL, KL_AUDIT_STEPS, NULL, 0);
    g_autoptr(sqlite3_stmt) transcript = kl_query_values(db, jobs != NULL && steps != NULL ? error : NULL,
                                                         "SELECT text FROM transcripts WHERE job = ?1", NULL, 0);
    if (jobs == NULL || steps == NULL || transcript == NULL)
        return FALSE;
    g_autoptr(GString) text = g_string_sized_new(4096);
    Jobs j = {db, kept, jobs, steps, transcript, text};
    gboolean ok;
    while (kl_each(db, jobs, &ok, error)) {
        if (!claim_job(&j, error))
            return FALSE;
    }
    return ok;
}

gboolean
kl_audit_rows_jobs_even(sqlite3 *db, KlAuditClaims *kept, GError **error)
{
    return claim_jobs(db, 0, kept, error);
}

gboolean
kl_audit_rows_jobs_odd(sqlite3 *db, KlAuditClaims *kept, GError **error)
{
    return claim_jobs(db, 1, kept, error);
}

/* --- the other tables --- */

typedef struct {
    KlAuditClaims *kept;
    sqlite3_stmt *query;
    GString *text;
} Others;

/* text: the members of the columns first to end - 1 as an object. */
static void
write_object(Others *o, int first, int end)
{
    g_string_assign(o->text, "{");
    append_members(o->text, o->query, first, end);
    g_string_append_c(o->text, '}');
}

enum { SHA256, IMEI = 8, JOB, NUMBER, DER, SUPERSEDED, SUPERSEDE_REASON, REVOKED, REVOKE_REASON };

static gboolean
claim_reason(Others *o, KlAuditClaimKind kind, int ended, GError **error)
{
    guint8 digest[KL_HASH_SIZE];
    if (sqlite3_column_type(o->query, ended) == SQLITE_NULL && sqlite3_column_type(o->query, ended + 1) == SQLITE_NULL)
        return TRUE;
    g_string_truncate(o->text, 0);
    append_column_raw(o->text, o->query, ended + 1);
    kl_audit_claim_digest(KL_AUDIT_SPAN(""), SPAN(o->text), digest);
    return kl_audit_claims_add(o->kept, kind, column_span(o->query, SHA256), sqlite3_column_int64(o->query, NUMBER),
                               digest, error);
}

static gboolean
claim_der(Others *o, KlAuditSpan sha256, GError **error)
{
    static const guint8 nothing[KL_HASH_SIZE];
    char hex[2 * KL_HASH_SIZE + 1];
    const char *der = sqlite3_column_blob(o->query, DER);
    gsize length = (gsize)sqlite3_column_bytes(o->query, DER);
    sha256_hex((KlAuditSpan){der != NULL ? der : "", length}, hex);
    return kl_audit_span_is(sha256, hex, 2 * KL_HASH_SIZE) ||
           kl_audit_claims_add(o->kept, KL_AUDIT_CLAIM_DER, sha256, sqlite3_column_int64(o->query, NUMBER), nothing,
                               error);
}

static gboolean
claim_certificate(Others *o, GError **error)
{
    guint8 owner[KL_HASH_SIZE], digest[KL_HASH_SIZE];
    KlAuditSpan sha256 = column_span(o->query, SHA256);
    write_object(o, 0, IMEI);
    kl_audit_claim_digest(column_span(o->query, IMEI), column_span(o->query, JOB), owner);
    g_string_truncate(o->text, o->text->len - 1); /* an issue may tell more behind this */
    kl_audit_claim_digest((KlAuditSpan){(const char *)owner, sizeof owner}, SPAN(o->text), digest);
    return kl_audit_claims_add(o->kept, KL_AUDIT_CLAIM_CERTIFICATE, sha256, sqlite3_column_int64(o->query, NUMBER),
                               digest, error) &&
           claim_der(o, sha256, error) && claim_reason(o, KL_AUDIT_CLAIM_SUPERSEDED, SUPERSEDED, error) &&
           claim_reason(o, KL_AUDIT_CLAIM_REVOKED, REVOKED, error);
}

/* A number from 0; 0 for what is none. */
static gint64
column_count(sqlite3_stmt *query, int column)
{
    gboolean counted = sqlite3_column_type(query, column) == SQLITE_INTEGER;
    return counted ? MAX(sqlite3_column_int64(query, column), 0) : 0;
}

static gboolean
claim_registration(Others *o, GError **error)
{
    guint8 sha256[KL_HASH_SIZE], digest[KL_HASH_SIZE];
    write_object(o, 1, 6);
    kl_audit_digest(o->text->str, o->text->len, sha256);
    kl_audit_claim_registration(sha256, column_count(o->query, 0), column_count(o->query, 6), digest);
    g_string_truncate(o->text, 0);
    append_column_raw(o->text, o->query, 1);
    return kl_audit_claims_add(o->kept, KL_AUDIT_CLAIM_REGISTRATION, SPAN(o->text), sqlite3_column_int64(o->query, 7),
                               digest, error);
}

static gboolean
claim_act(Others *o, GError **error)
{
    guint8 digest[KL_HASH_SIZE];
    write_object(o, 0, 6);
    kl_audit_claim_digest(KL_AUDIT_SPAN(""), SPAN(o->text), digest);
    return kl_audit_claims_add(o->kept, KL_AUDIT_CLAIM_ACT, (KlAuditSpan){(const char *)digest, sizeof digest},
                               sqlite3_column_int64(o->query, 6), digest, error);
}

static gboolean
claim_all(sqlite3 *db, KlAuditClaims *kept, const char *sql, gboolean (*claim)(Others *others, GError **error),
          GError **error)
{
    g_autoptr(sqlite3_stmt) query = kl_query_values(db, error, sql, NULL, 0);
    g_autoptr(GString) text = g_string_sized_new(4096);
    Others o = {kept, query, text};
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        if (!claim(&o, error))
            return FALSE;
    }
    return ok;
}

gboolean
kl_audit_rows_others(sqlite3 *db, KlAuditClaims *kept, GError **error)
{
    return claim_all(db, kept,
                     "SELECT sha256 AS certificate_sha256, csr_sha256, issuer, not_after, not_before, serial,"
                     " spki_sha256, subject, imei, job, number, der, superseded_us, supersede_reason, revoked_us,"
                     " revoke_reason FROM certificates NOT INDEXED ORDER BY number",
                     claim_certificate, error) &&
           claim_all(db, kept,
                     "SELECT connections, device, firmware, parameters, policy, registered, version, rowid"
                     " FROM registration NOT INDEXED ORDER BY rowid",
                     claim_registration, error) &&
           claim_all(db, kept,
                     "SELECT reason, role, subject, time_us, what, who, number FROM acts NOT INDEXED ORDER BY number",
                     claim_act, error);
}
