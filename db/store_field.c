/* Units in the field: registration rows with what first boot remembers beside them; or, where first boot works on a
 * cloud's table, with what that said when it was asked last. */
#include "db/statement.h"
#include "db/store_parts.h"

/* Adds a KlFieldCount for each row: verdict, number. */
static gboolean
take_counts(sqlite3 *db, sqlite3_stmt *query, GPtrArray *counts, GError **error)
{
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        KlFieldCount *count = g_new0(KlFieldCount, 1);
        *count = (KlFieldCount){kl_column_text(query, 0), sqlite3_column_int64(query, 1)};
        g_ptr_array_add(counts, count);
    }
    return ok;
}

/* Of that device, "" for all that are in no row. cloud: by its table's word, see KlFieldFilter. */
static gboolean
read_counts(sqlite3 *db, const char *cloud, const char *device, GPtrArray *counts, GError **error)
{
    g_autoptr(sqlite3_stmt) query =
        cloud != NULL
            ? kl_query(db, error,
                       "SELECT key, value FROM registration_in_cloud, json_each(counts)"
                       " WHERE device = ?1 AND place = ?2 AND type = 'integer' ORDER BY key",
                       kl_text(device), kl_text(cloud))
            : kl_query(db, error, "SELECT verdict, total FROM activation_counts WHERE device = ?1 ORDER BY verdict",
                       kl_text(device));
    return take_counts(db, query, counts, error);
}

static gboolean
do_strangers(sqlite3 *db, gpointer data, GError **error)
{
    return read_counts(db, NULL, "", data, error);
}

GPtrArray *
kl_store_field_strangers(KlStore *store, GError **error)
{
    g_autoptr(GPtrArray) counts = kl_field_counts_new();
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
    unit->asked_us = sqlite3_column_int64(query, 11);
    unit->state = (KlFieldState)sqlite3_column_int(query, 12);
    return unit;
}

/* --- which of them: ?1 device, ?2 IMEI, ?3 state, ?4 limit, ?5 the device before, ?6 the cloud's table --- */

/* Rows as first boot changes them here: s is what it remembers. */
#define HERE_ROW "r.registered, r.policy, r.firmware, r.parameters, r.version, r.connections"
#define HERE_STATE "CASE r.registered WHEN 'ok' THEN 3 WHEN 'requested' THEN 2 ELSE s.device IS NOT NULL END"
#define HERE_TABLE "activation_seen"
#define HERE_PLACE ""
#define HERE_ASKED "0"
#define HERE_ISSUED ""

/* Rows as a cloud's table had them: s is what it said. */
#define THERE_ROW                                                                                                      \
    "coalesce(s.registered, r.registered), coalesce(s.policy, r.policy), coalesce(s.firmware, r.firmware),"            \
    " coalesce(s.parameters, r.parameters), coalesce(s.version, r.version), coalesce(s.connections, r.connections)"
#define THERE_STATE                                                                                                    \
    "CASE s.registered WHEN 'ok' THEN 3 WHEN 'requested' THEN 2 WHEN 'false' THEN s.last_seen_us IS NOT NULL"          \
    " ELSE iif(s.device IS NULL, 4, 5) END"
#define THERE_TABLE "registration_in_cloud"
#define THERE_PLACE " AND s.place = ?6"
#define THERE_ASKED "coalesce(s.asked_us, 0)"
#define THERE_ISSUED " AND issued_us <= s.asked_us"

/* An alarm ends with the certificate: by revoking it, or by provisioning the unit anew. */
#define HAS_CERTIFICATE(FORM)                                                                                          \
    "EXISTS (SELECT 1 FROM certificates WHERE certificates.imei = units.imei AND superseded_us IS NULL"                \
    " AND revoked_us IS NULL" FORM##_ISSUED ")"
#define COLUMNS(FORM)                                                                                                  \
    "SELECT r.device, " FORM##_ROW                                                                                     \
        ", units.imei, coalesce(s.first_seen_us, 0), coalesce(s.last_seen_us, 0),"                                     \
        " iif(s.alarm_us IS NOT NULL AND " HAS_CERTIFICATE(FORM) ", s.alarm_us, 0), " FORM##_ASKED ", " FORM##_STATE
