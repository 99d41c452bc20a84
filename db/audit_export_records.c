#include "db/audit_export_records.h"

#include <openssl/evp.h>
#include <string.h>

#include "db/statement.h"
#include "station/canonical.h"
#include "station/csv.h"
#include "station/error.h"

typedef enum { FIELD_TEXT, FIELD_TIME, FIELD_FLAG, FIELD_SECONDS } FieldKind;

/* As the window's own export has them. */
static const struct {
    const char *name;
    FieldKind kind;
    const char *column;
} fields[] = {
    {"record_id", FIELD_TEXT, "j.id"},
    {"started", FIELD_TIME, "j.started_us"},
    {"ended", FIELD_TIME, "j.ended_us"},
    {"seconds", FIELD_SECONDS, "j.ended_us - j.started_us"},
    {"outcome", FIELD_TEXT, "j.outcome"},
    {"code", FIELD_TEXT, "j.code"},
    {"detail", FIELD_TEXT, "j.detail"},
    {"first_code", FIELD_TEXT, "j.first_code"},
    {"device", FIELD_TEXT, "j.device_id"},
    {"imei", FIELD_TEXT, "j.imei"},
    {"fsn", FIELD_TEXT, "j.fsn"},
    {"model", FIELD_TEXT, "j.model"},
    {"firmware", FIELD_TEXT, "j.firmware"},
    {"keystore", FIELD_TEXT, "j.keystore"},
    {"certificate_sha256", FIELD_TEXT, "j.certificate"},
    {"operator", FIELD_TEXT, "j.operator"},
    {"work_order", FIELD_TEXT, "j.work_order"},
    {"label", FIELD_TEXT, "j.label"},
    {"station", FIELD_TEXT, "j.station"},
    {"slot", FIELD_TEXT, "j.slot"},
    {"product", FIELD_TEXT, "j.product"},
    {"already_provisioned", FIELD_FLAG, "j.already_provisioned"},
    {"resumed", FIELD_FLAG, "j.resumed"},
    {"reprovision_reason", FIELD_TEXT, "j.reprovision_reason"},
    {"batch", FIELD_TEXT, "j.batch"},
    {"program", FIELD_TEXT, "j.program"},
};

/* --- a field --- */

