#include "db/statement.h"

#include <errno.h>

#include "station/error.h"

static int
bind(sqlite3_stmt *statement, int index, const KlValue *value)
{
    switch (value->type) {
    case KL_VALUE_TEXT:
        return sqlite3_bind_text(statement, index, value->text, -1, SQLITE_TRANSIENT);
    case KL_VALUE_INT:
        return sqlite3_bind_int64(statement, index, value->number);
    case KL_VALUE_BYTES:
        break;
    }
    gsize size = 0;
    const void *data = g_bytes_get_data(value->bytes, &size);
    return sqlite3_bind_blob64(statement, index, data, size, SQLITE_TRANSIENT);
}

sqlite3_stmt *
kl_query_values(sqlite3 *db, GError **error, const char *sql, const KlValue *values, gsize n_values)
{
    g_autoptr(sqlite3_stmt) statement = NULL;
    errno = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        kl_database_fail(db, sql, error);
        return NULL;
    }
    for (gsize i = 0; i < n_values; i++) {
        if (bind(statement, (int)i + 1, &values[i]) != SQLITE_OK) {
            kl_database_fail(db, sql, error);
            return NULL;
        }
    }
    return g_steal_pointer(&statement);
}

gboolean
kl_next(sqlite3 *db, sqlite3_stmt *query, gboolean *row, GError **error)
{
    errno = 0;
    int result = sqlite3_step(query);
    *row = result == SQLITE_ROW;
    return *row || result == SQLITE_DONE || kl_database_fail(db, sqlite3_sql(query), error);
}

gboolean
kl_run_values(sqlite3 *db, GError **error, const char *sql, const KlValue *values, gsize n_values)
{
    gboolean row;
    g_autoptr(sqlite3_stmt) statement = kl_query_values(db, error, sql, values, n_values);
    return statement != NULL && kl_next(db, statement, &row, error);
}

gboolean
kl_get_text_values(sqlite3 *db, char **text, GError **error, const char *sql, const KlValue *values, gsize n_values)
{
    gboolean row;
    g_autoptr(sqlite3_stmt) query = kl_query_values(db, error, sql, values, n_values);
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    *text = row ? kl_column_text(query, 0) : NULL;
    return TRUE;
}

gboolean
kl_get_int_values(sqlite3 *db, gint64 *number, GError **error, const char *sql, const KlValue *values, gsize n_values)
{
    gboolean row;
    g_autoptr(sqlite3_stmt) query = kl_query_values(db, error, sql, values, n_values);
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    *number = row ? sqlite3_column_int64(query, 0) : 0;
    return TRUE;
}

char *
kl_column_text(sqlite3_stmt *query, int column)
{
    return g_strdup((const char *)sqlite3_column_text(query, column));
}

GBytes *
kl_column_bytes(sqlite3_stmt *query, int column)
{
    const void *data = sqlite3_column_blob(query, column);
    return g_bytes_new(data, (gsize)sqlite3_column_bytes(query, column));
}