#define WHICH(FORM)                                                                                                    \
    " AND (?1 IS NULL OR r.device = ?1) AND (?2 IS NULL OR units.imei = ?2) AND (?3 < 0 OR " FORM##_STATE              \
        " = ?3) ORDER BY r.device LIMIT ?4"

/* One device or unit is found by its own index, and so are alarms, which are few and looked for often: + and CROSS keep
 * SQLite from going through all devices in order. */
#define FROM_ROWS(FORM, WHERE)                                                                                         \
    COLUMNS(FORM)                                                                                                      \
    " FROM registration r JOIN units ON units.device_id = r.device LEFT JOIN " FORM##_TABLE                            \
        " s ON s.device = r.device" FORM##_PLACE " WHERE " WHERE                                                       \
        WHICH(FORM)
#define FROM_ALARMS(FORM)                                                                                              \
    COLUMNS(FORM)                                                                                                      \
    " FROM " FORM##_TABLE                                                                                              \
        " s CROSS JOIN registration r ON r.device = s.device JOIN units ON units.device_id = r.device"                 \
        " WHERE s.alarm_us NOT NULL" FORM##_PLACE " AND +r.device > ?5 AND " HAS_CERTIFICATE(FORM) WHICH(FORM)

enum { BY_ALARM, BY_DEVICE, BY_IMEI, BY_ALL, N_WAYS };

#define QUERIES(FORM)                                                                                                  \
    {                                                                                                                  \
        [BY_ALARM] = FROM_ALARMS(FORM), [BY_DEVICE] = FROM_ROWS(FORM, "r.device = ?1 AND +r.device > ?5"),             \
        [BY_IMEI] = FROM_ROWS(FORM, "units.imei = ?2 AND +r.device > ?5"),                                             \
        [BY_ALL] = FROM_ROWS(FORM, "r.device > ?5"),                                                                   \
    }

static const char *
sql_of(const KlFieldFilter *filter)
{
    static const char *const here[N_WAYS] = QUERIES(HERE);
    static const char *const there[N_WAYS] = QUERIES(THERE);
    const char *const *queries = filter->cloud != NULL ? there : here;
    if (filter->alarms)
        return queries[BY_ALARM];
    if (filter->device != NULL)
        return queries[BY_DEVICE];
    return queries[filter->imei != NULL ? BY_IMEI : BY_ALL];
}

static sqlite3_stmt *
query_units(sqlite3 *db, const KlFieldFilter *filter, GError **error)
{
    const KlValue values[] = {kl_text(filter->device),
                              kl_text(filter->imei),
                              kl_int(filter->state),
                              kl_int(filter->limit > 0 ? (gint64)filter->limit : -1),
                              kl_text(filter->after != NULL ? filter->after : ""),
                              kl_text(filter->cloud)};
    return kl_query_values(db, error, sql_of(filter), values, G_N_ELEMENTS(values) - (filter->cloud == NULL));
}

typedef struct {
    const KlFieldFilter *filter;
    GPtrArray *units;
} FieldCall;

static gboolean
do_field(sqlite3 *db, gpointer data, GError **error)
{
    const FieldCall *call = data;
    g_autoptr(sqlite3_stmt) query = query_units(db, call->filter, error);
    gboolean ok;
    while (kl_each(db, query, &ok, error)) {
        KlFieldUnit *unit = read_unit(query);
        g_ptr_array_add(call->units, unit);
        if (!call->filter->counts)
            continue;
        unit->counts = kl_field_counts_new();
        if (!read_counts(db, call->filter->cloud, unit->row->device, unit->counts, error))
            return FALSE;
    }
    return ok;
}

GPtrArray *
kl_store_field(KlStore *store, const KlFieldFilter *filter, GError **error)
{
    g_autoptr(GPtrArray) units = g_ptr_array_new_with_free_func((GDestroyNotify)kl_field_unit_free);
    FieldCall call = {filter, units};
    return kl_store_read(store, do_field, &call, error) ? g_steal_pointer(&units) : NULL;
}
