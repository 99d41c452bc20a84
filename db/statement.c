#include "db/statement.h"

#include <errno.h>
#include <string.h>

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

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql, guint flags, GError **error)
{
    sqlite3_stmt *statement = NULL;
    errno = 0;
    if (sqlite3_prepare_v3(db, sql, -1, flags, &statement, NULL) != SQLITE_OK)
        kl_database_fail(db, sql, error);
    return statement;
}

static gboolean
bind_all(sqlite3 *db, sqlite3_stmt *statement, const KlValue *values, gsize n_values, GError **error)
{
    for (gsize i = 0; i < n_values; i++) {
        if (bind(statement, (int)i + 1, &values[i]) != SQLITE_OK)
            return kl_database_fail(db, sqlite3_sql(statement), error);
    }
    return TRUE;
}

sqlite3_stmt *
kl_query_values(sqlite3 *db, GError **error, const char *sql, const KlValue *values, gsize n_values)
{
    g_autoptr(sqlite3_stmt) statement = prepare(db, sql, 0, error);
    if (statement == NULL || !bind_all(db, statement, values, n_values, error))
        return NULL;
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
kl_each(sqlite3 *db, sqlite3_stmt *query, gboolean *ok, GError **error)
{
    gboolean row = FALSE;
    *ok = query != NULL && kl_next(db, query, &row, error);
    return row;
}

/* The connection's own list serves as the cache. Statements that change something are kept, and run to their end at
 * once; queries are kept by kl_query_kept() only: none of them can be in use here, and no query by kl_query has the
 * same text. */
static sqlite3_stmt *
kept(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = sqlite3_next_stmt(db, NULL);
    while (statement != NULL && strcmp(sqlite3_sql(statement), sql) != 0)
        statement = sqlite3_next_stmt(db, statement);
    return statement;
}

sqlite3_stmt *
kl_query_kept(sqlite3 *db, GError **error, const char *sql)
{
    sqlite3_stmt *statement = kept(db, sql);
    return statement != NULL ? statement : prepare(db, sql, SQLITE_PREPARE_PERSISTENT, error);
}

sqlite3_stmt *
kl_query_kept_values(sqlite3 *db, GError **error, const char *sql, const KlValue *values, gsize n_values)
{
    sqlite3_stmt *statement = kl_query_kept(db, error, sql);
    return statement != NULL && bind_all(db, statement, values, n_values, error) ? statement : NULL;
}

gboolean
kl_run_values(sqlite3 *db, GError **error, const char *sql, const KlValue *values, gsize n_values)
{
    gboolean row;
    sqlite3_stmt *statement = kept(db, sql);
    if (statement == NULL)
        statement = prepare(db, sql, SQLITE_PREPARE_PERSISTENT, error);
    if (statement == NULL)
        return FALSE;
    gboolean ok = bind_all(db, statement, values, n_values, error) && kl_next(db, statement, &row, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return ok;
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
