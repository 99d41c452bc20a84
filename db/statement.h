/* Short ways to run one SQL statement with values. */
#pragma once

#include <glib.h>
#include <sqlite3.h>

#include "db/database.h"

G_BEGIN_DECLS

/* A value for a ? of a statement. Borrows what it points to; binding copies that. */
typedef struct {
    enum { KL_VALUE_TEXT, KL_VALUE_INT, KL_VALUE_BYTES } type;
    const char *text; /* NULL is SQL's NULL */
    gint64 number;
    GBytes *bytes;
} KlValue;

static inline KlValue
kl_text(const char *text)
{
    return (KlValue){.type = KL_VALUE_TEXT, .text = text};
}

static inline KlValue
kl_int(gint64 number)
{
    return (KlValue){.type = KL_VALUE_INT, .number = number};
}

static inline KlValue
kl_bytes(GBytes *bytes)
{
    return (KlValue){.type = KL_VALUE_BYTES, .bytes = bytes};
}

#define KL_VALUES(...) (const KlValue[]){__VA_ARGS__}, sizeof((const KlValue[]){__VA_ARGS__}) / sizeof(KlValue)

/* Prepares one statement and binds values to ?1, ?2 ... The caller finalizes it. NULL with an error. */
sqlite3_stmt *kl_query_values(sqlite3 *db, GError **error, const char *sql, const KlValue *values, gsize n_values);
#define kl_query(db, error, sql, ...) kl_query_values(db, error, sql, KL_VALUES(__VA_ARGS__))

/* A query without values that the connection keeps prepared, for what is asked again and again. The caller resets it
 * (sqlite3_reset) before it is asked again. NULL with an error. */
sqlite3_stmt *kl_query_kept(sqlite3 *db, GError **error, const char *sql);

/* The same with values, bound to ?1, ?2 ... anew each time. */
sqlite3_stmt *kl_query_kept_values(sqlite3 *db, GError **error, const char *sql, const KlValue *values, gsize n_values);
#define kl_query_kept_with(db, error, sql, ...) kl_query_kept_values(db, error, sql, KL_VALUES(__VA_ARGS__))

/* Goes to the next row: *row is FALSE when there is none. */
gboolean kl_next(sqlite3 *db, sqlite3_stmt *query, gboolean *row, GError **error);

/* Goes to the next row, for a loop over all of them: FALSE after the last one, with *ok TRUE, and with an error, with
 * *ok FALSE. A query that could not be made (NULL, with its error) has no rows, with *ok FALSE. */
gboolean kl_each(sqlite3 *db, sqlite3_stmt *query, gboolean *ok, GError **error);

/* Runs one statement that gives no rows. The connection keeps it prepared for the next time: preparing costs more than
 * running. */
gboolean kl_run_values(sqlite3 *db, GError **error, const char *sql, const KlValue *values, gsize n_values);
#define kl_run(db, error, sql, ...) kl_run_values(db, error, sql, KL_VALUES(__VA_ARGS__))

/* The first column of the first row as text, NULL when there is no row or it is NULL. The caller frees *text, which is
 * set only on success. */
gboolean kl_get_text_values(sqlite3 *db, char **text, GError **error, const char *sql, const KlValue *values,
                            gsize n_values);
#define kl_get_text(db, text, error, sql, ...) kl_get_text_values(db, text, error, sql, KL_VALUES(__VA_ARGS__))

/* The first column of the first row as a number, 0 when there is no row. */
gboolean kl_get_int_values(sqlite3 *db, gint64 *number, GError **error, const char *sql, const KlValue *values,
                           gsize n_values);
#define kl_get_int(db, number, error, sql, ...) kl_get_int_values(db, number, error, sql, KL_VALUES(__VA_ARGS__))

/* A column of the current row as text, or NULL. The caller frees it. */
char *kl_column_text(sqlite3_stmt *query, int column);

/* A column of the current row as bytes. */
GBytes *kl_column_bytes(sqlite3_stmt *query, int column);

G_END_DECLS
