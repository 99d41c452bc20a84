#include "db/audit_record.h"

#include <string.h>

#include "db/statement.h"
#include "station/error.h"

/* What JSON's numbers can hold exactly. */
#define NUMBER_MAX ((G_GINT64_CONSTANT(1) << 53) - 1)

static gboolean
is_flag(const char *column)
{
    return strcmp(column, "already_provisioned") == 0 || strcmp(column, "resumed") == 0 ||
           strcmp(column, "row_queued") == 0;
}

/* A column as the member of its name. The tables' types allow text, whole numbers and NULL here. */
static gboolean
write_column(KlCanonical *writer, sqlite3_stmt *query, int column, GError **error)
{
    const char *name = sqlite3_column_name(query, column);
    int type = sqlite3_column_type(query, column);
    gint64 number = sqlite3_column_int64(query, column);
    if (type == SQLITE_NULL)
        return TRUE;
    if (type == SQLITE_TEXT)
        kl_canonical_text(writer, name, (const char *)sqlite3_column_text(query, column));
    else if (type != SQLITE_INTEGER || number < -NUMBER_MAX || number > NUMBER_MAX)
        return kl_fail(error, KL_ERROR_STORE_CORRUPT, "column %s of a record is out of bounds", name);
    else if (is_flag(name))
        kl_canonical_flag(writer, name, number != 0);
    else
        kl_canonical_number(writer, name, number);
    return TRUE;
}

static gboolean
write_columns(KlCanonical *writer, sqlite3_stmt *query, int first, int end, GError **error)
{
    for (int column = first; column < end; column++) {
        if (!write_column(writer, query, column, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
write_steps(KlCanonical *writer, sqlite3 *db, sqlite3_stmt *steps, GError **error)
{
    gboolean ok;
    kl_canonical_begin_array(writer, "steps");
    while (kl_each(db, steps, &ok, error)) {
        kl_canonical_begin(writer, NULL);
        if (!write_columns(writer, steps, 0, sqlite3_column_count(steps), error))
            return FALSE;
        kl_canonical_end(writer);
    }
    kl_canonical_end(writer);
    return ok;
}

/* The steps stand where their name's order has them: before the last column. */
gboolean
kl_audit_record_write(KlCanonical *writer, sqlite3 *db, sqlite3_stmt *job, sqlite3_stmt *steps, GError **error)
{
    int last = KL_AUDIT_RECORD_N_COLUMNS - 1;
    kl_canonical_begin(writer, "record");
    if (!write_columns(writer, job, 0, last, error) || !write_steps(writer, db, steps, error) ||
        !write_columns(writer, job, last, last + 1, error))
        return FALSE;
    kl_canonical_end(writer);
    return TRUE;
}

gboolean
kl_audit_record_data(sqlite3 *db, const char *id, char **data, char **imei, GError **error)
{
    gboolean row = FALSE;
    g_autoptr(sqlite3_stmt) job =
        kl_query(db, error,
                 "SELECT " KL_AUDIT_RECORD_COLUMNS ", (SELECT text FROM transcripts WHERE job = id),"
                 " coalesce(unit, imei) FROM jobs WHERE id = ?1",
                 kl_text(id));
    g_autoptr(sqlite3_stmt) steps = job != NULL ? kl_query(db, error, KL_AUDIT_STEPS, kl_text(id)) : NULL;
    if (steps == NULL || !kl_next(db, job, &row, error))
        return FALSE;
    if (!row)
        return kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no record %s", id);
    g_autoptr(KlCanonical) writer = kl_canonical_new();
    if (!kl_audit_record_write(writer, db, job, steps, error))
        return FALSE;
    const char *transcript = (const char *)sqlite3_column_text(job, KL_AUDIT_RECORD_N_COLUMNS);
    g_autofree char *sha256 =
        transcript != NULL ? g_compute_checksum_for_string(G_CHECKSUM_SHA256, transcript, -1) : NULL;
    kl_canonical_text(writer, "transcript_sha256", sha256);
    *imei = kl_column_text(job, KL_AUDIT_RECORD_N_COLUMNS + 1);
    *data = kl_canonical_finish(g_steal_pointer(&writer));
    return TRUE;
}
