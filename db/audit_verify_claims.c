#include "db/audit_verify_claims.h"

#include <pthread.h>
#include <string.h>

#include "db/statement.h"

struct KlAuditClaims {
    pthread_mutex_t lock;
    sqlite3 *db;
    sqlite3_stmt *insert;
};

void
kl_audit_claims_free(KlAuditClaims *claims)
{
    if (claims == NULL)
        return;
    sqlite3_finalize(claims->insert);
    kl_database_close(claims->db);
    pthread_mutex_destroy(&claims->lock);
    g_free(claims);
}

/* Rows of one number, even the same one twice, are in a table whose keys somebody has taken away: they count.
 * A database without a name is a temporary file that SQLite makes once it outgrows the cache. */
KlAuditClaims *
kl_audit_claims_new(GError **error)
{
    g_autoptr(KlAuditClaims) claims = g_new0(KlAuditClaims, 1);
    pthread_mutex_init(&claims->lock, NULL);
    if (sqlite3_open_v2("", &claims->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        !kl_database_exec(claims->db,
                          "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;"
                          "CREATE TABLE claims (kind INTEGER, key BLOB, number INTEGER, digest BLOB,"
                          " copies INTEGER, PRIMARY KEY (kind, key, number, digest)) WITHOUT ROWID;"
                          "CREATE TABLE untold (kind INTEGER, number INTEGER, key BLOB); BEGIN",
                          error))
        return NULL;
    if (sqlite3_prepare_v3(
            claims->db, "INSERT INTO claims VALUES (?1, ?2, ?3, ?4, 1) ON CONFLICT DO UPDATE SET copies = copies + 1",
            -1, SQLITE_PREPARE_PERSISTENT, &claims->insert, NULL) != SQLITE_OK) {
        kl_database_fail(claims->db, "preparing the comparison", error);
        return NULL;
    }
    return g_steal_pointer(&claims);
}

gboolean
kl_audit_claims_add(KlAuditClaims *claims, KlAuditClaimKind kind, KlAuditSpan key, gint64 number,
                    const guint8 digest[KL_HASH_SIZE], GError **error)
{
    pthread_mutex_lock(&claims->lock);
    sqlite3_bind_int(claims->insert, 1, (int)kind);
    sqlite3_bind_blob64(claims->insert, 2, key.at, key.length, SQLITE_STATIC);
    sqlite3_bind_int64(claims->insert, 3, number);
    sqlite3_bind_blob(claims->insert, 4, digest, KL_HASH_SIZE, SQLITE_STATIC);
    int result = sqlite3_step(claims->insert);
    if (result != SQLITE_DONE)
        kl_database_fail(claims->db, "keeping what is to be compared", error);
    sqlite3_reset(claims->insert);
    pthread_mutex_unlock(&claims->lock);
    return result == SQLITE_DONE;
}

void
kl_audit_claim_digest(KlAuditSpan head, KlAuditSpan rest, guint8 digest[KL_HASH_SIZE])
{
    kl_audit_leaf(head.at, head.length, digest);
    kl_audit_chain(digest, rest.at, rest.length, digest);
}

/* A registration's digest: its hash, its connections, its version. */
#define NUMBER_SIZE sizeof(guint64)
#define ROW_SIZE (KL_HASH_SIZE - 2 * NUMBER_SIZE)
#define VERSION_AT (ROW_SIZE + NUMBER_SIZE)

static const guint8 any_version[NUMBER_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

void
kl_audit_claim_registration(const guint8 sha256[KL_HASH_SIZE], gint64 connections, gint64 version,
                            guint8 digest[KL_HASH_SIZE])
{
    guint64 numbers[] = {GUINT64_TO_BE((guint64)MAX(connections, 0)), GUINT64_TO_BE((guint64)version)};
    memcpy(digest, sha256, ROW_SIZE);
    memcpy(digest + ROW_SIZE, numbers, sizeof numbers);
}

static gboolean
registration_agrees(const guint8 *told, const guint8 *kept)
{
    return memcmp(told, kept, ROW_SIZE) == 0 && memcmp(told + ROW_SIZE, kept + ROW_SIZE, NUMBER_SIZE) <= 0 &&
           (memcmp(told + VERSION_AT, any_version, NUMBER_SIZE) == 0 ||
            memcmp(told + VERSION_AT, kept + VERSION_AT, NUMBER_SIZE) == 0);
}

/* --- comparing --- */

typedef struct {
    sqlite3_stmt *rows;
    sqlite3 *db;
    gboolean more; /* the row that follows is valid */
} Side;

/* All claims of one side about one thing. */
typedef struct {
    guint count;
    gint64 first, last;          /* numbers */
    guint8 digest[KL_HASH_SIZE]; /* of the last */
    gboolean any;                /* one is as the digest that was looked for */
} Told;

static gboolean
side_next(Side *side, GError **error)
{
    return kl_next(side->db, side->rows, &side->more, error);
}

static gboolean
side_open(Side *side, KlAuditClaims *claims, KlAuditClaimKind first, KlAuditClaimKind last, GError **error)
{
    side->db = claims->db;
    side->rows = kl_query(claims->db, error,
                          "SELECT kind, key, number, digest, copies FROM claims WHERE kind BETWEEN ?1 AND ?2"
                          " ORDER BY kind, key, number",
                          kl_int(first), kl_int(last));
    return side->rows != NULL && side_next(side, error);
}

static KlAuditSpan
side_key(const Side *side)
{
    const char *at = sqlite3_column_blob(side->rows, 1);
    return (KlAuditSpan){at != NULL ? at : "", (gsize)sqlite3_column_bytes(side->rows, 1)};
}

/* Negative, 0, positive: where that side stands before, at or behind the thing. */
static int
side_compare(const Side *side, int kind, GBytes *key)
{
    if (!side->more)
        return 1;
    int own = sqlite3_column_int(side->rows, 0);
    if (own != kind)
        return own < kind ? -1 : 1;
    KlAuditSpan span = side_key(side);
    gsize length;
    const char *bytes = g_bytes_get_data(key, &length);
    gsize shared = MIN(span.length, length);
    int order = shared > 0 ? memcmp(span.at, bytes, shared) : 0; /* empty bytes are nowhere */
    return order != 0 ? order : (span.length > length) - (span.length < length);
}

static GBytes *
side_copy_key(const Side *side)
{
    KlAuditSpan key = side_key(side);
    return g_bytes_new(key.at, key.length);
}

/* Takes all claims about that thing from a side. wanted may be NULL. */
static gboolean
side_take(Side *side, int kind, GBytes *key, const guint8 *wanted, Told *told, GError **error)
{
    *told = (Told){0};
    while (side_compare(side, kind, key) == 0) {
        const guint8 *digest = sqlite3_column_blob(side->rows, 3);
        told->last = sqlite3_column_int64(side->rows, 2);
        if (told->count == 0)
            told->first = told->last;
        told->count += (guint)sqlite3_column_int(side->rows, 4);
        memcpy(told->digest, digest, KL_HASH_SIZE);
        told->any = told->any || (wanted != NULL && memcmp(digest, wanted, KL_HASH_SIZE) == 0);
        if (!side_next(side, error))
            return FALSE;
    }
    return TRUE;
}

/* How a kind is spoken of. */
static const struct {
    const char *thing; /* "where" begins with it */
    const char *event; /* that tells of it */
    const char *altered;
} kinds[] = {
    [KL_AUDIT_CLAIM_JOB] = {"job", "job-end", "its record is not what its event says"},
    [KL_AUDIT_CLAIM_CERTIFICATE] = {"certificate", "issue", "the ledger is not what its event says"},
    [KL_AUDIT_CLAIM_SUPERSEDED] = {"certificate", "issue", "why it was superseded is not what the event says"},
    [KL_AUDIT_CLAIM_REVOKED] = {"certificate", "revoke", "why it was revoked is not what the event says"},
    [KL_AUDIT_CLAIM_DER] = {"certificate", "issue", "its bytes do not have that SHA-256"},
    [KL_AUDIT_CLAIM_REGISTRATION] = {"registration", "register", "the row is not what its last event says"},
    [KL_AUDIT_CLAIM_ACT] = {"act", "act", ""},
    [KL_AUDIT_CLAIM_CHECKPOINT] = {"checkpoint", "checkpoint", "it is not the one that its event names"},
    [KL_AUDIT_CLAIM_PERIOD] = {"period", "period-closed", "it is not the one that its event names"},
};

static char *
where_of(int kind, GBytes *key, gint64 number)
{
    gsize length;
    const char *bytes = g_bytes_get_data(key, &length);
    if (kind == KL_AUDIT_CLAIM_ACT)
        return g_strdup_printf("act %" G_GINT64_FORMAT, number);
    return g_strdup_printf("%s %.*s", kinds[kind].thing, (int)MIN(length, 200), bytes);
}

static void
find(KlAuditReport *report, KlAuditFault fault, int kind, GBytes *key, gint64 number, char *words)
{
    kl_audit_report_take(report, fault, where_of(kind, key, number), words);
}

static gboolean
agrees(int kind, const Told *told, const Told *kept)
{
    switch (kind) {
    case KL_AUDIT_CLAIM_JOB:
    case KL_AUDIT_CLAIM_CHECKPOINT:
    case KL_AUDIT_CLAIM_PERIOD:
        return told->any && told->count == 1;
    case KL_AUDIT_CLAIM_REGISTRATION:
        return registration_agrees(told->digest, kept->digest);
    default:
        return told->any;
    }
}

/* Comparing one thing after the other. */
typedef struct {
    Side told, kept;
    const KlAuditClaimsExcused *excused;
    KlAuditReport *report;
} Comparison;

/* By count: the kinds of which all rows are told of from some moment on. */
static gboolean
counts_untold(int kind)
{
    return kind == KL_AUDIT_CLAIM_JOB || kind == KL_AUDIT_CLAIM_CERTIFICATE || kind == KL_AUDIT_CLAIM_REGISTRATION ||
           kind == KL_AUDIT_CLAIM_ACT;
}

static void
find_untold(KlAuditReport *report, int kind, GBytes *key, gint64 number)
{
    find(report, KL_AUDIT_ADDED, kind, key, number, g_strdup_printf("no %s event tells of it", kinds[kind].event));
}

/* Which of the untold rows are too many shows when all of them are known. */
static gboolean
judge_untold(Comparison *c, int kind, GBytes *key, const Told *kept, GError **error)
{
    for (guint i = 0; counts_untold(kind) && i < kept->count; i++) {
        if (!kl_run(c->kept.db, error, "INSERT INTO untold (kind, number, key) VALUES (?1, ?2, ?3)", kl_int(kind),
                    kl_int(i == 0 ? kept->first : kept->last), kl_bytes(key)))
            return FALSE;
    }
    if (counts_untold(kind))
        return TRUE;
    if (kept->last > c->excused->numbers[kind])
        find_untold(c->report, kind, key, kept->last);
    return TRUE;
}

static void
judge_act(KlAuditReport *report, GBytes *key, const Told *told, const Told *kept)
{
    if (kept->count > told->count)
        find_untold(report, KL_AUDIT_CLAIM_ACT, key, kept->last);
    else if (told->count > kept->count)
        kl_audit_report_take(report, KL_AUDIT_MISSING, g_strdup_printf("act of event %" G_GINT64_FORMAT, told->last),
                             g_strdup("what the event tells of is not among the acts"));
}

static gboolean
judge(Comparison *c, int kind, GBytes *key, const Told *told, const Told *kept, GError **error)
{
    if (kind == KL_AUDIT_CLAIM_DER)
        find(c->report, KL_AUDIT_ALTERED, kind, key, kept->first, g_strdup(kinds[kind].altered));
    else if (told->count == 0)
        return judge_untold(c, kind, key, kept, error);
    else if (kind == KL_AUDIT_CLAIM_ACT)
        judge_act(c->report, key, told, kept);
    else if (kept->count > 1)
        find(c->report, KL_AUDIT_ADDED, kind, key, kept->last, g_strdup("it is there more than once"));
    else if (kept->count == 0)
        find(c->report, KL_AUDIT_MISSING, kind, key, 0,
             g_strdup_printf("event %" G_GINT64_FORMAT " tells of it, but it is not there any more", told->last));
    else if (!agrees(kind, told, kept))
        find(c->report, KL_AUDIT_ALTERED, kind, key, 0,
             g_strdup_printf("%s (event %" G_GINT64_FORMAT ")", kinds[kind].altered, told->last));
    return TRUE;
}

/* One thing: the one that comes first on either side. */
static gboolean
compare_one(Comparison *c, GError **error)
{
    const Side *leading = c->kept.more ? &c->kept : &c->told;
    if (c->kept.more && c->told.more) {
        g_autoptr(GBytes) kept_key = side_copy_key(&c->kept);
        if (side_compare(&c->told, sqlite3_column_int(c->kept.rows, 0), kept_key) < 0)
            leading = &c->told;
    }
    int kind = sqlite3_column_int(leading->rows, 0);
    g_autoptr(GBytes) key = side_copy_key(leading);
    Told told, kept;
    return side_take(&c->kept, kind, key, NULL, &kept, error) &&
           side_take(&c->told, kind, key, kept.digest, &told, error) && judge(c, kind, key, &told, &kept, error);
}

/* How many rows may be untold: those that were counted, less the ones of which that part of the journal tells. */
static gboolean
count_allowed(const Comparison *c, int kind, gint64 *allowed, GError **error)
{
    gint64 told = 0;
    if (!kl_get_int(c->told.db, &told, error,
                    kind == KL_AUDIT_CLAIM_ACT
                        ? "SELECT count(*) FROM claims WHERE kind = ?1 AND number < ?2"
                        : "SELECT count(DISTINCT key) FROM claims WHERE kind = ?1 AND number < ?2",
                    kl_int(kind), kl_int(c->excused->counted)))
        return FALSE;
    *allowed = MAX(c->excused->counts[kind] - told, 0);
    return TRUE;
}

static gboolean
find_too_many(Comparison *c, int kind, GError **error)
{
    gint64 allowed = 0;
    if (!counts_untold(kind))
        return TRUE;
    if (!count_allowed(c, kind, &allowed, error))
        return FALSE;
    g_autoptr(sqlite3_stmt) query =
        kl_query(c->kept.db, error, "SELECT key, number FROM untold WHERE kind = ?1 ORDER BY number LIMIT -1 OFFSET ?2",
                 kl_int(kind), kl_int(allowed));
    gboolean ok;
    while (kl_each(c->kept.db, query, &ok, error)) {
        g_autoptr(GBytes) key = kl_column_bytes(query, 0);
        find_untold(c->report, kind, key, sqlite3_column_int64(query, 1));
    }
    return ok;
}

gboolean
kl_audit_claims_compare(KlAuditClaims *told, KlAuditClaims *kept, KlAuditClaimKind first, KlAuditClaimKind last,
                        const KlAuditClaimsExcused *excused, KlAuditReport *report, GError **error)
{
    Comparison c = {.excused = excused, .report = report};
    gboolean ok = side_open(&c.told, told, first, last, error) && side_open(&c.kept, kept, first, last, error);
    while (ok && (c.told.more || c.kept.more))
        ok = compare_one(&c, error);
    sqlite3_finalize(c.told.rows);
    sqlite3_finalize(c.kept.rows);
    for (int kind = (int)first; ok && kind <= (int)last; kind++)
        ok = find_too_many(&c, kind, error);
    return ok;
}