static void
append_digits(GString *line, guint digits, guint64 number)
{
    char text[20];
    for (guint i = digits; i > 0; i--) {
        text[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    g_string_append_len(line, text, digits);
}

/* A date from days since 1970, by Howard Hinnant's civil_from_days. */
static void
append_date(GString *line, gint64 days)
{
    gint64 z = days + 719468, era = z / 146097;
    guint day_of_era = (guint)(z - era * 146097);
    guint year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    guint day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    guint month_index = (5 * day_of_year + 2) / 153; /* from March */
    guint month = month_index < 10 ? month_index + 3 : month_index - 9;
    append_digits(line, 4, (guint64)(year_of_era + era * 400 + (month <= 2)));
    g_string_append_c(line, '-');
    append_digits(line, 2, month);
    g_string_append_c(line, '-');
    append_digits(line, 2, day_of_year - (153 * month_index + 2) / 5 + 1);
}

/* ISO 8601, UTC: millions of them, each as g_date_time_format_iso8601 has it. */
static void
append_time(GString *line, gint64 time_us)
{
    if (time_us <= 0 || time_us >= G_GINT64_CONSTANT(253402300800) * G_USEC_PER_SEC)
        return;
    guint64 seconds = (guint64)time_us / G_USEC_PER_SEC, us = (guint64)time_us % G_USEC_PER_SEC;
    append_date(line, (gint64)(seconds / 86400));
    g_string_append_c(line, 'T');
    append_digits(line, 2, seconds / 3600 % 24);
    g_string_append_c(line, ':');
    append_digits(line, 2, seconds / 60 % 60);
    g_string_append_c(line, ':');
    append_digits(line, 2, seconds % 60);
    if (us != 0) {
        g_string_append_c(line, '.');
        append_digits(line, 6, us);
    }
    g_string_append_c(line, 'Z');
}

static void
append_seconds(GString *line, gint64 us)
{
    guint64 ms = (guint64)(ABS(us) + 500) / 1000;
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    char *first = digits + sizeof digits;
    for (guint64 rest = ms / 1000; rest > 0 || first == digits + sizeof digits; rest /= 10)
        *--first = (char)('0' + rest % 10);
    if (us < 0 && ms > 0)
        g_string_append_c(line, '-');
    g_string_append_len(line, first, digits + sizeof digits - first);
    g_string_append_c(line, '.');
    append_digits(line, 3, ms % 1000);
}

static const char *
text_of(sqlite3_stmt *query, int column)
{
    return (const char *)sqlite3_column_text(query, column);
}

static void
append_field(GString *line, sqlite3_stmt *query, int column)
{
    switch (fields[column].kind) {
    case FIELD_TEXT:
        kl_csv_field(line, text_of(query, column));
        return;
    case FIELD_TIME:
        append_time(line, sqlite3_column_int64(query, column));
        return;
    case FIELD_FLAG:
        g_string_append(line, sqlite3_column_int(query, column) != 0 ? "true" : "false");
        return;
    case FIELD_SECONDS:
        append_seconds(line, sqlite3_column_int64(query, column));
        return;
    }
}

/* --- the records --- */

static sqlite3_stmt *
query_records(const KlAuditReader *reader, const KlAuditRequest *request, GError **error)
{
    g_autoptr(GString) columns = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
        g_string_append_printf(columns, "%s, ", fields[i].column);
    g_string_append(columns, "j.number");
    return kl_audit_select_jobs(reader, request, columns->str, "SELECT * FROM picked ORDER BY number", error);
}

static void
append_heading(GString *line)
{
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
        g_string_append_printf(line, "%s%s", i > 0 ? "," : "", fields[i].name);
    g_string_append(line, "\r\n");
}

static void
append_record(GString *line, sqlite3_stmt *query)
{
    for (int i = 0; i < (int)G_N_ELEMENTS(fields); i++) {
        if (i > 0)
            g_string_append_c(line, ',');
        append_field(line, query, i);
    }
    g_string_append(line, "\r\n");
}

/* The next row, unless it was cancelled: asked now and then. */
static gboolean
go_on(const KlAuditReader *reader, sqlite3_stmt *query, guint *count, GCancellable *cancel, gboolean *row,
      GError **error)
{
    if ((*count)++ % 4096 == 0 && g_cancellable_is_cancelled(cancel))
        return kl_fail(error, KL_ERROR_CANCELLED, "stopped at record %u", *count);
    return kl_next(reader->db, query, row, error);
}

gboolean
kl_audit_put_records(const KlAuditReader *reader, const KlAuditRequest *request, KlAuditMember *file,
                     GCancellable *cancel, GError **error)
{
    g_autoptr(sqlite3_stmt) query = query_records(reader, request, error);
    g_autoptr(GString) line = g_string_sized_new(1024);
    gboolean row = query != NULL;
    guint count = 0;
    append_heading(line);
    while (row) {
        if (!kl_audit_member_put(file, line->str, line->len, error) ||
            !go_on(reader, query, &count, cancel, &row, error))
            return FALSE;
        g_string_truncate(line, 0);
        if (row)
            append_record(line, query);
    }
    return query != NULL;
}

gboolean
kl_audit_sum_records(const KlAuditReader *reader, const KlAuditRequest *request, KlAuditTally *tally,
                     GCancellable *cancel, GError **error)
{
    g_autoptr(sqlite3_stmt) query = kl_audit_select_jobs(
        reader, request,
        "(SELECT number FROM units WHERE imei = j.unit), j.outcome, j.product, j.operator, j.work_order, j.number",
        "SELECT * FROM picked ORDER BY number", error);
    gboolean row = query != NULL;
    guint count = 0;
    while (row) {
        if (!go_on(reader, query, &count, cancel, &row, error))
            return FALSE;
        const KlAuditTallyJob job = {.unit = row ? sqlite3_column_int64(query, 0) : 0,
                                     .outcome = text_of(query, 1),
                                     .product = text_of(query, 2),
                                     .operator_id = text_of(query, 3),
                                     .work_order = text_of(query, 4)};
        if (row)
            kl_audit_tally_job(tally, &job);
    }
    return query != NULL;
}

/* --- the transcripts --- */

gboolean
kl_audit_put_transcripts(const KlAuditReader *reader, const KlAuditRequest *request, KlAuditMember *file,
                         GCancellable *cancel, GError **error)
{
    g_autoptr(sqlite3_stmt) query = kl_audit_select_transcripts(reader, request, error);
    gboolean row = query != NULL;
    guint count = 0;
    while (row) {
        if (!go_on(reader, query, &count, cancel, &row, error))
            return FALSE;
        if (!row)
            break;
        KlCanonical *writer = kl_canonical_new();
        kl_canonical_text(writer, "job", text_of(query, 0));
        kl_canonical_text(writer, "text", text_of(query, 1));
        g_autofree char *line = kl_canonical_finish(writer);
        if (!kl_audit_member_put(file, line, strlen(line), error) || !kl_audit_member_put(file, "\n", 1, error))
            return FALSE;
    }
    return query != NULL;
}

/* --- the certificates --- */

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----\n"
#define PEM_END "-----END CERTIFICATE-----\n"
#define PEM_LINE 48 /* bytes, which are 64 characters */

static void
append_pem(GString *text, const guint8 *der, gsize length)
{
    guint8 line[PEM_LINE / 3 * 4 + 1];
    g_string_append(text, PEM_BEGIN);
    for (gsize from = 0; from < length; from += PEM_LINE) {
        int written = EVP_EncodeBlock(line, der + from, (int)MIN(PEM_LINE, length - from));
        g_string_append_len(text, (const char *)line, written);
        g_string_append_c(text, '\n');
    }
    g_string_append(text, PEM_END);
}

static sqlite3_stmt *
query_certificates(const KlAuditReader *reader, const KlAuditRequest *request, GError **error)
{
    /* Of everything all, without a look at the jobs, but for what was issued behind the checkpoint. */
    g_autofree char *all =
        g_strdup_printf("SELECT der FROM certificates WHERE sha256 NOT IN (SELECT coalesce(json_extract(body,"
                        " '$.data.certificate_sha256'), '') FROM audit_events WHERE n > %" G_GUINT64_FORMAT
                        " AND type = 'issue') ORDER BY number",
                        reader->checkpoint.n);
    return kl_audit_select_jobs(reader, request, "j.id, j.unit, j.certificate",
                                kl_audit_request_is_empty(request)
                                    ? all
                                    : "SELECT der FROM certificates WHERE number IN (SELECT c.number FROM picked p"
                                      " JOIN certificates c ON c.imei = p.unit"
                                      " WHERE c.job = p.id OR c.sha256 = p.certificate) ORDER BY number",
                                error);
}

gboolean
kl_audit_put_certificates(const KlAuditReader *reader, const KlAuditRequest *request, KlAuditMember *file,
                          GCancellable *cancel, GError **error)
{
    g_autoptr(sqlite3_stmt) query = query_certificates(reader, request, error);
    g_autoptr(GString) pem = g_string_sized_new(2048);
    gboolean row = query != NULL;
    guint count = 0;
    while (row) {
        if (!go_on(reader, query, &count, cancel, &row, error))
            return FALSE;
        g_string_truncate(pem, 0);
        if (row)
            append_pem(pem, sqlite3_column_blob(query, 0), (gsize)sqlite3_column_bytes(query, 0));
        if (!kl_audit_member_put(file, pem->str, pem->len, error))
            return FALSE;
    }
    return query != NULL;
}
