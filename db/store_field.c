/* Units in the field: registration rows with what first boot remembers beside them. */
#include "db/statement.h"
#include "db/store_parts.h"

static GPtrArray *
new_counts(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)kl_field_count_free);
}

/* counts: KlFieldCount of that device, "" for all that are in no row; added to. */
static gboolean
read_counts(sqlite3 *db, const char *device, GPtrArray *counts, GError **error)
{
    g_autoptr(sqlite3_stmt) query = kl_query(
        db, error, "SELECT verdict, total FROM activation_counts WHERE device = ?1 ORDER BY verdict", kl_text(device));
    gboolean row = query != NULL;
    while (row) {
        if (!kl_next(db, query, &row, error))
            return FALSE;
        if (!row)
            break;
        KlFieldCount *count = g_new0(KlFieldCount, 1);
        *count = (KlFieldCount){kl_column_text(query, 0), sqlite3_column_int64(query, 1)};
        g_ptr_array_add(counts, count);
    }
    return query != NULL;
}

static gboolean
do_strangers(sqlite3 *db, gpointer data, GError **error)
{
    return read_counts(db, "", data, error);
}

GPtrArray *
kl_store_field_strangers(KlStore *store, GError **error)
{
    g_autoptr(GPtrArray) counts = new_counts();
    return kl_store_read(store, do_strangers, counts, error) ? g_steal_pointer(&counts) : NULL;
}

static KlFieldUnit *
read_unit(sqlite3_stmt *query)
{
    KlFieldUnit *unit = g_new0(KlFieldUnit, 1);
    unit->row = kl_store_read_registration(query);
    unit->imei = kl_column_text(query, 7);
    unit->first_seen_us = sqlite3_column_int64(query, 8);
    unit->last_seen_us = sqlite3_column_int64(query, 9);
    unit->alarm_us = sqlite3_column_int64(query, 10);
    return unit;
}

/* An alarm ends with the certificate: by revoking it, or by provisioning the unit anew. */
#define HAS_CERTIFICATE                                                                                                \
    "EXISTS (SELECT 1 FROM certificates WHERE certificates.imei = units.imei AND superseded_us IS NULL"                \
    " AND revoked_us IS NULL)"
#define STATE                                                                                                          \
    "CASE r.registered WHEN 'ok' THEN 3 WHEN 'requested' THEN 2 ELSE s.device IS NOT NULL END" /* a KlFieldState */
#define SELECT_UNITS                                                                                                   \
    "SELECT r.device, r.registered, r.policy, r.firmware, r.parameters, r.version, r.connections, units.imei,"         \
    " coalesce(s.first_seen_us, 0), coalesce(s.last_seen_us, 0),"                                                      \
    " iif(s.alarm_us IS NOT NULL AND " HAS_CERTIFICATE ", s.alarm_us, 0)"                                              \
    " FROM registration r JOIN units ON units.device_id = r.device"
#define SEEN " activation_seen s ON s.device = r.device"
#define WHICH " WHERE (?1 IS NULL OR r.device = ?1) AND (?2 IS NULL OR units.imei = ?2) AND (?3 < 0 OR " STATE " = ?3)"
#define IN_ORDER " ORDER BY r.device LIMIT ?4"

typedef struct {
    const KlFieldFilter *filter;
    GPtrArray *units;
} FieldCall;

/* One device or unit is found by its own index, and so are alarms, which are few and looked for often. */
static const char *
sql_of(const KlFieldFilter *filter)
{
    if (filter->alarms)
        return SELECT_UNITS " JOIN" SEEN " AND s.alarm_us NOT NULL" WHICH " AND " HAS_CERTIFICATE IN_ORDER;
    if (filter->device != NULL)
        return SELECT_UNITS " AND r.device = ?1 LEFT JOIN" SEEN WHICH IN_ORDER;
    if (filter->imei != NULL)
        return SELECT_UNITS " AND units.imei = ?2 LEFT JOIN" SEEN WHICH IN_ORDER;
    return SELECT_UNITS " LEFT JOIN" SEEN WHICH IN_ORDER;
}

static sqlite3_stmt *
query_units(sqlite3 *db, const KlFieldFilter *filter, GError **error)
{
    const KlValue values[] = {kl_text(filter->device), kl_text(filter->imei), kl_int(filter->state),
                              kl_int(filter->limit > 0 ? (gint64)filter->limit : -1)};
    return kl_query_values(db, error, sql_of(filter), values, G_N_ELEMENTS(values));
}

static gboolean
do_field(sqlite3 *db, gpointer data, GError **error)
{
    const FieldCall *call = data;
    g_autoptr(sqlite3_stmt) query = query_units(db, call->filter, error);
    gboolean row = query != NULL;
    while (row) {
        if (!kl_next(db, query, &row, error))
            return FALSE;
        if (!row)
            break;
        KlFieldUnit *unit = read_unit(query);
        g_ptr_array_add(call->units, unit);
        if (!call->filter->counts)
            continue;
        unit->counts = new_counts();
        if (!read_counts(db, unit->row->device, unit->counts, error))
            return FALSE;
    }
    return query != NULL;
}

GPtrArray *
kl_store_field(KlStore *store, const KlFieldFilter *filter, GError **error)
{
    g_autoptr(GPtrArray) units = g_ptr_array_new_with_free_func((GDestroyNotify)kl_field_unit_free);
    FieldCall call = {filter, units};
    return kl_store_read(store, do_field, &call, error) ? g_steal_pointer(&units) : NULL;
}
