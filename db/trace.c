#include "db/trace.h"

#include <string.h>

#include "db/statement.h"
#include "db/trace_life.h"
#include "station/error.h"

/* As in store_records.c. */
#define PREFIX_MIN 8
#define HASH_PREFIX_MIN 16
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf"

void
kl_identifier_init(KlIdentifier *identifier, const char *text)
{
    g_autofree char *plain = g_strdup(text);
    char *to = plain;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != ':' && *from != ' ')
            *to++ = *from;
    }
    *to = '\0';
    identifier->given = g_strdup(text);
    identifier->upper = g_ascii_strup(text, -1);
    identifier->lower = g_ascii_strdown(plain, -1);
    identifier->last = g_strconcat(identifier->lower, strlen(plain) >= PREFIX_MIN ? LAST_CHARACTER : "", NULL);
    identifier->last_hash =
        g_strconcat(identifier->lower, strlen(plain) >= HASH_PREFIX_MIN ? LAST_CHARACTER : "", NULL);
}

void
kl_identifier_clear(KlIdentifier *identifier)
{
    g_free(identifier->given);
    g_free(identifier->upper);
    g_free(identifier->lower);
    g_free(identifier->last);
    g_free(identifier->last_hash);
}

/* Each way to be meant has an index of its own. A job that was refused its unit leads to what it said it was. */
#define UNITS_MEANT                                                                                                    \
    "SELECT imei FROM units WHERE imei = ?1"                                                                           \
    " UNION SELECT imei FROM units WHERE fsn = ?2"                                                                     \
    " UNION SELECT imei FROM units WHERE device_id = ?1"                                                               \
    " UNION SELECT imei FROM certificates WHERE sha256 BETWEEN ?3 AND ?5"                                              \
    " UNION SELECT imei FROM certificates WHERE serial = ?3"                                                           \
    " UNION SELECT imei FROM keys WHERE spki_sha256 BETWEEN ?3 AND ?5"                                                 \
    " UNION SELECT imei FROM key_collisions WHERE spki_sha256 = ?3"                                                    \
    " UNION SELECT unit FROM jobs WHERE id BETWEEN ?3 AND ?4 AND unit NOT NULL"                                        \
    " UNION SELECT unit FROM jobs WHERE batch BETWEEN ?3 AND ?4 AND unit NOT NULL"                                     \
    " UNION SELECT unit FROM jobs WHERE label = ?1 AND unit NOT NULL"

#define JOBS_MEANT                                                                                                     \
    "SELECT id FROM jobs WHERE id BETWEEN ?3 AND ?4 AND unit IS NULL"                                                  \
    " UNION SELECT id FROM jobs WHERE batch BETWEEN ?3 AND ?4 AND unit IS NULL"                                        \
    " UNION SELECT id FROM jobs WHERE label = ?1 AND unit IS NULL"                                                     \
    " UNION SELECT id FROM jobs WHERE imei = ?1 AND unit IS NULL"                                                      \
    " UNION SELECT id FROM jobs WHERE fsn = ?2 AND unit IS NULL"

#define N_UNITS_MEANT 5
#define N_JOBS_MEANT 4

static sqlite3_stmt *
query_meant(sqlite3 *db, const char *sql, const KlIdentifier *id, gsize n_values, GError **error)
{
    const KlValue values[] = {kl_text(id->given), kl_text(id->upper), kl_text(id->lower), kl_text(id->last),
                              kl_text(id->last_hash)};
    return kl_query_values(db, error, sql, values, n_values);
}

static gboolean
find_units(sqlite3 *db, const KlIdentifier *id, GPtrArray *units, GError **error)
{
    g_autoptr(sqlite3_stmt) query =
        query_meant(db,
                    "SELECT u.imei, u.fsn, u.device_id, u.model, u.firmware, u.provisioned,"
                    " (SELECT sha256 FROM certificates c WHERE c.imei = u.imei AND superseded_us IS NULL"
                    " AND revoked_us IS NULL) FROM units u WHERE u.imei IN (" UNITS_MEANT ") ORDER BY u.number",
                    id, N_UNITS_MEANT, error);
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        KlTraceUnit *unit = g_new0(KlTraceUnit, 1);
        unit->imei = kl_column_text(query, 0);
        unit->fsn = kl_column_text(query, 1);
        unit->device_id = kl_column_text(query, 2);
        unit->model = kl_column_text(query, 3);
        unit->firmware = kl_column_text(query, 4);
        unit->provisioned = sqlite3_column_int(query, 5) != 0;
        unit->certificate = kl_column_text(query, 6);
        g_ptr_array_add(units, unit);
    }
    return ok;
}

/* Jobs that never got to know a unit, or were refused the one they named and that nobody knows. */
static gboolean
find_jobs(sqlite3 *db, const KlIdentifier *id, GPtrArray *units, GError **error)
{
    g_autoptr(sqlite3_stmt) query = query_meant(db,
                                                "SELECT id, fsn, device_id, model, firmware FROM jobs j"
                                                " WHERE id IN (" JOBS_MEANT ") AND NOT EXISTS"
                                                " (SELECT 1 FROM units u WHERE u.imei = j.imei) ORDER BY number",
                                                id, N_JOBS_MEANT, error);
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        KlTraceUnit *unit = g_new0(KlTraceUnit, 1);
        unit->job = kl_column_text(query, 0);
        unit->fsn = kl_column_text(query, 1);
        unit->device_id = kl_column_text(query, 2);
        unit->model = kl_column_text(query, 3);
        unit->firmware = kl_column_text(query, 4);
        g_ptr_array_add(units, unit);
    }
    return ok;
}

/* The refused job leads to the unit that it said it was. */
static gboolean
find_refused(sqlite3 *db, const KlIdentifier *id, GPtrArray *units, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(sqlite3_stmt) query = query_meant(
        db, "SELECT DISTINCT imei FROM jobs WHERE imei NOT NULL AND id IN (" JOBS_MEANT ")", id, N_JOBS_MEANT, error);
    gboolean ok;
    while (kl_each(db, query, &ok, error))
        g_ptr_array_add(found, kl_column_text(query, 0));
    for (guint i = 0; ok && i < found->len; i++) {
        g_auto(KlIdentifier) imei = {0};
        kl_identifier_init(&imei, found->pdata[i]);
        if (!find_units(db, &imei, units, error))
            return FALSE;
    }
    return ok;
}

static gboolean
find(sqlite3 *db, const KlIdentifier *id, GPtrArray *units, GError **error)
{
    if (!find_units(db, id, units, error) || (units->len == 0 && !find_refused(db, id, units, error)) ||
        !find_jobs(db, id, units, error))
        return FALSE;
    return units->len > 0 || kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "nothing is known of '%s'", id->given);
}

GPtrArray *
kl_trace_find(sqlite3 *db, const char *identifier, GError **error)
{
    g_auto(KlIdentifier) id = {0};
    kl_identifier_init(&id, identifier);
    g_autoptr(GPtrArray) units = g_ptr_array_new_with_free_func((GDestroyNotify)kl_trace_unit_free);
    return find(db, &id, units, error) ? g_steal_pointer(&units) : NULL;
}

GPtrArray *
kl_trace(sqlite3 *db, const char *identifier, GError **error)
{
    g_autoptr(GPtrArray) units = kl_trace_find(db, identifier, error);
    if (units == NULL || (units->len == 1 && !kl_trace_life(db, units->pdata[0], error)))
        return NULL;
    return g_steal_pointer(&units);
}
