/* Reading records in pages: first the numbers of all that are found, which an index gives, then a page's records. */
#include "db/statement.h"
#include "db/store_parts.h"
#include "station/error.h"

typedef struct {
    const KlRecordFilter *filter;
    GArray *numbers;
} NumbersCall;

static gboolean
do_record_numbers(sqlite3 *db, gpointer data, GError **error)
{
    NumbersCall *call = data;
    KlRecordFilter all = *call->filter;
    all.limit = 0;
    g_autoptr(sqlite3_stmt) query = kl_store_query_jobs(db, "number", &all, error);
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        gint64 number = sqlite3_column_int64(query, 0);
        g_array_append_val(call->numbers, number);
    }
    return ok;
}

GArray *
kl_store_record_numbers(KlStore *store, const KlRecordFilter *filter, GError **error)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(gint64));
    NumbersCall call = {filter, numbers};
    return kl_store_read(store, do_record_numbers, &call, error) ? g_steal_pointer(&numbers) : NULL;
}

typedef struct {
    const gint64 *numbers;
    gsize n_numbers;
    GPtrArray *records;
} PageCall;

static gboolean
read_numbered(sqlite3 *db, sqlite3_stmt *query, gint64 number, GPtrArray *records, GError **error)
{
    gboolean row = FALSE;
    sqlite3_reset(query);
    if (sqlite3_bind_int64(query, 1, number) != SQLITE_OK)
        return kl_database_fail(db, "binding a record's number", error);
    if (!kl_next(db, query, &row, error))
        return FALSE;
    if (!row)
        return kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no record with number %" G_GINT64_FORMAT, number);
    KlRecord *record = kl_store_read_job(query, error);
    if (record == NULL)
        return FALSE;
    g_ptr_array_add(records, record);
    return TRUE;
}

static gboolean
do_records_numbered(sqlite3 *db, gpointer data, GError **error)
{
    PageCall *call = data;
    g_autoptr(sqlite3_stmt) query =
        kl_query_values(db, error, "SELECT " KL_STORE_JOB_COLUMNS " FROM jobs WHERE number = ?1", NULL, 0);
    if (query == NULL)
        return FALSE;
    for (gsize i = 0; i < call->n_numbers; i++) {
        if (!read_numbered(db, query, call->numbers[i], call->records, error))
            return FALSE;
    }
    return TRUE;
}

GPtrArray *
kl_store_records_numbered(KlStore *store, const gint64 *numbers, gsize n_numbers, GError **error)
{
    g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)kl_record_free);
    PageCall call = {numbers, n_numbers, records};
    return kl_store_read(store, do_records_numbered, &call, error) ? g_steal_pointer(&records) : NULL;
}
