#include "db/audit.h"

#include <string.h>
#include <sys/random.h>

#include "db/audit_clock.h"
#include "db/audit_head.h"
#include "db/audit_tree.h"
#include "db/statement.h"
#include "station/error.h"

#define SALT_SIZE 16

static gboolean
make_salt(char salt[2 * SALT_SIZE + 1], GError **error)
{
    guint8 bytes[SALT_SIZE];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return kl_fail(error, KL_ERROR_INTERNAL, "no random numbers for the journal");
    for (guint i = 0; i < SALT_SIZE; i++)
        g_snprintf(salt + 2 * i, 3, "%02x", bytes[i]);
    return TRUE;
}

typedef struct {
    const char *type;
    const char *job;
    const char *imei;
    const char *data;
} Event;

static char *
make_body(const Event *event, guint64 n, const char *salt, gint64 time_us)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_value(writer, "data", event->data);
    kl_canonical_text(writer, "imei", event->imei);
    kl_canonical_text(writer, "job", event->job);
    kl_canonical_number(writer, "n", (gint64)n);
    kl_canonical_text(writer, "salt", salt);
    kl_canonical_number(writer, "time_us", time_us);
    kl_canonical_text(writer, "type", event->type);
    return kl_canonical_finish(writer);
}

/* Writes the event and moves the head on to it. */
static gboolean
write_event(sqlite3 *db, KlAuditHead *head, const Event *event, const KlAuditClock *clock, GError **error)
{
    char salt[2 * SALT_SIZE + 1];
    guint8 leaf[KL_HASH_SIZE];
    if (!make_salt(salt, error))
        return FALSE;
    gint64 n = (gint64)head->frontier.n + 1;
    g_autofree char *body = make_body(event, (guint64)n, salt, clock->wall_us);
    gsize length = strlen(body);
    kl_audit_chain(head->hash, body, length, head->hash);
    kl_audit_leaf(body, length, leaf);
    kl_audit_frontier_add(&head->frontier, leaf);
    g_autoptr(GBytes) hash = g_bytes_new_static(head->hash, KL_HASH_SIZE);
    return kl_run(db, error,
                  "INSERT INTO audit_events (n, type, job, imei, time_us, body, hash)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                  kl_int(n), kl_text(event->type), kl_text(event->job), kl_text(event->imei), kl_int(clock->wall_us),
                  kl_text(body), kl_bytes(hash)) &&
           kl_audit_head_write(db, head, clock, error);
}

static gboolean
count_earlier(sqlite3 *db, gint64 counts[4], GError **error)
{
    gboolean row = FALSE;
    g_autoptr(sqlite3_stmt) query = kl_query_values(db, error,
                                                    "SELECT (SELECT count(*) FROM acts),"
                                                    " (SELECT count(*) FROM certificates),"
                                                    " (SELECT count(*) FROM jobs WHERE outcome <> 'RUNNING'),"
                                                    " (SELECT count(*) FROM registration)",
                                                    NULL, 0);
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    for (int i = 0; i < 4; i++)
        counts[i] = sqlite3_column_int64(query, i);
    return TRUE;
}

/* Jobs that are running now will end in the journal, so only those that have ended are not covered by it. */
static gboolean
write_beginning(sqlite3 *db, KlAuditHead *head, const KlAuditClock *clock, GError **error)
{
    gint64 counts[4];
    if (!count_earlier(db, counts, error))
        return FALSE;
    g_autofree char *journal = g_uuid_string_random();
    g_strlcpy(head->journal, journal, sizeof head->journal);
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_number(writer, "acts", counts[0]);
    kl_canonical_number(writer, "certificates", counts[1]);
    kl_canonical_text(writer, "format", KL_AUDIT_FORMAT);
    kl_canonical_number(writer, "jobs", counts[2]);
    kl_canonical_text(writer, "journal", journal);
    kl_canonical_number(writer, "registrations", counts[3]);
    g_autofree char *data = kl_canonical_finish(writer);
    const Event event = {"journal-begin", NULL, NULL, data};
    return write_event(db, head, &event, clock, error);
}

/* The journal's end, ready to be gone on from: begun, and a clock that was set since is noted. */
static gboolean
prepare(sqlite3 *db, KlAuditHead *head, KlAuditClock *clock, GError **error)
{
    kl_audit_clock_now(clock);
    if (!kl_audit_head_read(db, head, error))
        return FALSE;
    if (head->frontier.n == 0)
        return write_beginning(db, head, clock, error);
    gint64 by_us = kl_audit_clock_jump(clock, &head->clock, head->time_us);
    if (by_us == 0)
        return TRUE;
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_number(writer, "by_us", by_us);
    g_autofree char *data = kl_canonical_finish(writer);
    const Event event = {"clock-jump", NULL, NULL, data};
    return write_event(db, head, &event, clock, error);
}

gboolean
kl_audit_begin(sqlite3 *db, GError **error)
{
    KlAuditHead head;
    KlAuditClock clock;
    kl_audit_clock_now(&clock);
    return kl_audit_head_read(db, &head, error) && (head.frontier.n > 0 || write_beginning(db, &head, &clock, error));
}

gboolean
kl_audit_append(sqlite3 *db, const char *type, const char *job, const char *imei, const char *data, GError **error)
{
    const Event event = {type, job, imei, data};
    KlAuditHead head;
    KlAuditClock clock;
    return prepare(db, &head, &clock, error) && write_event(db, &head, &event, &clock, error);
}
