#include "db/audit_pass.h"

#include <string.h>

#include "db/audit_hidden.h"
#include "db/statement.h"
#include "station/error.h"

/* So many events go by between two looks at whether to go on. */
#define STRIDE 4096

typedef struct {
    const KlAuditReader *reader;
    const KlAuditPass *calls;
    gpointer data;
    sqlite3_stmt *selected; /* NULL: all are */
    sqlite3_stmt *events;
    guint64 next;
} Pass;

static gboolean
next_selected(gpointer data, guint64 *n, GError **error)
{
    Pass *pass = data;
    gboolean row = FALSE;
    if (pass->selected == NULL) {
        *n = pass->next <= pass->reader->checkpoint.n ? pass->next++ : 0;
        return TRUE;
    }
    if (!kl_next(pass->reader->db, pass->selected, &row, error))
        return FALSE;
    *n = row ? (guint64)sqlite3_column_int64(pass->selected, 0) : 0;
    return TRUE;
}

static gboolean
look_up(const Pass *pass, guint64 n, GError **error)
{
    if (g_cancellable_is_cancelled(pass->calls->cancel))
        return kl_fail(error, KL_ERROR_CANCELLED, "stopped at event %" G_GUINT64_FORMAT, n);
    if (pass->calls->progress != NULL)
        pass->calls->progress((double)n / (double)pass->reader->checkpoint.n, pass->calls->progress_data);
    return TRUE;
}

static gboolean
take_leaf(gpointer data, guint64 n, gboolean selected, guint8 hash[KL_HASH_SIZE], GError **error)
{
    const Pass *pass = data;
    gboolean row = FALSE;
    if (n % STRIDE == 0 && !look_up(pass, n, error))
        return FALSE;
    if (!kl_next(pass->reader->db, pass->events, &row, error))
        return FALSE;
    if (!row || (guint64)sqlite3_column_int64(pass->events, 0) != n)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "event %" G_GUINT64_FORMAT " is missing", n);
    const char *body = (const char *)sqlite3_column_text(pass->events, 1);
    gsize length = (gsize)sqlite3_column_bytes(pass->events, 1);
    if (body == NULL)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "event %" G_GUINT64_FORMAT " has no body", n);
    kl_audit_leaf(body, length, hash);
    return !selected || pass->calls->event(pass->data, n, body, length, hash, error);
}

static gboolean
take_hidden(gpointer data, const guint8 hash[KL_HASH_SIZE], GError **error)
{
    const Pass *pass = data;
    return pass->calls->hidden(pass->data, hash, error);
}

gboolean
kl_audit_pass(const KlAuditReader *reader, const KlAuditRequest *request, const KlAuditPass *calls, gpointer data,
              GError **error)
{
    static const KlAuditWalk walk = {next_selected, take_leaf, take_hidden};
    g_autoptr(sqlite3_stmt) selected = NULL;
    if (!kl_audit_request_is_empty(request)) {
        selected = kl_audit_select_events(reader, request, error);
        if (selected == NULL)
            return FALSE;
    }
    g_autoptr(sqlite3_stmt) events =
        kl_query(reader->db, error, "SELECT n, body FROM audit_events WHERE n BETWEEN ?1 AND ?2 ORDER BY n",
                 kl_int((gint64)reader->first), kl_int((gint64)reader->checkpoint.n));
    if (events == NULL)
        return FALSE;
    Pass pass = {reader, calls, data, selected, events, reader->first};
    guint8 root[KL_HASH_SIZE];
    if (!kl_audit_walk(reader->checkpoint.n, &reader->pruned, &walk, &pass, root, error))
        return FALSE;
    if (memcmp(root, reader->checkpoint.root, KL_HASH_SIZE) != 0)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN,
                       "events 1 to %" G_GUINT64_FORMAT " are not those that the checkpoint signed; keyline audit"
                       " verify tells which",
                       reader->checkpoint.n);
    return TRUE;
}

/* type is the last member, time_us the one before; a type has no quotes or escapes. */
gboolean
kl_audit_event_tail(const char *body, gsize length, const char **type, gsize *type_length, gint64 *time_us,
                    GError **error)
{
    static const char before[] = ",\"type\":", time_name[] = ",\"time_us\":";
    const char *end = body + length;
    const char *quote = length > 2 && end[-1] == '}' && end[-2] == '"' ? memrchr(body, '"', length - 2) : NULL;
    const char *comma = quote != NULL && (gsize)(quote - body) > strlen(before) ? quote - strlen(before) : NULL;
    const char *digits = comma;
    while (digits != NULL && digits > body && g_ascii_isdigit(digits[-1]))
        digits--;
    if (comma == NULL || memcmp(comma, before, strlen(before)) != 0 || digits == comma || comma - digits > 16 ||
        (gsize)(digits - body) < strlen(time_name) ||
        memcmp(digits - strlen(time_name), time_name, strlen(time_name)) != 0)
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "this is no event: %.*s", (int)MIN(length, 200), body);
    *type = quote + 1;
    *type_length = (gsize)(end - 2 - *type);
    *time_us = g_ascii_strtoll(digits, NULL, 10);
    return TRUE;
}
